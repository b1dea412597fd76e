"""Integrated gradients: what each pixel adds to the score on the way from a baseline image to this one."""

import numpy as np
import torch
from torch import Tensor, nn

from ..checks import check_count, check_images, check_number, check_targets, check_tensor
from ..hooks import frozen
from .gradients import Targets, saliency_at


def integrated_gradients(
    net: nn.Module, images: Tensor, targets: Targets, baseline: float | Tensor | None = None, steps: int = 50
) -> Tensor:
    """What each pixel adds to the score on the straight way from a baseline image, signed, (n, 3, h, w).

        (I - B) x  integral from 0 to 1 of  dS_c / dI (B + a (I - B))  da

    The integral is a sum of `steps` gradients at the places and with the weights of Gauss and Legendre. *Completeness*:
    the map sums to S_c(I) - S_c(B), up to the error of that sum.
    net, images, targets: as in `saliency`. baseline: None is black; a number a constant grey; or images (n, 3, h, w),
    such as the same scenes without the object. The map is 0 wherever image and baseline agree: on a black baseline
    nothing black can matter. Unit: score.
    Errors: as `saliency`; ValueError for baseline and steps.
    Source: Sundararajan, Taly, Yan (2017), equations 1 and 3. Differs: Gauss-Legendre instead of equal steps.
    """
    images, targets = check_images(images, net), check_targets(targets, len(images))
    start = baseline_images(images, baseline)
    steps = check_count(steps, "steps")
    places, weights = np.polynomial.legendre.leggauss(steps)  # on [-1, 1]
    share = torch.from_numpy((places + 1) / 2).to(images).view(-1, 1, 1, 1)
    weight = torch.from_numpy(weights / 2).to(images).view(-1, 1, 1, 1)
    way = images - start

    def on_the_way(image, step):
        return way[image].mul_(share[step]).add_(start[image])  # what an index gives is a copy

    with frozen(net) as net:
        integral = saliency_at(
            net, targets, on_the_way, len(images), steps, lambda g: g.mul_(weight.to(g.device)).sum(0)
        )
    return way * integral.to(way.device)


def baseline_images(images: Tensor, baseline: float | Tensor | None) -> Tensor:
    """A baseline as images like `images`: None is black, a number a constant grey. Errors: ValueError."""
    if baseline is None:
        return torch.zeros_like(images)
    if not isinstance(baseline, torch.Tensor) or not baseline.ndim:
        return torch.full_like(images, float(check_number(baseline, "baseline", -torch.inf)))
    check_images(baseline, dtype=images.dtype, channels=images.shape[1], name="baseline")
    return check_tensor(baseline, "baseline", images.shape).detach().to(images.device)
