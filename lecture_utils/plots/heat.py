"""Heatmaps: beside their images and over them, with boxes and masks, as raw cells, under two legends."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from . import given
from .given import Array, figure
from .look import LUMINANCE, TEXT
from .sheet import Picture, Sheet, grid_sheet

SIGNED, ABSOLUTE = "coolwarm", "magma"  # blue below zero and red above; dark to bright


def _limit(values):
    """The size of the largest value; never 0."""
    return max(np.abs(values).max(), 1e-12)


def heat_over(sheet, place, image, heat, top=None, **words) -> Axes:
    """Heat >= 0 on the grey image, from dark and clear to bright; it ends at `top`, its maximum unless given."""
    axes = sheet.tile(*place, image @ LUMINANCE, **words, cmap="gray", vmin=0, vmax=1)
    norm = Normalize(0, max(heat.max() if top is None else top, 1e-12))
    colour = colormaps[ABSOLUTE](norm(heat))
    colour[..., 3] = 0.3 + 0.6 * norm(heat).data.clip(0, 1)
    axes.imshow(colour, interpolation="nearest", aspect="auto")
    return axes


@figure
def signed_grid(maps: Array, titles=None, title="", caption="", label="value") -> Picture:
    """Signed maps (n, h, w): blue below zero, red above; one shared symmetric range, with a colour bar."""
    maps = given.array(maps, "maps", (3,))
    norm, shape = Normalize(-_limit(maps), _limit(maps)), maps.shape[1:]
    sheet, places, (wide, high, above) = grid_sheet(len(maps), shape, titles, None, title, caption, right=1.1)
    for place, values in zip(places, maps, strict=True):
        sheet.tile(**place, pixels=values, cmap=SIGNED, norm=norm)
    sheet.colour_bar(wide + 0.2, above, high, norm, SIGNED, label)
    return sheet.picture()


@figure
def map_and_image(image: Array, raw: Array, heat: Array, title="", caption="") -> Picture:
    """An image (3, h, w), the raw map (rows, cols) on it as its own cells, and the heat (h, w) made of it.

    raw: signed, blue below zero, red above, with a colour bar. heat: >= 0, dark to bright, with its own.
    """
    image, raw, heat = given.image(image), given.array(raw, "raw", (2,)), given.array(heat, "heat", (2,))
    tile, bar, gap, top = 2.35, 1.25, 0.12, 0.32
    high = tile * image.shape[0] / image.shape[1]
    sheet = Sheet(3 * tile + 2 * bar + gap, high + top, title, caption)
    middle, right = tile + gap, 2 * tile + bar + gap
    sheet.tile(0, top, tile, high, image, "image", TEXT)
    signed, title = Normalize(-_limit(raw), _limit(raw)), "raw map: {} x {}".format(*raw.shape)
    look = {"cmap": SIGNED, "norm": signed, "interpolation": "nearest"}
    sheet.tile(middle, top, tile, high, raw, title, TEXT, **look)
    heat_over(sheet, (right, top, tile, high), image, heat, title="enlarged, below zero cut", size=TEXT)
    absolute = Normalize(0, max(heat.max(), 1e-12))
    bars = (middle, signed, SIGNED, "evidence, signed"), (right, absolute, ABSOLUTE, "evidence for, absolute")
    for x, *look in bars:
        axes = sheet.colour_bar(x + tile + 0.08, top, high, *look)
        axes.ticklabel_format(axis="y", style="plain", useOffset=False)  # no 1e-5 on top
    return sheet.picture()


@figure
def overlay(image: Array, heatmap: Array, title="", caption="", cells=None, label="heat") -> Picture:
    """An image (3, h, w), and a heatmap (h, w) over it, from zero (clear and dark) to its maximum, with a colour bar.

    cells: the map (rows, cols) as the net gives it, drawn between them: one square a value. label: of the colour bar.
    """
    image, heatmap = given.image(image), given.array(heatmap, "heatmap", (2,))
    across, tile, gap, top = (2, 3.6, 0.12, 0.32) if cells is None else (3, 2.8, 0.12, 0.32)
    high = tile * image.shape[0] / image.shape[1]
    sheet = Sheet(across * (tile + gap) + 1.0, high + top, title, caption)
    sheet.tile(0, top, tile, high, image, "image", TEXT)
    if cells is not None:
        cells = given.array(cells, "cells", (2,))
        look = {"cmap": ABSOLUTE, "vmin": 0, "vmax": max(cells.max(), 1e-12), "interpolation": "nearest"}
        sheet.tile(tile + gap, top, tile, high, cells, "the map: {} x {}".format(*cells.shape), TEXT, **look)
    left = (across - 1) * (tile + gap)
    heat_over(sheet, (left, top, tile, high), image, heatmap, title="heatmap over the image", size=TEXT)
    _heat_bar(sheet, left + tile + 0.08, top, high, Normalize(0, max(heatmap.max(), 1e-12)), label)
    return sheet.picture()


@figure
def overlays(image: Array, maps: Array, titles=None, title="", caption="", columns=None) -> Picture:
    """An image (3, h, w), then heatmaps (n, h, w) over it, each from zero to its own maximum.

    titles: one for each heatmap. columns: tiles in a row, the image included.
    """
    image, maps = given.image(image), given.array(maps, "maps", (3,))
    words = ["image", *given.titles(titles, len(maps))]
    look = (len(words), image.shape[:2], words, columns, title, caption)
    sheet, (first, *places), (wide, high, above) = grid_sheet(*look, right=1.0)
    sheet.tile(**first, pixels=image)
    for place, heatmap in zip(places, maps, strict=True):
        square = [place.pop(name) for name in ("x", "y", "width", "height")]
        heat_over(sheet, square, image, heatmap, **place)
    _heat_bar(sheet, wide + 0.1, above, high, Normalize(0, 1), "share of the map's maximum")
    return sheet.picture()


def _heat_bar(sheet, x, y, height, norm, label):
    axes = sheet.colour_bar(x, y, height, norm, ABSOLUTE, label)
    if norm.vmax >= 0.01:
        axes.ticklabel_format(axis="y", style="plain", useOffset=False)
