"""What all of synthesis shares: the loop that changes an image step by step, where it begins, and at which sizes.

Ctrl-C ends the loop, and so does a step that gives NaN or infinity: the last good image comes back, with a sentence.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import check_count, check_images, check_seed, image_channels, net_dtype
from ..hooks import copy_to, device_of, gradient_of
from ..progress import progress

SMALLEST = 16  # px, below which an octave shows nothing


class Run(NamedTuple):
    """images (n, 3, h, w): the last good ones. history (steps done, n): the value of the images *before* each step.

    stopped: None, "interrupted" or "diverged".
    """

    images: Tensor
    history: Tensor
    stopped: str | None


class Done(Exception):
    """What a step raises where nothing is left to do: the loop ends with the images that the step was given."""


def iterate(step: Callable, images: Tensor, steps: int, label: str, callback: Callable | None = None) -> Run:
    """Replace images by step(images), again and again: `Run`.

    step: a function (images, number) -> (the next images, the value (n,) of the images it was given); `number` counts
    from 0. It must not write into the images it is given; it may raise `Done`.
    steps: int, at least 0. label: for the progress bar.
    callback: None, or a function (images, steps done) called after each step, for a live preview.
    """
    check_count(steps, "steps", least=0)
    if callback is not None and (isinstance(callback, type) or not callable(callback)):
        raise ValueError(f"callback: expected a function (images, steps done), got {callback!r}")
    good, history, stopped = images, [], None
    try:
        for number in progress(range(steps), label):
            changed, value = step(images, number)
            if not _finite(value):  # these images were finite, but already too far out
                images = good
            if not (_finite(value) and _finite(changed)):
                stopped = "diverged"
                break
            good, images = images, changed.detach()
            history.append(value.detach())
            if callback is not None:
                callback(images, number + 1)
    except Done:
        pass
    except KeyboardInterrupt:
        stopped = "interrupted"
    if stopped == "diverged":
        found = f"NaN or infinity in step {number + 1} of {steps}"
        print(f"{label}: {found}: the result is the last good image; a smaller lr may help.")
    elif stopped:
        print(f"{label}: stopped after {len(history)} of {steps} steps: the result is the image so far.")
    return Run(images, torch.stack(history) if history else images.new_zeros(0, len(images)), stopped)


def _finite(tensor):
    return bool(torch.isfinite(tensor.sum()))  # a sum passes NaN and infinity on, and needs no second tensor


def value_and_gradient(function: Callable, images: Tensor) -> tuple[Tensor, Tensor]:
    """function(images), (n,), and its gradient with respect to the images, (n, 3, h, w), both detached.

    Each value must depend on its own image only: then the gradient of the sum holds each image's own.
    The gradient is in the usual memory order, also of a net in channels_last.
    Errors: ValueError where it does not depend on the images in a way that autograd can follow.
    """
    leaf = images.detach().requires_grad_()
    value = function(leaf)
    return value.detach(), gradient_of(value, leaf).contiguous()


def adam(images: Tensor, lr: float, steps: int) -> Callable:
    """A function gradient -> the images one step further down, clipped to [0, 1]; lr falls to 0 as a cosine.

    Adam divides each pixel's step by the size that its gradients have had, so lr is about a pixel's first steps, in
    pixel units. Source: Kingma, Ba (2015), algorithm 1.
    """
    leaf = images.detach().clone(memory_format=torch.contiguous_format).requires_grad_()
    optimiser = torch.optim.Adam([leaf], lr=lr, fused=True)  # it reads image and gradient in one memory order
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))

    def down(gradient):
        leaf.grad = gradient.contiguous()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            leaf.clamp_(0, 1)
        return leaf.detach().clone()

    return down


# --- where it begins ---


def generator(seed: int) -> torch.Generator:
    """A source of random numbers on the CPU. Errors: ValueError for what is no seed."""
    return torch.Generator().manual_seed(check_seed(seed))


def neutral_colour(net: nn.Module, mean: float | Tensor | None = None) -> Tensor:
    """The colour that counts as nothing, (1, channels, 1, 1) in [0, 1], in the net's dtype and on its device.

    mean: a number or a colour (3,). None takes the net's own `mean`, a buffer of so many numbers that it subtracts from
    its images, and .5 where it has none. In [0, 1] zero is black, not neutral. Errors: ValueError.
    """
    own, channels = getattr(net, "mean", None), image_channels(net)
    if mean is None:
        mean = own if isinstance(own, Tensor) and own.numel() == channels else 0.5
    dtype = net_dtype(net) or torch.get_default_dtype()
    try:
        colour = torch.as_tensor(mean, dtype=dtype, device=device_of(net)).detach().flatten()
    except (TypeError, ValueError, RuntimeError):
        colour = torch.empty(0)
    if colour.numel() not in (1, channels) or not ((colour >= 0) & (colour <= 1)).all():
        raise ValueError(f"mean: expected a number or a colour ({channels},) in [0, 1], got {mean!r}")
    return colour.view(1, -1, 1, 1).expand(1, channels, 1, 1)


def noisy(images: Tensor, seed: int, width: float = 0.1) -> Tensor:
    """Images plus Gaussian noise of standard deviation `width`, clipped to [0, 1].

    An image's noise depends on its place in the batch and the seed, not on how many follow.
    """
    draws = generator(seed)
    noise = torch.stack([torch.randn(images.shape[1:], generator=draws, dtype=torch.float64) for _ in images])
    return (images + width * noise.to(images)).clamp(0, 1)


def given_start(net: nn.Module, start: Tensor | str, names: tuple[str, ...]) -> Tensor | None:
    """Images to start from, on the net's device; None where start is one of the names. Errors: ValueError."""
    if isinstance(start, Tensor):
        return copy_to(net, check_images(start, net=net, range01=True, name="start"))
    if not isinstance(start, str) or start not in names:
        known = " or ".join(map(repr, names))
        raise ValueError(f"start: expected {known} or images (n, 3, h, w), got {start!r}")
    return None


# --- sizes, and the octaves from small to large in which an image may be made ---


def octave_shapes(shape: tuple[int, int], octaves: int, scale: float) -> list[tuple[int, int]]:
    """(h, w) of each octave, the smallest first; the last is `shape`. Those below SMALLEST are left out."""
    powers = range(1 - check_count(octaves, "octaves", most=64), 1)
    found = [scaled_shape(shape, scale**k) for k in powers]
    return [each for each in found[:-1] if min(each) >= SMALLEST] + found[-1:]


def scaled_shape(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    """(h, w) times a factor, at least 1 px."""
    return tuple(max(1, round(side * factor)) for side in shape)


def resized(images: Tensor, shape: tuple[int, int]) -> Tensor:
    """Images at another size (h, w): bilinear, averaged where they shrink. The values stay in their range."""
    if tuple(images.shape[2:]) == tuple(shape):
        return images
    halves = images.dtype in (torch.float16, torch.bfloat16)  # interpolate is not made for them
    wide = images.float() if halves else images
    return F.interpolate(wide, size=tuple(shape), mode="bilinear", antialias=True).to(images)
