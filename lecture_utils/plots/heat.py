"""Heatmaps: beside their images, as colours, as outlines; and the panels of ZFNet's occlusion figure."""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.patches import Patch, Rectangle

from .images import Tiles
from .sheet import (
    COLOURS,
    INK,
    LUMINANCE,
    MANY,
    SMALL,
    TEXT,
    WIDTH,
    Sheet,
    as_array,
    as_images,
    check_titles,
    draw,
)

LEVELS = 12  # of a map or gradient, from zero to its end


def heat_columns(
    images, maps, kind="absolute", masks=None, titles=None, title="", caption="", alt=None, tile=None
):
    """One row for each image: the image, then each method's raw map, without any smoothing or overlay.

    images: (n, 3, h, w). maps: {method: (n, rows, cols)}. kind: "absolute" (0 is black) or "signed" (0 is white; blue
    below, red above). Methods have different units, and images different strengths, so each map has its own scale; it
    ends at the 99.5% quantile of the map's absolute values, as the bar says. masks: bool (n, h, w), whose outline is
    drawn on the image. titles: a label for each row.
    """
    if kind not in ("signed", "absolute"):
        raise ValueError(f'kind: expected "signed" or "absolute", got {kind!r}')
    images, titles = as_images(images), check_titles(titles, len(images))
    columns = {name: as_array(values, name, (3,)) for name, values in maps.items()}
    for name, values in columns.items():
        if len(values) != len(images):
            raise ValueError(
                f"maps: expected {len(images)} of {name!r}, one for each image, got {len(values)}"
            )
    left, right, gap, above = 0.95 if any(titles) else 0.0, 1.0, 0.08, 0.32
    n, across = len(images), 1 + len(columns)
    tile = tile or min(2.24, (WIDTH - left - right - gap * (across - 1)) / across)
    sheet = Sheet(left + across * (tile + gap) + right, above + n * (tile + gap), title, caption, alt)
    cmap, low = ("coolwarm", -1) if kind == "signed" else ("magma", 0)
    for row in range(n):
        y = above + row * (tile + gap)
        axes = sheet.axes(left, y, tile, tile)
        axes.imshow(images[row], aspect="auto", extent=(0, images.shape[2], images.shape[1], 0))
        axes.text(-6, images.shape[1] / 2, titles[row], fontsize=SMALL, color=INK, ha="right", va="center")
        if masks is not None:
            _outline(axes, np.asarray(masks[row]), "white", "black")
        for column, (name, values) in enumerate(columns.items(), 1):
            axes = sheet.axes(left + column * (tile + gap), y, tile, tile)
            size = np.abs(values[row])
            limit = max(np.quantile(size, 0.995) or size.max(), 1e-30)
            shown = values[row] / limit if kind == "signed" else size / limit
            draw(axes, np.round(shown.clip(low, 1) * 2 * LEVELS) / (2 * LEVELS), cmap=cmap, vmin=low, vmax=1)
            if row == 0:
                axes.set_title(name, fontsize=SMALL, color=INK, pad=4)
    bar = left + across * (tile + gap) + 0.05
    height, words = min(n * (tile + gap) - gap, 3.2), f"{kind}; 1 = the map's 99.5% quantile"
    sheet.colour_bar(bar, above, height, Normalize(low, 1), cmap, words if height > 2.4 else kind)
    return Tiles(sheet.figure, sheet.alt)


def gradient_pictures(gradients, quantile=0.995):
    """Signed gradients (n, 3, h, w) as pictures in [0, 1]: zero is mid-grey, colours are the colours that would help.

    Each one is scaled by the quantile of its own absolute values; the few that are larger are cut off. 12 levels each
    way: more are not seen in noise, and cost a stored notebook its room.
    """
    values = as_array(gradients, "gradients", (4,))
    limit = np.quantile(np.abs(values), quantile, axis=(1, 2, 3), keepdims=True)
    largest = np.abs(values).max((1, 2, 3), keepdims=True)
    limit = np.where(limit > 0, limit, np.maximum(largest, 1e-30))
    return np.round((0.5 + values / (2 * limit)).clip(0, 1) * 2 * LEVELS) / (2 * LEVELS)


