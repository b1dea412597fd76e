"""The sheet that every figure is drawn on: title, caption, alt text, and a picture that displays itself."""

import io
from base64 import b64encode
from html import escape
from math import ceil

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from PIL import Image

DPI = 100
WIDTH = 10.0  # inches of the widest picture
TITLE, TEXT, SMALL = 17, 13, 11.5  # pt
INK, MUTED = "#1a1a1a", "#4d4d4d"
# Okabe and Ito: told apart by colour-blind readers too; black first, for the thing itself.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8a7a00")
# Nine that stay apart for colour-blind readers: Paul Tol's "muted" scheme.
MANY = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499")
MARKERS, DASHES = "osD^vPX*", ("-", "--", "-.", ":")
LUMINANCE = np.array([0.299, 0.587, 0.114])


class Picture:
    """A figure that displays itself as PNG, with its alt text for those who cannot see it.

    figure: matplotlib.figure.Figure. alt: what it shows, in a sentence. `.png()` gives the bytes,
    `.save(path)` writes them.
    """

    def __init__(self, figure, alt):
        self.figure, self.alt = figure, alt

    def png(self):
        """PNG bytes; the same figure gives the same bytes.

        At most 256 colours become a palette; more are rounded to steps of 5 of 255, which nobody sees and which
        makes the file a third smaller (black and white stay exact).
        """
        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        if image.getcolors(256):
            image = image.quantize(256, dither=Image.Dither.NONE)
        else:
            image = Image.fromarray((np.round(np.asarray(image) / 5.0) * 5).astype(np.uint8))
        out = io.BytesIO()
        image.save(out, "PNG", optimize=True)
        return out.getvalue()

    def save(self, path):
        """Write the PNG to `path`."""
        with open(path, "wb") as file:
            file.write(self.png())

    def __repr__(self):
        return f"Picture: {self.alt}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = {"image/png": b64encode(self.png()).decode(), "text/plain": repr(self)}
        return data, {"image/png": {"alt": self.alt}}


