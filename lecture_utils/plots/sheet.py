"""What displays itself: pictures, with alt text, and tables; and the sheet that figures are drawn on, in inches."""

import io
from base64 import b64encode
from html import escape
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from PIL import Image

from . import given
from .given import Names, figure
from .look import DPI, INK, MUTED, SMALL, TEXT, TITLE, WIDTH, heads, titled

HEAVY = 40_000  # bytes of a PNG above which a notebook stores a JPEG instead, where that is smaller


class Picture:
    """A figure that displays itself, with its alt text for those who cannot see it: as PNG, or, where photographs make
    that heavy, as a JPEG of high quality without chroma subsampling.

    figure: matplotlib.figure.Figure. alt: what it shows, in a sentence. `.png()` gives the bytes, `.save(path)` writes
    them.
    """

    def __init__(self, figure: Figure, alt: str):
        self.figure, self.alt = figure, alt

    def png(self) -> bytes:
        """PNG bytes; the same figure gives the same bytes. Up to 256 colours become a palette, and nothing is lost."""
        image = self._drawn()
        if image.getcolors(256):
            image = image.quantize(256, dither=Image.Dither.NONE)
        return _bytes(image, "PNG", optimize=True)

    def _drawn(self):
        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()
        return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")

    def save(self, path):
        """Write the PNG to `path`."""
        Path(path).write_bytes(self.png())

    def __repr__(self):
        return f"Picture: {self.alt}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        kind, stored = "image/png", self.png()
        if len(stored) > HEAVY:
            light = _bytes(self._drawn(), "JPEG", quality=80, subsampling=0, progressive=True)
            kind, stored = min((kind, stored), ("image/jpeg", light), key=lambda each: len(each[1]))
        data = {kind: b64encode(stored).decode(), "text/plain": repr(self)}
        return data, {kind: {"alt": self.alt}}


def _bytes(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


class Table:
    """A small table that displays itself as HTML, and as aligned text where there is none."""

    def __init__(self, columns, rows, title):
        self.columns, self.title = given.names(columns, "columns"), title
        self.rows = [given.names(row, "rows") for row in given.listed(rows, "rows")]
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"rows: expected {len(self.columns)} cells in each, got {len(row)}: {row}")

    def __repr__(self):
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = [self.columns, ["-" * w for w in widths], *self.rows]
        text = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        return "\n".join([self.title, *text] if self.title else text)

    def _repr_mimebundle_(self, include=None, exclude=None):
        def line(cells, tag):
            style = "text-align:left;vertical-align:top;padding:.35em .8em"
            return "<tr>" + "".join(f'<{tag} style="{style}">{escape(c)}</{tag}>' for c in cells) + "</tr>"

        head = f"<caption><b>{escape(self.title)}</b></caption>" if self.title else ""
        body = "".join(line(row, "td") for row in self.rows)
        html = f'<table style="font-size:1.05em">{head}{line(self.columns, "th")}{body}</table>'
        return {"text/html": html, "text/plain": repr(self)}


@figure
def table(columns: Names, rows: list, title="") -> Table:
    """A table: column names, and rows of cells (anything that prints), one cell a column."""
    return Table(columns, rows, title)


# --- the sheet of paper: title above, caption below, everything in inches ---


GAP = 0.08  # inches between tiles


