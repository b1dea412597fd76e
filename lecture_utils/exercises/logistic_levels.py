"""Exercise 11.3: the probability of a level under a logistic distribution, both ends open."""

import numpy as np
import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


LEVELS = Exercise(
    "11.3",
    "A bell over levels",
    difficulty=3,
    minutes=15,
    trains="a probability of levels made of a density: what a level gathers, the ends, and a log that stays finite",
    against="scipy's logistic density, added up over each level",
    praise="The levels' probabilities add up to 1, and no level is impossible.",
    hints=(
        "Level k gathers what lies between k - 1/2 and k + 1/2: sigmoid(upper) - sigmoid(lower), where "
        "upper = (k + 0.5 - mean) / scale and lower = (k - 0.5 - mean) / scale.",
        "The ends are open: level 0 gathers all below 1/2, sigmoid(upper), and the last one all above its lower edge, "
        "1 - sigmoid(lower) = sigmoid(-lower). torch.where(pixels == 0, ..., ...).",
        "Far from the mean both sigmoids are 0, or both 1, and the log of their difference is minus infinity. But "
        "sigmoid(a) - sigmoid(b) = sigmoid(a) * sigmoid(-b) * (1 - exp(b - a)): multiply it out.",
        "In logs, with a - b = 1 / scale: logsigmoid(upper) + logsigmoid(-lower) + log1p(-exp(-1 / scale)). At the "
        "ends only one of the first two remains. torch.nn.functional.logsigmoid.",
    ),
)


@LEVELS.stub
def my_log_levels(pixels, mean, log_scale, levels):
    """The log-probability of each pixel's level in nats, in the shape of `pixels`; finite for every level.

    A number is drawn from a logistic distribution, whose distribution function is sigmoid((x - mean) / scale), and
    rounded to the nearest of the levels 0, 1, ..., levels - 1: what falls below 0 becomes 0, what falls above the last
    becomes the last. pixels: LongTensor, any shape. mean, log_scale: as large, in units of levels. levels: 3 or more.
    """
    raise NotImplementedError


@LEVELS.solve
def three_logs(pixels, mean, log_scale, levels):
    logsigmoid, scale = torch.nn.functional.logsigmoid, log_scale.exp()
    below = logsigmoid((pixels + 0.5 - mean) / scale)  # log of what lies below the upper edge
    above = logsigmoid(-(pixels - 0.5 - mean) / scale)
    between = below + above + torch.log1p(-torch.exp(-1 / scale))
    return torch.where(pixels == 0, below, torch.where(pixels == levels - 1, above, between))


@LEVELS.expect
def added_up_by_scipy(pixels, mean, log_scale, levels):
    from scipy.special import logsumexp
    from scipy.stats import logistic

    k, m, s = (each.double().numpy() for each in (pixels, mean, log_scale.double().exp()))
    nodes, shares = np.polynomial.legendre.leggauss(60)  # of [-1, 1]; a level is half as wide
    inside = logistic.logpdf(k[..., None] + nodes / 2, m[..., None], s[..., None])
    found = logsumexp(inside, b=shares / 2, axis=-1)
    found = np.where(k == 0, logistic.logcdf(0.5, m, s), found)
    return torch.from_numpy(np.where(k == levels - 1, logistic.logsf(levels - 1.5, m, s), found))


@LEVELS.inputs
def some_pixels():
    def same(pixels, mean, scale, levels):
        pixels = torch.tensor(pixels)
        return {
            "pixels": pixels,
            "mean": torch.full(pixels.shape, mean),
            "log_scale": torch.full(pixels.shape, scale).log(),
            "levels": levels,
        }

    pixels = torch.randint(17, (4, 1, 5, 6), generator=torch.Generator().manual_seed(1))
    pixels[0, 0, 0, :4] = torch.tensor([0, 16, 0, 16])
    return [
        same([0, 1, 2], 0.5, 1.0, 3),
        same([0, 1, 2, 3], 0.5, 2.0, 4),
        same([0, 1, 2, 3], -1.0, 0.7, 4),
        {
            "pixels": pixels,
            "mean": 8 + 5 * _random(4, 1, 5, 6, seed=2),
            "log_scale": 0.5 * _random(4, 1, 5, 6, seed=3),
            "levels": 17,
        },
        same([0, 1, 100], 250.0, 1.5, 256),
        same([150, 254, 255], 5.0, 1.5, 256),
    ]


