"""Figures that display themselves, with alt text. matplotlib only, without pyplot and without global state.

Every function takes numpy arrays or tensors and returns a `Picture`. Each picture has a title, and a
caption that says what to look at; the alt text is both together unless `alt` says more.
"""

import io
from base64 import b64encode
from html import escape
from math import ceil

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Patch
from PIL import Image

DPI = 100
WIDTH = 10.0  # inches of the widest picture
TITLE, TEXT, SMALL = 17, 13, 11.5  # pt
INK, MUTED = "#1a1a1a", "#4d4d4d"
# Okabe and Ito: told apart by colour-blind readers too; black first, for the thing itself.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8a7a00")
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


def _array(values, name, ndim):
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
    images = _array(images, name, (2, 3, 4))
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


def _titles(titles, n):
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
                0.25 / self.size[0], y / self.size[1], "\n".join(lines), fontsize=size, color=colour,
                weight=weight, va="top", ha="left", linespacing=1.25,
            )  # fmt: skip

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


def _grid_sheet(n, shape, titles, columns, title, caption, alt, right=0.0, tile=None):
    """A sheet and n bare axes for images of `shape` (h, w), titles above; `right` inches stay free."""
    titles = _titles(titles, n)
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


def _draw(axes, image, **options):
    small = max(image.shape[:2]) < 64
    axes.imshow(image, interpolation="nearest" if small else "antialiased", aspect="auto", **options)


# --- images and filters ---


def image_grid(images, titles=None, columns=None, title="", caption="", alt=None, tile=None):
    """Images (n, 3, h, w) or grey (n, h, w) in [0, 1] side by side, each with its own title.

    columns: at most 6 unless given. tile: the width of one in inches. Errors: ValueError.
    """
    images = as_images(images)
    sheet, boxes, _ = _grid_sheet(
        len(images), images.shape[1:3], titles, columns, title, caption, alt, tile=tile
    )
    for axes, image in zip(boxes, images, strict=True):
        _draw(axes, image, vmin=0, vmax=1)
    return sheet.picture()


def mosaic(tiles, columns, zoom, gap=2, ground=1.0):
    """Tiles (n, h, w, 3) in one array, each value a square of zoom px, `gap` px of `ground` between."""
    n, h, w, _ = tiles.shape
    rows, step = ceil(n / columns), np.array([h, w]) * zoom + gap
    out = np.full((rows * step[0] - gap, columns * step[1] - gap, 3), float(ground))
    for i, tile in enumerate(tiles):
        y, x = np.array(divmod(i, columns)) * step
        out[y : y + h * zoom, x : x + w * zoom] = tile.repeat(zoom, 0).repeat(zoom, 1)
    return out


