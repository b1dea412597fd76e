"""Activation maps, where a channel is active, masks of parts, how far units see, what a pixel may depend on."""

from math import ceil

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.patches import Patch, Rectangle

from ..checks import check_index
from . import given
from .given import Array, Named, Names, figure
from .look import COLOURS, DPI, INK, LUMINANCE, MANY, SMALL, TEXT, WIDTH, legend, rgb, write
from .pixels import as_rgb, edges, mosaic, spotlight
from .sheet import Picture, Sheet, grid_sheet

MAPS = "viridis"


@figure
def activation_maps(image: Array, maps: Array, chosen: int, title="", caption="") -> Picture:
    """An image (3, h, w), one of a layer's maps enlarged, and all of them (channels, rows, columns) as small tiles.

    All on one scale from 0 to the largest value, with its colour bar; colours go by the square root, so that weak
    activations are seen too; what is below 0 looks like 0. chosen: which is enlarged; its tile has a frame. Channels
    are counted row by row. Errors: ValueError.
    """
    image, maps = given.image(image), given.array(maps, "maps", (3,))
    (count, h, w), chosen = maps.shape, check_index(chosen, len(maps), "chosen")
    norm = PowerNorm(0.5, 0, max(float(maps.max()), 1e-12), clip=True)
    big, gap, top, columns = 2.35, 0.42, 0.3, ceil(1.1 * count**0.5)
    zoom = max(1, int(((WIDTH - big - 1.4) * DPI / columns - 2) / w))
    grid = mosaic(colormaps[MAPS](norm(maps))[..., :3], columns, zoom)
    left, wide, high = big + 0.3, grid.shape[1] / DPI, grid.shape[0] / DPI
    sheet = Sheet(left + wide + 1.0, max(high + 0.32, 2 * (big + gap) - 0.1), title, caption)
    words = {"size": TEXT, "loc": "left"}
    sheet.tile(0, top, big, big * image.shape[0] / image.shape[1], image, "the image", **words)
    place, large = (0, big + gap + top, big, big * h / w), {"cmap": MAPS, "norm": norm}
    sheet.tile(*place, maps[chosen], f"channel {chosen}", **words, **large)
    text = f"all {count} channels, {h} × {w} each"
    axes = sheet.tile(left, top, wide, high, grid, text, interpolation="nearest", **words)
    step = np.array([w, h]) * zoom + 2
    corner = np.array([chosen % columns, chosen // columns]) * step
    axes.add_patch(Rectangle(corner - 2.5, *(step + 2), fill=False, ec=COLOURS[2], lw=2.5))
    axes.set(xlim=(-3.5, grid.shape[1] + 2.5), ylim=(grid.shape[0] + 2.5, -3.5))
    sheet.colour_bar(left + wide + 0.15, top, high, norm, MAPS, "activation")
    return sheet.picture()


@figure
def spotlights(
    images: Array, masks: Array, titles=None, columns=None, title="", caption="", truth=None
) -> Picture:
    """Images (n, 3, h, w), each lit where its mask (n, h, w) is True. truth: masks whose edge is drawn in blue."""
    n, *shape = given.images(images).shape[:3]
    masks = given.masks(masks, "masks", (n, *shape))
    truth = () if truth is None else given.masks(truth, "truth", (n, *shape))
    lit = [spotlight(image, mask, zoom=3) for image, mask in zip(images, masks, strict=True)]
    for one, own in zip(lit, truth, strict=False):
        one[edges(own.repeat(3, 0).repeat(3, 1))] = np.array(rgb(COLOURS[6])) * 255
    sheet, places, _ = grid_sheet(len(lit), lit[0].shape, titles, columns, title, caption)
    for place, each in zip(places, lit, strict=True):
        sheet.tile(**place, pixels=each)
    return sheet.picture()


@figure
def part_overlay(image: Array, parts: Array, names: Names, title="", caption="") -> Picture:
    """An image (3, h, w), and beside it its parts, integers (h, w): 0 = background, value v = names[v - 1]."""
    image, tile = given.image(image), 4.2
    parts = given.integers(parts, "parts", image.shape[:2])
    if parts.max() > len(names):
        raise ValueError(f"names: expected {parts.max()} for the values in parts, got {len(names)}")
    found = [v for v in range(1, len(names) + 1) if (parts == v).any()]
    palette = [rgb(c) for c in (COLOURS[1:] if len(found) < len(COLOURS) else MANY)]
    if len(found) > len(MANY):
        palette = [*colormaps["tab20"](np.arange(20))[:, :3]] * 2  # more than can be told apart by everybody
    over, handles = as_rgb(0.35 + 0.5 * image @ LUMINANCE), []
    for value, colour in zip(found, palette, strict=False):
        over[parts == value] = 0.75 * np.array(colour) + 0.25 * over[parts == value]
        handles.append(Patch(color=colour, label=names[value - 1]))
    height = tile * image.shape[0] / image.shape[1]
    sheet = Sheet(2 * tile + 0.1 + 1.7, height, title, caption)
    sheet.tile(0, 0, tile, height, image)
    axes = sheet.tile(tile + 0.1, 0, tile, height, over, interpolation="nearest")
    legend(axes, (1.02, 1.02), "upper left", handles=handles)
    return sheet.picture()


@figure
def patch_blocks(groups: Named, title="", caption="") -> Picture:
    """Blocks of patches, {group: {label: patches (k, 3, s, s)}}: each group a row, each block a square of its patches.

    Every patch has the same scale, so that the size of a field is seen: 1.3 px of the page for each px of an image,
    less where a row would be too wide. Errors: ValueError.
    """
    gap, space, head = 0.03, 0.22, 0.62  # inches between patches and blocks, and above a row
    if not all(groups.values()):
        raise ValueError("groups: expected at least one block of patches in each, got none")
    rows, scale = [], 1.3
    for name, blocks in groups.items():
        blocks = {label: given.images(patches, label) for label, patches in blocks.items()}
        across = [ceil(len(patches) ** 0.5) for patches in blocks.values()]
        px = next(iter(blocks.values())).shape[1]
        between = space * (len(across) - 1) + gap * sum(k - 1 for k in across)
        scale = min(scale, (WIDTH - between) * DPI / (sum(across) * px))
        rows.append((name, blocks, across, px, between))
    wide = max(between + sum(across) * px * scale / DPI for *_, across, px, between in rows)
    high = sum(head + max(across) * (px * scale / DPI + gap) for *_, across, px, _ in rows)
    sheet, y = Sheet(wide, high, title, caption), 0.0
    for name, blocks, across, px, _ in rows:
        x, side = 0.0, px * scale / DPI
        for (label, patches), count in zip(blocks.items(), across, strict=True):
            for first in range(0, len(patches), count):
                titles = [label, *[""] * count] if first == 0 else None
                top = y + head + first // count * (side + gap)
                row = sheet.row(x, top, side, side, patches[first : first + count], titles, gap, loc="left")
                if first == 0 and x == 0:
                    write(row[0], 0, 1 + 0.28 / side, name, TEXT, weight="bold")
            x += count * (side + gap) - gap + space
        y += head + max(across) * (side + gap)
    return sheet.picture()


@figure
def fields_over_image(image: Array, boxes: Named, energy=None, title="", caption="") -> Picture:
    """Boxes {name: x0 y0 x1 y1, px} on an image (3, h, w), with their names; they may reach over its border.

    energy: None, or (h, w), drawn beside the image with the same boxes.
    """
    image = given.image(image)
    (h, w), boxes = image.shape[:2], given.sets({n: list(box) for n, box in boxes.items()}, "boxes", (1,), 4)
    edges = np.array(list(boxes.values()))
    low, high = np.minimum(edges[:, :2].min(0), 0) - 2, np.maximum(edges[:, 2:].max(0), (w, h)) + 2
    shown = [image]
    if energy is not None:
        heat = given.array(energy, "energy", (2,))
        shown.append(np.sqrt(heat / max(heat.max(), 1e-30)))
    tile = min(4.4, (WIDTH - 1.9) / len(shown) - 0.3)
    height = tile * (high[1] - low[1]) / (high[0] - low[0])
    sheet = Sheet(len(shown) * (tile + 0.3) + 1.9, height, title, caption)
    look = {"extent": (0, w, h, 0), "cmap": "magma", "vmin": 0, "vmax": 1}
    for axes in sheet.row(0, 0, tile, height, shown, gap=0.3, **look):
        handles = []
        for n, (name, (x0, y0, x1, y1)) in enumerate(boxes.items()):
            for style in ({"ec": "white", "lw": 5}, {"ec": COLOURS[1 + n % 7], "lw": 2.6, "label": name}):
                box = axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, **style))
            handles.append(box)
        axes.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]))
    legend(axes, (1.02, 1.02), "upper left", handles=handles)
    return sheet.picture()


