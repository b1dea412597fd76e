"""Deletion and insertion: take the hottest pixels away, or bring them in, and watch the score."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..checks import check_count, check_images, check_seed, check_share, check_tensor


def flip_pixels(
    score: Callable[[Tensor], Tensor],
    images: Tensor,
    heatmaps: Tensor,
    fill: float | Tensor,
    steps: int = 16,
    insert: bool = False,
    seed: int = 0,
) -> Tensor:
    """The score (n, steps + 1) as ever more pixels are replaced, the hottest first.

    score: a function from images (m, 3, h, w) to numbers (m,), m = n (steps + 1), an image's steps in a row; batch
    inside if it must be. images: (n, 3, h, w). heatmaps: (n, h, w). fill: images (n, 3, h, w), or a number in [0, 1]:
    what a pixel becomes (deletion), or what the picture begins as (insert=True). After step k the share k / steps is
    done. Pixels of equal heat go in random order, the same for all maps, so a constant map is the chance level.
    The mean of a curve is its area: for deletion low is good, for insertion high. Errors: ValueError.
    Source: Petsiuk, Das, Saenko (2018), RISE, algorithm 1. Differs: equal steps, and the fill is the caller's.
    """
    images = check_images(images, range01=True)
    n, _, h, w = images.shape
    check_tensor(heatmaps, "heatmaps", (n, h, w))
    check_count(steps, "steps", 1, h * w)
    rank = _ranks(heatmaps.flatten(1), check_seed(seed)).to(images.device)
    limits = torch.linspace(0, h * w, steps + 1).round().to(rank.device)
    hot = (rank[:, None] < limits[:, None]).view(n, steps + 1, 1, h, w)
    first, second = (_filled(fill, images), images) if insert else (images, _filled(fill, images))
    pictures = torch.where(hot, second[:, None], first[:, None])  # (n, steps + 1, 3, h, w)
    return scores_of(score, pictures.flatten(0, 1)).view(n, steps + 1)


def scores_of(score: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """score(images), one finite number for each image. Errors: ValueError."""
    if not callable(score):
        raise ValueError(f"score: expected a function from images to numbers, got {type(score).__name__}")
    found = torch.as_tensor(score(images)).detach()
    if found.shape != (len(images),) or not torch.isfinite(found).all():
        wanted = f"{len(images)} finite numbers ({len(images)},), one for each image"
        raise ValueError(f"score: expected {wanted}, got shape {tuple(found.shape)}")
    return found


def _ranks(heat, seed):
    """The place of each pixel (n, h w) in the order from hot to cold; equal ones in a random order."""
    draws = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(heat.shape[1], generator=draws).to(heat.device)
    order = shuffled[heat[:, shuffled].argsort(dim=1, descending=True, stable=True)]
    places = torch.arange(heat.shape[1], device=heat.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)


def _filled(fill, images):
    """The fill as images. Errors: ValueError."""
    if isinstance(fill, Tensor) and fill.ndim:
        check_tensor(fill, "fill", images.shape)
        return check_images(fill.to(images), range01=True, name="fill")
    return torch.full_like(images, float(check_share(fill, "fill")))
