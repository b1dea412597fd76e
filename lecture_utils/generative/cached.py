"""Sampling without doing anything twice.

A new pixel changes only what comes after it. So all activations are kept, and of a new pixel each layer computes one
column of numbers: for a picture of h x w pixels h w columns, where the naive way runs the whole network h w times.
The vertical stack of a gated net is computed a row at a time, as it sees whole rows.

Source: Ramachandran et al. (2017), "Fast generation for convolutional autoregressive models", section 2.
"""

import torch
from torch.nn import functional as F


class Memory:
    """The input of one masked convolution, with its border of zeros, and the convolution at one place of it.

    layer: a `MaskedConv2d`. n, size: of the pictures. channels: how many colours the outputs are split in; the
    convolution is computed for one colour at a time.
    copies: 2 where the output is a pair for a gate.
    """

    def __init__(self, layer, n, size, channels, copies=1):
        (left, right, above), (h, w) = layer.reach, size
        weight = layer.allowed()
        self.layer, self.reach, self.step = layer, layer.reach, layer.dilation[0]
        self.kept = weight.new_zeros(
            n, h + above, w + left + right, weight.shape[1]
        )  # channels last: whole reads
        self.weight, self.bias = [], []
        for group in split(weight.shape[0], channels, copies):
            self.weight.append(
                weight[group].permute(2, 3, 1, 0).flatten(0, 2).contiguous()
            )  # (kh kw in, out)
            self.bias.append(layer.bias[group])

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
        rows = slice(row, row + self.reach[2] + (not self.layer.strictly_above))
        weight, bias = self.layer.allowed(), self.layer.bias
        return F.conv2d(self.kept[:, rows].permute(0, 3, 1, 2), weight, bias, dilation=self.layer.dilation)[
            :, :, 0
        ]


class Column:
    """A 1 x 1 layer at one pixel: it keeps its input (n, in) and computes one colour's outputs at a time."""

    def __init__(self, layer, n, channels):
        weight = layer.allowed()[:, :, 0, 0]
        self.kept = weight.new_zeros(n, weight.shape[1])
        groups, inputs = split(weight.shape[0], channels), split(weight.shape[1], channels)
        self.inputs = inputs
        self.until = [int(group[-1]) + 1 for group in inputs]  # of the input, the groups up to this one
        self.weight = [
            weight[group, :until].t().contiguous() for group, until in zip(groups, self.until, strict=True)
        ]
        self.bias = [layer.bias[group] for group in groups]

    def __call__(self, values, group):
        """Keep this colour's inputs (n, in of this colour); return its outputs (n, out of this colour)."""
        until = self.until[group]
        self.kept[:, until - values.shape[1] : until] = values
        return torch.addmm(self.bias[group], self.kept[:, :until], self.weight[group])


def split(width, channels, copies=1):
    """The channels that belong to each colour, a list of LongTensors: see `masks.colour_groups`."""
    return list(torch.arange(width).view(copies, channels, -1).transpose(0, 1).flatten(1))


class _Cache:
    """What both nets share: the order of the work, and the last layers."""

    def __init__(self, model, x):
        self.model, self.x, self.computed = model, x, 0
        self.n, self.channels = len(x), model.channels
        self.head = [Column(layer, self.n, self.channels) for layer in model.head]
        each = model.width // model.channels
        self.own = [
            slice(c * each, (c + 1) * each) for c in range(model.channels)
        ]  # the channels of each colour
        blank = model.with_maps(x.new_zeros(1, *model.shape).to(model.dtype))
        self.maps = blank[0, self.channels :]  # (3, h, w)

    def memory(self, layer, copies=1):
        return Memory(layer, self.n, self.model.size, self.channels, copies)

    def begin(self, row):
        """Before a row's first pixel."""

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
        for channel in range(self.computed, self.channels):
            self.enter(row, column)
            self.compute(row, column, channel)
        self.enter(row, column)
        self.computed = 0

    def pixel_values(self, row, column):
        colours = self.model.values(self.x[:, :, row, column])
        return torch.cat([colours, self.maps[:, row, column].expand(self.n, -1)], 1)


class PlainCache(_Cache):
    """Of the plain net: one memory a layer."""

    def __init__(self, model, x):
        super().__init__(model, x)
        self.first = self.memory(model.first)
        self.squares = [self.memory(layer.square) for layer in model.layers]
        self.outs = [Column(layer.out, self.n, self.channels) for layer in model.layers]

    def enter(self, row, column):
        """Put the pixel's values where the first layer reads them."""
        self.first.write(row, column, self.pixel_values(row, column))

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
        super().__init__(model, x)
        self.top, self.left = self.memory(model.top), self.memory(model.left)
        self.verticals = [self.memory(layer.vertical) for layer in model.layers]
        self.horizontals = [self.memory(layer.horizontal, copies=2) for layer in model.layers]
        self.outs = [Column(layer.out, self.n, self.channels) for layer in model.layers]
        self.pairs = split(2 * model.width, self.channels, copies=2)

    def begin(self, row):
        """The vertical stack of a whole row: everything above is known."""
        self.enter_row(row - 1)
        rows, self.found = self.top.row(row), []
        for memory, layer in zip(self.verticals, self.model.layers, strict=True):
            memory.write_row(row, rows)
            found = memory.row(row)  # (n, 2 width, w)
            linked = layer.link(found[:, :, None])[:, :, 0]
            self.found.append([linked[:, pair].permute(2, 0, 1).contiguous() for pair in self.pairs])
            what, whether = found.chunk(2, 1)
            rows = rows + what.tanh() * whether.sigmoid()
        for memory in (self.left, *self.horizontals):
            memory.kept.zero_()  # the row above is no concern of the horizontal stack

    def enter_row(self, row):
        """Put a finished row of the picture where the vertical stack reads it."""
        if row >= 0:
            colours = self.model.values(self.x[:, :, row])
            maps = self.maps[:, row].expand(self.n, -1, -1)
            self.top.write_row(row, torch.cat([colours, maps], 1))

    def enter(self, row, column):
        """Put the pixel's values where the horizontal stack reads them."""
        self.left.write(row, column, self.pixel_values(row, column))

    def compute(self, row, column, channel):
        """This colour's channels through all layers, (n, width / channels)."""
        pixel = self.left.at(row, column, channel)
        for memory, out, found in zip(self.horizontals, self.outs, self.found, strict=True):
            memory.write(row, column, pixel, self.own[channel])
            mixed = memory.at(row, column, channel) + found[channel][column]
            what, whether = mixed.chunk(2, 1)
            pixel = pixel + out(what.tanh() * whether.sigmoid(), channel)
        return pixel
