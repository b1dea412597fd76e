"""Completions: the upper rows of a picture are given, an autoregressive model draws what lies below, row by row."""

from math import log
from typing import NamedTuple

import torch

from ..hooks import frozen
from ..progress import progress
from .autoregressive import pick

MANY = 6  # completions of each kind


class Completions(NamedTuple):
    """What was drawn for some numbers of given rows, some temperatures, and some pictures.

    pixels: uint8 (draws, rows, temperatures, pictures, MANY, c, h, w), levels. bits: the same without c, h, w: what the
    missing part costs at temperature 1, bits for each value.
    """

    rows: tuple
    temperatures: tuple
    pixels: torch.Tensor
    bits: torch.Tensor

    def at(self, picture, rows, temperature, draw):
        """LongTensor (MANY, c, h, w) and a list of MANY numbers. picture: its index; draw: 1, 2, ..."""
        near = min(range(len(self.temperatures)), key=lambda k: abs(self.temperatures[k] - temperature))
        place = draw - 1, self.rows.index(rows), near, picture
        return self.pixels[place].long(), self.bits[place].tolist()


def complete(model, given, rows, temperatures, draws):
    """Draw what lies below the first rows, row by row: yields (pictures so far, bits for each value so far) each time.

    model: a `generative.Autoregressive`. given: LongTensor (n, c, h, w). rows: how many are given, or (n,) of them, one
    for each picture. temperatures, draws: (n,), and uniform numbers (n, c, h, w) that pick the levels. The bits, (n,),
    are the model's own at temperature 1.
    What `model.sample` does, for a temperature and a border each picture, and with a break after each row.
    """
    x, h = given.clone().to(model.device), given.shape[2]
    rows = torch.as_tensor(rows, device=x.device).expand(len(x))
    x[(torch.arange(h, device=x.device) >= rows[:, None])[:, None, :, None].expand_as(x)] = 0
    nats, heat, draws = (
        torch.zeros(len(x), dtype=torch.float64),
        temperatures[:, None].to(x.device),
        draws.to(x.device),
    )
    with frozen(model), torch.no_grad():
        conditional = model.cached_sampler(x)
    for row in range(h):
        drawn = row >= rows  # (n,)
        with frozen(model), torch.no_grad():  # nothing stays changed between two rows
            conditional.begin(row)
            for column in range(x.shape[3]):
                for channel in range(x.shape[1]) if drawn.any() else ():
                    logits = conditional(row, column, channel)  # (n, levels)
                    known, chosen = (
                        x[:, channel, row, column],
                        pick(logits / heat, draws[:, channel, row, column]),
                    )
                    x[:, channel, row, column] = chosen = torch.where(drawn, chosen, known)
                    cost = logits.double().log_softmax(1).gather(1, chosen[:, None])[:, 0]
                    nats -= torch.where(drawn, cost, 0).cpu()
                conditional.done(row, column)
        if drawn.any():
            missing = (row + 1 - rows).clamp(min=1).cpu() * x[0, :, 0].numel()  # values drawn so far, of each
            yield x.to(given.device, copy=True), nats / log(2) / missing


def true_bits(model, pixels):
    """What each row of some pictures costs, given all before it: (n, h), bits for each value."""
    with frozen(model), torch.no_grad():
        ways = torch.cat([model.logits(some) for some in pixels.split(16)]).double().log_softmax(1)
    return -ways.gather(1, pixels[:, None])[:, 0].mean((1, 3)) / log(2)


def uniform(shape, seed):
    """MANY sets of uniform numbers, float64 (MANY, *shape): as `Autoregressive.sample` draws them with this seed."""
    return torch.rand(MANY, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def drawn(model, pixels, rows, temperatures, draws=1):
    """All `Completions` of some pictures, LongTensor (n, c, h, w); a progress bar."""
    n, shape, heat = len(pixels), tuple(pixels.shape[1:]), torch.tensor(temperatures, dtype=torch.float64)
    kinds = len(heat) * n  # temperatures, and in each the pictures, and of each MANY
    given = pixels.repeat_interleave(MANY, 0).repeat(len(heat), 1, 1, 1)
    found, costs = [], []
    for seed, some in progress([(s, r) for s in range(1, draws + 1) for r in rows], "drawing completions"):
        numbers = uniform(shape, seed).repeat(kinds, 1, 1, 1)
        *_, (x, bits) = complete(model, given, some, heat.repeat_interleave(n * MANY), numbers)
        found.append(x.byte()), costs.append(bits.float())
    form = draws, len(rows), len(heat), n, MANY
    return Completions(
        tuple(rows),
        tuple(temperatures),
        torch.stack(found).view(*form, *shape),
        torch.stack(costs).view(form),
    )
