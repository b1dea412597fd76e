"""Points in the plane: embeddings, samples, latent codes."""

import numpy as np
from matplotlib.axes import Axes

from ..checks import check_number
from . import given
from .given import Array, Named, Names, figure
from .look import COLOURS, INK, MANY, MARKERS, MUTED, SMALL, TEXT, WIDTH, legend, titled
from .pixels import as_rgb, mosaic
from .sheet import Picture, Sheet

PLANE = (*MANY[:5], "#E69F00", *MANY[6:], INK)  # of ten classes: sand would be too near the olive before it
SQUARE = np.array([[-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1]])  # its corners, the first one twice


def framed(sheet, x, y, side, title, pad, loc) -> Axes:
    """A square with a grey frame and no ticks."""
    axes = titled(sheet.axes(x, y, side, side, bare=False), title, TEXT, pad, loc)
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#bbbbbb")
    axes.set(xticks=[], yticks=[])
    return axes


@figure
def embeddings(
    arrangements: Named, labels: Array, names: Names, title="", caption="", shared=False
) -> Picture:
    """Arrangements {name: positions (n, 2)} as clouds of points, coloured and shaped by class, the class named in it.

    labels: (n,) integers; names: of the classes, written where the median point of each lies. shared: one scale for
    all arrangements, the same in both directions, instead of one that fits each. Errors: ValueError.
    """
    arrangements = given.sets(arrangements, "arrangements", (2,))
    first = next(iter(arrangements.values()))
    labels, names, gap = given.integers(labels, "labels", (len(first),)), given.names(names, "names"), 0.2
    columns = min(3, len(arrangements))
    side = min(4.6, (WIDTH - gap * (columns - 1)) / columns)
    rows = -(-len(arrangements) // columns)
    low, high = (end([end(points) for points in arrangements.values()]) for end in (np.min, np.max))
    ends = low - 0.05 * (high - low), high + 0.05 * (high - low)
    sheet = Sheet(columns * (side + gap) - gap, rows * (side + 0.32), title, caption)
    for number, (name, points) in enumerate(arrangements.items()):
        if points.shape != (len(labels), 2):
            raise ValueError(f"{name}: expected positions ({len(labels)}, 2), got {points.shape}")
        row, column = divmod(number, columns)
        axes = framed(sheet, column * (side + gap), row * (side + 0.32) + 0.3, side, name, 5, "left")
        if shared:
            axes.set(xlim=ends, ylim=ends)
        for label in range(len(names)):
            style = {"color": COLOURS[label % len(COLOURS)], "ms": 3.6, "mew": 0, "alpha": 0.75}
            axes.plot(*points[labels == label].T, "o^sD"[label // len(COLOURS) % 4], **style)
        there = [i for i in range(len(names)) if (labels == i).any()]
        _words(axes, {names[i]: np.median(points[labels == i], 0) for i in there})
    return sheet.picture()


def _words(axes: Axes, words: dict):
    """Write each word at its point (x, y), unless it would lie over one already written."""
    axes.margins(0.1)  # room for the words at the border
    axes.autoscale_view()
    taken, style = [], {"fontsize": SMALL - 1, "color": INK, "ha": "center", "va": "bottom", "weight": "bold"}
    style["bbox"] = {"fc": "white", "ec": "none", "alpha": 0.7, "pad": 0.8}
    for word, point in words.items():
        x, y = axes.transData.transform(point)  # px
        if any(abs(x - u) < 4.2 * (len(word) + len(other)) and abs(y - v) < 15 for u, v, other in taken):
            continue
        taken.append((x, y, word))
        axes.annotate(word, point, (0, 5), textcoords="offset points", **style)


@figure
def latent_plane(
    images: Array, reach: float, codes=None, labels=None, classes=(), title="", caption=""
) -> Picture:
    """What the decoder draws over a square of two-dimensional codes, and beside it where real images have theirs.

    images: (rows, columns, h, w) grey or (rows, columns, 3, h, w), in [0, 1]; the first row is the top, second axis
    at +reach; the first column is the left, first axis at -reach. codes: (n, 2), all shown; where some lie beyond the
    reach, a dashed square says how much of their plane is drawn on the left. labels: (n,) into classes.
    """
    images, side = given.array(images, "images", (4, 5)).clip(0, 1), 4.7
    check_number(reach, "reach", above=True)
    tiles = images.reshape(-1, *images.shape[2:])
    tiles = as_rgb(tiles) if tiles.ndim == 3 else tiles.transpose(0, 2, 3, 1)
    sheet = Sheet(WIDTH if codes is not None else side + 0.5, side + 0.45, title, caption)
    axes = sheet.chart(0.45, 0, side, side, "", "first latent axis", grid="")
    ground = mosaic(tiles, images.shape[1], 4, gap=4, ground=0.45)
    axes.imshow(ground, extent=(-reach, reach) * 2, interpolation="nearest")
    axes.set_ylabel("second latent axis", fontsize=TEXT, labelpad=1)
    if codes is not None:
        place = 0.45 + side + 0.55, 0, WIDTH - side - 2.15, side
        right = sheet.chart(*place, "", "first latent axis", grid="")
        codes, labels = given.array(codes, "codes", (2,)), given.integers(labels, "labels", (len(codes),))
        classes = given.names(classes, "classes")
        for k, name in enumerate(classes):
            marker = (*MARKERS, "<", ">", "h")[k % 10]
            style = {"color": PLANE[k % 10], "marker": marker, "ls": "none", "ms": 5, "alpha": 0.8}
            right.plot(*codes[labels == k].T, label=name, **style)
        far = 1.05 * float(np.abs(codes).max())
        if far > reach:
            right.plot(*reach * SQUARE, color=MUTED, lw=1.4, ls="--")
        ends = (-max(reach, far), max(reach, far))
        right.set(xlim=ends, ylim=ends, aspect="equal", anchor="NW")
        legend(right, (1.0, 1.02), "upper left", handletextpad=0.1)
    return sheet.picture()
