"""What to call a channel: the concept that its yes overlaps best, a part or a whole object."""

from typing import NamedTuple

import torch

from .dissection import PASS


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
