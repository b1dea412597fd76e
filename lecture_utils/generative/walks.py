"""What can be done with latent vectors: interpolate between two, and add and subtract them."""

import math
from typing import NamedTuple

import torch


def to_shell(z: torch.Tensor) -> torch.Tensor:
    """Codes (n, latent) stretched to the length √latent, where nearly all of a standard Gaussian lies.

    A mean of codes is shorter, and the generator has hardly ever seen such short ones.
    """
    return z * (math.sqrt(z.shape[-1]) / z.norm(dim=-1, keepdim=True).clamp(min=1e-12))


def walk(start: torch.Tensor, end: torch.Tensor, steps: int, how: str = "arc") -> torch.Tensor:
    """Codes from `start` to `end`, both (latent,), in equal steps: (steps + 1, latent), the ends included.

    how: "arc" turns from one direction to the other while the length goes over evenly; "line" cuts straight through.
    Errors: ValueError. Source: Shoemake (1985), "slerp"; White (2016), section 2.1.
    """
    if start.ndim != 1 or start.shape != end.shape:
        raise ValueError(
            f"start, end: expected two codes (latent,), got {tuple(start.shape)}, {tuple(end.shape)}"
        )
    if how not in ("arc", "line") or steps < 1:
        raise ValueError(
            f"how, steps: expected 'arc' or 'line' and at least 1 step, got {how!r} and {steps!r}"
        )
    share = torch.linspace(0, 1, steps + 1, dtype=start.dtype, device=start.device)[:, None]
    if how == "line":
        return start + share * (end - start)
    lengths = start.norm(), end.norm()
    for name, length in (("start", lengths[0]), ("end", lengths[1])):
        if not length > 0:
            raise ValueError(f"{name}: expected a latent vector that has a direction, got one of norm 0")
    angle = (start / lengths[0] @ (end / lengths[1])).clamp(-1, 1).acos()
    if angle.sin() < 1e-4:  # the same direction, or opposite ones: no arc is singled out
        return start + share * (end - start)
    ways = (
        ((1 - share) * angle).sin() * start / lengths[0] + (share * angle).sin() * end / lengths[1]
    ) / angle.sin()
    return ways * (lengths[0] + share * (lengths[1] - lengths[0]))


class Smoothness(NamedTuple):
    """Of a row of frames. jump = unevenness x detour; all are 1 for a cross-fade of the pixels: none is smaller."""

    jump: float  # the largest step, over the mean step of a straight way: largest x steps / endpoint distance
    unevenness: float  # the largest step over the mean step
    detour: float  # the path's length over the endpoint distance


def smoothness(frames: torch.Tensor) -> Smoothness:
    """How evenly a walk's frames (steps + 1, ...) change, as Euclidean distances.

    Divided by the distance between the ends, because a generator that always makes the same image would be perfectly
    smooth. Errors: ValueError for fewer than two steps, or for ends that are equal.
    """
    if len(frames) < 3:
        raise ValueError(f"frames: expected at least 3, got {len(frames)}")
    flat = frames.flatten(1).double()
    steps, ends = (flat[1:] - flat[:-1]).norm(dim=1), (flat[-1] - flat[0]).norm()
    if ends < 1e-9:
        raise ValueError("frames: the first and the last are the same, so there is no way between them")
    return Smoothness(
        *(
            (x).item()
            for x in (steps.max() * len(steps) / ends, steps.max() / steps.mean(), steps.sum() / ends)
        )
    )


def cross_fade(first: torch.Tensor, last: torch.Tensor, steps: int) -> torch.Tensor:
    """Images between two (c, h, w), mixed pixel by pixel: (steps + 1, c, h, w)."""
    share = torch.linspace(0, 1, steps + 1, dtype=first.dtype)[:, None, None, None]
    return first + share * (last - first)


def arithmetic(plus: torch.Tensor, minus: torch.Tensor, also: torch.Tensor) -> torch.Tensor:
    """ "Red mug - blue mug + blue car": the means of three sets of codes (n, latent), put on the shell; (latent,).

    Source: Radford, Metz, Chintala (2016), section 6.3.2: single codes are unstable, means of three are not.
    """
    return to_shell(plus.mean(0) - minus.mean(0) + also.mean(0))
