"""Is the heat on the object? Plausibility: these scores ask where a heatmap lies, not whether the net uses it.

Beside them the floors, maps that know nothing of the net, and the ceiling, a map that knows the answer.
Heatmaps are floating (n, h, w), larger is hotter (take the absolute value yourself if sign does not matter); masks bool
or 0/1 (n, h, w). Errors, everywhere: ValueError.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_count, check_images, check_tensor


def pointing_game(heatmaps: Tensor, masks: Tensor) -> Tensor:
    """bool (n,): does the hottest pixel lie in the mask?

    Where several pixels are equally hot, all of them must lie in the mask: nobody gets a hit by the order of pixels. So
    a constant map is a miss, whatever the mask.
    Source: Zhang et al. (2016), section 4.1. Differs: no tolerance around the mask.
    """
    heatmaps, masks = checked(heatmaps, masks)
    top = heatmaps.amax((1, 2), keepdim=True)
    flat = heatmaps.amin((1, 2)) == top[:, 0, 0]
    return ((heatmaps < top) | masks).all(2).all(1) & ~flat


def mass_in_mask(heatmaps: Tensor, masks: Tensor) -> Tensor:
    """Share (n,) of the positive heat that lies in the mask, in [0, 1]; chance is the mask's share of the image.

    Negative values count as 0; a map without positive heat scores 0.
    Source: Arras, Osman, Samek (2022), CLEVR-XAI: relevance mass accuracy.
    """
    heatmaps, masks = checked(heatmaps, masks)
    tiny = torch.finfo(heatmaps.dtype).tiny
    heat = heatmaps.clamp(min=0)
    heat = heat / heat.amax((1, 2), keepdim=True).clamp(min=tiny)  # sums stay finite
    whole, inside = heat.sum((1, 2)), (heat * masks).sum((1, 2))
    return torch.where(whole > 0, inside / whole.clamp(min=tiny), 0)


def iou(masks_a: Tensor, masks_b: Tensor) -> Tensor:
    """Intersection over union (n,) of two masks each. Two empty masks score 0."""
    a, b = check_masks(masks_a, "masks_a"), check_masks(masks_b, "masks_b")
    if a.shape != b.shape:
        raise ValueError(f"masks_b: expected shape {tuple(a.shape)} as masks_a, got {tuple(b.shape)}")
    union = (a | b).sum((1, 2))
    return (a & b).sum((1, 2)) / union.clamp(min=1)


# --- floors and ceiling ---


def centre_map(images: Tensor) -> Tensor:
    """Heat (n, h, w) that falls from 1 in the middle to 0 in the corners: "point at the centre"."""
    check_images(images)
    n, _, h, w = images.shape
    y, x = (torch.linspace(-1, 1, s, dtype=images.dtype, device=images.device) for s in (h, w))
    distance = (y[:, None].square() + x.square()).sqrt() / 2**0.5
    return (1 - distance).expand(n, h, w).clone()


def sobel_map(images: Tensor) -> Tensor:
    """Strength of the edges (n, h, w) of the grey images: what a map looks like that knows only edges.

    Source: Sobel, Feldman (1968): the two 3 x 3 kernels, and the length of the two answers.
    """
    grey = check_images(images).mean(1, keepdim=True)
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=grey.dtype, device=grey.device)
    kernels = torch.stack([across, across.T])[:, None]  # (2, 1, 3, 3)
    return F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), kernels).square().sum(1).sqrt()


def coarse_mask(masks: Tensor, rows: int, columns: int) -> Tensor:
    """The true masks seen at a map's own size rows x columns and enlarged as maps are: the ceiling.

    Each cell holds the share of its pixels that lie in the mask. float32 (n, h, w) in [0, 1].
    """
    masks = check_masks(masks, "masks").float()[:, None]
    cells = F.adaptive_avg_pool2d(masks, (check_count(rows, "rows"), check_count(columns, "columns")))
    return F.interpolate(cells, masks.shape[2:], mode="bilinear", align_corners=False)[:, 0]


def check_masks(masks: Tensor, name: str) -> Tensor:
    """bool (n, h, w) from bool or 0/1. Errors: ValueError."""
    check_tensor(masks, name, ("n", "h", "w"), "any")
    if masks.dtype != torch.bool and not ((masks == 0) | (masks == 1)).all():
        hint = "a mask of objects or parts? use masks == value"
        raise ValueError(f"{name}: expected bool, or only 0 and 1; {hint}")
    return masks.bool()


def checked(heatmaps, masks):
    """The heatmaps, and the masks as bool on the same device."""
    check_tensor(heatmaps, "heatmaps", ("n", "h", "w"))
    masks = check_masks(masks, "masks")
    if masks.shape != heatmaps.shape:
        hint = ": enlarge the heatmap first" if len(masks) == len(heatmaps) else ""
        wanted = f"{tuple(heatmaps.shape)} as the heatmaps"
        raise ValueError(f"masks: expected shape {wanted}, got {tuple(masks.shape)}{hint}")
    return heatmaps.detach(), masks.to(heatmaps.device)
