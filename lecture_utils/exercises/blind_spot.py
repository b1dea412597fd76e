"""Exercise 10.4: what a unit at the top of a stack of masked convolutions can see."""

import torch

from .frame import Exercise

SEEN = Exercise(
    "10.4",
    "What can it see?",
    difficulty=4,
    minutes=20,
    trains="how masks add up over layers, and how pixels that came before can stay unseen",
    against="the gradient of such a stack with respect to its input",
    praise="Layer by layer back to the image, and what no path leads to is the blind spot.",
    hints=(
        "Go backwards. At the top one place is marked. For each layer, the last one first: which places below feed "
        "the places that are marked now?",
        "Entry [i, j] of a mask of (rows, columns) looks at the place i - rows // 2 further down and j - columns // 2 "
        "further right: negative is up and left.",
        "Three loops: for mask in reversed(masks), for r, c in seen.nonzero().tolist(), for i, j in "
        "mask.nonzero().tolist(). Mark the new places in a new map; the old one counts no more.",
        "A place outside of the map does not exist, in any layer: beyond the border are zeros, and no path leads "
        "through them. Leave it out at once.",
    ),
)


@SEEN.stub
def my_view(masks, row, column, size):
    """Which pixels reach the unit at (row, column) of the last layer: a map of True and False, (h, w).

    The stack: one channel, convolutions one after the other, each with zeros beyond the border so that all maps are as
    large as the image. masks: a list, the first layer's first, each (rows, columns), both odd, with 1 where the layer's
    weight is not 0 and 0 where it is closed. As in torch, kernels are not flipped. size: (h, w).
    """
    raise NotImplementedError


@SEEN.solve
def backwards_layer_by_layer(masks, row, column, size):
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


@SEEN.expect
def by_the_gradient(masks, row, column, size):
    with torch.enable_grad():
        image = torch.ones(1, 1, *size, dtype=torch.float64, requires_grad=True)
        maps = image
        for mask in masks:
            maps = torch.nn.functional.conv2d(maps, mask[None, None].double(), padding="same")
        (gradient,) = torch.autograd.grad(maps[0, 0, row, column], image)
    return gradient[0, 0] > 0  # counts the paths


def _mask(kind, side):
    mask = torch.zeros(side, side, dtype=torch.long)
    mask[: side // 2] = 1
    mask[side // 2, : side // 2 + (kind == "B")] = 1
    return mask


@SEEN.inputs
def some_stacks():
    a, b, wide = _mask("A", 3), _mask("B", 3), _mask("A", 5)
    above, corners, left = (torch.zeros(3, 3, dtype=torch.long) for _ in range(3))
    above[0], corners[0, ::2], left[1, 0] = 1, 1, 1
    return [
        {"masks": [a, b], "row": 2, "column": 1, "size": (3, 4)},
        {"masks": [a], "row": 1, "column": 0, "size": (3, 3)},
        {"masks": [corners, left], "row": 2, "column": 3, "size": (4, 4)},
        {"masks": [left, corners], "row": 2, "column": 3, "size": (4, 4)},
        {"masks": [above, b, corners, corners], "row": 4, "column": 6, "size": (6, 8)},
        {"masks": [a, b, b, b], "row": 5, "column": 8, "size": (7, 9)},
        {"masks": [wide, b, corners], "row": 6, "column": 4, "size": (8, 12)},
        {"masks": [wide, left[1:2], b], "row": 5, "column": 0, "size": (6, 5)},
    ]


@SEEN.mistake(
    "this is all that comes before it within reach; but no path leads from some of it to the unit: follow the paths"
)
def no_blind_spot(masks, row, column, size):
    up = sum(mask.shape[0] // 2 for mask in masks)
    aside = sum(mask.shape[1] // 2 for mask in masks)
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    earlier = (y < row) | ((y == row) & (x < column))
    return earlier & (y >= row - up) & ((x - column).abs() <= aside)


@SEEN.mistake(
    "this is what the unit reaches, below and to the right; asked is what reaches it: turn the way round"
)
def the_way_forward(masks, row, column, size):
    seen = torch.zeros(size, dtype=torch.bool)
    seen[row, column] = True
    for mask in masks:
        above = torch.zeros_like(seen)
        for r, c in seen.nonzero().tolist():
            for i, j in mask.nonzero().tolist():
                y, x = r - i + mask.shape[0] // 2, c - j + mask.shape[1] // 2
                if 0 <= y < size[0] and 0 <= x < size[1]:
                    above[y, x] = True
        seen = above
    return seen


@SEEN.mistake(
    "what was marked stays marked, though no weight carries it on: the unit sees itself, which type A forbids"
)
def marked_for_ever(masks, row, column, size):
    seen = torch.zeros(size, dtype=torch.bool)
    seen[row, column] = True
    for mask in reversed(masks):
        for r, c in seen.nonzero().tolist():
            for i, j in mask.nonzero().tolist():
                y, x = r + i - mask.shape[0] // 2, c + j - mask.shape[1] // 2
                if 0 <= y < size[0] and 0 <= x < size[1]:
                    seen[y, x] = True
    return seen


@SEEN.mistake("paths wrap round the border, to the other side of the picture; beyond the border are zeros")
def round_the_border(masks, row, column, size):
    seen = torch.zeros(size, dtype=torch.bool)
    seen[row, column] = True
    for mask in reversed(masks):
        below = torch.zeros_like(seen)
        for i, j in mask.nonzero().tolist():
            below = below | seen.roll((i - mask.shape[0] // 2, j - mask.shape[1] // 2), (0, 1))
        seen = below
    return seen


@SEEN.mistake(
    "only one layer is asked, the last; what it looks at has looked at something itself: go on to the image"
)
def the_last_layer_alone(masks, row, column, size):
    mask = masks[-1]
    seen = torch.zeros(size, dtype=torch.bool)
    for i, j in mask.nonzero().tolist():
        y, x = row + i - mask.shape[0] // 2, column + j - mask.shape[1] // 2
        if 0 <= y < size[0] and 0 <= x < size[1]:
            seen[y, x] = True
    return seen


@SEEN.mistake(
    "paths lead through places outside of the picture and back; in every layer there are only zeros out there"
)
def through_the_outside(masks, row, column, size):
    places = {(row, column)}
    for mask in reversed(masks):
        offsets = (mask.nonzero() - torch.tensor(mask.shape) // 2).tolist()
        places = {(r + i, c + j) for r, c in places for i, j in offsets}
    seen = torch.zeros(size, dtype=torch.bool)
    for r, c in places:
        if 0 <= r < size[0] and 0 <= c < size[1]:
            seen[r, c] = True
    return seen


@SEEN.mistake(
    "the first layer is asked first, as if it were the top; going backwards, the last one comes first"
)
def from_the_wrong_end(masks, row, column, size):
    seen = torch.zeros(size, dtype=torch.bool)
    seen[row, column] = True
    for mask in masks:
        below = torch.zeros_like(seen)
        for r, c in seen.nonzero().tolist():
            for i, j in mask.nonzero().tolist():
                y, x = r + i - mask.shape[0] // 2, c + j - mask.shape[1] // 2
                if 0 <= y < size[0] and 0 <= x < size[1]:
                    below[y, x] = True
        seen = below
    return seen
