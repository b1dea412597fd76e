"""Heat with what was measured: boxes, one map under two legends, methods side by side, what a pixel depends on."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.patches import Patch, Rectangle

from lecture_utils.plots import given
from lecture_utils.plots.activations import MAPS
from lecture_utils.plots.given import Array, Named, Names, figure
from lecture_utils.plots.heat import ABSOLUTE, heat_over
from lecture_utils.plots.look import (
    COLOURS,
    INK,
    LUMINANCE,
    MANY,
    SMALL,
    TEXT,
    WIDTH,
    beside,
    heads,
    legend,
)
from lecture_utils.plots.pixels import in_levels
from lecture_utils.plots.sheet import Picture, Sheet

TRUE, FOUND = COLOURS[6], COLOURS[5]  # sky blue and orange: the true box, and the one made from a heatmap


@figure
def heat_over_image(
    images: Array, heatmaps: Array, titles=None, title="", caption="", found=None, true=None
) -> Picture:
    """Heatmaps >= 0 (n, h, w) over the grey images (n, 3, h, w), each on its own scale from 0 to its maximum.

    found, true: None, or boxes x0 y0 x1 y1 in px (n, 4): dashed orange, and solid blue. Errors: ValueError.
    """
    images = given.images(images)
    heat = given.sets({"heatmaps": heatmaps}, "heatmaps", (3,), len(images))["heatmaps"]
    drawn = [(true, "true", TRUE, "-"), (found, "found", FOUND, "--")]
    drawn = [(given.array(b, name, (2,)), *style) for b, name, *style in drawn if b is not None]
    titles, gap, tile, columns = given.titles(titles, len(images)), 0.1, 2.2, min(4, len(images))
    above, high, rows = (
        heads(titles, 0.2),
        tile * images.shape[1] / images.shape[2],
        -(-len(images) // columns),
    )
    sheet = Sheet(columns * (tile + gap) - gap, rows * (high + above + gap) - gap, title, caption)
    for n, (image, values, text) in enumerate(zip(images, heat, titles, strict=True)):
        row, column = divmod(n, columns)
        place = column * (tile + gap), above + row * (high + above + gap), tile, high
        axes = heat_over(sheet, place, image, values, title=text)
        for boxes, colour, dash in drawn:
            x0, y0, x1, y1 = (int(edge) for edge in boxes[n])
            for width, shade, style in ((5, "black", "-"), (2.6, colour, dash)):
                frame = {"fill": False, "ec": shade, "lw": width, "ls": style}
                axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, **frame))
    return sheet.picture()


def with_square(sheet, place, image, size, words, font):
    """The image with a grey square of `size` px in its corner."""
    sheet.tile(*place, image, words, font).add_patch(Rectangle((0, 0), size, size, color="#808080"))


def at_middles(sheet, place, image, values, size, stride, cmap, norm, words, alpha=1.0) -> Axes:
    """A map on the image's own frame: each value a square of `stride` px around the middle of its occluder."""
    (h, w), (rows, cols), start = image.shape[:2], values.shape, (size - stride) / 2
    grey = {"cmap": "gray", "vmin": 0, "vmax": 1, "extent": (0, w, h, 0), "alpha": 0.35}
    axes = sheet.tile(*place, image @ LUMINANCE, words, **grey)
    cells = {"extent": (start, start + stride * cols, start + stride * rows, start), "alpha": alpha}
    axes.imshow(values, cmap=cmap, norm=norm, aspect="auto", interpolation="nearest", **cells)
    axes.set(xlim=(0, w), ylim=(h, 0))
    return axes


@figure
def two_legends(
    image: Array, probabilities: Array, before: float, size: int, stride: int, title="", caption=""
) -> Picture:
    """One occlusion map under two legends: ZFNet's, blue where little probability remains; ours, bright where it drops.

    image: (3, h, w). probabilities: (rows, cols), at each place of a square of `size` px that moves by `stride`.
    before: the probability of the whole image.
    """
    image, remains = given.image(image), given.array(probabilities, "probabilities", (2,))
    drop, side, gap = float(before) - remains, 2.24, 0.95
    sheet = Sheet(3 * side + 2 * gap + 0.15, 0.32 + side, title, caption)
    with_square(sheet, (0, 0.32, side, side), image, size, f"the square: {size} px", TEXT)
    dark = Normalize(min(0, drop.min()), max(np.abs(drop).max(), 1e-6))
    for x, words, values, cmap, norm, label in (
        (
            side + 0.15,
            "ZFNet: blue = little remains",
            remains,
            "coolwarm",
            Normalize(0, 1),
            "probability that remains",
        ),
        (2 * side + 0.15 + gap, "here: bright = it drops", drop, "magma", dark, "drop of probability"),
    ):
        at_middles(sheet, (x, 0.32, side, side), image, values, size, stride, cmap, norm, words)
        sheet.colour_bar(x + side + 0.08, 0.32, side, norm, cmap, label)
    return sheet.picture()


