"""Network dissection: which named part of an object does each channel detect, though nobody asked for it?

A channel is turned into a yes-or-no mask: yes at its strongest places, a fixed small share of all. The mask is compared
with the true masks of the parts.
"""

from contextlib import contextmanager
from typing import NamedTuple

import torch

from ..checks import check_layer

SHARE = 0.005  # of all places at which a channel says yes
PASS = 0.04  # overlap from which on a channel counts as a part's detector
PAIRS = 2048  # maps that are enlarged at once


class Dissection(NamedTuple):
    """How the channels' masks and the parts' masks overlap, counted in pixels over all images.

    thresholds (channels,): above it a channel says yes. share: of the places where it did, when the threshold was set.
    both (channels, parts), fired (channels,), area (parts,): pixels. pixels: of all images together.
    """

    thresholds: torch.Tensor
    share: float
    both: torch.Tensor
    fired: torch.Tensor
    area: torch.Tensor
    pixels: int

    @property
    def iou(self):
        """Intersection over union of each channel and part, (channels, parts), 0 where both are empty."""
        union = self.fired[:, None] + self.area - self.both
        return self.both.double() / union.clamp_min(1)

    @property
    def best_possible(self):
        """The largest overlap that a channel can reach with each part, (parts,), were it ever so good.

        It says yes at a share q of all pixels; a part covers a share a. So IoU <= min(a, q) / max(a, q).
        """
        area = self.area.double() / self.pixels
        return area.clamp_max(self.share) / area.clamp_min(self.share)


class Detectors(NamedTuple):
    """The best channel of each part, chosen on one half of the images and judged on the other; all (parts,).

    channels; iou; best_possible. tuned, judged: the `Dissection` of each half.
    """

    channels: torch.Tensor
    iou: torch.Tensor
    best_possible: torch.Tensor
    tuned: Dissection
    judged: Dissection

    def passing(self, minimum=PASS, possible=0.1):
        """bool (parts,): has the part a detector? Parts that hardly can have one are not counted: False."""
        return (self.iou > minimum) & (self.best_possible >= possible)


def detectors(maps, field, parts, count, tune, share=SHARE, step=1):
    """The best channel of each part: thresholds and choice from the images `tune`, overlap from the others.

    tune: bool (n,). The rest as for `dissect`. Returns `Detectors`. Errors: ValueError.
    """
    _check(maps, parts, count, step)
    tune = torch.as_tensor(tune)
    if tune.dtype != torch.bool or tune.shape != maps.shape[:1] or tune.all() or not tune.any():
        raise ValueError(
            f"tune: expected bool ({len(maps)},) with both values, got {tune.dtype} {tuple(tune.shape)}"
        )
    tuned = _dissect(maps[tune], field, parts[tune], count, share, None, step)
    judged = _dissect(maps[~tune], field, parts[~tune], count, share, tuned.thresholds, step)
    channels = tuned.iou.argmax(0)  # (parts,)
    return Detectors(channels, judged.iou[channels, torch.arange(count)], judged.best_possible, tuned, judged)


def dissect(maps, field, parts, count, share=SHARE, thresholds=None, step=1):
    """Compare every channel's mask with every part's mask: a `Dissection`.

    maps: (n, channels, rows, columns) of a layer, field: its `Field`. A map is enlarged by linear interpolation between
    the middles of its units' fields, so that each value lies where the unit looks.
    parts: integers (n, h, w), 0 for nothing and v for part v - 1 of `count` in all.
    thresholds: (channels,); None takes those above which lies a `share` of each channel's places. A channel that is 0
    in more places than that says yes wherever it is above 0.
    step: judge every step-th pixel of every step-th row only, step² times as fast.
    Errors: ValueError.
    Source: Bau, Zhou, Khosla, Oliva, Torralba (2017), "Network dissection", equation 1, with their 0.5% and 4%.
    """
    _check(maps, parts, count, step)
    return _dissect(maps, field, parts, count, share, thresholds, step)


