"""What gradient ascent climbs: a class score, a channel of a layer, or sums of them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..checks import check_choice, check_targets
from ..hooks import OUTPUT, check_logits, maps_of, score_of

PLACES = ("centre", "mean")


@dataclass(frozen=True)
class Objective:
    """A number for each image, (n,), to be made large.

    layers: the layers it looks at. value: {layer: output} -> (n,). count: for how many images it was made, None when
    any number will do. Objectives can be added, subtracted, and multiplied by a number:

    >>> class_score(3) - 0.1 * class_score(7)
    """

    layers: tuple[str | nn.Module, ...]
    value: Callable
    count: int | None = None

    def __add__(self, other):
        if not isinstance(other, Objective):
            return NotImplemented
        if None not in (self.count, other.count) and self.count != other.count:
            raise ValueError(f"objectives: one is for {self.count} images, the other for {other.count}")
        layers, count = tuple(dict.fromkeys(self.layers + other.layers)), self.count or other.count
        return Objective(layers, lambda found: self.value(found) + other.value(found), count)

    def __mul__(self, factor):
        if isinstance(factor, bool) or not isinstance(factor, int | float):
            return NotImplemented
        return Objective(self.layers, lambda found: factor * self.value(found), self.count)

    __rmul__ = __mul__

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -other if isinstance(other, Objective) else NotImplemented


def class_score(targets: int | Tensor, name: str = "targets") -> Objective:
    """The score of a class, best before softmax: a probability also rises because other classes fall.

    targets: an int, or a LongTensor (n,): then n images, each for its own class.
    Source: Simonyan, Vedaldi, Zisserman (2014), section 2.
    """

    def value(found):
        return score_of(check_logits(found[OUTPUT], softmax=False), targets)

    return Objective((OUTPUT,), value, _count(targets, name))


def channel(
    layer: str | nn.Module, channels: int | Tensor, where: str = "centre", reshape: Callable | None = None
) -> Objective:
    """The activation of a channel of a layer.

    layer: from dict(net.named_modules()). A unit behind a ReLU that is off has gradient 0 and climbs nowhere:
    name the layer before the ReLU, or start elsewhere. channels: an int, or a LongTensor (n,): then n images.
    where: "centre", the unit in the middle of the map (row rows // 2, column columns // 2); "mean", over the map. A
    vector (n, channels) has one position.
    reshape: see `hooks.maps_of`, for a layer whose channels come last.
    Source: Erhan, Bengio, Courville, Vincent (2009); Yosinski et al. (2015), section 3.
    """
    check_choice(where, PLACES, "where")
    if not isinstance(layer, str | nn.Module):
        raise ValueError(f"layer: expected a name from dict(net.named_modules()), got {layer!r}")

    def value(found):
        vectors = reshape is None and found[layer].ndim == 2
        maps = found[layer][:, :, None, None] if vectors else maps_of(found[layer], layer, reshape)
        wanted = check_targets(channels, *maps.shape[:2], name="channels").to(maps.device)
        own = maps[torch.arange(len(maps), device=maps.device), wanted]  # (n, rows, columns)
        return own.mean((1, 2)) if where == "mean" else own[:, own.shape[1] // 2, own.shape[2] // 2]

    return Objective((layer,), value, _count(channels, "channels"))


def _count(targets, name):
    """For how many images these targets are; how many classes there are only the net will say. Errors: ValueError."""
    many = isinstance(targets, Tensor) and targets.ndim == 1
    check_targets(targets, len(targets) if many else 1, name=name)
    return len(targets) if many else None
