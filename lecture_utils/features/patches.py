"""What makes a unit answer most: the patches of the images that maximally activate a channel."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..checks import check_count, check_images, check_index, check_layer, check_tensor
from ..hooks import copy_to, frozen, reading
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
    net: nn.Module, images: Tensor, layer: str | nn.Module, channel: int, k: int, batch_size: int = 64
) -> Patches:
    """The k patches that a channel of a layer answers most strongly, one of each image: `Patches`.

    One of each image, so that nine patches are nine images and not one face nine times. Equally strong ones come in
    the order of their index; in one image the unit counts that stands first, row by row.
    net, layer: as for `receptive_field`. images: float (n, 3, h, w) in [0, 1].
    A score of 0 after a ReLU means that the channel was inactive: such a patch shows nothing.
    Errors: KeyError for a layer; ValueError for images, for a channel that is not there, for k > n, and for layers
    whose units see the whole image: there the strongest *images* are the answer.
    Source: Girshick, Donahue, Darrell, Malik (2014), section 3.1; Zeiler, Fergus (2014), figure 2.
    """
    check_images(images, net)
    receptive_field(net, layer, images.shape[-1])  # refuses a wrong layer before any image is looked at
    found = top_units(net, images, layer, k, check_count(channel, "channel", 0), batch_size)
    return cut_patches(net, images, layer, *(values[0] for values in found))


def cut_patches(
    net: nn.Module, images: Tensor, layer: str | nn.Module, scores: Tensor, which: Tensor, units: Tensor
) -> Patches:
    """`Patches` of units that are known already: scores (k,), which image (k,), units (k, 2), as of `TopUnits`.

    `top_units` looks once for all channels; this cuts the patches of one: `cut_patches(net, images, layer, *row)`.
    """
    check_images(images, net)
    check_tensor(which, "which", ("k",), "integer")
    check_tensor(scores, "scores", (len(which),))
    check_tensor(units, "units", (len(which), 2), "integer")
    for number in which.tolist():
        check_index(number, len(images), "which")
    pictures = images[which].detach()
    boxes = receptive_field(net, layer, image_size=images.shape[-1]).boxes(units)
    return Patches(crop(pictures, boxes), boxes, scores, which, units)


def top_units(
    net: nn.Module,
    images: Tensor,
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
    check_images(images, net)
    k, batch_size = check_count(k, "k", 1, len(images)), check_count(batch_size, "batch_size")
    best, starts = None, range(0, len(images), batch_size)
    with frozen(net) as net, torch.no_grad(), reading(net, [layer]) as read:
        for first in progress(starts, f"looking for the strongest units of {layer}"):
            maps = read(copy_to(net, images[first : first + batch_size]))[layer]
            if maps.ndim != 4:
                raise ValueError(
                    f"layer: {layer!r} gives {tuple(maps.shape)}; expected maps (n, channels, h, w)"
                )
            if channel is not None:
                chosen = check_index(channel, maps.shape[1], "channel")
                maps = maps[:, chosen : chosen + 1]
            best = _better(best, maps, first, k)
    scores, which, flat, columns = best
    units = torch.stack([flat // columns, flat % columns], -1)
    return TopUnits(*(values.to(images.device) for values in (scores, which, units)))


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
