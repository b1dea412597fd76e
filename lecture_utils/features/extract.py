"""What a layer says about many images."""

import torch

from ..checks import check_count, check_images, check_layer
from ..hooks import activations, copy_to, frozen


def batches(net, images, layer, batch_size=64):
    """Yield the outputs (m, ...) of a layer for one batch after another, on the images' device.

    Nets run in evaluation mode without gradients, and leave as they came. See `extract` for the arguments.
    """
    check_layer(net, layer)
    check_images(images, net=net)
    for batch in images.split(check_count(batch_size, "batch_size")):
        with frozen(net) as inside, torch.no_grad(), activations(inside, layer) as found:
            inside(copy_to(inside, batch))
            output = found[layer]
        yield output.to(images.device)


def extract(net, images, layer, batch_size=64):
    """The activations of one layer, (n, ...), for images (n, 3, h, w) in [0, 1].

    net: any nn.Module, run in evaluation mode without gradients. layer: a name from
    dict(net.named_modules()). The result lies on the images' device.
    Errors: KeyError (with near misses) for a layer; ValueError for images or batch_size.
    """
    return torch.cat(list(batches(net, images, layer, batch_size)))


def strongest(net, images, layer, batch_size=64):
    """The largest activation of each channel over all images and positions, (channels,)."""
    peaks = [
        output.flatten(2).amax(dim=(0, 2))
        for output in map(_as_maps, batches(net, images, layer, batch_size))
    ]
    return torch.stack(peaks).amax(dim=0)


def dead_channels(net, images, layer, batch_size=64):
    """bool (channels,): True where a channel is zero at every position of every image.

    layer: a name whose output is after the ReLU (before it, nothing is ever exactly zero).
    A channel that is dead here may answer other images: the verdict is about *these* images.
    """
    return strongest(net, images, layer, batch_size) <= 0


def _as_maps(output):
    return output[..., None] if output.ndim == 2 else output
