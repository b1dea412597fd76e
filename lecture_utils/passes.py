"""One forward pass that may be differentiated, after which the net is as it was. Every method here begins so."""

import re
from contextlib import contextmanager

import torch

from .checks import check_images, check_targets
from .hooks import preserved


@contextmanager
def differentiable(net, images):
    """Yield the images, checked, on the net's device, and with a gradient; the net is in evaluation mode.

    images: floating (n, 3, h, w). What is yielded is a leaf: `torch.autograd.grad(score, leaf)` reaches it and no
    parameter. It may share the images' memory: do not write into it. Afterwards the net's modes, buffers, flags and
    gradients and the random state are as before.
    Works under torch.no_grad and torch.inference_mode.
    Errors: ValueError for images.
    """
    check_images(images, net=net)
    with torch.inference_mode(False), preserved(net), torch.enable_grad():
        net.eval()
        device = next(net.parameters(), images).device
        own = (
            images.clone() if images.is_inference() else images.detach()
        )  # an inference tensor takes no gradient
        yield own.to(device).requires_grad_()


def logits_of(net, leaf):
    """The scores before softmax, (n, classes), of images (n, 3, h, w).

    Errors: ValueError where the net does not fit the images' size or gives no such table.
    """
    try:
        logits = net(leaf.clone())  # a net may begin with an operation in place, which a leaf refuses
    except RuntimeError as error:
        if not re.search(r"\bsizes?\b|shape|dimension", str(error), re.IGNORECASE):
            raise
        height, width = leaf.shape[2:]
        why = " ".join(str(error).split())[:200]
        raise ValueError(f"images: the net cannot take {height} x {width} px: {why}") from error
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or len(logits) != len(leaf):
        what = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ValueError(f"net: expected logits of shape ({len(leaf)}, classes), got {what}")
    return logits


def score_of(logits, targets):
    """Each image's own score, (n,): column targets[n] of the logits (n, classes). Errors: ValueError."""
    targets = check_targets(targets, *logits.shape).to(logits.device)
    return logits.gather(1, targets[:, None])[:, 0]


def gradient_of(scores, leaf, again=False):
    """d scores[n] / d images[n] for all n at once, (n, 3, h, w). again: another gradient of this pass is to follow.

    In evaluation mode no image changes another one's score, so the gradient of the sum holds each image's own.
    Errors: ValueError where the scores do not depend on the images in a way that autograd can follow.
    """
    gradient = None
    if scores.requires_grad:
        (gradient,) = torch.autograd.grad(scores.sum(), leaf, retain_graph=again, allow_unused=True)
    if gradient is None:
        why = "does its forward pass use no_grad or detach?"
        raise ValueError(
            f"net: its output does not depend on the images in a way that autograd can follow; {why}"
        )
    return gradient
