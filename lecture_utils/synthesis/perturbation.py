"""How large a difference is, how to see it, and what it does: norms, magnified, through a file, against noise."""

import io
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from ..checks import check_images, check_number, check_targets
from ..hooks import copy_to, frozen
from .attack import all_logits, check_other


class Norms(NamedTuple):
    """Sizes of a difference, (n,) each. A level is one of the 255 steps from black to white."""

    largest: torch.Tensor  # the most that any value moves, in levels
    rms: torch.Tensor  # root of the mean square of all values, in levels
    length: torch.Tensor  # Euclidean length of the difference in pixel units (0 is black, 1 is white)
    share: torch.Tensor  # that length over the image's own, DeepFool's rho
    changed: torch.Tensor  # share of values that move by at least half a level: the others vanish in a file


def norms(images, perturbed):
    """How large the difference is, image by image: `Norms`. images, perturbed: (n, 3, h, w) in [0, 1].

    Szegedy et al. (2014) print the rms (in pixel units), Moosavi-Dezfooli et al. (2016) the share; the latter depends
    on how images are normalised, so that published values are not comparable with those in [0, 1].
    Errors: ValueError.
    """
    difference = _difference(images, perturbed).flatten(1)
    length = difference.norm(dim=1)
    tiny = torch.finfo(difference.dtype).tiny
    return Norms(
        255 * difference.abs().amax(1),
        255 * difference.square().mean(1).sqrt(),
        length,
        length / images.flatten(1).norm(dim=1).clamp(min=tiny),
        (255 * difference.abs() >= 0.5).to(difference.dtype).mean(1),
    )


def magnified(images, perturbed, times=None):
    """The difference to look at, (n, 3, h, w) in [0, 1], and how many times it is magnified, a float.

    .5 is no change. times: None takes the largest factor at which nothing is cut, the same for all the images, so that
    they can be compared. Errors: ValueError.
    """
    difference = _difference(images, perturbed)
    if times is None:
        largest = float(difference.abs().max())
        times = 0.5 / largest if largest else 1.0
    check_number(times, "times", above=True)
    return (0.5 + times * difference).clamp(0, 1), float(times)


def through_png(images):
    """The images after being saved as PNG files of 8 bits a value and read again, (n, 3, h, w) in [0, 1].

    What is finer than half a level is gone. In memory: no file is written. Errors: ValueError.
    """
    check_images(images, range01=True)
    levels = (255 * images.detach().double()).round().to(torch.uint8).cpu().permute(0, 2, 3, 1).numpy()
    read = []
    for picture in levels:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        read.append(np.asarray(Image.open(io.BytesIO(file.getvalue()))))
    return (torch.from_numpy(np.stack(read)).permute(0, 3, 1, 2).double() / 255).to(images)


def noise_like(images, perturbed, norm="2", seed=0):
    """The control: images with random noise of the same size as the difference, (n, 3, h, w) in [0, 1].

    norm "2": Gaussian noise, as long as the difference also after it is cut to [0, 1]; "inf": each value moved up or
    down, by as much as the difference's largest. seed: of the draws.
    Errors: ValueError; for norm "2" also where no noise of that length fits into [0, 1].
    """
    difference = _difference(images, perturbed)
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(images.shape, generator=generator, dtype=torch.float64).to(images)
    if norm == "inf":
        return (images + difference.abs().amax((1, 2, 3), keepdim=True) * draws.sign()).clamp(0, 1)
    if norm != "2":
        raise ValueError(f"norm: expected '2' or 'inf', got {norm!r}")
    wanted = difference.flatten(1).norm(dim=1)
    low, high = torch.zeros_like(wanted), torch.full_like(wanted, 64.0)  # the noise's standard deviation
    for _ in range(60):  # the cut makes it shorter by an amount that has no formula: halve the interval
        middle = (low + high) / 2
        noisy = (images + middle.view(-1, 1, 1, 1) * draws).clamp(0, 1)
        short = (noisy - images).flatten(1).norm(dim=1) < wanted
        low, high = torch.where(short, middle, low), torch.where(short, high, middle)
    noisy = (images + low.view(-1, 1, 1, 1) * draws).clamp(0, 1)
    got = (noisy - images).flatten(1).norm(dim=1)
    if (wanted - got > 1e-3 * wanted).any():
        raise ValueError("perturbed: no noise of this length fits into [0, 1] around the images")
    return noisy


def success_rate(net, images, labels, target=None):
    """Share of the images, a float, of which the net says something else than the label; or that it says the target.

    images: as attacked, (n, 3, h, w) in [0, 1]. labels, target: an int or LongTensor (n,). An image that the net got
    wrong before any attack counts as a success: give those it gets right (`right`), or compare with the clean images.
    Errors: ValueError.
    """
    said, labels = answers(net, images, labels)
    if target is None:
        return (said != labels).double().mean().item()
    target = check_targets(target, len(images), 2**31, name="target")
    check_other(target, labels, "label")
    return (said == target).double().mean().item()


def right(net, images, labels):
    """Which images the net gets right, bool (n,). Errors: ValueError."""
    said, labels = answers(net, images, labels)
    return said == labels


def answers(net, images, labels):
    """What the net says of each image, LongTensor (n,), and the labels as such, both on the CPU. Errors: ValueError."""
    check_images(images, net=net, range01=True)
    with frozen(net):
        logits = all_logits(net, copy_to(net, images)).cpu()
    if not torch.isfinite(logits).all():
        raise ValueError("net: its scores are NaN or infinite")
    return logits.argmax(1), check_targets(labels, *logits.shape, name="labels").cpu()


def _difference(images, perturbed):
    check_images(images, range01=True)
    check_images(perturbed, dtype=images.dtype, range01=True, name="perturbed")
    if images.shape != perturbed.shape:
        raise ValueError(
            f"perturbed: expected shape {tuple(images.shape)} as the images, got {tuple(perturbed.shape)}"
        )
    return perturbed.detach().to(images.device) - images.detach()
