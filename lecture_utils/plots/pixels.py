"""From values to pixels: mosaics, colours of heat and of gradients, spotlights, enlarged images."""

from math import ceil

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from PIL import Image

from ..checks import check_share
from . import given
from .given import Array
from .look import COLOURS, LUMINANCE, rgb

LEVELS = 12  # of a heatmap or a gradient, from zero to its end: more are not seen, and cost a file its room
YES = COLOURS[5]  # the frame around what activates a channel


def as_rgb(grey: np.ndarray) -> np.ndarray:
    """Grey (..., h, w) as (..., h, w, 3)."""
    return np.repeat(grey[..., None], 3, -1)


def mosaic(tiles: np.ndarray, columns: int, zoom: int, gap: int = 2, ground: float = 1.0) -> np.ndarray:
    """Tiles (n, h, w, 3) in one array, each value a square of zoom px, `gap` px of `ground` between."""
    n, h, w, _ = tiles.shape
    rows, step = ceil(n / columns), np.array([h, w]) * zoom + gap
    out = np.full((rows * step[0] - gap, columns * step[1] - gap, 3), float(ground))
    for i, tile in enumerate(tiles):
        y, x = np.array(divmod(i, columns)) * step
        out[y : y + h * zoom, x : x + w * zoom] = tile.repeat(zoom, 0).repeat(zoom, 1)
    return out


def enlarged(image: Array, side: int, smooth: bool = True) -> np.ndarray:
    """An image (3, h, w) in [0, 1] as an array (side, side, 3): bicubic, or each pixel a square."""
    array = np.round(given.image(image) * 255).astype(np.uint8)
    way = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(array).resize((side, side), way)) / 255


def gradient_pictures(gradients: Array, quantile: float = 0.995) -> np.ndarray:
    """Signed gradients (n, 3, h, w) as images in [0, 1]: zero is mid-grey, colours are the colours that would help.

    Each is scaled by the quantile of its own absolute values; the few that are larger are clipped.
    """
    values = given.array(gradients, "gradients", (4,))
    size = np.abs(values)
    limit = np.quantile(size, check_share(quantile, "quantile"), axis=(1, 2, 3), keepdims=True)
    limit = np.where(limit > 0, limit, np.maximum(size.max((1, 2, 3), keepdims=True), 1e-30))
    return in_levels((0.5 + values / (2 * limit)).clip(0, 1))


def in_levels(values: np.ndarray) -> np.ndarray:
    """Values in [-1, 1], rounded to LEVELS steps for each half."""
    return np.round(values * 2 * LEVELS) / (2 * LEVELS)


def heat_colours(image: np.ndarray, heat: np.ndarray, signed: bool) -> np.ndarray:
    """A heatmap (h, w) over the grey image (h, w, 3), on its own scale: colours (h, w, 3).

    signed: blue below zero, red above, clear at zero; else dark to bright.
    """
    limit = max(np.abs(heat).max(), 1e-30)
    share = np.abs(heat) / limit
    cmap, norm = ("coolwarm", Normalize(-limit, limit)) if signed else ("magma", Normalize(0, limit))
    alpha = (0.9 * np.sqrt(share) if signed else 0.25 + 0.65 * share)[..., None]
    grey = as_rgb(0.25 + 0.75 * (image @ LUMINANCE))
    return alpha * colormaps[cmap](norm(heat))[..., :3] + (1 - alpha) * grey


def spotlight(image: Array, mask: Array, zoom: int = 3) -> np.ndarray:
    """An image (3, h, w) that is dark and grey outside of a mask (h, w), enlarged, with the mask's edge drawn.

    Returns uint8 (zoom·h, zoom·w, 3).
    """
    image = given.image(image)
    mask = given.masks(mask, "mask", image.shape[:2])
    size = image.shape[1] * zoom, image.shape[0] * zoom
    pixels = Image.fromarray((image * 255).round().astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    pixels, large = np.asarray(pixels) / 255, mask.repeat(zoom, 0).repeat(zoom, 1)
    out = np.where(large[..., None], pixels, as_rgb(0.2 + 0.42 * pixels @ LUMINANCE))
    out[edges(large)] = rgb(YES)
    return (out * 255).round().astype(np.uint8)


def edges(mask: np.ndarray) -> np.ndarray:
    """bool (h, w): the pixels of a mask that touch its outside, two wide."""
    inside = mask.copy()
    for _ in range(2):
        padded = np.pad(inside, 1, constant_values=True)
        inside = inside & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inside
