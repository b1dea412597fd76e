"""Anchors: boxes laid over each image alike; a net says which of them hold an object, and how to move them."""

import math

import torch
from torch import Tensor

from ..checks import check_count, check_number, check_share, check_size, check_tensor
from .boxes import box_iou, check_boxes

BACKGROUND, IGNORED = -1, -2  # instead of the index of an object
LARGEST = math.log(1000 / 16)  # a side grows at most so much: exp of any number must stay finite


def anchors(
    size: int | tuple[int, int],
    stride: int = 16,
    scales: tuple = (128, 256, 512),
    ratios: tuple = (0.5, 1.0, 2.0),
) -> Tensor:
    """Anchors (rows * columns * len(scales) * len(ratios), 4) in px, around the middle of each stride x stride cell.

    size: (h, w) of the image; rows = h / stride, rounded up, as padded layers do. An anchor has the area scale^2, and
    its ratio is h / w. Order: rows, columns, scales, ratios. Some reach over the edge of the image.
    Errors: ValueError. Source: Ren et al. (2015), section 3.1.1. Differs: nothing is rounded.
    """
    stride = check_count(stride, "stride")
    for name, values in (("scales", scales), ("ratios", ratios)):
        if not isinstance(values, tuple | list) or not values:
            raise ValueError(f"{name}: expected one or more numbers in a tuple, got {values!r}")
        [check_number(value, name, above=True) for value in values]
    rows, columns = (math.ceil(side / stride) for side in check_size(size))
    heights = torch.tensor([scale * ratio**0.5 for scale in scales for ratio in ratios])
    widths = torch.tensor([scale / ratio**0.5 for scale in scales for ratio in ratios])
    around = torch.stack([-widths, -heights, widths, heights], 1) / 2  # (9, 4), around 0, 0
    y, x = ((torch.arange(n) + 0.5) * stride for n in (rows, columns))
    y, x = torch.meshgrid(y, x, indexing="ij")
    centres = torch.stack([x, y, x, y], 2)  # (rows, columns, 4)
    return (centres[:, :, None] + around).reshape(-1, 4)


def match_anchors(anchors: Tensor, boxes: Tensor, high: float = 0.7, low: float = 0.3) -> Tensor:
    """What each anchor shall find: LongTensor (n,), the index of an object, or -1 for background, or -2 for ignored.

    anchors: (n, 4), boxes: (m, 4) of the objects, px. An anchor's object is the one of highest IoU: from `high` on it
    is found, below `low` the anchor is background, between them the anchor is left out of the loss. The best anchors
    of each object count as well, however low their IoU is (but above 0): otherwise a small object would have none.
    Errors: ValueError. Source: Ren et al. (2015), section 3.1.2. Differs: where the best anchor of one object overlaps
    another one more, it takes that one, as the authors' code and torchvision's do.
    """
    check_boxes(anchors, "anchors"), check_boxes(boxes, "boxes", positive=True)
    if check_share(low, "low") > check_share(high, "high"):
        raise ValueError(f"low, high: expected low <= high, got {low} and {high}")
    iou = box_iou(anchors, boxes)
    if iou.numel() == 0:
        return torch.full((len(anchors),), BACKGROUND, device=anchors.device)
    best, index = iou.max(1)
    best_of_object = iou.amax(0)  # (m,)
    rescued = ((iou == best_of_object) & (best_of_object > 0)).any(1)
    found = torch.where(best < low, BACKGROUND, torch.where(best < high, IGNORED, index))
    return torch.where(rescued, index, found)


def encode_boxes(boxes: Tensor, anchors: Tensor) -> Tensor:
    """How far each anchor must move to become its box: (n, 4), without unit.

    boxes, anchors: (n, 4) px, none empty. t = ((x - xa) / wa, (y - ya) / ha, log(w / wa), log(h / ha)), where x, y is
    the centre. Errors: ValueError. Source: Ren et al. (2015), equation 2.
    """
    check_boxes(boxes, "boxes", positive=True), check_boxes(anchors, "anchors", positive=True)
    _check_pairs(boxes, "boxes", anchors)
    (centre, size), (home, scale) = _centre_size(boxes), _centre_size(anchors)
    return torch.cat([(centre - home) / scale, (size / scale).log()], 1)


def decode_boxes(deltas: Tensor, anchors: Tensor) -> Tensor:
    """The boxes (n, 4) px that anchors become when they move by deltas (n, 4): the inverse of `encode_boxes`.

    Errors: ValueError. Source: as there. Differs: a side grows at most 62.5 times (Detectron's bound).
    """
    check_tensor(deltas, "deltas", ("n", 4), empty=True)
    _check_pairs(deltas, "deltas", check_boxes(anchors, "anchors", positive=True))
    home, scale = _centre_size(anchors)
    centre = home + deltas[:, :2] * scale
    half = deltas[:, 2:].clamp(max=LARGEST).exp() * scale / 2
    return torch.cat([centre - half, centre + half], 1)


def _centre_size(boxes):
    low, high = boxes.split(2, dim=1)
    return (low + high) / 2, high - low


def _check_pairs(values, name, anchors):
    if len(values) != len(anchors):
        raise ValueError(f"{name}: expected one for each of the {len(anchors)} anchors, got {len(values)}")
