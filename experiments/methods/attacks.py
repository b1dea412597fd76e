"""Attacks that only the study of attacks and notebook 09 use: the lecture's recipe, one difference for all images.

`small_steps` is the recipe of the lecture: any image, any other class, and small steps until the net predicts it.
"""

import io
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lecture_utils.checks import check_choice, check_count, check_images, check_number, check_targets
from lecture_utils.hooks import copy_to, frozen, gradient_of, in_batches, logits_of
from lecture_utils.synthesis.attack import all_logits, check_attack, check_other, lengths, loss_to_raise
from lecture_utils.synthesis.optimise import Done, generator, iterate, value_and_gradient

OBJECTIVES = ("logit", "probability")
ENOUGH = (
    9.0  # nats: an image whose loss is above counts as fooled, and the others have the step to themselves
)


class Fooled(NamedTuple):
    """images (n, 3, h, w). steps (n,): taken until the net predicted the target. success bool (n,): whether it did.

    trace (most steps + 1, n, 2): the logits of the target and of the class that the net predicted first,
    before the first step, after the first, and so on; an image that has arrived keeps its last.
    stopped: None, "interrupted" or "diverged".
    """

    images: Tensor
    steps: Tensor
    success: Tensor
    trace: Tensor
    stopped: str | None


def small_steps(
    net: nn.Module,
    images: Tensor,
    target: int | Tensor,
    size: float = 0.1,
    steps: int = 200,
    objective: str = "logit",
) -> Fooled:
    """Change each image by small steps that raise the score of another class, until the net predicts that class.

        x <- clip(x + size x g / ||g||, 0, 1),     g = dS_target / dx, or d log p_target / dx

    net: gives logits (n, classes); S_target is the target's. images: any, (n, 3, h, w) in [0, 1].
    target: an int or LongTensor (n,), a class that the net does not predict yet. size: the norm of a step, in
    pixel units: over all values of a 112 px image .1 is .13 of 255 levels each. steps: at most so many.
    objective: "logit", the lecture's: other classes' logits may rise along with it, and then the net never predicts the
    target; or "probability", which the other classes must lose.
    Result: `Fooled`, on the images' device. Ctrl-C ends it: each image as far as it has come.
    Errors: ValueError for images, size, steps, and for a target that is predicted already; KeyError for objective.
    Source: Szegedy et al. (2014) found such images, by another search (L-BFGS for the smallest perturbation); the
    recipe of small steps is the lecture's.
    """
    images = check_images(images, net=net, range01=True)
    check_count(steps, "steps"), check_number(size, "size", above=True)
    check_choice(objective, OBJECTIVES, "objective")
    with frozen(net) as net:
        origin, walk = copy_to(net, images), []  # before each step: both logits (n, 2), which images it moves
        watched = _watched(net, origin, target)

        def step(now, number):
            logits, open_ones, gradient = in_batches(
                lambda *some: _slope(net, *some, objective), now, watched
            )
            walk.append((logits, open_ones))
            if not open_ones.any():
                raise Done
            moved = (now + size * gradient / lengths(gradient)).clamp(0, 1)
            return torch.where(open_ones.view(-1, 1, 1, 1), moved, now), logits[:, 0]

        return _fooled(net, iterate(step, origin, steps, "small steps"), walk, watched, images.device)


def _watched(net, images, target):
    """The target and what the net predicts first, (n, 2). Errors: ValueError."""
    logits = all_logits(net, images)
    target = check_targets(target, *logits.shape, name="target").to(logits.device, copy=True)
    check_other(target, logits.argmax(1), "net's prediction")
    return torch.stack([target, logits.argmax(1)], 1)


def _slope(net, images, watched, objective):
    """The watched logits (n, 2), whether the net predicts another class than the first (n,), and the objective's
    gradient, (n, 3, h, w).
    """
    leaf = images.detach().requires_grad_()
    logits = logits_of(net, leaf)
    scores = logits.gather(1, watched)
    wanted = scores[:, 0] if objective == "logit" else -cross_entropy(logits, watched[:, 0], reduction="none")
    good = torch.isfinite(logits).all(1)  # of NaN argmax would make class 0
    return scores.detach(), ~good | (logits.argmax(1) != watched[:, 0]), gradient_of(wanted, leaf)


def _fooled(net, run, walk, watched, device):
    """The `Fooled` of a finished run."""
    nowhere = bool(walk) and not torch.isfinite(walk[-1][0]).all()  # then the last step is taken back
    done = walk[: max(len(run.history) - nowhere, 0)]
    last = all_logits(net, run.images)
    taken = sum((moves for _, moves in done), torch.zeros_like(watched[:, 0]))
    trace = torch.stack([*(logits for logits, _ in done), last.gather(1, watched)])
    found = run.images, taken, last.argmax(1) == watched[:, 0], trace
    return Fooled(*(tensor.to(device) for tensor in found), run.stopped)


