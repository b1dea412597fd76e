"""Heatmaps: beside their images and over them, with boxes and masks, as raw cells, under two legends."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from . import given
from .given import Array, Named, figure
from .look import INK, LUMINANCE, SMALL, TEXT, WIDTH
from .pixels import in_levels
from .sheet import Picture, Sheet, grid_sheet

SIGNED, ABSOLUTE = "coolwarm", "magma"  # blue below zero and red above; dark to bright


def _limit(values, quantile=1.0):
    """The size of the largest values, or what so many of them do not exceed; never 0."""
    size = np.abs(values)
    return max(np.quantile(size, quantile) or size.max(), 1e-12)


def heat_over(sheet, place, image, heat, top=None, **words) -> Axes:
    """Heat >= 0 on the grey image, from dark and clear to bright; it ends at `top`, its maximum unless given."""
    axes = sheet.tile(*place, image @ LUMINANCE, **words, cmap="gray", vmin=0, vmax=1)
    norm = Normalize(0, max(heat.max() if top is None else top, 1e-12))
    colour = colormaps[ABSOLUTE](norm(heat))
    colour[..., 3] = 0.3 + 0.6 * norm(heat).data.clip(0, 1)
    axes.imshow(colour, interpolation="nearest", aspect="auto")
    return axes


def raw_cells(sheet, place, values, **words) -> Normalize:
    """A signed map as its own cells, blue below zero, red above; returns its scale."""
    norm = Normalize(-_limit(values), _limit(values))
    sheet.tile(*place, values, **words, cmap=SIGNED, norm=norm, interpolation="nearest")
    return norm


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
def heat_columns(
    images: Array, maps: Named, masks=None, titles=None, title="", caption="", tile=None
) -> Picture:
    """One row for each image: the image, then each method's raw map, dark to bright, without smoothing or overlay.

    images: (n, 3, h, w). maps: {method: (n, rows, cols)}, of which the absolute values are drawn. Methods have
    different units, and images different strengths, so each map has its own scale; it ends at its 99.5% quantile, as
    the bar says. masks: bool (n, h, w), whose outline is drawn on the image. titles: a label for each row.
    """
    images = given.images(images)
    columns, titles = given.sets(maps, "maps", (3,), len(images)), given.titles(titles, len(images))
    masks = None if masks is None else given.masks(masks, "masks", images.shape[:3])
    left, right, gap, above = 0.95 if any(titles) else 0.0, 1.0, 0.08, 0.32
    n, across = len(images), 1 + len(columns)
    tile = tile or min(2.24, (WIDTH - left - right - gap * (across - 1)) / across)
    sheet = Sheet(left + across * (tile + gap) + right, above + n * (tile + gap), title, caption)
    for row, image in enumerate(images):
        y = above + row * (tile + gap)
        axes = sheet.tile(left, y, tile, tile, image, extent=(0, image.shape[1], image.shape[0], 0))
        axes.text(-6, image.shape[0] / 2, titles[row], fontsize=SMALL, color=INK, ha="right", va="center")
        if masks is not None:
            outline(axes, masks[row], "white", "black")
        sizes = [np.abs(values[row]) / _limit(values[row], 0.995) for values in columns.values()]
        place, look = (left + tile + gap, y, tile, tile), {"cmap": ABSOLUTE, "vmin": 0, "vmax": 1}
        sheet.row(*place, [in_levels(size.clip(0, 1)) for size in sizes], None if row else columns, **look)
    height = min(n * (tile + gap) - gap, 3.2)
    words = "absolute; 1 = the map's 99.5% quantile" if height > 2.4 else "absolute"
    sheet.colour_bar(left + across * (tile + gap) + 0.05, above, height, Normalize(0, 1), ABSOLUTE, words)
    return sheet.picture(256)


def outline(axes, mask, colour, under=None):
    """The border of a mask as a line, with a wider one under it."""
    for shade, width in ((under, 2.2), (colour, 1.1)):
        if shade and mask.any() and not mask.all():
            where = np.arange(mask.shape[1]) + 0.5, np.arange(mask.shape[0]) + 0.5
            axes.contour(*where, mask.astype(float), [0.5], colors=[shade], linewidths=width)


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
    words = {"title": "raw map: {} x {}".format(*raw.shape), "size": TEXT}
    signed = raw_cells(sheet, (middle, top, tile, high), raw, **words)
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