def _dissect(maps, field, parts, count, share, thresholds, step):
    """`dissect`, of what has been checked."""
    thresholds = top_thresholds(maps, share) if thresholds is None else thresholds
    truth = parts[:, step // 2 :: step, step // 2 :: step].flatten(1).long()  # (n, pixels)
    both = torch.zeros(maps.shape[1] * (count + 1), dtype=torch.long, device=maps.device)
    # Most maps say no everywhere, and those need no enlarging: between its units a map is nowhere above all of them.
    loud = (maps.amax((2, 3)) > thresholds).nonzero()
    for image, channel in (pairs.T for pairs in loud.split(PAIRS)):
        large = placed(maps[image, channel][:, None], field, parts.shape[1:], step).squeeze(1)
        yes = large > thresholds[channel, None, None]
        pair, pixel = yes.flatten(1).nonzero().T
        hits = channel[pair] * (count + 1) + truth[image[pair], pixel]
        both += torch.bincount(hits, minlength=len(both))
    both = both.view(maps.shape[1], count + 1)  # the first column: yes, where no part is
    area = torch.bincount(truth.flatten(), minlength=count + 1)
    return Dissection(thresholds, share, both[:, 1:], both.sum(1), area[1:], truth.numel())


def top_thresholds(maps, share=SHARE):
    """For each channel the value (channels,) above which lies a `share` of its places over all images, or fewer."""
    if not 0 < share < 1:
        raise ValueError(f"share: expected more than 0 and less than 1, got {share!r}")
    places = maps.transpose(0, 1).flatten(1)  # (channels, n * rows * columns)
    return places.topk(int(share * places.shape[1]) + 1).values[:, -1]


def placed(maps, field, size, step=1):
    """Maps (n, c, rows, columns) enlarged to every step-th pixel of images of `size` (h, w).

    Each value lies where its unit looks: linear between the middles of the units' fields; beyond the outermost ones
    their value goes on.
    """
    down, across = (
        _weights(field, count, length, step).to(maps)
        for count, length in zip(maps.shape[2:], size, strict=True)
    )
    return down @ maps @ across.T


def _weights(field, count, length, step):
    """(pixels, count): how much of each unit's value each pixel gets."""
    pixels = torch.arange(step // 2, length, step) + 0.5  # the middles of the pixels
    at = ((pixels - field.centres(count)[0]) / field.stride).clamp(0, count - 1)
    return (1 - (at[:, None] - torch.arange(count)).abs()).clamp_min(0)


def coarse(masks, field, shape):
    """Masks (n, h, w) as maps (n, *shape): what a detector would say that knows them, as coarse as its layer.

    Each unit gets the share of the mask in a square of `stride` px around the middle of its field: the ceiling of what
    a map of this resolution can tell.
    """

    def share(count, length):
        pixels = torch.arange(length)
        low = (field.centres(count) - field.stride / 2)[:, None]
        return ((pixels + 1).minimum(low + field.stride) - pixels.maximum(low)).clamp_min(0) / field.stride

    down, across = (share(count, length) for count, length in zip(shape, masks.shape[1:], strict=True))
    return down.to(masks.device) @ masks.float() @ across.T.to(masks.device)


def average_precision(maps, field, parts, count, channels, step=4):
    """How well each part's channel, without any threshold, ranks the part's pixels before all others: (parts,).

    channels: LongTensor (parts,), one for each part. maps, field, parts, count, step: as for `dissect`. A blind ranking
    reaches the part's share of all pixels, its prevalence. NaN for a part without a pixel.
    Equal values count as one step, as in scikit-learn.
    """
    _check(maps, parts, count, step)
    truth = parts[:, step // 2 :: step, step // 2 :: step].flatten().long()
    found = torch.full((count,), torch.nan, dtype=torch.double)
    for channel in channels.unique().tolist():
        values = placed(maps[:, channel : channel + 1], field, parts.shape[1:], step).flatten()
        low = values.min()  # behind a ReLU most are 0: no need to sort these
        ordered = values[values > low].sort().values
        for part in torch.where(channels == channel)[0].tolist():
            own = values[truth == part + 1].sort().values
            if len(own):
                hits = len(own) - torch.searchsorted(own, own)  # of the part, as strong or more
                everywhere = len(ordered) - torch.searchsorted(ordered, own)
                all_of_them = torch.where(own > low, everywhere, len(values))
                found[part] = (hits.double() / all_of_them).mean()
    return found


def rotated(maps, seed=0):
    """The channels of maps (n, c, rows, columns) mixed by a random rotation of all c axes: the same space, other axes.

    If the axes mean nothing, the mixtures detect as many parts as the channels.
    Source: Bau, Zhou, Khosla, Oliva, Torralba (2017), section 3.2.
    Differs: they turn what is after the ReLU. Turning destroys its zeros by itself, so better turn what is before, and
    apply the ReLU again: `rotated(before).relu()`.
    """
    draws = torch.Generator().manual_seed(seed)
    turn, signs = torch.linalg.qr(
        torch.randn(maps.shape[1], maps.shape[1], generator=draws, dtype=torch.double)
    )
    turn = (turn * signs.diagonal().sign()).to(maps)  # so that every rotation is as likely as every other
    return torch.einsum("dc,ncij->ndij", turn, maps)


@contextmanager
def silenced(net, layer, channels):
    """Inside, these channels of a layer are zero, whatever the net looks at.

    channels: indices, or bool (channels,). Errors: KeyError (with near misses) for a layer; ValueError for channels,
    in the pass for one that the layer does not have.
    """
    chosen = torch.as_tensor(channels) if isinstance(channels, torch.Tensor | list | tuple) else None
    mask = chosen is not None and chosen.dtype == torch.bool
    below = chosen is not None and chosen.numel() and not mask and chosen.min() < 0
    if chosen is None or chosen.ndim > 1 or chosen.is_floating_point() or below:
        raise ValueError(f"channels: expected whole numbers from 0, or bool (channels,), got {channels!r}")
    index = chosen.nonzero()[:, 0] if mask else chosen.long()

    def hook(module, inputs, output):
        count = output.shape[1]
        if (mask and len(chosen) != count) or (index.numel() and index.max() >= count):
            raise ValueError(f"channels: expected some of the {count} of {layer!r}, got {channels!r}")
        output = output.clone()
        output[:, index.to(output.device)] = 0
        return output

    handle = check_layer(net, layer).register_forward_hook(hook)
    try:
        yield net
    finally:
        handle.remove()


def _check(maps, parts, count, step):
    if not isinstance(maps, torch.Tensor) or maps.ndim != 4 or not maps.is_floating_point():
        what = tuple(maps.shape) if isinstance(maps, torch.Tensor) else type(maps).__name__
        raise ValueError(f"maps: expected a floating tensor (n, channels, rows, columns), got {what}")
    if not torch.isfinite(torch.stack(maps.aminmax())).all():  # both are NaN where one value is
        raise ValueError("maps: expected finite values, got NaN or infinity")
    if (
        not isinstance(parts, torch.Tensor)
        or parts.ndim != 3
        or len(parts) != len(maps)
        or parts.is_floating_point()
    ):
        what = (
            f"{parts.dtype} {tuple(parts.shape)}" if isinstance(parts, torch.Tensor) else type(parts).__name__
        )
        raise ValueError(f"parts: expected integers ({len(maps)}, h, w), one mask for each map, got {what}")
    low, high = int(parts.min()), int(parts.max())
    if low < 0 or high > count:
        raise ValueError(f"parts: expected values 0 .. {count}, the number of parts, got {low} .. {high}")
    if isinstance(step, bool) or not isinstance(step, int) or step < 1:
        raise ValueError(f"step: expected a whole number from 1, got {step!r}")
