"""Average precision of detections, as PASCAL VOC and COCO measure it; and what kinds of errors they make."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..checks import check_choice, check_count, check_number, check_share
from .boxes import area, box_iou, check_boxes, check_labels, check_rows

STYLES = ("coco", "voc", "voc07")
ERROR_TYPES = ("correct", "localisation", "confusion", "both", "duplicate", "background")


class MeanAP(NamedTuple):
    """mean: the mean of the table. table: AP (thresholds, classes), float64 in [0, 1]. classes: their labels."""

    mean: float
    table: Tensor
    classes: Tensor


def mean_average_precision(
    found: list,
    truth: list,
    thresholds: float | list = 0.5,
    style: str = "coco",
    area_range: tuple[float, float] = (0, math.inf),
    most: int = 100,
) -> MeanAP:
    """Average precision of each class at each threshold of IoU, and the mean of all: `MeanAP`.

    found: for each image (boxes (d, 4), scores (d,), labels (d,)). truth: for each image (boxes (g, 4), labels (g,)).
    Classes are those of the truth; without any the mean is NaN. style: "coco" (101 recalls), "voc" (the whole area
    below the curve), "voc07" (11 recalls); VOC also matches in another way, see `match_detections`. area_range: px^2;
    objects outside count neither as found nor as missed, nor do unmatched boxes outside. most: boxes of each class in
    each image that count. COCO's own mean takes thresholds .5, .55, ... .95. Errors: ValueError, UnknownName.
    Source: Everingham et al. (2010); pycocotools. Differs: VOC counts pixels, so its boxes are 1 px wider.
    """
    thresholds = thresholds if isinstance(thresholds, tuple | list) else [thresholds]
    [check_share(t, "thresholds", above=True) for t in thresholds], check_choice(style, STYLES, "style")
    if not isinstance(area_range, tuple | list) or len(area_range) != 2:
        raise ValueError(f"area_range: expected two numbers, the least and the most px^2, got {area_range!r}")
    check_number(area_range[0], "area_range"), check_count(most, "most")
    if area_range[1] != math.inf:
        check_number(area_range[1], "area_range", area_range[0])
    check_images_of(found, truth)
    classes = torch.cat([torch.zeros(0).long(), *[labels.cpu().long() for _, labels in truth]]).unique()
    table, counted = torch.zeros(len(thresholds), len(classes), dtype=torch.float64), []
    for column, label in enumerate(classes.tolist()):
        images = [_of_class(f, t, label, area_range, most) for f, t in zip(found, truth, strict=True)]
        counted.append(any((~outside).any() for *_, outside in images))
        for row, threshold in enumerate(thresholds):
            table[row, column] = _average_precision(images, threshold, style)
    table, classes = table[:, counted], classes[counted]
    return MeanAP(table.mean().item() if table.numel() else math.nan, table, classes)


def match_detections(
    iou: Tensor, threshold: float, style: str = "coco", ignored: list[bool] | None = None
) -> Tensor:
    """The object that each detection has found, or -1: LongTensor (d,).

    iou: (d, g), the detection of the highest score first. ignored: (g,), objects that do not count.
    COCO: the best object that is still free, from the threshold on, and one that counts before one that does not.
    VOC: the best object, above the threshold; where another detection has it, this one has found nothing.
    """
    taken, match = set(), []
    ignored = [False] * iou.shape[1] if ignored is None else ignored
    for row in iou.tolist():
        if style == "coco":
            free = [g for g, value in enumerate(row) if value >= min(threshold, 1 - 1e-10) and g not in taken]
            best = max(free, key=lambda g: (not ignored[g], row[g], g), default=-1)
        else:
            best = max(range(len(row)), key=row.__getitem__, default=-1)
            best = best if best >= 0 and row[best] > threshold and best not in taken else -1
        if best >= 0 and (style == "coco" or not ignored[best]):
            taken.add(best)
        match.append(best)
    return torch.tensor(match, dtype=torch.long)


def precision_recall(right: Tensor, objects: int) -> tuple[Tensor, Tensor]:
    """Precision and recall (d,) after each detection. right: bool (d,), the highest score first. objects: how many."""
    hits = right.double().cumsum(0)
    return hits / torch.arange(1, len(right) + 1), hits / objects


def area_under(precision: Tensor, recall: Tensor, style: str = "coco") -> float:
    """The area below the curve, whose precision is first made to fall: at each recall the best from there on.

    "voc": exact. "coco", "voc07": the mean at 101 or 11 recalls from 0 to 1, and 0 where the curve does not reach.
    """
    best = precision.flip(0).cummax(0).values.flip(0) if len(precision) else precision
    if style == "voc":
        return (best * recall.diff(prepend=torch.zeros(1))).sum().item()
    points = torch.from_numpy(np.linspace(0, 1, 101 if style == "coco" else 11))
    return torch.cat([best, torch.zeros(1)])[torch.searchsorted(recall, points)].mean().item()


def check_images_of(found: list, truth: list) -> None:
    """Both have the same images, and each boxes, scores and labels that belong together. Errors: ValueError."""
    for name, images, parts in (("found", found, 3), ("truth", truth, 2)):
        each_fits = isinstance(images, tuple | list) and all(
            isinstance(each, tuple | list) and len(each) == parts for each in images
        )
        if not each_fits:
            what = "(boxes, scores, labels)" if parts == 3 else "(boxes, labels)"
            raise ValueError(f"{name}: expected a list with {what} for each image")
        for boxes, *values in images:
            (
                check_boxes(boxes, name, positive=name == "truth"),
                check_labels(values[-1], f"{name}: labels", boxes),
            )
            if parts == 3:
                check_rows(values[0], f"{name}: scores", boxes)
    if len(found) != len(truth):
        raise ValueError(f"found, truth: expected the same images in both, got {len(found)} and {len(truth)}")


def by_score(boxes: Tensor, scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same detections on the CPU, the highest score first, boxes and scores in float64."""
    order = scores.argsort(descending=True, stable=True)
    return boxes[order].cpu().double(), scores[order].cpu().double(), labels[order].cpu().long()