def few_colours(picture, colours=256):
    """The same picture, stored in so many colours: for photographs and noise less than half the bytes."""
    tiles = Tiles(picture.figure, picture.alt)
    tiles.colours = colours
    return tiles


def two_legends(image, probabilities, before, size, stride, title="", caption="", alt=None):
    """One occlusion map under the two legends in use: red where little probability remains, dark where it drops.

    image: (3, h, w). probabilities: (rows, cols), at each place of a square of `size` px that moves by `stride`.
    before: the probability of the whole image.
    """
    image, remains = as_images(image, "image")[0], as_array(probabilities, "probabilities", (2,))
    drop, tile, gap = float(before) - remains, 2.24, 0.95
    sheet = Sheet(3 * tile + 2 * gap + 0.15, 0.32 + tile, title, caption, alt)
    axes = sheet.axes(0, 0.32, tile, tile)
    axes.imshow(image, aspect="auto")
    axes.add_patch(Rectangle((0, 0), size, size, color="#808080"))
    axes.set_title(f"the square: {size} px", fontsize=TEXT, color=INK, pad=4)
    limit = max(np.abs(drop).max(), 1e-6)
    panels = [
        ("red = little remains", remains, "coolwarm_r", Normalize(0, 1), "probability that remains"),
        ("dark = it drops", drop, "magma_r", Normalize(min(0, drop.min()), limit), "drop of probability"),
    ]
    for i, (words, values, cmap, norm, label) in enumerate(panels):
        x = tile + 0.15 + i * (tile + gap)
        _at_middles(sheet.axes(x, 0.32, tile, tile), image, values, size, stride, cmap, norm, words)
        sheet.colour_bar(x + tile + 0.08, 0.32, tile, norm, cmap, label)
    return Tiles(sheet.figure, sheet.alt)


def zfnet_panels(
    image,
    size,
    stride,
    activation,
    projections,
    probabilities,
    best,
    classes,
    names,
    title="",
    caption="",
    alt=None,
):
    """The panels of ZFNet's figure 7 for one image.

    image: (3, h, w), panel a, with a square of `size` px in its corner. activation: (rows, cols), panel b: the summed
    strength of one map, for each place of the square. projections: signed (k, 3, h, w), panel c: that map projected
    down to pixels, first of this image, then of others; names: k titles. probabilities: (rows, cols), panel d.
    best: integers (rows, cols), panel e: the index of the most probable class, in `classes`.
    """
    image = as_images(image, "image")[0]
    activation, down = as_array(activation, "activation", (2,)), gradient_pictures(projections)
    names, tile, gap, bar = check_titles(names, len(down)), 1.6, 0.12, 0.62
    small = (tile - gap) / 2
    sheet = Sheet(5 * tile + 2 * gap + 2 * bar + 1.05, 0.32 + tile, title, caption, alt)
    x, y = 0.0, 0.32
    axes = sheet.axes(x, y, tile, tile)
    axes.imshow(image, aspect="auto")
    axes.add_patch(Rectangle((0, 0), size, size, color="#808080"))
    axes.set_title("a · image, square", fontsize=SMALL, color=INK, pad=4)
    x += tile + gap
    norm = Normalize(0, max(activation.max(), 1e-12))
    _at_middles(
        sheet.axes(x, y, tile, tile), image, activation, size, stride, "viridis", norm, "b · strongest map"
    )
    sheet.colour_bar(x + tile + 0.06, y, tile, norm, "viridis", "")
    x += tile + bar
    for k, (picture, name) in enumerate(zip(down[:4], names, strict=False)):
        axes = sheet.axes(x + k % 2 * (small + gap), y + k // 2 * (small + gap), small, small)
        axes.imshow(picture.transpose(1, 2, 0), aspect="auto")
        axes.text(
            3,
            14,
            name,
            fontsize=8.5,
            color="black",
            bbox={"fc": "white", "ec": "none", "pad": 1, "alpha": 0.8},
        )
        if k == 0:
            axes.set_title("c · it, projected down", fontsize=SMALL, color=INK, pad=4, loc="left")
    x += tile + gap
    norm = Normalize(0, 1)
    _at_middles(
        sheet.axes(x, y, tile, tile),
        image,
        probabilities,
        size,
        stride,
        "viridis",
        norm,
        "d · p of its class",
    )
    sheet.colour_bar(x + tile + 0.06, y, tile, norm, "viridis", "")
    x += tile + bar
    best = np.asarray(best.cpu() if hasattr(best, "cpu") else best)
    found = sorted(np.unique(best).tolist(), key=lambda k: -(best == k).sum())
    palette = [COLOURS[6], *MANY[:1], *COLOURS[2:6], *MANY][: max(len(found), 1)]
    palette += ["#999999"] * (len(found) - len(palette))
    order = np.vectorize({value: place for place, value in enumerate(found)}.get)(best)
    norm = Normalize(-0.5, len(found) - 0.5)
    axes = sheet.axes(x, y, tile, tile)
    _at_middles(axes, image, order, size, stride, ListedColormap(palette), norm, "e · likeliest class", 0.8)
    handles = [Patch(color=palette[k], label=classes[value]) for k, value in enumerate(found[:9])]
    axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.03),
        fontsize=SMALL - 1,
        frameon=False,
        handlelength=1,
    )
    return Tiles(sheet.figure, sheet.alt)


