"""Heat with what was measured: boxes, all layers, one map under two legends, gradients, and ZFNet's figure 7."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.patches import Patch, Rectangle

from lecture_utils.plots import given
from lecture_utils.plots.activations import MAPS
from lecture_utils.plots.given import Array, Named, Names, figure
from lecture_utils.plots.heat import heat_over, raw_cells
from lecture_utils.plots.look import (
    COLOURS,
    LUMINANCE,
    MANY,
    MUTED,
    SMALL,
    TEXT,
    WIDTH,
    beside,
    heads,
    legend,
    titled,
    write,
)
from lecture_utils.plots.pixels import gradient_pictures
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


@figure
def layer_sweep(image: Array, maps: Named, heats: Named, title="", caption="") -> Picture:
    """Below each other, for each layer: the raw map {layer: (rows, cols)}, signed, and the heat {layer: (h, w)} on the
    image (3, h, w). Each map has its own scale: its size and range stand above it.
    """
    image, gap, side = given.image(image), 0.12, 1.0
    maps, heats = given.sets(maps, "maps", (2,)), given.sets(heats, "heats", (2,))
    tile = (WIDTH - side - gap * (len(maps) - 1)) / len(maps)
    high, head = tile * image.shape[0] / image.shape[1], 0.75
    sheet = Sheet(WIDTH, head + 2 * high + gap, title, caption)
    for text, y in (("raw map", head + high / 2), ("cut at zero,\nenlarged", head + 1.5 * high + gap)):
        write(sheet.axes(0, y - 0.2, side, 0.4), 0, 0.5, text, va="center")
    for n, (layer, raw) in enumerate(maps.items()):
        x, words = side + n * (tile + gap), "{}\n{} x {}".format(layer, *raw.shape)
        raw_cells(sheet, (x, head, tile, high), raw)
        axes = titled(sheet.figure.axes[-1], words, TEXT, 22, linespacing=1.1)
        ends = f"{raw.min():.2g} to {raw.max():.2g}".replace("-", "\N{MINUS SIGN}")
        write(axes, 0.5, 1.03, ends, ink=MUTED, ha="center", va="bottom")
        heat_over(sheet, (x, head + high + gap, tile, high), image, heats[layer])
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
    """One occlusion map under the two legends in use: red where little probability remains, dark where it drops.

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
            "red = little remains",
            remains,
            "coolwarm_r",
            Normalize(0, 1),
            "probability that remains",
        ),
        (2 * side + 0.15 + gap, "dark = it drops", drop, "magma_r", dark, "drop of probability"),
    ):
        at_middles(sheet, (x, 0.32, side, side), image, values, size, stride, cmap, norm, words)
        sheet.colour_bar(x + side + 0.08, 0.32, side, norm, cmap, label)
    return sheet.picture(256)


@figure
def zfnet_panels(
    image: Array,
    size: int,
    stride: int,
    activation: Array,
    projections: Array,
    probabilities: Array,
    best: Array,
    classes: Names,
    names: Names,
    title="",
    caption="",
) -> Picture:
    """The panels of ZFNet's figure 7 for one image.

    image: (3, h, w), panel a, with a square of `size` px in its corner. activation: (rows, cols), panel b: the summed
    strength of one map, for each place of the square. projections: signed (k, 3, h, w), panel c: that map projected
    down to pixels, first of this image, then of others; names: k titles. probabilities: (rows, cols), panel d.
    best: integers (rows, cols), panel e: the index of the most probable class, in `classes`.
    """
    image, down = given.image(image), gradient_pictures(projections)
    activation, probabilities = (
        given.array(activation, "activation", (2,)),
        given.array(probabilities, "probabilities", (2,)),
    )
    best, names = given.integers(best, "best", activation.shape), given.names(names, "names", len(down))
    y, tile, gap, bar = 0.32, 1.6, 0.12, 0.62
    sheet = Sheet(5 * tile + 2 * gap + 2 * bar + 1.05, y + tile, title, caption)
    lefts = np.cumsum([0, tile + gap, tile + bar, tile + gap, tile + bar])
    with_square(sheet, (0, y, tile, tile), image, size, "a · image, square", SMALL)
    for x, values, top, words in (
        (lefts[1], activation, max(activation.max(), 1e-12), "b · strongest map"),
        (lefts[3], probabilities, 1, "d · p of its class"),
    ):
        norm = Normalize(0, top)
        at_middles(sheet, (x, y, tile, tile), image, values, size, stride, "viridis", norm, words)
        sheet.colour_bar(x + tile + 0.06, y, tile, norm, "viridis", "")
    _four(sheet, lefts[2], y, (tile - gap) / 2, gap, down, names)
    _likeliest(sheet, (lefts[4], y, tile, tile), image, best, size, stride, classes)
    return sheet.picture(256)


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
