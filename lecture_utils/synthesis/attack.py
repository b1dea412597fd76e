"""Change an image so little that nobody sees it, and the net predicts another class: FGSM, PGD, DeepFool."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..checks import check_choice, check_count, check_images, check_number, check_targets
from ..hooks import copy_to, frozen, gradient_of, in_batches, logits_of
from .optimise import Done, generator, iterate, value_and_gradient

NORMS = ("inf", "2")


def fgsm(
    net: nn.Module, images: Tensor, labels: int | Tensor, eps: float, target: int | Tensor | None = None
) -> Tensor:
    """Each value of each image moved by eps, in the direction that raises the loss of the label. (n, 3, h, w).

        x' = clip(x + eps sign(dL(x, label) / dx), 0, 1)
        x' = clip(x - eps sign(dL(x, target) / dx), 0, 1)        with a target

    L: cross-entropy. net: gives logits (n, classes). labels: an int or LongTensor (n,), what the images show. eps: from
    0 to 1, in pixel units: 8/255 is 8 of the 255 steps from black to white. target: None, or an int or LongTensor (n,):
    the class that the net shall predict instead, not the label's.
    The result lies in [0, 1], no value further than eps from where it was. Where the gradient is not finite, a sentence
    is printed and the image stays as it was.
    Source: Goodfellow, Shlens, Szegedy (2015), section 4. Differs: clipped to [0, 1], so that the result is an image.

    >>> fgsm(net, images, labels, eps=8 / 255)
    """
    images = check_attack(net, images, eps)
    with frozen(net) as net:
        start = copy_to(net, images)
        _, gradient = uphill(net, start, labels, target)
        bad = ~torch.isfinite(gradient).flatten(1).all(1)
        if bad.any():
            count = f"{int(bad.sum())} of {len(bad)} images"
            print(f"fgsm: NaN or infinity in the gradient of {count}: they stay as they are.")
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
    random_start: bool = False,
) -> Tensor:
    """Where small steps uphill in the loss end, inside a ball around each image, (n, 3, h, w); the best of `restarts`.

        x <- P(x + step_size sign(dL/dx)),     norm "2":  x <- P(x + step_size dL/dx / ||dL/dx||)

    L: the cross-entropy of the label, or minus that of the target. P brings x back into the ball and into [0, 1]
    (see `project`). net, images, labels, target: as in `fgsm`. eps: the ball's radius in pixel units; norm "inf": the
    most that a value may move, from 0 to 1; norm "2": the largest norm of the whole perturbation.
    steps: int. step_size: in the same unit as eps. restarts: how often to begin; per image the best end is kept: one
    that fools the net (or reaches the target) comes before one that does not, then the larger loss counts. The first
    run begins at the image, so that one step of size eps is `fgsm` and ten are BIM, the later ones at random points.
    random_start: the first one, too, as in the paper. seed: of the random points.
    Source: Madry, Makelov, Schmidt, Tsipras, Vladu (2018), section 2.1. Differs: where the first run begins, unless
    random_start; x stays in [0, 1].
    """
    images = check_attack(net, images, eps, norm, step_size)
    check_count(steps, "steps"), check_count(restarts, "restarts")
    draws, ends = generator(seed), []
    with frozen(net) as net:
        origin = copy_to(net, images)

        def step(x, number):
            return pgd_step(net, x, origin, labels, eps, step_size, norm, target)

        for number in range(restarts):
            first = random_point(origin, eps, norm, draws) if number or random_start else origin
            run = iterate(step, first, steps, f"pgd {number + 1}/{restarts}" if restarts > 1 else "pgd")
            ends.append(run.images)
            if run.stopped == "interrupted":
                break
        return _best(net, ends, labels, target).to(images.device)


def pgd_step(net, x, images, labels, eps, step_size, norm="inf", target=None):
    """One step of `pgd` from x, in the ball around the images: the next x, and the loss (n,) at x. Inside `frozen`."""
    loss, gradient = uphill(net, x, labels, target)
    direction = gradient.sign() if norm == "inf" else gradient / lengths(gradient)
    return project(x + step_size * direction, images, eps, norm), loss


def random_point(images, eps, norm, draws):
    """A point of each image's ball, drawn uniformly, then clipped to [0, 1]. draws: of the CPU."""
    if norm == "inf":
        offset = torch.rand(images.shape, generator=draws, dtype=torch.float64) * 2 - 1
    else:  # a direction, and a radius r with P(radius < r) = r^dimensions
        offset = torch.randn(images.shape, generator=draws, dtype=torch.float64)
        radius = torch.rand(len(images), 1, 1, 1, generator=draws, dtype=torch.float64)
        offset = offset / lengths(offset) * radius ** (1 / images[0].numel())
    return project(images + eps * offset.to(images), images, eps, norm)