def cut_outs(images, cuts, true=None, scores=None, title="", caption="", alt=None, tile=None):
    """One row for each image, one column for each way to cut the object out: what was cut out in colour, the rest pale.

    images: (n, 3, h, w). cuts: {way: bool (n, h, w)}. true: bool (n, h, w), drawn as a thin outline. scores: {way:
    (n,)}, the intersection over union that stands in each picture.
    """
    images = as_images(images)
    gap, n, across = 0.08, len(images), 1 + len(cuts)
    above = 0.15 + 0.2 * max(name.count("\n") + 1 for name in cuts)
    tile = tile or min(1.75, (WIDTH - gap * (across - 1)) / across)
    sheet = Sheet(across * (tile + gap) - gap, above + n * (tile + gap), title, caption, alt)
    for row, image in enumerate(images):
        for column, name in enumerate(("image", *cuts)):
            axes = sheet.axes(column * (tile + gap), above + row * (tile + gap), tile, tile)
            shown = image
            if column:
                mask = np.asarray(cuts[name][row], bool)[..., None]
                pale = 0.25 * (image @ LUMINANCE)[..., None] + 0.72
                shown = np.where(mask, image, pale)
            axes.imshow(shown, aspect="auto", extent=(0, image.shape[1], image.shape[0], 0))
            if column and true is not None:
                _outline(axes, np.asarray(true[row]), COLOURS[1])
            if column and scores is not None:
                axes.text(
                    0.03,
                    0.04,
                    f"{float(scores[name][row]):.2f}",
                    transform=axes.transAxes,
                    fontsize=SMALL,
                    color=INK,
                    bbox={"fc": "white", "ec": "none", "pad": 1.5, "alpha": 0.85},
                )
            if row == 0:
                axes.set_title(name, fontsize=SMALL, color=INK, pad=4)
    return Tiles(sheet.figure, sheet.alt)


def _at_middles(axes, image, values, size, stride, cmap, norm, words, alpha=1.0):
    """A map on the image's own frame: each value a square of `stride` px around the middle of its occluder."""
    h, w = image.shape[:2]
    values, start = np.asarray(values, float), (size - stride) / 2
    axes.imshow(
        image @ LUMINANCE, cmap="gray", vmin=0, vmax=1, aspect="auto", extent=(0, w, h, 0), alpha=0.35
    )
    extent = (start, start + stride * values.shape[1], start + stride * values.shape[0], start)
    cmap = colormaps[cmap] if isinstance(cmap, str) else cmap
    axes.imshow(
        values, cmap=cmap, norm=norm, aspect="auto", extent=extent, interpolation="nearest", alpha=alpha
    )
    axes.set_xlim(0, w)
    axes.set_ylim(h, 0)
    axes.set_title(words, fontsize=SMALL, color=INK, pad=4)


def _outline(axes, mask, colour, under=None):
    """The border of a mask as a line, with a wider one under it."""
    for shade, width in ((under, 2.2), (colour, 1.1)):
        if shade and mask.any() and not mask.all():
            where = np.arange(mask.shape[1]) + 0.5, np.arange(mask.shape[0]) + 0.5
            axes.contour(*where, mask.astype(float), [0.5], colors=[shade], linewidths=width)
