"""Boxes: their formats, how much two of them overlap, and which of many that overlap are kept."""

import numpy as np
import torch
from torch import Tensor

from ..checks import check_choice, check_share, check_size, check_tensor

FORMATS = ("xyxy", "xywh", "cxcywh")


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """The same boxes (n, 4) in another format.

    in_fmt, out_fmt: "xyxy" (corners), "xywh" (upper left corner, width, height) or "cxcywh" (centre, width, height).
    Errors: ValueError; UnknownName for a format that is none of these.
    """
    check_choice(in_fmt, FORMATS, "in_fmt"), check_choice(out_fmt, FORMATS, "out_fmt")
    first, second = check_tensor(boxes, "boxes", ("n", 4), empty=True).split(2, dim=1)  # (n, 2) each
    if in_fmt == "xyxy":
        low, high = first, second
    else:
        low = first if in_fmt == "xywh" else first - second / 2
        high = low + second
    check_boxes(torch.cat([low, high], 1), "boxes")
    size = high - low
    if out_fmt == "xyxy":
        return torch.cat([low, high], 1)
    return torch.cat([low if out_fmt == "xywh" else low + size / 2, size], 1)


def box_iou(boxes_a: Tensor, boxes_b: Tensor) -> Tensor:
    """Intersection over union (n, m) of every box of boxes_a (n, 4) with every one of boxes_b (m, 4), in [0, 1].

    Where both are empty it is 0. Errors: ValueError. Source: Jaccard (1901).
    """
    check_boxes(boxes_a, "boxes_a"), check_boxes(boxes_b, "boxes_b")
    both, union = overlap(boxes_a, boxes_b)
    return share(both, union)


def generalized_box_iou(boxes_a: Tensor, boxes_b: Tensor) -> Tensor:
    """IoU less the share of the smallest box around both that neither of them fills: (n, m) in [-1, 1].

    It still has a slope where two boxes do not touch. Where the box around both is empty it is 0.
    Errors: ValueError. Source: Rezatofighi et al. (2019), algorithm 1.
    """
    check_boxes(boxes_a, "boxes_a"), check_boxes(boxes_b, "boxes_b")
    both, union = overlap(boxes_a, boxes_b)
    low = torch.minimum(boxes_a[:, None, :2], boxes_b[None, :, :2])
    high = torch.maximum(boxes_a[:, None, 2:], boxes_b[None, :, 2:])
    around = (high - low).prod(2)
    return share(both, union) - share(around - union, around)


def clip_boxes(boxes: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Boxes (n, 4) cut off at the edges of an image of size (h, w) in px. One that lies outside becomes empty.

    Errors: ValueError.
    """
    height, width = check_size(size)
    x0, y0, x1, y1 = check_boxes(boxes, "boxes").unbind(1)
    return torch.stack([x0.clamp(0, width), y0.clamp(0, height), x1.clamp(0, width), y1.clamp(0, height)], 1)


def overlap(boxes_a, boxes_b):
    """Areas in px: of the intersection (n, m), and of the union (n, m). Unchecked."""
    low = torch.maximum(boxes_a[:, None, :2], boxes_b[None, :, :2])  # (n, m, 2)
    high = torch.minimum(boxes_a[:, None, 2:], boxes_b[None, :, 2:])
    both = (high - low).clamp(min=0).prod(2)
    return both, area(boxes_a)[:, None] + area(boxes_b) - both


def area(boxes):
    """Areas (n,) in px^2. Unchecked."""
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)


def share(part, whole):
    """part / whole, and 0 where the whole is 0."""
    return part / torch.where(whole > 0, whole, 1)


def nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Which boxes are kept: LongTensor (k,), the highest score first; of equal scores the lower index comes first.

    boxes: (n, 4) px. scores: (n,). A box goes when its IoU with a kept one of higher score is above the threshold.
    Errors: ValueError. Source: Felzenszwalb et al. (2010), section 6.2, with IoU as the overlap.
    """
    check_boxes(boxes, "boxes"), check_rows(scores, "scores", boxes), check_share(threshold, "threshold")
    order = scores.argsort(descending=True, stable=True)
    iou = share(*overlap(boxes[order], boxes[order]))
    suppressed_by = (iou > threshold).cpu().numpy()  # (n, n), in that order
    gone, kept = np.zeros(len(order), bool), []
    for i in range(len(order)):
        if not gone[i]:
            kept.append(i)
            gone |= suppressed_by[i]
    return order[kept]


def batched_nms(boxes: Tensor, scores: Tensor, labels: Tensor, threshold: float) -> Tensor:
    """`nms` in each class by itself: a dog does not suppress a cat. labels: integer (n,).

    Errors: ValueError.
    """
    check_boxes(boxes, "boxes"), check_rows(scores, "scores", boxes)
    labels = check_labels(labels, "labels", boxes)
    kept = [torch.arange(0, device=boxes.device)]
    for label in labels.unique():
        of_class = (labels == label).nonzero()[:, 0]
        kept.append(of_class[nms(boxes[of_class], scores[of_class], threshold)])
    kept = torch.cat(kept).sort().values
    return kept[scores[kept].argsort(descending=True, stable=True)]


def check_boxes(boxes: Tensor, name: str, positive: bool = False) -> Tensor:
    """Boxes (n, 4), n >= 0, none of them inverted; `positive`: none of them empty. Errors: ValueError."""
    check_tensor(boxes, name, ("n", 4), empty=True)
    sides = boxes[:, 2:] - boxes[:, :2]
    bad = ((sides <= 0) if positive else (sides < 0)).any(1)
    if bad.any():
        wanted = "x0 < x1 and y0 < y1" if positive else "x0 <= x1 and y0 <= y1"
        found = [round(value, 3) for value in boxes[bad][0].tolist()]
        raise ValueError(
            f"{name}: expected {wanted} in px, got {found}: is it another format? see box_convert"
        )
    return boxes


def check_rows(values: Tensor, name: str, boxes: Tensor, kind: str = "floating") -> Tensor:
    """One value a box: (n,), finite. Errors: ValueError."""
    return check_tensor(values, name, (len(boxes),), kind, empty=True)


def check_labels(labels: Tensor, name: str, boxes: Tensor, classes: int | None = None) -> Tensor:
    """One class a box: integer (n,), each in 0 .. classes - 1. Errors: ValueError."""
    check_rows(labels, name, boxes, "integer")
    if len(labels) and (labels.min() < 0 or (classes is not None and labels.max() >= classes)):
        known = "classes from 0" if classes is None else f"classes 0 .. {classes - 1}"
        raise ValueError(f"{name}: expected {known}, got {labels.min()} .. {labels.max()}")
    return labels.long()