@LEVELS.mistake("the ends are treated like the rest; level 0 gathers all below it, the last one all above it")
def closed_ends(pixels, mean, log_scale, levels):
    logsigmoid, scale = torch.nn.functional.logsigmoid, log_scale.exp()
    below = logsigmoid((pixels + 0.5 - mean) / scale)
    above = logsigmoid(-(pixels - 0.5 - mean) / scale)
    return below + above + torch.log1p(-torch.exp(-1 / scale))


@LEVELS.mistake(
    "this is the density at the level, which may exceed 1; a probability gathers a whole step of it"
)
def the_density(pixels, mean, log_scale, levels):
    away = (pixels - mean) / log_scale.exp()
    logsigmoid = torch.nn.functional.logsigmoid
    return logsigmoid(away) + logsigmoid(-away) - log_scale


@LEVELS.mistake("a level gathers from itself to the next one; rounding gathers half a step on either side")
def from_the_level_upwards(pixels, mean, log_scale, levels):
    logsigmoid, scale = torch.nn.functional.logsigmoid, log_scale.exp()
    below = logsigmoid((pixels + 1 - mean) / scale)
    above = logsigmoid(-(pixels - mean) / scale)
    between = below + above + torch.log1p(-torch.exp(-1 / scale))
    return torch.where(pixels == 0, below, torch.where(pixels == levels - 1, above, between))


@LEVELS.mistake(
    "softplus makes log_scale positive as well, but it is another scale; a logarithm is undone by exp"
)
def scale_by_softplus(pixels, mean, log_scale, levels):
    logsigmoid, scale = torch.nn.functional.logsigmoid, torch.nn.functional.softplus(log_scale)
    below = logsigmoid((pixels + 0.5 - mean) / scale)
    above = logsigmoid(-(pixels - 0.5 - mean) / scale)
    between = below + above + torch.log1p(-torch.exp(-1 / scale))
    return torch.where(pixels == 0, below, torch.where(pixels == levels - 1, above, between))


@LEVELS.mistake(
    "far from the mean the sigmoids' difference is 0, and your floor stands in for it: work in logs from the start"
)
def with_a_floor(pixels, mean, log_scale, levels):
    scale = log_scale.exp()
    below = torch.sigmoid((pixels + 0.5 - mean) / scale).masked_fill(pixels == levels - 1, 1.0)
    under = torch.sigmoid((pixels - 0.5 - mean) / scale).masked_fill(pixels == 0, 0.0)
    return (below - under).clamp(min=1e-12).log()


@LEVELS.mistake(
    "what falls beyond the ends is thrown away and the rest divided by its sum; it belongs to the two end levels"
)
def cut_at_the_ends(pixels, mean, log_scale, levels):
    logsigmoid, scale = torch.nn.functional.logsigmoid, log_scale.exp()

    def log_gathered(low, high):
        return logsigmoid(high) + logsigmoid(-low) + torch.log1p(-torch.exp(low - high))

    own = log_gathered((pixels - 0.5 - mean) / scale, (pixels + 0.5 - mean) / scale)
    return own - log_gathered((-0.5 - mean) / scale, (levels - 0.5 - mean) / scale)


@LEVELS.mistake("the bell is a Gaussian one, with thinner tails; here the distribution function is a sigmoid")
def a_gaussian_bell(pixels, mean, log_scale, levels):
    bell = torch.distributions.Normal(mean, log_scale.exp())
    below = bell.cdf(pixels + 0.5).masked_fill(pixels == levels - 1, 1.0)
    under = bell.cdf(pixels - 0.5).masked_fill(pixels == 0, 0.0)
    return (below - under).clamp(min=1e-12).log()