def _best(net, ends, labels, target):
    """Of several ends (n, 3, h, w) each image's best: first one that fools the net, then the largest loss."""
    if len(ends) == 1:
        return ends[0]
    ranks = []
    for images in ends:
        logits = all_logits(net, images)
        given = torch.as_tensor(labels if target is None else target).to(logits.device)
        done = (logits.argmax(1) == given) == (target is not None)
        loss = loss_to_raise(logits, labels, target).cpu().double()
        ranks.append(loss + 1e6 * done.cpu())  # no loss is that large
    ranks = torch.stack(ranks).nan_to_num(-torch.inf)
    best = ranks.argmax(0).to(images.device)  # the first, where several are equal
    return torch.stack(ends)[best, torch.arange(len(best), device=best.device)]


def deepfool(
    net: nn.Module,
    images: Tensor,
    steps: int = 50,
    overshoot: float = 0.02,
    box: bool = True,
    candidates: int = 10,
) -> Tensor:
    """Each image moved just over the nearest decision boundary, (n, 3, h, w).

    Near an image the net is almost linear: for each other class k the boundary lies where s_k = s_c, c being what the
    net predicts for the original. Step to the nearest of these planes, look again, repeat until the prediction changes:

        w_k = d(s_k - s_c)/dx,   f_k = s_k - s_c,   l = argmin_k |f_k| / ||w_k||,   x <- x + |f_l| / ||w_l||^2 w_l

    net, images: as in `fgsm`. steps: at most so many. overshoot: the path from the image is made longer by this share,
    to end beyond the boundary and not on it. box: keep to [0, 1], in each step. candidates: of how many
    classes, the likeliest of the image with its own, the boundaries are tried.
    The path's norm is an *upper bound* on the shortest one. An image that no path was found for keeps its class.
    Source: Moosavi-Dezfooli, Fawzi, Frossard (2016), algorithm 2.
    Differs: the box, which the paper has not; the best `candidates` classes, as in the authors' program.
    """
    images = check_images(images, net=net, range01=box)
    check_count(steps, "steps"), check_count(candidates, "candidates", least=2)
    longer = 1 + check_number(overshoot, "overshoot")
    with frozen(net) as net:
        origin = copy_to(net, images)
        ranked = all_logits(net, origin).sort(1, descending=True).indices[:, :candidates]  # (n, k)

        def step(now, number):
            rows = (all_logits(net, now).argmax(1) == ranked[:, 0]).nonzero()[:, 0]  # not yet over
            if not len(rows):
                raise Done
            batch = now[rows], ranked[rows]
            to_boundary, gap = in_batches(lambda *some: _to_boundary(net, *some, box), *batch)
            path = (now[rows] - origin[rows]) / longer + to_boundary  # without the overshoot
            reached = origin[rows] + longer * path
            moved = now.index_copy(0, rows, reached.clamp(0, 1) if box else reached)
            return moved, now.new_zeros(len(now)).index_copy(0, rows, gap)

        return iterate(step, origin, steps, "deepfool").images.to(images.device)