def filter_grid(filters, columns=8, title="", caption="", alt=None, panels=None):
    """Filters as pictures (k, 3, h, w) in [0, 1]: large crisp tiles with thin gaps.

    filters: one set, or a dict {label: set} for panels side by side. panels: how many panels stand in a row.
    """
    sets = filters if isinstance(filters, dict) else {"": filters}
    sets = {label: as_images(f, "filters") for label, f in sets.items()}
    across = panels or min(len(sets), 4)
    space, above = 0.3, 0.32 if any(sets) else 0.0
    width = (WIDTH - space * (across - 1)) / across * DPI
    drawn = {}
    for label, tiles in sets.items():
        count = min(columns, len(tiles))
        zoom = max(1, min(int((width - 2 * (count - 1)) / count) // tiles.shape[2], 72 // tiles.shape[2] + 1))
        drawn[label] = mosaic(tiles, count, zoom)
    wide, high = (max(m.shape[i] for m in drawn.values()) / DPI for i in (1, 0))
    rows = ceil(len(sets) / across)
    total = rows * (high + above + space) - space
    sheet = Sheet(across * (wide + space) - space, total, title, caption, alt)
    for i, (label, image) in enumerate(drawn.items()):
        row, column = divmod(i, across)
        h, w = image.shape[0] / DPI, image.shape[1] / DPI
        axes = sheet.axes(column * (wide + space), above + row * (high + above + space), w, h)
        axes.imshow(image, interpolation="nearest", aspect="auto")
        axes.set_title(label, fontsize=TEXT, color=INK, pad=5, loc="left")
    return sheet.picture()


def grey_tiles(weights, columns=None, title="", caption="", alt=None, titles=None):
    """Raw weights (k, c, h, w), one row for each filter, one small grey tile for each input channel.

    Zero is mid-grey; one shared symmetric range, in which the largest two in a thousand are cut off.
    titles: a label for each row. columns: tiles in a row (c unless given).
    Source: the demos of ConvNetJS.
    """
    weights = _array(weights, "weights", (4,))
    k, c, h, w = weights.shape
    titles, columns = _titles(titles, k), columns or c
    left = 0.9 if any(titles) else 0.0
    grey = (0.5 + weights / (2 * max(np.quantile(np.abs(weights), 0.998), 1e-30))).clip(0, 1)
    zoom = max(1, int(((WIDTH - left) * DPI - 2 * columns) / columns / w))
    bands = [mosaic(np.repeat(row[..., None], 3, -1), columns, zoom) for row in grey]
    high, wide = bands[0].shape[0] / DPI, bands[0].shape[1] / DPI
    sheet = Sheet(left + wide, k * (high + 0.09) - 0.09, title, caption, alt)
    for i, (band, text) in enumerate(zip(bands, titles, strict=True)):
        axes = sheet.axes(left, i * (high + 0.09), wide, high)
        axes.imshow(band, interpolation="nearest", aspect="auto", vmin=0, vmax=1)
        axes.text(-0.12 * DPI, band.shape[0] / 2, text, fontsize=SMALL, color=INK, ha="right", va="center")
    return sheet.picture()


def signed_grid(maps, titles=None, columns=None, title="", caption="", label="value", alt=None, tile=None):
    """Signed maps (n, h, w): blue below zero, red above; one shared symmetric range, with a colour bar."""
    maps = _array(maps, "maps", (2, 3))
    maps = maps[None] if maps.ndim == 2 else maps
    limit = max(np.abs(maps).max(), 1e-12)
    norm = Normalize(-limit, limit)
    sheet, boxes, (x, height, above) = _grid_sheet(
        len(maps), maps.shape[1:], titles, columns, title, caption, alt, right=1.1, tile=tile
    )
    for axes, values in zip(boxes, maps, strict=True):
        _draw(axes, values, cmap="coolwarm", norm=norm)
    sheet.colour_bar(x + 0.2, above, height, norm, "coolwarm", label)
    return sheet.picture()


def heat_over_image(
    images, heatmaps, kind, titles=None, columns=None, title="", caption="", label="heat", alt=None, tile=None
):
    """Heatmaps (n, h, w) laid over the grey images (n, 3, h, w), all on one scale, with its colour bar.

    kind="signed": blue against, red for, transparent at zero. kind="absolute": |heat|, dark to bright.
    Both are said in the colour bar. A heatmap smaller than the image is enlarged without smoothing, as it is.
    """
    if kind not in ("signed", "absolute"):
        raise ValueError(f'kind: expected "signed" or "absolute", got {kind!r}')
    images, heat = as_images(images), _array(heatmaps, "heatmaps", (2, 3))
    heat = heat[None] if heat.ndim == 2 else heat
    if len(heat) != len(images):
        raise ValueError(f"heatmaps: expected {len(images)}, one for each image, got {len(heat)}")
    heat = heat if kind == "signed" else np.abs(heat)
    limit = max(np.abs(heat).max(), 1e-12)
    norm = Normalize(-limit if kind == "signed" else 0, limit)
    cmap = colormaps["coolwarm" if kind == "signed" else "magma"]
    sheet, boxes, (x, height, above) = _grid_sheet(
        len(images), images.shape[1:3], titles, columns, title, caption, alt, right=1.1, tile=tile
    )
    for axes, image, values in zip(boxes, images, heat, strict=True):
        extent = (0, image.shape[1], image.shape[0], 0)
        axes.imshow(image @ LUMINANCE, cmap="gray", vmin=0, vmax=1, aspect="auto", extent=extent)
        colour = cmap(norm(values))
        colour[..., 3] = (
            0.25 + 0.65 * np.abs(values) / limit
            if kind == "absolute"
            else 0.9 * np.sqrt(np.abs(values) / limit)
        )
        axes.imshow(colour, interpolation="nearest", aspect="auto", extent=extent)
    sheet.colour_bar(x + 0.2, above, height, norm, cmap, f"{label} ({kind})")
    return sheet.picture()


def part_overlay(image, parts, names, title="", caption="", alt=None, tile=4.2):
    """An image (3, h, w), and beside it the masks of its parts in colours that keep apart, with a legend.

    parts: integer (h, w), 0 = background, value v = names[v - 1].
    """
    image = as_images(image, "image")[0]
    parts = np.asarray(parts.cpu() if hasattr(parts, "cpu") else parts)
    if parts.shape != image.shape[:2] or not np.issubdtype(parts.dtype, np.integer):
        raise ValueError(f"parts: expected integers {image.shape[:2]}, got {parts.dtype} {parts.shape}")
    if parts.max() > len(names):
        raise ValueError(f"names: expected {parts.max()} for the values in parts, got {len(names)}")
    found = [v for v in range(1, len(names) + 1) if (parts == v).any()]
    palette = (
        colormaps["tab20"](np.arange(20))[:, :3]
        if len(found) > 7
        else np.array([rgb(c) for c in COLOURS[1:]])
    )
    over = np.repeat((0.35 + 0.5 * image @ LUMINANCE)[..., None], 3, -1)
    for i, value in enumerate(found):
        over[parts == value] = 0.75 * palette[i % len(palette)] + 0.25 * over[parts == value]
    height = tile * image.shape[0] / image.shape[1]
    sheet = Sheet(2 * tile + 0.1 + 1.7, height, title, caption, alt)
    _draw(sheet.axes(0, 0, tile, height), image)
    axes = sheet.axes(tile + 0.1, 0, tile, height)
    axes.imshow(over, interpolation="nearest", aspect="auto")
    handles = [Patch(color=palette[i % len(palette)], label=names[v - 1]) for i, v in enumerate(found)]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.02), fontsize=SMALL, frameon=False)
    return sheet.picture()


