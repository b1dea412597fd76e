"""Detection as a set: each object gets exactly one of the net's predictions, at the least cost in all."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ..checks import check_number, check_size, check_tensor
from .boxes import box_convert, check_boxes, check_labels, generalized_box_iou


def hungarian_match(
    logits: Tensor,
    boxes: Tensor,
    labels: Tensor,
    objects: Tensor,
    size: int | tuple[int, int],
    weights: tuple[float, float, float] = (1, 5, 2),
) -> tuple[Tensor, Tensor]:
    """(queries, objects), LongTensors (m,): query queries[i] shall predict object objects[i]; the others, "no object".

    logits: (q, classes + 1) of one image, the last class being "no object". boxes: (q, 4) px as predicted. labels:
    integer (m,); objects: (m, 4) px, m <= q. size: (h, w) of the image. weights: of class, L1 and GIoU in the cost.
    The pairs are in the order of the queries. Errors: ValueError. Source: Carion et al. (2020), section 3.1.
    """
    cost = matching_cost(logits, boxes, labels, objects, size, weights)
    if len(objects) > len(logits):
        raise ValueError(f"objects: expected at most {len(logits)}, one a query, got {len(objects)}")
    pairs = linear_sum_assignment(cost.detach().cpu().numpy())
    queries, found = (torch.as_tensor(each, device=logits.device) for each in pairs)
    return queries, found


def matching_cost(
    logits: Tensor,
    boxes: Tensor,
    labels: Tensor,
    objects: Tensor,
    size: int | tuple[int, int],
    weights: tuple[float, float, float] = (1, 5, 2),
) -> Tensor:
    """What it costs to give each object to each query: (q, m). Arguments and errors as `hungarian_match`.

    -weights[0] * probability of the object's class + weights[1] * L1 distance of (centre, width, height), as shares of
    the image, - weights[2] * GIoU.
    """
    check_tensor(logits, "logits", ("q", "classes"))
    check_boxes(boxes, "boxes"), check_boxes(objects, "objects")
    check_tensor(boxes, "boxes", (len(logits), 4))
    labels = check_labels(labels, "labels", objects, logits.shape[1] - 1)
    if not isinstance(weights, tuple | list) or len(weights) != 3:
        raise ValueError(f"weights: expected three numbers (class, L1, GIoU), got {weights!r}")
    [check_number(weight, "weights") for weight in weights]
    height, width = check_size(size)
    whole = boxes.new_tensor([width, height, width, height])
    a, b = (box_convert(each, "xyxy", "cxcywh") / whole for each in (boxes, objects))
    distance = (a[:, None] - b[None]).abs().sum(2)
    by_class = logits.softmax(1)[:, labels]
    return -weights[0] * by_class + weights[1] * distance - weights[2] * generalized_box_iou(boxes, objects)
