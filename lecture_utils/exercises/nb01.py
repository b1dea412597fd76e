"""Exercises of notebook 01, the first layer: filters as pictures, best patches, dead filters, convolution."""

import numpy as np
import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


PICTURES = Exercise(
    "01.1",
    "Signed weights become pictures",
    difficulty=1,
    minutes=5,
    trains="saying what a grey means before showing it",
    against="numpy.interp",
    praise="Zero is mid-grey in every filter, and strengths can be compared.",
    hints=(
        "Weights may be negative, so look for the largest absolute weight: .abs().max().",
        "A weight of 0 must give .5, the largest positive one 1, its negative 0. That is a straight line "
        "through three points.",
        "Divide the weights by twice the largest absolute weight. What is missing now is one addition.",
    ),
    tolerance=1e-5,
)


@PICTURES.stub
def my_pictures(weights):
    """Signed weights (k, c, h, w) -> pictures (k, c, h, w) in [0, 1], one scale for all filters.

    A weight of 0 becomes .5; the largest |weight| of all filters becomes 1, or 0 where it is negative.
    """
    raise NotImplementedError


@PICTURES.solve
def half_and_half(weights):
    return 0.5 + weights / (2 * weights.abs().max())


@PICTURES.expect
def interpolated(weights):
    largest = max(float(weights.max()), -float(weights.min()))
    return torch.from_numpy(np.interp(weights.numpy(), [-largest, largest], [0.0, 1.0]))


@PICTURES.inputs
def some_weights():
    tiny = torch.tensor([-2.0, 0.0, 1.0, 0.5]).view(2, 1, 1, 2)  # two filters of two pixels
    scales = torch.tensor([0.05, 0.4, 1.0, 3.0]).view(4, 1, 1, 1)
    several = [_random(4, 3, 5, 5) * scales, _random(64, 3, 11, 11, seed=1) * 0.02]
    return [{"weights": weights} for weights in (tiny, -tiny, *several)]


@PICTURES.mistake(
    "each filter is on a scale of its own, so a weak filter looks as strong as any; take one maximum"
)
def each_its_own_scale(weights):
    largest = weights.abs().amax(dim=(1, 2, 3), keepdim=True)
    return 0.5 + weights / (2 * largest)


@PICTURES.mistake("minimum to maximum is stretched to 0 .. 1, so a weight of 0 is no longer .5")
def from_minimum_to_maximum(weights):
    return (weights - weights.min()) / (weights.max() - weights.min())


@PICTURES.mistake("the weights are shifted by .5 and clipped, not scaled: all beyond ±.5 look the same")
def clipped(weights):
    return (weights + 0.5).clamp(0, 1)


@PICTURES.mistake("the largest weight is not the largest absolute weight: negative ones fall below 0")
def maximum_without_abs(weights):
    return 0.5 + weights / (2 * weights.max())


BEST = Exercise(
    "01.2",
    "The patch that a filter likes best, under real limits",
    difficulty=2,
    minutes=10,
    trains="seeing that the best input depends on what is allowed",
    against="a linear programme (scipy.optimize.linprog)",
    praise="No allowed patch is answered more strongly.",
    hints=(
        "The answer is a sum of weight times pixel. Each pixel adds its own term, so each can be chosen alone.",
        "Where the weight is positive, a larger pixel adds more: take the largest that is allowed. And where "
        "it is negative?",
        "torch.where(weights > 0, high, low) nearly does it. But low and high belong to the colours, "
        "dimension 1: give them the shape (1, 3, 1, 1).",
    ),
)


@BEST.stub
def my_best_patch(weights, low, high):
    """Filters (k, 3, h, w) -> for each the allowed patch (k, 3, h, w) with the largest answer, sum(w * x).

    low, high: (3,), the smallest and the largest value that a pixel may have in each colour. No weight is 0.
    """
    raise NotImplementedError


@BEST.solve
def each_pixel_alone(weights, low, high):
    return torch.where(weights > 0, high.view(1, 3, 1, 1), low.view(1, 3, 1, 1))


@BEST.expect
def linear_programme(weights, low, high):
    from scipy.optimize import linprog

    bounds = torch.stack([low, high], 1).repeat_interleave(weights[0, 0].numel(), 0).numpy()  # (3*h*w, 2)
    best = [linprog(-each.flatten().numpy(), bounds=bounds).x for each in weights.double()]
    return torch.from_numpy(np.stack(best)).view_as(weights)


@BEST.inputs
def some_limits():
    tiny = torch.tensor([0.5, -1.0, 2.0]).view(1, 3, 1, 1)  # one filter of one pixel
    limits = torch.tensor([[-1.0, -2.0, -3.0], [2.0, 1.0, 4.0]])
    seen = torch.tensor([[-2.1, -1.9, -1.7], [2.2, 2.4, 2.6]])  # black and white, as a net receives them
    sizes = [(2, 3, 1, 3), (2, 3, 2, 2), (4, 3, 5, 5)]
    cases = [(tiny, limits), *((_random(*size, seed=2), seen) for size in sizes)]
    return [{"weights": weights, "low": low, "high": high} for weights, (low, high) in cases]