def _to_boundary(net, images, ranked, box):
    """The shortest step to a boundary of the linearised net, (n, 3, h, w), and the gap f_l <= 0 there, (n,)."""
    leaf = images.detach().requires_grad_()
    scores = logits_of(net, leaf).gather(1, ranked)  # (n, k), the first prediction in column 0
    slopes = [gradient_of(column, leaf, again=True) for column in scores.unbind(1)]  # k times (n, 3, h, w)
    others = torch.stack(slopes[1:], 1) - slopes[0][:, None]  # (n, k - 1, 3, h, w)
    if box:  # a value that is at the edge of [0, 1] and would leave it has no part in the step
        low, high = (images <= 0)[:, None], (images >= 1)[:, None]
        others = others.masked_fill((low & (others < 0)) | (high & (others > 0)), 0)
    gaps = (scores[:, 1:] - scores[:, :1]).detach()
    steepness = others.flatten(2).norm(dim=2)  # (n, k - 1)
    distances = torch.where(steepness > 0, gaps.abs() / steepness, torch.inf)
    nearest = distances.argmin(1, keepdim=True)
    distance, steep, gap = (table.gather(1, nearest)[:, 0] for table in (distances, steepness, gaps))
    share = torch.where(steep > 0, distance / steep, 0)  # a net that is flat here shows no path
    rows = torch.arange(len(images), device=images.device)
    return share.view(-1, 1, 1, 1) * others[rows, nearest[:, 0]], gap


# --- the loss that is raised, and the ball around an image ---


def loss_to_raise(logits, labels, target=None):
    """What an attack raises, (n,), in nats: the cross-entropy of the label, or minus that of the target class."""
    labels = check_targets(labels, *logits.shape, name="labels")  # copied: an inference tensor keeps no graph
    if target is None:
        return cross_entropy(logits, labels.to(logits.device, copy=True), reduction="none")
    target = check_targets(target, *logits.shape, name="target")
    check_other(target, labels, "label")
    return -cross_entropy(logits, target.to(logits.device, copy=True), reduction="none")


def uphill(net, images, labels, target=None):
    """`loss_to_raise` of the images, (n,), and its gradient, (n, 3, h, w). Inside `frozen` only."""
    given = {"labels": labels} if target is None else {"labels": labels, "target": target}
    classes = [check_targets(some, len(images), name=name) for name, some in given.items()]

    def one_pass(some, *classes):
        return value_and_gradient(lambda leaf: loss_to_raise(logits_of(net, leaf), *classes), some)

    return in_batches(one_pass, images, *classes)


def all_logits(net: nn.Module, images: Tensor) -> Tensor:
    """`logits_of` any number of images, without gradients. Inside `frozen` only."""
    with torch.no_grad():
        return in_batches(lambda some: logits_of(net, some), images)


def project(perturbed: Tensor, images: Tensor, eps: float, norm: str = "inf") -> Tensor:
    """The perturbed images, brought back into the ball of radius eps around the images and into [0, 1].

    perturbed, images: (n, 3, h, w), images in [0, 1]. norm: "inf", each value moves by at most eps; "2", the
    perturbation has a norm of at most eps: it is shortened and then clipped to [0, 1], which shortens it further.
    """
    if norm == "inf":
        return perturbed.minimum(images + eps).maximum(images - eps).clamp(0, 1)
    difference = perturbed - images
    return (images + difference * (eps / lengths(difference)).clamp(max=1)).clamp(0, 1)


def lengths(difference: Tensor) -> Tensor:
    """Euclidean norm of each image's difference, (n, 1, 1, 1), above 0, to divide by."""
    tiny = torch.finfo(difference.dtype).tiny
    return difference.flatten(1).norm(dim=1).clamp(min=tiny).view(-1, 1, 1, 1)


def check_attack(net, images, eps, norm="inf", step_size=0.0):
    """The images, in [0, 1]. eps and step_size are at most 1, or for norm "2" the diagonal of the box of all images.

    Errors: ValueError; KeyError (with near misses) for the norm.
    """
    images = check_images(images, net=net, range01=True)
    largest = 1.0 if check_choice(norm, NORMS, "norm") == "inf" else math.sqrt(images[0].numel())
    for name, radius in {"eps": eps, "step_size": step_size}.items():
        try:
            check_number(radius, name, most=largest)
        except ValueError as error:
            hint = "in pixel units, where 0 is black and 1 is white, eight levels are 8/255"
            raise ValueError(f"{error}: {hint}") from None
    return images


def check_other(target, other, what):
    """Refuse a target (n,) that is the class it shall replace, which `what` names. Errors: ValueError."""
    if (same := (target.cpu() == other.cpu()).nonzero()).numel():
        first = int(same[0])
        got = f"{int(target[first])} for image {first}, whose {what} it is"
        raise ValueError(f"target: expected another class than the {what}, got {got}")
