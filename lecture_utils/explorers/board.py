"""The board that an explorer draws on: tiles, bars, colour bars, curves and words, straight into pixels.

A picture under a slider has a few milliseconds; a matplotlib figure takes fifty. The same pieces, laid side by side,
are the filmstrip: `Film` is the figure that holds them.
"""

from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from PIL import Image, ImageDraw, ImageFont

from .. import plots

BLUE, ORANGE = plots.COLOURS[1], plots.COLOURS[2]
GREY, LINE = "#b0b0b0", "#bbbbbb"  # of a bar without a claim; of the edge around a white tile
FINE = 2  # curves are drawn so many times as large, then averaged: smooth lines


@lru_cache(maxsize=32)
def font(size, bold=False):
    """The font of the figures, which comes with matplotlib; size in px."""
    file = f"fonts/ttf/DejaVuSans{'-Bold' if bold else ''}.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / file), size)


@lru_cache(maxsize=4096)
def fitted(text, width, size, bold=False):
    """The text, cut with an ellipsis where it would be wider than `width` px."""
    if font(size, bold).getlength(text) <= width:
        return text
    while text and font(size, bold).getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def mapped(values, cmap, low, high):
    """Values (rows, columns) in the colours of a matplotlib colormap, uint8 (rows, columns, 3)."""
    return colormaps[cmap](Normalize(low, high)(values), bytes=True)[..., :3]


def pixels_of(image):
    """An image (3, h, w), or grey (1, h, w), floats in [0, 1], or uint8 (h, w, 3), as uint8 (h, w, 3)."""
    image = np.asarray(image)
    if image.dtype != np.uint8:
        image = (image * 255).round().astype(np.uint8).transpose(1, 2, 0)
    return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))


