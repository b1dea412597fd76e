"""Network dissection: which named part of an object does each channel detect, though nobody asked for it?

A channel is turned into a yes-or-no mask: yes at its strongest places, a fixed small share of all. The mask is compared
with the true masks of the parts.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.checks import check_count, check_tensor
from lecture_utils.features import Field, placed, top_thresholds
from lecture_utils.features.extract import SHARE
from lecture_utils.features.receptive_field import check_field

PAIRS = 2048  # maps that are enlarged at once


class Dissection(NamedTuple):
    """How the channels' masks and the parts' masks overlap, counted in pixels over all images.

    thresholds (channels,): above it a channel says yes. share: of the places where it did, when the threshold was set.
    both (channels, parts), fired (channels,), area (parts,): pixels. pixels: of all images together.
    """

    thresholds: Tensor
    share: float
    both: Tensor
    fired: Tensor
    area: Tensor
    pixels: int

    @property
    def iou(self) -> Tensor:
        """Intersection over union of each channel and part, (channels, parts), 0 where both are empty."""
        union = self.fired[:, None] + self.area - self.both
        return self.both.double() / union.clamp_min(1)

    @property
    def best_possible(self) -> Tensor:
        """The largest overlap that a channel can reach with each part, (parts,), were it ever so good.

        It says yes at a share q of all pixels; a part covers a share a. So IoU <= min(a, q) / max(a, q).
        """
        area = self.area.double() / self.pixels
        return area.clamp_max(self.share) / area.clamp_min(self.share)


def dissect(
    maps: Tensor,
    field: Field,
    parts: Tensor,
    count: int,
    share: float = SHARE,
    thresholds: Tensor | None = None,
    step: int = 1,
) -> Dissection:
    """Compare every channel's mask with every part's mask: a `Dissection`.

    maps: (n, channels, rows, columns) of a layer, field: its `Field`. A map is enlarged by linear interpolation between
    the middles of its units' fields, so that each value lies where the unit looks.
    parts: integers (n, h, w), 0 for nothing and v for part v - 1 of `count` in all.
    thresholds: (channels,); None takes those above which lies a `share` of each channel's places. A channel that is 0
    in more places than that says yes wherever it is above 0.
    step: judge every step-th pixel of every step-th row only, step² times as fast.
    Errors: ValueError.
    Source: Bau, Zhou, Khosla, Oliva, Torralba (2017), "Network dissection", equation 1, with their 0.5%.
    """
    check_dissection(maps, field, parts, count, step)
    wanted = top_thresholds(maps, share)
    thresholds = wanted if thresholds is None else check_tensor(thresholds, "thresholds", wanted.shape)
    truth = parts[:, step // 2 :: step, step // 2 :: step].flatten(1).long()  # (n, pixels)
    both = torch.zeros(maps.shape[1] * (count + 1), dtype=torch.long, device=maps.device)
    # Most maps say no everywhere, and those need no enlarging: between its units a map is nowhere above all of them.
    loud = (maps.amax((2, 3)) > thresholds).nonzero()
    for image, channel in (pairs.T for pairs in loud.split(PAIRS) if len(pairs)):
        large = placed(maps[image, channel][:, None], field, parts.shape[1:], step).squeeze(1)
        yes = large > thresholds[channel, None, None]
        pair, pixel = yes.flatten(1).nonzero().T
        hits = channel[pair] * (count + 1) + truth[image[pair], pixel]
        both += torch.bincount(hits, minlength=len(both))
    both = both.view(maps.shape[1], count + 1)  # the first column: yes, where no part is
    area = torch.bincount(truth.flatten(), minlength=count + 1)
    return Dissection(thresholds, share, both[:, 1:], both.sum(1), area[1:], truth.numel())


def check_dissection(maps: Tensor, field: Field, parts: Tensor, count: int, step: int) -> None:
    """Maps with their field, and the masks of `count` parts, one for each map. Errors: ValueError."""
    check_tensor(maps, "maps", ("n", "channels", "rows", "columns"))
    check_field(field)
    check_tensor(parts, "parts", (len(maps), "h", "w"), "integer")
    check_count(count, "count")
    if parts.min() < 0 or parts.max() > count:
        low, high = int(parts.min()), int(parts.max())
        raise ValueError(f"parts: expected values 0 .. {count}, the number of parts, got {low} .. {high}")
    check_count(step, "step", 1, min(parts.shape[1:]))
