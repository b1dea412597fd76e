"""Masks that keep a convolution from looking ahead.

A mask is 1 at the taps that a filter may use: those above and to the left. At the filter's own pixel the colours
decide. The channels of each layer are split into one group for each colour, and a channel of group R, G or B may see

    mask A: the groups *before* its own (the first layer: a value must not see itself),
    mask B: the groups up to its own (all other layers: their input no longer contains the value itself).

Source: van den Oord, Kalchbrenner, Kavukcuoglu (2016), section 3.4.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_count


def colour_groups(width: int, channels: int, copies: int = 1) -> Tensor:
    """The colour that each of `width` channels belongs to, LongTensor (width * copies,): 0 0 .. 1 1 .. 2 2.

    copies: the same again, for a layer whose output is then split (a gate takes two). Errors: ValueError.
    """
    if check_count(width, "width") % channels:
        raise ValueError(f"width: expected a multiple of the {channels} colours, got {width}")
    return torch.arange(channels).repeat_interleave(width // channels).repeat(copies)


def input_groups(channels: int, others: int) -> Tensor:
    """The groups of a net's input: each colour its own, and `others` maps that come before all colours."""
    return torch.cat([torch.arange(channels), torch.full((others,), -1)])


def check_odd(value: int, name: str, least: int = 1) -> int:
    """An odd number. Errors: ValueError."""
    if check_count(value, name, least) % 2 == 0:
        raise ValueError(f"{name}: expected an odd number of at least {least}, got {value}")
    return value


def centre_mask(kind: str, inputs: Tensor, outputs: Tensor) -> Tensor:
    """Which channels meet at a pixel itself, bool (out, in). inputs, outputs: groups. Errors: ValueError."""
    if kind not in ("A", "B"):
        raise ValueError(f"kind: expected 'A' or 'B', got {kind!r}")
    return inputs[None] < outputs[:, None] if kind == "A" else inputs[None] <= outputs[:, None]


def square_mask(kind: str, kernel: int, inputs: Tensor, outputs: Tensor) -> Tensor:
    """The mask of a kernel x kernel filter, bool (out, in, kernel, kernel). Errors: ValueError.

    kernel: odd. Rows above are open, the row of the pixel up to its left neighbour; the pixel as `centre_mask` says.
    """
    middle = check_odd(kernel, "kernel") // 2
    mask = torch.zeros(len(outputs), len(inputs), kernel, kernel, dtype=torch.bool)
    mask[:, :, :middle] = True
    mask[:, :, middle, :middle] = True
    mask[:, :, middle, middle] = centre_mask(kind, inputs, outputs)
    return mask


class MaskedConv2d(nn.Conv2d):
    """A convolution whose masked weights count as zero. It keeps the size (h, w).

    mask: bool (out, in, kh, kw). reach = (left, right, above): how many px the filter reaches over; what lies outside
    the picture is 0. strictly_above: the last row of taps lies on the row above, not on the pixel's own.
    """

    def __init__(self, mask: Tensor, reach: tuple, dilation: int = 1, strictly_above: bool = False):
        outputs, inputs, *kernel = mask.shape
        super().__init__(inputs, outputs, kernel, dilation=dilation)
        self.register_buffer("mask", mask, persistent=False)  # it is made, not learned: not in the file
        self.reach, self.strictly_above = reach, strictly_above

    def allowed(self) -> Tensor:
        """The weights that count, (out, in, kh, kw): the masked ones are zero."""
        return self.weight * self.mask

    def forward(self, x: Tensor) -> Tensor:
        left, right, above = self.reach
        out = F.conv2d(F.pad(x, (left, right, above, 0)), self.allowed(), self.bias, dilation=self.dilation)
        return out[:, :, :-1] if self.strictly_above else out


def masked_square(kind: str, kernel: int, inputs: Tensor, outputs: Tensor) -> MaskedConv2d:
    """A kernel x kernel layer with mask A or B. Its lower rows are all closed, so only the upper ones are computed."""
    middle = kernel // 2
    return MaskedConv2d(square_mask(kind, kernel, inputs, outputs)[:, :, : middle + 1], (middle,) * 3)


def pointwise(inputs: Tensor, outputs: Tensor) -> MaskedConv2d:
    """A 1 x 1 layer with mask B: each pixel for itself, colours in their order."""
    return MaskedConv2d(centre_mask("B", inputs, outputs)[:, :, None, None], (0, 0, 0))


def above(inputs: int, outputs: int, kernel: int, dilation: int = 1, first: bool = False) -> MaskedConv2d:
    """A layer of the vertical stack: all columns within reach, of rows above.

    inputs, outputs: numbers of channels. first: only rows strictly above the pixel. The later layers also use the
    pixel's own row of their input, which no longer contains anything of that row of the picture.
    """
    middle = kernel // 2
    rows = middle if first else middle + 1
    mask = torch.ones(outputs, inputs, rows, kernel, dtype=torch.bool)
    reach = middle * dilation
    return MaskedConv2d(mask, (reach, reach, reach), dilation, strictly_above=first)


def before(kind: str, inputs: Tensor, outputs: Tensor, kernel: int, dilation: int = 1) -> MaskedConv2d:
    """A layer of the horizontal stack: the pixel's own row, to its left; at the pixel mask A or B."""
    middle = kernel // 2
    mask = torch.ones(len(outputs), len(inputs), 1, middle + 1, dtype=torch.bool)
    mask[:, :, 0, -1] = centre_mask(kind, inputs, outputs)
    return MaskedConv2d(mask, (middle * dilation, 0, 0), dilation)


def gate(x: Tensor) -> Tensor:
    """tanh of the first half of the channels, times the sigmoid of the second: (n, 2 c, ...) -> (n, c, ...)."""
    what, whether = x.chunk(2, 1)
    return what.tanh() * whether.sigmoid()
