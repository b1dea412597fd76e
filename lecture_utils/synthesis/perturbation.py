"""How large a difference is, and how to see it: norms, magnified, beside noise of the same size."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..checks import check_choice, check_images, check_number
from .attack import NORMS
from .optimise import generator


class Norms(NamedTuple):
    """Sizes of a difference, (n,) each. A level is one of the 255 steps from black to white.

    largest: the most that any value moves, in levels. rms: root of the mean square of all values, in levels. length:
    Euclidean norm in pixel units (0 is black, 1 is white). changed: share of values that move by at least half a level:
    the others vanish in a file.
    """

    largest: Tensor
    rms: Tensor
    length: Tensor
    changed: Tensor


def norms(images: Tensor, perturbed: Tensor) -> Norms:
    """How large the difference is, image by image: `Norms`. images, perturbed: (n, 3, h, w) in [0, 1]."""
    difference = _difference(images, perturbed)[1].flatten(1)
    return Norms(
        255 * difference.abs().amax(1),
        255 * difference.square().mean(1).sqrt(),
        difference.norm(dim=1),
        (255 * difference.abs() >= 0.5).to(difference.dtype).mean(1),
    )


def magnified(images: Tensor, perturbed: Tensor, times: float | None = None) -> tuple[Tensor, float]:
    """The difference to look at, (n, 3, h, w) in [0, 1], and how many times it is magnified, a float.

    .5 is no change. times: None takes the largest factor at which nothing is cut, the same for all the images, so that
    they can be compared.
    """
    _, difference = _difference(images, perturbed)
    if times is None:
        largest = float(difference.abs().max())
        times = 0.5 / largest if largest else 1.0
    check_number(times, "times", above=True)
    return (0.5 + times * difference).clamp(0, 1), float(times)


def noise_like(images: Tensor, perturbed: Tensor, norm: str = "2", seed: int = 0) -> Tensor:
    """The control: images with random noise of the same size as the difference, (n, 3, h, w) in [0, 1].

    norm "2": Gaussian noise, as long as the difference also after it is cut to [0, 1]; "inf": each value moved up or
    down, by as much as the difference's largest. seed: of the draws.
    Errors: ValueError for norm "2" where no noise of that length fits into [0, 1].
    """
    images, difference = _difference(images, perturbed)
    check_choice(norm, NORMS, "norm")
    draws = torch.randn(images.shape, generator=generator(seed), dtype=torch.float64).to(images)
    if norm == "inf":
        return (images + difference.abs().amax((1, 2, 3), keepdim=True) * draws.sign()).clamp(0, 1)

    def with_noise(deviation):
        found = (images + deviation.view(-1, 1, 1, 1) * draws).clamp(0, 1)
        return found, (found - images).flatten(1).norm(dim=1)

    wanted = difference.flatten(1).norm(dim=1)
    low, high = torch.zeros_like(wanted), torch.full_like(wanted, 64.0)  # the noise's standard deviation
    for _ in range(60):  # the cut makes it shorter by an amount that has no formula: halve the interval
        middle = (low + high) / 2
        short = with_noise(middle)[1] < wanted
        low, high = torch.where(short, middle, low), torch.where(short, high, middle)
    noisy, length = with_noise(low)
    if (wanted - length > 1e-3 * wanted).any():
        raise ValueError("perturbed: no noise of this length fits into [0, 1] around the images")
    return noisy


def _difference(images, perturbed):
    """The images, and what has been added to them, both as checked."""
    images = check_images(images, range01=True, channels="any")
    perturbed = check_images(perturbed, dtype=images.dtype, range01=True, channels="any", name="perturbed")
    if images.shape != perturbed.shape:
        expected = f"{tuple(images.shape)} as the images"
        raise ValueError(f"perturbed: expected shape {expected}, got {tuple(perturbed.shape)}")
    return images.detach(), perturbed.detach().to(images.device) - images.detach()
