"""Boxes around what is hot. A box is x0, y0, x1, y1 in px, its right and lower edge exclusive."""

import numpy as np
import torch
from scipy.ndimage import label
from torch import Tensor

from ..checks import check_share, check_tensor
from .localise import check_masks


def box_of(heatmaps: Tensor, share: float) -> Tensor:
    """Boxes (n, 4) around the largest connected region that is hotter than share x the map's maximum.

    heatmaps: floating (n, h, w). share: 0 <= share < 1; the papers take .20 for CAM and .15 for Grad-CAM. Pixels that
    touch at a corner are connected. Of regions of equal size the one that begins first counts. A map without positive
    heat has no region: 0, 0, 0, 0. The result is a LongTensor on the heatmaps' device. Errors: ValueError.
    Source: Zhou et al. (2016), section 3.2; Selvaraju et al. (2017), section 4.1.
    """
    check_tensor(heatmaps, "heatmaps", ("n", "h", "w"))
    if check_share(share, "share") == 1:
        raise ValueError("share: expected a number below 1, got 1")
    top = heatmaps.amax((1, 2), keepdim=True)
    return boxes_of_masks(_largest_region((heatmaps > share * top) & (heatmaps > 0)))


def boxes_of_masks(masks: Tensor) -> Tensor:
    """The smallest box (n, 4) around all pixels of each mask, bool or 0/1 (n, h, w); of an empty one 0, 0, 0, 0."""
    masks = check_masks(masks, "masks")
    found = []
    for along in (masks.any(1), masks.any(2)):  # columns, rows
        along = along.long()
        last = along.shape[1] - along.flip(1).argmax(1)
        found.append((along.argmax(1), last * along.amax(1)))
    (x0, x1), (y0, y1) = found
    return torch.stack([x0, y0, x1, y1], 1)


def box_iou(boxes_a: Tensor, boxes_b: Tensor) -> Tensor:
    """Intersection over union (n,) of the n-th box with the n-th box; boxes (n, 4). Two empty boxes score 0.

    Errors: ValueError.
    """
    check_tensor(boxes_a, "boxes_a", ("n", 4), "any")
    check_tensor(boxes_b, "boxes_b", boxes_a.shape, "any")
    low, high = torch.maximum(boxes_a[:, :2], boxes_b[:, :2]), torch.minimum(boxes_a[:, 2:], boxes_b[:, 2:])
    both = (high - low).clamp(min=0).prod(1).double()
    union = _area(boxes_a) + _area(boxes_b) - both
    return torch.where(union > 0, both / union.clamp(min=1e-12), 0)


def _area(boxes):
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1).double()


def _largest_region(hot):
    """Only the largest connected region of each mask (n, h, w); of equal ones the first, row by row."""
    kept = torch.zeros_like(hot)
    for n, one in enumerate(hot.cpu().numpy()):
        pieces, count = label(one, structure=np.ones((3, 3)))
        if count:
            largest = np.bincount(pieces.ravel())[1:].argmax() + 1
            kept[n] = torch.from_numpy(pieces == largest)
    return kept
