"""Around network dissection: each part's best channel, names for channels, what they are held against, ablation."""

from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.checks import check_layer, check_tensor
from lecture_utils.features import Field, placed
from lecture_utils.features.extract import SHARE

from .dissection import Dissection, check_dissection, dissect

PASS = 0.04  # overlap from which on a channel counts as a part's detector (Bau et al. 2017)


class Detectors(NamedTuple):
    """The best channel of each part, chosen on one half of the images and judged on the other; all (parts,).

    channels; iou; best_possible. tuned, judged: the `Dissection` of each half.
    """

    channels: Tensor
    iou: Tensor
    best_possible: Tensor
    tuned: Dissection
    judged: Dissection

    def passing(self, minimum: float = PASS, possible: float = 0.1) -> Tensor:
        """bool (parts,): has the part a detector? Parts that hardly can have one are not counted: False."""
        return (self.iou > minimum) & (self.best_possible >= possible)


def detectors(
    maps: Tensor, field: Field, parts: Tensor, count: int, tune: Tensor, share: float = SHARE, step: int = 1
) -> Detectors:
    """The best channel of each part: thresholds and choice from the images `tune`, overlap from the others.

    tune: bool (n,), with both values. The rest as for `dissect`. Errors: ValueError.
    """
    check_dissection(maps, field, parts, count, step)
    check_tensor(tune, "tune", (len(maps),), "bool")
    if tune.all() or not tune.any():
        raise ValueError(f"tune: expected bool ({len(maps)},) with both values, got one value only")
    tuned = dissect(maps[tune], field, parts[tune], count, share, None, step)
    judged = dissect(maps[~tune], field, parts[~tune], count, share, tuned.thresholds, step)
    channels = tuned.iou.argmax(0)  # (parts,)
    return Detectors(channels, judged.iou[channels, torch.arange(count)], judged.best_possible, tuned, judged)


class Names(NamedTuple):
    """Of each channel the concept that it overlaps best; all (channels,).

    concepts: index, first the parts, then the groups. iou: on the images that did not choose it. named: bool, the
    overlap is large enough for a name.
    """

    concepts: torch.Tensor
    iou: torch.Tensor
    named: torch.Tensor


def name_channels(found, groups=None, minimum=PASS, possible=0.1):
    """Call each channel by the concept that it overlaps best: chosen on one half of the images, judged on the other.

    found: a `Detectors`. groups: bool (groups, parts), further concepts, each the union of some parts, such as all
    parts of an object. minimum: the overlap from which on a channel has a name. possible: concepts whose best possible
    overlap lies below are no candidates.
    Returns `Names`. Errors: ValueError.
    Source: Bau, Zhou, Khosla, Oliva, Torralba (2017), section 2.3. `detectors` asks the other way round: is there a
    channel for this part?
    Differs: chosen and judged on different images.
    """
    count = found.tuned.both.shape[1]
    groups = torch.zeros(0, count, dtype=torch.bool) if groups is None else torch.as_tensor(groups)
    if groups.ndim != 2 or groups.shape[1] != count or groups.dtype != torch.bool:
        raise ValueError(f"groups: expected bool (groups, {count}), got {groups.dtype} {tuple(groups.shape)}")
    tuned, judged = (_with_groups(half, groups.long()) for half in (found.tuned, found.judged))
    candidates = judged.best_possible >= possible
    if not candidates.any():
        raise ValueError(f"possible: no concept can reach an overlap of {possible}")
    concepts = tuned.iou.masked_fill(~candidates, -1).argmax(1)
    iou = judged.iou[torch.arange(len(concepts)), concepts]
    return Names(concepts, iou, iou > minimum)


def _with_groups(half, groups):
    """A `Dissection` with the groups as further concepts: no two parts share a pixel, so pixels add up."""
    both, area = half.both @ groups.T, half.area @ groups.T
    return half._replace(both=torch.cat([half.both, both], 1), area=torch.cat([half.area, area]))


def average_precision(maps, field, parts, count, channels, step=4):
    """How well each part's channel, without any threshold, ranks the part's pixels before all others: (parts,).

    channels: LongTensor (parts,), one for each part. maps, field, parts, count, step: as for `dissect`. A blind ranking
    reaches the part's share of all pixels, its prevalence. NaN for a part without a pixel.
    Equal values count as one step, as in scikit-learn.
    """
    check_dissection(maps, field, parts, count, step)
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
def silenced(net: nn.Module, layer: str | nn.Module, channels: Tensor | list | tuple):
    """Inside, these channels of a layer are zero, whatever the net looks at.

    channels: indices, or bool (channels,). Errors: KeyError (with near misses) for a layer; ValueError for channels,
    in the pass for one that the layer does not have.
    """
    module = check_layer(net, layer)
    chosen = _indices(channels)
    mask = chosen.dtype == torch.bool
    index = chosen.nonzero()[:, 0] if mask else chosen.long()

    def hook(module, inputs, output):
        count = output.shape[1]
        if (mask and len(chosen) != count) or (index.numel() and index.max() >= count):
            raise ValueError(f"channels: expected some of the {count} of {layer!r}, got {channels!r}")
        output = output.clone()
        output[:, index.to(output.device)] = 0
        return output

    handle = module.register_forward_hook(hook)
    try:
        yield net
    finally:
        handle.remove()


def _indices(channels):
    """Channels as a tensor of whole numbers from 0 or of bool, one number or a row. Errors: ValueError."""
    try:
        found = torch.as_tensor(channels) if isinstance(channels, Tensor | list | tuple) else None
    except (TypeError, ValueError):  # a list of something else
        found = None
    if found is not None and found.numel() == 0:
        return found.long()  # none of them
    if found is None or found.ndim > 1 or found.is_floating_point() or found.min() < 0:
        raise ValueError(f"channels: expected whole numbers from 0, or bool (channels,), got {channels!r}")
    return found
