"""What makes a unit answer most: the patches of the images that maximally activate a channel."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..checks import check_count, check_images, check_index, check_layer, check_tensor, layer_name
from ..hooks import Enough, frozen, outputs_of, tensor_of
from ..progress import progress
from .receptive_field import receptive_field


class TopUnits(NamedTuple):
    """The strongest units of each channel, the strongest first, one of each image.

    scores (channels, k). images (channels, k): which image. units (channels, k, 2): row and column in the map.
    """

    scores: Tensor
    images: Tensor
    units: Tensor


class Patches(NamedTuple):
    """The k patches that a channel answers most strongly, the strongest first.

    patches (k, 3, s, s): exactly the pixels that the unit sees, .5 where its field reaches over the border.
    boxes (k, 4): x0 y0 x1 y1 in px, not clipped. scores (k,). images (k,): which image. units (k, 2): row, column.
    """

    patches: Tensor
    boxes: Tensor
    scores: Tensor
    images: Tensor
    units: Tensor


def top_patches(
    net: nn.Module,
    images: Tensor | Sequence,
    layer: str | nn.Module,
    channel: int,
    k: int,
    batch_size: int = 64,
) -> Patches:
    """The k patches that a channel of a layer answers most strongly, one of each image: `Patches`.

    One of each image, so that nine patches are nine images and not one face nine times. Equally strong ones come in
    the order of their index; in one image the unit counts that stands first, row by row.
    net, layer: as for `receptive_field`. images: float (n, 3, h, w) in [0, 1], or any sequence of images (3, h, w) of
    one size, or of pairs (image, anything), as torchvision's ImageFolder is: then one batch at a time is in memory.
    A score of 0 after a ReLU means that the channel was inactive: such a patch shows nothing.
    Errors: KeyError for a layer; ValueError for images, for a channel that is not there, for k > n, and for layers
    whose units see the whole image: there the strongest *images* are the answer.
    Source: Girshick, Donahue, Darrell, Malik (2014), section 3.1; Zeiler, Fergus (2014), figure 2.
    """
    _check_pictures(images, net)
    side = images.shape[-1] if isinstance(images, Tensor) else 224
    receptive_field(net, layer, side)  # says what is wrong with the layer before any image is looked at
    found = top_units(net, images, layer, k, check_count(channel, "channel", 0), batch_size)
    return cut_patches(net, images, layer, *(values[0] for values in found))


def cut_patches(
    net: nn.Module,
    images: Tensor | Sequence,
    layer: str | nn.Module,
    scores: Tensor,
    which: Tensor,
    units: Tensor,
) -> Patches:
    """`Patches` of units that are known already: scores (k,), which image (k,), units (k, 2), as of `TopUnits`.

    `top_units` looks once for all channels; this cuts the patches of one: `cut_patches(net, images, layer, *row)`.
    """
    _check_pictures(images, net)
    check_tensor(which, "which", ("k",), "integer")
    check_tensor(scores, "scores", (len(which),))
    check_tensor(units, "units", (len(which), 2), "integer")
    numbers = [check_index(number, len(images), "which") for number in which.tolist()]
    pictures = check_images(torch.stack([_picture(images, number) for number in numbers]), net).detach()
    field = receptive_field(net, layer, image_size=pictures.shape[-1])
    boxes = field.boxes(units)
    return Patches(crop(pictures, boxes), boxes, scores, which, units)


def top_units(
    net: nn.Module,
    images: Tensor | Sequence,
    layer: str | nn.Module,
    k: int,
    channel: int | None = None,
    batch_size: int = 64,
) -> TopUnits:
    """The k strongest units of every channel (or of one), one of each image, in one pass: `TopUnits`.

    Only the best k so far are kept, so memory does not grow with the number of images, and the net runs only as far as
    the layer. Arguments and errors as for `top_patches`.
    """
    check_layer(net, layer)
    _check_pictures(images, net)
    k, batch_size = check_count(k, "k", 1, len(images)), check_count(batch_size, "batch_size")
    best, runs = None, None
    for first in progress(range(0, len(images), batch_size), f"looking for the strongest units of {layer}"):
        batch = _batch(images, first, min(first + batch_size, len(images)), net)
        maps, runs = _maps_up_to(net, layer, batch, runs)
        if channel is not None:
            chosen = check_index(channel, maps.shape[1], "channel")
            maps = maps[:, chosen : chosen + 1]
        best = _better(best, maps, first, k)
    scores, which, flat, columns = best
    units = torch.stack([flat // columns, flat % columns], -1)
    device = images.device if isinstance(images, Tensor) else torch.device("cpu")
    return TopUnits(scores.to(device), which.to(device), units.to(device))


def _better(best, maps, first, k):
    """The best k of each channel among those so far and the batch's: scores, images, flat places (channels, k)."""
    m, columns = len(maps), maps.shape[3]
    scores, places = maps.flatten(2).max(2)  # (m, channels): of equal ones the first place
    which = torch.arange(first, first + m, device=maps.device).expand(maps.shape[1], m)
    new = scores.T, which, places.T
    if best is not None:
        new = tuple(torch.cat(pair, 1) for pair in zip(best, new, strict=False))
    order = new[0].argsort(dim=1, descending=True, stable=True)  # stable: of equal ones the lower index
    return *(values.gather(1, order[:, :k]) for values in new), columns