class Board:
    """A white sheet, or a copy of another board. Places are px from the top left corner.

    `draw` is Pillow's pen for what is drawn once only: a frame, a line, a pointer.
    """

    def __init__(self, width, height, paper=None):
        self.sheet = Image.new("RGB", (width, height), "white") if paper is None else paper.sheet.copy()
        self.draw = ImageDraw.Draw(self.sheet)

    def tile(self, image, x, y, wide, high=None, smooth=True):
        """An image, as `pixels_of` takes it, or a Pillow image of this size already; smooth=False keeps its squares."""
        if not isinstance(image, Image.Image):
            way = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
            image = Image.fromarray(pixels_of(image)).resize((wide, high or wide), way)
        self.sheet.paste(image, (x, y))

    def tiles(self, images, x, y, side, gap, columns):
        """Small images in rows of `columns`, with their squares."""
        for n, image in enumerate(images):
            self.tile(
                image, x + n % columns * (side + gap), y + n // columns * (side + gap), side, smooth=False
            )

    def write(self, x, y, text, size=20, colour=plots.INK, bold=False, anchor="la", width=None):
        """A line of text. size in px; anchor: which point of it stands at x, y; width: where it is cut, px."""
        text = text if width is None else fitted(text, width, size, bold)
        self.draw.text((x, y), text, font=font(size, bold), fill=colour, anchor=anchor)

    def bar(self, x, y, length, high, colour, said="", name="", size=17, bold=False, least=1, gap=8):
        """A bar from x to the right, its name before it, its number behind it; where it ends, px."""
        end = x + max(least, round(length))
        self.draw.rectangle((x, y, end, y + high), fill=colour)
        if name:
            self.write(x - 8, y + high / 2, name, size, bold=bold, anchor="rm")
        self.write(end + gap, y + high / 2, said, size, bold=bold, anchor="lm")
        return end

    def mark(self, x, top, bottom):
        """A black line across a bar: what it is compared with."""
        self.draw.line((x, top, x, bottom), fill=plots.INK, width=3)

    def frame(self, x, y, side, colour=BLUE):
        """Around a square tile: the one that is chosen."""
        self.draw.rectangle((x - 4, y - 4, x + side + 3, y + side + 3), outline=colour, width=4)

    def ramp(self, x, y, wide, high, cmap, words, size, gap=6):
        """A colour bar. words: {share of the way down: text}."""
        colours = colormaps[cmap](np.linspace(1, 0, high), bytes=True)[:, None, :3]
        self.tile(Image.fromarray(np.ascontiguousarray(colours.repeat(wide, 1))), x, y, wide, high)
        for share, word in words.items():
            anchor = {0: "lt", 1: "ls"}.get(share, "lm")
            self.write(x + wide + gap, y + share * (high - 1), word, size, anchor=anchor)

    def chart(self, box, lines, x, y, mark=None, ticks=((), ()), note=""):
        """Curves in a box: left, top, right, bottom of the axes.

        lines: [(xs, ys, colour)]. x, y: the limits of both axes. mark: an x at which a vertical line stands. ticks: of
        x and of y, {value: words}. note: above the axes.
        """
        left, top, right, bottom = box
        wide, high = right - left, bottom - top

        def place(a, b):
            share = (a - x[0]) / (x[1] - x[0]), (min(max(b, y[0]), y[1]) - y[0]) / (y[1] - y[0])
            return share[0] * wide, (1 - share[1]) * high

        fine = Image.new("RGB", (wide * FINE, high * FINE), "white")
        pen = ImageDraw.Draw(fine)
        for value in ticks[1]:
            height = place(x[0], value)[1] * FINE
            pen.line((0, height, wide * FINE, height), fill="#dddddd", width=FINE)
        for xs, ys, colour in lines:
            points = [(a * FINE, b * FINE) for a, b in map(place, xs, ys)]
            if len(points) > 1:
                pen.line(points, fill=colour, width=3 * FINE, joint="curve")
            if points:
                (a, b), r = points[-1], 4 * FINE
                pen.ellipse((a - r, b - r, a + r, b + r), fill=colour)
        self.sheet.paste(fine.resize((wide, high), Image.Resampling.BOX), (left, top))
        self.draw.line((left, top, left, bottom, right, bottom), fill=plots.MUTED)
        if mark is not None:
            across = left + place(mark, y[0])[0]
            self.draw.line((across, top, across, bottom), fill=plots.INK, width=2)
        for value, words in dict(ticks[0]).items():
            self.write(left + place(value, y[0])[0], bottom + 5, words, 16, plots.MUTED, anchor="ma")
        for value, words in dict(ticks[1]).items():
            self.write(left - 6, top + place(x[0], value)[1], words, 16, plots.MUTED, anchor="rm")
        self.write(left, top - 8, note, 18, bold=True, anchor="ls")

    def pixels(self):
        """What is on it, uint8 (h, w, 3)."""
        return np.asarray(self.sheet)


class Film(plots.Sheet):
    """The figure of an explorer's filmstrip: its title, its caption, its sentences as alt text. Places in inches."""

    def __init__(self, explorer, width, height):
        super().__init__(width, height, explorer.title, explorer.caption, explorer.alt())

    def tile(
        self, image, x, y, wide, title="", high=None, size=plots.SMALL, colour=plots.INK, loc=None, **way
    ):
        """An image, (3, h, w) or as matplotlib takes it, with a title above: its axes. way: options of imshow."""
        image = np.asarray(image)
        if image.ndim == 3 and image.shape[2] > 3:
            image = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
        axes = self.axes(x, y, wide, high or wide)
        axes.imshow(image, **{"aspect": "auto"} | way)
        axes.set_title(title, fontsize=size, color=colour, pad=4, loc=loc)
        return axes

    def write(self, x, y, text, high=1, place=0.5, size=plots.SMALL, colour=plots.INK, **way):
        """Words in a box of their own, `high` inches high. place: where in it, from below."""
        self.axes(x, y, 1, high).text(
            0, place, text, **{"fontsize": size, "color": colour, "va": "center"} | way
        )
