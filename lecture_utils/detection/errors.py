"""What is wrong with a detection: the place, the class, both, or is nothing there?"""

import torch
from torch import Tensor

from ..checks import check_share
from .boxes import box_iou
from .precision import by_score, check_images_of, match_detections

ERROR_TYPES = ("correct", "localisation", "confusion", "both", "duplicate", "background")


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
