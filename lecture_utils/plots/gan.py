"""Two players in pictures: curves side by side, points in the plane, sums of pictures."""

from statistics import median
from time import perf_counter

import numpy as np
from matplotlib.patches import Circle

from .images import vivid
from .sheet import (
    COLOURS,
    DASHES,
    INK,
    MARKERS,
    MUTED,
    SMALL,
    TEXT,
    WIDTH,
    Sheet,
    as_array,
    as_images,
    check_titles,
)


def panels(panels, title="", caption="", alt=None, height=2.9):
    """Charts side by side, with one legend above: a line keeps its colour from chart to chart.

    panels: {heading: {"x": (n,), "lines": {label: (n,) or, for several runs, (runs, n)}, "xlabel": .., "ylabel": ..}},
    and where wanted "ylim": (low, high), "log": True for a logarithmic y axis, "level": (y, name) for a dotted line.
    Of several runs each is a thin line, and their mean a thick one.
    """
    labels = list(dict.fromkeys(label for panel in panels.values() for label in panel["lines"]))
    key, left, gap = 0.34, 0.75, 1.0
    wide = (WIDTH - left - gap * (len(panels) - 1)) / len(panels)
    sheet = Sheet(WIDTH, key + 0.34 + height + 0.55, title, caption, alt)
    handles = {}
    for i, (heading, panel) in enumerate(panels.items()):
        axes = sheet.axes(left + i * (wide + gap), key + 0.34, wide, height, bare=False)
        axes.set_title(heading, fontsize=TEXT, color=INK, loc="left", pad=7)
        x = as_array(panel["x"], "x", (1,))
        for label, values in panel["lines"].items():
            runs = np.atleast_2d(as_array(values, label, (1, 2)))
            if runs.shape[1] != len(x):
                raise ValueError(f"lines: expected {len(x)} values for {label!r}, got {runs.shape[1]}")
            k = labels.index(label)
            style = {"color": COLOURS[1 + k % 7], "linestyle": DASHES[k % len(DASHES)]}
            if len(runs) > 1:
                axes.plot(x, runs.T, lw=0.8, alpha=0.45, **style)
            marks = {"marker": MARKERS[k % len(MARKERS)], "ms": 6} if len(x) <= 16 else {}
            (handles[label],) = axes.plot(x, runs.mean(0), lw=2.6, **style, **marks)
        if panel.get("log"):
            axes.set_yscale("log")
        if "ylim" in panel:
            axes.set_ylim(*panel["ylim"])
        if "level" in panel:
            y, name = panel["level"]
            axes.axhline(y, color=INK, lw=1.4, ls=":")
            axes.text(axes.get_xlim()[1], y, name, fontsize=SMALL, color=INK, ha="right", va="bottom")
        axes.set_xlabel(panel["xlabel"], fontsize=TEXT)
        axes.set_ylabel(panel["ylabel"], fontsize=TEXT)
        axes.grid(color="#dddddd", lw=0.8)
    sheet.figure.legend(
        handles.values(),
        handles.keys(),
        loc="upper left",
        ncols=len(handles),
        frameon=False,
        fontsize=TEXT,
        bbox_to_anchor=(0.25 / sheet.size[0], 1 - sheet.above / sheet.size[1] + 0.012),
        handlelength=2.6,
    )
    return sheet.picture()


def clouds(points, middles=None, radius=0.15, reach=2.6, title="", caption="", alt=None):
    """Sets of points {heading: (n, 2)} in charts side by side, all with the same axes, -reach to reach.

    middles: (k, 2), as circles of the given radius, in the units of the points.
    """
    gap = 0.15
    wide = min(2.6, (WIDTH - gap * (len(points) - 1)) / len(points))
    total, above = (
        len(points) * wide + gap * (len(points) - 1),
        0.12 + 0.23 * max(h.count("\n") + 1 for h in points),
    )
    sheet = Sheet(total, above + wide, title, caption, alt)
    for i, (heading, some) in enumerate(points.items()):
        some = as_array(some, heading, (2,))
        axes = sheet.axes(i * (wide + gap), above, wide, wide, bare=False)
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color("#bbbbbb")
        axes.set_xticks([]), axes.set_yticks([])
        axes.set_title(heading, fontsize=TEXT, color=INK, pad=6)
        if middles is not None:
            for middle in as_array(middles, "middles", (2,)):
                axes.add_patch(Circle(middle, radius, fill=False, ec=COLOURS[2], lw=1.4, zorder=3))
        axes.plot(*some.T, ".", ms=2.5, color=COLOURS[1], alpha=0.6)
        axes.set_xlim(-reach, reach), axes.set_ylim(-reach, reach)
    return sheet.picture()


