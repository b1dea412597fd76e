"""Bars and histograms: with series, intervals and dots; of factors, effects, times, and of many values."""

import numpy as np
from matplotlib.axes import Axes

from ..checks import check_count
from . import given
from .given import Named, figure
from .look import COLOURS, INK, MUTED, SMALL, TEXT, WIDTH, legend, write
from .sheet import Picture, Sheet, panel_sheet

HATCHES = ("", "///", "...")


def _look(k: int, first: int = 1) -> dict:
    """Colour and hatching of series k."""
    colour = COLOURS[(first + k) % len(COLOURS)]
    return {"color": colour, "hatch": HATCHES[k % len(HATCHES)], "ec": "white", "lw": 0}


def _name_rows(axes: Axes, names, limits, size=TEXT):
    """A name at the left of each bar, from the top down."""
    axes.set_yticks(range(len(names)), labels=list(names), fontsize=size)
    axes.set_ylim(*limits)
    axes.tick_params(axis="y", length=0)


@figure
def bars(
    values: Named,
    xlabel="",
    title="",
    caption="",
    intervals=None,
    line=None,
    line_label="",
    form="{:.2f}",
    xlim=None,
) -> Picture:
    """Horizontal bars {label: value}; the value stands at each.

    A value may be a list (say, of training seeds): the bar is their mean, the dots are they. Or a dict {series:
    value or list}: one bar for each series, told apart by colour and hatching, with a legend.
    intervals: {label: (low, high)}, without series only. line: x of a dashed line (a threshold), named line_label.
    Errors: ValueError.
    """
    rows = {label: v if isinstance(v, dict) else {"": v} for label, v in values.items()}
    series = list(dict.fromkeys(name for row in rows.values() for name in row))
    rows = {
        label: {n: np.atleast_1d(given.array(v, label, (0, 1))) for n, v in row.items()}
        for label, row in rows.items()
    }
    spans = {label: given.array(v, "intervals", (1,)) for label, v in (intervals or {}).items()}
    numbers = [n for row in rows.values() for n in row.values()]
    step = 0.44 if len(series) == 1 else 0.3 * len(series) + 0.12
    left = 0.3 + 0.098 * max(map(len, rows))
    box = WIDTH - 1.5 - left - 0.8, len(rows) * step
    columns = max(1, min(len(series), int(box[0] / (0.7 + 0.085 * max(map(len, series))))))
    above = 0.2 * (line is not None)  # inches for the name of the line, or for the legend
    above = above if series == [""] else 0.05 + 0.25 * -(-len(series) // columns)
    sheet = Sheet(WIDTH - 1.5, len(rows) * step + 0.68 + above, title, caption)
    axes = sheet.chart(left, 0.05 + above, *box, "", xlabel, grid="")
    ends = [*(n.max() for n in numbers), *(span[1] for span in spans.values())]
    top, thick = xlim[1] if xlim else max(*ends, line or 0, 1e-12) * 1.05, 0.66 / len(series)
    for y, (label, row) in enumerate(rows.items()):
        for name, number in row.items():
            k = series.index(name)
            at = y + (k - (len(series) - 1) / 2) * thick
            end = _bar(axes, at, number, spans.get(label), 0.92 * thick, _look(k), None if y else name)
            text = form.format(number.mean())
            axes.text(max(end, 0) + 0.015 * top, at, text, va="center", fontsize=TEXT, color=INK)
    _name_rows(axes, rows, (len(rows) - 0.4, -0.6))
    axes.set_xlim(xlim or (min(0, *(n.min() for n in numbers)), top))
    if series != [""]:
        legend(axes, (-0.01, 0.995), ncols=columns)
    if line is not None:
        axes.axvline(line, color=INK, lw=1.8, ls="--")
        axes.text(line, -0.62, f" {line_label}", color=INK, fontsize=SMALL, va="bottom", ha="center")
    return sheet.picture()


def _bar(axes: Axes, at, number, span, thick, look, label):
    """A bar to the mean of some numbers, dots for them and a line for an interval; where all that ends."""
    axes.barh(at, number.mean(), height=thick, label=label, **look)
    if len(number) > 1:
        axes.plot(number, np.full(len(number), at), "o", ms=5.5, color=INK, mfc="white")
    if span is None:
        return number.max()
    axes.plot(span, [at, at], color=INK, lw=2)
    return max(number.max(), span[1])


@figure
def shares(factors: Named, title="", caption="", columns=4, height=1.55) -> Picture:
    """Histograms of factors side by side, `columns` in a row: {factor: (names, {source: shares})}.

    names: a text for each share; the shares of a source are numbers that add up to 1. A source keeps its colour and
    its hatching from chart to chart. Errors: ValueError for shares that are not as many as the names.
    """
    factors = {
        factor: (given.names(names, "factors"), given.sets(found, "factors", (1,), len(names)))
        for factor, (names, found) in factors.items()
    }
    check_count(columns, "columns", 1, 6)
    sources = list(dict.fromkeys(source for _, found in factors.values() for source in found))
    left, gap, key, above = 0.62, 0.5, 0.34, 0.34
    wide = (WIDTH - left - gap * (columns - 1)) / columns
    longest = [max(map(len, names)) for names, _ in factors.values()]
    below = [
        0.3 + 0.06 * max(longest[i : i + columns]) for i in range(0, len(longest), columns)
    ]  # of each row
    rows = [key + sum(above + height + some for some in below[:i]) for i in range(len(below) + 1)]
    sheet, handles, thick = Sheet(WIDTH, rows[-1], title, caption), {}, 0.8 / len(sources)
    for i, (factor, (names, found)) in enumerate(factors.items()):
        place = left + i % columns * (wide + gap), rows[i // columns] + above, wide, height
        axes = sheet.chart(*place, factor, "", "" if i % columns else "share", grid="", loc="left")
        for source, values in found.items():
            k = sources.index(source)
            at = np.arange(len(values)) + (k - (len(sources) - 1) / 2) * thick
            handles[source] = axes.bar(at, values, thick, **_look(k, 0))
        tilted = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(len(names)), labels=names, fontsize=SMALL, **tilted)
        axes.tick_params(axis="x", length=0)
    sheet.legend(handles)
    return sheet.picture()


@figure
def effect_bars(effects: Named, title="", caption="", xlabel="") -> Picture:
    """What each part does, one panel for each question: {question: {part: effect}}, all on one scale."""
    effects = {question: given.sets(some, "effects", (0,)) for question, some in effects.items()}
    names = list(next(iter(effects.values())))
    height = 0.4 * len(names)
    sheet, places = panel_sheet(
        len(effects), 0.2 + 0.1 * max(map(len, names)), 0.25, 0.35, height, 0.55, title, caption
    )
    numbers = [float(value) for some in effects.values() for value in some.values()]
    low, high = min(*numbers, 0), max(*numbers, 0)
    for i, (question, some) in enumerate(effects.items()):
        axes = sheet.chart(*places[i], question, grid="")
        axes.set_xlabel(xlabel, fontsize=SMALL)
        for y, value in enumerate(map(float, some.values())):
            axes.barh(y, value, height=0.62, **_look(i))
            axes.text(max(value, 0), y, f" {value:+.2f}", va="center", fontsize=SMALL, color=INK)
        axes.axvline(0, color=MUTED, lw=0.9)
        axes.set_xlim(low - 0.05 * (high - low), high + 0.3 * (high - low))
        _name_rows(axes, [""] * len(names) if i else names, (len(names) - 0.5, -0.5))
        axes.spines["left"].set_visible(False)
    return sheet.picture()


@figure
def costs(values: Named, title="", caption="") -> Picture:
    """Times {name: {what: ms}} as bars on a logarithmic axis, each with its time in words."""
    values = {name: given.sets(row, "values", (0,)) for name, row in values.items()}
    whats = list(dict.fromkeys(what for row in values.values() for what in row))
    left, key, step, thick = 1.2, 0.36, 0.3 * len(whats) + 0.14, 0.8 / len(whats)
    sheet = Sheet(WIDTH - 1.5, key + step * len(values) + 0.6, title, caption)
    axes = sheet.chart(left, key, WIDTH - 1.5 - left - 1.0, step * len(values), "", "time, ms", grid="x")
    low = 10 ** np.floor(np.log10(min(min(row.values()) for row in values.values())) - 0.3)
    for y, row in enumerate(values.values()):
        for what, time in row.items():
            k = whats.index(what)
            at, label = y + (k - (len(whats) - 1) / 2) * thick, None if y else what
            axes.barh(at, time - low, 0.9 * thick, left=low, label=label, **_look(k))
            axes.text(time * 1.15, at, _in_words(time), va="center", fontsize=TEXT, color=INK)
    axes.set_xscale("log")
    axes.set_xlim(left=low)
    _name_rows(axes, values, (len(values) - 0.45, -0.55))
    axes.set_axisbelow(True)
    legend(axes, (-0.01, 0.99), size=TEXT, ncols=len(whats))
    return sheet.picture()


def _in_words(ms):
    return f"{ms / 1e3:.1f} s" if ms >= 1e3 else f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"


@figure
def histograms(sets: Named, xlabel="", title="", caption="") -> Picture:
    """A histogram for each set {label: (n,) above 0}, all on one logarithmic axis; black lines are medians."""
    sets = given.sets(sets, "sets", (1,))
    every = np.concatenate(list(sets.values()))
    if every.min() <= 0:
        raise ValueError(f"sets: expected numbers above 0, got {every.min():.3g}")
    edges = np.geomspace(every.min() / 1.02, every.max() * 1.02, 49)
    left, high = 0.3 + 0.1 * max(map(len, sets)), 0.6
    sheet = Sheet(WIDTH, len(sets) * high + 0.6, title, caption)
    for i, (label, values) in enumerate(sets.items()):
        axes = sheet.axes(left, i * high, WIDTH - left - 0.2, high - 0.08, bare=False)
        axes.hist(values, edges, color=COLOURS[1 + i % (len(COLOURS) - 1)])
        axes.axvline(np.median(values), color=INK, lw=2)
        axes.set_xscale("log")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlim(edges[0], edges[-1])
        write(axes, -0.01, 0.4, label, TEXT, ha="right", va="center")
        axes.tick_params(which="both", labelbottom=i + 1 == len(sets))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    axes.set_xlabel(xlabel, fontsize=TEXT)
    return sheet.picture()


@figure
def single_draws(draws: Named, truth: float, xlabel="", title="", caption="", reach=None) -> Picture:
    """Histograms of single draws of several estimators {label: (n,)}, one below another, with the value they aim at.

    reach: how far the axis goes to both sides of it; as far as the draws unless given.
    """
    draws, high = given.sets(draws, "draws", (1,)), 1.05
    reach = reach or max(np.abs(values - truth).max() for values in draws.values())
    sheet = Sheet(WIDTH - 1.5, len(draws) * (high + 0.32) + 0.4, title, caption)
    for i, (label, values) in enumerate(draws.items()):
        outside = float((np.abs(values - truth) > reach).mean())
        text = f"{label}: standard deviation {values.std():.3g}"
        text += f" ({outside:.0%} lie outside)" if outside > 0.005 else ""
        place = 0.2, 0.28 + i * (high + 0.32), WIDTH - 2.0, high
        axes = sheet.chart(*place, text, grid="", loc="left", pad=4)
        axes.hist(values, bins=np.linspace(truth - reach, truth + reach, 81), color=COLOURS[1 + i], lw=0)
        axes.axvline(truth, color=INK, lw=1.6, ls="--")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        if i + 1 < len(draws):
            axes.set_xticklabels([])
    axes.set_xlabel(xlabel, fontsize=TEXT)
    return sheet.picture()