def rgb(colour):
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


# --- for sliders: bytes in milliseconds, without a figure ---


def signed_colours(values, limit):
    """Values (h, w) in [-limit, limit] as colours (h, w, 3), those of `signed_grid`."""
    return colormaps["coolwarm"](Normalize(-limit, limit)(_array(values, "values", (2,))))[..., :3]


def strip(pictures, height=240, gap=8):
    """PNG bytes of pictures side by side, for an ipywidgets.Image under a slider. No titles, no smoothing.

    pictures: a list of (3, h, w) or (h, w, 3) in [0, 1]; each is enlarged to `height` px, nearest neighbour.
    """
    tiles = []
    for picture in pictures:
        picture = _array(picture, "pictures", (3,))
        picture = picture if picture.shape[2] == 3 else picture.transpose(1, 2, 0)
        tile = Image.fromarray((picture.clip(0, 1) * 255).round().astype(np.uint8))
        tiles.append(
            tile.resize((round(height * tile.width / tile.height), height), Image.Resampling.NEAREST)
        )
    sheet = Image.new("RGB", (sum(t.width + gap for t in tiles) - gap, height), "white")
    left = 0
    for tile in tiles:
        sheet.paste(tile, (left, 0))
        left += tile.width + gap
    out = io.BytesIO()
    sheet.save(out, "PNG", compress_level=1)
    return out.getvalue()


# --- numbers ---


