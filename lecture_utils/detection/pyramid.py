"""A feature pyramid: fine maps learn what coarse ones know."""

from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_count, check_tensor


class FPN(nn.Module):
    """Maps of several sizes, each with its own number of channels, become maps of the same sizes with `width` channels.

    channels: of each map, the finest first. Forward: a list of maps (n, c, h, w), the finest first, to a list as long.
    Each map passes a 1 x 1 convolution (lateral), the coarser result is enlarged to its size and added (top-down), and
    a 3 x 3 convolution ends it. Errors: ValueError. Source: Lin et al. (2017), Feature Pyramid Networks, section 3.
    """

    def __init__(self, channels: list[int], width: int = 256):
        super().__init__()
        if not isinstance(channels, tuple | list) or not channels:
            raise ValueError(f"channels: expected a number for each map in a list, got {channels!r}")
        channels = [check_count(c, "channels") for c in channels]
        self.laterals = nn.ModuleList(nn.Conv2d(c, check_count(width, "width"), 1) for c in channels)
        self.outputs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        if len(maps) != len(self.laterals):
            raise ValueError(f"maps: expected {len(self.laterals)} of them, got {len(maps)}")
        for each, lateral in zip(maps, self.laterals, strict=True):
            check_tensor(each, "maps", ("n", lateral.in_channels, "h", "w"))
        merged = [lateral(each) for lateral, each in zip(self.laterals, maps, strict=True)]
        for level in range(len(merged) - 2, -1, -1):  # from coarse to fine
            coarse = F.interpolate(merged[level + 1], merged[level].shape[2:], mode="nearest")
            merged[level] = merged[level] + coarse
        return [output(each) for output, each in zip(self.outputs, merged, strict=True)]
