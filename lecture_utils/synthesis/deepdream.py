"""DeepDream: whatever a layer detects in a photograph, more of it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..checks import check_count, check_images, check_number, layer_name
from ..hooks import copy_to, frozen, reading
from .optimise import Run, generator, iterate, octave_shapes, resized, value_and_gradient
from .regularisers import Jitter


def dream(
    net: nn.Module,
    image: Tensor,
    layer: str | nn.Module,
    octaves: int = 4,
    scale: float = 1.4,
    steps: int = 10,
    lr: float = 0.01,
    jitter: int = 32,
    seed: int = 0,
    callback: Callable | None = None,
) -> Run:
    """A photograph in which a layer detects more of what it detects: `Run`.

        maximise   1/2 sum of F(x)^2,  whose gradient at the layer is F itself:  what is there, grows
        x <- clip(x + lr g / mean |g|)

    from the smallest octave to the whole size. After each octave only the *detail* that was drawn, the difference to
    the photograph at that size, is enlarged and put on the photograph of the next size: nothing gets blurred.
    image: (n, 3, h, w). layer: from dict(net.named_modules()); convolutions take any size. octaves: how many sizes,
    each `scale` times the one before; those below 16 px are left out. steps: in each. lr: mean |step| of a pixel, in
    pixel units. jitter: px, see `Jitter`. seed: of the shifts.
    Source: Mordvintsev, Olah, Tyka (2015), and their notebook (4 octaves of 1.4, 10 steps, jitter of 32 px).
    """
    image = check_images(image, net=net, range01=True, name="image")
    check_number(scale, "scale", least=1, above=True), check_number(lr, "lr")
    check_count(steps, "steps"), check_count(jitter, "jitter", least=0)
    shapes, shake, draws = octave_shapes(image.shape[2:], octaves, scale), Jitter(jitter), generator(seed)
    layer = layer_name(net, layer)
    with frozen(net) as net, reading(net, [layer]) as read:
        photograph = copy_to(net, image)

        def step(images, number):
            if number % steps == 0:  # the photograph at the next size, with the detail drawn so far
                shape, before = shapes[number // steps], resized(photograph, images.shape[2:])
                images = (resized(photograph, shape) + resized(images - before, shape)).clamp(0, 1)
            seen = shake.before(images, draws)
            value, gradient = value_and_gradient(
                lambda x: read(x)[layer].square().flatten(1).sum(1) / 2, seen
            )
            gradient = shake.back(gradient)
            size = gradient.abs().mean((1, 2, 3), keepdim=True)
            return (images + torch.where(size > 0, lr / size, 0) * gradient).clamp(0, 1), value

        start, label = resized(photograph, shapes[0]), f"dreaming of {layer}"
        images, history, stopped = iterate(step, start, len(shapes) * steps, label, callback)
        images = resized(images, photograph.shape[2:]).clamp(0, 1)  # it may have stopped in a smaller octave
    return Run(images.to(image.device), history.to(image.device), stopped)
