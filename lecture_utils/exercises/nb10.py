"""Exercises of notebook 10: how probable an image is, one draw, a masked convolution, and what a stack of them sees."""

from decimal import Decimal, localcontext

import numpy as np
import torch

from .exercise import Exercise, normal, uniform


@Exercise("""
10.1 · How probable is this image?
against: the probabilities multiplied with each other, in numbers of 50 digits
praise: Logs add up over every value of the image; the bits are shared among them.
hint: The levels are axis 1: logits.log_softmax(dim=1) has the log-probability of every level, everywhere. Not softmax
    and then log: where the net is sure and wrong the probability becomes 0 on the way.
hint: Of these, the level that is there: .gather(1, pixels[:, None]) gives (n, 1, c, h, w).
hint: An image is the product of its values' probabilities, so add up the logs of each image: .flatten(1).sum(dim=1).
hint: One bit is log(2) = 0.6931 nats, and a dimension is one value: bits = -nats / (c * h * w * 0.6931).
    torch.stack([nats, bits], dim=1) puts them side by side.
wrong: the first column is a mean over the values; the image is all of them at once: add up
    [nats, bits] -> [nats / dimensions, bits]
wrong: the second column is in nats; a bit is log(2) nats, so divide by 0.6931
    / torch.log(torch.tensor(2.0)) ->
wrong: your bits are for a place, h * w of them; each colour is a dimension: c * h * w
    pixels[0].numel() -> pixels[0, 0].numel()
wrong: the sign of the nats is turned: a log-probability is at most 0; what a coder needs is minus that
    [nats, bits] -> [-nats, bits]
wrong: the logits are added up as they are; a level is probable only beside the other levels: log_softmax(dim=1)
    .log_softmax(dim=1).gather -> .gather
""")
def my_likelihood(logits, pixels):
    """The log-likelihood of each image in nats, and its bits per dimension: (n, 2)."""
    logs = logits.log_softmax(dim=1).gather(1, pixels[:, None])  # (n, 1, c, h, w)
    nats = logs.flatten(1).sum(dim=1)
    dimensions = pixels[0].numel()
    bits = -nats / dimensions / torch.log(torch.tensor(2.0))
    return torch.stack([nats, bits], dim=1)


def some_predictions():
    yield torch.tensor([1.0, 3.0, 1.0, 1.0]).log().view(1, 2, 1, 1, 2), torch.tensor([0, 1]).view(1, 1, 1, 2)
    for n, levels, c, h, w, scale in (2, 3, 1, 2, 3, 2.0), (4, 6, 3, 3, 4, 40.0):
        sure = torch.linspace(0.2, 1.0, n).view(n, 1, 1, 1, 1) * scale  # sure, and wrong at some places
        pixels = torch.randint(levels, (n, c, h, w), generator=torch.Generator().manual_seed(n))
        yield sure * normal(n, levels, c, h, w, seed=n + 1), pixels


@my_likelihood.expect(some_predictions)
def in_fifty_digits(logits, pixels):
    rows = []
    with localcontext(prec=50):
        for each, image in zip(logits, pixels, strict=True):
            p = Decimal(1)
            for place in np.ndindex(image.shape):
                odds = [Decimal(logit).exp() for logit in each[:, *place]]
                p *= odds[image[place]] / sum(odds)
            bits = -p.log10() / Decimal(2).log10()
            rows.append([float(p.ln()), float(bits) / image.size])
    return rows


@Exercise("""
10.2 · Draw the next pixel
against: pieces of that length laid end to end, one after another in Python
praise: A level is drawn as often as it is probable, and a lower temperature makes the probable ones more so.
hint: Temperature divides the logits, before the softmax: p = (logits / temperature).softmax(dim=1).
hint: Lay the levels' probabilities end to end from 0 to 1, in the order of the levels. The drawn level is the one
    whose piece u falls on. The pieces end at p.cumsum(dim=1).
hint: The level's number is the number of pieces that end at or before u: (p.cumsum(dim=1) <= u[:, None]).sum(dim=1).
wrong: the temperature is multiplied; a low one has to make the net more decided: divide by it
    logits / temperature -> logits * temperature
wrong: the temperature does nothing here: divided after the softmax it cancels; divide the logits
    (logits / temperature).softmax(dim=1) -> logits.softmax(dim=1)
wrong: this is the most probable level, whatever u is; that is no draw: every image would be the same
    return logits.argmax(dim=1)
wrong: this is the last level whose piece ends before u; u falls on the one after it
    .sum(dim=1) -> .sum(dim=1).sub(1).clamp(min=0)
""")
def my_draw(logits, u, temperature):
    """The level that is drawn for each pixel, LongTensor (n,), by inverting the cumulative distribution."""
    p = (logits / temperature).softmax(dim=1)
    return (p.cumsum(dim=1) <= u[:, None]).sum(dim=1)


