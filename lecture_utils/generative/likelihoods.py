"""What a decoder's numbers mean: four distributions of a pixel value. Three are pmfs over levels, one is a density.

A decoder puts out `numbers` values for each pixel and colour, (n, numbers, c, h, w), and a likelihood turns them into
log-probabilities (nats), a picture, and samples. x of a pmf: LongTensor of levels 0 .. levels - 1, (n, c, h, w); of the
Gaussian: floating images in [0, 1]. Probabilities of levels never exceed 1. A density may be as large as it likes, and
the two must not stand in one table.
"""

import math

import torch
from torch import nn
from torch.nn.functional import logsigmoid

from ..checks import check_images, near_miss
from ._shared import source
from .autoregressive import check_pictures

SPREADS = (
    "fixed",
    "one",
    "pixel",
)  # a given scale; one that is learned for all pixels; one for each pixel, by the decoder


class Categorical(nn.Module):
    """A logit for each level: any pmf at all. It does not know that level 3 lies beside level 4."""

    density = False

    def __init__(self, levels):
        super().__init__()
        self.levels = self.numbers = check_levels(levels)

    def log_prob(self, parameters, x):
        """log p(x) of each value, (n, c, h, w), in nats. parameters: logits (n, levels, c, h, w)."""
        return parameters.log_softmax(1).gather(1, x[:, None])[:, 0]

    def mean(self, parameters):
        """The expected level, as a value in [0, 1]."""
        level = torch.arange(self.levels, device=parameters.device).view(1, -1, 1, 1, 1)
        return (parameters.softmax(1) * level).sum(1) / (self.levels - 1)

    def sample(self, parameters, generator=None):
        """A level for each value, LongTensor (n, c, h, w)."""
        below = parameters.softmax(1).cumsum(1)[:, :-1]  # P(level <= l), without the last, which is 1
        return (_uniform(below[:, 0], generator)[:, None] > below).sum(1)


class Binomial(nn.Module):
    """Each value counts the heads of levels - 1 throws of a coin; the decoder puts out the coin's logit.

        p(x) = C(levels - 1, x) p^x (1 - p)^(levels - 1 - x)

    One number for mean and spread together: the variance cannot be chosen.
    """

    density, numbers = False, 1

    def __init__(self, levels):
        super().__init__()
        self.levels, top = check_levels(levels), levels - 1
        ways = [math.lgamma(top + 1) - math.lgamma(x + 1) - math.lgamma(top - x + 1) for x in range(levels)]
        self.register_buffer("log_ways", torch.tensor(ways, dtype=torch.float64), persistent=False)

    def log_prob(self, parameters, x):
        """log p(x) of each value, (n, c, h, w), in nats. parameters: logits (n, 1, c, h, w)."""
        low, high = (int(level) for level in x.aminmax())
        if low < 0 or high >= self.levels:
            raise ValueError(f"x: expected levels 0 .. {self.levels - 1}, got {low} .. {high}")
        logit = parameters[:, 0]
        heads = x * logsigmoid(logit) + (self.levels - 1 - x) * logsigmoid(-logit)
        return heads + self.log_ways.to(logit.dtype)[x]

    def mean(self, parameters):
        """The expected level, as a value in [0, 1]."""
        return parameters[:, 0].sigmoid()

    def sample(self, parameters, generator=None):
        """A level for each value, LongTensor (n, c, h, w)."""
        chance = parameters[:, 0].sigmoid()
        draws = source(generator, chance.device)
        heads = torch.binomial(torch.full_like(chance, self.levels - 1), chance, generator=draws)
        return heads.long()


class DiscretisedLogistic(nn.Module):
    """A bell over the value in [0, 1], cut into bins, one for each level. The decoder puts out its middle.

        p(x) = F((e(x + 1) - m) / s) - F((e(x) - m) / s),   F the logistic function, e(x) = (x - 1/2) / (levels - 1)

    The lowest bin reaches down to minus infinity and the highest up, so that the sum is 1.
    spread: "fixed" at `scale`, "one" learned for all values (it begins at `scale`), or "pixel": the decoder puts out a
    second number, the logarithm of s / scale, and s is never below `floor`.
    Source: Salimans et al. (2017), equation 2. Differs: one component, values in [0, 1].
    """

    density = False

    def __init__(self, levels, spread="one", scale=0.05, floor=0.0):
        super().__init__()
        self.levels = self.finest = check_levels(levels)
        _spread(self, spread, scale, floor)

    def log_prob(self, parameters, x):
        """log p(x) of each value, (n, c, h, w), in nats. parameters: (n, 1 or 2, c, h, w)."""
        merged, top = self.finest // self.levels, self.finest - 1
        middle, scale = _middle(parameters), self.scale(parameters)
        start = x.to(middle.dtype) * merged - 0.5  # of the bin, in finest levels
        low, high = (start / top - middle) / scale, ((start + merged) / top - middle) / scale
        # F(high) - F(low) = F(high) F(-low) (1 - e^(low - high)): exact also where both are near 0 or near 1.
        width = -merged / top / scale
        inside = logsigmoid(high) + logsigmoid(-low) + torch.log(-torch.expm1(width))
        ends = torch.where(x == 0, logsigmoid(high), logsigmoid(-low))
        return torch.where((x == 0) | (x == self.levels - 1), ends, inside)

    def scale(self, parameters):
        """s, as a number or of each value (n, c, h, w)."""
        return _scale(self, parameters)

    def mean(self, parameters):
        """The middle, which is the median, cut to [0, 1]."""
        return _middle(parameters).clamp(0, 1)

    def sample(self, parameters, generator=None):
        """A level for each value, LongTensor (n, c, h, w)."""
        middle = _middle(parameters)
        value = middle + self.scale(parameters) * _uniform(middle, generator).logit(eps=1e-7)
        level = (value * (self.finest - 1) + 0.5).floor().clamp(0, self.finest - 1).long()
        return level // (self.finest // self.levels)

    def coarser(self, levels):
        """The same distribution over fewer levels, each of them a whole number of the old ones: bins merge, their
        probabilities add up. It shares the scale. Errors: ValueError.
        """
        if self.finest % levels or levels > self.levels:
            raise ValueError(f"levels: {self.finest} levels do not merge into {levels} equal bins")
        other = DiscretisedLogistic(self.finest, self.spread, floor=self.floor)
        other.levels, other.log_scale = levels, self.log_scale
        return other


