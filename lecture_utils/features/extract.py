"""What layers say about many images, in one pass through the net."""

import torch
from torch import Tensor, nn

from ..checks import check_count, check_images, check_layer, check_number, check_tensor
from ..hooks import activations, frozen, in_batches, outputs_of

SHARE = 0.005  # of all places at which a channel says yes (network dissection, Bau et al. 2017)


def extract(net: nn.Module, images: Tensor, layer: str | nn.Module, batch_size: int = 64) -> Tensor:
    """The activations of one layer, (n, ...), on the images' device.

    net: any nn.Module, run in evaluation mode without gradients. images: (n, 3, h, w) in [0, 1]. layer: a name from
    dict(net.named_modules()), or such a module.
    Errors: KeyError (with near misses) for a layer; ValueError for net, images or batch_size.
    """
    check_layer(net, layer)
    return _in_passes(net, images, [layer], batch_size, lambda output: output)


def extract_layers(
    net: nn.Module, images: Tensor, layers: list | dict, batch_size: int = 64
) -> dict[str, Tensor]:
    """The activations of several layers at once, {layer: (n, ...)}; the net runs once, not once for each layer.

    layers: names, or a dict {short name: module name}, whose short names the result then carries. The rest as for
    `extract`. All results lie in memory together: 1,200 images of 64 x 27 x 27 activations are 0.2 GB.
    """
    if not isinstance(layers, dict | list | tuple | set) or not layers:
        raise ValueError(f"layers: expected several names, or {{short name: name}}, got {layers!r}")
    names = dict(layers) if isinstance(layers, dict) else {name: name for name in layers}
    for name in names.values():
        check_layer(net, name, "layers")
    found = _in_passes(net, images, list(names.values()), batch_size, lambda *outputs: outputs)
    return dict(zip(names, found, strict=True))


def strongest(net: nn.Module, images: Tensor, layer: str | nn.Module, batch_size: int = 64) -> Tensor:
    """The largest activation of each channel over all images and positions, (channels,); else as `extract`.

    Behind a ReLU, a channel with 0 is dead for *these* images: others may still activate it.
    """

    def peaks(output):
        return output[..., None].flatten(2).amax(2)  # (k, channels), of maps or of vectors

    check_layer(net, layer)
    return _in_passes(net, images, [layer], batch_size, peaks).amax(0)


def top_thresholds(maps: Tensor, share: float = SHARE) -> Tensor:
    """For each channel the value (channels,) above which lies a `share` of its places over all images, or fewer.

    share: above 0, below 1. Errors: ValueError.
    """
    check_tensor(maps, "maps", ("n", "channels", "rows", "columns"))
    places = maps.transpose(0, 1).flatten(1)  # (channels, n * rows * columns)
    if check_number(share, "share", 0, 1, above=True) == 1:
        raise ValueError("share: expected a number below 1, got 1")
    return places.topk(int(share * places.shape[1]) + 1).values[:, -1]


def _in_passes(net, images, layers, batch_size, function):
    """function(outputs of the layers for one batch), of all batches one after the other."""
    images, size = check_images(images, net), check_count(batch_size, "batch_size")
    with frozen(net) as net, torch.no_grad(), activations(net, layers) as found:

        def one_pass(batch):
            outputs_of(net, batch)
            return function(*(found[layer] for layer in layers))

        return in_batches(one_pass, images, size=size)
