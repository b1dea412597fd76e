"""What a decoder's numbers mean: two pmfs over the levels of a pixel value, and one density.

A decoder puts out `numbers` values for each pixel and colour, and a likelihood turns them into log-probabilities, a
picture, and samples. x of a pmf: LongTensor of levels 0 .. levels - 1, (n, c, h, w); of the Gaussian: floating images
in [0, 1]. A density may be as large as it likes, a probability not: the two must not stand in one table.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from ..checks import check_choice, check_count, check_images, check_number, check_tensor
from ._shared import Draws, source
from .autoregressive import check_levels, check_pictures

# A given scale; one that is learned for all pixels; one for each pixel, by the decoder.
SPREADS = ("fixed", "one", "pixel")


class Likelihood(nn.Module):
    """The base: a subclass defines `log_p`, `middle` and `draw`. All take parameters (n, numbers, c, h, w)."""

    density, numbers, levels = False, 1, None

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """log p(x) of each value, (n, c, h, w), in nats."""
        shape = self._checked(parameters)
        x = check_tensor(x, "x", shape) if self.density else check_levels(x, shape, self.levels)
        return self.log_p(parameters, x)

    def mean(self, parameters: Tensor) -> Tensor:
        """The picture that is meant, (n, c, h, w) in [0, 1]: the expected value, of a logistic the median."""
        self._checked(parameters)
        return self.middle(parameters).clamp(0, 1)

    def sample(self, parameters: Tensor, generator: Draws = None) -> Tensor:
        """A level for each value, LongTensor (n, c, h, w); of a density a number, not cut to [0, 1]."""
        self._checked(parameters)
        return self.draw(parameters, source(generator, parameters.device))

    def _checked(self, parameters):
        """(n, c, h, w) of the pictures."""
        check_tensor(parameters, "parameters", ("n", self.numbers, "c", "h", "w"))
        return parameters.shape[:1] + parameters.shape[2:]


class Binomial(Likelihood):
    """Each value counts the heads of levels - 1 throws of a coin; the decoder puts out the coin's logit.

        p(x) = C(levels - 1, x) p^x (1 - p)^(levels - 1 - x)

    One number for mean and spread together: the variance cannot be chosen.
    """

    def __init__(self, levels: int):
        super().__init__()
        self.levels, top = check_count(levels, "levels", 2), levels - 1
        ways = [math.lgamma(top + 1) - math.lgamma(x + 1) - math.lgamma(top - x + 1) for x in range(levels)]
        self.register_buffer("log_ways", torch.tensor(ways, dtype=torch.float64), persistent=False)

    def log_p(self, parameters, x):
        logit = parameters[:, 0]
        heads = x * logsigmoid(logit) + (self.levels - 1 - x) * logsigmoid(-logit)
        return heads + self.log_ways.to(logit.dtype)[x]

    def middle(self, parameters):
        return parameters[:, 0].sigmoid()

    def draw(self, parameters, generator):
        chance = self.middle(parameters)
        return torch.binomial(torch.full_like(chance, self.levels - 1), chance, generator=generator).long()


class _Bell(Likelihood):
    """A middle that the decoder puts out, and a scale: given, learned, or put out, too (see `SPREADS`)."""

    def __init__(self, spread, scale, floor):
        super().__init__()
        self.spread = check_choice(spread, SPREADS, "spread")
        self.floor, self.numbers = check_number(floor, "floor"), 2 if spread == "pixel" else 1
        start = torch.tensor(math.log(check_number(scale, "scale", above=True)))
        if spread == "one":
            self.log_scale = nn.Parameter(start)
        else:
            self.register_buffer("log_scale", start)

    def scale(self, parameters: Tensor) -> Tensor:
        """s, as a number or of each value (n, c, h, w); never below `floor`."""
        log = self.log_scale + parameters[:, 1] if self.spread == "pixel" else self.log_scale
        return self.floor + log.exp()

    def middle(self, parameters):
        return 0.5 + parameters[:, 0]  # a decoder that puts out 0 says mid-grey


class DiscretisedLogistic(_Bell):
    """A bell over the value in [0, 1], cut into bins, one for each level. The decoder puts out its middle.

        p(x) = F((e(x + 1) - m) / s) - F((e(x) - m) / s),   F the logistic function, e(x) = (x - 1/2) / (levels - 1)

    The lowest bin reaches down to minus infinity and the highest up, so that the sum is 1.
    spread: "fixed" at `scale`, "one" learned for all values (it begins at `scale`), or "pixel": the decoder puts out a
    second number, the logarithm of s / scale, and s is never below `floor`.
    Source: Salimans et al. (2017), equation 2. Differs: one component, values in [0, 1].
    """

    def __init__(self, levels: int, spread: str = "one", scale: float = 0.05, floor: float = 0.0):
        super().__init__(spread, scale, floor)
        self.levels = check_count(levels, "levels", 2)

    def log_p(self, parameters, x):
        middle, scale = self.middle(parameters), self.scale(parameters)
        start, width, top = self.bins(x.to(middle.dtype))
        low, high = (start / top - middle) / scale, ((start + width) / top - middle) / scale
        # F(high) - F(low) = F(high) F(-low) (1 - e^(low - high)): exact also where both are near 0 or near 1.
        inside = logsigmoid(high) + logsigmoid(-low) + torch.log(-torch.expm1(-width / top / scale))
        ends = torch.where(x == 0, logsigmoid(high), logsigmoid(-low))
        return torch.where((x == 0) | (x == self.levels - 1), ends, inside)

    def draw(self, parameters, generator):
        middle = self.middle(parameters)
        uniform = torch.rand(middle.shape, generator=generator, dtype=middle.dtype, device=middle.device)
        value = middle + self.scale(parameters) * uniform.logit(eps=1e-7)
        return (value * (self.levels - 1) + 0.5).floor().clamp(0, self.levels - 1).long()

    def bins(self, x):
        """Where a level's bin begins, how wide it is, and where the last level lies: all in levels."""
        return x - 0.5, 1, self.levels - 1


