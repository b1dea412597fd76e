"""Charts: curves over numbers, names or a logarithm, alone or in panels; bars with dots, intervals and series."""

from math import ceil

import numpy as np
from matplotlib.axes import Axes

from . import given
from .given import Array, Named, Names, figure
from .look import COLOURS, DASHES, INK, MARKERS, MUTED, SMALL, TEXT, WIDTH, legend
from .pixels import enlarged
from .sheet import Picture, Sheet

HATCHES = ("", "///", "...")


def line(axes: Axes, x, values, k, first=0, band=None, alpha=0.15, **style):
    """Line k of a chart: from black on with dashes in pairs; or, first=1, from blue on with a dash of its own.

    band: (low, high), shaded in the line's colour.
    """
    look = {"color": COLOURS[(k + first) % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)]}
    look |= {"linestyle": DASHES[(k if first else k // 2) % len(DASHES)], "lw": 2.2, "ms": 7}
    axes.plot(x, values, **look | style)
    if band is not None:
        low, high = (given.array(end, "intervals", (1,)) for end in band)
        axes.fill_between(x, low, high, color=look["color"], alpha=alpha, lw=0)


def log_scales(axes: Axes, log: str, ticks=None):
    """Logarithmic axes, "x", "y" or "xy", a tick at each of `ticks`; no powers of ten: not every font has them."""
    if "x" in log:
        axes.set_xscale("log")
    if "y" in log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    if ticks is not None:
        axes.set_xticks(ticks, labels=[f"{value:g}" for value in ticks])
        axes.minorticks_off()


@figure
def curves(
    x: Array | Names,
    lines: Named,
    xlabel="",
    ylabel="",
    title="",
    caption="",
    intervals=None,
    height=None,
    ylim=None,
    log="",
    level=None,
) -> Picture:
    """Lines {label: values} over x, told apart by marker and dash too; intervals {label: (low, high)}, shaded.

    x: (n,) numbers, or n names such as layers. log: "x", "y" or "xy", logarithmic axes, with a tick at each point.
    level: (value, name), a dashed line across. Errors: ValueError.
    """
    names = given.listed(x, "x")
    named = log == "" and all(isinstance(name, str) for name in names)
    x = given.array(range(len(names)) if named else x, "x", (1,))
    lines, intervals = given.sets(lines, "lines", (1,), len(x)), intervals or {}
    columns = 4 if max(map(len, lines)) <= 16 else 3 if log else 2
    key, height = 0.1 + 0.26 * ceil(len(lines) / columns), height or (3.5 if log else 4.0)
    left, right, alpha = (0.8, 0.3, 0.14) if log else (0.75, 0.25, 0.15)
    sheet = Sheet(WIDTH - 1.5, key + height + 0.55, title, caption)
    axes = sheet.chart(left, key, WIDTH - 1.5 - left - right, height, "", xlabel, ylabel)
    log_scales(axes, log)
    for k, (label, values) in enumerate(lines.items()):
        line(axes, x, values, k, int(log != ""), intervals.get(label), alpha, label=label)
    if level is not None:
        at, name = given.listed(level, "level", 2)
        axes.axhline(given.number(at, "level"), color=INK, lw=1.8, ls="--")
        axes.text(x[-1], at, name, color=INK, fontsize=TEXT, ha="right", va="bottom")
    if log:
        log_scales(axes, "", x)
    elif named:
        axes.set_xticks(x, labels=names, fontsize=TEXT)
    elif len(x) <= 12:
        axes.set_xticks(x)
    if ylim:
        axes.set_ylim(*ylim)
    legend(axes, (-0.02, 1), ncols=columns)
    return sheet.picture()


@figure
def climb(scores: Array, stills: dict, level: float, level_name: str, title="", caption="") -> Picture:
    """A score along the steps of gradient ascent, and the image at some of them.

    scores: (steps,), before each step. stills: {step: image (3, h, w)}, up to four. level: a dashed line, named.
    """
    scores = given.array(scores, "scores", (1,))
    if not 0 < len(stills) <= 4:
        raise ValueError(f"stills: expected 1 to 4, got {len(stills)}")
    gap, height, side = 0.08, 2.3, 2.24  # an image of 112 px is twice as large
    wide = 4 * (side + gap) - gap
    sheet = Sheet(wide, 0.3 + side + 0.35 + height + 0.55, title, caption)
    for k, (step, image) in enumerate(stills.items()):
        large, words = enlarged(image, 224, smooth=False), f"after {step} step{'s' * (step != 1)}"
        sheet.tile(k * (side + gap), 0.3, side, side, large, words, TEXT, interpolation="nearest")
    axes = sheet.chart(0.75, 0.3 + side + 0.35, wide - 0.95, height, "", "steps", "score")
    axes.plot(np.arange(len(scores)), scores, color=COLOURS[1], lw=2.2)
    axes.axhline(level, color=INK, lw=1.2, ls="--")
    axes.text(len(scores), level, f"{level_name}  ", fontsize=SMALL, color=MUTED, ha="right", va="bottom")
    for step in stills:
        at = min(step, len(scores) - 1)
        axes.plot(at, scores[at], "o", color=COLOURS[1], ms=7)
    return sheet.picture()


def bar_look(k: int, first: int = 1) -> dict:
    """Colour and hatching of series k."""
    colour = COLOURS[(first + k) % len(COLOURS)]
    return {"color": colour, "hatch": HATCHES[k % len(HATCHES)], "ec": "white", "lw": 0}


def name_rows(axes: Axes, names, limits):
    """A name at the left of each bar, from the top down."""
    axes.set_yticks(range(len(names)), labels=list(names), fontsize=TEXT)
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
    for label, row in rows.items():
        rows[label] = {name: np.atleast_1d(given.array(v, label, (0, 1))) for name, v in row.items()}
    series = list(dict.fromkeys(name for row in rows.values() for name in row))
    spans = {label: given.array(span, "intervals", (1,)) for label, span in (intervals or {}).items()}
    numbers = np.concatenate([number for row in rows.values() for number in row.values()])
    step, thick = 0.44 if len(series) == 1 else 0.3 * len(series) + 0.12, 0.66 / len(series)
    left, high = 0.3 + 0.098 * max(map(len, rows)), len(rows) * step
    wide = WIDTH - 1.5 - left - 0.8
    columns = max(1, min(len(series), int(wide / (0.7 + 0.085 * max(map(len, series))))))
    above = 0.2 * (line is not None)  # inches for the name of the line, or for the legend
    above = above if series == [""] else 0.05 + 0.25 * ceil(len(series) / columns)
    sheet = Sheet(WIDTH - 1.5, high + 0.68 + above, title, caption)
    axes = sheet.chart(left, 0.05 + above, wide, high, "", xlabel, grid="")
    top = 1.05 * max(*numbers, *(span[1] for span in spans.values()), line or 0, 1e-12)
    top = xlim[1] if xlim else top
    for y, (label, row) in enumerate(rows.items()):
        for name, number in row.items():
            k = series.index(name)
            at = y + (k - (len(series) - 1) / 2) * thick
            end = _bar(axes, at, number, spans.get(label), 0.92 * thick, k, None if y else name)
            text = form.format(number.mean())
            axes.text(max(end, 0) + 0.015 * top, at, text, va="center", fontsize=TEXT, color=INK)
    name_rows(axes, rows, (len(rows) - 0.4, -0.6))
    axes.set_xlim(xlim or (min(0, numbers.min()), top))
    if series != [""]:
        legend(axes, (-0.01, 0.995), ncols=columns)
    if line is not None:
        axes.axvline(line, color=INK, lw=1.8, ls="--")
        axes.text(line, -0.62, f" {line_label}", color=INK, fontsize=SMALL, va="bottom", ha="center")
    return sheet.picture()


def _bar(axes: Axes, at, number, span, thick, k, label):
    """A bar to the mean of some numbers, dots for them and a line for an interval; where all that ends."""
    axes.barh(at, number.mean(), height=thick, label=label, **bar_look(k))
    if len(number) > 1:
        axes.plot(number, np.full(len(number), at), "o", ms=5.5, color=INK, mfc="white")
    if span is None:
        return number.max()
    axes.plot(span, [at, at], color=INK, lw=2)
    return max(number.max(), span[1])
