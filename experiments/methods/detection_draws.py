"""Average precision again and again, of other draws of the same images: each image is matched only once."""

import numpy as np
import torch

from lecture_utils.detection import box_iou
from lecture_utils.detection.boxes import area
from lecture_utils.detection.precision import by_score, match_detections

from ..studies.zf_correspondence import span

IOUS = [round(0.5 + 0.05 * k, 2) for k in range(10)]


def overlaps(found: list, truth: list) -> list[tuple]:
    """Of each image IoU (d, g), scores (d,), labels (d,) and areas (d,), by falling score; labels (g,), areas (g,)."""
    rows = []
    for answers, (objects, own) in zip(found, truth, strict=True):
        (boxes, scores, labels), objects = by_score(*answers), objects.double()
        rows.append((box_iou(boxes, objects), scores, labels, area(boxes), own, area(objects)))
    return rows


def matched(images: list[tuple], label: int, ious: list, area_range=(0, np.inf)) -> tuple:
    """What AP of one class looks at, as `mean_average_precision` does. images: of `overlaps`.

    Result, for d detections by falling score: image (d,), score (d,), hit and counted, bool (ious, d); and how many
    objects (n,) each image has.
    """
    first = (torch.zeros(0).long(), torch.zeros(0).double(), *2 * [torch.zeros(len(ious), 0).bool()])
    parts, objects = [first], torch.zeros(len(images)).double()
    for n, (iou, scores, labels, sizes, own, own_sizes) in enumerate(images):
        mine, theirs = labels == label, own == label
        outside, other = (
            (some < area_range[0]) | (some > area_range[1]) for some in (sizes[mine], own_sizes[theirs])
        )
        objects[n] = (~other).sum()
        if mine.any():
            iou, ignored = iou[mine][:, theirs], torch.cat([other, other.new_zeros(1)]).tolist()
            match = torch.stack([match_detections(iou, each, "coco", ignored[:-1]) for each in ious])
            counted = ~torch.where(match >= 0, torch.tensor(ignored)[match], outside)
            parts.append((torch.full((len(iou),), n), scores[mine], match >= 0, counted))
    image, scores, hits, counted = (torch.cat(each, -1) for each in zip(*parts, strict=True))
    order = scores.argsort(descending=True, stable=True)
    return image[order], scores[order], hits[:, order], counted[:, order], objects


def precisions(
    images: list[tuple], classes: list, weights, ious=IOUS, area_range=(0, np.inf)
) -> torch.Tensor:
    """AP (classes, ious, draws). weights: float64 (draws, n), how often each image counts; NaN without objects."""
    rows = []
    for label in classes:
        image, _, hits, counted, objects = matched(images, label, ious, area_range)
        each, there = weights[:, image], weights @ objects
        for right, seen in zip(hits & counted, counted, strict=True):
            answers = (each * seen).cumsum(1)[:, right]  # the curve's upper ends are at the hits
            rows.append(average_precision(each[:, right].cumsum(1), answers, there))
    return torch.stack(rows).view(len(classes), len(ious), -1)


def average_precision(hits, answers, objects) -> torch.Tensor:
    """COCO's AP (draws,). hits, answers: float64 (draws, h), how many until each hit; objects: (draws,)."""
    best = (hits / answers.clamp(min=1)).flip(1).cummax(1).values.flip(1)
    points = torch.from_numpy(np.linspace(0, 1, 101)).expand(len(hits), -1).contiguous()
    at = torch.searchsorted((hits / objects[:, None].clamp(min=1)).contiguous(), points)
    found = torch.cat([best, best.new_zeros(len(best), 1)], 1).gather(1, at).mean(1)
    return torch.where(objects > 0, found, torch.nan)


def interval(values) -> list[float]:
    """[value, low, high] of values (1 + draws,): the first, and the middle 95% of the others, moved to have its mean.

    Unmoved they lie too high: a draw holds copies of scenes, and AP of copies is higher than that of new scenes.
    """
    return span(values[0], values[1:] - values[1:].mean() + values[0])


def best_threshold(images: list[tuple]) -> tuple[float, float]:
    """(score, F1): the score from which on detections of all classes together have the best F1 at an IoU of .5."""
    labels = torch.cat([each[k] for each in images for k in (2, 4)]).unique().tolist()
    each = [matched(images, label, [0.5]) for label in labels]
    score, hit = torch.cat([one[1] for one in each]), torch.cat([one[2][0] for one in each])
    order = score.argsort(descending=True, stable=True)
    f1 = 2 * hit[order].double().cumsum(0)
    f1 /= torch.arange(1, len(order) + 1) + sum(one[-1].sum() for one in each)
    return (float(score[order][f1.argmax()]), float(f1.max())) if len(order) else (1.0, 0.0)
