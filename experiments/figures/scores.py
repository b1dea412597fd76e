"""What the studies measured, in numbers: scoreboards, dots with intervals, slopes, depth, and matrices."""

from math import ceil

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from lecture_utils.checks import check_choice
from lecture_utils.plots import given
from lecture_utils.plots.charts import line
from lecture_utils.plots.given import Array, Named, Names, figure
from lecture_utils.plots.look import COLOURS, INK, MARKERS, MUTED, SMALL, TEXT, WIDTH, legend, titled
from lecture_utils.plots.sheet import Picture, Sheet

from .charts import triples

# How a row of scores is told apart: colour and mark.
KINDS = {"floor": ("#767676", "D"), "method": (COLOURS[1], "o"), "ceiling": (COLOURS[2], "s")}
WORDS = {"floor": "baseline", "ceiling": "upper bound"}  # of a legend
LEFT, ROW, HEAD, STEP = 2.95, 0.265, 0.52, 0.12  # inches: names, a row, the columns' names, between columns
THICK = 0.05  # inches of a bar, apart from the letters
BAR, BACK = "#3f8fc5", "#e4e4e4"  # few colours, so a small file


def _check_scores(rows, columns, kinds, parts):
    """Refuse what `score_table` and `dot_table` cannot draw."""
    for column, entry in columns.items():
        if not isinstance(entry, tuple | list) or len(entry) != parts:
            raise ValueError(f"columns: expected {parts} entries for {column!r}, got {entry!r}")
    for row, scores in rows.items():
        if row not in kinds:
            raise ValueError(f"kinds: expected one for each row, got none for {row!r}")
        check_choice(kinds[row], KINDS, "kinds")
        if not hasattr(scores, "keys"):
            raise ValueError(f"rows: expected a dict of scores for {row!r}, got {scores!r}")


@figure
def score_table(rows: Named, columns: Named, kinds: Named, title="", caption="") -> Picture:
    """Numbers and half of their intervals, one column for each score: {row: {column: (mean, low, high) or number}}.

    columns: {column: (label, form, (worst, best))}: its name, how its numbers are written ("{:.2f}"), and the ends of
    the bar under a number; None draws no bar. A row may lack a column. kinds: {row: "floor", "method" or "ceiling"},
    told apart by colour and mark. A number without an interval stands alone.
    """
    _check_scores(rows, columns, kinds, 3)
    wide = (WIDTH - LEFT - STEP * (len(columns) - 1)) / len(columns)
    sheet = Sheet(WIDTH, HEAD + ROW * len(rows), title, caption)
    axes = sheet.axes(0, 0, WIDTH, HEAD + ROW * len(rows))
    axes.set(xlim=(0, WIDTH), ylim=(HEAD + ROW * len(rows), 0))
    style = {"fontsize": SMALL, "color": INK, "va": "center"}
    for i, (label, _, _) in enumerate(columns.values()):
        axes.text(LEFT + i * (wide + STEP) + wide / 2, HEAD / 2, label, ha="center", linespacing=1.1, **style)
    for n, (row, scores) in enumerate(rows.items()):
        y, (colour, mark) = HEAD + ROW * n, KINDS[kinds[row]]
        axes.plot(0.06, y + (ROW - THICK) / 2, mark, color=colour, ms=6)
        axes.text(0.2, y + (ROW - THICK) / 2, row, **style)
        for i, (column, (_, form, ends)) in enumerate(columns.items()):
            if column in scores:
                _cell(axes, LEFT + i * (wide + STEP), y, wide, scores[column], form, ends)
    return sheet.picture()