@figure
def filter_masks(masks: Named, title="", caption="") -> Picture:
    """Masks {title: (k, k) of 0 and 1} as squares: open ones are blue and say 1; the middle is framed."""
    side, gap, masks = 2.1, 0.55, given.sets(masks, "masks", (2,))
    sheet = Sheet(len(masks) * (side + gap) - gap, side + 0.4, title, caption)
    look = {"cmap": ListedColormap(["#eeeeee", "#9ecae9"]), "vmin": 0, "vmax": 1}
    row = sheet.row(0, 0.4, side, side, list(masks.values()), list(masks), gap, size=TEXT, pad=6, **look)
    for axes, mask in zip(row, masks.values(), strict=True):
        for (row, column), value in np.ndenumerate(mask):
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=TEXT, color=INK)
        middle = mask.shape[0] // 2 - 0.48
        axes.add_patch(Rectangle((middle, middle), 0.96, 0.96, fc="none", ec=COLOURS[2], lw=3))
    return sheet.picture()


@figure
def conditionals(image: Array, places: list, tables: Array, title="", caption="") -> Picture:
    """One grey image (h, w) in [0, 1] with marked pixels, and for each the softmax over its levels.

    places: [(row, column)], at most four. tables: (len(places), levels), each sums to 1; the true level is orange.
    """
    image, tables = given.array(image, "image", (2,)), given.array(tables, "tables", (2,))
    places = [tuple(map(int, given.pair(place, "places"))) for place in places]
    if not len(places) == len(tables) <= 4:
        got = f"{len(places)} and {len(tables)}"
        raise ValueError(f"places: expected one for each of at most 4 tables, got {got}")
    levels, side, gap, high = tables.shape[1], 3.1, 0.75, 1.15
    wide = (WIDTH - side - 2 * gap) / 2
    sheet = Sheet(WIDTH, side + 0.55, title, caption)
    axes = sheet.tile(0, 0.05, side, side, image, cmap="gray", vmin=0, vmax=1)
    bold = {"fontsize": TEXT, "weight": "bold"}
    for k, ((row, column), table) in enumerate(zip(places, tables, strict=True)):
        axes.add_patch(Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, fc="none", ec=COLOURS[2], lw=3))
        ink = "white" if image[row, column] < 0.6 else INK
        axes.text(column, row, "ABCD"[k], ha="center", va="center", color=ink, **bold)
        x, y = side + gap + k % 2 * (wide + gap), 0.22 + k // 2 * (high + 0.62)
        box = sheet.axes(x, y, wide, high, bare=False)
        colours = [COLOURS[1]] * levels
        colours[round(float(image[row, column]) * (levels - 1))] = COLOURS[2]
        box.bar(range(levels), table, color=colours)
        box.set_title("ABCD"[k], loc="left", pad=2, **bold)
        box.set_ylim(0, max(0.5, table.max() * 1.05))
        box.set_xlabel("level" if k // 2 else "", fontsize=SMALL)
        box.set_ylabel("" if k % 2 else "probability", fontsize=SMALL)
    return sheet.picture()
