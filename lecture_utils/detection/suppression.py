"""Non-maximum suppression: of boxes that overlap only the best is kept."""

import numpy as np
import torch
from torch import Tensor

from ..checks import check_share
from .boxes import check_boxes, check_labels, check_rows, overlap, share


def nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Which boxes are kept: LongTensor (k,), the highest score first; of equal scores the lower index comes first.

    boxes: (n, 4) px. scores: (n,). A box goes when its IoU with a kept one of higher score is above the threshold.
    Errors: ValueError. Source: Felzenszwalb et al. (2010), section 6.2, with IoU as the overlap.
    """
    check_boxes(boxes, "boxes"), check_rows(scores, "scores", boxes), check_share(threshold, "threshold")
    order = scores.argsort(descending=True, stable=True)
    suppressed_by = (
        (share(*overlap(boxes[order], boxes[order])) > threshold).cpu().numpy()
    )  # (n, n), in that order
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