def some_draws():
    yield torch.tensor([[1.0, 3.0, 1.0]]).log(), torch.tensor([0.15]), 0.5
    few = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 1.0, 2.0, 0.0], [0.0, 0.0, 0.0, 3.0]])
    yield few, torch.tensor([0.5, 0.1, 0.9]), 2.0
    for logits, temperature, seed in (normal(300, 8, seed=3), 1.7, 1), (60 * normal(40, 5, seed=4), 0.4, 2):
        u = uniform(len(logits), seed=seed)
        ends = (logits.double() / temperature).softmax(dim=1).cumsum(dim=1)
        far = (ends - u[:, None]).abs().amin(dim=1) > 1e-5  # no rounding can move these to another level
        yield logits[far], u[far], temperature


@my_draw.expect(some_draws)
def end_to_end(logits, u, temperature):
    found = []
    for each, left in zip(logits, u, strict=True):
        weights = np.exp((each - each.max()) / temperature)
        left *= weights.sum()
        level = 0
        while left >= weights[level]:
            left -= weights[level]
            level += 1
        found.append(level)
    return found


@Exercise("""
10.3 · No look ahead
against: the order of all values, counted one by one in numpy
praise: Each value hears of those before it, and of no other.
hint: Start from a mask of ones in the shape of the weights. The centre is at rows // 2, columns // 2. Gone are all
    rows below it, and in its own row all columns to the right: 0.
hint: The centre is where the colours count. Which colour does a channel have? With n channels in k blocks:
    torch.arange(n) // (n // k).
hint: At the centre an output hears of an input whose colour comes earlier. In type B also of its own colour, which in
    later layers holds only what the first, of type A, let in.
hint: allowed = of_input < of_output[:, None] for type A, <= for type B: (out, in), as the weights have it. It goes
    into mask[:, :, row, column].
wrong: A and B have changed places: A, for the first layer, is the one that hides the value itself
    kind == "A" -> kind == "B"
wrong: at the centre the colours have no order: A hides them all, B shows all; earlier ones are known, later ones not
    allowed.to(weights.dtype) -> float(kind == "B")
wrong: input and output are mixed up at the centre: weights are (out, in), and the input must be earlier
    of_input < of_output -> of_input > of_output
    of_input <= of_output -> of_input >= of_output
wrong: the rows below are closed, but in its own row the value hears of what comes to the right of it: that is later
    mask[:, :, row, column + 1 :] = 0 ->
wrong: everything to the right is closed, in the rows above too; what stands there is already known
    mask[:, :, row, column + 1 :] = 0 -> mask[:, :, :, column + 1 :] = 0
""")
def my_masked_weights(weights, kind, colours):
    """The weights of a convolution with 0 wherever a value would hear of itself or of a later one."""
    outputs, inputs, rows, columns = weights.shape
    row, column = rows // 2, columns // 2
    mask = torch.ones_like(weights)
    mask[:, :, row + 1 :] = 0
    mask[:, :, row, column + 1 :] = 0
    of_output = torch.arange(outputs) // (outputs // colours)
    of_input = torch.arange(inputs) // (inputs // colours)
    allowed = of_input < of_output[:, None] if kind == "A" else of_input <= of_output[:, None]  # (out, in)
    mask[:, :, row, column] = allowed.to(weights.dtype)
    return weights * mask


def some_kernels():
    for shape, kind, colours in ((1, 1, 3, 3), "A", 1), ((3, 3, 1, 1), "B", 3), ((3, 3, 1, 1), "A", 3):
        yield torch.arange(1.0, 10.0).view(shape), kind, colours
    yield normal(6, 3, 3, 5, seed=1), "A", 3
    yield normal(6, 12, 5, 3, seed=2), "B", 3
    yield normal(4, 2, 3, 3, seed=3), "B", 2
    yield normal(4, 4, 3, 3, seed=4), "A", 1


