"""PixelCNN: all conditionals of a picture in one pass of masked convolutions.

The plain net has one stack of square masked filters; a wedge above to the right of a pixel it never sees (the blind
spot). The gated net has two stacks, one for the rows above and one for the pixel's own row, and sees everything.

Source: van den Oord, Kalchbrenner, Kavukcuoglu (2016), table 1 (PixelCNN); van den Oord et al. (2016),
"Conditional image generation with PixelCNN decoders", sections 2.1, 2.2 and figure 2 (gated).
"""

from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_count, check_share
from ..hooks import seeded
from ._shared import Size
from .autoregressive import MAPS, Autoregressive
from .cached import GatedCache, PlainCache
from .masks import above, before, check_odd, colour_groups, gate, input_groups, masked_square, pointwise


class Masked(Autoregressive):
    """What masked nets share: their last layers."""

    def make_head(self, groups):
        ends = colour_groups(self.levels * self.channels, self.channels)
        self.head = nn.ModuleList([pointwise(groups, groups), pointwise(groups, ends)])

    def scores(self, x: Tensor) -> Tensor:
        """The last layers, for any number of rows: (n, width, rows, w) -> (n, levels, c, rows, w)."""
        for layer in self.head:
            x = layer(F.relu(x))
        n, _, rows, w = x.shape  # (n, c * levels, rows, w): the levels of R, then of G, then of B
        return x.reshape(n, self.channels, self.levels, rows, w).transpose(1, 2)


class PixelCNN(Masked):
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
        levels: int,
        size: Size,
        channels: int = 1,
        layers: int = 5,
        width: int = 48,
        gated: bool = True,
        kernel: int = 3,
        first: int = 7,
        dilations: tuple[int, ...] | None = None,
        dropout: float = 0.0,
        seed: int = 0,
    ):
        super().__init__(levels, size, channels)
        dilations = _dilations(dilations, check_count(layers, "layers", 0), gated)
        kernel, first = check_odd(kernel, "kernel", 3), check_odd(first, "first", 3)
        self.gated, self.width = gated, width
        inputs, groups = input_groups(channels, MAPS), colour_groups(width, channels)
        check_share(dropout, "dropout")
        with seeded(seed):
            if gated:
                self.top = above(len(inputs), width, first, first=True)
                self.left = before("A", inputs, groups, first)
                pairs = colour_groups(width, channels, copies=2)
                self.layers = nn.ModuleList(_Gated(groups, pairs, kernel, d, dropout) for d in dilations)
            else:
                self.first = masked_square("A", first, inputs, groups)
                self.layers = nn.ModuleList(_Plain(groups, kernel, dropout) for _ in dilations)
            self.make_head(groups)

    def forward(self, values: Tensor) -> Tensor:
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
        return self.scores(pixel)

    def cached_sampler(self, x: Tensor) -> PlainCache | GatedCache:
        """The conditional logits of a growing picture x, where only what a new pixel changes is computed."""
        return (GatedCache if self.gated else PlainCache)(self, x)


def _dilations(given, layers, gated):
    """One for each layer. Errors: ValueError."""
    if given is None:
        return [1] * layers
    if not isinstance(given, tuple | list) or len(given) != layers:
        raise ValueError(f"dilations: expected {layers}, one for each layer, got {given!r}")
    found = [check_count(each, "dilations") for each in given]
    if not gated and set(found) - {1}:
        raise ValueError("dilations: only the gated net has them, the plain one is the paper's")
    return found


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