def curves(x, lines, xlabel, ylabel, title="", caption="", intervals=None, alt=None, height=4.0, ylim=None):
    """Lines {label: values} over x, told apart by marker and dash too; intervals {label: (low, high)}."""
    x = _array(x, "x", (1,))
    columns = 2 if max(map(len, lines)) > 16 else 4
    key = 0.1 + 0.26 * ceil(len(lines) / columns)
    sheet = Sheet(WIDTH - 1.5, key + height + 0.55, title, caption, alt)
    axes = sheet.axes(0.75, key, WIDTH - 2.5, height, bare=False)
    for i, (label, values) in enumerate(lines.items()):
        values, colour = _array(values, label, (1,)), COLOURS[i % len(COLOURS)]
        if len(values) != len(x):
            raise ValueError(f"lines: expected {len(x)} values for {label!r}, got {len(values)}")
        style = {"marker": MARKERS[i % len(MARKERS)], "linestyle": DASHES[i // 2 % len(DASHES)]}
        axes.plot(x, values, color=colour, lw=2.2, ms=7, label=label, **style)
        if intervals and label in intervals:
            axes.fill_between(x, *intervals[label], color=colour, alpha=0.15, lw=0)
    axes.set_xlabel(xlabel, fontsize=TEXT)
    axes.set_ylabel(ylabel, fontsize=TEXT)
    axes.grid(color="#dddddd", lw=0.8)
    if len(x) <= 12:
        axes.set_xticks(x)
    if ylim:
        axes.set_ylim(*ylim)
    axes.legend(fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=columns)
    return sheet.picture()


def bars(
    values,
    xlabel,
    title="",
    caption="",
    intervals=None,
    line=None,
    line_label="",
    alt=None,
    form="{:.2f}",
    xlim=None,
):
    """Horizontal bars {label: value}; the value stands at each.

    A value may be a list (say, of training seeds): the bar is their mean, the dots are they. Or a dict {series:
    value or list}: one bar for each series, told apart by colour and hatching, with a legend.
    intervals: {label: (low, high)}, without series only. line: x of a dashed line (a threshold), named line_label.
    """
    if not values:
        raise ValueError("values: expected at least one bar, got none")
    rows = {label: v if isinstance(v, dict) else {"": v} for label, v in values.items()}
    series = list(dict.fromkeys(name for row in rows.values() for name in row))
    rows = {
        label: {n: _array(np.atleast_1d(v), label, (1,)) for n, v in row.items()}
        for label, row in rows.items()
    }
    step = 0.44 if len(series) == 1 else 0.3 * len(series) + 0.12
    named = series != [""]
    sheet = Sheet(WIDTH - 1.5, len(rows) * step + 0.68 + 0.3 * named, title, caption, alt)
    left = 0.3 + 0.098 * max(map(len, rows))
    box = WIDTH - 1.5 - left - 0.8, len(rows) * step
    axes = sheet.axes(left, 0.05 + 0.3 * named, *box, bare=False)
    ends = [n.max() for row in rows.values() for n in row.values()]
    ends += [high for _, high in (intervals or {}).values()]
    top = xlim[1] if xlim else max(*ends, line or 0, 1e-12) * 1.05
    thick = 0.66 / len(series)
    for y, (label, row) in enumerate(rows.items()):
        for name, number in row.items():
            at = y + (series.index(name) - (len(series) - 1) / 2) * thick
            colour, hatch = COLOURS[1 + series.index(name)], ("", "///", "...")[series.index(name) % 3]
            axes.barh(at, number.mean(), height=0.92 * thick, color=colour, hatch=hatch, ec="white", lw=0,
                      label=name if y == 0 else None)  # fmt: skip
            reach = number.max()
            if len(number) > 1:
                axes.plot(number, np.full(len(number), at), "o", ms=5.5, color=INK, mfc="white")
            if intervals and label in intervals:
                axes.plot(intervals[label], [at, at], color=INK, lw=2)
                reach = max(reach, intervals[label][1])
            text = form.format(number.mean())
            axes.text(max(reach, 0) + 0.015 * top, at, text, va="center", fontsize=TEXT, color=INK)
    axes.set_yticks(range(len(rows)), labels=list(rows), fontsize=TEXT)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(xlim or (min(0, *(n.min() for row in rows.values() for n in row.values())), top))
    axes.set_xlabel(xlabel, fontsize=TEXT)
    axes.tick_params(axis="y", length=0)
    if named:
        axes.legend(
            fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 0.995), ncols=len(series)
        )
    if line is not None:
        axes.axvline(line, color=INK, lw=1.8, ls="--")
        axes.text(line, -0.62, f" {line_label}", color=INK, fontsize=SMALL, va="bottom", ha="center")
    return sheet.picture()
