"""One step in the direction of the gradient's sign, and many small ones inside a ball: FGSM and PGD."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..checks import check_choice, check_count
from ..hooks import copy_to, frozen
from .attack import all_logits, check_attack, check_radius, lengths, loss_to_raise, project, uphill
from .optimise import generator, iterate

STARTS = ("image", "random")


def fgsm(
    net: nn.Module, images: Tensor, labels: int | Tensor, eps: float, target: int | Tensor | None = None
) -> Tensor:
    """Each value of each image moved by eps, in the direction that raises the loss of the label. (n, 3, h, w).

        x' = clip(x + eps sign(dL(x, label) / dx), 0, 1)
        x' = clip(x - eps sign(dL(x, target) / dx), 0, 1)        with a target

    L: cross-entropy. net: gives logits (n, classes). images: (n, 3, h, w) in [0, 1]. labels: an int or LongTensor (n,),
    what the images show. eps: from 0 to 1, in pixel units: 8/255 is 8 of the 255 steps from black to white.
    target: None, or an int or LongTensor (n,): the class that the net shall predict instead.
    The result lies in [0, 1], no value further than eps from where it was. On the images' device. Where the gradient
    is not finite, a sentence is printed and the image stays as it was.
    Errors: ValueError for images, labels and eps, and for a target that is the label.
    Source: Goodfellow, Shlens, Szegedy (2015), section 4. Differs: clipped to [0, 1], so that the result is an image.

    >>> fgsm(net, images, labels, eps=8 / 255)
    """
    images = check_attack(net, images, eps)
    with frozen(net) as net:
        start = copy_to(net, images)
        _, gradient = uphill(net, start, labels, target)
        bad = ~torch.isfinite(gradient).flatten(1).all(1)
        if bad.any():
            print(
                f"fgsm: NaN or infinity in the gradient of {int(bad.sum())} of {len(bad)} images: they stay as "
                "they are."
            )
            gradient[bad] = 0
        return project(start + eps * gradient.sign(), start, eps).to(images.device)


def pgd(
    net: nn.Module,
    images: Tensor,
    labels: int | Tensor,
    eps: float,
    steps: int,
    step_size: float,
    restarts: int = 1,
    norm: str = "inf",
    target: int | Tensor | None = None,
    seed: int = 0,
    start: str = "image",
) -> Tensor:
    """Where small steps uphill in the loss end, inside a ball around each image, (n, 3, h, w); the best of `restarts`.

        x <- P(x + step_size sign(dL/dx)),     norm "2":  x <- P(x + step_size dL/dx / ||dL/dx||)

    L: the cross-entropy of the label, or minus that of the target. P brings x back into the ball and into [0, 1]
    (see `project`). net, images, labels, target: as in `fgsm`. eps: the ball's radius in pixel units; norm "inf": the
    most that a value may move, from 0 to 1; norm "2": the largest norm of the whole perturbation.
    steps: int. step_size: in the same unit as eps. restarts: how often to begin; per image the best end is kept: one
    that fools the net (or reaches the target) comes before one that does not, then the larger loss counts.
    start: where the first run begins: "image", so that one step of size eps is `fgsm`, or "random", a point of the
    ball. The later runs begin at random points. seed: of the random points.
    On the images' device. Ctrl-C ends it: what has been reached so far comes back.
    Errors: as `fgsm`; ValueError for steps, step_size, restarts; KeyError for norm and start.
    Source: Madry, Makelov, Schmidt, Tsipras, Vladu (2018), section 2.1. Differs: the first run begins at the image;
    x stays in [0, 1].
    """
    images = check_attack(net, images, eps, norm)
    check_count(steps, "steps"), check_count(restarts, "restarts"), check_choice(start, STARTS, "start")
    check_radius(step_size, math.sqrt(images[0].numel()) if norm == "2" else 1.0, "step_size")
    draws = generator(seed)
    with frozen(net) as net:
        origin = copy_to(net, images)
        step, ends = climb(net, origin, labels, eps, step_size, norm, target), []
        for number in range(restarts):
            first = origin if start == "image" and not number else random_point(origin, eps, norm, draws)
            run = iterate(step, first, steps, f"pgd {number + 1}/{restarts}" if restarts > 1 else "pgd")
            ends.append(run.images)
            if run.stopped == "interrupted":
                break
        return _best(net, ends, labels, target).to(images.device)


def climb(
    net: nn.Module,
    origin: Tensor,
    labels: int | Tensor,
    eps: float,
    step_size: float,
    norm: str = "inf",
    target: int | Tensor | None = None,
) -> Callable:
    """One step of `pgd` as a function (images, number) -> (next images, loss). Call it inside `frozen`."""

    def step(images, number=0):
        loss, gradient = uphill(net, images, labels, target)
        direction = gradient.sign() if norm == "inf" else gradient / lengths(gradient)
        return project(images + step_size * direction, origin, eps, norm), loss

    return step


def random_point(images: Tensor, eps: float, norm: str, draws: torch.Generator) -> Tensor:
    """A point of each image's ball, drawn uniformly, then clipped to [0, 1]. draws: of the CPU."""
    if norm == "inf":
        offset = torch.rand(images.shape, generator=draws, dtype=torch.float64) * 2 - 1
    else:  # a direction, and a radius r with P(radius < r) = r^dimensions
        offset = torch.randn(images.shape, generator=draws, dtype=torch.float64)
        radius = torch.rand(len(images), 1, 1, 1, generator=draws, dtype=torch.float64)
        offset = offset / lengths(offset) * radius ** (1 / images[0].numel())
    return project(images + eps * offset.to(images), images, eps, norm)


def _best(net, ends, labels, target):
    """Of several ends (n, 3, h, w) each image's best: does the net predict what it should? Then the loss counts."""
    if len(ends) == 1:
        return ends[0]
    ranks = []
    for images in ends:
        logits = all_logits(net, images)
        loss, seen = loss_to_raise(logits, labels, target), logits.argmax(1)
        done = seen != torch.as_tensor(labels).to(seen)
        if target is not None:
            done = seen == torch.as_tensor(target).to(seen)
        ranks.append(loss.double() + 1e6 * done)  # no loss is that large
    best = torch.stack(ranks).nan_to_num(-torch.inf).argmax(0)  # the first, where several are equal
    return torch.stack(ends)[best, torch.arange(len(best), device=best.device)]