def _four(sheet, x, y, side, gap, images, names):
    """Panel c: up to four images in a square, each with its name in it."""
    label = {"fontsize": 8.5, "color": "black", "bbox": {"fc": "white", "ec": "none", "pad": 1, "alpha": 0.8}}
    for k, (image, name) in enumerate(zip(images[:4], names, strict=False)):
        place = x + k % 2 * (side + gap), y + k // 2 * (side + gap), side, side
        words = "" if k else "c · it, projected down"
        sheet.tile(*place, image.transpose(1, 2, 0), words, loc="left").text(3, 14, name, **label)


def _likeliest(sheet, place, image, best, size, stride, classes):
    """Panel e: the most probable class at each place, the most frequent ones in colour and named."""
    found = sorted(np.unique(best).tolist(), key=lambda k: -(best == k).sum())
    palette = [COLOURS[6], *MANY[:1], *COLOURS[2:6], *MANY][: len(found)]
    palette += ["#999999"] * (len(found) - len(palette))
    order, norm = np.vectorize(found.index)(best), Normalize(-0.5, len(found) - 0.5)
    colours, words = ListedColormap(palette), "e · likeliest class"
    axes = at_middles(sheet, place, image, order, size, stride, colours, norm, words, 0.8)
    handles = [Patch(color=palette[k], label=classes[value]) for k, value in enumerate(found[:9])]
    legend(axes, (1.0, 1.03), "upper left", SMALL - 1, handles=handles, handlelength=1)


@figure
def dependence_maps(maps: Named, place: tuple, titles: Names, title="", caption="") -> Picture:
    """What a pixel depends on: maps {row label: (k, h, w)}, the size of the input gradients; exactly 0 stays white.

    place: (row, column) of the pixel. titles: one for each of the k columns. Logarithmic, over four powers of ten.
    """
    sets = given.sets(maps, "maps", (3,))
    (k, h, w), (row, column) = next(iter(sets.values())).shape, place
    titles = given.names(titles, "titles", k)
    left, right, gap, above = 1.5, 1.2, 0.16, 0.32
    wide = min(2.1, (WIDTH - left - right - gap * (k - 1)) / k)
    high, norm = wide * h / w, Normalize(-4, 0)
    sheet = Sheet(left + k * (wide + gap) + right, above + len(sets) * (high + gap), title, caption)
    for i, (label, values) in enumerate(sets.items()):
        y = above + i * (high + gap)
        beside(sheet.axes(0, y, left - 0.1, high), label, 1, TEXT)
        shown = [np.ma.log10(np.ma.masked_equal(one / max(one.max(), 1e-30), 0)) for one in values]
        look = {"size": TEXT, "pad": 5, "cmap": MAPS, "norm": norm, "interpolation": "nearest"}
        for axes in sheet.row(left, y, wide, high, shown, None if i else titles, gap, **look):
            axes.add_patch(Rectangle((-0.5, -0.5), w, h, fc="none", ec="#999999", lw=1.2, clip_on=False))
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fc=COLOURS[2], ec="white", lw=1))
    label = "log10 of |gradient|,\nrelative to the largest"
    sheet.colour_bar(left + k * (wide + gap) + 0.1, above, high, norm, MAPS, label)
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
            _outline(axes, masks[row], "white", "black")
        sizes = [_to_one(np.abs(values[row])) for values in columns.values()]
        place, look = (left + tile + gap, y, tile, tile), {"cmap": ABSOLUTE, "vmin": 0, "vmax": 1}
        sheet.row(*place, [in_levels(size) for size in sizes], None if row else columns, **look)
    height = min(n * (tile + gap) - gap, 3.2)
    words = "absolute; 1 = the map's 99.5% quantile" if height > 2.4 else "absolute"
    sheet.colour_bar(left + across * (tile + gap) + 0.05, above, height, Normalize(0, 1), ABSOLUTE, words)
    return sheet.picture()


def _to_one(size):
    """Values >= 0 divided by their 99.5% quantile, or by their maximum where that is 0; at most 1."""
    return (size / max(np.quantile(size, 0.995) or size.max(), 1e-12)).clip(0, 1)


def _outline(axes, mask, colour, under=None):
    """The border of a mask as a line, with a wider one under it."""
    for shade, width in ((under, 2.2), (colour, 1.1)):
        if shade and mask.any() and not mask.all():
            where = np.arange(mask.shape[1]) + 0.5, np.arange(mask.shape[0]) + 0.5
            axes.contour(*where, mask.astype(float), [0.5], colors=[shade], linewidths=width)
