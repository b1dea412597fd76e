"""Heatmaps of several methods side by side, and their scores: dots with intervals, slopes, levels over depth."""

from math import ceil

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from .sheet import (
    COLOURS,
    DASHES,
    INK,
    LUMINANCE,
    MARKERS,
    MUTED,
    SMALL,
    TEXT,
    WIDTH,
    Sheet,
    as_array,
    as_images,
    grid_sheet,
)

KINDS = {"floor": ("#767676", "D"), "method": (COLOURS[1], "o"), "ceiling": (COLOURS[2], "s")}


def heat_colours(image, heat, signed):
    """A heatmap (h, w) over the grey image (h, w, 3), on its own scale: colours (h, w, 3).

    signed: blue below zero, red above; else dark to bright.
    """
    limit = max(np.abs(heat).max(), 1e-30)
    share = np.abs(heat) / limit
    cmap, norm = ("coolwarm", Normalize(-limit, limit)) if signed else ("magma", Normalize(0, limit))
    colour = colormaps[cmap](norm(heat))[..., :3]
    alpha = (0.9 * np.sqrt(share) if signed else 0.25 + 0.65 * share)[..., None]
    return alpha * colour + (1 - alpha) * (0.25 + 0.75 * (image @ LUMINANCE))[..., None]


def method_maps(image, maps, title="", caption="", columns=5, notes=None, alt=None):
    """One picture (3, h, w), and over it each method's map {name: (heat (h, w), signed)}, each on its own scale.

    Methods have different units, so their colours cannot be compared, only their places. notes: {name: second line}.
    """
    image = as_images(image, "image")[0]
    tiles = {"the picture": image}
    for name, (heat, signed) in maps.items():
        tiles[name] = heat_colours(image, as_array(heat, name, (2,)), signed)
    titles = [f"{name.replace(', ', ',' + chr(10))}" for name in tiles]
    if notes:
        titles = [f"{text}\n{notes.get(name, '')}" for text, name in zip(titles, tiles, strict=True)]
    lines = max(text.count("\n") for text in titles)
    titles = [("\n" * (lines - text.count("\n"))) + text for text in titles]
    sheet, boxes, _ = grid_sheet(
        len(tiles), image.shape[:2], titles, columns, title, caption, alt, tile=(WIDTH - 1.6) / columns
    )
    for axes, tile in zip(boxes, tiles.values(), strict=True):
        axes.imshow(tile.clip(0, 1), interpolation="antialiased", aspect="auto")
    return sheet.picture()


def dot_table(rows, columns, kinds, title="", caption="", alt=None, marks=None):
    """A table of dots with intervals: {row: {column: (mean, low, high)}}; a row may lack a column.

    columns: {column: (label, (left, right), line)}, the label, the limits of its axis, and x of a dashed line (what
    knows nothing scores), or None. kinds: {row: "floor", "method" or "ceiling"}, told apart by colour and shape.
    marks: {(row, column)}: dots that are filled; the others are hollow. None fills all.
    """
    left, high, step, above = 2.75, 0.262, 0.14, 0.55
    wide = (WIDTH - left - step * len(columns)) / len(columns)
    sheet = Sheet(WIDTH, above + high * len(rows) + 0.55, title, caption, alt)
    for i, (column, (label, limits, line)) in enumerate(columns.items()):
        axes = sheet.axes(left + i * (wide + step), above, wide, high * len(rows), bare=False)
        axes.set_title(label, fontsize=SMALL, color=INK, pad=5)
        for y, (row, scores) in enumerate(rows.items()):
            if y % 2 == 0:
                axes.axhspan(y - 0.5, y + 0.5, color="#f2f2f2", lw=0, zorder=0)
            if column in scores:
                mean, low, top = scores[column]
                colour, marker = KINDS[kinds[row]]
                full = marks is None or (row, column) in marks
                axes.plot([low, top], [y, y], color=colour, lw=2, zorder=2)
                axes.plot(
                    mean, y, marker, color=colour, mfc=colour if full else "white", mew=1.6, ms=6.5, zorder=3
                )
        if line is not None:
            axes.axvline(line, color=INK, lw=1.2, ls="--", zorder=1)
        margin = 0.06 * (limits[1] - limits[0])  # a dot at the end is seen whole
        axes.set_xlim(limits[0] - margin, limits[1] + margin)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        ticks = [limits[0], (limits[0] + limits[1]) / 2, limits[1]]
        axes.set_xticks(
            ticks, labels=[f"{tick:.2g}".replace("-0.", "−.").replace("0.", ".") for tick in ticks]
        )
        for label, side in zip(axes.get_xticklabels(), ("left", "center", "right"), strict=True):
            label.set_ha(side)
        if i == 0:
            for y, row in enumerate(rows):
                axes.text(
                    -0.06,
                    y,
                    row,
                    transform=axes.get_yaxis_transform(),
                    ha="right",
                    va="center",
                    fontsize=SMALL,
                    color=INK,
                )
    drawn = dict.fromkeys(kinds[row] for row in rows)
    handles = [Line2D([], [], color=KINDS[k][0], marker=KINDS[k][1], lw=2, label=k) for k in drawn]
    sheet.figure.axes[0].legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(-left / wide * 0.98, -0.13 * 6 / len(rows)),
        ncols=len(handles),
        frameon=False,
        fontsize=SMALL,
        borderaxespad=0,
    )
    return sheet.picture()


