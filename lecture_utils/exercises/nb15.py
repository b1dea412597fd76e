"""Exercises of notebook 15: YOLO's targets, the focal loss, the matching of a set, and the peaks of a heatmap."""

import numpy as np
import torch
from scipy.ndimage import maximum_filter
from scipy.optimize import linear_sum_assignment
from scipy.special import log_expit

from .exercise import Exercise, normal, uniform


@Exercise("""
15.1 · The cell that is responsible
against: numpy, cell by cell: which is the first box whose centre lies here?
praise: Each object is asked of one cell alone, and a second object in it is lost.
hint: The centre in cells: at = (x0 + x1, y0 + y1) / 2 / side * cells. Its whole part is the cell, column first.
    The row of the targets is y. x and y in the cell are what is left of `at`: at % 1.
hint: Width and height are shares of the image, and the root of each is learned: ((x1 - x0) / side) ** 0.5.
    Fill a cell only if its last number is still 0.
wrong: row and column have changed places: the row is y
    targets[row, column -> targets[column, row
wrong: x and y are still those of the grid; in the cell they lie in [0, 1)
    at % 1 -> at
wrong: width and height are learned as they are, so a px of a small box counts no more than one of a large box
    ** 0.5 ->
wrong: the upper left corner chooses the cell; the centre does
    (box[:2] + box[2:]) / 2 -> box[:2]
wrong: a second object in a cell has taken the place of the first
    if targets[row, column, 4] == 0: -> if True:
""")
def my_targets(boxes, side, cells):
    """YOLO's targets (cells, cells, 5) of boxes (n, 4) in a square image of side px, without the classes."""
    targets = torch.zeros(cells, cells, 5)
    for box in boxes:
        at = (box[:2] + box[2:]) / 2 / side * cells
        column, row = at.long().tolist()
        if targets[row, column, 4] == 0:
            size = ((box[2:] - box[:2]) / side) ** 0.5
            targets[row, column] = torch.cat([at % 1, size, torch.ones(1)])
    return targets


def some_scenes():
    yield torch.tensor([[8.0, 36.0, 24.0, 60.0], [2.0, 34.0, 20.0, 50.0]]), 64.0, 2
    low = 40 * uniform(8, 2)
    yield torch.cat([low, 2 * low + 6 + 10 * uniform(8, 2, seed=1)], 1), 128.0, 4


