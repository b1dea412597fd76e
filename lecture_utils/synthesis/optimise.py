"""The loop that all of synthesis shares: the image changes step by step, the net stays as it is.

What can go wrong on the way is treated alike everywhere, for someone who has waited for a picture:

- Ctrl-C ends the loop: the image so far comes back.
- A step that gives NaN or infinity ends it: the last good image comes back.

Both print one sentence, and the result's `stopped` is "interrupted" or "diverged" instead of None.
"""

from typing import NamedTuple

import torch

from ..checks import check_count, net_dtype
from ..hooks import device_of, gradient_of
from ..progress import progress


class Steps(NamedTuple):
    """images: the last good ones. values (steps done, n): the value of the images *before* each step.

    stopped: None, "interrupted" or "diverged".
    """

    images: torch.Tensor
    values: torch.Tensor
    stopped: str | None


class Done(Exception):
    """What a step raises where nothing is left to do: the loop ends with the images that the step was given."""


def iterate(step, images, steps, label="", callback=None):
    """Replace images by step(images), again and again: `Steps`.

    step: a function (images, number) -> (the next images, the value (n,) of the images it was given); `number` counts
    from 0. It must not write into the images it is given; it may raise `Done`.
    steps: int, at least 0. label: for the progress bar.
    callback: None, or a function (images, steps done) called after each step, for a live preview.
    """
    check_count(steps, "steps", least=0)
    good, values, stopped = images, [], None
    try:
        for number in progress(range(steps), label):
            changed, value = step(images, number)
            if not _finite(value):  # these images were finite, but already too far out
                images = good
            if not (_finite(value) and _finite(changed)):
                stopped = "diverged"
                break
            good, images = images, changed.detach()
            values.append(value.detach())
            if callback is not None:
                callback(images, number + 1)
    except Done:
        pass
    except KeyboardInterrupt:
        stopped = "interrupted"
    if stopped == "diverged":
        print(
            f"{label or 'the loop'}: NaN or infinity in step {number + 1} of {steps}: the result is the last good "
            f"image; a smaller lr may help."
        )
    elif stopped:
        print(
            f"{label or 'the loop'}: stopped after {len(values)} of {steps} steps: the result is the image so far."
        )
    empty = images.new_zeros(0, len(images))
    return Steps(images, torch.stack(values) if values else empty, stopped)


def value_and_gradient(function, images):
    """function(images), (n,), and its gradient with respect to the images, (n, 3, h, w), both detached.

    Each value must depend on its own image only: then the gradient of the sum holds each image's own.
    Errors: ValueError where it does not depend on the images in a way that autograd can follow.
    """
    leaf = images.detach().requires_grad_()
    value = function(leaf)
    return value.detach(), gradient_of(value, leaf)


def adam(images, lr, steps):
    """A function gradient -> the images one step further down, clipped to [0, 1]; lr falls to 0 as a cosine.

    Adam divides each pixel's step by the size that its gradients have had, so lr is about a pixel's first steps, in
    pixel units. Source: Kingma, Ba (2015), algorithm 1.
    """
    leaf = images.detach().clone().requires_grad_()
    optimiser = torch.optim.Adam([leaf], lr=lr, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))

    def down(gradient):
        leaf.grad = gradient
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            leaf.clamp_(0, 1)
        return leaf.detach().clone()

    return down


def dtype_of(net):
    """The dtype of the net's parameters; torch's default where it has none."""
    return net_dtype(net) or torch.get_default_dtype()


def neutral_colour(net, mean=None):
    """The colour that counts as nothing, (1, 3, 1, 1) in [0, 1], in the net's dtype and on its device.

    mean: a number or a colour (3,). None takes the net's own `mean`, a buffer of three numbers that it subtracts from
    its images, and .5 where it has none. In [0, 1] zero is black, not neutral. Errors: ValueError.
    """
    own = getattr(net, "mean", None)
    if mean is None:
        mean = own if isinstance(own, torch.Tensor) and own.numel() == 3 else 0.5
    try:
        colour = torch.as_tensor(mean, dtype=dtype_of(net), device=device_of(net)).detach().flatten()
    except (TypeError, ValueError, RuntimeError):
        colour = torch.empty(0)
    if colour.numel() not in (1, 3) or not ((colour >= 0) & (colour <= 1)).all():
        raise ValueError(f"mean: expected a number or a colour (3,) in [0, 1], got {mean!r}")
    return colour.view(1, -1, 1, 1).expand(1, 3, 1, 1)


def _finite(tensor):
    return bool(torch.isfinite(tensor.sum()))  # a sum passes NaN and infinity on, and needs no second tensor
