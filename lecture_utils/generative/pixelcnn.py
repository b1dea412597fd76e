"""PixelCNN: all conditionals of a picture in one pass of masked convolutions.

The plain net has one stack of square masked filters; a wedge above to the right of a pixel it never sees (the blind
spot). The gated net has two stacks, one for the rows above and one for the pixel's own row, and sees everything.

Source: van den Oord, Kalchbrenner, Kavukcuoglu (2016), table 1 (PixelCNN); van den Oord et al. (2016), "Conditional
image generation with PixelCNN decoders", sections 2.1, 2.2 and figure 2 (gated).
"""

import torch
from torch import nn
from torch.nn import functional as F

from .autoregressive import MAPS, Autoregressive
from .cached import GatedCache, PlainCache
from .masks import above, before, colour_groups, input_groups, masked_square, pointwise


class PixelCNN(Autoregressive):
    """p(x) of pictures with whole levels, as a product over pixels; see `Autoregressive` for what it can do.

    levels, size (h, w), channels: of the pictures. layers: masked layers after the first. width: channels of each, a
    multiple of `channels`. gated: two stacks with gates, or one with ReLUs.
    kernel: side of the filters, odd; first: the first layer's. dilations: one for each layer, 1 unless given: how many
    px a filter's taps lie apart (gated only). dropout: share of activations dropped while training. seed: of the first
    weights.
    Differs: the net also sees where the border is, and each pixel's row and column; the vertical stack has residuals as
    the horizontal one does; dilation (from WaveNet) lets few small filters see the whole picture.
    """

    def __init__(
        self,
        levels,
        size,
        channels=1,
        layers=5,
        width=48,
        gated=True,
        kernel=3,
        first=7,
        dilations=None,
        dropout=0.0,
        seed=0,
    ):
        super().__init__(levels, size, channels)
        dilations = [1] * layers if dilations is None else list(dilations)
        if len(dilations) != layers:
            raise ValueError(f"dilations: expected {layers}, one for each layer, got {len(dilations)}")
        if not gated and set(dilations) - {1}:
            raise ValueError("dilations: only the gated net has them, the plain one is the paper's")
        for name, side in (("kernel", kernel), ("first", first)):
            if side < 3 or side % 2 == 0:
                raise ValueError(f"{name}: expected an odd number of at least 3, got {side}")
        self.gated, self.width = gated, width
        colours = input_groups(channels, MAPS)
        groups, pairs = colour_groups(width, channels), colour_groups(width, channels, copies=2)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            if gated:
                self.top = above(len(colours), width, first, first=True)
                self.left = before("A", colours, groups, first)
                self.layers = nn.ModuleList(_Gated(groups, pairs, kernel, d, dropout) for d in dilations)
            else:
                self.first = masked_square("A", first, colours, groups)
                self.layers = nn.ModuleList(_Plain(groups, kernel, dropout) for _ in dilations)
            ends = colour_groups(levels * channels, channels)
            self.head = nn.ModuleList([pointwise(groups, groups), pointwise(groups, ends)])

    def forward(self, values):
        """Logits (n, levels, c, h, w) of values (n, c, h, w) in [-1, 1]."""
        x = self.with_maps(values)  # (n, c + 3, h, w)
        if self.gated:
            rows, pixel = self.top(x), self.left(x)
            for layer in self.layers:
                rows, pixel = layer(rows, pixel)
        else:
            pixel = self.first(x)
            for layer in self.layers:
                pixel = layer(pixel)
        for layer in self.head:
            pixel = layer(F.relu(pixel))
        n, _, h, w = pixel.shape  # (n, c * levels, h, w): the levels of R, then of G, then of B
        return pixel.reshape(n, self.channels, self.levels, h, w).transpose(1, 2)

    def cached_sampler(self, x):
        """The conditional logits of a growing picture x, where only what a new pixel changes is computed."""
        return (GatedCache if self.gated else PlainCache)(self, x)


class _Plain(nn.Module):
    """x + 1x1(ReLU(masked square filters(ReLU(x)))), all with mask B."""

    def __init__(self, groups, kernel, dropout):
        super().__init__()
        self.square, self.out = masked_square("B", kernel, groups, groups), pointwise(groups, groups)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return x + self.out(self.dropout(F.relu(self.square(F.relu(x)))))


class _Gated(nn.Module):
    """One layer of both stacks. What the rows above have found goes to the pixel, never back."""

    def __init__(self, groups, pairs, kernel, dilation, dropout):
        super().__init__()
        width = len(groups)
        self.vertical = above(width, 2 * width, kernel, dilation)
        self.link = nn.Conv2d(2 * width, 2 * width, 1)
        self.horizontal = before("B", groups, pairs, kernel, dilation)
        self.out = pointwise(groups, groups)
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows, pixel):
        found = self.vertical(rows)  # (n, 2 width, h, w)
        mixed = self.horizontal(pixel) + self.link(found)
        return rows + self.dropout(gate(found)), pixel + self.out(self.dropout(gate(mixed)))


def gate(x):
    """tanh of the first half of the channels, times the sigmoid of the second: (n, 2 c, ...) -> (n, c, ...)."""
    what, whether = x.chunk(2, 1)
    return what.tanh() * whether.sigmoid()
