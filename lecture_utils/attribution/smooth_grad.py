"""SmoothGrad: a gradient averaged over noisy copies of the image."""

import torch
from torch import Tensor, nn

from ..checks import check_count, check_images, check_number, check_seed, check_targets
from ..hooks import frozen
from .gradients import Targets, saliency_at


def smooth_grad(
    net: nn.Module, images: Tensor, targets: Targets, noise: float = 0.15, samples: int = 25, seed: int = 0
) -> Tensor:
    """Saliency, averaged over noisy copies of each image, signed, (n, 3, h, w).

        (1 / samples) sum_s dS_c / dI (I + e_s),   e_s ~ N(0, (noise x (max I - min I))^2)

    net, images, targets: as in `saliency`. noise: standard deviation as a share of the image's range; the paper has
    .10 to .20. samples: noisy copies. seed: the same draws e_s serve every image, so its map does not depend on the
    others. Noisy copies are not cut to [0, 1].
    Errors: as `saliency`; ValueError for noise, samples and seed.
    Source: Smilkov, Thorat, Kim, Viégas, Wattenberg (2017), section 2.
    Differs: noise = 0, or a net that is linear, gives saliency; the paper's pictures use squares or absolute values
    afterwards, which `heat` does.
    """
    images, targets = check_images(images, net), check_targets(targets, len(images))
    samples = check_count(samples, "samples")
    check_number(noise, "noise")
    generator = torch.Generator().manual_seed(check_seed(seed))
    draws = torch.randn(samples, *images.shape[1:], generator=generator, dtype=torch.float64).to(images)
    width = noise * (images.amax((1, 2, 3)) - images.amin((1, 2, 3))).view(-1, 1, 1, 1)  # (n, 1, 1, 1)

    def noisy(image, sample):
        return draws[sample].mul_(width[image]).add_(images[image])  # what an index gives is a copy

    with frozen(net) as net:
        found = saliency_at(net, targets, noisy, len(images), samples, lambda gradients: gradients.mean(0))
    return found.to(images.device)