def _cell(axes: Axes, x, y, wide, score, form, ends):
    mean, *interval = score if isinstance(score, tuple | list) else (score,)
    if ends is not None:
        share = min(max((mean - ends[0]) / (ends[1] - ends[0]), 0), 1)
        for width, colour in ((wide, BACK), (share * wide, BAR)):
            axes.add_patch(Rectangle((x, y + ROW - THICK), width, THICK, color=colour, lw=0))
    text, middle = form.format(mean).replace("-", "−"), y + (ROW - THICK) / 2
    style = {"va": "center", "color": INK}
    if not interval:
        axes.text(x + wide / 2, middle, text, ha="center", fontsize=SMALL, **style)
        return
    half = form.replace("+", "").format((interval[1] - interval[0]) / 2).lstrip("0") or "0"
    axes.text(x + 0.52 * wide, middle, text, ha="right", fontsize=SMALL, **style)
    axes.text(x + 0.57 * wide, middle, f"±{half}", ha="left", fontsize=SMALL - 2, **style)


@figure
def dot_table(rows: Named, columns: Named, kinds: Named, title="", caption="", marks=None) -> Picture:
    """A table of dots with intervals: {row: {column: (mean, low, high)}}; a row may lack a column.

    columns: {column: (label, (left, right), line)}, the label, the limits of its axis, and x of a dashed line (the
    score of a baseline), or None. kinds: {row: "floor", "method" or "ceiling"}, told apart by colour and shape.
    marks: {(row, column)}: dots that are filled; the others are hollow. None fills all.
    """
    _check_scores(rows, columns, kinds, 3)
    left, high, step, above = 2.75, 0.262, 0.14, 0.55
    wide = (WIDTH - left - step * len(columns)) / len(columns)
    sheet = Sheet(WIDTH, above + high * len(rows) + 0.55, title, caption)
    for i, (column, (label, limits, at)) in enumerate(columns.items()):
        axes = sheet.axes(left + i * (wide + step), above, wide, high * len(rows), bare=False)
        titled(axes, label, pad=5)
        for y, (row, scores) in enumerate(rows.items()):
            if y % 2 == 0:
                axes.axhspan(y - 0.5, y + 0.5, color="#f2f2f2", lw=0, zorder=0)
            if column in scores:
                _dot(axes, y, scores[column], *KINDS[kinds[row]], marks is None or (row, column) in marks)
        if at is not None:
            axes.axvline(at, color=INK, lw=1.2, ls="--", zorder=1)
        _few_ticks(axes, *limits)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    for y, row in enumerate(rows):
        first = sheet.figure.axes[0]
        place = {"transform": first.get_yaxis_transform(), "ha": "right", "va": "center"}
        first.text(-0.06, y, row, fontsize=SMALL, color=INK, **place)
    drawn = dict.fromkeys(kinds[row] for row in rows)
    handles = [
        Line2D([], [], color=KINDS[k][0], marker=KINDS[k][1], lw=2, label=WORDS.get(k, k)) for k in drawn
    ]
    where = -left / wide * 0.98, -0.13 * 6 / len(rows)
    legend(sheet.figure.axes[0], where, "upper left", handles=handles, ncols=len(handles), borderaxespad=0)
    return sheet.picture()


def _dot(axes: Axes, y, score, colour, marker, full):
    mean, low, high = score
    axes.plot([low, high], [y, y], color=colour, lw=2, zorder=2)
    style = {"color": colour, "mfc": colour if full else "white", "mew": 1.6, "ms": 6.5}
    axes.plot(mean, y, marker, zorder=3, **style)


def _few_ticks(axes: Axes, left, right):
    """Ticks at both ends and in the middle; a dot at an end is seen whole."""
    margin = 0.06 * (right - left)
    axes.set_xlim(left - margin, right + margin)
    ticks = [left, (left + right) / 2, right]
    axes.set_xticks(ticks, labels=[f"{tick:.2g}".replace("-0.", "−.").replace("0.", ".") for tick in ticks])
    for label, side in zip(axes.get_xticklabels(), ("left", "center", "right"), strict=True):
        label.set_ha(side)


