"""Focal losses: what is easy weighs little, so that thousands of easy backgrounds do not drown a few objects."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_number, check_share, check_tensor


def sigmoid_focal_loss(
    logits: Tensor, targets: Tensor, alpha: float | None = 0.25, gamma: float = 2
) -> Tensor:
    """-alpha_t (1 - p_t)^gamma log p_t of each logit, in nats: the shape of logits. p_t: probability of what is true.

    targets: of the same shape and dtype, 1 for an object and 0 for none. alpha: weight of the objects (1 - alpha that
    of the rest), None for no weights; gamma 0 is cross-entropy. RetinaNet sums, and divides by the number of anchors
    that have an object. Errors: ValueError. Source: Lin et al. (2017), equation 5.
    """
    _check(logits, targets)
    check_number(gamma, "gamma")
    cross_entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p = logits.sigmoid()
    wrong = p * (1 - targets) + (1 - p) * targets  # 1 - p_t
    if alpha is None:
        return wrong**gamma * cross_entropy
    check_share(alpha, "alpha")
    return (alpha * targets + (1 - alpha) * (1 - targets)) * wrong**gamma * cross_entropy


def center_focal_loss(logits: Tensor, targets: Tensor, alpha: float = 2, beta: float = 4) -> Tensor:
    """The loss of heatmaps, in nats for each object: a number.

    logits: (..., h, w). targets: the same shape, in [0, 1], exactly 1 at the centre of an object (`center_heatmap`).
    At centres (1 - p)^alpha log p; elsewhere (1 - y)^beta p^alpha log(1 - p), so close to a centre a peak costs little.
    Without objects the sum is not divided. Errors: ValueError.
    Source: Zhou, Wang, Kraehenbuehl (2019), equation 1; Law, Deng (2018).
    """
    _check(logits, targets)
    check_number(alpha, "alpha"), check_number(beta, "beta")
    p, centre = logits.sigmoid(), targets == 1
    at_centre = (1 - p) ** alpha * F.logsigmoid(logits)
    elsewhere = (1 - targets) ** beta * p**alpha * F.logsigmoid(-logits)
    return -torch.where(centre, at_centre, elsewhere).sum() / centre.sum().clamp(min=1)


def _check(logits, targets):
    check_tensor(logits, "logits", ("n", ...))
    check_tensor(targets, "targets", tuple(logits.shape))
    if targets.min() < 0 or targets.max() > 1:
        raise ValueError(
            f"targets: expected values in [0, 1], got {targets.min():.3g} .. {targets.max():.3g}"
        )
