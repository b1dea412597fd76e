"""Exercises of notebook 03, activations and patches: fields, patches, overlap, and average precision."""

import numpy as np
import torch
from sklearn.metrics import average_precision_score

from .exercise import Exercise, uniform


@Exercise("""
03.1 · How far does a unit see?
against: the pixels that a chain of ones reaches
praise: Size, step and left edge are those of the pixels that really reach the unit.
hint: Keep three numbers. An image's own pixel: size 1, stride 1, offset 0.
hint: A kernel of k sees k - 1 neighbours more, and they lie `stride` px apart: size grows by (k - 1) * stride, with
    the stride *before* this layer.
hint: Padding moves the first unit to the left by padding * stride. Last of all the stride is multiplied.
wrong: the stride is left out: behind a stride of s, one place more is s pixels more
    (kernel - 1) * step -> kernel - 1
    padding * step -> padding
wrong: the stride is multiplied before it is used: a layer's own stride moves only the layers above it
    step *= stride ->
    size += -> step *= stride; size +=
wrong: each kernel adds k instead of k - 1: one of the k places was seen before
    (kernel - 1) * step -> kernel * step
wrong: the offset is right of the border: padding moves the first unit to the *left*, so it is negative
    offset -= -> offset +=
""")
def my_field(layers):
    """What a unit sees behind these layers: LongTensor [size, stride, offset], px."""
    size, step, offset = 1, 1, 0
    for kernel, stride, padding in layers.tolist():
        size += (kernel - 1) * step
        offset -= padding * step
        step *= stride
    return torch.tensor([size, step, offset])


def some_nets():
    small = [[3, 2, 1], [3, 1, 1]]
    alex = [[11, 4, 2], [2, 2, 0], [3, 1, 1], [3, 1, 1], [3, 1, 1], [3, 1, 1]]
    krizhevsky = [[11, 4, 2], [3, 2, 0], [5, 1, 2], [3, 2, 0], [3, 1, 1], [3, 1, 1], [3, 1, 1]]
    return map(torch.tensor, (small, [[5, 1, 0], [2, 2, 1]], alex, krizhevsky, [*small, [2, 2, 0]]))


@my_field.expect(some_nets)
def by_walking_down(layers):
    edges = np.array([[0, 0], [1, 1]])  # units 0 and 1: first and last place they need, ever farther down
    for kernel, stride, padding in layers[::-1]:
        edges = edges * stride - padding + [0, kernel - 1]
    (first, last), (other, _) = edges
    return [last - first + 1, other - first, first]


@Exercise("""
03.2 · Cut the patch
picture: yes
against: numpy's pad and one slice
praise: That is all the unit sees, grey where it looks over the border.
hint: Where is the strongest unit? int(map.argmax()) counts row by row: divide by the number of columns.
hint: Its square begins at offset + stride * row from above, and at offset + stride * column from the left. Rows go
    with the second axis of the image (3, h, w), columns with the third.
hint: Instead of four cases at the border: make an image of .5 that is `size` px larger on each side, put the image
    into its middle, and slice that; each edge is then `size` px further.
wrong: row and column are exchanged: in the flat number the *columns* of a row come one after another
    row, column = -> column, row =
    (size, size, size, size) -> [9 * size] * 4
    * row + size -> * row + 9 * size
    * column + size -> * column + 9 * size
wrong: the offset is forgotten: unit 0 does not begin at pixel 0
    offset + stride -> stride
wrong: over the border stands black; it should be grey, .5, which says that nothing is known
    value=0.5 -> value=0
wrong: at the border the square is pushed into the image: then it shows pixels that the unit does not see
    row, column = divmod(int(map.argmax()), map.shape[1])
    top = min(max(offset + stride * row, 0), image.shape[1] - size)
    left = min(max(offset + stride * column, 0), image.shape[2] - size)
    return image[:, top : top + size, left : left + size]
""")
def my_patch(image, map, size, stride, offset):
    """The pixels (3, size, size) that the strongest unit of a map sees, .5 where its field reaches over the border."""
    row, column = divmod(int(map.argmax()), map.shape[1])
    wide = torch.nn.functional.pad(image, (size, size, size, size), value=0.5)
    top, left = offset + stride * row + size, offset + stride * column + size
    return wide[:, top : top + size, left : left + size]


def some_maps():
    tiny = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.9, 1.0, 0.0, 0.2]])
    yield tiny.expand(3, 3, 4).contiguous(), torch.tensor([[0.0, 3.0], [1.0, 3.0]]), 2, 2, 0
    yield uniform(3, 4, 4), torch.tensor([[3.0, 0.0], [1.0, 2.0]]), 3, 2, -1
    layers = (4, 6, 7, 3, -2), (5, 3, 5, 4, 1), (3, 5, 9, 6, -6)
    for seed, (rows, columns, size, stride, offset) in enumerate(layers):
        image = uniform(3, stride * rows + 2, stride * columns + 2, seed=seed)
        yield image, uniform(rows, columns, seed=9), size, stride, offset


@my_patch.expect(some_maps)
def by_pad_and_slice(image, map, size, stride, offset):
    row, column = np.unravel_index(np.argmax(map), map.shape)
    wide = np.pad(image, [(0, 0), (size, size), (size, size)], constant_values=0.5)
    top, left = (size + offset + stride * place for place in (row, column))
    return wide[:, top : top + size, left : left + size]


