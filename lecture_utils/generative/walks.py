"""From one latent vector to another: interpolation, and the cross-fade of pixels beside it."""

import torch
from torch import Tensor

from ..checks import check_choice, check_count, check_tensor


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


def cross_fade(first: Tensor, last: Tensor, steps: int) -> Tensor:
    """Images between two (c, h, w), mixed pixel by pixel: (steps + 1, c, h, w)."""
    share = torch.linspace(0, 1, steps + 1, dtype=first.dtype)[:, None, None, None]
    return first + share * (last - first)
