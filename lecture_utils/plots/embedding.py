"""Figures of neighbours and embeddings, built on the sheets of `show`; every function returns a `Picture`."""

import numpy as np
from matplotlib.patches import Rectangle

from .. import plots
from . import COLOURS, DASHES, INK, MARKERS, SMALL, TEXT, WIDTH, Sheet, Tiles

SAME, OTHER = COLOURS[1], COLOURS[2]


def neighbour_rows(queries, groups, right=None, title="", caption="", alt=None, labels=None, tile=0.9):
    """Each row: a query (q, 3, h, w), then its neighbours in each space, {name: images (q, k, 3, h, w)}.

    right: {name: bool (q, k)}: a neighbour of the query's kind gets a blue frame, another an orange one with its
    corner cut. None: no frames. labels: a text for each query, to its left. tile: the widest
    side of one, in inches. Errors: ValueError.
    """
    queries = plots.as_images(queries, "queries")
    groups = {
        name: np.stack([plots.as_images(row, name) for row in images]) for name, images in groups.items()
    }
    for name, images in groups.items():
        if len(images) != len(queries):
            raise ValueError(f"{name}: expected {len(queries)} rows, one for each query, got {len(images)}")
    k, gap, space, left = (
        max(g.shape[1] for g in groups.values()),
        0.05,
        0.22,
        0.0 if labels is None else 0.95,
    )
    room = WIDTH - left - space * len(groups) - gap * (k - 1) * len(groups)
    tile = min(tile, room / (1 + k * len(groups)))
    across = left + tile + len(groups) * (space + k * (tile + gap) - gap)
    head = 0.3 + 0.22 * max(name.count("\n") for name in groups)
    sheet = Sheet(across, head + len(queries) * (tile + gap) - gap, title, caption, alt)
    for row, query in enumerate(queries):
        y = head + row * (tile + gap)
        first = _tile(sheet, left, y, tile, query)
        if row == 0:
            first.set_title("query", fontsize=TEXT, color=INK, pad=4)
        if labels is not None:
            first.text(
                -0.08,
                0.5,
                labels[row],
                transform=first.transAxes,
                fontsize=SMALL,
                color=INK,
                ha="right",
                va="center",
            )
        x = left + tile + space
        for name, images in groups.items():
            for column, image in enumerate(images[row]):
                axes = _tile(sheet, x + column * (tile + gap), y, tile, image)
                if right is not None:
                    _frame(axes, bool(right[name][row][column]))
                if row == 0 and column == 0:
                    axes.set_title(name, fontsize=TEXT, color=INK, pad=4, loc="left")
            x += k * (tile + gap) - gap + space
    return Tiles(sheet.figure, sheet.alt)


def _tile(sheet, x, y, side, image):
    axes = sheet.axes(x, y, side, side)
    axes.imshow(image, interpolation="antialiased", aspect="auto", vmin=0, vmax=1)
    return axes


def _frame(axes, same):
    """Blue and whole for the same kind; orange with a cut corner for another: told apart without colour, too."""
    axes.add_patch(
        Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, lw=5, ec=SAME if same else OTHER)
    )
    if not same:
        axes.fill([0.68, 1, 1], [1, 1, 0.68], color=OTHER, transform=axes.transAxes)


def over_layers(layers, lines, ylabel, title="", caption="", intervals=None, alt=None, height=3.9, ylim=None):
    """`show.curves` over named layers: lines {label: a value for each layer}, intervals {label: (low, high)}."""
    picture = plots.curves(
        range(len(layers)), lines, "", ylabel, title, caption, intervals, alt, height=height, ylim=ylim
    )
    axes = picture.figure.axes[0]
    axes.set_xticks(range(len(layers)), labels=list(layers), fontsize=TEXT)
    return picture