def crop(images, boxes, fill=0.5):
    """The pixels (k, c, s, s) of one box (x0 y0 x1 y1, all of one size, px) in each image (k, c, h, w).

    Where a box reaches over the border: `fill`.
    """
    size = int(boxes[0, 3] - boxes[0, 1]), int(boxes[0, 2] - boxes[0, 0])
    patches = images.new_full((*images.shape[:2], *size), fill)
    h, w = images.shape[2:]
    for patch, image, (x0, y0, x1, y1) in zip(patches, images, boxes.tolist(), strict=True):
        left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, w), min(y1, h)
        if left < right and top < bottom:
            patch[:, top - y0 : bottom - y0, left - x0 : right - x0] = image[:, top:bottom, left:right]
    return patches


def _maps_up_to(net, layer, batch, runs):
    """The maps (m, channels, rows, columns) of a layer when its module ran for the last time, and how often it ran.

    runs: that number, after which the net need not go on; None for the first batch, for which it runs whole.
    """
    found, seen = None, 0

    def hook(module, inputs, output):
        nonlocal found, seen
        seen, found = seen + 1, output
        if seen == runs:
            raise Enough
        return output.clone() if isinstance(output, Tensor) else None  # a ReLU above may work in place

    with frozen(net) as net, torch.no_grad(), ExitStack() as stack:
        stack.callback(check_layer(net, layer).register_forward_hook(hook).remove)
        with suppress(Enough):
            outputs_of(net, batch)
    if tensor_of(found, layer).ndim != 4:
        raise ValueError(f"layer: {layer!r} gives {tuple(found.shape)}; expected maps (n, channels, h, w)")
    return found, seen


def _picture(images, index):
    """Image `index` (3, h, w) of a tensor or a sequence; of a pair the first."""
    item = images[index]
    return item[0] if isinstance(item, tuple | list) else item


def _check_pictures(images, net):
    """A tensor of images, or a sequence of pictures: of a list the first is looked at; files are when they are read."""
    if isinstance(images, Tensor) or not hasattr(images, "__getitem__") or not hasattr(images, "__len__"):
        check_images(images, net)
    elif isinstance(images, str | dict) or not len(images):
        raise ValueError(f"images: expected a tensor or a sequence of images (3, h, w), got {images!r}")
    elif isinstance(images, list | tuple | np.ndarray):
        _batch(images, 0, 1, net)


def _batch(images, first, end, net):
    """Images first to end - 1 as one tensor; those that come out of a sequence are checked here."""
    if isinstance(images, Tensor):
        return images[first:end]
    pictures = [_picture(images, index) for index in range(first, end)]
    for each in pictures:
        if not isinstance(each, Tensor) or each.shape != pictures[0].shape:
            sizes = isinstance(each, Tensor) and f"{each.shape} and {pictures[0].shape}"
            got = f"{sizes or type(each).__name__} (image {first} or a later one)"
            raise ValueError(f"images: expected tensors (3, h, w) of one size, got {got}")
    return check_images(torch.stack(pictures), net=net)


# --- units that one notebook has found, and the next one reads ---


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
