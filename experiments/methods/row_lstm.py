"""The row LSTM, what PixelCNN is compared with: a memory runs down the picture, a whole row at a time.

Source: van den Oord, Kalchbrenner, Kavukcuoglu (2016), section 3.1.
"""

import torch
from torch import Tensor, nn

from lecture_utils.checks import check_count, check_share
from lecture_utils.generative._shared import Size
from lecture_utils.generative.autoregressive import MAPS, WholePasses
from lecture_utils.generative.masks import (
    before,
    check_odd,
    colour_groups,
    input_groups,
    masked_square,
    pointwise,
)
from lecture_utils.generative.pixelcnn import Masked
from lecture_utils.hooks import seeded


class RowLSTM(Masked):
    """PixelRNN with row LSTMs: a memory runs down the picture, a whole row at a time; see `Autoregressive`.

    layers: LSTMs on top of each other. width: channels of each, a multiple of `channels`. first: side of the first
    layer's filters, odd. The other arguments as in `PixelCNN`.
    Of the rows above, a layer sees one pixel more on either side with each row: a triangle, as deep as the picture.
    Differs: the net also sees where the border is, and each pixel's row and column.
    """

    def __init__(
        self,
        levels: int,
        size: Size,
        channels: int = 1,
        layers: int = 2,
        width: int = 48,
        first: int = 7,
        dropout: float = 0.0,
        seed: int = 0,
    ):
        super().__init__(levels, size, channels)
        self.width, groups = width, colour_groups(width, channels)
        layers, first = check_count(layers, "layers", 0), check_odd(first, "first", 3)
        check_share(dropout, "dropout")
        with seeded(seed):
            self.first = masked_square("A", first, input_groups(channels, MAPS), groups)
            self.layers = nn.ModuleList(_Row(width, channels, dropout) for _ in range(layers))
            self.make_head(groups)

    def forward(self, values: Tensor) -> Tensor:
        """Logits (n, levels, c, h, w) of values (n, c, h, w) in [-1, 1]."""
        x = self.first(self.with_maps(values))
        for layer in self.layers:
            x = layer(x)
        return self.scores(x)

    def cached_sampler(self, x: Tensor) -> "RowCache":
        """The conditional logits of a growing picture x: the memory of the rows above is kept, one row computed."""
        return RowCache(self, x)


class _Row(nn.Module):
    """One LSTM layer, with a residual connection around it.

    Row r:  o, f, i, g = W * x_r (masked, from the left) + U * h_(r-1) (three columns of the row above)
            c_r = s(f) c_(r-1) + s(i) tanh(g),   h_r = s(o) tanh(c_r)
    """

    def __init__(self, width, channels, dropout):
        super().__init__()
        groups, fours = colour_groups(width, channels), colour_groups(width, channels, copies=4)
        self.input = before("B", groups, fours, kernel=3)
        self.state = nn.Conv1d(width, 4 * width, 3, padding=1)  # nothing to mask: the row above is all known
        self.out = pointwise(groups, groups)
        self.dropout = nn.Dropout(dropout)
        self.width = width

    def forward(self, x):
        given, state, rows = self.input(x), self.empty(x), []
        for row in range(x.shape[2]):
            state = self.step(given[:, :, row], state)
            rows.append(state[0])
        return x + self.out(self.dropout(torch.stack(rows, 2)))

    def empty(self, x):
        """The memory above the first row: h and c, each (n, width, w) of zeros."""
        zero = x.new_zeros(len(x), self.width, x.shape[3])
        return zero, zero

    def step(self, given, state):
        """The memory one row further down. given (n, 4 width, w)."""
        h, c = state
        output, forget, enter, new = (given + self.state(h)).chunk(4, 1)
        c = forget.sigmoid() * c + enter.sigmoid() * new.tanh()
        return output.sigmoid() * c.tanh(), c


class RowCache(WholePasses):
    """Of a row LSTM: each layer's memory of the row above is kept, and the row computed for each value."""

    def __init__(self, model, x):
        super().__init__(model, x)
        blank = x.new_zeros(len(x), 1, 1, model.size[1]).to(model.dtype)
        self.states = [layer.empty(blank) for layer in model.layers]

    def begin(self, row):
        """The row above is whole: its memory is what this row starts from."""
        if row:
            self.states = self.run(row - 1)[1]

    def __call__(self, row, column, channel):
        """Logits (n, levels) of one value, given all before it."""
        found, _ = self.run(row)
        return self.model.scores(found)[:, :, channel, 0, column]

    def run(self, row):
        """One row through all layers: features (n, width, 1, w), and the memory below it."""
        rows = slice(max(0, row - self.model.first.reach[2]), row + 1)
        values = self.model.with_maps(self.model.values(self.x))[:, :, rows]
        x, states = self.model.first(values)[:, :, -1:], []
        for layer, state in zip(self.model.layers, self.states, strict=True):
            states.append(layer.step(layer.input(x)[:, :, 0], state))
            x = x + layer.out(states[-1][0][:, :, None])
        return x, states
