"""What an explorer shows: tiles, texts, bars, curves and colour bars, in rows and columns, straight into pixels.

A picture under a slider has a few milliseconds; a matplotlib figure takes fifty. A block knows how many px it takes, so
rows and columns find its place; the same blocks make the board that moves and the filmstrip of its stops.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from PIL import Image, ImageDraw, ImageFont

from ..plots import COLOURS, INK, MUTED

BLUE, ORANGE = COLOURS[1], COLOURS[2]
GREY, LINE = "#b0b0b0", "#bbbbbb"  # of a bar without a claim; of the edge around a white tile
FINE = 2  # curves and points are drawn so many times as large, then averaged: smooth lines
HEAD, FILM, SMALL = 20, 16, 14  # px of the letters above a tile of a board, of a filmstrip, and at a box
FONTS = Path(matplotlib.get_data_path()) / "fonts/ttf"  # those of the figures


@lru_cache(maxsize=32)
def font(size, bold=False):
    """Letters of so many px, for Pillow."""
    return ImageFont.truetype(str(FONTS / f"DejaVuSans{'-Bold' if bold else ''}.ttf"), size)


@lru_cache(maxsize=8192)
def length(text, size, bold=False):
    """How wide a line of text is, px."""
    return font(size, bold).getlength(text)


@lru_cache(maxsize=4096)
def fitted(text, width, size, bold=False):
    """The text, cut with an ellipsis where it would be wider than `width` px."""
    if length(text, size, bold) <= width:
        return text
    while text and font(size, bold).getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def wrapped(text, width, size):
    """The text with more line breaks: no line is wider than `width` px, if its words allow it."""
    lines = []
    for line in text.split("\n"):
        first, *words = line.split() or [""]
        lines.append(first)
        for word in words:
            if length(f"{lines[-1]} {word}", size) > width:
                lines.append(word)
            else:
                lines[-1] += f" {word}"
    return "\n".join(lines)


def mapped(values, cmap, low, high):
    """Values (rows, columns) in the colours of a matplotlib colormap, uint8 (rows, columns, 3)."""
    return colormaps[cmap](Normalize(low, high)(values), bytes=True)[..., :3]


def pixels_of(image):
    """An image (3, h, w), or grey (1, h, w), floats in [0, 1], or uint8 (h, w, 3), as uint8 (h, w, 3)."""
    image = np.asarray(image)
    if image.dtype != np.uint8:
        image = (image * 255).round().astype(np.uint8).transpose(1, 2, 0)
    return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))


def scaled(image, wide, high=None, smooth=True):
    """An image, as `pixels_of` takes it, as a Pillow image of wide x high px; smooth=False keeps its squares."""
    way = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return Image.fromarray(pixels_of(image)).resize((wide, high or wide), way)


def crossed(image, x, y, colour="black", reach=11, hole=0):
    """A cross on a Pillow image, 3 px wide on white, its arms from `hole` to `reach` px: the image."""
    pen = ImageDraw.Draw(image)
    for more, ink, width in ((2, "white", 7), (0, colour, 3)):
        for low, high in ((-reach - more, -hole), (hole, reach + more)):
            pen.line((x + low, y, x + high, y), fill=ink, width=width)
            pen.line((x, y + low, x, y + high), fill=ink, width=width)
    return image


class Block:
    """Something `wide` x `high` px that draws itself with its upper left corner at x, y of a Pillow image."""

    grip = None

    def __init__(self, wide=0, high=0):
        self.wide, self.high = wide, high

    def under(self, x, y):
        """The innermost block at a place of it, px, and where that is in the block."""
        return self, x, y

    def draw(self, sheet, x, y):
        """Draw it. Nothing, unless a subclass does: a space."""

    def image(self):
        """It alone, on white, as a Pillow image."""
        sheet = Image.new("RGB", (self.wide, self.high), "white")
        self.draw(sheet, 0, 0)
        return sheet

    def pixels(self):
        """The same, uint8 (h, w, 3)."""
        return np.asarray(self.image())


class Stack(Block):
    """Blocks in a row or a column, `gap` px between; align: where smaller ones stand, 0 to 1. None is left out."""

    def __init__(self, blocks, across, gap, align=0.0):
        self.blocks = [block for block in blocks if block is not None]
        sizes = [(block.wide, block.high) if across else (block.high, block.wide) for block in self.blocks]
        most, at, self.places = max((size[1] for size in sizes), default=0), -gap, []
        for along, beside in sizes:
            place = at + gap, round(align * (most - beside))
            self.places.append(place if across else place[::-1])
            at += gap + along
        super().__init__(*((at, most) if across else (most, at)))

    def under(self, x, y):
        for block, (left, top) in zip(self.blocks, self.places, strict=True):
            if 0 <= x - left < block.wide and 0 <= y - top < block.high:
                return block.under(x - left, y - top)
        return self, x, y

    def draw(self, sheet, x, y):
        for block, (left, top) in zip(self.blocks, self.places, strict=True):
            block.draw(sheet, x + left, y + top)


def held(block, grip):
    """The block, which a pointer can drag now. grip: (x, y, right, down) -> {control: number}, of which the nearest
    value that the control has is taken: where a pointer is in the block, and how far it has come, px.
    """
    block.grip = grip
    return block


def row(*blocks, gap=14, align=0.0):
    return Stack(blocks, True, gap, align)


def column(*blocks, gap=6, align=0.0):
    return Stack(blocks, False, gap, align)


def grid(blocks, columns, gap=6, below=None, align=0.0):
    """Blocks in rows of `columns`, `gap` px between, and `below` px between rows."""
    blocks = list(blocks)
    rows = [row(*blocks[n : n + columns], gap=gap, align=align) for n in range(0, len(blocks), columns)]
    return column(*rows, gap=gap if below is None else below)


class Text(Block):
    """Words in one or more lines. size: of the letters, px. wide: where a line is cut; align: 0 left, 1 right."""

    def __init__(self, words, size=HEAD, ink=INK, bold=False, wide=None, align=0.0):
        self.lines, self.size, self.ink, self.bold, self.align = words.split("\n"), size, ink, bold, align
        if wide is None:
            wide = round(max(length(line, size, bold) for line in self.lines) + 0.5)
        super().__init__(wide, round(1.3 * size) * len(self.lines))

    def draw(self, sheet, x, y):
        words = _written(tuple(self.lines), self.size, self.ink, self.bold, self.wide, self.align)
        sheet.paste(words, (x, y))


@lru_cache(maxsize=512)
def _written(lines, size, ink, bold, wide, align):
    """Lines of text on white: most words of a board are there again at the next move."""
    high = round(1.3 * size)
    image = Image.new("RGB", (wide, high * len(lines)), "white")
    pen, anchor = ImageDraw.Draw(image), "lmr"[round(2 * align)] + "m"
    for n, line in enumerate(lines):
        words = fitted(line, wide, size, bold)
        pen.text((align * wide, (n + 0.5) * high), words, ink, font(size, bold), anchor)
    return image


class Tile(Block):
    """An image as `scaled` takes it, or a Pillow image as it is. frame: a colour around it, `thick` px."""

    def __init__(self, image, wide=None, high=None, smooth=True, frame=None, thick=4):
        self.shown = image if isinstance(image, Image.Image) else scaled(image, wide, high, smooth)
        self.frame, self.thick = frame, thick
        super().__init__(*self.shown.size)

    def draw(self, sheet, x, y):
        sheet.paste(self.shown, (x, y))
        if self.frame:
            t = self.thick
            box = x - t, y - t, x + self.wide + t - 1, y + self.high + t - 1
            ImageDraw.Draw(sheet).rectangle(box, outline=self.frame, width=t)


def resized(block, wide):
    """What a block shows, or a Pillow image, as a smaller tile `wide` px wide."""
    image = block.image() if isinstance(block, Block) else block
    high = round(wide * image.height / image.width)
    return Tile(image.resize((wide, high), Image.Resampling.LANCZOS))


def titled(block, *lines, size=HEAD, bold=True, ink=INK, gap=4):
    """A block below lines of text as wide as itself; the first may be bold, or in a colour."""
    words = [Text(line, size, INK if n else ink, bold and n == 0, block.wide) for n, line in enumerate(lines)]
    return column(column(*words, gap=0), block, gap=gap)


def captioned(block, words, ink=INK, align=0.5):
    """A block of a filmstrip, no wider than it the words above."""
    words = Text(wrapped(words, block.wide, FILM), FILM, ink, wide=block.wide, align=align)
    return column(words, block, gap=4)


class Layer(NamedTuple):
    """Boxes (k, 4) of one kind, x0 y0 x1 y1 in px of their image. dash: px, 0 for none; words: one for each box."""

    name: str
    boxes: list
    ink: str
    dash: int = 0
    words: list = ()


def outlined(image, boxes, ink, dash=0):
    """A new Pillow image: one with boxes on it, px of it, their lines on a white edge; what lies beyond is cut off."""
    white, whole, thick = image.copy(), image.copy(), 2 if dash else 3
    pens = ImageDraw.Draw(white), ImageDraw.Draw(whole)
    for x0, y0, x1, y1 in boxes:
        x0, y0 = max(x0, 1), max(y0, 1)
        x1, y1 = max(x0, min(x1, image.width - 1) - 1), max(y0, min(y1, image.height - 1) - 1)
        for pen in pens:
            pen.rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), outline="white", width=thick + 2)
        pens[1].rectangle((x0, y0, x1, y1), outline=ink, width=thick)
    return Image.composite(whole, white, _stripes(image.size, dash)) if dash else whole


@lru_cache(maxsize=32)
def _stripes(size, dash):
    """A mask of oblique stripes, so many px wide: dashes along a line, wherever it runs."""
    at = np.add.outer(np.arange(size[1]), np.arange(size[0]))
    return Image.fromarray((at % (2 * dash) < dash) * np.uint8(255))


def boxed(image, side, layers, smooth=True):
    """An image (3, h, h), floats in [0, 1], as a tile of `side` px with all boxes, the last layer's on top.

    Words stand at a corner of their box; where others have come first, they are left out.
    """
    drawn, zoom, taken, high = scaled(image, side, smooth=smooth), side / image.shape[-1], [], SMALL + 6
    places = [[[round(zoom * float(edge)) for edge in box] for box in layer.boxes] for layer in layers]
    for layer, some in zip(layers, places, strict=True):
        drawn = outlined(drawn, some, layer.ink, layer.dash)
    pen = ImageDraw.Draw(drawn)
    for layer, some in zip(layers, places, strict=True):
        for word, (x0, y0, x1, y1) in zip(layer.words, some, strict=False):
            wide = round(length(word, SMALL)) + 8
            spots = [(x, y) for x in (x0, x1 - wide) for y in (y0 - high, y1)]
            spots = [(min(max(x, 0), side - wide), min(max(y, 0), side - high)) for x, y in spots]
            for x, y in spots:
                if all(x + wide < a or a + w < x or abs(y - b) > high for a, b, w in taken):
                    taken.append((x, y, wide))
                    pen.rectangle((x, y, x + wide, y + high), fill=layer.ink)
                    pen.text((x + 4, y + high / 2), word, "white", font(SMALL), "lm")
                    break
    return Tile(drawn)


def key(layer, wide):
    """A line of a legend, at most so many px: a box as `boxed` draws it, and what it means."""
    sample = outlined(Image.new("RGB", (40, 26), "white"), [(1, 2, 39, 24)], layer.ink, layer.dash)
    return row(Tile(sample), Text(layer.name, 18, wide=wide - 50), gap=10, align=0.5)


class Bar(NamedTuple):
    """One of some bars: its name, its value, its number in words. mark: a value at which a black line stands."""

    name: str
    value: float
    said: str = ""
    ink: str = BLUE
    mark: float | None = None
    bold: bool = False


def percent(share):
    """A share of a bar in words: nothing where it rounds to 0%."""
    return f"{share:.0%}" if share >= 0.005 else ""


class Bars(Block):
    """Bars on one scale, from a line at zero; the name before it, its number behind it.

    wide: px of all. bars: `Bar`s, in rows of `line` px. names: px of the names, 0 to write them above the bars; room:
    px for the numbers. span: the values at both ends, the first at most 0. edge: a colour around every bar.
    """

    def __init__(self, wide, bars, line=30, names=110, room=62, size=17, span=(0.0, 1.0), edge=None):
        self.bars, self.line, self.names, self.size, self.edge = list(bars), line, names, size, edge
        self.unit = (wide - names - room) / (span[1] - span[0])  # px of 1
        self.zero = names - span[0] * self.unit
        super().__init__(wide, round(line * len(self.bars)))

    def draw(self, sheet, x, y):
        pen, zero = ImageDraw.Draw(sheet), x + self.zero
        if self.names:
            pen.line((zero, y, zero, y + self.high), fill=MUTED)
        for n, bar in enumerate(self.bars):
            at, half, place, wide, anchor = 0.5, 0.34, x + self.names - 8, self.names - 8, "rm"
            if not self.names:  # the name fills the upper half of the row
                at, half, place, wide, anchor = 0.75, 0.21, x, self.wide, "lm"
            middle, above = (y + (n + part) * self.line for part in (at, at if self.names else 0.25))
            name = fitted(bar.name, wide, self.size, bar.bold)
            pen.text((place, above), name, INK, font(self.size, bar.bold), anchor)
            self._bar(pen, bar, zero, middle, half * self.line)

    def _bar(self, pen, bar, zero, middle, half):
        """The bar itself, its mark, and its number, which stands behind a mark that it would hide."""
        end = zero + round(bar.value * self.unit)
        low, high = min(zero, end), max(zero + 1, end)
        pen.rectangle((low, middle - half, high, middle + half), fill=bar.ink, outline=self.edge)
        place = high + 7
        if bar.mark is not None:
            mark = zero + bar.mark * self.unit
            pen.line((mark, middle - 1.35 * half, mark, middle + 1.35 * half), fill=INK, width=3)
            if high - 4 < mark < place + 6 + length(bar.said, self.size, bar.bold):
                place = mark + 8
        pen.text((place, middle), bar.said, INK, font(self.size, bar.bold), "lm")


class Ramp(Block):
    """A colour bar `high` px high, its numbers beside it. words: {share of the way down: text}; room: px for them."""

    def __init__(self, cmap, high, words, bar=16, size=15, room=60):
        self.cmap, self.words, self.bar, self.size = cmap, words, bar, size
        super().__init__(bar + 6 + room, high)

    def draw(self, sheet, x, y):
        colours = colormaps[self.cmap](np.linspace(1, 0, self.high), bytes=True)[:, None, :3]
        sheet.paste(Image.fromarray(np.ascontiguousarray(colours.repeat(self.bar, 1))), (x, y))
        pen = ImageDraw.Draw(sheet)
        for share, words in self.words.items():
            place, anchor = y + share * (self.high - 1), {0: "lt", 1: "ls"}.get(share, "lm")
            pen.text((x + self.bar + 6, place), words, INK, font(self.size), anchor)


class Line(NamedTuple):
    """A curve: its points, its colour, its name, which stands above the chart; dot: whether one is at its end."""

    xs: list
    ys: list
    ink: str
    name: str = ""
    dot: bool = True


class Chart(Block):
    """Curves. x, y: the limits of both axes. ticks: of x and of y, {value: words}. mark: an x with a vertical line.

    wide, high: px of all; right: px for the last tick. title: above, before the curves' names, which have `size` px.
    """

    def __init__(self, wide, high, lines, x, y, ticks, mark, title, right=20, size=17):
        self.lines, self.x, self.y, self.ticks, self.mark = lines, x, y, ticks, mark
        self.heads = [(title, INK), *((line.name, line.ink) for line in lines if line.name)]
        self.inner, self.size = (wide - 50 - right, high - 54), size  # px of the axes: 30 above, 24 below
        super().__init__(wide, high)

    def place(self, a, b):
        """Where a point stands in the axes, px from the upper left; what lies beyond stands at the end."""
        across = (a - self.x[0]) / (self.x[1] - self.x[0])
        up = (min(max(b, self.y[0]), self.y[1]) - self.y[0]) / (self.y[1] - self.y[0])
        return across * self.inner[0], (1 - up) * self.inner[1]

    def value(self, x):
        """The value of the x axis so many px from the left edge."""
        return self.x[0] + (x - 50) / self.inner[0] * (self.x[1] - self.x[0])

    def draw(self, sheet, x, y):
        pen, left, top, (wide, high) = ImageDraw.Draw(sheet), x + 50, y + 30, self.inner
        sheet.paste(self._curves(), (left, top))
        pen.line((left, top, left, top + high, left + wide, top + high), fill=MUTED)
        mark = left + self.place(self.mark, 0)[0]
        pen.line((mark, top, mark, top + high), fill=INK, width=2)
        for value, words in self.ticks[0].items():
            pen.text((left + self.place(value, 0)[0], top + high + 5), words, MUTED, font(16), "ma")
        for value, words in self.ticks[1].items():
            pen.text((left - 6, top + self.place(0, value)[1]), words, MUTED, font(16), "rm")
        for words, ink in self.heads:
            pen.text((left, top - 12), words, ink, font(self.size, True), "ls")
            left += length(f"{words} ", self.size, True) + 4

    def _curves(self):
        """The lines that stand behind the axes, drawn large and averaged: a Pillow image."""
        wide, high = self.inner
        fine = Image.new("RGB", (wide * FINE, high * FINE), "white")
        pen = ImageDraw.Draw(fine)
        for value in self.ticks[1]:
            level = self.place(0, value)[1] * FINE
            pen.line((0, level, wide * FINE, level), fill="#dddddd", width=FINE)
        for line in self.lines:
            points = [(FINE * a, FINE * b) for a, b in map(self.place, line.xs, line.ys)]
            if len(points) > 1:
                pen.line(points, fill=line.ink, width=3 * FINE, joint="curve")
            if points and line.dot:
                (a, b), r = points[-1], 4 * FINE
                pen.ellipse((a - r, b - r, a + r, b + r), fill=line.ink)
        return fine.resize((wide, high), Image.Resampling.BOX)
