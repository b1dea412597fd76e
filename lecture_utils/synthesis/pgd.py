"""Many small steps inside a ball: projected gradient descent."""

import math

import torch

from ..checks import check_count
from ..hooks import copy_to, frozen
from .attack import all_logits, check_attack, check_radius, lengths, loss_to_raise, project, uphill
from .optimise import iterate


def pgd(
    net, images, labels, eps, steps, step_size, restarts=1, norm="inf", target=None, seed=0, start="image"
):
    """The strongest image found in a ball around each image by small steps uphill in the loss. (n, 3, h, w).

        x <- P(x + step_size sign(dL/dx)),     norm "2":  x <- P(x + step_size dL/dx / ||dL/dx||)

    L: the cross-entropy of the label, or minus that of the target. P brings x back into the ball and into [0, 1]
    (see `project`). net, images, labels, target: as in `fgsm`. eps: the ball's radius in pixel units; norm "inf": the
    most that a value may move, from 0 to 1; norm "2": the largest length of the whole difference.
    steps: int. step_size: in the same unit as eps. restarts: how often to begin; per image the best end is kept: one
    that does what was asked comes before one that does not, then the larger loss counts.
    start: where the first run begins: "image", so that one step of size eps is `fgsm`, or "random", a point of the
    ball. The later runs begin at random points. seed: of the random points.
    On the images' device. Ctrl-C ends it: what has been reached so far comes back.
    Errors: as `fgsm`; ValueError for steps, step_size, restarts, start; KeyError for norm.
    Source: Madry, Makelov, Schmidt, Tsipras, Vladu (2018), section 2.1. Differs: the first run begins at the image.
    """
    check_attack(net, images, eps, norm)
    check_count(steps, "steps"), check_count(restarts, "restarts")
    check_radius(step_size, math.sqrt(images[0].numel()) if norm == "2" else 1.0, "step_size")
    if start not in ("image", "random"):
        raise ValueError(f"start: expected 'image' or 'random', got {start!r}")
    generator = torch.Generator().manual_seed(seed)
    with frozen(net):
        origin = copy_to(net, images)
        best, rank = origin, None
        for number in range(restarts):
            first = origin if start == "image" and not number else random_point(origin, eps, norm, generator)
            label = "pgd" if restarts == 1 else f"pgd {number + 1}/{restarts}"
            run = iterate(climb(net, origin, labels, eps, step_size, norm, target), first, steps, label)
            if restarts == 1:
                best = run.images
                break
            found = _rank(all_logits(net, run.images), labels, target)
            better = found > rank if rank is not None else torch.ones_like(found, dtype=torch.bool)
            best = torch.where(better.view(-1, 1, 1, 1), run.images, best)
            rank = found if rank is None else found.maximum(rank)
            if run.stopped == "interrupted":
                break
        return best.to(images.device)


def climb(net, origin, labels, eps, step_size, norm="inf", target=None):
    """One step of `pgd` as a function (images, number) -> (next images, loss). Call it inside `frozen`."""

    def step(images, number=0):
        loss, gradient = uphill(net, images, labels, target)
        way = gradient.sign() if norm == "inf" else gradient / lengths(gradient)
        return project(images + step_size * way, origin, eps, norm), loss

    return step


def random_point(images, eps, norm, generator):
    """A point of each image's ball, drawn uniformly, then cut to [0, 1]. generator: of the CPU."""
    if norm == "inf":
        draws = torch.rand(images.shape, generator=generator, dtype=torch.float64) * 2 - 1
    else:  # a direction, and a radius r with P(radius < r) = r^dimensions
        draws = torch.randn(images.shape, generator=generator, dtype=torch.float64)
        radius = torch.rand(len(images), 1, 1, 1, generator=generator, dtype=torch.float64)
        draws = draws / lengths(draws) * radius ** (1 / images[0].numel())
    return project(images + eps * draws.to(images), images, eps, norm)


def _rank(logits, labels, target):
    """Larger is better, (n,): the loss, and first of all whether the net says what it should."""
    loss = loss_to_raise(logits, labels, target)
    said = logits.argmax(1)
    done = (
        said != torch.as_tensor(labels).to(said)
        if target is None
        else said == torch.as_tensor(target).to(said)
    )
    return loss.double() + 1e6 * done  # no loss is that large
