"""What is measured of latent vectors: their shell, sums and differences of them, and how smooth an interpolation is."""

import math

from torch import Tensor

from lecture_utils.checks import check_tensor


def to_shell(z: Tensor) -> Tensor:
    """Codes (n, latent) stretched to the length √latent, where nearly all of a standard Gaussian lies.

    A mean of codes is shorter, and the generator has hardly ever seen such short ones.
    """
    return z * (math.sqrt(z.shape[-1]) / z.norm(dim=-1, keepdim=True).clamp(min=1e-12))


def arithmetic(plus: Tensor, minus: Tensor, also: Tensor) -> Tensor:
    """As in "red mug - blue mug + blue car": the means of three sets of codes (n, latent), on the shell; (latent,).

    Source: Radford, Metz, Chintala (2016), section 6.3.2: single codes are unstable, means of three are not.
    """
    return to_shell(plus.mean(0) - minus.mean(0) + also.mean(0))


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
