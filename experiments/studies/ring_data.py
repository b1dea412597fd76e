"""Eight Gaussians on a ring: so few dimensions that what a GAN forgets can be counted.

Source: Metz et al. (2017), section 3.1, for the ring; Srivastava et al. (2017), section 4.1, for the counting.
"""

import math

import torch
from torch import nn
from torch.nn.functional import leaky_relu

MODES, RADIUS, SPREAD = 8, 2.0, 0.05
EDGE, CELLS = 3.0, 60  # of the histogram: -3 to 3 both ways, cells of 0.1
NEAR = 3.0  # spreads: nearer a point is "on" its mode; 98.9% of real points are


def centres(dtype=torch.float32) -> torch.Tensor:
    """The middles of the modes, (8, 2)."""
    turn = torch.arange(MODES, dtype=dtype) * (2 * math.pi / MODES)
    return RADIUS * torch.stack([turn.cos(), turn.sin()], 1)


def ring(n: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """n points (n, 2) of the ring, each mode with the same chance."""
    which = torch.randint(MODES, (n,), generator=generator)
    return centres()[which] + SPREAD * torch.randn(n, 2, generator=generator)


def coverage(points: torch.Tensor) -> tuple[int, float]:
    """How many modes are found, and the share of points (n, 2) that lie on one (within 3 spreads of its middle).

    A mode is found when it holds at least a tenth of its fair share, n / 8.
    """
    distances, mode = torch.cdist(points, centres(points.dtype)).min(1)
    on = distances < NEAR * SPREAD
    counts = torch.bincount(mode[on], minlength=MODES)
    return int((counts >= len(points) / MODES / 10).sum()), on.float().mean().item()


def divergence(a: torch.Tensor, b: torch.Tensor) -> float:
    """Jensen-Shannon divergence in nats between two sets of points, by one fixed histogram: 0 to log 2 = 0.693.

    The histogram has 60 x 60 cells of 0.1 and one for all that lies outside. Finite sets differ by chance: the value
    between two real sets of the same size is the floor.
    """
    p, q = _histogram(a), _histogram(b)
    middle = (p + q) / 2
    terms = [torch.where(x > 0, x * (x / middle).log(), torch.zeros_like(x)).sum() for x in (p, q)]
    return max(0.0, (sum(terms) / 2).item())


def _histogram(points):
    cell = ((points.double() + EDGE) * CELLS / (2 * EDGE)).floor()
    outside = ~((cell >= 0) & (cell < CELLS)).all(1)  # NaN too
    index = torch.where(outside, CELLS * CELLS, (cell.nan_to_num(0) @ cell.new_tensor([CELLS, 1])).long())
    return torch.bincount(index, minlength=CELLS * CELLS + 1).double() / len(points)


class Maker(nn.Module):
    """z (runs * n, 2) -> points (runs * n, 2): two hidden layers, as many nets side by side as there are seeds.

    The nets share nothing: the first n codes go through the first net, and so on.
    """

    latent = 2

    def __init__(self, seeds=(0,), width: int = 64):
        super().__init__()
        self.layers = _Layers(seeds, (2, width, width, 2))

    def forward(self, z):
        return self.layers(z)


class Judge(nn.Module):
    """Points (runs * n, 2) -> logits (runs * n,): above 0 it believes them real. See `Maker`."""

    def __init__(self, seeds=(0,), width: int = 64):
        super().__init__()
        self.layers = _Layers(seeds, (2, width, width, 1))

    def forward(self, points):
        return self.layers(points / RADIUS).flatten()


def players(seeds=(0,), width: int = 64) -> tuple[Maker, Judge]:
    """Untrained pairs that play side by side, the same for the same seeds; the global random state stays as it was.

    Each is trained as if alone: no weight is shared, and Adam's steps do not depend on how many the loss is a mean of.
    """
    return Maker(seeds, width), Judge(seeds, width)


class _Layers(nn.Module):
    """Linear layers with leaky ReLU between, one net for each seed, initialised as nn.Linear is."""

    def __init__(self, seeds, sizes):
        super().__init__()
        nets = []
        with torch.random.fork_rng(devices=[]):
            for seed in seeds:
                torch.default_generator.manual_seed(seed)
                nets.append([nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)])
        layers = list(zip(*nets, strict=True))  # by depth
        self.runs = len(nets)
        self.weights = nn.ParameterList(
            torch.stack([net.weight.detach().T for net in layer]) for layer in layers
        )
        self.biases = nn.ParameterList(
            torch.stack([net.bias.detach()[None] for net in layer]) for layer in layers
        )

    def forward(self, x):
        x = x.view(self.runs, -1, x.shape[1])  # (runs, n, 2)
        for depth, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x if depth == 0 else leaky_relu(x, 0.2), weight)
        return x.flatten(0, 1)
