"""The strongest units that one notebook has found, kept in a file, and read by the next one."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from lecture_utils.checks import check_count, check_images, layer_name
from lecture_utils.features import TopUnits, top_units


def kept_units(
    net: nn.Module, images: Tensor, layer: str | nn.Module, k: int, folder: str | Path, batch_size: int = 64
) -> TopUnits:
    """`top_units` of every channel; kept in a file of `folder`, and read from there when asked for again.

    folder: made when it is not there. The rest as for `top_units`, but images must be one tensor: a fingerprint of a
    folder would cost a look at all of it.
    The file's name is a fingerprint of the weights, the images, the layer and k, so that another net or another image
    never gets an old answer. A file that is damaged is made again; where none can be written, nothing is kept.
    """
    layer, images = layer_name(net, layer), check_images(images, net)
    k = check_count(k, "k", 1, len(images))
    if not isinstance(folder, str | os.PathLike):
        raise ValueError(f"folder: expected a path, got {folder!r}")
    path = Path(folder) / f"units-{_fingerprint(net, images, layer, k)}.pt"
    try:
        return TopUnits(*(values.to(images.device) for values in torch.load(path, weights_only=True)))
    except Exception:  # not there, half written, or of another kind: torch raises whatever unpickling raises
        found = top_units(net, images, layer, k, batch_size=batch_size)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save([values.cpu() for values in found], partial)
        partial.replace(path)  # at once, so that nobody reads half of it
    with suppress(OSError):
        partial.unlink()
    return found


def _fingerprint(net, images, layer, k):
    """Sixteen letters and digits that change with the net's weights and buffers, the images, the layer, or k."""
    whole = hashlib.sha256(f"{type(net).__name__} {layer} {k}".encode())
    for name, values in {**net.state_dict(), "images": images}.items():
        values = values.detach().cpu().contiguous()
        whole.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        whole.update(values.view(-1).view(torch.uint8).numpy() if values.numel() else b"")
    return whole.hexdigest()[:16]