@my_masked_weights.expect(some_kernels)
def by_counting(weights, kind, colours):
    """Give every value in the kernel's window its number, and compare."""
    outputs, inputs, rows, columns = weights.shape
    for o, i, r, c in np.ndindex(weights.shape):
        own = (rows // 2 * columns + columns // 2) * colours + o * colours // outputs
        other = (r * columns + c) * colours + i * colours // inputs
        if other > own or (other == own and kind == "A"):
            weights[o, i, r, c] = 0
    return weights


@Exercise("""
10.4 · What can it see?
against: the gradient of such a stack with respect to its input
praise: Layer by layer back to the image, and what no path leads to is the blind spot.
hint: Go backwards. At the top one place is marked. For each layer, the last one first: which places below feed the
    places that are marked now?
hint: Entry [i, j] of a mask of (rows, columns) looks at the place i - rows // 2 further down and j - columns // 2
    further right: negative is up and left.
hint: Three loops: for mask in reversed(masks), for r, c in seen.nonzero().tolist(), for i, j in
    mask.nonzero().tolist(). Mark the new places in a new map; the old one counts no more.
hint: A place outside of the map does not exist, in any layer: beyond the border are zeros, and no path leads through
    them. Leave it out at once.
wrong: this is all that comes before it within reach; but no path leads from some of it to the unit: follow the paths
    up, aside = (sum(mask.shape[axis] // 2 for mask in masks) for axis in (0, 1))
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    earlier = (y < row) | ((y == row) & (x < column))
    return earlier & (y >= row - up) & ((x - column).abs() <= aside)
wrong: this is what the unit reaches, below and to the right; asked is what reaches it: turn the way round
    reversed(masks) -> masks
    r + i - mask.shape[0] // 2, c + j - mask.shape[1] // 2 -> r - i + mask.shape[0] // 2, c - j + mask.shape[1] // 2
wrong: what was marked stays marked, though no weight carries it on: the unit sees itself, which type A forbids
    below = torch.zeros_like(seen) -> below = seen
wrong: the first layer is asked first, as if it were the top; going backwards, the last one comes first
    reversed(masks) -> masks
""")
def my_view(masks, row, column, size):
    """Which pixels reach the unit at (row, column) of the last layer: a map of True and False, (h, w)."""
    seen = torch.zeros(size, dtype=torch.bool)
    seen[row, column] = True
    for mask in reversed(masks):
        below = torch.zeros_like(seen)
        for r, c in seen.nonzero().tolist():
            for i, j in mask.nonzero().tolist():
                y, x = r + i - mask.shape[0] // 2, c + j - mask.shape[1] // 2
                if 0 <= y < size[0] and 0 <= x < size[1]:
                    below[y, x] = True
        seen = below
    return seen


def some_stacks():
    a, b = (torch.arange(9) < 4).long().view(3, 3), (torch.arange(9) < 5).long().view(3, 3)
    wide = (torch.arange(25) < 12).long().view(5, 5)
    above, corners, left = (torch.zeros(3, 3, dtype=torch.long) for _ in range(3))
    above[0], corners[0, ::2], left[1, 0] = 1, 1, 1
    yield [a, b], 2, 1, (3, 4)
    yield [a], 1, 0, (3, 3)
    yield [corners, left], 2, 3, (4, 4)
    yield [left, corners], 2, 3, (4, 4)
    yield [above, b, corners, corners], 4, 6, (6, 8)
    yield [a, b, b, b], 5, 8, (7, 9)
    yield [wide, b, corners], 6, 4, (8, 12)
    yield [wide, left[1:2], b], 5, 0, (6, 5)


@my_view.expect(some_stacks, in_numpy=False)
def by_the_gradient(masks, row, column, size):
    with torch.enable_grad():
        image = torch.ones(1, 1, *size, dtype=torch.float64, requires_grad=True)
        maps = image
        for mask in masks:
            maps = torch.nn.functional.conv2d(maps, mask[None, None].double(), padding="same")
        (gradient,) = torch.autograd.grad(maps[0, 0, row, column], image)
    return gradient[0, 0] > 0  # counts the paths
