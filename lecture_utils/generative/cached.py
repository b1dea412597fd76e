"""Sampling without doing anything twice.

A new pixel changes only what comes after it. So all activations are kept, and of a new pixel each layer computes one
column of numbers: for a picture of h x w pixels h w columns, where the naive way runs the whole network h w times.
The vertical stack of a gated net is computed a row at a time, as it sees whole rows.

Source: Ramachandran et al. (2017), "Fast generation for convolutional autoregressive models", section 2.
"""

import torch
from torch.nn import functional as F

from .autoregressive import WholePasses
from .masks import gate


def split(width, channels, copies=1):
    """The channels that belong to each colour, a list of LongTensors: see `masks.colour_groups`."""
    return list(torch.arange(width).view(copies, channels, -1).transpose(0, 1).flatten(1))


class Memory:
    """The input of a masked convolution (n pictures, with a border of zeros), and the convolution at one place of it.

    It is computed for one colour at a time. copies: 2 where the output is a pair for a gate.
    """

    def __init__(self, layer, model, n, copies=1):
        (left, right, above), (h, w) = layer.reach, model.size
        weight = layer.allowed()  # (out, in, kh, kw)
        groups = split(len(weight), model.channels, copies)
        self.layer, self.reach, self.step = layer, layer.reach, layer.dilation[0]
        # Channels last: whole reads.
        self.kept = weight.new_zeros(n, h + above, w + left + right, weight.shape[1])
        self.weight = [weight[group].permute(2, 3, 1, 0).flatten(0, 2).contiguous() for group in groups]
        self.bias = [layer.bias[group] for group in groups]

    def write(self, row, column, values, channels=slice(None)):
        """Put values (n, in) at one pixel, or only some of its channels."""
        left, _, above = self.reach
        self.kept[:, row + above, column + left, channels] = values

    def write_row(self, row, values):
        """Put values (n, in, w) in one row."""
        left, right, above = self.reach
        self.kept[:, row + above, left : self.kept.shape[2] - right] = values.transpose(1, 2)

    def at(self, row, column, group):
        """The convolution's output at one pixel, for one colour, (n, out of this colour)."""
        left, right, above = self.reach
        rows = slice(row, row + above + 1, self.step)
        window = self.kept[:, rows, column : column + left + right + 1 : self.step]
        return torch.addmm(self.bias[group], window.flatten(1), self.weight[group])

    def row(self, row):
        """The convolution's output in one row, (n, out, w)."""
        layer, last = self.layer, row + self.reach[2] + (not self.layer.strictly_above)
        kept = self.kept[:, row:last].permute(0, 3, 1, 2)
        return F.conv2d(kept, layer.allowed(), layer.bias, dilation=layer.dilation)[:, :, 0]


class Column:
    """A 1 x 1 layer at one pixel: it keeps its input (n, in) and computes one colour's outputs at a time."""

    def __init__(self, layer, n, channels):
        weight = layer.allowed()[:, :, 0, 0]
        groups = split(len(weight), channels)
        each = weight.shape[1] // channels
        self.kept = weight.new_zeros(n, weight.shape[1])
        self.until = [(group + 1) * each for group in range(channels)]  # of the input, up to this colour
        pairs = zip(groups, self.until, strict=True)
        self.weight = [weight[group, :until].t().contiguous() for group, until in pairs]
        self.bias = [layer.bias[group] for group in groups]

    def __call__(self, values, group):
        """Keep this colour's inputs (n, in of this colour); return its outputs (n, out of this colour)."""
        until = self.until[group]
        self.kept[:, until - values.shape[1] : until] = values
        return torch.addmm(self.bias[group], self.kept[:, :until], self.weight[group])


class _Cache(WholePasses):
    """What both nets share: the order of the work, and the last layers. first: the layer that reads the pixels."""

    def __init__(self, model, x, first):
        super().__init__(model, x)
        n, each, self.computed = len(x), model.width // model.channels, 0
        self.first, self.maps = Memory(first, model, n), model.maps[0].to(model.dtype)  # (3, h, w)
        self.outs = [Column(layer.out, n, model.channels) for layer in model.layers]
        self.head = [Column(layer, n, model.channels) for layer in model.head]
        self.own = [slice(c * each, (c + 1) * each) for c in range(model.channels)]  # of each colour

    def __call__(self, row, column, channel):
        """Logits (n, levels) of one value, given all before it."""
        self.enter(row, column)
        while self.computed <= channel:
            pixel = self.compute(row, column, self.computed)
            self.computed += 1
        for layer in self.head:
            pixel = layer(pixel.relu(), channel)
        return pixel

    def done(self, row, column):
        """After a pixel's last value: what the pixels to come will read is computed and kept."""
        for channel in range(self.computed, self.model.channels):
            self.enter(row, column)
            self.compute(row, column, channel)
        self.enter(row, column)
        self.computed = 0

    def enter(self, row, column):
        """Put the pixel's values, and the maps there, where the first layer reads them."""
        colours = self.model.values(self.x[:, :, row, column])
        maps = self.maps[:, row, column].expand(len(colours), -1)
        self.first.write(row, column, torch.cat([colours, maps], 1))


class PlainCache(_Cache):
    """Of the plain net: one memory a layer."""

    def __init__(self, model, x):
        super().__init__(model, x, model.first)
        self.squares = [Memory(layer.square, model, len(x)) for layer in model.layers]

    def compute(self, row, column, channel):
        """This colour's channels through all layers, (n, width / channels)."""
        pixel = self.first.at(row, column, channel)
        for square, out in zip(self.squares, self.outs, strict=True):
            square.write(row, column, pixel.relu(), self.own[channel])
            pixel = pixel + out(square.at(row, column, channel).relu(), channel)
        return pixel


class GatedCache(_Cache):
    """Of the gated net: the vertical stack a row at a time, the horizontal one a pixel at a time."""

    def __init__(self, model, x):
        super().__init__(model, x, model.left)
        n, layers = len(x), model.layers
        self.top = Memory(model.top, model, n)
        self.verticals = [Memory(layer.vertical, model, n) for layer in layers]
        self.horizontals = [Memory(layer.horizontal, model, n, copies=2) for layer in layers]
        self.pairs = split(2 * model.width, model.channels, copies=2)

    def begin(self, row):
        """The vertical stack of a whole row: everything above is known."""
        if row:
            colours = self.model.values(self.x[:, :, row - 1])  # (n, c, w)
            maps = self.maps[:, row - 1].expand(len(colours), -1, -1)
            self.top.write_row(row - 1, torch.cat([colours, maps], 1))
        rows, self.found = self.top.row(row), []
        for memory, layer in zip(self.verticals, self.model.layers, strict=True):
            memory.write_row(row, rows)
            found = memory.row(row)  # (n, 2 width, w)
            linked = layer.link(found[:, :, None])[:, :, 0]
            self.found.append([linked[:, pair].permute(2, 0, 1).contiguous() for pair in self.pairs])
            rows = rows + gate(found)
        for memory in (self.first, *self.horizontals):
            memory.kept.zero_()  # the row above is no concern of the horizontal stack

    def compute(self, row, column, channel):
        """This colour's channels through all layers, (n, width / channels)."""
        pixel = self.first.at(row, column, channel)
        for memory, out, found in zip(self.horizontals, self.outs, self.found, strict=True):
            memory.write(row, column, pixel, self.own[channel])
            mixed = memory.at(row, column, channel) + found[channel][column]
            pixel = pixel + out(gate(mixed), channel)
        return pixel
