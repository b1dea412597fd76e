"""One step is enough: the fast gradient sign method."""

import torch

from ..hooks import copy_to, frozen
from .attack import check_attack, project, uphill


def fgsm(net, images, labels, eps, target=None):
    """Each value of each image moved by eps, in the direction that raises the loss of the label. (n, 3, h, w).

        x' = clip(x + eps sign(dL(x, label) / dx), 0, 1)
        x' = clip(x - eps sign(dL(x, target) / dx), 0, 1)        with a target

    L: cross-entropy. net: gives logits (n, classes). images: (n, 3, h, w) in [0, 1]. labels: an int or LongTensor (n,),
    what the images show. eps: from 0 to 1, in pixel units: 8/255 is 8 of the 255 steps from black to white.
    target: None, or an int or LongTensor (n,): the class that the net shall see instead.
    The result lies in [0, 1], no value further than eps from where it was. On the images' device. Where the gradient
    is not finite, a sentence is printed and the image stays as it was.
    Errors: ValueError for images, labels and eps, and for a target that is the label.
    Source: Goodfellow, Shlens, Szegedy (2015), section 4. Differs: cut to [0, 1], so that the result is an image.

    >>> fgsm(net, images, labels, eps=8 / 255)
    """
    check_attack(net, images, eps)
    with frozen(net):
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
