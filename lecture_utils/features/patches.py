"""What makes a unit answer most: the patches of the images that maximally activate a channel."""

from contextlib import suppress
from typing import NamedTuple

import torch

from ..checks import check_images, check_layer
from ..hooks import copy_to, frozen
from ..progress import progress
from .receptive_field import receptive_field


class TopUnits(NamedTuple):
    """The strongest units of each channel, the strongest first, one of each image.

    scores (channels, k). images (channels, k): which image. units (channels, k, 2): row and column in the map.
    """

    scores: torch.Tensor
    images: torch.Tensor
    units: torch.Tensor


class Patches(NamedTuple):
    """The k patches that a channel answers most strongly, the strongest first.

    patches (k, 3, s, s): exactly the pixels that the unit sees, .5 where its field reaches over the border.
    boxes (k, 4): x0 y0 x1 y1 in px, not clipped. scores (k,). images (k,): which image. units (k, 2): row, column.
    """

    patches: torch.Tensor
    boxes: torch.Tensor
    scores: torch.Tensor
    images: torch.Tensor
    units: torch.Tensor


def top_patches(net, images, layer, channel, k, batch_size=64):
    """The k patches that a channel of a layer answers most strongly, one of each image: `Patches`.

    One of each image, so that nine patches are nine images and not one face nine times. Equally strong ones come in
    the order of their index; in one image the unit counts that stands first, row by row.
    net, layer: as for `receptive_field`. images: float (n, 3, h, w) in [0, 1], or any sequence of images (3, h, w) of
    one size, or of pairs (image, anything), as torchvision's ImageFolder is: then one batch at a time is in memory.
    A score of 0 after a ReLU means that the channel was silent: such a patch shows nothing.
    Errors: KeyError for a layer; ValueError for images, for a channel that is not there, for k > n, and for layers
    whose units see the whole image: there the strongest *images* are the answer.
    Source: Girshick, Donahue, Darrell, Malik (2014), section 3.1; Zeiler, Fergus (2014), figure 2.
    """
    receptive_field(net, layer)  # says what is wrong with the layer before any image is looked at
    if isinstance(channel, bool) or not isinstance(channel, int):
        raise ValueError(f"channel: expected a whole number, got {channel!r}")
    found = top_units(net, images, layer, k, channel, batch_size)
    return cut_patches(net, images, layer, *(values[0] for values in found))


def cut_patches(net, images, layer, scores, which, units):
    """`Patches` of units that are known already: scores (k,), which image (k,), units (k, 2), as of `TopUnits`.

    `top_units` looks once for all channels; this cuts the patches of one: `cut_patches(net, images, layer, *row)`.
    """
    pictures = torch.stack([_picture(images, index) for index in which.tolist()])
    field = receptive_field(net, layer, image_size=pictures.shape[-1])
    boxes = field.boxes(units)
    return Patches(crop(pictures, boxes), boxes, scores, which, units)


def top_units(net, images, layer, k, channel=None, batch_size=64):
    """The k strongest units of every channel (or of one), one of each image, in one pass: `TopUnits`.

    Only the best k so far are kept, so memory does not grow with the number of images, and the net runs only as far as
    the layer. Arguments and errors as for `top_patches`.
    """
    check_layer(net, layer)
    if isinstance(images, torch.Tensor) or not hasattr(images, "__len__"):
        check_images(images, net=net)
    count = len(images)
    for name, value, high in (("k", k, count), ("batch_size", batch_size, float("inf"))):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= high:
            limit = f" to {count}, the number of images" if name == "k" else ""
            raise ValueError(f"{name}: expected a whole number from 1{limit}, got {value!r}")
    lower, best = _UpTo(net, layer), None
    for first in progress(range(0, count, batch_size), f"looking for the strongest units of {layer}"):
        batch = _batch(images, first, min(first + batch_size, count), net)
        maps = lower.maps(batch)
        if channel is not None:
            if not 0 <= channel < maps.shape[1]:
                raise ValueError(f"channel: {layer!r} has channels 0 .. {maps.shape[1] - 1}, got {channel}")
            maps = maps[:, channel : channel + 1]
        best = _better(best, maps, first, k)
    scores, which, flat, columns = best
    units = torch.stack([flat // columns, flat % columns], -1)
    device = images.device if isinstance(images, torch.Tensor) else torch.device("cpu")
    return TopUnits(scores.to(device), which.to(device), units.to(device))


def _better(best, maps, first, k):
    """The best k of each channel among those so far and the batch's: scores, images, flat places (channels, k)."""
    m, columns = len(maps), maps.shape[3]
    scores, places = maps.flatten(2).max(2)  # (m, channels): of equal ones the first place
    which = torch.arange(first, first + m, device=maps.device).expand(maps.shape[1], m)
    new = scores.T, which, places.T
    if best is not None:
        new = tuple(torch.cat(pair, 1) for pair in zip(best, new, strict=False))
    order = new[0].argsort(dim=1, descending=True, stable=True)[
        :, :k
    ]  # stable: of equal ones the lower index
    return *(values.gather(1, order) for values in new), columns


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


# --- the net, run only as far as the layer ---


class _Enough(Exception):
    """Raised by a hook when the layer has answered: the layers above need not run."""


class _UpTo:
    """A net, run only as far as a layer. In its first pass it runs whole, to see how often the layer's module runs."""

    def __init__(self, net, layer):
        self.net, self.layer, self.times = net, layer, None

    def maps(self, batch):
        """The maps (m, channels, rows, columns) of the layer, when its module ran for the last time."""
        found, seen = None, 0

        def hook(module, inputs, output):
            nonlocal found, seen
            seen, found = seen + 1, output
            if seen == self.times:
                raise _Enough
            return (
                output.clone() if isinstance(output, torch.Tensor) else None
            )  # a ReLU above may work in place

        handle = check_layer(self.net, self.layer).register_forward_hook(hook)
        try:
            with frozen(self.net) as net, torch.no_grad(), suppress(_Enough):
                net(copy_to(net, batch))
        finally:
            handle.remove()
        if not isinstance(found, torch.Tensor) or found.ndim != 4:
            what = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise ValueError(
                f"layer: {self.layer!r} gives {what}; expected maps (n, channels, rows, columns)"
            )
        self.times = seen
        return found


def _picture(images, index):
    """Image `index` (3, h, w) of a tensor or a sequence; of a pair the first."""
    item = images[index]
    return item[0] if isinstance(item, (tuple, list)) else item


def _batch(images, first, end, net):
    """Images first to end - 1 as one tensor; those that come out of a sequence are checked here."""
    if isinstance(images, torch.Tensor):
        return images[first:end]
    pictures = [_picture(images, index) for index in range(first, end)]
    odd = next((p for p in pictures if not isinstance(p, torch.Tensor) or p.shape != pictures[0].shape), None)
    if odd is not None:
        what = (
            f"{tuple(odd.shape)} and {tuple(pictures[0].shape)}"
            if isinstance(odd, torch.Tensor)
            else type(odd).__name__
        )
        raise ValueError(
            f"images: expected tensors (3, h, w) of one size, got {what} (image {first} or a later one)"
        )
    return check_images(torch.stack(pictures), net=net)
