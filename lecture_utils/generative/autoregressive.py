"""One pixel after another: what every autoregressive model of images shares.

By the chain rule p(x) = p(x_1) p(x_2 | x_1) p(x_3 | x_1, x_2) ..., in a fixed order: rows from top to bottom, each from
left to right, and in a pixel R, then G, then B. A model gives all factors at once, as a softmax over the levels at each
place. Their product is exact, and sums to 1 over all pictures.

Source: van den Oord, Kalchbrenner, Kavukcuoglu (2016), "Pixel recurrent neural networks", section 2.
"""

import math

import torch
from torch import Tensor

from ..checks import check_count, check_number, check_size, check_tensor
from ..hooks import frozen
from ..progress import progress
from ._shared import Draws, Placed, Size, check_model, source

CHUNK = 64  # pictures in one pass where no gradient is asked for
MAPS = 3  # what a model may see beside the colours: ones (0 outside the picture: where the border is), row, column


class Autoregressive(Placed):
    """The base: a subclass defines `forward(values)`, and may define `cached_sampler`.

    levels: how many values a pixel can take. size: (h, w). channels: 1, or 3 for colour.
    A picture is a LongTensor (n, channels, h, w) of levels 0 .. levels - 1. Errors, of all methods: ValueError.
    """

    def __init__(self, levels: int, size: Size, channels: int = 1):
        super().__init__()
        self.levels, self.channels = check_count(levels, "levels", 2), check_count(channels, "channels")
        self.size = check_size(size)
        h, w = self.size
        rows = torch.linspace(-1, 1, h)[:, None].expand(h, w)
        columns = torch.linspace(-1, 1, w).expand(h, w)
        self.register_buffer("maps", torch.stack([torch.ones(h, w), rows, columns])[None], persistent=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, h, w) of a picture."""
        return (self.channels, *self.size)

    def forward(self, values: Tensor) -> Tensor:
        """Logits (n, levels, c, h, w) of values (n, c, h, w) in [-1, 1]: what the network itself computes."""
        raise NotImplementedError

    def values(self, x: Tensor) -> Tensor:
        """Levels as numbers in [-1, 1], in the model's dtype and on its device."""
        return x.to(next(self.parameters())) * (2 / (self.levels - 1)) - 1

    def with_maps(self, values: Tensor) -> Tensor:
        """The picture and, below it, the MAPS, which are the same for all pictures, (n, c + 3, h, w)."""
        return torch.cat([values, self.maps.to(values.dtype).expand(len(values), -1, -1, -1)], 1)

    def logits(self, x: Tensor) -> Tensor:
        """The scores of each level before softmax, (n, levels, c, h, w); at a place of what is before it only."""
        return self(self.values(check_pictures(x, self))).to(x.device)

    def log_prob(self, x: Tensor) -> Tensor:
        """The exact log-probability of each picture, (n,), in nats."""
        x = check_pictures(x, self)
        if torch.is_grad_enabled():
            return self._log_prob(x)
        return torch.cat([self._log_prob(some) for some in x.split(CHUNK)])

    def _log_prob(self, x):
        logp = self(self.values(x)).log_softmax(1)  # (n, levels, c, h, w)
        return logp.gather(1, x.to(logp.device)[:, None])[:, 0].flatten(1).sum(1).to(x.device)

    def bits_per_dim(self, x: Tensor) -> Tensor:
        """-log2 p(x) for each value of a pixel, (n,): what one costs to store."""
        return -self.log_prob(x) / (math.prod(self.shape) * math.log(2))

    def sample(
        self,
        n: int = 1,
        generator: Draws = None,
        cached: bool = True,
        temperature: float = 1.0,
        given: Tensor | None = None,
        known: Tensor | None = None,
    ) -> Tensor:
        """Draw n pictures, LongTensor (n, c, h, w), on the model's device; in evaluation mode, without gradients.

        generator: a torch.Generator on the CPU; None takes a new one that nobody can repeat. One uniform number is
        drawn for each value of each picture, all before the first pixel.
        cached: compute only what a new pixel changes; False runs the whole network for each value: the same pictures,
        much later. temperature: the logits are divided by it; below 1 the likely becomes likelier.
        given (n, c, h, w), known bool (h, w): these pixels are given, the others completed, in the usual order. A
        pixel that comes after the missing ones does not help them.
        Ctrl-C ends it: what is drawn so far comes back, with a sentence.
        """
        check_number(temperature, "temperature", above=True)
        x, known = self._begun(check_count(n, "n"), given, known)
        draws = torch.rand((n, *self.shape), generator=source(generator), dtype=torch.float64).to(self.device)
        with frozen(self), torch.no_grad():
            conditional = self.cached_sampler(x) if cached else WholePasses(self, x)
            try:
                for row in progress(range(self.size[0]), "sampling rows"):
                    conditional.begin(row)
                    for column in range(self.size[1]):
                        for channel in () if known[row, column] else range(self.channels):
                            logits = conditional(row, column, channel)
                            draw = draws[:, channel, row, column]
                            x[:, channel, row, column] = pick(logits / temperature, draw)
                        conditional.done(row, column)
            except KeyboardInterrupt:
                print(f"sampling stopped in row {row + 1} of {self.size[0]}: the rest is empty.")
        return x

    def cached_sampler(self, x: Tensor) -> "WholePasses":
        """What computes the conditional logits of a growing picture; here the slow way, as there is no other."""
        return WholePasses(self, x)

    def _begun(self, n, given, known):
        """The pictures before the first draw, and which pixels of them hold."""
        x = torch.zeros((n, *self.shape), dtype=torch.long, device=self.device)
        if (given is None) != (known is None):
            raise ValueError(
                "given, known: expected both, the pictures and which pixels of them hold, or neither"
            )
        if known is None:
            return x, torch.zeros(self.size, dtype=torch.bool)
        given = check_levels(given, x.shape, self.levels, "given")
        known = check_tensor(known, "known", self.size, "bool")
        return torch.where(known.to(x.device), given.to(x.device), x), known


