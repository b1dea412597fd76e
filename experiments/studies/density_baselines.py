"""Simple distributions over pictures with whole levels: what a likelihood is compared with.

Each is a probability mass function, as the autoregressive models are: a sum over all pictures is 1, no picture has a
log-probability above 0. A Gaussian is none; only its dequantised form may stand beside them, as a lower bound.
"""

import math

import torch
from torch.nn import functional as F

from lecture_utils.progress import progress


class Independent:
    """Each pixel on its own: a table of how often it takes each level.

    x: LongTensor (n, c, h, w) of levels 0 .. levels - 1 to count in. prior: what every level of every pixel is given
    beforehand, so that none has probability 0.
    """

    def __init__(self, x, levels, prior=1.0):
        self.shape, self.levels = x.shape[1:], levels
        counts = one_hot(x, levels).sum(0) + prior  # (c h w, levels)
        self.logp = (counts / counts.sum(1, keepdim=True)).log()

    def log_prob(self, x):
        """Nats, (n,) float64."""
        return torch.einsum("ndl,dl->n", one_hot(x, self.levels), self.logp)

    def sample(self, n, generator=None):
        """LongTensor (n, c, h, w)."""
        return draw(self.logp.expand(n, -1, -1), generator).view(n, *self.shape)


class Mixture:
    """A weighted sum of `components` tables like that of `Independent`, fitted by EM: a soft k-means for levels.

    rounds: of EM; the training likelihood never falls (with the prior counted in). history: nats a picture after each.
    Source: Dempster, Laird, Rubin (1977).
    """

    def __init__(self, x, levels, components, prior=0.3, rounds=40, seed=0):
        self.shape, self.levels = x.shape[1:], levels
        hot, n = one_hot(x, levels), len(x)
        start = torch.Generator().manual_seed(seed)
        share = torch.rand(n, components, generator=start, dtype=torch.float64).pow(
            8
        )  # each picture leans to a few
        share, self.history = share / share.sum(1, keepdim=True), []
        for _ in progress(range(rounds), "EM"):
            weight = share.sum(0) + 1.0
            self.logw = (weight / weight.sum()).log()
            counts = torch.einsum("nk,ndl->kdl", share, hot) + prior
            self.logp = (counts / counts.sum(2, keepdim=True)).log()  # (components, c h w, levels)
            joint = self._joint(hot)
            share = joint.softmax(1)
            self.history.append(float(joint.logsumexp(1).mean()))

    def _joint(self, hot):
        return torch.einsum("ndl,kdl->nk", hot, self.logp) + self.logw

    def log_prob(self, x):
        """Nats, (n,) float64."""
        return self._joint(one_hot(x, self.levels)).logsumexp(1)

    def sample(self, n, generator=None):
        """LongTensor (n, c, h, w)."""
        which = torch.multinomial(self.logw.exp(), n, replacement=True, generator=generator)
        return draw(self.logp[which], generator).view(n, *self.shape)