@Exercise("""
03.3 · Does this channel detect that part?
against: numpy, one pixel after another
praise: One threshold for all images, and one intersection over one union.
hint: There is one threshold for all images together: flatten everything before you look for it.
hint: A share of n values are int(share * n) values. The threshold is the next largest after them, and the channel
    says yes where it is *above*: maps.flatten().topk(int(share * n) + 1).values[-1].
hint: Count intersection and union over all images, and divide once. A mean of the images' own ratios would count an
    image without the part as much as one full of it.
wrong: each image has a threshold of its own, so a channel says yes also where there is nothing to see
    maps.flatten() -> maps.flatten(1)
    len(values) -> values.shape[1]
    .values[-1] -> .values[:, -1, None, None]
wrong: the threshold is a share of the largest *value*; it should leave a share of the *places* above it
    values.topk(int(share * len(values)) + 1).values[-1] -> (1 - share) * maps.max()
wrong: you divide by the part alone (recall): a channel that says yes everywhere would score 1
    (yes | masks).sum() -> masks.sum()
wrong: this is 2·both / (one + other), the Dice score: larger than intersection over union
    (yes & masks).sum() / (yes | masks).sum() -> 2 * (yes & masks).sum() / (yes.sum() + masks.sum())
wrong: each image's own ratio is averaged; intersections and unions are summed first, divided once
    (yes & masks).sum() / (yes | masks).sum() -> ((yes & masks).sum((1, 2)) / (yes | masks).sum((1, 2))).nanmean()
""")
def my_overlap(maps, masks, share):
    """Intersection over union of a channel's yes and a part's mask, over all images together: a number in [0, 1]."""
    values = maps.flatten()
    threshold = values.topk(int(share * len(values)) + 1).values[-1]
    yes = maps > threshold
    return (yes & masks).sum() / (yes | masks).sum()


def some_channels():
    maps = torch.tensor([[[9.0, 8.0], [1.0, 0.0]], [[2.0, 3.0], [7.0, 4.0]], [[0.5, 0.0], [0.0, 0.2]]])
    masks = torch.tensor([[[1, 1], [1, 0]], [[0, 0], [1, 0]], [[0, 0], [0, 0]]]).bool()
    yield maps, masks, 0.25
    yield maps + 2, ~masks, 0.5
    for seed, share in enumerate((0.1, 0.03, 0.2)):
        truth = uniform(8, 12, 10, seed=seed) < 0.12
        truth[:3] = False  # images without the part
        maps = uniform(8, 12, 10, seed=seed + 7) + 0.6 * truth + 0.3 * uniform(8, 1, 1, seed=seed + 3)
        yield maps, truth, share


@my_overlap.expect(some_channels)
def counted_in_numpy(maps, masks, share):
    threshold = np.sort(maps, axis=None)[::-1][int(share * maps.size)]
    both = either = 0
    for value, part in zip(maps.flat, masks.flat, strict=True):
        both += value > threshold and part
        either += value > threshold or part
    return both / either


@Exercise("""
03.4 · Average precision
against: scikit-learn's average_precision_score
praise: Every threshold counts, and equal values are one step.
hint: Take one positive with value v. At the threshold v, precision is: positives with value at least v, divided by
    all with value at least v. Average precision is the mean of that over all positives.
hint: So no curve has to be drawn: for each positive two counts. (values >= v).sum() does one of them.
hint: All at once: own = values[positive]; at_least = values[None] >= own[:, None] is a table (positives, n). Then
    (at_least & positive).sum(1) / at_least.sum(1).
wrong: of equal values those that stand first count as larger; behind a ReLU most values are equal: 0
    hits = positive[values.argsort(descending=True, stable=True)].double()
    return (hits.cumsum(0) / torch.arange(1, len(hits) + 1))[hits > 0].mean()
wrong: this is the area under the ROC curve: with rare positives it is near 1 for poor detectors too
    own, other = values[positive][:, None], values[~positive][None]
    return ((own > other).double() + 0.5 * (own == other)).mean()
wrong: the precisions of *all* places are averaged; only those of the positives count
    values[positive] -> values
wrong: this is the precision at one threshold, the smallest positive: every positive has its own
    values[positive] -> values[positive].min()[None]
""")
def my_average_precision(values, positive):
    """How well the values rank the positives before the rest: mean precision over the positives, a number in [0, 1]."""
    own = values[positive]  # (p,)
    at_least = values[None] >= own[:, None]  # (p, n)
    return ((at_least & positive).sum(1) / at_least.sum(1)).mean()


def some_rankings():
    yield torch.tensor([0.9, 0.8, 0.7, 0.0, 0.0]), torch.tensor([1, 0, 1, 0, 1]).bool()
    yield torch.tensor([0.0, 0.0, 2.0, 0.0, 0.0]), torch.tensor([0, 1, 0, 0, 0]).bool()
    for seed in range(3):
        positive = uniform(200, seed=seed) < 0.15
        values = uniform(200, seed=seed + 5) + 0.4 * positive - 0.5
        yield values.relu(), positive  # many zeros


@my_average_precision.expect(some_rankings)
def by_sklearn(values, positive):
    return average_precision_score(positive, values)
