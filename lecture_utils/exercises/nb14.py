"""Exercises of notebook 14: intersection over union, non-maximum suppression, RoI pooling, average precision."""

import numpy as np
import torch
from torchvision.ops import box_iou

from .exercise import Exercise, normal, uniform


@Exercise("""
14.1 · How much two boxes overlap
against: torchvision.ops.box_iou
praise: Boxes that do not touch share nothing, however far apart they are.
hint: The left edge of the intersection is the larger of both left edges, its right edge the smaller of both right
    edges; up and down alike. All pairs at once: torch.maximum(a[:, None, :2], b[None, :, :2]) is (n, m, 2).
hint: Where boxes do not touch, right minus left is below 0: clamp(min=0) *before* width times height. The union is
    area + area - intersection, as the sum has counted the intersection twice.
wrong: boxes that do not touch have negative sides, and two negatives multiply to an area: clamp each side at 0
    .clamp(min=0) ->
wrong: the sum of both areas holds the intersection twice: subtract it once
    - both) -> - 0 * both)
wrong: the smaller area divides, not the union: then any box inside another one would be a perfect match
    both / (area(a)[:, None] + area(b) - both) -> both / torch.minimum(area(a)[:, None], area(b))
wrong: a pixel is added to each side, as PASCAL VOC's code does; here the right and lower edges are exclusive
    (high - low) -> (high - low + 1)
    (boxes[:, 2:] - boxes[:, :2]) -> (boxes[:, 2:] - boxes[:, :2] + 1)
""")
def my_iou(a, b):
    """Intersection over union of each box of a (n, 4) with each of b (m, 4): (n, m). Boxes: x0, y0, x1, y1 in px."""

    def area(boxes):
        return (boxes[:, 2:] - boxes[:, :2]).prod(1)

    low = torch.maximum(a[:, None, :2], b[None, :, :2])  # (n, m, 2)
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    both = (high - low).clamp(min=0).prod(2)
    return both / (area(a)[:, None] + area(b) - both)


def some_pairs():
    yield torch.tensor([[1.0, 1.0, 5.0, 5.0], [0.0, 0.0, 2.0, 2.0]]), torch.tensor([[3.0, 3.0, 8.0, 6.0]])
    low = 4 * uniform(9, 2)
    boxes = torch.cat([low, 2 * low + 1 + 6 * uniform(9, 2, seed=1)], 1)
    yield boxes[:6], boxes[6:]


my_iou.expect(some_pairs, in_numpy=False)(lambda a, b: box_iou(a, b))


@Exercise("""
14.2 · Non-maximum suppression
against: a loop in numpy that takes the best, drops what it suppresses, and goes on with the rest
praise: A box that is gone suppresses nobody any more.
hint: order = scores.argsort(descending=True). Go through it from the best box on.
hint: Keep a box when none of those *kept so far* overlaps it too much: iou[kept, n] > threshold for none of them.
    Exactly at the threshold is not above it. Return torch.tensor(kept): the places in the list as it was given.
wrong: a box that is gone still suppresses others: only those that are kept do
    iou[kept, n] -> iou[order[: (order == n).nonzero()[0, 0]], n]
wrong: the boxes come in the order in which they were given, not the highest score first
    scores.argsort(descending=True) -> torch.arange(len(scores))
wrong: a box at exactly the threshold goes; only above it
    iou[kept, n] > threshold -> iou[kept, n] >= threshold
""")
def my_nms(iou, scores, threshold):
    """Which boxes are kept, the highest score first: LongTensor (k,). iou: (n, n), of all boxes with each other."""
    order, kept = scores.argsort(descending=True), []
    for n in order.tolist():
        if not (iou[kept, n] > threshold).any():
            kept.append(n)
    return torch.tensor(kept)


def some_rankings():
    chain = [[1.0, 0.6, 0.1, 0.5], [0.6, 1.0, 0.6, 0.0], [0.1, 0.6, 1.0, 0.0], [0.5, 0.0, 0.0, 1.0]]
    yield torch.tensor(chain), torch.tensor([0.9, 0.8, 0.7, 0.95]), 0.5
    for n in 7, 12:
        table = uniform(n, n)
        yield torch.minimum(table, table.T) + torch.eye(n), uniform(n, seed=1), 0.4


@my_nms.expect(some_rankings)
def best_and_rest(iou, scores, threshold):
    kept, rest = [], np.arange(len(scores))
    while len(rest):
        best = rest[scores[rest].argmax()]
        kept.append(best)
        rest = rest[(rest != best) & (iou[best, rest] <= threshold)]
    return kept


