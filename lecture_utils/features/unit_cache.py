"""Strongest units, looked for once and kept in a file: what one notebook has found, the next one reads."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import torch

from ..checks import check_images, check_layer
from .patches import TopUnits, top_units


def kept_units(net, images, layer, k, folder, batch_size=64):
    """`top_units` of every channel; kept in a file of `folder`, and read from there when asked for again.

    net, images (n, 3, h, w), layer, k, batch_size: as for `top_units`. folder: made when it is not there.
    The file's name is a fingerprint of the weights, the images, the layer and k, so that another net or another image
    never gets an old answer. A file that is damaged is made again; where none can be written, nothing is kept.
    Errors: as for `top_units`, but images must be one tensor: a fingerprint of a folder would cost a look at all of it.
    """
    check_layer(net, layer)
    check_images(images, net=net)
    path = Path(folder) / f"units-{fingerprint(net, images, layer, k)}.pt"
    try:
        return TopUnits(*(values.to(images.device) for values in torch.load(path, weights_only=True)))
    except Exception:  # not there, half written, or of another kind: torch raises whatever unpickling raises
        found = top_units(net, images, layer, k, batch_size=batch_size)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save([values.cpu() for values in found], partial)
        partial.replace(path)  # at once, so that nobody reads half of it
    except OSError:
        with suppress(OSError):
            partial.unlink()
    return found


def fingerprint(net, images, layer, k):
    """Sixteen letters and digits that change with the net's weights and buffers, the images, the layer, or k."""
    whole = hashlib.sha256(f"{type(net).__name__} {layer} {k}".encode())
    for name, values in {**net.state_dict(), "images": images}.items():
        values = values.detach().cpu().contiguous()
        whole.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        whole.update(values.view(-1).view(torch.uint8).numpy() if values.numel() else b"")
    return whole.hexdigest()[:16]
