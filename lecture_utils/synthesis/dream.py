"""DeepDream: whatever a layer thinks it sees in a photograph, more of it."""

from typing import NamedTuple

import torch

from ..checks import check_count, check_images, check_number
from ..hooks import copy_to, frozen
from .feature_extractor import reading
from .objectives import channel as of_channel
from .optimise import iterate, value_and_gradient
from .regularisers import Jitter
from .sizes import octave_shapes, resized


class Dream(NamedTuple):
    """images (n, 3, h, w) in [0, 1]. history (steps done, n). stopped: None, "interrupted" or "diverged"."""

    images: torch.Tensor
    history: torch.Tensor
    stopped: str | None


def dream(
    net, image, layer, channel=None, octaves=4, scale=1.4, steps=10, lr=0.01, jitter=32, seed=0, callback=None
):
    """A photograph in which a layer sees more of what it sees: `Dream`.

        maximise   1/2 sum of F(x)^2,  whose gradient at the layer is F itself:  what is there, grows
        x <- clip(x + lr g / mean |g|)

    from the smallest octave to the whole size. After each octave only the *detail* that was drawn, the difference to
    the photograph at that size, is enlarged and put on the photograph of the next size: nothing gets blurred.
    net: any nn.Module that takes images in [0, 1]; its convolutions take any size. image: (n, 3, h, w). layer: from
    dict(net.named_modules()). channel: int, or None for the whole layer. octaves: how many sizes, each `scale` times
    the one before; those below 16 px are left out. steps: in each. lr: mean |step| of a pixel, in pixel units. jitter:
    px, see `Jitter`. seed: of the shifts. callback: as in `iterate`, once a step. On the image's device.
    Errors: KeyError for a layer; ValueError for the rest.
    Source: Mordvintsev, Olah, Tyka (2015), and their notebook (4 octaves of 1.4, 10 steps, jitter of 32 px).
    """
    check_images(image, net=net, range01=True, name="image")
    check_number(scale, "scale", least=1, above=True)
    check_number(lr, "lr"), check_count(steps, "steps")
    shapes = octave_shapes(image.shape[2:], octaves, scale)
    shake, draws = Jitter(jitter), torch.Generator().manual_seed(seed)

    with frozen(net), reading(net, [layer]) as read:
        photograph = copy_to(net, image)

        def value(images):
            if channel is not None:
                return of_channel(layer, channel, "all").value(read(images))
            return read(images)[layer].square().flatten(1).sum(1) / 2

        def step(state, number):
            if number % steps == 0:  # a new octave
                smaller, here = state, resized(photograph, shapes[number // steps])
                detail = smaller - resized(photograph, smaller.shape[2:])
                state = (here + resized(detail, here.shape[2:])).clamp(0, 1)
            found, gradient = value_and_gradient(value, shake.before(state, draws))
            gradient = shake.back(gradient)
            size = gradient.abs().mean((1, 2, 3), keepdim=True)
            return (state + torch.where(size > 0, lr / size, 0) * gradient).clamp(0, 1), found

        start = resized(photograph, shapes[0])
        images, history, stopped = iterate(step, start, len(shapes) * steps, f"dreaming of {layer}", callback)
    if images.shape != photograph.shape:  # stopped in a smaller octave
        images = resized(images, photograph.shape[2:]).clamp(0, 1)
    return Dream(images.to(image.device), history.to(image.device), stopped)