class Table:
    """A small table that displays itself as HTML, and as aligned text where there is none."""

    def __init__(self, columns, rows, title=""):
        self.columns, self.title = [str(c) for c in columns], title
        self.rows = [[str(cell) for cell in row] for row in rows]
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"rows: expected {len(self.columns)} cells in each, got {len(row)}: {row}")

    def __repr__(self):
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = [self.columns, ["-" * w for w in widths], *self.rows]
        text = [
            "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        return "\n".join([self.title, *text] if self.title else text)

    def _repr_mimebundle_(self, include=None, exclude=None):
        def line(cells, tag):
            style = "text-align:left;vertical-align:top;padding:.35em .8em"
            return "<tr>" + "".join(f'<{tag} style="{style}">{escape(c)}</{tag}>' for c in cells) + "</tr>"

        head = f"<caption><b>{escape(self.title)}</b></caption>" if self.title else ""
        body = "".join(line(row, "td") for row in self.rows)
        html = f'<table style="font-size:1.05em">{head}{line(self.columns, "th")}{body}</table>'
        return {"text/html": html, "text/plain": repr(self)}


def table(columns, rows, title=""):
    """A table: column names, and rows of cells (anything that prints), one cell a column."""
    return Table(columns, rows, title)


# --- arrays ---


def as_array(values, name, ndim):
    """numpy float array of one of the dimensions `ndim`, finite; tensors are brought over."""
    values = values.detach().cpu().float().numpy() if hasattr(values, "detach") else np.asarray(values, float)
    if values.ndim not in ndim or not values.size:
        wanted = " or ".join(f"{n} dimensions" for n in ndim)
        raise ValueError(f"{name}: expected {wanted} and at least one value, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    return values


def as_images(images, name="images"):
    """(n, 3, h, w) or grey (n, h, w), or one of them, as (n, h, w, 3) in [0, 1]."""
    images = as_array(images, name, (2, 3, 4))
    if images.ndim == 2 or (images.ndim == 3 and images.shape[0] == 3 and images.shape[1] > 3):
        images = images[None]
    if images.ndim == 3:
        images = np.repeat(images[:, None], 3, 1)
    if images.shape[1] != 3:
        hint = ": looks like channels last: permute(0, 3, 1, 2)" if images.shape[3] == 3 else ""
        raise ValueError(f"{name}: expected shape (n, 3, h, w), got {images.shape}{hint}")
    low, high = images.min(), images.max()
    if low < -1e-6 or high > 1 + 1e-6:
        hint = ": looks like 0-255: divide by 255" if low >= 0 and high > 20 else ""
        raise ValueError(f"{name}: expected values in [0, 1], got [{low:.3g}, {high:.3g}]{hint}")
    return images.clip(0, 1).transpose(0, 2, 3, 1)


def check_titles(titles, n):
    titles = [""] * n if titles is None else [str(t) for t in titles]
    if len(titles) != n:
        raise ValueError(f"titles: expected {n}, one for each image, got {len(titles)}")
    return titles


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


# --- the sheet of paper: title above, caption below, everything in inches ---


class Sheet:
    """A figure with a title above and a caption below; axes are placed in inches from its top left."""

    def __init__(self, width, height, title, caption, alt=None):
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
            self.figure.text(
                0.25 / self.size[0],
                y / self.size[1],
                "\n".join(lines),
                fontsize=size,
                color=colour,
                weight=weight,
                va="top",
                ha="left",
                linespacing=1.25,
            )

    def axes(self, x, y, width, height, bare=True):
        """Axes whose top left corner lies x, y inches from the content's top left."""
        left, top = round((self.left + x) * DPI) / DPI, round((self.above + y) * DPI) / DPI
        box = [
            left / self.size[0],
            1 - (top + height) / self.size[1],
            width / self.size[0],
            height / self.size[1],
        ]
        axes = self.figure.add_axes(box)
        if bare:
            axes.set_axis_off()
        else:
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=SMALL, colors=INK)
        return axes

    def colour_bar(self, x, y, height, norm, cmap, label):
        axes = self.axes(x, y, 0.16, height, bare=False)
        ramp = np.linspace(norm.vmin, norm.vmax, 256)[:, None]
        axes.imshow(
            ramp, cmap=cmap, norm=norm, aspect="auto", origin="lower", extent=(0, 1, norm.vmin, norm.vmax)
        )
        axes.spines[:].set_visible(False)
        axes.set_xticks([])
        axes.yaxis.tick_right()
        axes.yaxis.set_label_position("right")
        axes.locator_params(axis="y", nbins=5)
        axes.set_ylabel(label, fontsize=SMALL, color=INK)

    def picture(self):
        return Picture(self.figure, self.alt)


def grid_sheet(n, shape, titles, columns, title, caption, alt, right=0.0, tile=None):
    """A sheet and n bare axes for images of `shape` (h, w), titles above; `right` inches stay free."""
    titles = check_titles(titles, n)
    columns = min(n, columns or min(n, 6))
    gap, above = 0.1, (0.1 + 0.21 * max(t.count("\n") + 1 for t in titles)) if any(titles) else 0.0
    width = tile or min(2.6, (WIDTH - right - gap * (columns - 1)) / columns)
    height, rows = width * shape[0] / shape[1], ceil(n / columns)
    total = columns * width + (columns - 1) * gap
    sheet = Sheet(total + right, rows * (height + above + gap) - gap, title, caption, alt)
    boxes = []
    for i, text in enumerate(titles):
        row, column = divmod(i, columns)
        axes = sheet.axes(column * (width + gap), above + row * (height + above + gap), width, height)
        axes.set_title(text, fontsize=TEXT if width > 1.4 else SMALL, color=INK, pad=4)
        boxes.append(axes)
    return sheet, boxes, (total, rows * (height + above + gap) - gap - above, above)


def draw(axes, image, **options):
    small = max(image.shape[:2]) < 64
    axes.imshow(image, interpolation="nearest" if small else "antialiased", aspect="auto", **options)


# --- images and filters ---


def rgb(colour):
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


# --- for sliders: bytes in milliseconds, without a figure ---