@figure
def slopes(values: Named, ends: Names, ylabel="", title="", caption="") -> Picture:
    """Each method's score under two or more conditions, joined by lines: {method: (first, ..., last)}. Lines that
    cross swap ranks.

    values may be {panel: {method: (first, ..., last)}} for panels side by side. ends: the names of the conditions.
    """
    panels = values if isinstance(next(iter(values.values())), dict) else {"": values}
    height, room, last = 4.3, 1.75, len(ends) - 1
    wide = (WIDTH - 0.3 * (len(panels) - 1)) / len(panels)
    sheet = Sheet(WIDTH, height + 0.75, title, caption)
    for i, (panel, methods) in enumerate(panels.items()):
        place = 0.6 + i * (wide + 0.3), 0.35, wide - room - 0.6, height
        axes = sheet.chart(*place, panel, "", "" if i else ylabel, grid="")
        methods = given.sets(methods, "values", (1,), len(ends))
        for k, scores in enumerate(methods.values()):
            line(axes, range(len(ends)), scores, k, lw=2)
        low, high = axes.get_ylim()
        ys = _apart([scores[-1] for scores in methods.values()], 0.052 * (high - low), (low, high))
        for k, ((method, scores), y) in enumerate(zip(methods.items(), ys, strict=True)):
            colour = COLOURS[k % len(COLOURS)]
            arrow = {"arrowstyle": "-", "color": colour, "lw": 0.8, "relpos": (0, 0.5)}
            style = {"fontsize": SMALL, "color": colour, "va": "center", "annotation_clip": False}
            axes.annotate(method, (last, scores[-1]), (1.1 * last, y), arrowprops=arrow, **style)
        axes.set_xlim(-0.1 * last, 1.05 * last)
        axes.set_xticks(range(len(ends)), labels=ends, fontsize=TEXT if last == 1 else SMALL)
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


@figure
def over_depth(steps: Names, panels: Named, references: Named, ylabel="", title="", caption="") -> Picture:
    """Curves over depth in panels side by side, {panel: {method: [(mean, low, high), ...]}}, and beside each panel its
    references as levels, {panel: {method: {reference: mean}}}: the same marker in the method's colour.

    steps: the names on the x axis.
    """
    names = list(next(iter(panels.values())))
    kinds = list(next(iter(next(iter(references.values())).values())))
    key = 0.3 * ceil(len(names) / 3)
    wide, height, side = (WIDTH - 0.9) / len(panels), 3.75, 0.36 * len(kinds) + 0.1
    sheet = Sheet(WIDTH, key + height + 1.05, title, caption)
    tilted = {"rotation": 55, "ha": "right", "fontsize": SMALL}
    for i, (panel, lines) in enumerate(panels.items()):
        at, y = 0.75 + i * (wide + 0.15), key + 0.35
        axes = sheet.chart(at, y, wide - side - 0.35, height, panel, "", "" if i else ylabel, "y")
        beside = sheet.chart(at + wide - side - 0.25, y, side, height, grid="y")
        for k, (method, (mean, *band)) in enumerate(triples(lines, len(steps))):
            line(axes, range(len(steps)), mean, k, band=band, ms=6.5, lw=2, label=method)
            found = [references[panel][method][kind] for kind in kinds]
            hollow = {"color": COLOURS[k % len(COLOURS)], "ms": 7, "mfc": "white", "mew": 1.8}
            beside.plot(range(len(kinds)), found, MARKERS[k % len(MARKERS)], **hollow)
        for each in (axes, beside):
            each.set_ylim(-0.4, 1.02)
            each.axhline(0, color=MUTED, lw=0.8)
        axes.set_xticks(range(len(steps)), labels=steps, **tilted)
        beside.set_xticks(range(len(kinds)), labels=kinds, **tilted)
        beside.set_xlim(-0.5, len(kinds) - 0.5)
        beside.set_yticklabels([])
        if i:
            axes.set_yticklabels([])
    legend(sheet.figure.axes[0], (-0.12, 1.09), ncols=3)
    return sheet.picture()


