"""PixelRNN with row LSTMs: a memory runs down the picture, a whole row at a time.

Source: van den Oord, Kalchbrenner, Kavukcuoglu (2016), section 3.1 and table 1.
"""

import torch
from torch import nn
from torch.nn import functional as F

from .autoregressive import MAPS, Autoregressive
from .masks import before, colour_groups, input_groups, masked_square, pointwise


class RowLSTM(Autoregressive):
    """p(x) of pictures with whole levels, as a product over pixels; see `Autoregressive` for what it can do.

    levels, size (h, w), channels: of the pictures. layers: LSTMs on top of each other. width: channels of each, a
    multiple of `channels`. first: side of the first layer's filters, odd. dropout: share of activations dropped while
    training. seed: of the first weights.
    Of the rows above, a layer sees one pixel more on either side with each row: a triangle, as deep as the picture.
    Differs: the net also sees where the border is, and each pixel's row and column.
    """

    def __init__(self, levels, size, channels=1, layers=2, width=48, first=7, dropout=0.0, seed=0):
        super().__init__(levels, size, channels)
        groups, ends = colour_groups(width, channels), colour_groups(levels * channels, channels)
        self.width = width
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.first = masked_square("A", first, input_groups(channels, MAPS), groups)
            self.layers = nn.ModuleList(_Row(width, channels, dropout) for _ in range(layers))
            self.head = nn.ModuleList([pointwise(groups, groups), pointwise(groups, ends)])

    def forward(self, values):
        """Logits (n, levels, c, h, w) of values (n, c, h, w) in [-1, 1]."""
        x = self.first(self.with_maps(values))
        for layer in self.layers:
            x = layer(x)
        return self.scores(x)

    def scores(self, x):
        """The last layers, for any number of rows: (n, width, rows, w) -> (n, levels, c, rows, w)."""
        for layer in self.head:
            x = layer(F.relu(x))
        n, _, rows, w = x.shape
        return x.reshape(n, self.channels, self.levels, rows, w).transpose(1, 2)

    def cached_sampler(self, x):
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


class RowCache:
    """The conditional logits of a growing picture: each layer's memory of the row above is kept."""

    def __init__(self, model, x):
        self.model, self.x = model, x
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
        reach = self.model.first.reach[2]
        rows = slice(max(0, row - reach), row + 1)
        values = self.model.with_maps(self.model.values(self.x))[:, :, rows]
        x, states = self.model.first(values)[:, :, -1:], []
        for layer, state in zip(self.model.layers, self.states, strict=True):
            states.append(layer.step(layer.input(x)[:, :, 0], state))
            x = x + layer.out(states[-1][0][:, :, None])
        return x, states

    def done(self, row, column):
        """After a pixel's last value."""
