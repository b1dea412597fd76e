"""Sizes of images, and the octaves from small to large in which a picture may be made."""

import torch.nn.functional as F

from ..checks import check_count

SMALLEST = 16  # px, below which an octave shows nothing


def sides(size):
    """A size, px or (h, w), as (h, w). Errors: ValueError."""
    both = (size, size) if isinstance(size, int) else size
    if not isinstance(both, tuple | list) or len(both) != 2:
        raise ValueError(f"size: expected px or (h, w), got {size!r}")
    return tuple(check_count(side, "size") for side in both)


def octave_shapes(shape, octaves, scale):
    """(h, w) of each octave, the smallest first; the last is `shape`. Those below SMALLEST are left out."""
    check_count(octaves, "octaves")
    found = [scaled_shape(shape, scale**-k) for k in reversed(range(octaves))]
    return [each for each in found[:-1] if min(each) >= SMALLEST] + found[-1:]


def scaled_shape(shape, factor):
    """(h, w) times a factor, at least 1 px."""
    return tuple(max(1, round(side * factor)) for side in shape)


def resized(images, shape):
    """Images at another size (h, w): bilinear, averaged where they shrink. The values stay in their range."""
    if tuple(images.shape[2:]) == tuple(shape):
        return images
    return F.interpolate(images, size=tuple(shape), mode="bilinear", align_corners=False, antialias=True)
