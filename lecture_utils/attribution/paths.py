"""Gradients at more than one point: averaged over noise (SmoothGrad), and along a path (integrated gradients)."""

import math

import numpy as np
import torch

from ..checks import check_images, check_targets
from ..hooks import differentiable, logits_of, score_of
from .gradients import saliency

BATCH = 64  # points in one pass


def smooth_grad(net, images, targets, noise=0.15, samples=25, seed=0):
    """Saliency, averaged over noisy copies of each image, signed, (n, 3, h, w).

        (1 / samples) sum_s dS_c / dI (I + e_s),   e_s ~ N(0, (noise x (max I - min I))^2)

    net, images, targets: as in `saliency`. noise: standard deviation as a share of the image's range; the paper has
    .10 to .20. samples: noisy copies. seed: the same draws e_s serve every image, so its map does not depend on the
    others. Noisy copies are not cut to [0, 1].
    Errors: as `saliency`; ValueError for noise and samples.
    Source: Smilkov, Thorat, Kim, Viégas, Wattenberg (2017), section 2.
    Differs: noise = 0, or a net that is linear, gives saliency; the paper's pictures use squares or absolute values
    afterwards, which `heat` does.
    """
    check_images(images, net=net)
    _check_count(samples, "samples")
    if not 0 <= noise < float("inf"):
        raise ValueError(f"noise: expected a share of the image's range, at least 0, got {noise!r}")
    draws = torch.randn(
        samples, *images.shape[1:], generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    ).to(images)
    width = noise * (images.amax((1, 2, 3)) - images.amin((1, 2, 3)))  # (n,)
    points = images[:, None] + width.view(-1, 1, 1, 1, 1) * draws  # (n, samples, 3, h, w)
    return _gradients(net, points, targets).mean(1)


def integrated_gradients(net, images, targets, baseline=None, steps=50):
    """What each pixel adds to the score on the straight way from a baseline image, signed, (n, 3, h, w).

        (I - B) x  integral from 0 to 1 of  dS_c / dI (B + a (I - B))  da

    The integral is a sum of `steps` gradients at the places and with the weights of Gauss and Legendre. *Completeness*:
    the map sums to S_c(I) - S_c(B), up to the error of that sum, which `completeness_gap` gives.
    net, images, targets: as in `saliency`. baseline: None is black; a number a constant grey; or images (n, 3, h, w),
    such as the same scenes without the object. The map is 0 wherever image and baseline agree: on a black baseline
    nothing black can matter. Unit: score.
    Errors: as `saliency`; ValueError for baseline and steps.
    Source: Sundararajan, Taly, Yan (2017), equations 1 and 3. Differs: Gauss-Legendre instead of equal steps.
    """
    check_images(images, net=net)
    _check_count(steps, "steps")
    start = baseline_images(images, baseline)
    places, weights = np.polynomial.legendre.leggauss(steps)  # on [-1, 1]
    share = torch.from_numpy((places + 1) / 2).to(images).view(1, -1, 1, 1, 1)
    weight = torch.from_numpy(weights / 2).to(images).view(1, -1, 1, 1, 1)
    way = images - start
    points = start[:, None] + share * way[:, None]  # (n, steps, 3, h, w)
    return way * (weight * _gradients(net, points, targets)).sum(1)


def completeness_gap(net, images, targets, attributions, baseline=None):
    """What is missing to completeness, (n,): sum of the map - (S_c(image) - S_c(baseline)). Unit: score.

    Arguments as in `integrated_gradients`, which gave the attributions (n, 3, h, w).
    """
    check_images(images, net=net)
    scores = []
    for some in (images, baseline_images(images, baseline)):
        with differentiable(net, some) as leaf, torch.no_grad():
            scores.append(score_of(logits_of(net, leaf), targets).to(images.device))
    return attributions.sum((1, 2, 3)) - (scores[0] - scores[1])


def baseline_images(images, baseline):
    """A baseline as images like `images`: None is black, a number a constant grey. Errors: ValueError."""
    if baseline is None:
        return torch.zeros_like(images)
    if isinstance(baseline, torch.Tensor) and baseline.ndim:
        check_images(baseline, dtype=images.dtype, channels=images.shape[1], name="baseline")
        if baseline.shape != images.shape:
            wanted, got = tuple(images.shape), tuple(baseline.shape)
            raise ValueError(f"baseline: expected shape {wanted} as the images, or a number, got {got}")
        return baseline.detach().to(images.device)
    number = isinstance(baseline, int | float | torch.Tensor) and not isinstance(baseline, bool)
    if not number or not math.isfinite(baseline):
        raise ValueError(f"baseline: expected None, a number or images (n, 3, h, w), got {baseline!r}")
    return torch.full_like(images, float(baseline))


def _gradients(net, points, targets):
    """Saliency at many points of each image: (n, points, 3, h, w) to the same shape."""
    n, count = points.shape[:2]
    if isinstance(targets, torch.Tensor) and targets.ndim:
        check_targets(
            targets, n, int(targets.max()) + 1 if targets.numel() else 1
        )  # its shape; saliency has the range
        targets = targets.repeat_interleave(count).split(BATCH)
    pieces = points.flatten(0, 1).split(BATCH)
    per_piece = targets if isinstance(targets, tuple) else [targets] * len(pieces)
    found = [saliency(net, *piece) for piece in zip(pieces, per_piece, strict=True)]
    return torch.cat(found).view(points.shape)


def _check_count(count, name):
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"{name}: expected a whole number of at least 1, got {count!r}")
