"""Feature inversion: which image gives these features? What the layer has forgotten is free to differ."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..checks import check_count, check_images, check_number, layer_name
from ..hooks import copy_to, frozen, reading
from .losses import distance, energy, variation_gradient
from .optimise import adam, iterate, neutral_colour, noisy, value_and_gradient

WIDTH = 0.02  # of the noise at the start: what a layer does not see keeps it


class Inversion(NamedTuple):
    """A `Run` whose history is the loss. errors (n,): the relative feature error that the images reach."""

    images: Tensor
    errors: Tensor
    history: Tensor
    stopped: str | None


def invert(
    net: nn.Module,
    image: Tensor,
    layer: str | nn.Module,
    steps: int = 200,
    tv: float = 3.0,
    lr: float = 0.05,
    seed: int = 0,
    mean: float | Tensor | None = None,
    callback: Callable | None = None,
) -> Inversion:
    """An image whose features at a layer are those of the given one, found from noise: `Inversion`.

        minimise   ||F(x) - F(image)||^2 / ||F(image)||^2  +  tv TV(x) / (h w)      over x in [0, 1]

    image: (n, 3, h, w). layer: from dict(net.named_modules()). tv: weight of the total variation of a pixel. What a
    layer does not see is free, and is filled with noise unless something keeps it smooth; deep layers see less, so they
    want more. For the course's nets: .1 for conv1, 1 for conv2, 3 for conv3, 10 above; at conv4 of `gap` 5 instead of
    .1 raised the PSNR of four images by 3 to 5 dB and lowered their feature error as well. lr: of Adam, in pixel units.
    seed: of the noise it starts from, faint and around the neutral colour `mean` (see `neutral_colour`).
    "Lost" may be "not optimised": look at `.errors` beside the image. Features that are 0 everywhere are refused.
    Source: Mahendran, Vedaldi (2015), equations 1 to 4, with beta = 2.
    Differs: their sixth norm, which keeps pixels in their range, is the range itself here; Adam for momentum.
    """
    image = check_images(image, net=net, range01=True, name="image")
    check_count(steps, "steps", least=0), check_number(tv, "tv"), check_number(lr, "lr", above=True)
    layer, weight = layer_name(net, layer), tv / (image.shape[2] * image.shape[3])
    with frozen(net) as net, reading(net, [layer]) as read:
        with torch.no_grad():
            wanted = read(copy_to(net, image))[layer]
        size = energy(wanted, layer)

        def error(images):
            return distance(read(images)[layer], wanted) / size

        def step(images, number):
            (value, gradient), (rough, slope) = value_and_gradient(error, images), variation_gradient(images)
            return down(gradient.add_(slope, alpha=weight)), value + weight * rough

        start = noisy(neutral_colour(net, mean).expand(image.shape), seed, WIDTH)
        down = adam(start, lr, steps)
        images, history, stopped = iterate(step, start, steps, f"inverting {layer}", callback)
        with torch.no_grad():
            errors = error(images)
    return Inversion(*(found.to(image.device) for found in (images, errors, history)), stopped)
