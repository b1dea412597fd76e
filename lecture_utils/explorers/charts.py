"""Small charts drawn straight into pixels, for the picture under a slider."""

from PIL import Image, ImageDraw

from .. import plots
from .pixels import write

FINE = 2  # drawn so many times as large, then averaged: smooth lines


def chart(sheet, box, lines, x, y, mark=None, ticks=((), ()), note=""):
    """Curves in a box of a picture. sheet: Pillow's; box: left, top, right, bottom of the axes, px.

    lines: {name: (xs, ys, colour)}, each named above its end where there is room. x, y: the limits of both axes.
    mark: an x at which a vertical line stands. ticks: of x and of y, {value: words}. note: above the axes.
    """
    left, top, right, bottom = box
    draw, wide, high = ImageDraw.Draw(sheet), right - left, bottom - top

    def place(a, b):
        share = (a - x[0]) / (x[1] - x[0]), (min(max(b, y[0]), y[1]) - y[0]) / (y[1] - y[0])
        return share[0] * wide, (1 - share[1]) * high

    fine = Image.new("RGB", (wide * FINE, high * FINE), "white")
    pen = ImageDraw.Draw(fine)
    for value in ticks[1]:
        height = place(x[0], value)[1] * FINE
        pen.line((0, height, wide * FINE, height), fill="#dddddd", width=FINE)
    for xs, ys, colour in lines.values():
        points = [(a * FINE, b * FINE) for a, b in map(place, xs, ys)]
        if len(points) > 1:
            pen.line(points, fill=colour, width=3 * FINE, joint="curve")
        if points:
            (a, b), r = points[-1], 4 * FINE
            pen.ellipse((a - r, b - r, a + r, b + r), fill=colour)
    sheet.paste(fine.resize((wide, high), Image.Resampling.BOX), (left, top))
    draw.line((left, top, left, bottom, right, bottom), fill=plots.MUTED)
    if mark is not None:
        across = left + place(mark, y[0])[0]
        draw.line((across, top, across, bottom), fill=plots.INK, width=2)
    for value, words in dict(ticks[0]).items():
        write(draw, left + place(value, y[0])[0], bottom + 5, words, 16, plots.MUTED, anchor="ma")
    for value, words in dict(ticks[1]).items():
        write(draw, left - 6, top + place(x[0], value)[1], words, 16, plots.MUTED, anchor="rm")
    write(draw, left, top - 8, note, 18, bold=True, anchor="ls")
