"""Maps that know nothing of the net: the floors, and one that knows the answer: the ceiling."""

import torch
from torch.nn import functional as F

from ..checks import check_count, check_images
from .localise import _mask


def centre_map(images):
    """Heat (n, h, w) that falls from 1 in the middle to 0 in the corners: "point at the centre"."""
    check_images(images, channels="any")
    n, _, h, w = images.shape
    y, x = (torch.linspace(-1, 1, s, dtype=images.dtype, device=images.device) for s in (h, w))
    distance = (y[:, None].square() + x.square()).sqrt() / 2**0.5
    return (1 - distance).expand(n, h, w).clone()


def sobel_map(images):
    """Strength of the edges (n, h, w) of the grey images: what a map looks like that knows only edges.

    Source: Sobel, Feldman (1968): the two 3 x 3 kernels, and the length of the two answers.
    """
    check_images(images)
    grey = images.mean(1, keepdim=True)
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=grey.dtype, device=grey.device)
    kernels = torch.stack([across, across.T])[:, None]  # (2, 1, 3, 3)
    return F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), kernels).square().sum(1).sqrt()


def coarse_mask(masks, rows, columns):
    """The true masks (n, h, w) seen at a map's own size rows x columns and enlarged as maps are: the ceiling.

    Each cell holds the share of its pixels that lie in the mask. float32 (n, h, w) in [0, 1].
    """
    masks = _mask(masks, "masks").float()[:, None]
    rows, columns = check_count(rows, "rows"), check_count(columns, "columns")
    cells = F.adaptive_avg_pool2d(masks, (rows, columns))
    return F.interpolate(cells, masks.shape[2:], mode="bilinear", align_corners=False)[:, 0]
