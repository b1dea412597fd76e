"""log p(x) of a VAE: from below, and where the latent space is small exactly, by a grid; and by blind draws.

Each takes a model that knows its `.latent`, and log p(x|z) in nats: `.log_likelihood(x, z)` (n,) for pairs of rows, or
`.log_likelihood_table(x, z)` (n, m) for every image with every code. `iwae` also wants `.encode(x)`, or is told q.
"""

import math

import torch

from lecture_utils.checks import check_count
from lecture_utils.generative._shared import source
from lecture_utils.generative.vae import draw_code

MOST = 2_000_000  # points of a grid; more are refused


def log_weights(model, x, k, generator=None, q=None):
    """log p(x, z) - log q(z|x) for k codes of each image, (k, n).

    q: mean and log-variance (n, latent) of what the codes are drawn from; None asks `model.encode`.
    """
    mean, log_variance = model.encode(x) if q is None else q
    draws, rows = source(generator, mean.device), []
    for _ in range(check_count(k, "k")):
        z = draw_code(mean, log_variance, draws)
        rows.append(model.log_likelihood(x, z) + log_normal(z) - log_normal(z, mean, log_variance))
    return torch.stack(rows)


def log_normal(z, mean=0.0, log_variance=None):
    """log density of independent normals, summed over the axes: (n, latent) -> (n,), nats."""
    log_variance = torch.zeros_like(z) if log_variance is None else log_variance
    square = (z - mean).square() * (-log_variance).exp()
    return -0.5 * (square + log_variance + math.log(2 * math.pi)).sum(-1)


@torch.no_grad()
def iwae(model, x, k, generator=None, q=None):
    """log of the mean of k weights p(x, z) / q(z|x), (n,) nats: on average a lower bound on log p(x), better with k.

    k = 1 is a one-sample ELBO; k to infinity is log p(x), wherever q is above 0. A single estimate may lie above.
    q: as in `log_weights`; zeros for both draw from the prior.
    Source: Burda, Grosse, Salakhutdinov (2016), equation 8 and theorem 1.
    """
    return log_mean(log_weights(model, x, k, generator, q))


def log_mean(weights):
    """log of the mean of exp(weights) over the first axis, without overflow."""
    return weights.logsumexp(0) - math.log(len(weights))


def log_mean_of_first(weights, ks):
    """`log_mean` of the first k rows for each k of ks, (len(ks), ...): one set of draws for a whole curve."""
    return torch.stack([log_mean(weights[:k]) for k in ks])


@torch.no_grad()
def from_prior(model, x, k, generator=None, batch=4096):
    """log of the mean of p(x|z) over k codes from the prior, (n,) nats; the same codes for every image.

    Unbiased before the logarithm, and blind: it does not know where codes matter.
    """
    draws = source(generator, x.device)
    z = torch.randn(k, model.latent, generator=draws, dtype=model.dtype, device=draws.device).to(x.device)
    rows = [model.log_likelihood_table(x, some).logsumexp(1) for some in z.split(batch)]
    return torch.stack(rows).logsumexp(0) - math.log(k)


@torch.no_grad()
def quadrature(model, x, points=81, reach=5.0, batch=4096):
    """log p(x) by a grid over all codes, (n,) nats: the sum of p(x|z) times the prior's share at z.

    points: on each axis, at equal steps from -reach to reach. Exact enough in two dimensions, and hopeless in ten: the
    grid has points^latent codes.
    Errors: ValueError for a grid of more than two million codes.
    """
    codes, shares = grid(model.latent, points, reach)
    codes, log_shares = codes.to(x.device, model.dtype), shares.log().to(x.device, model.dtype)
    total = torch.full((len(x),), -torch.inf, dtype=model.dtype, device=x.device)
    for z, log_share in zip(codes.split(batch), log_shares.split(batch), strict=True):
        table = model.log_likelihood_table(x, z)  # (n, codes of this batch)
        total = torch.logaddexp(total, (table + log_share).logsumexp(1))
    return total


def grid(latent, points, reach=5.0):
    """Codes (points^latent, latent) on a grid, and the share of the prior at each; the shares sum to 1. Both float64.

    Errors: ValueError for more than two million codes.
    """
    if points**latent > MOST:
        raise ValueError(
            f"a grid of {points} points an axis has {points}^{latent} = {float(points) ** latent:.2g} codes; "
            f"at most {MOST:,} are tried: sample codes instead (iwae)"
        )
    line = torch.linspace(-reach, reach, points, dtype=torch.float64)
    share = (-0.5 * line.square()).softmax(0)  # equal steps: for curves that vanish at the ends, very exact
    codes = torch.cartesian_prod(*[line] * latent).view(-1, latent)
    shares = torch.cartesian_prod(*[share] * latent).view(-1, latent).prod(1)
    return codes, shares
