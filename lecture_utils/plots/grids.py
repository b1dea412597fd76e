"""Images side by side: grids, mosaics of filters and samples, rows with labels, blocks, sums."""

from math import ceil

import numpy as np
from matplotlib.patches import Rectangle

from . import given
from .given import Array, Named, Names, figure
from .look import COLOURS, DPI, INK, MUTED, SMALL, TEXT, WIDTH, beside, heads, write
from .pixels import as_rgb, enlarged, mosaic
from .sheet import GAP, Picture, Sheet, grid_sheet

EMPTY, FRAME = np.array([127, 159, 196]) / 255, 0.62  # what is not drawn yet; the lines between tiles


@figure
def image_grid(
    images: Array, titles=None, columns=None, title="", caption="", alt=None, tile=None
) -> Picture:
    """Images (n, 3, h, w) or grey (n, h, w) in [0, 1] side by side, each with its own title. Errors: ValueError.

    columns: at most 6 unless given. tile: the width of one in inches.
    """
    images = given.images(images)
    shape, words = images.shape[1:3], (titles, columns, title, caption)
    sheet, places, _ = grid_sheet(len(images), shape, *words, alt, tile=tile)
    for place, image in zip(places, images, strict=True):
        sheet.tile(**place, pixels=image)
    return sheet.picture()


