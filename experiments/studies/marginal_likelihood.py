"""log p(x) of a VAE where the latent space is small: by a grid, exactly enough; and by blind draws from the prior.

Each takes a model that knows its `.latent`, and log p(x|z) in nats: `.log_likelihood_table(x, z)` (n, m) for every
image with every latent vector.
"""

import math

import torch

from lecture_utils.generative._shared import source
from lecture_utils.generative.importance import log_mean

MOST = 2_000_000  # points of a grid; more are refused


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
