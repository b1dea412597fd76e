"""What the attacks share: what they refuse, the loss they raise and its gradient, the ball around an image."""

import math

import torch
from torch.nn.functional import cross_entropy

from ..checks import check_images, check_targets, near_miss
from ..hooks import logits_of
from .optimise import value_and_gradient

NORMS = ("inf", "2")
BATCH = 64  # images in one pass


def loss_to_raise(logits, labels, target=None):
    """What an attack raises, (n,): the cross-entropy of the label, or minus that of the target class. In nats.

    logits: (n, classes). labels, target: an int or LongTensor (n,).
    Errors: ValueError for labels and targets that do not exist, and for a target that is the label.
    """
    labels = check_targets(labels, *logits.shape, name="labels")  # copied: an inference tensor keeps no graph
    if target is None:
        return cross_entropy(logits, labels.to(logits.device, copy=True), reduction="none")
    target = check_targets(target, *logits.shape, name="target")
    check_other(target, labels, "label")
    return -cross_entropy(logits, target.to(logits.device, copy=True), reduction="none")


def uphill(net, images, labels, target=None):
    """`loss_to_raise` of the images, (n,), and its gradient, (n, 3, h, w). Inside `frozen` only.

    In passes of BATCH images, so that a whole gallery fits in the memory.
    """
    found = []
    for start in range(0, len(images), BATCH):
        some, chosen = images[start : start + BATCH], slice(start, start + BATCH)

        def loss(leaf, chosen=chosen):
            return loss_to_raise(
                logits_of(net, leaf), _rows(labels, chosen, images), _rows(target, chosen, images)
            )

        found.append(value_and_gradient(loss, some))
    losses, gradients = zip(*found, strict=True)
    return torch.cat(losses), torch.cat(gradients)


def all_logits(net, images):
    """`logits_of` in passes of BATCH images, without gradients. Inside `frozen` only."""
    with torch.no_grad():
        return torch.cat([logits_of(net, some) for some in images.split(BATCH)])


def project(perturbed, images, eps, norm="inf"):
    """The perturbed images, brought back into the ball of radius eps around the images and into [0, 1].

    perturbed, images: (n, 3, h, w), images in [0, 1]. norm: "inf", each value moves by at most eps; "2", the
    difference has a length of at most eps: it is shortened and then cut to [0, 1], which shortens it further.
    """
    if norm == "inf":
        return perturbed.minimum(images + eps).maximum(images - eps).clamp(0, 1)
    difference = perturbed - images
    return (images + difference * (eps / lengths(difference)).clamp(max=1)).clamp(0, 1)


def lengths(difference):
    """Euclidean length of each image's difference, (n, 1, 1, 1), above 0, to divide by."""
    tiny = torch.finfo(difference.dtype).tiny
    return difference.flatten(1).norm(dim=1).clamp(min=tiny).view(-1, 1, 1, 1)


def check_attack(net, images, eps, norm="inf"):
    """Refuse images that are none in [0, 1], an unknown norm, and a radius that cannot be meant.

    eps: in pixel units, where 0 is black and 1 is white; "inf": from 0 to 1; "2": up to the length of the longest
    difference that there is.
    Errors: ValueError; KeyError (with near misses) for the norm.
    """
    check_images(images, net=net, range01=True)
    if norm not in NORMS:
        raise near_miss(norm, NORMS, "norm")
    check_radius(eps, 1.0 if norm == "inf" else math.sqrt(images[0].numel()))


def check_radius(eps, largest=1.0, name="eps"):
    """Refuse a radius that is no number from 0 to `largest`; return it. Errors: ValueError."""
    if isinstance(eps, bool) or not isinstance(eps, int | float) or not 0 <= eps <= largest:
        levels = isinstance(eps, int | float) and largest < eps <= 255
        hint = f"did you mean {eps:g}/255?" if levels else "write 8/255 for eight levels"
        raise ValueError(
            f"{name}: expected a number from 0 to {largest:g} in pixel units, where 0 is black and 1 is white, "
            f"got {eps!r}: {hint}"
        )
    return eps


def check_other(target, other, what):
    """Refuse a target (n,) that is the class it shall replace, which `what` names. Errors: ValueError."""
    if (same := (target.cpu() == other.cpu()).nonzero()).numel():
        first = int(same[0])
        raise ValueError(
            f"target: expected another class than the {what}, got {int(target[first])} for image {first}, "
            f"whose {what} it is"
        )


def _rows(classes, chosen, images):
    """The classes of some of the images; an int, None and what is wrong stay, for the check to judge."""
    per_image = isinstance(classes, torch.Tensor) and classes.ndim == 1
    if per_image and len(classes) != len(images):
        check_targets(classes, len(images), 1, name="labels")
    return classes[chosen] if per_image else classes