class Sheet:
    """A figure with a title above and a caption below; axes are placed in inches from its top left."""

    def __init__(self, width: float, height: float, title="", caption="", alt=None):
        title, caption = title or "", caption or ""
        self.width = max(width, 5.0)
        self.left = 0.25 + (self.width - width) / 2
        caption_lines = _wrap(caption, self.width, TEXT, "normal")
        title_lines = _wrap(title, self.width, TITLE, "bold")
        self.above = 0.15 + 0.31 * len(title_lines) + 0.07
        below = 0.2 + 0.245 * len(caption_lines) + 0.1
        self.total = self.above + height + below
        # Whole pixels, so that a tile of 5 px a weight is 5 px for every weight.
        self.size = round((self.width + 0.5) * DPI) / DPI, ceil(self.total * DPI) / DPI
        self.figure = Figure(figsize=self.size, dpi=DPI, facecolor="white")
        self._write(title_lines, self.size[1] - 0.15, TITLE, INK, "bold")
        self._write(caption_lines, below - 0.2, TEXT, MUTED, "normal")
        self.alt = alt or " ".join(part.rstrip(".") + "." for part in (title, caption) if part)

    def _write(self, lines, y, size, colour, weight):
        if lines:
            place = 0.25 / self.size[0], y / self.size[1]
            style = {"fontsize": size, "color": colour, "weight": weight, "linespacing": 1.25}
            self.figure.text(*place, "\n".join(lines), va="top", ha="left", **style)

    def axes(self, x: float, y: float, width: float, height: float, bare: bool = True) -> Axes:
        """Axes whose top left corner lies x, y inches from the content's top left; bare ones have no ticks."""
        left, top = round((self.left + x) * DPI) / DPI, round((self.above + y) * DPI) / DPI
        wide, high = self.size
        axes = self.figure.add_axes([left / wide, 1 - (top + height) / high, width / wide, height / high])
        if bare:
            axes.set_axis_off()
        else:
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=SMALL, colors=INK)
        return axes

    def tile(self, x, y, width, height, pixels, title="", size=SMALL, pad=4, loc="center", **options) -> Axes:
        """Bare axes with an image (h, w) or (h, w, 3), and its title; of small ones each pixel is a square."""
        axes = self.axes(x, y, width, height)
        smooth = "nearest" if max(pixels.shape[:2]) < 64 else "antialiased"
        axes.imshow(pixels, **{"interpolation": smooth, "aspect": "auto"} | options)
        return titled(axes, title, size, pad, loc)

    def row(self, x, y, width, height, images, titles=None, gap=GAP, **look) -> list[Axes]:
        """Tiles of this width and height side by side, each with its title above."""
        titles = titles or [""] * len(images)
        places = [x + k * (width + gap) for k in range(len(images))]
        tiles = zip(places, images, titles, strict=False)
        return [self.tile(left, y, width, height, image, text, **look) for left, image, text in tiles]

    def chart(
        self, x, y, width, height, title="", xlabel="", ylabel="", grid="both", pad=6, loc="center"
    ) -> Axes:
        """Axes with ticks, labels and a grid: "both", "x", "y" or "" for none."""
        axes = titled(self.axes(x, y, width, height, bare=False), title, TEXT, pad, loc)
        axes.set_xlabel(xlabel, fontsize=TEXT)
        axes.set_ylabel(ylabel, fontsize=TEXT)
        if grid:
            axes.grid(color="#dddddd", lw=0.8, axis=grid)
        return axes

    def colour_bar(self, x: float, y: float, height: float, norm: Normalize, cmap, label: str) -> Axes:
        """A colour bar with its ticks and its label at the right."""
        axes, ends = self.axes(x, y, 0.16, height, bare=False), (norm.vmin, norm.vmax)
        ramp = np.linspace(*ends, 256)[:, None]
        axes.imshow(ramp, cmap=cmap, norm=norm, aspect="auto", origin="lower", extent=(0, 1, *ends))
        axes.spines[:].set_visible(False)
        axes.set_xticks([])
        axes.yaxis.tick_right()
        axes.yaxis.set_label_position("right")
        axes.locator_params(axis="y", nbins=5)
        axes.set_ylabel(label, fontsize=SMALL, color=INK)
        return axes

    def picture(self) -> Picture:
        """The finished figure."""
        return Picture(self.figure, self.alt)


def _wrap(text, width, size, weight):
    """Lines of a text, none wider than `width` inches."""
    font, renderer, lines = FontProperties(size=size, weight=weight), RendererAgg(1, 1, DPI), []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and renderer.get_text_width_height_descent(longer, font, False)[0] <= width * DPI:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def grid_sheet(n, shape, titles, columns, title, caption, alt=None, right=0.0, tile=None):
    """A sheet and the places of n tiles for images of `shape` (h, w), titles above; `right` inches stay free.

    Returns the sheet; for each tile what `Sheet.tile` takes apart from the image; and the width, height and top of
    them all.
    """
    titles = given.titles(titles, n)
    columns = min(n, columns or min(n, 6))
    gap, above = 0.1, heads(titles)
    width = tile or min(2.6, (WIDTH - right - gap * (columns - 1)) / columns)
    height, rows = width * shape[0] / shape[1], ceil(n / columns)
    total = columns * width + (columns - 1) * gap
    sheet = Sheet(total + right, rows * (height + above + gap) - gap, title, caption, alt)
    words = {"width": width, "height": height, "size": TEXT if width > 1.4 else SMALL}
    places = []
    for i, text in enumerate(titles):
        row, column = divmod(i, columns)
        y = above + row * (height + above + gap)
        places.append({"x": column * (width + gap), "y": y, "title": text} | words)
    return sheet, places, (total, rows * (height + above + gap) - gap - above, above)