class WholePasses:
    """The conditional logits by a pass through the whole network for each value: simple and slow."""

    def __init__(self, model, x):
        self.model, self.x = model, x

    def begin(self, row):
        """Before a row's first pixel."""

    def __call__(self, row, column, channel):
        """Logits (n, levels) of one value, given all before it."""
        return self.model(self.model.values(self.x))[:, :, channel, row, column]

    def done(self, row, column):
        """After a pixel's last value."""


def pick(logits: Tensor, draws: Tensor) -> Tensor:
    """The level that each uniform number draws[n] in [0, 1) picks from softmax(logits[n]), LongTensor (n,).

    The levels share the line from 0 to 1 as their probabilities say, and the number falls on one of them.
    """
    ends = logits.double().softmax(1).cumsum(1)  # (n, levels)
    return (ends <= draws[:, None]).sum(1).clamp(max=logits.shape[1] - 1)


def nats(model: Autoregressive, x: Tensor, generator: Draws = None) -> Tensor:
    """-log p(x), (n,): the loss for `fit`; nothing is drawn. Errors: ValueError."""
    source(generator)
    return -check_model(model).log_prob(x)


def check_pictures(x: Tensor, model: Autoregressive, name: str = "x") -> Tensor:
    """A batch of the model's pictures, LongTensor (n, c, h, w). Errors: ValueError."""
    return check_levels(x, ("n", *model.shape), model.levels, name)


def check_levels(x: Tensor, shape: tuple, levels: int, name: str = "x") -> Tensor:
    """A LongTensor of levels of a shape. Errors: ValueError."""
    if isinstance(x, Tensor) and x.is_floating_point():
        hint = f"use (images * {levels - 1}).round().long()"
        raise ValueError(f"{name}: expected whole levels 0 .. {levels - 1}, got {x.dtype}: {hint}")
    low, high = (int(v) for v in check_tensor(x, name, shape, "integer").aminmax())
    if low < 0 or high >= levels:
        hint = ": quantise the data to these levels" if high >= levels else ""
        raise ValueError(f"{name}: the model knows levels 0 .. {levels - 1}, got {low} .. {high}{hint}")
    return x.long()
