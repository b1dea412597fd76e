"""Does the answer move with the image? Equivariance under small shifts, and what a stride loses."""

import torch

from lecture_utils.checks import check_count, check_images
from lecture_utils.features import extract


def shift(maps, right):
    """Maps (n, c, h, w) moved `right` px, a fraction too (Lanczos interpolation); the border is repeated."""
    columns = torch.arange(maps.shape[-1], dtype=maps.dtype, device=maps.device)
    source = (columns - right).clamp(0, len(columns) - 1)  # where each column comes from
    taps = torch.arange(-2, 4, device=maps.device)
    places = source.floor()[:, None] + taps  # (w, 6)
    kernel = torch.sinc(source[:, None] - places) * torch.sinc((source[:, None] - places) / 3)
    places = places.clamp(0, len(columns) - 1).long()
    return (maps[..., places] * kernel / kernel.sum(1, keepdim=True)).sum(-1)


def equivariance_loss(net, images, layer, stride, shifts=None, margin=24):
    """How far a layer fails to move with the image, for each shift in px to the right: (len(shifts),).

    The image moves by s px, so the map should move by s / stride units. Loss = mean squared difference
    between the map of the moved image and the moved map, over the same difference between maps of *different*
    images: 0 means that the map moved perfectly, 1 that it changed as much as for another image. Units
    within `margin` px of the border are left out: what enters the image there is no part of the question.
    net, layer: as for `extract`. images: (n, 3, h, w), n >= 2. stride: px of the image for one unit of that
    layer. shifts: whole px; None = 0 .. stride.
    Errors: ValueError, KeyError.
    Differs: Lanczos interpolation of the map stands for the ideal shift, so between whole units the loss also
    holds what any coarse sampling loses (aliasing), which is the point.
    """
    check_images(images, net=net)
    if len(images) < 2:
        raise ValueError("images: expected at least 2, to compare different ones, got 1")
    stride, margin = check_count(stride, "stride"), check_count(margin, "margin", 0)
    units = -(-margin // stride)
    inside = (..., slice(units, -units or None), slice(units, -units or None))
    before = extract(net, images, layer)
    if min(before.shape[-2:]) <= 2 * units:
        raise ValueError(f"margin: {margin} px leave nothing of a map of {tuple(before.shape[-2:])} units")
    different = (before - before.roll(1, 0))[inside].square().mean()
    losses = []
    for s in range(stride + 1) if shifts is None else shifts:
        moved = torch.cat([images[..., :1].expand(*images.shape[:-1], s), images[..., : -s or None]], -1)
        after = extract(net, moved, layer)
        losses.append((after - shift(before, s / stride))[inside].square().mean() / different)
    return torch.stack(losses)