def universal_perturbation(
    net: nn.Module,
    images: Tensor,
    labels: int | Tensor,
    eps: float,
    steps: int = 100,
    step_size: float | None = None,
    norm: str = "inf",
    batch: int = 64,
    seed: int = 0,
) -> Tensor:
    """One perturbation v, (1, 3, h, w), that raises the loss of as many images as it can.

        v <- P(v + step_size sign(g)),     g = d/dv mean over a batch of min(L(clip(x + v, 0, 1), label), 9 nats)

    norm "2": g / ||g|| instead of the sign. P brings v back to a size of at most eps. Each step draws another batch.
    net, images, eps, norm: as in `pgd`. labels: what the images show, or what the net predicts. steps: int.
    step_size: in the unit of eps; None takes eps / 10. batch: images a step. seed: of the batches.
    On the images' device. *Score it on images that it was not made on*, with `success_rate`.
    Ctrl-C ends it: v so far. Errors: as `pgd`.
    Source: Moosavi-Dezfooli, Fawzi, Fawzi, Frossard (2017), equation 1.
    Differs: found by gradient steps on batches, as in Shafahi et al. (2020), and not by DeepFool image after image.
    """
    step_size = eps / 10 if step_size is None else step_size
    images = check_attack(net, images, eps, norm, step_size)
    check_count(steps, "steps"), check_count(batch, "batch")
    draws = generator(seed)
    with frozen(net) as net:
        start = copy_to(net, images)
        classes = logits_of(net, start[:1]).shape[1]
        labels = check_targets(labels, len(images), classes, name="labels").cpu()

        def step(v, number):
            chosen = torch.randint(len(start), (batch,), generator=draws)

            def loss(v):
                logits = logits_of(net, (start[chosen.to(start.device)] + v).clamp(0, 1))
                return loss_to_raise(logits, labels[chosen]).clamp(max=ENOUGH).mean()[None]

            value, gradient = value_and_gradient(loss, v)
            return _stepped(v, gradient, step_size, eps, norm), value

        return iterate(step, torch.zeros_like(start[:1]), steps, "universal").images.to(images.device)


def _stepped(v, gradient, step_size, eps, norm):
    """v after a step uphill, brought back to a size of at most eps."""
    if norm == "inf":
        return (v + step_size * gradient.sign()).clamp(-eps, eps)
    v = v + step_size * gradient / lengths(gradient)
    return v * (eps / lengths(v)).clamp(max=1)


def success_rate(
    net: nn.Module, images: Tensor, labels: int | Tensor, target: int | Tensor | None = None
) -> float:
    """Share of the images for which the net predicts another class than the label; or the target, where one is given.

    images: as attacked, (n, 3, h, w) in [0, 1]. labels, target: an int or LongTensor (n,). An image that the net got
    wrong before any attack counts as a success: give those it gets right, or compare with the clean images.
    Errors: ValueError.
    """
    logits, labels = _logits_and_labels(net, images, labels)
    if target is None:
        return (logits.argmax(1) != labels).double().mean().item()
    target = check_targets(target, *logits.shape, name="target").cpu()
    check_other(target, labels, "label")
    return (logits.argmax(1) == target).double().mean().item()


def answers(net: nn.Module, images: Tensor, labels: int | Tensor) -> tuple[Tensor, Tensor]:
    """The net's prediction for each image, LongTensor (n,), and the labels as such, on the CPU. Errors: ValueError."""
    logits, labels = _logits_and_labels(net, images, labels)
    return logits.argmax(1), labels


def _logits_and_labels(net, images, labels):
    images = check_images(images, net=net, range01=True)
    with frozen(net) as net:
        logits = all_logits(net, copy_to(net, images)).cpu()
    if not torch.isfinite(logits).all():
        raise ValueError("net: its logits are NaN or infinite")
    return logits, check_targets(labels, *logits.shape, name="labels").cpu()


def through_png(images: Tensor) -> Tensor:
    """The images after being saved as PNG files of 8 bits a value and read again, (n, 3, h, w) in [0, 1].

    What is finer than half a level is gone. In memory: no file is written.
    """
    images = check_images(images, range01=True)
    levels = (255 * images.detach().double()).round().to(torch.uint8).cpu().permute(0, 2, 3, 1).numpy()
    read = []
    for pixels in levels:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        read.append(np.asarray(Image.open(file)))
    return (torch.from_numpy(np.stack(read)).permute(0, 3, 1, 2).double() / 255).to(images)
