"""Exercise 10.3: the masked convolution of a PixelCNN, with an order of the colours."""

import numpy as np
import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


MASKED = Exercise(
    "10.3",
    "No look ahead",
    difficulty=3,
    minutes=15,
    trains="the order of the values of an image, and the one place where types A and B differ",
    against="the order of all values, counted one by one in numpy",
    praise="Each value hears of those before it, and of no other.",
    hints=(
        "Start from a mask of ones in the shape of the weights. The centre is at rows // 2, columns // 2. Gone are "
        "all rows below it, and in its own row all columns to the right: 0.",
        "The centre is where the colours count. Which colour does a channel have? With n channels in k blocks: "
        "torch.arange(n) // (n // k).",
        "At the centre an output hears of an input whose colour comes earlier. In type B also of its own colour, "
        "which in later layers holds only what the first, of type A, let in.",
        "allowed = of_input < of_output[:, None] for type A, <= for type B: (out, in), as the weights have it. It goes "
        "into mask[:, :, row, column].",
    ),
)


@MASKED.stub
def my_masked_weights(weights, kind, colours):
    """The weights of a convolution with 0 wherever a value would hear of itself or of a later one.

    Order: rows from the top, in a row from the left, at a place the colours from the first to the last. Channels come
    in blocks of equal size, one for each colour in order, at the input and at the output. kind "A": nothing of its own
    colour at its own place. kind "B": that is allowed. weights: (out, in, rows, columns), rows and columns odd.
    """
    raise NotImplementedError


@MASKED.solve
def below_right_and_colours(weights, kind, colours):
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


@MASKED.expect
def by_counting(weights, kind, colours):
    """Give every value in the kernel's window its number, and compare."""
    found = weights.double().numpy().copy()
    outputs, inputs, rows, columns = found.shape
    for o, i, r, c in np.ndindex(found.shape):
        own = (rows // 2 * columns + columns // 2) * colours + o * colours // outputs
        other = (r * columns + c) * colours + i * colours // inputs
        if other > own or (other == own and kind == "A"):
            found[o, i, r, c] = 0
    return torch.from_numpy(found)


@MASKED.inputs
def some_kernels():
    return [
        {"weights": torch.arange(1.0, 10.0).view(1, 1, 3, 3), "kind": "A", "colours": 1},
        {"weights": torch.arange(1.0, 10.0).view(3, 3, 1, 1), "kind": "B", "colours": 3},
        {"weights": torch.arange(1.0, 10.0).view(3, 3, 1, 1), "kind": "A", "colours": 3},
        {"weights": _random(6, 3, 3, 5, seed=1), "kind": "A", "colours": 3},
        {"weights": _random(6, 12, 5, 3, seed=2), "kind": "B", "colours": 3},
        {"weights": _random(4, 2, 3, 3, seed=3), "kind": "B", "colours": 2},
        {"weights": _random(4, 4, 3, 3, seed=4), "kind": "A", "colours": 1},
    ]


@MASKED.mistake("A and B have changed places: A, for the first layer, is the one that hides the value itself")
def a_and_b_changed(weights, kind, colours):
    outputs, inputs, rows, columns = weights.shape
    row, column = rows // 2, columns // 2
    mask = torch.ones_like(weights)
    mask[:, :, row + 1 :] = 0
    mask[:, :, row, column + 1 :] = 0
    of_output = torch.arange(outputs) // (outputs // colours)
    of_input = torch.arange(inputs) // (inputs // colours)
    allowed = of_input < of_output[:, None] if kind == "B" else of_input <= of_output[:, None]
    mask[:, :, row, column] = allowed.to(weights.dtype)
    return weights * mask


@MASKED.mistake(
    "at the centre the colours have no order: A hides them all, B shows all; earlier ones are known, later ones not"
)
def colours_without_order(weights, kind, colours):
    rows, columns = weights.shape[2:]
    mask = torch.ones_like(weights)
    mask[:, :, rows // 2 + 1 :] = 0
    mask[:, :, rows // 2, columns // 2 + (kind == "B") :] = 0
    return weights * mask


@MASKED.mistake(
    "input and output are mixed up at the centre: weights are (out, in), and the input must be earlier"
)
def input_and_output_mixed_up(weights, kind, colours):
    outputs, inputs, rows, columns = weights.shape
    row, column = rows // 2, columns // 2
    mask = torch.ones_like(weights)
    mask[:, :, row + 1 :] = 0
    mask[:, :, row, column + 1 :] = 0
    of_output = torch.arange(outputs) // (outputs // colours)
    of_input = torch.arange(inputs) // (inputs // colours)
    allowed = of_input > of_output[:, None] if kind == "A" else of_input >= of_output[:, None]
    mask[:, :, row, column] = allowed.to(weights.dtype)
    return weights * mask


@MASKED.mistake("the colours take turns, channel by channel; here each colour has a block of channels")
def colours_in_turn(weights, kind, colours):
    outputs, inputs, rows, columns = weights.shape
    row, column = rows // 2, columns // 2
    mask = torch.ones_like(weights)
    mask[:, :, row + 1 :] = 0
    mask[:, :, row, column + 1 :] = 0
    of_output, of_input = torch.arange(outputs) % colours, torch.arange(inputs) % colours
    allowed = of_input < of_output[:, None] if kind == "A" else of_input <= of_output[:, None]
    mask[:, :, row, column] = allowed.to(weights.dtype)
    return weights * mask


@MASKED.mistake(
    "the rows below are closed, but in its own row the value hears of what comes to the right of it: that is later"
)
def the_row_to_its_end(weights, kind, colours):
    outputs, inputs, rows, columns = weights.shape
    mask = torch.ones_like(weights)
    mask[:, :, rows // 2 + 1 :] = 0
    of_output = torch.arange(outputs) // (outputs // colours)
    of_input = torch.arange(inputs) // (inputs // colours)
    allowed = of_input < of_output[:, None] if kind == "A" else of_input <= of_output[:, None]
    mask[:, :, rows // 2, columns // 2] = allowed.to(weights.dtype)
    return weights * mask


@MASKED.mistake(
    "everything to the right is closed, in the rows above too; what stands there is already known"
)
def the_quadrant(weights, kind, colours):
    outputs, inputs, rows, columns = weights.shape
    row, column = rows // 2, columns // 2
    mask = torch.zeros_like(weights)
    mask[:, :, : row + 1, : column + 1] = 1
    of_output = torch.arange(outputs) // (outputs // colours)
    of_input = torch.arange(inputs) // (inputs // colours)
    allowed = of_input < of_output[:, None] if kind == "A" else of_input <= of_output[:, None]
    mask[:, :, row, column] = allowed.to(weights.dtype)
    return weights * mask


@MASKED.mistake(
    "the kernel is turned round, as a true convolution has it; torch does not flip: its first row lies above"
)
def turned_round(weights, kind, colours):
    outputs, inputs, rows, columns = weights.shape
    row, column = rows // 2, columns // 2
    mask = torch.ones_like(weights)
    mask[:, :, :row] = 0
    mask[:, :, row, :column] = 0
    of_output = torch.arange(outputs) // (outputs // colours)
    of_input = torch.arange(inputs) // (inputs // colours)
    allowed = of_input < of_output[:, None] if kind == "A" else of_input <= of_output[:, None]
    mask[:, :, row, column] = allowed.to(weights.dtype)
    return weights * mask
