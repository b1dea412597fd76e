"""What integrated gradients miss to their own law."""

import torch
from torch import Tensor, nn

from lecture_utils.attribution.integrated_gradients import baseline_images
from lecture_utils.checks import check_images, check_tensor
from lecture_utils.hooks import frozen, logits_of, score_of


def completeness_gap(
    net: nn.Module,
    images: Tensor,
    targets: int | Tensor,
    attributions: Tensor,
    baseline: float | Tensor | None = None,
) -> Tensor:
    """What is missing to completeness, (n,): sum of the map - (S_c(image) - S_c(baseline)). Unit: score.

    Arguments as in `integrated_gradients`, which gave the attributions (n, 3, h, w).
    """
    images = check_images(images, net)
    check_tensor(attributions, "attributions", images.shape)
    with frozen(net) as net, torch.no_grad():
        image, start = (
            score_of(logits_of(net, some, softmax=False), targets).to(images.device)
            for some in (images, baseline_images(images, baseline))
        )
    return attributions.sum((1, 2, 3)) - (image - start)
