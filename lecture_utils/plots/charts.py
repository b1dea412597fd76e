"""Curves, bars, and how often each value of a factor comes."""

from math import ceil

import numpy as np

from .sheet import COLOURS, DASHES, INK, MARKERS, SMALL, TEXT, WIDTH, Sheet, as_array


def curves(x, lines, xlabel, ylabel, title="", caption="", intervals=None, alt=None, height=4.0, ylim=None):
    """Lines {label: values} over x, told apart by marker and dash too; intervals {label: (low, high)}."""
    x = as_array(x, "x", (1,))
    columns = 2 if max(map(len, lines)) > 16 else 4
    key = 0.1 + 0.26 * ceil(len(lines) / columns)
    sheet = Sheet(WIDTH - 1.5, key + height + 0.55, title, caption, alt)
    axes = sheet.axes(0.75, key, WIDTH - 2.5, height, bare=False)
    for i, (label, values) in enumerate(lines.items()):
        values, colour = as_array(values, label, (1,)), COLOURS[i % len(COLOURS)]
        if len(values) != len(x):
            raise ValueError(f"lines: expected {len(x)} values for {label!r}, got {len(values)}")
        style = {"marker": MARKERS[i % len(MARKERS)], "linestyle": DASHES[i // 2 % len(DASHES)]}
        axes.plot(x, values, color=colour, lw=2.2, ms=7, label=label, **style)
        if intervals and label in intervals:
            axes.fill_between(x, *intervals[label], color=colour, alpha=0.15, lw=0)
    axes.set_xlabel(xlabel, fontsize=TEXT)
    axes.set_ylabel(ylabel, fontsize=TEXT)
    axes.grid(color="#dddddd", lw=0.8)
    if len(x) <= 12:
        axes.set_xticks(x)
    if ylim:
        axes.set_ylim(*ylim)
    axes.legend(fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=columns)
    return sheet.picture()


def bars(
    values,
    xlabel,
    title="",
    caption="",
    intervals=None,
    line=None,
    line_label="",
    alt=None,
    form="{:.2f}",
    xlim=None,
):
    """Horizontal bars {label: value}; the value stands at each.

    A value may be a list (say, of training seeds): the bar is their mean, the dots are they. Or a dict {series:
    value or list}: one bar for each series, told apart by colour and hatching, with a legend.
    intervals: {label: (low, high)}, without series only. line: x of a dashed line (a threshold), named line_label.
    """
    if not values:
        raise ValueError("values: expected at least one bar, got none")
    rows = {label: v if isinstance(v, dict) else {"": v} for label, v in values.items()}
    series = list(dict.fromkeys(name for row in rows.values() for name in row))
    rows = {
        label: {n: as_array(np.atleast_1d(v), label, (1,)) for n, v in row.items()}
        for label, row in rows.items()
    }
    step = 0.44 if len(series) == 1 else 0.3 * len(series) + 0.12
    left = 0.3 + 0.098 * max(map(len, rows))
    box = WIDTH - 1.5 - left - 0.8, len(rows) * step
    columns = max(1, min(len(series), int(box[0] / (0.7 + 0.085 * max(map(len, series))))))
    above = 0.2 * (line is not None)  # inches for the name of the line, or for the legend
    above = above if series == [""] else 0.05 + 0.25 * -(-len(series) // columns)
    sheet = Sheet(WIDTH - 1.5, len(rows) * step + 0.68 + above, title, caption, alt)
    axes = sheet.axes(left, 0.05 + above, *box, bare=False)
    ends = [n.max() for row in rows.values() for n in row.values()]
    ends += [high for _, high in (intervals or {}).values()]
    top = xlim[1] if xlim else max(*ends, line or 0, 1e-12) * 1.05
    thick = 0.66 / len(series)
    for y, (label, row) in enumerate(rows.items()):
        for name, number in row.items():
            at = y + (series.index(name) - (len(series) - 1) / 2) * thick
            colour, hatch = COLOURS[1 + series.index(name)], ("", "///", "...")[series.index(name) % 3]
            axes.barh(
                at,
                number.mean(),
                height=0.92 * thick,
                color=colour,
                hatch=hatch,
                ec="white",
                lw=0,
                label=name if y == 0 else None,
            )
            reach = number.max()
            if len(number) > 1:
                axes.plot(number, np.full(len(number), at), "o", ms=5.5, color=INK, mfc="white")
            if intervals and label in intervals:
                axes.plot(intervals[label], [at, at], color=INK, lw=2)
                reach = max(reach, intervals[label][1])
            text = form.format(number.mean())
            axes.text(max(reach, 0) + 0.015 * top, at, text, va="center", fontsize=TEXT, color=INK)
    axes.set_yticks(range(len(rows)), labels=list(rows), fontsize=TEXT)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(xlim or (min(0, *(n.min() for row in rows.values() for n in row.values())), top))
    axes.set_xlabel(xlabel, fontsize=TEXT)
    axes.tick_params(axis="y", length=0)
    if series != [""]:
        axes.legend(
            fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 0.995), ncols=columns
        )
    if line is not None:
        axes.axvline(line, color=INK, lw=1.8, ls="--")
        axes.text(line, -0.62, f" {line_label}", color=INK, fontsize=SMALL, va="bottom", ha="center")
    return sheet.picture()


def shares(factors, title="", caption="", alt=None, columns=4, height=1.55):
    """Histograms of factors side by side, `columns` in a row: {factor: (names, {source: shares})}.

    names: a text for each share; the shares of a source are numbers that add up to 1. A source keeps its colour and
    its hatching from chart to chart. Errors: ValueError for shares that are not as many as the names.
    """
    sources = list(dict.fromkeys(source for _, found in factors.values() for source in found))
    left, gap, key, above = 0.62, 0.5, 0.34, 0.34
    wide = (WIDTH - left - gap * (columns - 1)) / columns
    longest = [max(map(len, names)) for names, _ in factors.values()]
    below = [
        0.3 + 0.06 * max(longest[i : i + columns]) for i in range(0, len(longest), columns)
    ]  # of each row
    rows = [key + sum(above + height + some for some in below[:i]) for i in range(len(below) + 1)]
    sheet = Sheet(WIDTH, rows[-1], title, caption, alt)
    handles, thick = {}, 0.8 / len(sources)
    for i, (factor, (names, found)) in enumerate(factors.items()):
        place = left + i % columns * (wide + gap), rows[i // columns] + above
        axes = sheet.axes(*place, wide, height, bare=False)
        axes.set_title(factor, fontsize=TEXT, color=INK, loc="left", pad=6)
        for source, values in found.items():
            values, k = as_array(values, source, (1,)), sources.index(source)
            if len(values) != len(names):
                raise ValueError(f"factors: expected {len(names)} shares of {source!r}, got {len(values)}")
            at = np.arange(len(values)) + (k - (len(sources) - 1) / 2) * thick
            handles[source] = axes.bar(
                at, values, thick, color=COLOURS[k], hatch=("", "///", "...")[k % 3], ec="white", lw=0
            )
        axes.set_xticks(
            range(len(names)), labels=names, fontsize=SMALL, rotation=40, ha="right", rotation_mode="anchor"
        )
        axes.tick_params(axis="x", length=0)
        axes.tick_params(axis="y", labelsize=SMALL)
        if i % columns == 0:
            axes.set_ylabel("share", fontsize=TEXT)
    sheet.figure.legend(
        handles.values(),
        handles.keys(),
        loc="upper left",
        ncols=len(handles),
        frameon=False,
        fontsize=TEXT,
        bbox_to_anchor=(0.25 / sheet.size[0], 1 - sheet.above / sheet.size[1] + 0.012),
    )
    return sheet.picture()
