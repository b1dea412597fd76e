"""What can be done with latent vectors: interpolate between two, and add and subtract them."""

import math

import torch
from torch import Tensor

from ..checks import check_choice, check_count, check_tensor


def to_shell(z: Tensor) -> Tensor:
    """Codes (n, latent) stretched to the length √latent, where nearly all of a standard Gaussian lies.

    A mean of codes is shorter, and the generator has hardly ever seen such short ones.
    """
    return z * (math.sqrt(z.shape[-1]) / z.norm(dim=-1, keepdim=True).clamp(min=1e-12))


def walk(start: Tensor, end: Tensor, steps: int, how: str = "arc") -> Tensor:
    """Codes from `start` to `end`, both (latent,), in equal steps: (steps + 1, latent), the ends included.

    how: "arc" turns from one direction to the other while the length goes over evenly; "line" cuts straight through.
    Errors: ValueError. Source: Shoemake (1985), "slerp"; White (2016), section 2.1.
    """
    check_tensor(start, "start", ("latent",))
    check_tensor(end, "end", start.shape)
    steps = check_count(steps, "steps")
    share = torch.linspace(0, 1, steps + 1, dtype=start.dtype, device=start.device)[:, None]
    line = start + share * (end - start)
    if check_choice(how, ("arc", "line"), "how") == "line":
        return line
    a, b = start.norm(), end.norm()
    for name, norm in (("start", a), ("end", b)):
        if norm == 0:
            raise ValueError(f"{name}: expected a latent vector that has a direction, got one of norm 0")
    angle = (start / a @ (end / b)).clamp(-1, 1).acos()
    if angle.sin() < 1e-4:  # the same direction, or opposite ones: no arc is singled out
        return line
    arc = ((1 - share) * angle).sin() * start / a + (share * angle).sin() * end / b
    return arc / angle.sin() * (a + share * (b - a))


def jump(frames: Tensor) -> float:
    """The largest step of a walk's frames (steps + 1, ...), over that of a straight way between the ends; at least 1.

    Euclidean distances. Divided by the distance between the ends, because a generator that always makes the same image
    would be perfectly smooth. A cross-fade of the pixels has 1. Errors: ValueError for less than two steps, equal ends.
    """
    if len(check_tensor(frames, "frames", ("steps + 1", ...), "any")) < 3:
        raise ValueError(f"frames: expected at least 3, got {len(frames)}")
    flat = frames.flatten(1).double()
    steps, ends = (flat[1:] - flat[:-1]).norm(dim=1), (flat[-1] - flat[0]).norm()
    if ends < 1e-9:
        raise ValueError("frames: the first and the last are the same, so there is no way between them")
    return (steps.max() * len(steps) / ends).item()


def cross_fade(first: Tensor, last: Tensor, steps: int) -> Tensor:
    """Images between two (c, h, w), mixed pixel by pixel: (steps + 1, c, h, w)."""
    share = torch.linspace(0, 1, steps + 1, dtype=first.dtype)[:, None, None, None]
    return first + share * (last - first)


def arithmetic(plus: Tensor, minus: Tensor, also: Tensor) -> Tensor:
    """As in "red mug - blue mug + blue car": the means of three sets of codes (n, latent), on the shell; (latent,).

    Source: Radford, Metz, Chintala (2016), section 6.3.2: single codes are unstable, means of three are not.
    """
    return to_shell(plus.mean(0) - minus.mean(0) + also.mean(0))