@BEST.mistake("pixels are 0 or 1 whatever low and high say; those were the limits of the notebook's box")
def zero_or_one(weights, low, high):
    return (weights > 0).float()


@BEST.mistake(
    "this is the filter itself, cut off at the limits. It is best among patches of equal length only"
)
def the_filter_clipped(weights, low, high):
    return weights.maximum(low.view(1, 3, 1, 1)).minimum(high.view(1, 3, 1, 1))


@BEST.mistake("every pixel is as bright as allowed; where the weight is negative, brightness costs")
def as_bright_as_possible(weights, low, high):
    return torch.ones_like(weights) * high.view(1, 3, 1, 1)


@BEST.mistake(
    "this is the filter's picture stretched into the limits; a mid-grey pixel can still be improved"
)
def the_filter_stretched(weights, low, high):
    share = 0.5 + weights / (2 * weights.abs().amax(dim=(1, 2, 3), keepdim=True))
    low, high = low.view(1, 3, 1, 1), high.view(1, 3, 1, 1)
    return low + share * (high - low)


DEAD = Exercise(
    "01.3",
    "Which filters are dead?",
    difficulty=3,
    minutes=10,
    trains="turning 'never' into the right maximum over images, places and batches",
    against="a count of positive numbers in numpy",
    praise="Dead means silent at every place of every image, and that is what you test.",
    hints=(
        "After the ReLU a filter speaks where its answer is *above* 0. Dead: its largest answer anywhere is not.",
        "Within a batch the largest answer is batch.amax(dim=(0, 2, 3)), one number for each filter.",
        "Over the batches, keep the largest so far, starting from -infinity: "
        "largest = torch.maximum(largest, ...). One comparison with 0 at the very end.",
    ),
)


@DEAD.stub
def my_dead_filters(batches):
    """Which filters are silent for ever after the ReLU? Bool (k,), True for a dead filter.

    batches: a list of answers *before* the ReLU, each (n, k, rows, columns); the last n may be smaller.
    """
    raise NotImplementedError


@DEAD.solve
def largest_anywhere(batches):
    largest = torch.full((batches[0].shape[1],), float("-inf"))
    for batch in batches:
        largest = torch.maximum(largest, batch.amax(dim=(0, 2, 3)))
    return largest <= 0


@DEAD.expect
def never_above_zero(batches):
    answers = np.concatenate(
        [np.moveaxis(batch.numpy(), 1, 0).reshape(batch.shape[1], -1) for batch in batches], 1
    )
    return torch.from_numpy(np.count_nonzero(answers > 0, axis=1) == 0)


@DEAD.inputs
def some_answers():
    one = torch.tensor([[-1.0, -2.0], [-3.0, 1.0], [0.0, -1.0]]).view(1, 3, 1, 2)  # one image, three filters
    two = torch.tensor([[-1.0, -2.0], [2.0, 4.0], [-1.0, 3.0]]).view(1, 3, 1, 2)
    many = _random(10, 8, 6, 6, seed=3) - torch.linspace(0, 9, 8).view(1, 8, 1, 1)
    many[:, 5] = many[:, 5].clamp_max(0)  # exactly 0 in many places, above it in none
    many[9, 7, 5, 5] = 0.1  # wakes up once, at the last place of the last image
    cases = [[one], [two, one], [one, two], list(many.split(4))]
    return [{"batches": batches} for batches in cases]


@DEAD.mistake(
    "the mean answer says nothing: a filter that speaks once in a thousand places is alive; take the largest"
)
def mean_not_above_zero(batches):
    totals = sum(batch.sum(dim=(0, 2, 3)) for batch in batches)
    return totals <= 0


@DEAD.mistake("a filter that is silent in one image counts as dead; it must be silent in all of them")
def silent_in_some_image(batches):
    dead = torch.zeros(batches[0].shape[1], dtype=torch.bool)
    for batch in batches:
        dead |= (batch.amax(dim=(2, 3)) <= 0).any(dim=0)
    return dead


@DEAD.mistake("only the last batch decides; what earlier batches found is overwritten")
def last_batch_only(batches):
    for batch in batches:
        dead = batch.amax(dim=(0, 2, 3)) <= 0
    return dead


@DEAD.mistake(
    "an answer is asked to be exactly 0, but these come from before the ReLU, where silence is negative too"
)
def always_exactly_zero(batches):
    dead = torch.ones(batches[0].shape[1], dtype=torch.bool)
    for batch in batches:
        dead &= (batch == 0).all(dim=3).all(dim=2).all(dim=0)
    return dead


@DEAD.mistake("a filter whose largest answer is exactly 0 is silent as well: the comparison is <= 0, not < 0")
def strictly_below_zero(batches):
    largest = torch.stack([batch.amax(dim=(0, 2, 3)) for batch in batches]).amax(dim=0)
    return largest < 0


