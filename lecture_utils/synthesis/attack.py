"""What the attacks share: what they refuse, the loss they raise and its gradient, the ball around an image."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..checks import check_choice, check_images, check_number, check_targets
from ..hooks import in_batches, logits_of
from .optimise import value_and_gradient

NORMS = ("inf", "2")


def loss_to_raise(logits: Tensor, labels: int | Tensor, target: int | Tensor | None = None) -> Tensor:
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


def uphill(
    net: nn.Module, images: Tensor, labels: int | Tensor, target: int | Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """`loss_to_raise` of the images, (n,), and its gradient, (n, 3, h, w). Inside `frozen` only."""
    classes = [check_targets(labels, len(images), name="labels")]
    if target is not None:
        classes.append(check_targets(target, len(images), name="target"))

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


def check_attack(net: nn.Module, images: Tensor, eps: float, norm: str = "inf") -> Tensor:
    """The images, refused where they are none in [0, 1]; an unknown norm, and a radius that cannot be meant.

    eps: in pixel units, where 0 is black and 1 is white; "inf": from 0 to 1; "2": up to the largest distance there is.
    Errors: ValueError; KeyError (with near misses) for the norm.
    """
    images = check_images(images, net=net, range01=True)
    check_choice(norm, NORMS, "norm")
    check_radius(eps, 1.0 if norm == "inf" else math.sqrt(images[0].numel()))
    return images


def check_radius(eps: float, largest: float = 1.0, name: str = "eps") -> float:
    """A radius from 0 to `largest`. Errors: ValueError."""
    try:
        return check_number(eps, name, most=largest)
    except ValueError as error:
        raise ValueError(
            f"{error}: in pixel units, where 0 is black and 1 is white, eight levels are 8/255"
        ) from None


def check_other(target: Tensor, other: Tensor, what: str) -> None:
    """Refuse a target (n,) that is the class it shall replace, which `what` names. Errors: ValueError."""
    if (same := (target.cpu() == other.cpu()).nonzero()).numel():
        first = int(same[0])
        raise ValueError(
            f"target: expected another class than the {what}, got {int(target[first])} for image {first}, "
            f"whose {what} it is"
        )
