"""Two ways to learn from a random draw: the gradient of E f(z), z ~ N(mean, variance), with respect to the mean.

The expectation depends on the mean through the draw alone. One way lets the gradient run through the draw
(reparametrisation), the other through the probability of having drawn it (the score function, REINFORCE). Both are
right on average; what they differ in is how far a single draw lies from it.
"""

import torch

from lecture_utils.checks import near_miss
from lecture_utils.generative._shared import source

KINDS = ("reparametrised", "score", "score, baseline")


def mean_gradients(f, mean, log_variance, draws, kind="reparametrised", generator=None):
    """One estimate a draw of d E f(z) / d mean, (draws, k).

    f: codes (m, k) -> values (m,), differentiable. mean, log_variance: (k,), of z.
    kind: "reparametrised": the gradient of f at z = mean + deviation * noise. "score": f(z) times the gradient of
    log q(z) with respect to the mean, (z - mean) / variance; f need not be differentiable. "score, baseline": the same
    with the mean of the other draws' f taken off, which changes no expectation.
    Errors: KeyError for another kind.
    Source: Kingma, Welling (2014), sections 2.2 and 2.4; Williams (1992).
    """
    if kind not in KINDS:
        raise near_miss(kind, KINDS, "kind of estimator")
    mean, log_variance = mean.detach(), log_variance.detach()
    noise = torch.randn(
        draws, len(mean), generator=source(generator, mean.device), dtype=mean.dtype, device=mean.device
    )
    z = mean + (0.5 * log_variance).exp() * noise  # (draws, k)
    if kind == "reparametrised":
        with torch.enable_grad():
            leaf = z.requires_grad_()
            return torch.autograd.grad(f(leaf).sum(), leaf)[0]  # dz / d mean = 1
    with torch.no_grad():
        values = f(z)
    if kind == "score, baseline":
        values = values - (values.sum() - values) / (draws - 1)
    return values[:, None] * (z - mean) / log_variance.exp()