class Gaussian(_Bell):
    """A normal *density* over the value; the decoder puts out its mean.

    spread, scale (sigma), floor: as in `DiscretisedLogistic`. With a fixed sigma log p is the squared error divided by
    -2 sigma^2, plus a constant. With "pixel" and no floor it has no upper bound: where a pixel never changes, sigma
    goes to 0 and the density to infinity.
    """

    density = True

    def __init__(self, spread: str = "fixed", scale: float = 0.1, floor: float = 0.0):
        super().__init__(spread, scale, floor)

    def log_p(self, parameters, x):
        scale = self.scale(parameters)
        error = (x - self.middle(parameters)) / scale
        return -0.5 * error.square() - scale.log() - 0.5 * math.log(2 * math.pi)

    def draw(self, parameters, generator):
        mean = self.middle(parameters)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        return mean + self.scale(parameters) * noise


LIKELIHOODS = {"binomial": Binomial, "logistic": DiscretisedLogistic}


def likelihood_of(which: str | Likelihood, levels: int) -> Likelihood:
    """A likelihood from its name, "binomial", "logistic" or "gaussian", or the one that is given.

    Errors: KeyError with near misses; ValueError for a likelihood of other levels.
    """
    if isinstance(which, Likelihood):
        if not which.density and which.levels != levels:
            raise ValueError(f"levels: the likelihood has {which.levels}, the model {levels}")
        return which
    check_choice(which, (*LIKELIHOODS, "gaussian"), "likelihood")
    return Gaussian() if which == "gaussian" else LIKELIHOODS[which](levels)


def check_pixels(x: Tensor, model: nn.Module) -> Tensor:
    """What a model of `.shape`, `.levels`, `.likelihood`, `.dtype` can be asked about. Errors: ValueError."""
    if not model.likelihood.density:
        return check_pictures(x, model)
    if isinstance(x, Tensor) and not x.is_floating_point():
        hint = "use levels / (number of levels - 1)"
        raise ValueError(f"x: a density takes floating images in [0, 1], got levels: {hint}")
    x = check_images(x, dtype=model.dtype, range01=True, channels=model.shape[0], name="x")
    return check_tensor(x, "x", ("n", *model.shape))
