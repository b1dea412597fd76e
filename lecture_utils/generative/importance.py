"""log p(x) of a VAE, from below and, where the code is small, exactly.

Each takes a model that knows its `.latent`, and log p(x|z) in nats: `.log_likelihood(x, z)` (n,) for pairs of rows, or
`.log_likelihood_table(x, z)` (n, m) for every image with every code. `iwae` also wants `.encode(x)`, or is told q.
"""

import math

import torch

from ._shared import source
from .vae import draw_code


def log_weights(model, x, k, generator=None, q=None):
    """log p(x, z) - log q(z|x) for k codes of each image, (k, n).

    q: mean and log-variance (n, latent) of what the codes are drawn from; None asks `model.encode`.
    """
    mean, log_variance = model.encode(x) if q is None else q
    draws, rows = source(generator, mean.device), []
    for _ in range(k):
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