@Exercise("""
14.3 · RoI pooling of one box
against: numpy, which asks of each position by itself whether it reaches into the bin
praise: A box of any size becomes size x size numbers a channel, and no position of it is left out.
hint: From px to positions: (box / stride + 0.5).floor(), as whole numbers x0, y0, x1, y1. The position x1 belongs to
    the region, which is x1 - x0 + 1 wide.
hint: Bin i begins at x0 + floor(i * width / size) and ends before x0 + ceil((i + 1) * width / size), so bins may share
    a position. Whole numbers do it: i * width // size, and -(-(i + 1) * width // size).
hint: The result of a bin is features[:, top:bottom, left:right].amax((1, 2)), one number a channel.
wrong: the last position is left out: the region is x1 - x0 + 1 positions wide
    width, height = x1 - x0 + 1, y1 - y0 + 1 -> width, height = x1 - x0, y1 - y0
wrong: the edges of the box are rounded down to positions, not to the nearest ones
    + 0.5 -> + 0
wrong: the end of a bin is rounded down: a position between two bins then belongs to the second alone
    y0 - (-(i + 1) * height // size) -> y0 + (i + 1) * height // size
    x0 - (-(j + 1) * width // size) -> x0 + (j + 1) * width // size
wrong: this is the mean of each bin; RoI pooling takes its largest value
    .amax( -> .mean(
wrong: x and y have changed places: the rows of the features are y
    x0, y0, x1, y1 -> y0, x0, y1, x1
""")
def my_roi_pool(features, box, stride, size):
    """The largest value in each of size x size bins of one box (4,) in px: (channels, size, size)."""
    x0, y0, x1, y1 = (box / stride + 0.5).floor().long().tolist()
    width, height = x1 - x0 + 1, y1 - y0 + 1
    pooled = torch.zeros(len(features), size, size)
    for i in range(size):
        top, bottom = y0 + i * height // size, y0 - (-(i + 1) * height // size)
        for j in range(size):
            left, right = x0 + j * width // size, x0 - (-(j + 1) * width // size)
            pooled[:, i, j] = features[:, top:bottom, left:right].amax((1, 2))
    return pooled


def some_regions():
    by_hand = torch.tensor([[[1.0, 2, 0, 3], [4, 1, 5, 0], [0, 7, 2, 6], [8, 0, 1, 9]]])
    yield by_hand, torch.tensor([7.0, 10.0, 25.0, 22.0]), 8, 2
    yield normal(1, 5, 5), torch.tensor([5.0, 5.0, 30.0, 21.0]), 8, 2
    yield normal(2, 5, 5, seed=1), torch.tensor([4.0, 9.0, 14.0, 16.0]), 4, 2
    yield normal(6, 12, 16), torch.tensor([10.0, 13.0, 57.0, 43.0]), 4, 3


@my_roi_pool.expect(some_regions)
def position_by_position(features, box, stride, size):
    x0, y0, x1, y1 = np.floor(box / stride + 0.5)

    def reaching(start, last, side, n):
        place, length = np.arange(side) - start, last - start + 1
        inside = (place >= 0) & (place < length)
        return inside & (place * size < (n + 1) * length) & ((place + 1) * size > n * length)

    rows = [reaching(y0, y1, features.shape[1], n) for n in range(size)]
    columns = [reaching(x0, x1, features.shape[2], n) for n in range(size)]
    return [[[one[np.ix_(row, column)].max() for column in columns] for row in rows] for one in features]


@Exercise("""
14.4 · Average precision
against: numpy, object by object: what is the best precision at which so many of them are found?
praise: Objects that no box has found count as well: there the curve is 0.
hint: Sort by score, the highest first. Then hits = right.cumsum(0): so many of the first k boxes are right.
hint: Precision is hits / (1, 2, 3, ...). Recall is hits / objects: all objects, found or not.
hint: Precision must not rise again: each box takes the best from there on, precision.flip(0).cummax(0).values.flip(0).
hint: The area: each step in recall times its precision. A step is 1 / objects where a box is right, else 0.
wrong: the boxes are not sorted by score
    scores.argsort(descending=True) -> torch.arange(len(scores))
wrong: precision still goes up and down: at each box the best that is yet to come counts
    .flip(0).cummax(0).values.flip(0) ->
wrong: you divide by the number of objects that were found; those that were missed must count
    / objects -> / hits[-1]
""")
def my_ap(scores, right, objects):
    """The area below the precision-recall curve of one class: a number in [0, 1]."""
    right = right[scores.argsort(descending=True)].float()
    hits = right.cumsum(0)
    precision = hits / torch.arange(1, len(hits) + 1)
    best = precision.flip(0).cummax(0).values.flip(0)
    return (best * right).sum() / objects


def some_detections():
    yield torch.tensor([0.3, 0.9, 0.5, 0.8]), torch.tensor([True, True, True, False]), 5
    yield uniform(30, seed=3), uniform(30, seed=4) < 0.4, 20


@my_ap.expect(some_detections)
def object_by_object(scores, right, objects):
    hits = right[np.argsort(-scores)].cumsum()
    precision = hits / np.arange(1, len(hits) + 1)
    return np.mean([max(precision[hits >= n], default=0) for n in range(1, objects + 1)])