class Kernels:
    """A training picture t picked at random, each of its pixels blurred: p(x) = mean_i prod_d k_d(x_d | t_id).

    The kernel is a Gaussian of standard deviation `width` in levels, normalised over the levels there are; a share
    `floor` of it is replaced by the pixel's own table over all training pictures.
    width, floor: None takes the pair of `widths` and `floors` that is best where each training picture is left out.
    Source: Parzen (1962), made discrete.
    """

    widths, floors = (0.5, 0.75, 1.0, 1.5), (0.2, 0.4, 0.6, 0.8)

    def __init__(self, x, levels, width=None, floor=None):
        self.x, self.shape, self.levels = x, x.shape[1:], levels
        self.hot, self.mean = one_hot(x, levels), Independent(x, levels).logp.exp()
        pairs = [(w, f) for w in self.widths for f in self.floors]
        if width is None or floor is None:
            width, floor = max(
                progress(pairs, "kernels"), key=lambda pair: float(self._left_out(*pair).mean())
            )
        self.width, self.floor = width, floor

    def _table(self, width, floor):
        """log k_d(level | level of the training picture), (d, levels, levels): rows are the training picture's."""
        at = torch.arange(self.levels, dtype=torch.float64)
        near = (-((at[None] - at[:, None]) ** 2) / (2 * width**2)).softmax(1)
        return ((1 - floor) * near + floor * self.mean[:, None]).log()

    def _joint(self, hot, width, floor):
        """log prod_d k_d(x_nd | t_id), (n, training pictures)."""
        blurred = torch.einsum("idt,dtl->idl", self.hot, self._table(width, floor))
        return hot.flatten(1) @ blurred.flatten(1).t()

    def _left_out(self, width, floor):
        joint = self._joint(self.hot, width, floor).fill_diagonal_(-math.inf)
        return joint.logsumexp(1) - math.log(len(self.x) - 1)

    def log_prob(self, x):
        """Nats, (n,) float64."""
        joint = self._joint(one_hot(x, self.levels), self.width, self.floor)
        return joint.logsumexp(1) - math.log(len(self.x))

    def sample(self, n, generator=None):
        """LongTensor (n, c, h, w): training pictures with noise."""
        which = torch.randint(len(self.x), (n,), generator=generator)
        blurred = torch.einsum("idt,dtl->idl", self.hot[which], self._table(self.width, self.floor))
        return draw(blurred, generator).view(n, *self.shape)


class DequantisedGaussian:
    """One Gaussian of all pixels, made comparable: the *lower bound* E_u log N(x + u), u uniform in [0, 1).

    The probability of a level is the density's integral over a box of side 1; by Jensen the mean log density in the
    box is below its logarithm. The mean over u is exact, since the log density is a quadratic.
    ridge: added to each variance (in levels^2), so that pixels that never change keep one.
    Source: Uria, Murray, Larochelle (2013), section 5; Theis, van den Oord, Bethge (2016), section 3.1.
    """

    def __init__(self, x, ridge=0.1):
        self.shape, flat = x.shape[1:], x.flatten(1).double() + 0.5
        self.mean = flat.mean(0)
        noise = torch.eye(flat.shape[1], dtype=torch.float64)
        self.covariance = flat.t().cov() + noise * (1 / 12 + ridge)
        self.root = torch.linalg.cholesky(self.covariance)

    def log_prob(self, x):
        """A lower bound in nats, (n,) float64."""
        away = x.flatten(1).double() + 0.5 - self.mean
        white = torch.linalg.solve_triangular(self.root, away.t(), upper=False)
        precision = torch.cholesky_inverse(self.root)
        squares = (white**2).sum(0) + precision.diagonal().sum() / 12  # the variance of u in each pixel
        return -0.5 * (squares + len(self.mean) * math.log(2 * math.pi)) - self.root.diagonal().log().sum()

    def sample(self, n, generator=None):
        """Real numbers in levels, float64 (n, c, h, w): rounding and clipping them is another model."""
        z = torch.randn(n, len(self.mean), generator=generator, dtype=torch.float64)
        return (self.mean + z @ self.root.t()).view(n, *self.shape)


def one_hot(x, levels):
    """Which level each pixel has, float64 (n, c h w, levels). Errors: ValueError for levels the table does not have."""
    low, high = (int(v) for v in x.aminmax())
    if low < 0 or high >= levels:
        raise ValueError(f"x: expected levels 0 .. {levels - 1}, got {low} .. {high}")
    return F.one_hot(x.flatten(1), levels).double()


def draw(logp, generator):
    """One level from each row of log-probabilities (n, d, levels), LongTensor (n, d)."""
    n, d, levels = logp.shape
    found = torch.multinomial(logp.exp().reshape(n * d, levels).float(), 1, generator=generator)
    return found.view(n, d)
