"""Curves: over numbers, names or a logarithm, in one panel or several, with intervals, levels and single runs."""

from math import ceil

import numpy as np
from matplotlib.axes import Axes

from . import given
from .given import Array, Named, Names, figure
from .look import COLOURS, DASHES, INK, MARKERS, MUTED, SMALL, TEXT, WIDTH, legend
from .pixels import enlarged, mosaic
from .sheet import Picture, Sheet, panel_sheet


def line(axes: Axes, x, values, k, first=0, band=None, alpha=0.15, **style):
    """Line k of a chart: from black on with dashes in pairs; or, first=1, from blue on with a dash of its own.

    band: (low, high), shaded in the line's colour.
    """
    look = {
        "color": COLOURS[(k + first) % len(COLOURS)],
        "marker": MARKERS[k % len(MARKERS)],
        "lw": 2.2,
        "ms": 7,
    }
    dash = DASHES[(k if first else k // 2) % len(DASHES)]
    axes.plot(x, values, **look | {"linestyle": dash} | style)
    if band is not None:
        low, high = (given.array(end, "intervals", (1,)) for end in band)
        axes.fill_between(x, low, high, color=look["color"], alpha=alpha, lw=0)


def _ticks_at(axes: Axes, x):
    """A tick at each point of a logarithmic axis, written as a plain number."""
    axes.set_xticks(x, labels=[f"{value:g}" for value in x])
    axes.minorticks_off()


def _band(intervals, label):
    return intervals[label] if intervals and label in intervals else None


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
    names = names if log == "" and all(isinstance(name, str) for name in names) else None
    x = given.array(x if names is None else range(len(names)), "x", (1,))
    lines, first = given.sets(lines, "lines", (1,), len(x)), int(log != "")
    columns = 4 if max(map(len, lines)) <= 16 else 3 if log else 2
    left, key, height = (
        0.8 if log else 0.75,
        0.1 + 0.26 * ceil(len(lines) / columns),
        height or (3.5 if log else 4.0),
    )
    sheet = Sheet(WIDTH - 1.5, key + height + 0.55, title, caption)
    axes = sheet.chart(left, key, WIDTH - 2.6 if log else WIDTH - 2.5, height, "", xlabel, ylabel)
    _scales(axes, log)
    for k, (label, values) in enumerate(lines.items()):
        line(axes, x, values, k, first, _band(intervals, label), alpha=0.14 if log else 0.15, label=label)
    if level is not None:
        at, name = given.listed(level, "level", 2)
        axes.axhline(given.number(at, "level"), color=INK, lw=1.8, ls="--")
        axes.text(x[-1], at, name, color=INK, fontsize=TEXT, ha="right", va="bottom")
    if log:
        _ticks_at(axes, x)
    elif names is not None:
        axes.set_xticks(x, labels=names, fontsize=TEXT)
    elif len(x) <= 12:
        axes.set_xticks(x)
    if ylim:
        axes.set_ylim(*ylim)
    legend(axes, (-0.02, 1), ncols=columns)
    return sheet.picture()


def _scales(axes: Axes, log):
    """Logarithmic axes: "x", "y" or both; no powers of ten: their fonts are not everywhere."""
    if "x" in log:
        axes.set_xscale("log")
    if "y" in log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")


@figure
def curve_panels(panels: Named, title="", caption="", height=2.9) -> Picture:
    """Charts side by side, each with its own x, and one legend above: a line keeps its colour from chart to chart.

    panels: {heading: {"x": (n,), "lines": {label: (n,) or, for several runs, (runs, n)}, "xlabel": .., "ylabel": ..}},
    and where wanted "ylim": (low, high), "log": True for a logarithmic y axis, "level": (y, name) for a dotted line.
    Of several runs each is a thin line, and their mean a thick one. Errors: ValueError.
    """
    for heading, panel in panels.items():
        given.keys(panel, ("x", "lines", "xlabel", "ylabel"), f"panels[{heading!r}]")
    labels = list(dict.fromkeys(label for panel in panels.values() for label in panel["lines"]))
    sheet, places = panel_sheet(len(panels), 0.75, 1.0, 0.68, height, 0.55, title, caption)
    handles = {}
    for place, (heading, panel) in zip(places, panels.items(), strict=True):
        axes = sheet.chart(*place, heading, panel["xlabel"], panel["ylabel"], loc="left", pad=7)
        for label, values in panel["lines"].items():
            handles[label] = _runs(
                axes, given.array(panel["x"], "x", (1,)), values, label, labels.index(label)
            )
        if panel.get("log"):
            axes.set_yscale("log")
        if "ylim" in panel:
            axes.set_ylim(*panel["ylim"])
        if "level" in panel:
            y, name = panel["level"]
            axes.axhline(y, color=INK, lw=1.4, ls=":")
            axes.text(axes.get_xlim()[1], y, name, fontsize=SMALL, color=INK, ha="right", va="bottom")
    sheet.legend(handles, handlelength=2.6)
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


@figure
def layer_panels(
    layers: Names, panels: Named, ylabel="", title="", caption="", intervals=None, ylim=None
) -> Picture:
    """Panels {name: {label: a value for each layer}} side by side on one scale, with one legend above.

    intervals: {panel: {label: (low, high)}}, each a value for each layer. Errors: ValueError.
    """
    sheet, places = panel_sheet(len(panels), 0.7, 0.25, 0.7, 3.6, 0.35, title, caption)
    for i, (name, lines) in enumerate(panels.items()):
        axes = sheet.chart(*places[i], name, "", "" if i else ylabel, loc="left")
        for k, (label, values) in enumerate(given.sets(lines, "panels", (1,), len(layers)).items()):
            line(
                axes,
                range(len(layers)),
                values,
                k,
                band=_band((intervals or {}).get(name), label),
                label=label,
            )
        axes.set_xticks(range(len(layers)), labels=list(layers), fontsize=SMALL)
        axes.axhline(0, color=MUTED, lw=1)
        if ylim:
            axes.set_ylim(*ylim)
        axes.tick_params(labelleft=i == 0)
    spaces = {"columnspacing": 1.4, "handletextpad": 0.5}
    legend(sheet.figure.axes[0], (-0.02, 1.06), size=TEXT, ncols=len(lines), **spaces)
    return sheet.picture(256)


@figure
def against_epsilon(levels: Array, panels: Named, ylabel="", title="", caption="") -> Picture:
    """Shares against epsilon, a panel for each net: {net: {attack: [(mean, low, high), one for each level]}}.

    levels: epsilon in levels of 255, on an axis where each doubling is a step of equal width. Errors: ValueError.
    """
    levels, high = given.array(levels, "levels", (1,)), 3.2
    sheet, places = panel_sheet(len(panels), 0.75, 0.25, 0.72, high, 0.55, title, caption)
    for i, (net, lines) in enumerate(panels.items()):
        axes = sheet.chart(*places[i], net, "", "" if i else ylabel)
        for k, (name, (mean, *band)) in enumerate(given.triples(lines, len(levels))):
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
    axes.set_xscale("log")
    axes.set_yscale("log")
    _ticks_at(axes, x)
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
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = min(*y, single[1]) / 2, 2 * max(*y, single[1])
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if low < t < high]
    axes.set_yticks(ticks, labels=[f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.margins(x=0.13, y=0.2)
    axes.legend(fontsize=SMALL, frameon=False, loc="upper right")
    return sheet.picture()


@figure
def learning(lines: Named, images: Array, title="", caption="") -> Picture:
    """A live figure: test likelihood so far {label: (steps, nats)}, and samples (k, h, w) or (k, 3, h, w) beside it."""
    high = 3.0
    sheet = Sheet(WIDTH, high + 0.6, title, caption)
    axes = sheet.chart(0.8, 0.1, 4.6, high, "", "steps", "nats to store a test picture")
    for k, (label, (steps, nats)) in enumerate(lines.items()):
        line(axes, steps, nats, k, first=1, ms=6, label=label)
    axes.legend(fontsize=SMALL, frameon=False)
    tiles = mosaic(given.small_images(images, "images"), 6, 6)
    tall = 3.9 * tiles.shape[0] / tiles.shape[1]
    sheet.tile(WIDTH - 3.9, 0.1 + max(0, (high - tall) / 2), 3.9, tall, tiles, interpolation="nearest")
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
    return sheet.picture(48, fitted=True)