@figure
def filter_grid(filters, columns=8, title="", caption="", panels=None) -> Picture:
    """Filters as images (k, 3, h, w) in [0, 1]: large crisp tiles with thin gaps.

    filters: one set, or a dict {label: set} for panels side by side. panels: how many panels stand in a row.
    """
    sets = given.named(filters, "filters") if isinstance(filters, dict) else {"": filters}
    sets = {label: given.images(f, "filters") for label, f in sets.items()}
    across = panels or min(len(sets), 4)
    space, above = 0.3, 0.32 if any(sets) else 0.0
    width = (WIDTH - space * (across - 1)) / across * DPI
    drawn = {}
    for label, tiles in sets.items():
        count, side = min(columns, len(tiles)), tiles.shape[2]
        zoom = max(1, min(int((width - 2 * (count - 1)) / count) // side, 72 // side + 1))
        drawn[label] = mosaic(tiles, count, zoom)
    wide, high = (max(m.shape[i] for m in drawn.values()) / DPI for i in (1, 0))
    total = ceil(len(sets) / across) * (high + above + space) - space
    sheet = Sheet(across * (wide + space) - space, total, title, caption)
    for i, (label, image) in enumerate(drawn.items()):
        row, column = divmod(i, across)
        _crisp(sheet, column * (wide + space), above + row * (high + above + space), image, label)
    return sheet.picture()


def _crisp(sheet, x, y, pixels, title="", size=TEXT, pad=5):
    """An array (h, w, 3) drawn pixel by pixel, its title at the left."""
    place = x, y, pixels.shape[1] / DPI, pixels.shape[0] / DPI
    return sheet.tile(*place, pixels, title, size, pad, "left", interpolation="nearest")


@figure
def grey_tiles(weights: Array, columns=None, title="", caption="", titles=None) -> Picture:
    """Raw weights (k, c, h, w), one row for each filter, one small grey tile for each input channel.

    Zero is mid-grey; one shared symmetric range, in which the largest two in a thousand are cut off.
    titles: a label for each row. columns: tiles in a row (c unless given). Source: the demos of ConvNetJS.
    """
    weights = given.array(weights, "weights", (4,))
    k, c, _, w = weights.shape
    titles, columns = given.titles(titles, k), columns or c
    left = 0.9 if any(titles) else 0.0
    grey = (0.5 + weights / (2 * max(np.quantile(np.abs(weights), 0.998), 1e-30))).clip(0, 1)
    zoom = max(1, int(((WIDTH - left) * DPI - 2 * columns) / columns / w))
    bands = [mosaic(as_rgb(row), columns, zoom) for row in grey]
    high, wide = bands[0].shape[0] / DPI, bands[0].shape[1] / DPI
    sheet = Sheet(left + wide, k * (high + 0.09) - 0.09, title, caption)
    for i, (band, text) in enumerate(zip(bands, titles, strict=True)):
        axes = _crisp(sheet, left, i * (high + 0.09), band)
        axes.text(-0.12 * DPI, band.shape[0] / 2, text, fontsize=SMALL, color=INK, ha="right", va="center")
    return sheet.picture()


@figure
def tiles(
    images: Array, columns: int, title="", caption="", labels=None, zoom=None, missing=None, blocks=1
) -> Picture:
    """Many small images (n, 3, h, w) or (n, h, w), framed in grey. labels: one for each row, at its left.

    missing: bool (n, h, w), what is not there (yet): blue. blocks: into how many, each of whole rows, they are split.
    """
    images = given.small_images(images, "images")
    if missing is not None:
        images = np.where(given.masks(missing, "missing", images.shape[:3])[..., None], EMPTY, images)
    if len(images) % blocks:
        raise ValueError(f"blocks: expected a divisor of the {len(images)} images, got {blocks}")
    labels = [] if labels is None else given.names(labels, "labels", ceil(len(images) / columns))
    left = 0.25 + 0.1 * max(map(len, labels)) if labels else 0.0
    zoom = zoom or max(1, int(((WIDTH - left) * 100 - 2 * columns) / columns / images.shape[2]))
    sets = [mosaic(block, columns, zoom, ground=FRAME) for block in np.split(images, blocks)]
    sets = [np.pad(block, ((2, 2), (2, 2), (0, 0)), constant_values=FRAME) for block in sets]
    (tall, wide, _), rows, between = sets[0].shape, len(images) // blocks // columns, 14
    sheet = Sheet(left + wide / 100, (tall * blocks + between * (blocks - 1)) / 100, title, caption)
    for k, block in enumerate(sets):
        axes = _crisp(sheet, left, k * (tall + between) / 100, block)
        for i, text in enumerate(labels[k * rows : (k + 1) * rows]):
            y = (i + 0.5) * (images.shape[1] * zoom + 2)
            axes.text(-12, y, text, ha="right", va="center", fontsize=TEXT, color=INK)
    return sheet.picture()


@figure
def image_rows(rows: Named, titles=None, title="", caption="", left=1.35) -> Picture:
    """Rows of images {label: (n, 3, h, w) in [0, 1]}, the label in `left` inches; titles: one for each column."""
    rows = given.image_sets(rows, "rows")
    n = len(next(iter(rows.values())))
    titles, y = given.titles(titles, n), 0.32 if titles else 0.0
    wide = (WIDTH - left - GAP * (n - 1)) / n
    heights = [wide * images.shape[1] / images.shape[2] for images in rows.values()]
    sheet = Sheet(WIDTH, y + sum(heights) + GAP * (len(rows) - 1), title, caption)
    look = {"size": TEXT if wide > 1.3 else SMALL, "pad": 5, "interpolation": "antialiased"}
    for (label, images), high in zip(rows.items(), heights, strict=True):
        first, *_ = sheet.row(left, y, wide, high, images, titles, **look)
        beside(first, label, size=TEXT, linespacing=1.2)
        y, titles = y + high + GAP, None
    return sheet.picture()


@figure
def noted_rows(rows: Named, columns: Names, notes=None, title="", caption="", tile=None) -> Picture:
    """One row of images for each label, under common titles; a short note below each image.

    rows: {label: images (n, 3, h, w) in [0, 1]}, all of one size; "" is no label. columns: n titles. notes: {label: n
    texts}, of some rows. tile: inches of one's width. Errors: ValueError.
    """
    n, notes = len(columns), notes or {}
    rows = given.image_sets(rows, "rows", n)
    for label, texts in notes.items():
        if label not in rows or len(texts) != n:
            raise ValueError(f"notes: expected {n} texts of a row, got {len(texts)} of {label!r}")
    left = 0.25 + 0.1 * max(map(len, rows)) if any(rows) else 0.0
    tile = tile or min(2.6, (WIDTH - left - GAP * (n - 1)) / n)
    shape = next(iter(rows.values())).shape
    high, y = tile * shape[1] / shape[2], heads([*columns, "x"], 0.21, 0.16)
    under = {label: 0.27 if label in notes else GAP for label in rows}
    height, titles = y + sum(high + under[label] for label in rows), list(columns)
    sheet = Sheet(left + n * (tile + GAP) - GAP, height, title, caption)
    look = {"size": TEXT if tile > 1.4 else SMALL, "pad": 5}
    for label, images in rows.items():
        row = sheet.row(left, y, tile, high, images, titles, **look)
        beside(row[0], label, -0.04, ink=MUTED)
        for axes, note in zip(row, notes.get(label, ()), strict=False):
            write(axes, 0.5, -0.03, note, ink=MUTED, ha="center", va="top")
        y, titles = y + high + under[label], None
    return sheet.picture()


@figure
def image_table(
    images: list, rows: Names, columns: Names, title="", caption="", tile=None, smooth=True
) -> Picture:
    """Images in rows and columns, names above and on the left.

    images: for each row a list (or tensor) of images (3, h, w) in [0, 1], of any sizes; None leaves a place free.
    rows, columns: their names; a name may have several lines, "" is none. tile: as in `noted_rows`. smooth: enlarged
    as a photograph is, else each pixel a square, which takes a third of the bytes. Errors: ValueError for names that
    do not fit.
    """
    images = [given.listed(row, "images") for row in images]
    rows = given.names(rows, "rows", len(images))
    across = max(map(len, images))
    above_each = [given.names(columns, "columns", across)] + [[""] * across] * (len(rows) - 1)
    longest = max(len(line) for name in rows for line in name.split("\n"))
    left = 0.2 + 0.095 * longest if any(rows) else 0.0
    above = [heads(row, 0.21, 0.08) for row in above_each]
    tile = tile or min(2.4, (WIDTH - left + GAP) / across - GAP)
    high = sum(above) + len(rows) * (tile + GAP) - GAP
    sheet, top = Sheet(left + across * (tile + GAP) - GAP, high, title, caption), 0.0
    look, white = {"size": SMALL, "interpolation": "nearest"}, np.ones((1, 1, 3))
    for name, row, head, texts in zip(rows, images, above, above_each, strict=True):
        top += head
        if name:
            beside(sheet.axes(0, top, left, tile), name, 0.97 - 0.1 / left)
        shown = [white if one is None else enlarged(one, round(tile * DPI), smooth) for one in row]
        sheet.row(left, top, tile, tile, shown, texts, **look)
        top += tile + GAP
    return sheet.picture()


@figure
def growing_rows(rows: Named, columns: int, title="", caption="") -> Picture:
    """A figure that improves: rows {label: images (n, c, h, w) in [0, 1]} of small tiles, for `Live`."""
    left, side, step = 0.2 + 0.1 * max(map(len, rows)), 0.72, 0.78
    sheet = Sheet(left + step * columns, step * len(rows), title, caption)
    for y, (label, images) in enumerate(rows.items()):
        images = given.array(images, label, (4,)).clip(0, 1)[:columns]
        images = np.repeat(images, 3, 1) if images.shape[1] == 1 else images
        row = sheet.row(left, y * step, side, side, images.transpose(0, 2, 3, 1), gap=step - side)
        beside(row[0], label, -0.08, ink=MUTED)
    return sheet.picture()


@figure
def top9_grid(blocks: Named, rows: Names, title="", caption="") -> Picture:
    """Blocks of up to nine small images, 3 x 3: one column for each label, one row for each kind.

    blocks: {label: (images (k, 3, s, s) in [0, 1] for each of `rows`)}; the sizes s may differ from label to label.
    rows: what each row of blocks shows, such as ("patches", "projections"). Errors: ValueError.
    """
    drawn = {}
    for label, kinds in blocks.items():
        if len(kinds) != len(rows):
            raise ValueError(f"blocks: expected {len(rows)} sets of images for {label!r}, got {len(kinds)}")
        sets = [given.images(images, label)[:9] for images in kinds]
        # each of their pixels is a whole number of pixels wide
        drawn[label] = [mosaic(some, 3, max(1, 94 // max(some.shape[1:3])), gap=2) for some in sets]
    left, above, gap = 1.15, 0.3, 0.2
    tile = max(length for kinds in drawn.values() for block in kinds for length in block.shape[:2]) / DPI
    step = tile + gap
    sheet = Sheet(left + len(blocks) * step - gap, above + len(rows) * step - gap, title, caption)
    for column, (label, kinds) in enumerate(drawn.items()):
        for row, block in enumerate(kinds):
            _crisp(sheet, left + column * step, above + row * step, block, "" if row else label, SMALL, 4)
    for row, name in enumerate(given.names(rows, "rows")):
        beside(sheet.axes(0, above + row * step, left, tile), name, 0.92)
    return sheet.picture()


@figure
def neighbour_rows(queries: Array, groups: Named, right=None, title="", caption="", tile=0.9) -> Picture:
    """Each row: a query (q, 3, h, w), then its neighbours in each space, {name: images (q, k, 3, h, w)}.

    right: {name: bool (q, k)}: a neighbour of the query's kind gets a blue frame, another an orange one with its
    corner cut. None: no frames. tile: the widest side of one, in inches. Errors: ValueError.
    """
    queries = given.images(queries, "queries")
    groups = {name: np.stack([given.images(row, name) for row in images]) for name, images in groups.items()}
    for name, images in groups.items():
        if len(images) != len(queries):
            raise ValueError(f"{name}: expected {len(queries)} rows, one for each query, got {len(images)}")
    k, gap, space = max(g.shape[1] for g in groups.values()), 0.05, 0.22
    tile = min(tile, (WIDTH - len(groups) * (space + gap * (k - 1))) / (1 + k * len(groups)))
    across = tile + len(groups) * (space + k * (tile + gap) - gap)
    head = 0.3 + 0.22 * max(name.count("\n") for name in groups)
    sheet = Sheet(across, head + len(queries) * (tile + gap) - gap, title, caption)
    for row, query in enumerate(queries):
        y, x = head + row * (tile + gap), tile + space
        sheet.tile(0, y, tile, tile, query, "" if row else "query", TEXT)
        for name, images in groups.items():
            titles = ["" if row else name] + [""] * k
            axes = sheet.row(x, y, tile, tile, images[row], titles, gap, size=TEXT, loc="left")
            for one, same in zip(axes, () if right is None else right[name][row], strict=False):
                _frame(one, bool(same))
            x += k * (tile + gap) - gap + space
    return sheet.picture()


def _frame(axes, same):
    """Blue and whole for the same kind; orange with a cut corner for another: told apart without colour, too."""
    style = {"transform": axes.transAxes, "fill": False, "lw": 5, "ec": COLOURS[1] if same else COLOURS[2]}
    axes.add_patch(Rectangle((0, 0), 1, 1, **style))
    if not same:
        axes.fill([0.68, 1, 1], [1, 1, 0.68], color=COLOURS[2], transform=axes.transAxes)


@figure
def picture_map(images: Array, cells: Array, title="", caption="", width=WIDTH) -> Picture:
    """Images (n, 3, h, w), each in its own cell (row, column) of a grid (n, 2); cells without an image stay white."""
    images, cells = given.images(images), given.integers(cells, "cells")
    if cells.shape != (len(images), 2) or len(np.unique(cells, axis=0)) != len(cells):
        raise ValueError(f"cells: expected ({len(images)}, 2), all different, got shape {cells.shape}")
    rows, columns = cells.max(0) + 1
    side = int(width * DPI / columns) / DPI
    sheet = Sheet(columns * side, rows * side, title, caption)
    for image, (row, column) in zip(images, cells, strict=True):
        sheet.tile(column * side, row * side, side, side, image)
    return sheet.picture()
