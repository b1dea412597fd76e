"""Images side by side: grids, mosaics of filters and samples, rows with labels, blocks, sums."""

from math import ceil

import numpy as np
from matplotlib.patches import Rectangle

from . import given
from .given import Array, Named, Names, figure
from .look import COLOURS, DPI, INK, MUTED, SMALL, TEXT, WIDTH, beside, heads, write
from .pixels import as_rgb, enlarged, mosaic
from .sheet import Picture, Sheet, grid_sheet

EMPTY, FRAME = np.array([127, 159, 196]) / 255, 0.62  # what is not drawn yet; the lines between tiles
GAP = 0.08  # inches between tiles


@figure
def image_grid(
    images: Array, titles=None, columns=None, title="", caption="", alt=None, tile=None
) -> Picture:
    """Images (n, 3, h, w) or grey (n, h, w) in [0, 1] side by side, each with its own title.

    columns: at most 6 unless given. tile: the width of one in inches. Errors: ValueError.
    """
    images = given.images(images)
    sheet, places, _ = grid_sheet(
        len(images), images.shape[1:3], titles, columns, title, caption, alt, tile=tile
    )
    for (place, words), image in zip(places, images, strict=True):
        sheet.tile(*place, image, *words)
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
        count = min(columns, len(tiles))
        zoom = max(1, min(int((width - 2 * (count - 1)) / count) // tiles.shape[2], 72 // tiles.shape[2] + 1))
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
    titles: a label for each row. columns: tiles in a row (c unless given).
    Source: the demos of ConvNetJS.
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
    labels = None if labels is None else given.names(labels, "labels", ceil(len(images) / columns))
    left = 0.25 + 0.1 * max(map(len, labels)) if labels else 0.0
    zoom = zoom or max(1, int(((WIDTH - left) * 100 - 2 * columns) / columns / images.shape[2]))
    sets = [mosaic(block, columns, zoom, ground=FRAME) for block in np.split(images, blocks)]
    sets = [np.pad(block, ((2, 2), (2, 2), (0, 0)), constant_values=FRAME) for block in sets]
    (tall, wide, _), rows, between = sets[0].shape, len(images) // blocks // columns, 14
    sheet = Sheet(left + wide / 100, (tall * blocks + between * (blocks - 1)) / 100, title, caption)
    for k, block in enumerate(sets):
        axes = _crisp(sheet, left, k * (tall + between) / 100, block)
        for i, text in enumerate((labels or ())[k * rows : (k + 1) * rows]):
            y = (i + 0.5) * (images.shape[1] * zoom + 2)
            axes.text(-12, y, text, ha="right", va="center", fontsize=TEXT, color=INK)
    return sheet.picture(128, fitted=True)


@figure
def image_rows(rows: Named, titles=None, title="", caption="", left=1.35) -> Picture:
    """Rows of images {label: (n, 3, h, w) in [0, 1]}, the label to the left; titles: one for each column.

    left: inches for the labels. Errors: ValueError.
    """
    rows = given.image_sets(rows, "rows")
    n = len(next(iter(rows.values())))
    titles, head = given.titles(titles, n), 0.32 if titles else 0.0
    wide = (WIDTH - left - GAP * (n - 1)) / n
    heights = [wide * images.shape[1] / images.shape[2] for images in rows.values()]
    sheet, y = Sheet(WIDTH, head + sum(heights) + GAP * (len(rows) - 1), title, caption), head
    for (label, images), high in zip(rows.items(), heights, strict=True):
        size, names = TEXT if wide > 1.3 else SMALL, titles if y == head else [""] * n
        row = _row(sheet, left, y, images, wide, high, names, size, "antialiased")
        beside(row[0], label, size=TEXT, linespacing=1.2)
        y += high + GAP
    return sheet.picture()


def _row(sheet, x, y, images, wide, high, titles, size, smooth=None):
    """The axes of a row of images, their titles above."""
    look = {"interpolation": smooth} if smooth else {}
    places = [(x + k * (wide + GAP), y, wide, high) for k in range(len(images))]
    return [sheet.tile(*places[k], image, titles[k], size, 5, **look) for k, image in enumerate(images)]


@figure
def noted_rows(
    rows: Named, columns: Names, notes=None, title="", caption="", tile=None, colours=256
) -> Picture:
    """One row of images for each label, under common titles; a short note below each image.

    rows: {label: images (n, 3, h, w) in [0, 1]}, all of one size; "" is no label. columns: n titles. notes: {label: n
    texts}, of some rows. tile: the width of one in inches. colours: of the stored file, at most 256.
    Errors: ValueError.
    """
    n, notes = len(columns), notes or {}
    rows = given.image_sets(rows, "rows", n)
    for label, texts in notes.items():
        if label not in rows or len(texts) != n:
            raise ValueError(f"notes: expected {n} texts of a row, got {len(texts)} of {label!r}")
    left = 0.25 + 0.1 * max(map(len, rows)) if any(rows) else 0.0
    tile = tile or min(2.6, (WIDTH - left - GAP * (n - 1)) / n)
    shape = next(iter(rows.values())).shape
    high, y, head = (
        tile * shape[1] / shape[2],
        heads([*columns, "x"], 0.21, 0.16),
        TEXT if tile > 1.4 else SMALL,
    )
    under = {label: 0.27 if label in notes else GAP for label in rows}
    height = y + sum(high + under[label] for label in rows)
    sheet, titles = Sheet(left + n * (tile + GAP) - GAP, height, title, caption), list(columns)
    for label, images in rows.items():
        row = _row(sheet, left, y, images, tile, high, titles, head)
        beside(row[0], label, -0.04, ink=MUTED)
        for axes, note in zip(row, notes.get(label, ()), strict=False):
            write(axes, 0.5, -0.03, note, ink=MUTED, ha="center", va="top")
        y, titles = y + high + under[label], [""] * n
    return sheet.picture(colours, fitted=True)


@figure
def image_table(
    images: list,
    rows: Names,
    columns: Names,
    title="",
    caption="",
    tile=None,
    colours=128,
    smooth=True,
    names=None,
) -> Picture:
    """Images in rows and columns, names above and on the left.

    images: for each row a list (or tensor) of images (3, h, w) in [0, 1], of any sizes; None leaves a place free.
    rows, columns: their names; a name may have several lines, "" is none. names: instead of columns, the name above
    each image, row by row. tile: the width of one in inches. colours: of the stored file, at most 256; None for all.
    smooth: enlarged as a photograph is, else each pixel a square, which takes a third of the bytes.
    Errors: ValueError for a number of names that does not fit.
    """
    images = [given.listed(row, "images") for row in images]
    rows = given.names(rows, "rows", len(images))
    across = max(map(len, images))
    above_each = [given.names(columns, "columns", across)] + [[""] * across] * (len(rows) - 1)
    if names is not None:
        flat = iter(given.names(names, "names", sum(map(len, images))))
        above_each = [[next(flat) for _ in row] for row in images]
    longest = max(len(line) for name in rows for line in name.split("\n"))
    left = 0.2 + 0.095 * longest if any(rows) else 0.0
    above = [heads(row, 0.21, 0.08) for row in above_each]
    tile = tile or min(2.4, (WIDTH - left + GAP) / across - GAP)
    high = sum(above) + len(rows) * (tile + GAP) - GAP
    sheet, top = Sheet(left + across * (tile + GAP) - GAP, high, title, caption), 0.0
    for name, row, head, texts in zip(rows, images, above, above_each, strict=True):
        top += head
        if name:
            beside(sheet.axes(0, top, left, tile), name, 0.97 - 0.1 / left)
        for k, (image, text) in enumerate(zip(row, texts, strict=False)):
            place = left + k * (tile + GAP), top, tile, tile
            shown = np.ones((1, 1, 3)) if image is None else enlarged(image, round(tile * DPI), smooth)
            sheet.tile(*place, shown, text, TEXT if names else SMALL, interpolation="nearest")
        top += tile + GAP
    return sheet.picture(colours, fitted=True)


@figure
def growing_rows(rows: Named, columns: int, title="", caption="") -> Picture:
    """A figure that improves: rows {label: images (n, c, h, w) in [0, 1]} of small tiles, for `Live`."""
    left, side, step = 0.2 + 0.1 * max(map(len, rows)), 0.72, 0.78
    sheet = Sheet(left + step * columns, step * len(rows), title, caption)
    for y, (label, images) in enumerate(rows.items()):
        images = given.array(images, label, (4,)).clip(0, 1)
        for x, image in enumerate(images[:columns]):
            colour = np.repeat(image, 3, 0) if len(image) == 1 else image
            axes = sheet.tile(left + x * step, y * step, side, side, colour.transpose(1, 2, 0))
            if x == 0:
                beside(axes, label, -0.08, ink=MUTED)
    return sheet.picture(64, fitted=True)


@figure
def painted(style: Array, images: Named, title="", caption="") -> Picture:
    """A style, small, and beside it large images that were painted in it.

    style: (3, h, w) in [0, 1]. images: {its name: (3, h, w)}, two to four squares.
    """
    images, side = {name: given.image(image, name) for name, image in images.items()}, 1.5
    large = (WIDTH - side - 0.2 - GAP * (len(images) - 1)) / len(images)
    sheet = Sheet(WIDTH, 0.35 + large, title, caption)
    sheet.tile(0, 0.35, side, side, given.image(style, "style"), "the style", TEXT, 5)
    for k, (name, image) in enumerate(images.items()):
        sheet.tile(side + 0.2 + k * (large + GAP), 0.35, large, large, image, name, TEXT, 5)
    return sheet.picture(256, fitted=True)


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
    return sheet.picture(256)


@figure
def neighbour_rows(
    queries: Array, groups: Named, right=None, title="", caption="", labels=None, tile=0.9
) -> Picture:
    """Each row: a query (q, 3, h, w), then its neighbours in each space, {name: images (q, k, 3, h, w)}.

    right: {name: bool (q, k)}: a neighbour of the query's kind gets a blue frame, another an orange one with its
    corner cut. None: no frames. labels: a text for each query, to its left. tile: the widest
    side of one, in inches. Errors: ValueError.
    """
    queries = given.images(queries, "queries")
    groups = {name: np.stack([given.images(row, name) for row in images]) for name, images in groups.items()}
    for name, images in groups.items():
        if len(images) != len(queries):
            raise ValueError(f"{name}: expected {len(queries)} rows, one for each query, got {len(images)}")
    k, gap, space, left = max(g.shape[1] for g in groups.values()), 0.05, 0.22, 0.95 if labels else 0.0
    labels = given.titles(labels, len(queries), "labels")
    room = WIDTH - left - space * len(groups) - gap * (k - 1) * len(groups)
    tile = min(tile, room / (1 + k * len(groups)))
    across = left + tile + len(groups) * (space + k * (tile + gap) - gap)
    head = 0.3 + 0.22 * max(name.count("\n") for name in groups)
    sheet = Sheet(across, head + len(queries) * (tile + gap) - gap, title, caption)
    for row, query in enumerate(queries):
        y, x = head + row * (tile + gap), left + tile + space
        beside(sheet.tile(left, y, tile, tile, query, "" if row else "query", TEXT), labels[row], -0.08)
        for name, images in groups.items():
            for column, image in enumerate(images[row]):
                words = name if row == column == 0 else "", TEXT, 4, "left"
                axes = sheet.tile(x + column * (tile + gap), y, tile, tile, image, *words)
                if right is not None:
                    _frame(axes, bool(right[name][row][column]))
            x += k * (tile + gap) - gap + space
    return sheet.picture(256)


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
    return sheet.picture(256)


@figure
def sum_of_images(images: Array, above: Names, below: Names, title="", caption="") -> Picture:
    """Three images (3, 3, h, w) in [0, 1] as a sum, `first + second = third`, as large as a sheet allows.

    above, below: three texts each; those below are large. Errors: ValueError.
    """
    images = given.images(images)
    if len(images) != 3:
        raise ValueError(f"images: expected three, first + second = third, got {len(images)}")
    above, below, gap = given.names(above, "above", 3), given.names(below, "below", 3), 0.5
    wide = (WIDTH - 2 * gap) / 3
    high, head = wide * images.shape[1] / images.shape[2], 0.36
    sheet = Sheet(WIDTH, head + high + 0.5, title, caption)
    for i, image in enumerate(images):
        axes = sheet.tile(i * (wide + gap), head, wide, high, image, interpolation="bicubic")
        axes.set_title(above[i], fontsize=TEXT, color=MUTED, pad=6)
        write(axes, 0.5, -0.035, below[i], TEXT + 5, ha="center", va="top", weight="bold")
        write(axes, -gap / wide / 2, 0.5, ["", "+", "="][i], 32, ha="center", va="center")
    return sheet.picture()


@figure
def sums(rows: list, titles: Names, title="", caption="", tile=1.1) -> Picture:
    """Rows of four images (4, 3, h, w) as sums, first - second + third = fourth; titles: four texts above."""
    rows, titles = [given.images(row, "rows") for row in rows], given.names(titles, "titles", 4)
    if any(len(row) != 4 for row in rows):
        raise ValueError("rows: expected four images in each: first - second + third = fourth")
    across, gap, between = 1 if len(rows) < 4 else 2, 0.34, 0.7
    down, block = -(-len(rows) // across), 4 * tile + 3 * gap
    sheet = Sheet(across * block + (across - 1) * between, 0.3 + down * (tile + 0.1), title, caption)
    for i, row in enumerate(rows):
        y, x = divmod(i, across)
        for k, image in enumerate(row):
            place = x * (block + between) + k * (tile + gap), 0.3 + y * (tile + 0.1), tile, tile
            axes = sheet.tile(*place, image, "" if y else titles[k], interpolation="nearest")
            write(axes, -gap / tile / 2, 0.5, ["", "−", "+", "="][k], 22, MUTED, ha="center", va="center")
    return sheet.picture(128, fitted=True)
