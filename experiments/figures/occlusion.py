"""What occlusion measured: one map under two legends, and the five panels of ZFNet's figure 7."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.patches import Patch, Rectangle

from lecture_utils.plots import given
from lecture_utils.plots.given import Array, Names, figure
from lecture_utils.plots.look import COLOURS, LUMINANCE, MANY, SMALL, TEXT, legend
from lecture_utils.plots.pixels import gradient_pictures
from lecture_utils.plots.sheet import Picture, Sheet


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
