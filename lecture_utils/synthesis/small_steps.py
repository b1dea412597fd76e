"""The recipe of the lecture: any image, any other class, and small steps until the net says so."""

from typing import NamedTuple

import torch
from torch.nn.functional import cross_entropy

from ..checks import check_count, check_images, check_number, check_targets, near_miss
from ..hooks import copy_to, frozen, gradient_of, logits_of
from .attack import BATCH, all_logits, check_other, lengths
from .optimise import Done, iterate

OBJECTIVES = ("logit", "probability")


class Fooled(NamedTuple):
    """images (n, 3, h, w). steps (n,): taken until the net said so. success bool (n,): whether it did.

    trace (most steps + 1, n, 2): the scores before softmax of the target and of the class that the net saw first,
    before the first step, after the first, and so on; an image that has arrived keeps its last.
    stopped: None, "interrupted" or "diverged".
    """

    images: torch.Tensor
    steps: torch.Tensor
    success: torch.Tensor
    trace: torch.Tensor
    stopped: str | None


def small_steps(net, images, target, size=0.1, steps=200, objective="logit"):
    """Change each image by small steps that raise the score of another class, until the net sees that class.

        x <- clip(x + size x g / ||g||, 0, 1),     g = dS_target / dx, or d log p_target / dx

    net: gives logits (n, classes); S_target is the target's, before softmax. images: any, (n, 3, h, w) in [0, 1].
    target: an int or LongTensor (n,), a class that the net does not see there yet. size: the length of a step, in
    pixel units: over all values of a 112 px image .1 is .13 of 255 levels each. steps: at most so many.
    objective: "logit", the lecture's: other classes' scores may rise along with it, and then the net never says so; or
    "probability", which the other classes must lose.
    Result: `Fooled`, on the images' device. Ctrl-C ends it: each image as far as it has come.
    Errors: ValueError for images, size, steps, and for a target that is what the net sees already; KeyError for
    objective.
    Source: Szegedy et al. (2014) found such images, by another search (L-BFGS for the smallest change); the recipe of
    small steps is the lecture's.
    """
    check_images(images, net=net, range01=True)
    check_count(steps, "steps"), check_number(size, "size", above=True)
    if objective not in OBJECTIVES:
        raise near_miss(objective, OBJECTIVES, "objective")
    with frozen(net):
        origin = copy_to(net, images)
        first = all_logits(net, origin)
        target = check_targets(target, *first.shape, name="target").to(first.device, copy=True)
        check_other(target, first.argmax(1), "net's answer")
        watched = torch.stack([target, first.argmax(1)], 1)  # (n, 2)
        scores, on_the_way = [], []  # before each step: both scores (n, 2), which images it moves (n,)

        def step(now, number):
            slopes = [_scores_and_slope(net, *pair, objective) for pair in _in_batches(now, watched)]
            found, moves, gradient = (torch.cat(parts) for parts in zip(*slopes, strict=True))
            scores.append(found), on_the_way.append(moves)
            if not moves.any():
                raise Done
            moved = (now + size * gradient / lengths(gradient)).clamp(0, 1)
            return torch.where(moves.view(-1, 1, 1, 1), moved, now), found[:, 0]

        run = iterate(step, origin, steps, "small steps")
        nowhere = bool(scores) and not torch.isfinite(scores[-1]).all()  # then the last step is taken back
        done = max(len(run.values) - nowhere, 0)
        last = all_logits(net, run.images)
        taken = sum(on_the_way[:done], torch.zeros_like(target))
        trace = torch.stack([*scores[:done], last.gather(1, watched)])
        here = images.device
        found = run.images, taken, last.argmax(1) == target, trace
        return Fooled(*(tensor.to(here) for tensor in found), run.stopped)


def _scores_and_slope(net, images, watched, objective):
    """Scores (n, 2) of the watched classes, whether the net says another than the first (n,), and the slope of what
    shall rise, (n, 3, h, w).
    """
    leaf = images.detach().requires_grad_()
    logits = logits_of(net, leaf)
    scores = logits.gather(1, watched)
    wanted = scores[:, 0] if objective == "logit" else -cross_entropy(logits, watched[:, 0], reduction="none")
    good = torch.isfinite(logits).all(1)  # of NaN argmax would make class 0
    return scores.detach(), ~good | (logits.argmax(1) != watched[:, 0]), gradient_of(wanted, leaf)


def _in_batches(*tensors):
    return zip(*(tensor.split(BATCH) for tensor in tensors), strict=True)
