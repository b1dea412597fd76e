"""HOG: what detectors saw before they learned their features."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_count, check_images


def hog(images: Tensor, orientations: int = 9, cell: int = 8, block: int = 2) -> Tensor:
    """Histograms of oriented gradients: (n, rows, columns, block, block, orientations), each block of norm <= 1.

    images: (n, c, h, w) in [0, 1], at least one block large. Each pixel votes for the direction of its gradient, in
    [0, 180) degrees, with the gradient's length; of the channels the one of the longest gradient counts. Votes are
    averaged over cells of cell x cell px. Blocks of block x block cells, one cell apart, are divided by their norm
    (L2-Hys). rows = h // cell - block + 1. Errors: ValueError.
    Source: Dalal, Triggs (2005), section 6. Differs: a pixel votes for one bin and one cell, without interpolation
    between them and without a Gaussian window, as scikit-image does it.
    """
    check_images(images, channels="any")
    check_count(orientations, "orientations"), check_count(cell, "cell"), check_count(block, "block")
    if min(images.shape[2:]) < cell * block:
        raise ValueError(f"images: expected at least {cell * block} px a side, got {tuple(images.shape[2:])}")
    length, angle = _gradient(images)  # (n, h, w) each
    bins = (angle / (180 / orientations)).long().clamp(max=orientations - 1)
    votes = F.one_hot(bins, orientations).permute(0, 3, 1, 2) * length[:, None]
    cells = F.avg_pool2d(votes, cell)  # (n, orientations, h // cell, w // cell)
    blocks = cells.unfold(2, block, 1).unfold(3, block, 1).permute(0, 2, 3, 4, 5, 1)
    return _normalised(_normalised(blocks).clamp(max=0.2))


def _gradient(images):
    """Length, and angle in [0, 180) degrees, from [-1, 0, 1] along rows and columns, 0 at the edges."""
    down, right = torch.zeros_like(images), torch.zeros_like(images)
    down[:, :, 1:-1] = images[:, :, 2:] - images[:, :, :-2]
    right[..., 1:-1] = images[..., 2:] - images[..., :-2]
    strongest = torch.hypot(down, right).argmax(1, keepdim=True)
    down, right = (each.gather(1, strongest)[:, 0] for each in (down, right))
    return torch.hypot(down, right), torch.atan2(down, right).rad2deg() % 180


def _normalised(blocks):
    return blocks / (blocks.square().sum((3, 4, 5), keepdim=True) + 1e-10).sqrt()