def _of_class(found, truth, label, area_range, most):
    """One class in one image: IoU (d, g), scores (d,), and which found and true boxes are of another size."""
    boxes, scores, labels = by_score(*found)
    mine = (labels == label).nonzero()[:most, 0]
    objects = truth[0][truth[1] == label].cpu().double()
    outside = [(area(each) < area_range[0]) | (area(each) > area_range[1]) for each in (boxes[mine], objects)]
    return box_iou(boxes[mine], objects), scores[mine], *outside


def _average_precision(images, threshold, style):
    scores, right, counts = [], [], []
    for iou, score, outside, objects_outside in images:
        match = match_detections(iou, threshold, style, objects_outside.tolist())
        hit = match >= 0
        ignored = outside.clone()
        ignored[hit] = objects_outside[match[hit]]
        scores.append(score), right.append(hit), counts.append(~ignored)
    order = torch.cat(scores).argsort(descending=True, stable=True)
    right = torch.cat(right)[order][torch.cat(counts)[order]]
    objects = sum(int((~objects_outside).sum()) for *_, objects_outside in images)
    return area_under(*precision_recall(right, max(objects, 1)), style)


def error_types(
    found: list, truth: list, high: float = 0.5, low: float = 0.1
) -> tuple[list[Tensor], list[Tensor]]:
    """(kinds, missed): for each image LongTensor (d,), the place of each detection in `ERROR_TYPES`; and bool (g,).

    found, truth: as `mean_average_precision`. A detection that has found its object at IoU >= high (COCO's matching) is
    correct. Else, the first that holds: localisation: low <= IoU < high with an object of its class; confusion: IoU >=
    high with one of another class; duplicate: IoU >= high with one of its class that another has found; background: IoU
    < low with all; both: what is left. missed: nothing found it, nor is it the object of a localisation or confusion.
    Errors: ValueError. Source: Bolya et al. (2020), section 2.2, in the order of the authors' code.
    """
    if not 0 < check_share(low, "low") < check_share(high, "high"):
        raise ValueError(f"low, high: expected 0 < low < high, got {low} and {high}")
    check_images_of(found, truth)
    pairs = [_in_image(f, t, high, low) for f, t in zip(found, truth, strict=True)]
    return [kinds for kinds, _ in pairs], [missed for _, missed in pairs]


def _in_image(found, truth, high, low):
    boxes, _, labels = by_score(*found)
    objects, classes = truth[0].cpu().double(), truth[1].cpu()
    iou, same = box_iou(boxes, objects), labels[:, None] == classes
    match = match_detections(torch.where(same, iou, -1), high)
    kinds, excused = torch.zeros(len(boxes), dtype=torch.long), set(match.tolist())
    for d in (match < 0).nonzero()[:, 0].tolist():
        kinds[d], objects_near = _kind(iou[d], same[d], high, low)
        excused |= objects_near
    order = found[1].cpu().argsort(descending=True, stable=True)
    missed = torch.tensor([g not in excused for g in range(len(objects))], dtype=torch.bool)
    return torch.zeros_like(kinds).scatter(0, order, kinds), missed  # in the order in which they came


def _kind(iou, same, high, low):
    """(place in ERROR_TYPES, the objects that it is about) of a detection that has found nothing."""
    own, other = (torch.cat([torch.where(mask, iou, -1), iou.new_full((1,), -1)]) for mask in (same, ~same))
    if low <= own.max() < high:
        return ERROR_TYPES.index("localisation"), {int(own.argmax())}
    if other.max() >= high:
        return ERROR_TYPES.index("confusion"), {int(other.argmax())}
    if own.max() >= high:
        return ERROR_TYPES.index("duplicate"), set()
    return ERROR_TYPES.index("background" if max(own.max(), other.max()) < low else "both"), set()
