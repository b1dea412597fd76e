"""Deletion and insertion: take the hottest pixels away, or bring them in, and watch the score."""

import torch

from ..checks import check_count, check_images, check_seed, check_share


def flip_pixels(score, images, heatmaps, fill, steps=16, insert=False, seed=0):
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
    check_count(steps, "steps", 1, h * w)
    if not isinstance(heatmaps, torch.Tensor) or not heatmaps.is_floating_point():
        raise ValueError(f"heatmaps: expected a floating tensor {(n, h, w)}, got {type(heatmaps).__name__}")
    if heatmaps.shape != (n, h, w) or not torch.isfinite(heatmaps).all():
        raise ValueError(f"heatmaps: expected finite numbers {(n, h, w)}, got shape {tuple(heatmaps.shape)}")
    fill = _filled(fill, images)
    draws = torch.Generator().manual_seed(check_seed(seed))
    shuffled = torch.randperm(h * w, generator=draws).to(heatmaps.device)
    order = heatmaps.flatten(1)[:, shuffled].argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(
        1, shuffled[order], torch.arange(h * w, device=order.device).expand(n, -1)
    )
    limits = torch.linspace(0, h * w, steps + 1).round().to(rank.device)
    hot = (rank[:, None] < limits[:, None]).view(n, steps + 1, 1, h, w).to(images.device)
    first, second = (fill, images) if insert else (images, fill)
    pictures = torch.where(hot, second[:, None], first[:, None])  # (n, steps + 1, 3, h, w)
    scores = torch.as_tensor(score(pictures.flatten(0, 1)))
    if scores.shape != (n * (steps + 1),) or not torch.isfinite(scores).all():
        raise ValueError(f"score: expected {n * (steps + 1)} finite numbers, got shape {tuple(scores.shape)}")
    return scores.view(n, steps + 1)


def _filled(fill, images):
    """The fill as images. Errors: ValueError."""
    if isinstance(fill, torch.Tensor) and fill.ndim:
        if fill.shape != images.shape:
            raise ValueError(f"fill: expected shape {tuple(images.shape)}, got {tuple(fill.shape)}")
        return check_images(fill.to(images), range01=True, name="fill")
    return torch.full_like(images, float(check_share(fill, "fill")))
