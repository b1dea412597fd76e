"""Exercises of notebook 01, the first layer: filters as pictures, best patches, dead filters, convolution."""

import numpy as np
import torch
from scipy.optimize import linprog

from .exercise import Exercise, normal


@Exercise("""
01.1 · Signed weights become pictures
picture: yes
against: numpy.interp
praise: Zero is mid-grey in every filter, and strengths can be compared.
tolerance: 1e-05
hint: Weights may be negative, so look for the largest absolute weight: .abs().max().
hint: A weight of 0 must give .5, the largest positive one 1, its negative 0. That is a straight line through three
    points.
hint: Divide the weights by twice the largest absolute weight. What is missing now is one addition.
wrong: each filter is on a scale of its own, so a weak filter looks as strong as any; take one maximum
    .abs().max() -> .abs().amax(dim=(1, 2, 3), keepdim=True)
wrong: minimum to maximum is stretched to 0 .. 1, so a weight of 0 is no longer .5
    return (weights - weights.min()) / (weights.max() - weights.min())
wrong: the weights are shifted by .5 and clipped, not scaled: all beyond ±.5 look the same
    return (weights + 0.5).clamp(0, 1)
wrong: the largest weight is not the largest absolute weight: negative ones fall below 0
    .abs().max() -> .max()
""")
def my_pictures(weights):
    """Signed weights (k, c, h, w) -> pictures (k, c, h, w) in [0, 1], one scale for all filters."""
    return 0.5 + weights / (2 * weights.abs().max())


def some_weights():
    tiny = torch.tensor([-2.0, 0.0, 1.0, 0.5]).view(2, 1, 1, 2)  # two filters of two pixels
    scales = torch.tensor([0.05, 0.4, 1.0, 3.0]).view(4, 1, 1, 1)
    return [tiny, -tiny, normal(4, 3, 5, 5) * scales, normal(64, 3, 11, 11, seed=1) * 0.02]


@my_pictures.expect(some_weights)
def interpolated(weights):
    largest = np.abs(weights).max()
    return np.interp(weights, [-largest, largest], [0.0, 1.0])


@Exercise("""
01.2 · The patch that a filter likes best, under real limits
picture: yes
against: a linear programme (scipy.optimize.linprog)
praise: No allowed patch is answered more strongly.
hint: The answer is a sum of weight times pixel. Each pixel adds its own term, so each can be chosen alone.
hint: Where the weight is positive, a larger pixel adds more: take the largest that is allowed. And where it is
    negative?
hint: torch.where(weights > 0, high, low) nearly does it. But low and high belong to the colours, dimension 1: give
    them the shape (1, 3, 1, 1).
wrong: pixels are 0 or 1 whatever low and high say; those were the limits of the notebook's box
    return (weights > 0).float()
wrong: this is the filter itself, cut off at the limits. It is best among patches of equal length only
    return weights.maximum(low.view(1, 3, 1, 1)).minimum(high.view(1, 3, 1, 1))
wrong: every pixel is as bright as allowed; where the weight is negative, brightness costs
    return torch.ones_like(weights) * high.view(1, 3, 1, 1)
wrong: this is the filter's picture stretched into the limits; a mid-grey pixel can still be improved
    share = 0.5 + weights / (2 * weights.abs().amax(dim=(1, 2, 3), keepdim=True))
    return low.view(1, 3, 1, 1) + share * (high - low).view(1, 3, 1, 1)
""")
def my_best_patch(weights, low, high):
    """Filters (k, 3, h, w) -> for each the allowed patch (k, 3, h, w) with the largest answer, sum(w * x)."""
    return torch.where(weights > 0, high.view(1, 3, 1, 1), low.view(1, 3, 1, 1))


def some_limits():
    limits = torch.tensor([-1.0, -2.0, -3.0]), torch.tensor([2.0, 1.0, 4.0])
    yield torch.tensor([0.5, -1.0, 2.0]).view(1, 3, 1, 1), *limits  # one filter of one pixel
    limits = (
        torch.tensor([-2.1, -1.9, -1.7]),
        torch.tensor([2.2, 2.4, 2.6]),
    )  # black and white, as a net receives them
    for size in (2, 3, 1, 3), (2, 3, 2, 2), (4, 3, 5, 5):
        yield normal(*size, seed=2), *limits


@my_best_patch.expect(some_limits)
def linear_programme(weights, low, high):
    bounds = np.stack([low, high], 1).repeat(weights[0, 0].size, 0)  # (3*h*w, 2)
    return np.reshape([linprog(-each.ravel(), bounds=bounds).x for each in weights], weights.shape)