class Gaussian(nn.Module):
    """A normal *density* over the value; the decoder puts out its mean. Not a probability: it may exceed 1.

    spread, scale (sigma), floor: as in `DiscretisedLogistic`. With a fixed sigma log p is the squared error divided by
    -2 sigma^2, plus a constant. With "pixel" and no floor it has no upper bound: where a pixel never changes, sigma
    goes to 0 and the density to infinity.
    """

    density, numbers, levels = True, 1, None

    def __init__(self, spread="fixed", scale=0.1, floor=0.0):
        super().__init__()
        _spread(self, spread, scale, floor)

    def log_prob(self, parameters, x):
        """log density of each value, (n, c, h, w), in nats. x: floating images in [0, 1]."""
        scale = self.scale(parameters)
        error = (x - _middle(parameters)) / scale
        return -0.5 * error.square() - scale.log() - 0.5 * math.log(2 * math.pi)

    def scale(self, parameters):
        """sigma, as a number or of each value (n, c, h, w)."""
        return _scale(self, parameters)

    def mean(self, parameters):
        """The mean, cut to [0, 1]."""
        return _middle(parameters).clamp(0, 1)

    def sample(self, parameters, generator=None):
        """A value for each place, (n, c, h, w), not cut."""
        middle = _middle(parameters)
        noise = torch.randn(
            middle.shape,
            generator=source(generator, middle.device),
            dtype=middle.dtype,
            device=middle.device,
        )
        return middle + self.scale(parameters) * noise


LIKELIHOODS = {"categorical": Categorical, "binomial": Binomial, "logistic": DiscretisedLogistic}


def likelihood_of(which, levels):
    """A likelihood from its name, "categorical", "binomial", "logistic" or "gaussian", or the one that is given.

    Errors: KeyError with near misses; ValueError for a likelihood of other levels.
    """
    if isinstance(which, nn.Module):
        if not which.density and which.levels != levels:
            raise ValueError(f"levels: the likelihood has {which.levels}, the model {levels}")
        return which
    if which == "gaussian":
        return Gaussian()
    if which not in LIKELIHOODS:
        raise near_miss(which, [*LIKELIHOODS, "gaussian"], "likelihood")
    return LIKELIHOODS[which](levels)


def check_levels(levels):
    """A number of levels, at least 2. Errors: ValueError."""
    if isinstance(levels, bool) or not isinstance(levels, int) or levels < 2:
        raise ValueError(f"levels: expected a whole number of at least 2, got {levels!r}")
    return levels


def check_pixels(x, model):
    """Refuse what a model of `.shape`, `.levels`, `.likelihood`, `.dtype` cannot be asked about; return x.

    Errors: ValueError.
    """
    if not model.likelihood.density:
        return check_pictures(x, model)
    if isinstance(x, torch.Tensor) and x.dtype == torch.long:
        raise ValueError(
            "x: a density takes floating images in [0, 1], got levels: use levels / (number of levels - 1)"
        )
    check_images(x, dtype=model.dtype, range01=True, channels=model.shape[0], name="x")
    if tuple(x.shape[1:]) != model.shape:
        wanted = ", ".join(map(str, model.shape))
        raise ValueError(f"x: the model knows pictures of shape (n, {wanted}), got {tuple(x.shape)}")
    return x


def _spread(self, spread, scale, floor):
    if spread not in SPREADS:
        raise ValueError(f"spread: expected one of {', '.join(map(repr, SPREADS))}, got {spread!r}")
    if not scale > 0 or not floor >= 0:
        raise ValueError(f"expected scale > 0 and floor >= 0, got scale={scale!r}, floor={floor!r}")
    self.spread, self.floor, self.numbers = spread, floor, 2 if spread == "pixel" else 1
    start = torch.tensor(math.log(scale))
    if spread == "one":
        self.log_scale = nn.Parameter(start)
    else:
        self.register_buffer("log_scale", start)


def _scale(self, parameters):
    log = self.log_scale + parameters[:, 1] if self.spread == "pixel" else self.log_scale
    return self.floor + log.exp()


def _middle(parameters):
    return 0.5 + parameters[:, 0]  # a decoder that puts out 0 says mid-grey


def _uniform(like, generator):
    draws = source(generator, like.device)
    return torch.rand(like.shape, generator=draws, dtype=like.dtype, device=like.device)
