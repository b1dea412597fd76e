"""Codes in pictures: curves over a logarithmic axis, the plane of codes, single draws, and what an axis follows."""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize

from .images import MANY, mosaic, vivid
from .sheet import COLOURS, DASHES, INK, MARKERS, MUTED, SMALL, TEXT, WIDTH, Sheet, as_array

PLANE = (*MANY[:5], "#E69F00", *MANY[6:], INK)  # of ten classes: sand would be too near the olive before it
SQUARE = np.array([[-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1]])  # its corners, the first one twice


def log_curves(
    x,
    lines,
    xlabel,
    ylabel,
    title="",
    caption="",
    intervals=None,
    level=None,
    alt=None,
    height=3.5,
    ylim=None,
    log_y=False,
    log_x=True,
):
    """Lines {label: values} over a logarithmic x, or a plain one, with a tick at each point.

    intervals: {label: (low, high)}, shaded. level: (value, name), a dashed line across.
    """
    x = as_array(x, "x", (1,))
    columns = 3 if max(map(len, lines)) > 16 else 4
    key = 0.1 + 0.26 * -(-len(lines) // columns)
    sheet = Sheet(WIDTH - 1.5, key + height + 0.55, title, caption, alt)
    axes = sheet.axes(0.8, key, WIDTH - 2.6, height, bare=False)
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")  # no powers of ten: their fonts are not everywhere
    for i, (label, values) in enumerate(lines.items()):
        values, colour = as_array(values, label, (1,)), COLOURS[(i + 1) % len(COLOURS)]
        if len(values) != len(x):
            raise ValueError(f"lines: expected {len(x)} values for {label!r}, got {len(values)}")
        style = {"marker": MARKERS[i % len(MARKERS)], "linestyle": DASHES[i % len(DASHES)]}
        axes.plot(x, values, color=colour, lw=2.2, ms=7, label=label, **style)
        if intervals and label in intervals:
            axes.fill_between(x, *intervals[label], color=colour, alpha=0.14, lw=0)
    if level is not None:
        axes.axhline(level[0], color=INK, lw=1.8, ls="--")
        axes.text(x[-1], level[0], level[1], color=INK, fontsize=TEXT, ha="right", va="bottom")
    axes.set_xticks(x, labels=[f"{value:g}" for value in x])
    axes.minorticks_off()
    axes.set_xlabel(xlabel, fontsize=TEXT)
    axes.set_ylabel(ylabel, fontsize=TEXT)
    axes.grid(color="#dddddd", lw=0.8)
    if ylim:
        axes.set_ylim(*ylim)
    axes.legend(fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=columns)
    return sheet.picture()


def plane(pictures, reach, codes=None, labels=None, classes=(), title="", caption="", alt=None, side=4.7):
    """What the decoder draws over a square of two-dimensional codes, and beside it where real pictures have theirs.

    pictures: (rows, columns, h, w) grey or (rows, columns, 3, h, w), in [0, 1]; the first row is the top, second axis
    at +reach; the first column is the left, first axis at -reach. codes: (n, 2), all shown; where some lie beyond the
    reach, a dashed square says how much of their plane is drawn on the left. labels: (n,) into classes.
    """
    pictures = np.asarray(pictures, float).clip(0, 1)
    rows, columns = pictures.shape[:2]
    tiles = pictures.reshape(rows * columns, *pictures.shape[2:])
    tiles = np.repeat(tiles[..., None], 3, -1) if tiles.ndim == 3 else tiles.transpose(0, 2, 3, 1)
    sheet = Sheet(WIDTH if codes is not None else side + 0.5, side + 0.45, title, caption, alt)
    axes = sheet.axes(0.45, 0, side, side, bare=False)
    axes.imshow(
        mosaic(tiles, columns, 4, gap=4, ground=0.45), extent=(-reach, reach) * 2, interpolation="nearest"
    )
    boxes = [axes]
    if codes is not None:
        right = sheet.axes(0.45 + side + 0.55, 0, WIDTH - side - 2.0, side, bare=False)
        codes, labels = as_array(codes, "codes", (2,)), np.asarray(labels)
        for k, name in enumerate(classes):
            of = labels == k
            style = {"color": PLANE[k % 10], "marker": (*MARKERS, "<", ">", "h")[k % 10]}
            right.plot(*codes[of].T, ls="none", ms=5, alpha=0.8, label=name, **style)
        far = 1.05 * float(np.abs(codes).max())
        if far > reach:
            right.plot(*reach * SQUARE, color=MUTED, lw=1.4, ls="--")
        right.set_xlim(-max(reach, far), max(reach, far)), right.set_ylim(-max(reach, far), max(reach, far))
        right.legend(
            fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.02), handletextpad=0.1
        )
        boxes.append(right)
    for box in boxes:
        box.set_xlabel("first number of the code", fontsize=TEXT)
    axes.set_ylabel("second number", fontsize=TEXT, labelpad=1)
    return vivid(sheet.picture(), 96)