@Exercise("""
01.3 · Which filters are dead?
against: a count of positive numbers in numpy
praise: Dead means silent at every place of every image, and that is what you test.
hint: After the ReLU a filter speaks where its answer is *above* 0. Dead: its largest answer anywhere is not.
hint: Within a batch the largest answer is batch.amax(dim=(0, 2, 3)), one number for each filter.
hint: Over the batches, keep the largest so far, starting from -infinity: largest = torch.maximum(largest, ...). One
    comparison with 0 at the very end.
wrong: the mean answer says nothing: a filter that speaks once in a thousand places is alive; take the largest
    return sum(batch.sum(dim=(0, 2, 3)) for batch in batches) <= 0
wrong: a filter that is silent in one image counts as dead; it must be silent in all of them
    return torch.cat(batches).amax(dim=(2, 3)).amin(dim=0) <= 0
wrong: only the last batch decides; what earlier batches found is overwritten
    torch.maximum(largest, batch.amax(dim=(0, 2, 3))) -> batch.amax(dim=(0, 2, 3))
wrong: an answer is asked to be exactly 0, but these come from before the ReLU, where silence is negative too
    return (torch.cat(batches) == 0).all(dim=3).all(dim=2).all(dim=0)
wrong: a filter whose largest answer is exactly 0 is silent as well: the comparison is <= 0, not < 0
    largest <= 0 -> largest < 0
""")
def my_dead_filters(batches):
    """Which filters are silent for ever after the ReLU? Bool (k,), True for a dead filter."""
    largest = torch.full((batches[0].shape[1],), float("-inf"))
    for batch in batches:
        largest = torch.maximum(largest, batch.amax(dim=(0, 2, 3)))
    return largest <= 0


def some_answers():
    one = torch.tensor([[-1.0, -2.0], [-3.0, 1.0], [0.0, -1.0]]).view(1, 3, 1, 2)  # one image, three filters
    two = torch.tensor([[-1.0, -2.0], [2.0, 4.0], [-1.0, 3.0]]).view(1, 3, 1, 2)
    many = normal(10, 8, 6, 6, seed=3) - torch.linspace(0, 9, 8).view(1, 8, 1, 1)
    many[:, 5] = many[:, 5].clamp_max(0)  # exactly 0 in many places, above it in none
    many[9, 7, 5, 5] = 0.1  # wakes up once, at the last place of the last image
    return [[one], [two, one], [one, two], list(many.split(4))]


@my_dead_filters.expect(some_answers)
def never_above_zero(batches):
    return np.count_nonzero(np.concatenate(batches) > 0, axis=(0, 2, 3)) == 0


@Exercise("""
01.4 · Convolution by hand
picture: yes
against: torch.nn.functional.conv2d
praise: Every unit is one dot product with one patch, plus a bias.
hint: Start with an image of zeros (c, h + 2 padding, w + 2 padding) and put the image in its middle.
hint: Unit (row, column) sees the rows from row * stride to row * stride + height of the filter, columns alike.
hint: Only whole windows count: rows = (h + 2 padding - height) // stride + 1.
hint: For one unit and all filters at once: (weights * patch).sum(dim=(1, 2, 3)) + bias.
wrong: the filter is turned round: that is convolution in mathematics; a ConvNet lays it on the patch as it is
    (weights * patch) -> (weights.flip(2, 3) * patch)
wrong: the image is padded at the top and on the left only; padding goes on all four sides
    h + 2 * padding -> h + padding
    w + 2 * padding -> w + padding
wrong: the map has the right size, but its windows move by 1 px, not by the stride
    row * stride, column * stride -> row, column
wrong: the bias is added inside the sum, once for each weight; it belongs to the unit, once
    (weights * patch).sum(dim=(1, 2, 3)) + bias -> (weights * patch + bias.view(-1, 1, 1, 1)).sum(dim=(1, 2, 3))
""")
def my_convolution(image, weights, bias, stride, padding):
    """What a convolution layer answers to one image: (k, rows, columns)."""
    (c, h, w), (k, _, height, width) = image.shape, weights.shape
    padded = torch.zeros(c, h + 2 * padding, w + 2 * padding)
    padded[:, padding : padding + h, padding : padding + w] = image
    rows, columns = (h + 2 * padding - height) // stride + 1, (w + 2 * padding - width) // stride + 1
    answers = torch.zeros(k, rows, columns)
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            patch = padded[:, top : top + height, left : left + width]  # (c, height, width)
            answers[:, row, column] = (weights * patch).sum(dim=(1, 2, 3)) + bias
    return answers


def some_layers():
    image, weights = torch.tensor([[[1.0, 2.0, 3.0, 4.0, 5.0]]]), torch.tensor([[[[1.0, 10.0]]]])
    for stride, padding in (1, 0), (2, 0), (1, 1):
        yield image, weights, torch.tensor([0.5]), stride, padding
    yield normal(3, 9, 8), normal(4, 3, 3, 2, seed=1), normal(4, seed=2), 2, 1
    yield normal(3, 25, 25), normal(8, 3, 11, 11, seed=1), normal(8, seed=2), 4, 2


@my_convolution.expect(some_layers, in_numpy=False)
def by_torch(image, weights, bias, stride, padding):
    return torch.nn.functional.conv2d(image[None], weights, bias, stride, padding)[0]
