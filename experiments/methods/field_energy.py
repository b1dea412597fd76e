"""Which pixels does a unit really listen to? The gradient answers, and checks the arithmetic of receptive fields."""

import copy

import numpy as np
import torch
from torch import nn

from lecture_utils.checks import check_images, check_index, check_layer
from lecture_utils.hooks import activations, frozen, leaf_of


def field_energy(net, images, layer, row=None, column=None, channel=None):
    """How strongly each pixel moves one unit: its squared gradient, summed over colours, (n, h, w).

    net, images (n, 3, h, w), layer: as for `extract`. row, column: of the unit, the middle one unless given. channel:
    of each image the one that answers most strongly there, unless given.
    Outside the unit's receptive field it is exactly 0. Inside it may be 0 too: a ReLU that is off, or a pooling that
    takes another pixel's maximum, lets nothing through.
    Errors: KeyError for a layer; ValueError for images, a layer without places, or a unit outside its map.
    """
    check_layer(net, layer)
    check_images(images, net=net)
    with frozen(net) as net, activations(net, layer) as found:
        pixels = leaf_of(net, images)
        net(pixels)
        maps = found[layer]
        if maps.ndim != 4:
            raise ValueError(
                f"layer: {layer!r} gives {tuple(maps.shape)}; expected maps (n, channels, rows, columns)"
            )
        place = [maps.shape[2] // 2 if row is None else row, maps.shape[3] // 2 if column is None else column]
        if not all(0 <= at < size for at, size in zip(place, maps.shape[2:], strict=True)):
            raise ValueError(
                f"row, column: expected a unit of {tuple(maps.shape[2:])} places, got {tuple(place)}"
            )
        here = maps[:, :, place[0], place[1]]  # (n, channels)
        answers = here.amax(1) if channel is None else here[:, check_index(channel, here.shape[1], "channel")]
        (gradient,) = torch.autograd.grad(answers.sum(), pixels)
    return gradient.square().sum(1).to(images.device)


def averaging_copy(net):
    """A copy of a net that loses no pixel, to test a receptive field with: all it does is average.

    Every filter becomes the mean over its window and channels, biases 0, batch norms do nothing, and max pooling
    becomes average pooling. Show it a white image: no ReLU is ever off, so each pixel of a field has a gradient.
    """
    net = copy.deepcopy(net)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.fill_(1 / module.weight[0].numel())
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.zero_(), module.running_var.fill_(1)
                module.weight.fill_(1) if module.affine else None
            if getattr(module, "bias", None) is not None:
                module.bias.zero_()
            for name, child in module.named_children():
                if isinstance(child, nn.MaxPool2d):
                    pool = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode)
                    setattr(module, name, pool)
    return net


def smallest_box(energy, share=0.9):
    """The box of smallest area, x0 y0 x1 y1, that holds this share of an energy (h, w): four ints.

    Of several equally small ones, the first from the top, then from the left. Errors: ValueError.
    """
    values = np.asarray(energy.detach().cpu() if hasattr(energy, "detach") else energy, float)
    if values.ndim != 2 or not np.isfinite(values).all() or values.min() < 0 or values.sum() <= 0:
        raise ValueError(
            f"energy: expected (h, w), nowhere negative and not all zero, got shape {values.shape}"
        )
    if not 0 < share <= 1:
        raise ValueError(f"share: expected more than 0 and at most 1, got {share!r}")
    h, w = values.shape
    enough = share * values.sum() * (1 - 1e-12)
    below = np.zeros((h + 1, w + 1))
    below[1:, 1:] = values.cumsum(0).cumsum(1)  # below[y, x]: everything above and left of (y, x)
    best, found = h * w + 1, None
    for top in range(h):
        bands = below[top + 1 :] - below[top]  # (h - top, w + 1): sums of rows top..bottom up to each column
        for bottom, band in enumerate(bands, top + 1):
            if band[-1] < enough or (bottom - top) >= best:
                continue
            right = np.searchsorted(
                band, band[:-1] + enough
            )  # for each left edge the first right edge that will do
            width = np.where(right <= w, right - np.arange(w), w + 1)
            left = int(width.argmin())
            if (bottom - top) * width[left] < best:
                best, found = (bottom - top) * int(width[left]), (left, top, int(right[left]), bottom)
    return found
