"""Objects as points: the centre of each is a peak in the heatmap of its class."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_count, check_share, check_size, check_tensor
from .boxes import check_boxes, check_labels


def center_heatmap(
    boxes: Tensor,
    labels: Tensor,
    size: int | tuple[int, int],
    classes: int,
    stride: int = 4,
    iou: float = 0.7,
) -> Tensor:
    """The targets of one image: (classes, h / stride, w / stride), rounded up, in [0, 1]; exactly 1 at each centre.

    boxes: (n, 4) px, none empty, centres inside the image. labels: integer (n,). size: (h, w) of the image, px.
    Around each centre falls a Gaussian of standard deviation (2 r + 1) / 6, r = `peak_radius`; where two of a class
    meet, the larger value counts. Errors: ValueError.
    Source: Zhou, Wang, Kraehenbuehl (2019), section 3. Differs: the Gaussian is not cut off at r.
    """
    at, rows, columns = _positions(boxes, size, stride)
    labels = check_labels(labels, "labels", boxes, check_count(classes, "classes"))
    heatmap = boxes.new_zeros(classes, rows, columns)
    radii = peak_radius(boxes / stride, iou)
    y, x = torch.arange(rows).to(boxes)[:, None], torch.arange(columns).to(boxes)
    for label, (column, row), radius in zip(
        labels.tolist(), at.floor().tolist(), radii.tolist(), strict=True
    ):
        sigma = (2 * radius + 1) / 6
        peak = (-((y - row) ** 2 + (x - column) ** 2) / (2 * sigma**2)).exp()
        heatmap[label] = torch.maximum(heatmap[label], peak)
    return heatmap


def peak_radius(boxes: Tensor, iou: float = 0.7) -> Tensor:
    """How far, (n,) in whole positions, both corners of a box may move while its IoU with the true one stays >= iou.

    The box that shrinks by r at each edge loses most: (w - 2 r)(h - 2 r) = iou w h, solved for r and rounded down.
    boxes: (n, 4) in positions. Errors: ValueError. Source: Law, Deng (2018), section 3.1, the strictest of its cases.
    """
    check_share(iou, "iou", above=True)
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    half = (width + height) / 2
    return ((half - (half**2 - (1 - iou) * width * height).sqrt()) / 2).floor()


def center_regression(boxes: Tensor, size: int | tuple[int, int], stride: int = 4) -> Tensor:
    """What else the net shall say at each centre: (4, h / stride, w / stride), 0 everywhere else.

    Channels: x and y from the position to the centre, in positions, [0, 1); width and height of the box, px. Of two
    objects at one position the later counts. Arguments and errors as `center_heatmap`. Source: as there.
    """
    at, rows, columns = _positions(boxes, size, stride)
    values = boxes.new_zeros(4, rows, columns)
    for box, where in zip(boxes, at, strict=True):
        column, row = where.long().tolist()
        values[:, row, column] = torch.cat([where % 1, box[2:] - box[:2]])
    return values


def center_decode(
    heatmap: Tensor, regression: Tensor, stride: int = 4, most: int = 100
) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes (k, 4) px, scores (k,) and labels (k,), the highest score first: each peak of the heatmap is an object.

    heatmap: (classes, h, w), probabilities. regression: (4, h, w), as `center_regression`. A peak is not below any of
    its 8 neighbours, and above 0; k <= most of them are taken. No other suppression. Errors: ValueError.
    Source: Zhou, Wang, Kraehenbuehl (2019), section 3.1.
    """
    check_tensor(heatmap, "heatmap", ("classes", "h", "w"))
    check_tensor(regression, "regression", (4, *heatmap.shape[1:]))
    peaks = heatmap == F.max_pool2d(heatmap[None], 3, stride=1, padding=1)[0]
    flat = (heatmap.clamp(min=0) * peaks).flatten()
    scores, index = flat.topk(min(check_count(most, "most"), len(flat)))
    index, scores = index[scores > 0], scores[scores > 0]
    rows, columns = heatmap.shape[1:]  # by hand: torch.unravel_index imports sympy, which takes seconds
    labels, row, column = index // (rows * columns), index // columns % rows, index % columns
    x, y, width, height = regression[:, row, column]
    centre = torch.stack([column + x, row + y], 1) * check_count(stride, "stride")
    half = torch.stack([width, height], 1).clamp(min=0) / 2
    return torch.cat([centre - half, centre + half], 1), scores, labels


def _positions(boxes, size, stride):
    """Centres (n, 2) as x, y in positions of the heatmap, and its rows and columns."""
    check_boxes(boxes, "boxes", positive=True), check_count(stride, "stride")
    height, width = check_size(size)
    at = boxes.unflatten(1, (2, 2)).mean(1)
    if (at < 0).any() or (at >= at.new_tensor([width, height])).any():
        raise ValueError(f"boxes: expected centres inside the image of {height} x {width} px: see clip_boxes")
    return at / stride, math.ceil(height / stride), math.ceil(width / stride)