def single_draws(draws, truth, xlabel, title="", caption="", alt=None, reach=None):
    """Histograms of single draws of several estimators {label: (n,)}, one below another, with the value they aim at."""
    draws = {label: as_array(values, label, (1,)) for label, values in draws.items()}
    reach = reach or max(np.abs(values - truth).max() for values in draws.values())
    high = 1.05
    sheet = Sheet(WIDTH - 1.5, len(draws) * (high + 0.32) + 0.4, title, caption, alt)
    for i, (label, values) in enumerate(draws.items()):
        axes = sheet.axes(0.2, 0.28 + i * (high + 0.32), WIDTH - 2.0, high, bare=False)
        axes.hist(values, bins=np.linspace(truth - reach, truth + reach, 81), color=COLOURS[1 + i], lw=0)
        axes.axvline(truth, color=INK, lw=1.6, ls="--")
        outside = float((np.abs(values - truth) > reach).mean())
        text = f"{label}: standard deviation {values.std():.3g}"
        text += f" ({outside:.0%} lie outside)" if outside > 0.005 else ""
        axes.set_title(text, fontsize=TEXT, color=INK, loc="left", pad=4)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        if i + 1 < len(draws):
            axes.set_xticklabels([])
    axes.set_xlabel(xlabel, fontsize=TEXT)
    return sheet.picture()


def matrix(
    values, rows, columns, title="", caption="", alt=None, label="", form="{:.2f}", height=0.34, top=None
):
    """Numbers (rows, columns) from 0 up, each in a field as bright as it is large, with a colour bar."""
    values = as_array(values, "values", (2,))
    if values.shape != (len(rows), len(columns)):
        raise ValueError(f"values: expected shape ({len(rows)}, {len(columns)}), got {values.shape}")
    left, above = 0.3 + 0.1 * max(map(len, rows)), 0.3
    wide = min(1.1, (WIDTH - left - 1.2) / len(columns))
    sheet = Sheet(left + wide * len(columns) + 1.2, above + height * len(rows), title, caption, alt)
    axes = sheet.axes(left, above, wide * len(columns), height * len(rows), bare=False)
    norm = Normalize(0, top or max(values.max(), 1e-12))
    axes.imshow(values, cmap="viridis", norm=norm, aspect="auto", interpolation="nearest")
    for (y, x), value in np.ndenumerate(values):
        light = np.dot(colormaps["viridis"](norm(value))[:3], (0.3, 0.6, 0.1)) > 0.5
        axes.text(
            x,
            y,
            form.format(value),
            ha="center",
            va="center",
            fontsize=SMALL,
            color=INK if light else "white",
        )
    axes.set_xticks(range(len(columns)), labels=columns, fontsize=SMALL)
    axes.set_yticks(range(len(rows)), labels=rows, fontsize=SMALL)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    sheet.colour_bar(left + wide * len(columns) + 0.2, above, height * len(rows), norm, "viridis", label)
    return sheet.picture()


def growing_rows(rows, columns, title="", caption="", alt=None, tile=0.72):
    """A picture that improves: rows {label: pictures (n, c, h, w) in [0, 1]} of small tiles, for `Live`."""
    left = 0.2 + 0.1 * max(map(len, rows))
    step = tile + 0.06
    sheet = Sheet(left + step * columns, step * len(rows), title, caption, alt)
    for y, (label, pictures) in enumerate(rows.items()):
        pictures = as_array(pictures, label, (4,)).clip(0, 1)
        for x, picture in enumerate(pictures[:columns]):
            axes = sheet.axes(left + x * step, y * step, tile, tile)
            colours = np.repeat(picture, 3, 0) if len(picture) == 1 else picture
            axes.imshow(colours.transpose(1, 2, 0), interpolation="nearest", aspect="auto")
            if x == 0:
                axes.text(
                    -0.08,
                    0.5,
                    label,
                    transform=axes.transAxes,
                    ha="right",
                    va="center",
                    fontsize=SMALL,
                    color=MUTED,
                )
    return vivid(sheet.picture(), 64)