def sums(rows, heads, title="", caption="", alt=None, tile=1.1):
    """Rows of four pictures (4, 3, h, w) as sums, first - second + third = fourth; heads: four texts above."""
    rows, heads = [as_images(row, "rows") for row in rows], check_titles(heads, 4)
    if any(len(row) != 4 for row in rows):
        raise ValueError("rows: expected four pictures in each: first - second + third = fourth")
    across, gap, between = 1 if len(rows) < 4 else 2, 0.34, 0.7
    down = -(-len(rows) // across)
    block = 4 * tile + 3 * gap
    sheet = Sheet(across * block + (across - 1) * between, 0.3 + down * (tile + 0.1), title, caption, alt)
    for i, row in enumerate(rows):
        y, x = divmod(i, across)
        for k, image in enumerate(row):
            axes = sheet.axes(x * (block + between) + k * (tile + gap), 0.3 + y * (tile + 0.1), tile, tile)
            axes.imshow(image, interpolation="nearest", aspect="auto")
            if y == 0:
                axes.set_title(heads[k], fontsize=SMALL, color=INK, pad=4)
            if k:
                axes.text(
                    -gap / tile / 2,
                    0.5,
                    " -+="[k].replace("-", "−"),
                    transform=axes.transAxes,
                    fontsize=22,
                    ha="center",
                    va="center",
                    color=MUTED,
                    clip_on=False,
                )
    return vivid(sheet.picture(), 128)


def milliseconds(work, times=5):
    """Median time of `work()`, ms: for figures, since it differs from machine to machine."""
    found = []
    for _ in range(times):
        began = perf_counter()
        work()
        found.append(perf_counter() - began)
    return 1e3 * median(found)


def costs(values, title="", caption="", alt=None):
    """Times {name: {what: ms}} as bars on a logarithmic axis, each with its time in words."""
    whats = list(dict.fromkeys(what for row in values.values() for what in row))
    left, key, step = 1.2, 0.36, 0.3 * len(whats) + 0.14
    sheet = Sheet(WIDTH - 1.5, key + step * len(values) + 0.6, title, caption, alt)
    axes = sheet.axes(left, key, WIDTH - 1.5 - left - 1.0, step * len(values), bare=False)
    low = 10 ** np.floor(np.log10(min(min(row.values()) for row in values.values())) - 0.3)
    for y, row in enumerate(values.values()):
        for what, value in row.items():
            k = whats.index(what)
            at = y + (k - (len(whats) - 1) / 2) * 0.8 / len(whats)
            axes.barh(
                at,
                value - low,
                0.72 / len(whats),
                left=low,
                color=COLOURS[1 + k],
                hatch=("", "///")[k % 2],
                ec="white",
                lw=0,
                label=what if y == 0 else None,
            )
            text = (
                f"{value / 1e3:.1f} s"
                if value >= 1e3
                else f"{value:.0f} ms"
                if value >= 10
                else f"{value:.1f} ms"
            )
            axes.text(value * 1.15, at, text, va="center", fontsize=TEXT, color=INK)
    axes.set_xscale("log")
    axes.set_xlim(left=low)
    axes.set_yticks(range(len(values)), labels=list(values), fontsize=TEXT)
    axes.set_ylim(len(values) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time, ms", fontsize=TEXT)
    axes.grid(axis="x", color="#dddddd", lw=0.8)
    axes.set_axisbelow(True)
    axes.legend(
        fontsize=TEXT, frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 0.99), ncols=len(whats)
    )
    return sheet.picture()
