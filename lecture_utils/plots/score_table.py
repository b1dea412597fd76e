"""A table of scores with their intervals, and under each a bar: how far it is from the worst to the best."""

from matplotlib.patches import Rectangle

from .scores import KINDS
from .sheet import INK, SMALL, WIDTH, Sheet

LEFT, ROW, HEAD, STEP = 2.95, 0.265, 0.52, 0.12  # inches: names, a row, the columns' names, between columns
THICK, BAR, BACK = (
    0.05,
    "#3f8fc5",
    "#e4e4e4",
)  # inches of a bar, apart from the letters; few colours, so a small file


def score_table(rows, columns, kinds, title="", caption="", alt=None):
    """Numbers and half of their intervals, one column for each score: {row: {column: (mean, low, high) or number}}.

    columns: {column: (label, form, (worst, best))}: its name, how its numbers are written ("{:.2f}"), and the ends of
    the bar under a number; None draws no bar. A row may lack a column. kinds: {row: "floor", "method" or "ceiling"},
    told apart by colour and mark. A number without an interval stands alone.
    """
    wide = (WIDTH - LEFT - STEP * (len(columns) - 1)) / len(columns)
    sheet = Sheet(WIDTH, HEAD + ROW * len(rows), title, caption, alt)
    axes = sheet.axes(0, 0, WIDTH, HEAD + ROW * len(rows))
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(HEAD + ROW * len(rows), 0)
    for i, (label, _, _) in enumerate(columns.values()):
        middle = LEFT + i * (wide + STEP) + wide / 2
        axes.text(
            middle, HEAD / 2, label, ha="center", va="center", fontsize=SMALL, color=INK, linespacing=1.1
        )
    for n, (row, scores) in enumerate(rows.items()):
        y, (colour, mark) = HEAD + ROW * n, KINDS[kinds[row]]
        axes.plot(0.06, y + (ROW - THICK) / 2, mark, color=colour, ms=6)
        axes.text(0.2, y + (ROW - THICK) / 2, row, va="center", fontsize=SMALL, color=INK)
        for i, (column, (_, form, ends)) in enumerate(columns.items()):
            if column in scores:
                _cell(axes, LEFT + i * (wide + STEP), y, wide, scores[column], form, ends)
    return sheet.picture()


def _cell(axes, x, y, wide, score, form, ends):
    mean, *interval = score if isinstance(score, (tuple, list)) else (score,)
    if ends is not None:
        share = min(max((mean - ends[0]) / (ends[1] - ends[0]), 0), 1)
        for width, colour in ((wide, BACK), (share * wide, BAR)):
            axes.add_patch(Rectangle((x, y + ROW - THICK), width, THICK, color=colour, lw=0))
    text, middle = form.format(mean).replace("-", "−"), y + (ROW - THICK) / 2
    if not interval:
        axes.text(x + wide / 2, middle, text, ha="center", va="center", fontsize=SMALL, color=INK)
        return
    half = form.replace("+", "").format((interval[1] - interval[0]) / 2).lstrip("0") or "0"
    axes.text(x + 0.52 * wide, middle, text, ha="right", va="center", fontsize=SMALL, color=INK)
    axes.text(x + 0.57 * wide, middle, f"±{half}", ha="left", va="center", fontsize=SMALL - 2, color=INK)