@my_targets.expect(some_scenes)
def cell_by_cell(boxes, side, cells):
    targets, at = np.zeros((cells, cells, 5)), (boxes[:, :2] + boxes[:, 2:]) * cells / side / 2
    for row, column in np.ndindex(cells, cells):
        for n in np.flatnonzero((at // 1 == (column, row)).all(1))[:1]:
            size = np.sqrt((boxes[n, 2:] - boxes[n, :2]) / side)
            targets[row, column] = [*(at[n] - (column, row)), *size, 1]
    return targets


@Exercise("""
15.2 · The focal loss
against: the formula with scipy's log_expit, the objects and the backgrounds each by themselves
praise: What is easy weighs little, and all is counted for each object, not for each anchor.
hint: p = logits.sigmoid(), and p_t = torch.where(targets == 1, p, 1 - p): the probability of what is true.
hint: -log p_t stays finite as softplus of minus the logit for an object, of the logit for background.
hint: alpha weighs the objects, 1 - alpha the backgrounds. Sum over all anchors, and divide by the number of objects.
wrong: the hard anchors are weighed down: the weight is (1 - p_t) ** gamma
    (1 - p_t) ** gamma -> p_t**gamma
wrong: p is the probability of an object in all anchors; of a background what is true has 1 - p
    p_t = torch.where(there, p, 1 - p) -> p_t = p
wrong: the backgrounds have weight alpha, too; theirs is 1 - alpha
    torch.where(there, alpha, 1 - alpha) -> alpha
wrong: this is the mean over the anchors; thousands of easy ones would divide: divide by the objects
    .sum() / there.sum() -> .mean()
""")
def my_focal_loss(logits, targets, alpha, gamma):
    """The focal loss of all anchors (n,) in nats for each object: a number. targets: integer (n,), 1 for an object."""
    there, p = targets == 1, logits.sigmoid()
    p_t = torch.where(there, p, 1 - p)
    cross_entropy = torch.nn.functional.softplus(torch.where(there, -logits, logits))
    weight = torch.where(there, alpha, 1 - alpha) * (1 - p_t) ** gamma
    return (weight * cross_entropy).sum() / there.sum()


def some_anchors():
    yield torch.tensor([2.0, -1.0, -3.0]), torch.tensor([1, 0, 0]), 0.25, 2.0
    yield torch.tensor([-90.0, 0.5, 80.0]), torch.tensor([1, 0, 0]), 0.75, 1.0
    yield 3 * normal(400) - 2, (uniform(400, seed=1) < 0.1).long(), 0.25, 2.0


@my_focal_loss.expect(some_anchors)
def kind_by_kind(logits, targets, alpha, gamma):
    objects, others = logits[targets == 1], -logits[targets == 0]
    losses = [-(np.exp(log_expit(-each)) ** gamma * log_expit(each)).sum() for each in (objects, others)]
    return (alpha * losses[0] + (1 - alpha) * losses[1]) / len(objects)


@Exercise("""
15.3 · Each object its own query
against: scipy's linear_sum_assignment, the Hungarian algorithm
praise: All queries are compared at once, and none is given twice. At 100 queries nobody could try all orders.
hint: from itertools import permutations inside your function; permutations(range(q), m) goes through all ways to give
    m objects m different queries.
hint: With ways as a tensor (ways, m), cost[ways, torch.arange(m)].sum(1) is what each costs: take the argmin.
wrong: each object takes its cheapest query, and two may take the same: no query can be two objects
    return ways[cost[ways, torch.arange(m)].sum(1).argmin()] -> return cost.argmin(0)
wrong: one object after the other takes the best query that is free; the first ones take what later ones need more
    .sum(1) -> .double().mul(0.001 ** torch.arange(m)).sum(1)
wrong: this is the dearest way: it is a cost
    .argmin() -> .argmax()
""")
def my_match(cost):
    """The query of each object, so that all together cost least: LongTensor (m,). cost: (queries, objects), q >= m."""
    from itertools import permutations

    q, m = cost.shape
    ways = torch.tensor(list(permutations(range(q), m)))  # (ways, m)
    return ways[cost[ways, torch.arange(m)].sum(1).argmin()]


def some_costs():
    yield torch.tensor([[1.0, 2.0, 5.0], [2.0, 6.0, 7.0], [4.0, 5.0, 6.5]])
    yield uniform(6, 4, seed=1)


@my_match.expect(some_costs)
def hungarian(cost):
    return linear_sum_assignment(cost.T)[1]


@Exercise("""
15.4 · Objects are peaks
against: scipy's maximum_filter, and a sort in numpy
praise: One 3 x 3 maximum does the work of NMS, and no boxes are compared.
hint: torch.nn.functional.max_pool2d(heatmap[None], 3, stride=1, padding=1)[0] is the largest of each 3 x 3. A peak is
    where the heatmap equals it.
hint: (heatmap * peaks).flatten().topk(most).indices are the places of the highest, counted row by row and class by
    class: place % (h * w) // w is the row, place % w the column.
hint: x, y, w, h = sizes[:, row, column]; the centre is ((column + x) * stride, (row + y) * stride).
wrong: without the 3 x 3 maximum the neighbours of a high peak come before the next object
    heatmap * peaks -> heatmap
wrong: the offset is missing: centres are then known to a whole position, stride px, only
    column + x, row + y -> column + 0 * x, row + 0 * y
wrong: width and height are in px already: stride belongs to the centre alone
    torch.stack([w, h], 1) / 2 -> torch.stack([w, h], 1) / 2 * stride
wrong: row and column have changed places: x comes from the column
    column + x, row + y -> row + x, column + y
""")
def my_peaks(heatmap, sizes, stride, most):
    """The boxes (most, 4) in px of the highest peaks, the highest first, x0, y0, x1, y1."""
    _, h, w = heatmap.shape
    peaks = heatmap == torch.nn.functional.max_pool2d(heatmap[None], 3, stride=1, padding=1)[0]
    places = (heatmap * peaks).flatten().topk(most).indices
    row, column = places % (h * w) // w, places % w
    x, y, w, h = sizes[:, row, column]
    centre, half = torch.stack([column + x, row + y], 1) * stride, torch.stack([w, h], 1) / 2
    return torch.cat([centre - half, centre + half], 1)


def some_heatmaps():
    heatmap = torch.tensor([[[0.2, 0.9, 0.7, 0.1], [0.1, 0.8, 0.3, 0.2], [0.1, 0.2, 0.4, 0.6]]])
    yield heatmap, torch.full((4, 3, 4), 0.5), 4, 2
    yield heatmap, uniform(4, 3, 4), 4, 2
    yield heatmap.flip(2), uniform(4, 3, 4, seed=1), 2, 1
    yield torch.nn.functional.avg_pool2d(uniform(2, 11, 13), 3, 1), uniform(4, 9, 11, seed=2), 8, 5


@my_peaks.expect(some_heatmaps)
def by_scipy(heatmap, sizes, stride, most):
    found = heatmap == maximum_filter(heatmap, (1, 3, 3), mode="constant")
    best = np.argwhere(found)[np.argsort(-heatmap[found])[:most]]
    x, y, w, h = np.transpose([sizes[:, row, column] for _, row, column in best])
    x, y = stride * (best[:, 2] + x), stride * (best[:, 1] + y)
    return np.column_stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
