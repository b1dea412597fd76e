"""Charts of what the studies measured: shares, effects, times and estimators, against epsilon and against effort."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes

from lecture_utils.checks import check_count
from lecture_utils.plots import given
from lecture_utils.plots.charts import bar_look, line, log_scales, name_rows
from lecture_utils.plots.given import Array, Named, Names, figure
from lecture_utils.plots.look import COLOURS, DASHES, INK, MARKERS, MUTED, SMALL, TEXT, WIDTH, legend, write
from lecture_utils.plots.sheet import Picture, Sheet


def panel_sheet(n, left, gap, above, height, below, title, caption):
    """A sheet and the places (x, y, width, height) of n charts side by side, `gap` apart; all in inches."""
    wide = (WIDTH - left - gap * (n - 1)) / n
    sheet = Sheet(WIDTH, above + height + below, title, caption)
    return sheet, [(left + i * (wide + gap), above, wide, height) for i in range(n)]


def keys(values: Mapping, keys: Iterable[str], name: str) -> Mapping:
    """A dict with at least these keys."""
    missing = [key for key in keys if not isinstance(values, Mapping) or key not in values]
    if missing:
        raise ValueError(f"{name}: expected a dict with {', '.join(keys)}, got none for {', '.join(missing)}")
    return values


def triples(lines: Named, n: int) -> Iterable[tuple[str, np.ndarray]]:
    """Each label with (means, lows, highs), of {label: n times (mean, low, high)}. Errors: ValueError."""
    for label, rows in given.sets(lines, "panels", (2,), n).items():
        if rows.shape[1] != 3:
            raise ValueError(f"panels: expected (mean, low, high) for {label!r}, got {rows.shape[1]} numbers")
        yield label, rows.T


@figure
def against_epsilon(levels: Array, panels: Named, ylabel="", title="", caption="") -> Picture:
    """Shares against epsilon, a panel for each net: {net: {attack: [(mean, low, high), one for each level]}}.

    levels: epsilon in levels of 255, on an axis where each doubling is a step of equal width. Errors: ValueError.
    """
    levels, high = given.array(levels, "levels", (1,)), 3.2
    sheet, places = panel_sheet(len(panels), 0.75, 0.25, 0.72, high, 0.55, title, caption)
    for i, (net, lines) in enumerate(panels.items()):
        axes = sheet.chart(*places[i], net, "", "" if i else ylabel)
        for k, (name, (mean, *band)) in enumerate(triples(lines, len(levels))):
            line(axes, levels, mean, k, 1, band, ms=6.5, label=name, clip_on=False)
        axes.set_xscale("log", base=2)
        axes.set_xticks(levels, labels=[f"{level:g}".replace("0.", ".") for level in levels])
        axes.minorticks_off()
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], labels=[""] * 5 if i else ["0", "", "50%", "", "100%"])
    legend(sheet.figure.axes[0], (-0.05, 1 + 0.3 / high), ncols=len(next(iter(panels.values()))))
    place = 0.5, (sheet.total - sheet.above - 4.37) / sheet.size[1]
    sheet.figure.text(*place, "epsilon, in levels of 255", fontsize=TEXT, ha="center", va="center")
    return sheet.picture()


@figure
def times(x: Array, lines: Named, xlabel="", ylabel="", title="", caption="") -> Picture:
    """Seconds {label: values} over x, both axes logarithmic; each line ends with its value."""
    x = given.array(x, "x", (1,))
    sheet = Sheet(WIDTH - 1.5, 3.95, title, caption)
    axes = sheet.chart(0.85, 0.05, WIDTH - 4.4, 3.4, "", xlabel, ylabel)
    for k, (label, values) in enumerate(given.sets(lines, "lines", (1,), len(x)).items()):
        line(axes, x, values, k, linestyle=DASHES[k % len(DASHES)], lw=2.4, ms=8)
        style = {"color": COLOURS[k % len(COLOURS)], "va": "center", "fontsize": TEXT, "clip_on": False}
        axes.text(x[-1] * 1.06, values[-1], f"{label}, {values[-1]:.2g} s", **style)
    axes.set(xscale="log", yscale="log")
    log_scales(axes, "", x)
    return sheet.picture()


@figure
def effort(
    seconds: dict, losses: dict, single, names=("optimised", "one pass"), title="", caption=""
) -> Picture:
    """What an image costs and what is left of its loss: a curve for the optimiser, a point for a net that learned it.

    seconds, losses: {number of steps: value}. single: (seconds, loss) of one pass. Both axes are logarithmic.
    """
    steps = sorted(seconds)
    x, y = (
        [given.number(values.get(n), name) for n in steps]
        for values, name in ((seconds, "seconds"), (losses, "losses"))
    )
    names, single = given.names(names, "names", 2), given.pair(single, "single")
    sheet = Sheet(WIDTH - 1.5, 4.3, title, caption)
    labels = "seconds for a picture, on this machine", "loss that is left"
    axes = sheet.chart(0.8, 0.1, WIDTH - 2.6, 3.6, "", *labels)
    axes.plot(x, y, color=COLOURS[1], lw=2.2, marker=MARKERS[0], ms=7, label=names[0])
    for n, left, high in zip(steps, x, y, strict=True):
        axes.annotate(f"{n} steps", (left, high), (8, 6), textcoords="offset points", fontsize=SMALL)
    axes.plot(*single, color=COLOURS[2], marker="*", ms=18, ls="none", label=names[1])
    axes.set(xscale="log", yscale="log")
    low, high = min(*y, single[1]) / 2, 2 * max(*y, single[1])
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if low < t < high]
    axes.set_yticks(ticks, labels=[f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.margins(x=0.13, y=0.2)
    axes.legend(fontsize=SMALL, frameon=False, loc="upper right")
    return sheet.picture()


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
            handles[source] = axes.bar(at, values, thick, **bar_look(k, 0))
        tilted = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(len(names)), labels=names, fontsize=SMALL, **tilted)
        axes.tick_params(axis="x", length=0)
    _legend(sheet, handles)
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
            axes.barh(y, value, height=0.62, **bar_look(i))
            axes.text(max(value, 0), y, f" {value:+.2f}", va="center", fontsize=SMALL, color=INK)
        axes.axvline(0, color=MUTED, lw=0.9)
        axes.set_xlim(low - 0.05 * (high - low), high + 0.3 * (high - low))
        name_rows(axes, [""] * len(names) if i else names, (len(names) - 0.5, -0.5))
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
            axes.barh(at, time - low, 0.9 * thick, left=low, label=label, **bar_look(k))
            axes.text(time * 1.15, at, _in_words(time), va="center", fontsize=TEXT, color=INK)
    axes.set_xscale("log")
    axes.set_xlim(left=low)
    name_rows(axes, values, (len(values) - 0.45, -0.55))
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


@figure
def layer_panels(
    layers: Names, panels: Named, ylabel="", title="", caption="", intervals=None, ylim=None
) -> Picture:
    """Panels {name: {label: a value for each layer}} side by side on one scale, with one legend above.

    intervals: {panel: {label: (low, high)}}, each a value for each layer. Errors: ValueError.
    """
    sheet, places = panel_sheet(len(panels), 0.7, 0.25, 0.7, 3.6, 0.35, title, caption)
    for i, (name, lines) in enumerate(panels.items()):
        axes, bands = sheet.chart(*places[i], name, "", "" if i else ylabel, loc="left"), intervals or {}
        for k, (label, values) in enumerate(given.sets(lines, "panels", (1,), len(layers)).items()):
            band = bands.get(name, {}).get(label)
            line(axes, range(len(layers)), values, k, band=band, label=label)
        axes.set_xticks(range(len(layers)), labels=list(layers), fontsize=SMALL)
        axes.axhline(0, color=MUTED, lw=1)
        if ylim:
            axes.set_ylim(*ylim)
        axes.tick_params(labelleft=i == 0)
    spaces = {"columnspacing": 1.4, "handletextpad": 0.5}
    legend(sheet.figure.axes[0], (-0.02, 1.06), size=TEXT, ncols=len(lines), **spaces)
    return sheet.picture()


@figure
def curve_panels(panels: Named, title="", caption="", height=2.9) -> Picture:
    """Charts side by side, each with its own x, and one legend above: a line keeps its colour from chart to chart.

    panels: {heading: {"x": (n,), "lines": {label: (n,) or, for several runs, (runs, n)}, "xlabel": .., "ylabel": ..}},
    and where wanted "ylim": (low, high), "log": True for a logarithmic y axis, "level": (y, name) for a dotted line.
    Of several runs each is a thin line, and their mean a thick one. Errors: ValueError.
    """
    for heading, panel in panels.items():
        keys(panel, ("x", "lines", "xlabel", "ylabel"), f"panels[{heading!r}]")
    labels = list(dict.fromkeys(label for panel in panels.values() for label in panel["lines"]))
    sheet, places = panel_sheet(len(panels), 0.75, 1.0, 0.68, height, 0.55, title, caption)
    handles = {}
    for place, (heading, panel) in zip(places, panels.items(), strict=True):
        axes = sheet.chart(*place, heading, panel["xlabel"], panel["ylabel"], loc="left", pad=7)
        x = given.array(panel["x"], "x", (1,))
        for label, values in panel["lines"].items():
            handles[label] = _runs(axes, x, values, label, labels.index(label))
        if panel.get("log"):
            axes.set_yscale("log")
        if "ylim" in panel:
            axes.set_ylim(*panel["ylim"])
        if "level" in panel:
            y, name = panel["level"]
            axes.axhline(y, color=INK, lw=1.4, ls=":")
            axes.text(axes.get_xlim()[1], y, name, fontsize=SMALL, color=INK, ha="right", va="bottom")
    _legend(sheet, handles, handlelength=2.6)
    return sheet.picture()


def _runs(axes: Axes, x, values, label, k):
    """Thin lines for runs (runs, n), and a thick one for their mean, which is returned."""
    runs = np.atleast_2d(given.array(values, label, (1, 2)))
    if runs.shape[1] != len(x):
        raise ValueError(f"lines: expected {len(x)} values for {label!r}, got {runs.shape[1]}")
    style = {"color": COLOURS[1 + k % 7], "linestyle": DASHES[k % len(DASHES)]}
    if len(runs) > 1:
        axes.plot(x, runs.T, lw=0.8, alpha=0.45, **style)
    marks = {"marker": MARKERS[k % len(MARKERS)], "ms": 6} if len(x) <= 16 else {}
    return axes.plot(x, runs.mean(0), lw=2.6, **style, **marks)[0]


def _legend(sheet, handles, **options):
    """One legend for all axes, above them: {label: what was drawn}."""
    place = 0.25 / sheet.size[0], 1 - sheet.above / sheet.size[1] + 0.012
    style = {"loc": "upper left", "frameon": False, "fontsize": TEXT, "ncols": len(handles)} | options
    sheet.figure.legend(handles.values(), handles.keys(), bbox_to_anchor=place, **style)