def panels_over_layers(
    layers, panels, ylabel, title="", caption="", intervals=None, alt=None, height=3.6, ylim=None
):
    """Panels {name: {label: a value for each layer}} side by side on one scale, with one legend above.

    intervals: {panel: {label: (low, high)}}, each a value for each layer.
    """
    key, gap = 0.4, 0.25
    wide = (WIDTH - 0.7 - gap * (len(panels) - 1)) / len(panels)
    sheet = Sheet(WIDTH, key + 0.3 + height + 0.35, title, caption, alt)
    for number, (name, lines) in enumerate(panels.items()):
        axes = sheet.axes(0.7 + number * (wide + gap), key + 0.3, wide, height, bare=False)
        for i, (label, values) in enumerate(lines.items()):
            style = {"marker": MARKERS[i % len(MARKERS)], "linestyle": DASHES[i // 2 % len(DASHES)]}
            axes.plot(
                range(len(layers)),
                values,
                color=COLOURS[i % len(COLOURS)],
                lw=2.2,
                ms=7,
                label=label,
                **style,
            )
            if intervals:
                axes.fill_between(
                    range(len(layers)),
                    *intervals[name][label],
                    color=COLOURS[i % len(COLOURS)],
                    alpha=0.15,
                    lw=0,
                )
        axes.set_title(name, fontsize=TEXT, color=INK, loc="left", pad=6)
        axes.set_xticks(range(len(layers)), labels=list(layers), fontsize=SMALL)
        axes.axhline(0, color=plots.MUTED, lw=1)
        axes.grid(color="#dddddd", lw=0.8)
        if ylim:
            axes.set_ylim(*ylim)
        if number:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel(ylabel, fontsize=TEXT)
            axes.legend(
                fontsize=TEXT,
                frameon=False,
                loc="lower left",
                bbox_to_anchor=(-0.02, 1.06),
                ncols=len(lines),
                columnspacing=1.4,
                handletextpad=0.5,
            )
    return Tiles(sheet.figure, sheet.alt)


def planes(arrangements, labels, names, title="", caption="", alt=None, columns=3):
    """Arrangements {name: positions (n, 2)} as clouds of points, coloured and shaped by class, the class named in it.

    labels: (n,) integers; names: of the classes, written where the median point of each lies.
    """
    labels, gap = np.asarray(labels), 0.2
    columns = min(columns, len(arrangements))
    side = min(4.6, (WIDTH - gap * (columns - 1)) / columns)
    rows = -(-len(arrangements) // columns)
    sheet = Sheet(columns * (side + gap) - gap, rows * (side + 0.32), title, caption, alt)
    for number, (name, points) in enumerate(arrangements.items()):
        points = plots.as_array(points, name, (2,))
        if points.shape != (len(labels), 2):
            raise ValueError(f"{name}: expected positions ({len(labels)}, 2), got {points.shape}")
        row, column = divmod(number, columns)
        axes = sheet.axes(column * (side + gap), row * (side + 0.32) + 0.3, side, side, bare=False)
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color("#bbbbbb")
        axes.set_xticks([]), axes.set_yticks([])
        axes.set_title(name, fontsize=TEXT, color=INK, pad=5, loc="left")
        for label in range(len(names)):
            mine = points[labels == label]
            colour, marker = COLOURS[label % len(COLOURS)], "o^sD"[label // len(COLOURS) % 4]
            axes.plot(*mine.T, marker, ms=3.6, mew=0, color=colour, alpha=0.75)
        _words(
            axes, [(np.median(points[labels == i], 0), w) for i, w in enumerate(names) if (labels == i).any()]
        )
    return Tiles(sheet.figure, sheet.alt)


def _words(axes, words):
    """Write each word at its point (x, y), unless it would lie over one already written."""
    axes.margins(0.1)  # room for the words at the border
    axes.autoscale_view()
    taken = []
    for point, word in words:
        x, y = axes.transData.transform(point)  # px
        if any(abs(x - u) < 4.2 * (len(word) + len(other)) and abs(y - v) < 15 for u, v, other in taken):
            continue
        taken.append((x, y, word))
        axes.annotate(
            word,
            point,
            (0, 5),
            textcoords="offset points",
            fontsize=SMALL - 1,
            color=INK,
            ha="center",
            va="bottom",
            weight="bold",
            bbox={"fc": "white", "ec": "none", "alpha": 0.7, "pad": 0.8},
        )


def picture_grid(images, cells, title="", caption="", alt=None, width=WIDTH):
    """Images (n, 3, h, w), each in its own cell (row, column) of a grid (n, 2); cells without an image stay white."""
    images, cells = plots.as_images(images), np.asarray(cells)
    if cells.shape != (len(images), 2) or len(np.unique(cells, axis=0)) != len(cells):
        raise ValueError(f"cells: expected ({len(images)}, 2), all different, got shape {cells.shape}")
    rows, columns = cells.max(0) + 1
    tile = int(width * plots.DPI / columns) / plots.DPI
    sheet = Sheet(columns * tile, rows * tile, title, caption, alt)
    for image, (row, column) in zip(images, cells, strict=True):
        _tile(sheet, column * tile, row * tile, tile, image)
    return Tiles(sheet.figure, sheet.alt)
