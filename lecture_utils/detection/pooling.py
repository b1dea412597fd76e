"""A box of any size becomes features of one size: RoI pooling, and RoI align, which does not round."""

import torch
from torch import Tensor

from ..checks import check_count, check_number, check_size, check_tensor
from .boxes import check_boxes, check_rows


def roi_pool(
    features: Tensor, boxes: Tensor, which: Tensor, size: int | tuple = 7, stride: float = 16
) -> Tensor:
    """The largest value in each of rows x columns bins of each box: (k, c, rows, columns).

    features: (n, c, h, w). boxes: (k, 4) in px of the image. which: integer (k,), the image of each box. size: (rows,
    columns). stride: px of the image for one position. Edges are rounded twice, to positions and to bins, so the last
    position is included, and bins may share one. A bin outside the features is 0. Errors: ValueError.
    Source: Girshick (2015), section 2.1. Differs: bins in whole numbers (the usual floats round up now and then).
    """
    rows, columns = _checked(features, boxes, which, size, stride)
    scaled = boxes / stride
    x0, y0, x1, y1 = (
        ((scaled.abs() + 0.5).floor() * scaled.sign()).long().T.tolist() if len(boxes) else [[]] * 4
    )
    pooled = features.new_zeros(len(boxes), features.shape[1], rows, columns)
    for k, image in enumerate(which.tolist()):
        for row, (top, bottom) in enumerate(_bins(y0[k], y1[k], rows, features.shape[2])):
            for column, (left, right) in enumerate(_bins(x0[k], x1[k], columns, features.shape[3])):
                if top < bottom and left < right:
                    pooled[k, :, row, column] = features[image, :, top:bottom, left:right].amax((1, 2))
    return pooled


def _bins(start, last, count, side):
    """[(first, end)] of each bin along one side: floor and ceiling of its edges, cut off at the features."""
    length = max(last - start + 1, 1)
    edges = [(start + i * length // count, start - (-(i + 1) * length // count)) for i in range(count)]
    return [(min(max(first, 0), side), min(max(end, 0), side)) for first, end in edges]


def roi_align(
    features: Tensor,
    boxes: Tensor,
    which: Tensor,
    size: int | tuple = 7,
    stride: float = 16,
    sampling_ratio: int = 2,
    aligned: bool = True,
) -> Tensor:
    """The mean of sampling_ratio^2 points in each bin of each box, interpolated: (k, c, rows, columns).

    Arguments as `roi_pool`. sampling_ratio: 0 takes as many points as a bin has positions, rounded up. aligned: a
    position's value stands at its middle, half a position from its edge; False is how it was first done, when boxes
    also had at least one position. Points more than one position outside are 0. Errors: ValueError.
    Source: He et al. (2017), section 3. Differs: in a bilinear mean rows and columns separate, so each box is two
    matrix products.
    """
    bins = _checked(features, boxes, which, size, stride)
    check_count(sampling_ratio, "sampling_ratio", 0)
    scaled, least = boxes.double().cpu() / stride - (0.5 if aligned else 0), 0 if aligned else 1
    (x0, y0, x1, y1), (*_, height, width) = scaled.T, features.shape
    rows = _weights(y0, y1, bins[0], height, sampling_ratio, least)  # (k, rows, h)
    columns = _weights(x0, x1, bins[1], width, sampling_ratio, least)  # (k, columns, w)
    maps = features.unbind()
    pooled = [features.new_zeros(0, features.shape[1], *bins)]
    each = zip(rows.to(features), columns.to(features).mT, which.tolist(), strict=True)
    pooled += [(row @ maps[image] @ column)[None] for row, column, image in each]
    return torch.cat(pooled)


def _weights(start, end, bins, side, samples, least):
    """What each position weighs in each bin along one side: (k, bins, side). A hat around each point interpolates."""
    length = (end - start).clamp(min=least)
    counts = (
        (length / bins).ceil().clamp(min=1).long() if samples == 0 else torch.full((len(start),), samples)
    )
    weights = start.new_zeros(len(start), bins, side)
    for count in counts.unique().tolist():  # boxes with as many points a bin
        some = counts == count
        steps = (torch.arange(bins * count) + 0.5) / (bins * count)
        points = start[some, None] + steps * length[some, None]  # (boxes, bins * count)
        hat = (1 - (points.clamp(0, side - 1)[..., None] - torch.arange(side)).abs()).clamp(min=0)
        hat = hat * ((points >= -1) & (points <= side))[..., None]
        weights[some] = hat.unflatten(1, (bins, count)).mean(2)
    return weights


def _checked(features, boxes, which, size, stride):
    """(rows, columns), when all arguments are right."""
    check_tensor(features, "features", ("n", "c", "h", "w")), check_boxes(boxes, "boxes")
    check_number(stride, "stride", above=True), check_rows(which, "which", boxes, "integer")
    if len(which) and (which.min() < 0 or which.max() >= len(features)):
        raise ValueError(
            f"which: expected images 0 .. {len(features) - 1}, got {which.min()} .. {which.max()}"
        )
    return check_size(size)
