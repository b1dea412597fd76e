"""Every layer's answer to many images, in one pass through the net."""

import torch

from ..checks import check_count, check_images, check_layer
from ..hooks import activations, copy_to, frozen


def extract_layers(net, images, layers, batch_size=64):
    """The activations of several layers at once, {layer: (n, ...)}; the net runs once, not once for each layer.

    net, images (n, 3, h, w) in [0, 1]: as for `extract`. layers: names from dict(net.named_modules()), or a
    dict {short name: module name}, whose short names the result then carries.
    All results lie in memory together: 1,200 images of 64 x 27 x 27 activations are 0.2 GB.
    Errors: KeyError (with near misses) for a layer; ValueError for images.
    """
    names = dict(layers) if isinstance(layers, dict) else {name: name for name in layers}
    for layer in names.values():
        check_layer(net, layer)
    check_images(images, net=net)
    found = {name: [] for name in names}
    for batch in images.split(check_count(batch_size, "batch_size")):
        with frozen(net) as inside, torch.no_grad(), activations(inside, set(names.values())) as outputs:
            inside(copy_to(inside, batch))
            for name, layer in names.items():
                found[name].append(outputs[layer].to(images.device))
    return {name: torch.cat(found.pop(name)) for name in names}