def slopes(values, ends, ylabel, title="", caption="", alt=None):
    """Each method's score under two or more conditions, joined by lines: {method: (first, ..., last)}. Lines that
    cross swap ranks.

    values may be {panel: {method: (first, ..., last)}} for panels side by side. ends: the names of the conditions.
    """
    panels = values if isinstance(next(iter(values.values())), dict) else {"": values}
    height, room, last = 4.3, 1.75, len(ends) - 1
    wide = (WIDTH - 0.3 * (len(panels) - 1)) / len(panels)
    sheet = Sheet(WIDTH, height + 0.75, title, caption, alt)
    for i, (panel, methods) in enumerate(panels.items()):
        axes = sheet.axes(0.6 + i * (wide + 0.3), 0.35, wide - room - 0.6, height, bare=False)
        axes.set_title(panel, fontsize=TEXT, color=INK)
        for k, (_, pair) in enumerate(methods.items()):
            style = {"marker": MARKERS[k % len(MARKERS)], "linestyle": DASHES[k // 2 % len(DASHES)]}
            axes.plot(range(len(ends)), pair, color=COLOURS[k % len(COLOURS)], lw=2, ms=7, **style)
        low, high = axes.get_ylim()
        ys = _apart([pair[-1] for pair in methods.values()], 0.052 * (high - low), (low, high))
        for k, ((method, pair), y) in enumerate(zip(methods.items(), ys, strict=True)):
            axes.annotate(
                method,
                (last, pair[-1]),
                (1.1 * last, y),
                fontsize=SMALL,
                color=COLOURS[k % len(COLOURS)],
                va="center",
                arrowprops={
                    "arrowstyle": "-",
                    "color": COLOURS[k % len(COLOURS)],
                    "lw": 0.8,
                    "relpos": (0, 0.5),
                },
                annotation_clip=False,
            )
        axes.set_xlim(-0.1 * last, 1.05 * last)
        axes.set_xticks(range(len(ends)), labels=ends, fontsize=TEXT if last == 1 else SMALL)
        axes.set_ylabel(ylabel if i == 0 else "", fontsize=TEXT)
    return sheet.picture()


def _apart(values, gap, limits):
    """The values moved little, so that neighbours are at least `gap` apart; in the same order, within the limits."""
    order, placed = np.argsort(values), np.array(values, float)
    for _ in range(500):
        for low, high in zip(order[:-1], order[1:], strict=True):
            short = gap - (placed[high] - placed[low])
            if short > 1e-9:
                placed[low] -= short / 2
                placed[high] += short / 2
        placed = placed.clip(*limits)
    return placed


def over_depth(steps, panels, references, ylabel, title="", caption="", alt=None, ylim=(-0.4, 1.02)):
    """Curves over depth in panels side by side, {panel: {method: [(mean, low, high), ...]}}, and beside each panel its
    references as levels, {panel: {method: {reference: mean}}}: the same marker in the method's colour.

    steps: the names on the x axis.
    """
    names = list(next(iter(panels.values())))
    kinds = list(next(iter(next(iter(references.values())).values())))
    key = 0.3 * ceil(len(names) / 3)
    wide, height, side = (WIDTH - 0.9) / len(panels), 3.75, 0.36 * len(kinds) + 0.1
    sheet = Sheet(WIDTH, key + height + 1.05, title, caption, alt)
    x = np.arange(len(steps))
    for i, (panel, lines) in enumerate(panels.items()):
        at = 0.75 + i * (wide + 0.15)
        axes = sheet.axes(at, key + 0.35, wide - side - 0.35, height, bare=False)
        beside = sheet.axes(at + wide - side - 0.25, key + 0.35, side, height, bare=False)
        for k, (method, values) in enumerate(lines.items()):
            mean, low, high = np.array(values, float).T
            colour, style = COLOURS[k % len(COLOURS)], DASHES[k // 2 % len(DASHES)]
            axes.plot(x, mean, color=colour, marker=MARKERS[k], ms=6.5, lw=2, ls=style, label=method)
            axes.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
            levels = [references[panel][method][kind] for kind in kinds]
            beside.plot(range(len(kinds)), levels, MARKERS[k], color=colour, ms=7, mfc="white", mew=1.8)
        for each in (axes, beside):
            each.set_ylim(*ylim)
            each.grid(color="#dddddd", lw=0.8, axis="y")
            each.axhline(0, color=MUTED, lw=0.8)
        axes.set_title(panel, fontsize=TEXT, color=INK)
        axes.set_xticks(x, labels=steps, rotation=55, ha="right", fontsize=SMALL)
        beside.set_xticks(range(len(kinds)), labels=kinds, rotation=55, ha="right", fontsize=SMALL)
        beside.set_xlim(-0.5, len(kinds) - 0.5)
        beside.set_yticklabels([])
        if i == 0:
            axes.set_ylabel(ylabel, fontsize=TEXT)
            axes.legend(
                fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(-0.12, 1.09), ncols=3
            )
        else:
            axes.set_yticklabels([])
    return sheet.picture()


def effect_bars(effects, title="", caption="", xlabel="", alt=None, form="{:+.2f}"):
    """What each part does, one panel for each question: {question: {part: effect}}, all on one scale."""
    names = list(next(iter(effects.values())))
    left, row, step = 0.2 + 0.1 * max(map(len, names)), 0.4, 0.25
    wide, height = (WIDTH - left - step * (len(effects) - 1)) / len(effects), row * len(names)
    sheet = Sheet(WIDTH, 0.35 + height + 0.55, title, caption, alt)
    numbers = [value for some in effects.values() for value in some.values()]
    low, high = min(*numbers, 0), max(*numbers, 0)
    room = 0.3 * (high - low)
    for i, (question, some) in enumerate(effects.items()):
        axes = sheet.axes(left + i * (wide + step), 0.35, wide, height, bare=False)
        axes.set_title(question, fontsize=TEXT, color=INK)
        for y, value in enumerate(some.values()):
            axes.barh(
                y, value, height=0.62, color=COLOURS[1 + i], hatch=("", "///", "...")[i % 3], ec="white", lw=0
            )
            axes.text(max(value, 0), y, " " + form.format(value), va="center", fontsize=SMALL, color=INK)
        axes.axvline(0, color=MUTED, lw=0.9)
        axes.set_xlim(low - 0.05 * (high - low), high + room)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_yticks(range(len(names)), labels=names if i == 0 else [""] * len(names), fontsize=TEXT)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(xlabel, fontsize=SMALL)
    return sheet.picture()
