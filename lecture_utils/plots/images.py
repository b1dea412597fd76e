"""Images, filters, maps and masks."""

import io
from math import ceil

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.patches import Patch
from PIL import Image

from .sheet import (
    COLOURS,
    DPI,
    INK,
    LUMINANCE,
    MANY,
    SMALL,
    TEXT,
    WIDTH,
    Picture,
    Sheet,
    as_array,
    as_images,
    check_titles,
    draw,
    grid_sheet,
    rgb,
)


class Tiles(Picture):
    """A picture of many small photographs or soft curves, stored in 256 colours: half the bytes or less."""

    colours = 256  # at most

    def png(self):
        """PNG bytes with a palette made for this picture; the same figure gives the same bytes."""
        canvas, out = FigureCanvasAgg(self.figure), io.BytesIO()
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        image.quantize(self.colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            out, "PNG", optimize=True
        )
        return out.getvalue()


class Vivid(Tiles):
    """Tiles whose palette is fitted to them: small bright things, soft skies and faces keep their colours."""

    def png(self):
        """PNG bytes; the same figure gives the same bytes."""
        canvas, out = FigureCanvasAgg(self.figure), io.BytesIO()
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        palette = Image.new("P", (1, 1))
        palette.putpalette(_palette(image, self.colours).tobytes())
        image.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        return out.getvalue()


def vivid(picture, colours=256):
    """The same picture stored in so many colours, 2 to 256, fitted to it: see `Vivid`. Errors: ValueError."""
    if not 2 <= colours <= 256:
        raise ValueError(f"colours: expected 2 to 256, got {colours}")
    kept = Vivid(picture.figure, picture.alt)
    kept.colours = colours
    return kept


def _palette(image, colours, pixels=6000, rounds=6):
    """uint8 (colours, 3): rounds of k-means on evenly spaced pixels. A quarter of the colours begin far apart from each
    other, which saves the rare ones; the rest begins where the pixels are.
    """
    every = np.asarray(image).reshape(-1, 3)
    some = every[:: max(1, len(every) // pixels)].astype(np.float32)
    row, apart = Image.fromarray(some[None].astype(np.uint8)), colours // 4
    starts = ((Image.Quantize.MAXCOVERAGE, apart), (Image.Quantize.MEDIANCUT, colours - apart))
    found = [row.quantize(count, way).getpalette()[: 3 * count] for way, count in starts if count]
    centres = np.array(sum(found, []), np.float32).reshape(-1, 3)
    for _ in range(rounds):
        nearest = ((centres**2).sum(1) - 2 * some @ centres.T).argmin(1)
        count = np.bincount(nearest, minlength=len(centres))[:, None]
        sums = np.stack([np.bincount(nearest, some[:, c], len(centres)) for c in range(3)], 1)
        centres = np.where(count > 0, sums / np.maximum(count, 1), centres).astype(np.float32)
    return np.round(centres).astype(np.uint8)


def image_grid(images, titles=None, columns=None, title="", caption="", alt=None, tile=None):
    """Images (n, 3, h, w) or grey (n, h, w) in [0, 1] side by side, each with its own title.

    columns: at most 6 unless given. tile: the width of one in inches. Errors: ValueError.
    """
    images = as_images(images)
    sheet, boxes, _ = grid_sheet(
        len(images), images.shape[1:3], titles, columns, title, caption, alt, tile=tile
    )
    for axes, image in zip(boxes, images, strict=True):
        draw(axes, image, vmin=0, vmax=1)
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
    weights = as_array(weights, "weights", (4,))
    k, c, h, w = weights.shape
    titles, columns = check_titles(titles, k), columns or c
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
    maps = as_array(maps, "maps", (2, 3))
    maps = maps[None] if maps.ndim == 2 else maps
    limit = max(np.abs(maps).max(), 1e-12)
    norm = Normalize(-limit, limit)
    sheet, boxes, (x, height, above) = grid_sheet(
        len(maps), maps.shape[1:], titles, columns, title, caption, alt, right=1.1, tile=tile
    )
    for axes, values in zip(boxes, maps, strict=True):
        draw(axes, values, cmap="coolwarm", norm=norm)
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
    images, heat = as_images(images), as_array(heatmaps, "heatmaps", (2, 3))
    heat = heat[None] if heat.ndim == 2 else heat
    if len(heat) != len(images):
        raise ValueError(f"heatmaps: expected {len(images)}, one for each image, got {len(heat)}")
    heat = heat if kind == "signed" else np.abs(heat)
    limit = max(np.abs(heat).max(), 1e-12)
    norm = Normalize(-limit if kind == "signed" else 0, limit)
    cmap = colormaps["coolwarm" if kind == "signed" else "magma"]
    sheet, boxes, (x, height, above) = grid_sheet(
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
    palette = np.array([rgb(c) for c in (COLOURS[1:] if len(found) < len(COLOURS) else MANY)])
    if len(found) > len(MANY):
        palette = colormaps["tab20"](np.arange(20))[:, :3]  # more than can be told apart by everybody
    over = np.repeat((0.35 + 0.5 * image @ LUMINANCE)[..., None], 3, -1)
    for i, value in enumerate(found):
        over[parts == value] = 0.75 * palette[i % len(palette)] + 0.25 * over[parts == value]
    height = tile * image.shape[0] / image.shape[1]
    sheet = Sheet(2 * tile + 0.1 + 1.7, height, title, caption, alt)
    draw(sheet.axes(0, 0, tile, height), image)
    axes = sheet.axes(tile + 0.1, 0, tile, height)
    axes.imshow(over, interpolation="nearest", aspect="auto")
    handles = [Patch(color=palette[i % len(palette)], label=names[v - 1]) for i, v in enumerate(found)]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.02), fontsize=SMALL, frameon=False)
    return sheet.picture()


def signed_colours(values, limit):
    """Values (h, w) in [-limit, limit] as colours (h, w, 3), those of `signed_grid`."""
    return colormaps["coolwarm"](Normalize(-limit, limit)(as_array(values, "values", (2,))))[..., :3]


def strip(pictures, height=240, gap=8):
    """PNG bytes of pictures side by side, for an ipywidgets.Image under a slider. No titles, no smoothing.

    pictures: a list of (3, h, w) or (h, w, 3) in [0, 1]; each is enlarged to `height` px, nearest neighbour.
    """
    tiles = []
    for picture in pictures:
        picture = as_array(picture, "pictures", (3,))
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