@figure
def class_matrix(
    values, rows: Names, columns: Names, ylabel="", xlabel="", label="", title="", caption="", numbers=False
) -> Picture:
    """Shares (rows, columns) in [0, 1] as colours, NaN blank; numbers: written into the cells too.

    rows, columns: names; ylabel, xlabel: what the rows and the columns are; label: of the colour bar.
    values may be {name: (rows, columns)} for panels side by side.
    """
    sets = values if isinstance(values, dict) else {"": values}
    sets = {name: given.array(v, name or "values", (2,), finite=False) for name, v in sets.items()}
    for name, shares in sets.items():
        if shares.shape != (len(rows), len(columns)):
            raise ValueError(
                f"values: expected shape ({len(rows)}, {len(columns)}), got {shares.shape} {name}"
            )
    left, gap, above = 0.45 + 0.098 * max(map(len, rows)), 0.35, 0.35 if any(sets) else 0.0
    below = 0.5 if numbers else 0.35 + 0.095 * max(map(len, columns))
    room = min(WIDTH, len(sets) * (0.62 * len(columns) + 2)) - left - 1.1 - gap * (len(sets) - 1)
    wide, norm = room / len(sets), Normalize(0, 1)
    high, end = (
        wide * len(rows) / len(columns) * (0.8 if numbers else 0.62),
        left + len(sets) * (wide + gap) - gap,
    )
    sheet = Sheet(end + 1.1, above + high + below + 0.1, title, caption)
    for i, (name, shares) in enumerate(sets.items()):
        place, shown = (left + i * (wide + gap), above, wide, high), np.ma.masked_invalid(shares)
        axes = titled(fields(sheet, place, shown, norm, [""] * len(rows) if i else rows), name, TEXT, 6)
        axes.set_facecolor("#eeeeee")
        turn = {} if numbers else {"rotation": 55, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(len(columns)), labels=columns, **turn)
        axes.set_xlabel(xlabel, fontsize=TEXT)
        axes.set_ylabel("" if i else ylabel, fontsize=TEXT)
        for (y, x), share in np.ndenumerate(shares if numbers else np.empty((0, 0))):
            ink = {"color": "white" if share < 0.6 else INK}
            axes.text(x, y, f"{share:.0%}", ha="center", va="center", fontsize=TEXT + 3, **ink)
    sheet.colour_bar(end + 0.15, above, high, norm, "viridis", label)
    return sheet.picture()


@figure
def number_matrix(
    values: Array, rows: Names, columns: Names, title="", caption="", label="", height=0.34, top=None
) -> Picture:
    """Numbers (rows, columns) from 0 up, each in a field as bright as it is large, with a colour bar.

    height: of a row, inches. top: where the colours end; at the largest number unless given.
    """
    values = given.array(values, "values", (2,))
    if values.shape != (len(rows), len(columns)):
        raise ValueError(f"values: expected shape ({len(rows)}, {len(columns)}), got {values.shape}")
    left, above = 0.3 + 0.1 * max(map(len, rows)), 0.3
    wide, high = min(1.1, (WIDTH - left - 1.2) / len(columns)) * len(columns), height * len(rows)
    sheet = Sheet(left + wide + 1.2, above + high, title, caption)
    norm = Normalize(0, top or max(values.max(), 1e-12))
    axes = fields(sheet, (left, above, wide, high), values, norm, rows)
    for (y, x), value in np.ndenumerate(values):
        light = np.dot(colormaps["viridis"](norm(value))[:3], (0.3, 0.6, 0.1)) > 0.5
        style = {"ha": "center", "va": "center", "fontsize": SMALL, "color": INK if light else "white"}
        axes.text(x, y, f"{value:.2f}", **style)
    axes.set_xticks(range(len(columns)), labels=columns, fontsize=SMALL)
    axes.xaxis.tick_top()
    sheet.colour_bar(left + wide + 0.2, above, high, norm, "viridis", label)
    return sheet.picture()


def fields(sheet, place, values, norm, rows) -> Axes:
    """Values as coloured fields, the names of the rows at the left."""
    axes = sheet.axes(*place, bare=False)
    axes.imshow(values, cmap="viridis", norm=norm, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(rows)), labels=rows, fontsize=SMALL)
    axes.tick_params(length=0, labelsize=SMALL)
    axes.spines[:].set_visible(False)
    return axes