CONVOLVE = Exercise(
    "01.4",
    "Convolution by hand",
    difficulty=4,
    minutes=20,
    trains="stride, padding, and the one dot product behind every unit",
    against="torch.nn.functional.conv2d",
    praise="Every unit is one dot product with one patch, plus a bias.",
    hints=(
        "Start with an image of zeros (c, h + 2 padding, w + 2 padding) and put the image in its middle.",
        "Unit (row, column) sees the rows from row * stride to row * stride + height of the filter, columns alike.",
        "Only whole windows count: rows = (h + 2 padding - height) // stride + 1.",
        "For one unit and all filters at once: (weights * patch).sum(dim=(1, 2, 3)) + bias.",
    ),
)


@CONVOLVE.stub
def my_convolution(image, weights, bias, stride, padding):
    """What a convolution layer answers to one image: (k, rows, columns).

    image: (c, h, w). weights: (k, c, height, width). bias: (k,). stride: px from one unit to the next.
    padding: rows and columns of zeros on *each* side. A window that does not fit in whole gives no unit.
    """
    raise NotImplementedError


@CONVOLVE.solve
def one_dot_product_each(image, weights, bias, stride, padding):
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


@CONVOLVE.expect
def by_torch(image, weights, bias, stride, padding):
    return torch.nn.functional.conv2d(image[None], weights, bias, stride=stride, padding=padding)[0]


@CONVOLVE.inputs
def some_layers():
    image, weights = torch.tensor([[[1.0, 2.0, 3.0, 4.0, 5.0]]]), torch.tensor([[[[1.0, 10.0]]]])
    names = ("image", "weights", "bias", "stride", "padding")
    tiny = [
        (image, weights, torch.tensor([0.5]), stride, padding) for stride, padding in ((1, 0), (2, 0), (1, 1))
    ]
    some = (_random(3, 9, 8), _random(4, 3, 3, 2, seed=1), _random(4, seed=2), 2, 1)
    alex = (_random(3, 25, 25), _random(8, 3, 11, 11, seed=1), _random(8, seed=2), 4, 2)
    return [dict(zip(names, values, strict=True)) for values in (*tiny, some, alex)]


@CONVOLVE.mistake(
    "the filter is turned round: that is convolution in mathematics; a ConvNet lays it on the patch as it is"
)
def filter_turned_round(image, weights, bias, stride, padding):
    padded = torch.nn.functional.pad(image, [padding] * 4)
    height, width = weights.shape[2:]
    rows, columns = (padded.shape[1] - height) // stride + 1, (padded.shape[2] - width) // stride + 1
    answers = torch.zeros(len(weights), rows, columns)
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            patch = padded[:, top : top + height, left : left + width]
            answers[:, row, column] = (weights.flip(2, 3) * patch).sum(dim=(1, 2, 3)) + bias
    return answers


@CONVOLVE.mistake("the image is padded at the top and on the left only; padding goes on all four sides")
def padded_once(image, weights, bias, stride, padding):
    padded = torch.nn.functional.pad(image, (padding, 0, padding, 0))
    height, width = weights.shape[2:]
    patches = padded.unfold(1, height, stride).unfold(2, width, stride)  # (c, rows, columns, height, width)
    return torch.einsum("crsij,kcij->krs", patches, weights) + bias[:, None, None]


@CONVOLVE.mistake("the map has the right size, but its windows move by 1 px, not by the stride")
def windows_one_apart(image, weights, bias, stride, padding):
    padded = torch.nn.functional.pad(image, [padding] * 4)
    height, width = weights.shape[2:]
    rows, columns = (padded.shape[1] - height) // stride + 1, (padded.shape[2] - width) // stride + 1
    answers = torch.zeros(len(weights), rows, columns)
    for row in range(rows):
        for column in range(columns):
            patch = padded[:, row : row + height, column : column + width]
            answers[:, row, column] = (weights * patch).sum(dim=(1, 2, 3)) + bias
    return answers


@CONVOLVE.mistake("the size is rounded up, so the last window hangs over the edge; round down")
def rounded_up(image, weights, bias, stride, padding):
    (_, h, w), (height, width) = image.shape, weights.shape[2:]
    rows, columns = (-(-(n + 2 * padding - m) // stride) + 1 for n, m in ((h, height), (w, width)))
    down, right = (rows - 1) * stride + height - h - padding, (columns - 1) * stride + width - w - padding
    padded = torch.nn.functional.pad(image, (padding, right, padding, down))
    patches = padded.unfold(1, height, stride).unfold(2, width, stride)
    return torch.einsum("crsij,kcij->krs", patches, weights) + bias[:, None, None]


@CONVOLVE.mistake("the bias is added inside the sum, once for each weight; it belongs to the unit, once")
def bias_in_the_sum(image, weights, bias, stride, padding):
    padded = torch.nn.functional.pad(image, [padding] * 4)
    height, width = weights.shape[2:]
    patches = padded.unfold(1, height, stride).unfold(2, width, stride).permute(1, 2, 0, 3, 4)
    terms = weights[None, None] * patches[:, :, None] + bias.view(-1, 1, 1, 1)
    return terms.sum(dim=(3, 4, 5)).permute(2, 0, 1)
