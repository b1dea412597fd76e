"""Completions: the upper rows of a picture are given, an autoregressive model draws what lies below, row by row."""

from collections.abc import Iterator
from math import log
from typing import NamedTuple

import torch
from torch import Tensor

from ..hooks import frozen
from .autoregressive import Autoregressive, pick

MANY = 6  # completions of each kind


class Completions(NamedTuple):
    """What was drawn for some numbers of given rows, some temperatures, and some pictures.

    pixels: uint8 (draws, rows, temperatures, pictures, MANY, c, h, w), levels. bits (draws, rows, temperatures,
    pictures, MANY): what the missing part costs at temperature 1, for each value.
    """

    rows: tuple
    temperatures: tuple
    pixels: Tensor
    bits: Tensor

    def at(self, picture: int, rows: int, temperature: float, draw: int) -> tuple[Tensor, list]:
        """LongTensor (MANY, c, h, w) and a list of MANY numbers. picture: its index; draw: 1, 2, ..."""
        near = min(range(len(self.temperatures)), key=lambda k: abs(self.temperatures[k] - temperature))
        place = draw - 1, self.rows.index(rows), near, picture
        return self.pixels[place].long(), self.bits[place].tolist()


def complete(
    model: Autoregressive, given: Tensor, rows: int | Tensor, temperatures: Tensor, draws: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Draw what lies below the first rows, row by row: yields (pictures so far, bits for each value so far) each time.

    given: LongTensor (n, c, h, w). rows: how many are given, or (n,) of them, one for each picture. temperatures,
    draws: (n,), and uniform numbers (n, c, h, w) that pick the levels. The bits, (n,), are the model's own at
    temperature 1.
    What `model.sample` does, for a temperature and a border each picture, and with a break after each row.
    """
    x, (_, channels, h, w) = given.to(model.device, copy=True), given.shape
    rows = torch.as_tensor(rows, device=x.device).expand(len(x))
    x[(torch.arange(h, device=x.device) >= rows[:, None])[:, None, :, None].expand_as(x)] = 0
    nats = torch.zeros(len(x), dtype=torch.float64)
    heat, draws = temperatures[:, None].to(x.device), draws.to(x.device)
    with frozen(model), torch.no_grad():
        conditional = model.cached_sampler(x)
    for row in range(h):
        drawn = row >= rows  # (n,)
        with frozen(model), torch.no_grad():  # nothing stays changed between two rows
            conditional.begin(row)
            for column in range(w):
                for channel in range(channels) if drawn.any() else ():
                    place = slice(None), channel, row, column
                    logits = conditional(row, column, channel)  # (n, levels)
                    x[place] = torch.where(drawn, pick(logits / heat, draws[place]), x[place])
                    cost = logits.double().log_softmax(1).gather(1, x[place][:, None])[:, 0]
                    nats -= torch.where(drawn, cost, 0).cpu()
                conditional.done(row, column)
        if drawn.any():
            missing = (row + 1 - rows).clamp(min=1).cpu() * channels * w  # values drawn so far, of each
            yield x.to(given.device, copy=True), nats / log(2) / missing


def true_bits(model: Autoregressive, pixels: Tensor) -> Tensor:
    """What each row of some pictures costs, given all before it: (n, h), bits for each value."""
    with frozen(model), torch.no_grad():
        logp = torch.cat([model.logits(some) for some in pixels.split(16)]).double().log_softmax(1)
    return -logp.gather(1, pixels[:, None])[:, 0].mean((1, 3)) / log(2)


def uniform(shape: tuple[int, ...], seed: int) -> Tensor:
    """MANY sets of uniform numbers, float64 (MANY, *shape): as `Autoregressive.sample` draws them with this seed."""
    return torch.rand(MANY, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
