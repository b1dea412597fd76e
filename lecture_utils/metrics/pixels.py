"""Deletion and insertion: take the hottest pixels away, or bring them in, and watch the score."""

import torch

from ..checks import check_images


def flip_pixels(score, images, heatmaps, fill, steps=16, insert=False, seed=0):
    """The score (n, steps + 1) as ever more pixels are replaced, the hottest first.

    score: a function from images (m, 3, h, w) to numbers (m,), m = n (steps + 1), an image's steps in a row; batch
    inside if it must be. images: (n, 3, h, w). heatmaps: (n, h, w). fill: images (n, 3, h, w), or a number in [0, 1]:
    what a pixel becomes (deletion), or what the picture begins as (insert=True). After step k the share k / steps is
    done. Pixels of equal heat go in random order, the same for all maps, so a constant map is the chance level.
    The mean of a curve is its area: for deletion low is good, for insertion high. Errors: ValueError.
    Source: Petsiuk, Das, Saenko (2018), RISE, algorithm 1. Differs: equal steps, and the fill is the caller's.
    """
    check_images(images)
    n, _, h, w = images.shape
    if heatmaps.shape != (n, h, w) or not torch.isfinite(heatmaps).all():
        raise ValueError(f"heatmaps: expected finite numbers {(n, h, w)}, got shape {tuple(heatmaps.shape)}")
    fill = torch.as_tensor(fill, dtype=images.dtype, device=images.device).expand(images.shape)
    shuffled = torch.randperm(h * w, generator=torch.Generator().manual_seed(seed)).to(heatmaps.device)
    order = heatmaps.flatten(1)[:, shuffled].argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(
        1, shuffled[order], torch.arange(h * w, device=order.device).expand(n, -1)
    )
    limits = torch.linspace(0, h * w, steps + 1).round().to(rank.device)
    hot = (rank[:, None] < limits[:, None]).view(n, steps + 1, 1, h, w).to(images.device)
    first, second = (fill, images) if insert else (images, fill)
    pictures = torch.where(hot, second[:, None], first[:, None])  # (n, steps + 1, 3, h, w)
    return score(pictures.flatten(0, 1)).view(n, steps + 1)
