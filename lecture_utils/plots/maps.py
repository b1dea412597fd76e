"""Activation maps, where a channel says yes, what patches it likes, and how far its units see."""

from math import ceil

import numpy as np
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.patches import Rectangle
from PIL import Image

from .images import Tiles, mosaic
from .sheet import (
    COLOURS,
    DPI,
    INK,
    LUMINANCE,
    SMALL,
    TEXT,
    WIDTH,
    Sheet,
    as_array,
    as_images,
    draw,
    grid_sheet,
    rgb,
)

YES = COLOURS[5]  # the frame around what a channel says yes to
MAPS = "viridis"


def activation_maps(
    image, maps, chosen, columns=None, title="", caption="", label="activation", alt=None, name="channel"
):
    """An image (3, h, w), one of a layer's maps enlarged, and all of them (channels, rows, columns) as small tiles.

    All on one scale from 0 to the largest value, with its colour bar; colours go by the square root, so that weak
    answers are seen too; what is below 0 looks like 0. chosen: which is enlarged; its tile has a frame. Channels are
    counted row by row. columns: of the small tiles; about as many as rows unless given.
    """
    image, maps = as_images(image, "image")[0], as_array(maps, "maps", (3,))
    if not 0 <= chosen < len(maps):
        raise ValueError(f"chosen: expected a channel 0 .. {len(maps) - 1}, got {chosen}")
    norm = PowerNorm(0.5, 0, max(float(maps.max()), 1e-12), clip=True)
    big, gap = 2.35, 0.42
    columns = columns or ceil(1.1 * len(maps) ** 0.5)
    zoom = max(1, int(((WIDTH - big - 1.4) * DPI / columns - 2) / maps.shape[2]))
    tiles = colours(maps, norm)
    grid = mosaic(tiles, columns, zoom)
    wide, high = grid.shape[1] / DPI, grid.shape[0] / DPI
    total = max(high + 0.32, 2 * (big + gap) - 0.1)
    sheet = Sheet(big + 0.3 + wide + 1.0, total, title, caption, alt)
    draw(_titled(sheet.axes(0, 0.3, big, big * image.shape[0] / image.shape[1]), "the image"), image)
    axes = _titled(
        sheet.axes(0, big + gap + 0.3, big, big * maps.shape[1] / maps.shape[2]), f"{name} {chosen}"
    )
    draw(axes, maps[chosen], cmap=MAPS, norm=norm)
    left = big + 0.3
    words = f"all {len(maps)} {name}s, {maps.shape[1]} × {maps.shape[2]} each"
    axes = _titled(sheet.axes(left, 0.3, wide, high), words)
    axes.imshow(grid, interpolation="nearest", aspect="auto")
    step = np.array(maps.shape[2:0:-1]) * zoom + 2
    corner = np.array([chosen % columns, chosen // columns]) * step
    axes.add_patch(Rectangle(corner - 2.5, *(step + 2), fill=False, ec=COLOURS[2], lw=2.5))
    axes.set_xlim(-3.5, grid.shape[1] + 2.5), axes.set_ylim(grid.shape[0] + 2.5, -3.5)
    sheet.colour_bar(left + wide + 0.15, 0.3, high, norm, MAPS, label)
    return sheet.picture()


def _titled(axes, text):
    axes.set_title(text, fontsize=TEXT, color=INK, pad=4, loc="left")
    return axes


def colours(maps, norm):
    """Values (..., h, w) as the colours (..., h, w, 3) of a map of activations."""
    from matplotlib import colormaps

    return colormaps[MAPS](norm(maps))[..., :3]


def spotlight(image, mask, zoom=3, outline=YES):
    """An image (3, h, w) that is dark and grey outside of a mask (h, w), enlarged, with the mask's edge drawn.

    Returns uint8 (zoom·h, zoom·w, 3).
    """
    image = as_images(image, "image")[0]
    mask = np.asarray(mask.cpu() if hasattr(mask, "cpu") else mask, bool)
    if mask.shape != image.shape[:2]:
        raise ValueError(f"mask: expected shape {image.shape[:2]}, got {mask.shape}")
    size = image.shape[1] * zoom, image.shape[0] * zoom
    pixels = Image.fromarray((image * 255).round().astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    pixels = np.asarray(pixels) / 255
    large = mask.repeat(zoom, 0).repeat(zoom, 1)
    grey = np.repeat((0.2 + 0.42 * pixels @ LUMINANCE)[..., None], 3, -1)
    out = np.where(large[..., None], pixels, grey)
    out[edges(large)] = rgb(outline)
    return (out * 255).round().astype(np.uint8)


def edges(mask):
    """bool (h, w): the pixels of a mask that touch its outside, two wide."""
    inside = mask.copy()
    for _ in range(2):
        padded = np.pad(inside, 1, constant_values=True)
        inside = inside & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inside


def spotlights(
    images, masks, titles=None, columns=None, title="", caption="", alt=None, tile=None, truth=None
):
    """Images (n, 3, h, w), each lit where its mask (n, h, w) is True. truth: masks whose edge is drawn in blue."""
    if len(images) != len(masks):
        raise ValueError(f"masks: expected {len(images)}, one for each image, got {len(masks)}")
    lit = [spotlight(image, mask) for image, mask in zip(images, masks, strict=True)]
    for n, own in enumerate(() if truth is None else truth):
        own = np.asarray(own.cpu() if hasattr(own, "cpu") else own, bool)
        zoom = lit[n].shape[0] // own.shape[0]
        lit[n][edges(own.repeat(zoom, 0).repeat(zoom, 1))] = np.array(rgb(COLOURS[6])) * 255
    shape = lit[0].shape[:2]
    sheet, boxes, _ = grid_sheet(len(lit), shape, titles, columns, title, caption, alt, tile=tile)
    for axes, each in zip(boxes, lit, strict=True):
        draw(axes, each)
    return sheet.picture()


def patch_blocks(groups, title="", caption="", alt=None, scale=1.3):
    """Blocks of patches, {group: {label: patches (k, 3, s, s)}}: each group a row, each block a square of its patches.

    Every patch has the same scale, so that the size of a field is seen. scale: px of the page for each px of an image,
    less where a row would be too wide. Errors: ValueError.
    """
    groups = {g: {label: as_images(p, label) for label, p in blocks.items()} for g, blocks in groups.items()}
    if not groups or not all(groups.values()):
        raise ValueError("groups: expected at least one group with at least one block of patches, got none")
    gap, space, head = 0.03, 0.22, 0.62  # inches between patches and blocks, and above a row
    across = {g: [ceil(len(p) ** 0.5) for p in blocks.values()] for g, blocks in groups.items()}
    sizes = {g: next(iter(blocks.values())).shape[1] for g, blocks in groups.items()}
    free = {g: WIDTH - space * (len(n) - 1) - gap * sum(k - 1 for k in n) for g, n in across.items()}
    scale = min(scale, *(free[g] * DPI / (sum(n) * sizes[g]) for g, n in across.items()))
    sides = {g: sizes[g] * scale / DPI for g in groups}
    wide = {g: WIDTH - free[g] + sum(across[g]) * sides[g] for g in groups}
    high = {g: head + max(n) * (sides[g] + gap) for g, n in across.items()}
    sheet, y = Sheet(max(wide.values()), sum(high.values()), title, caption, alt), 0.0
    for g, blocks in groups.items():
        x = 0.0
        for (label, patches), count in zip(blocks.items(), across[g], strict=True):
            for n, patch in enumerate(patches):
                row, column = divmod(n, count)
                left, top = x + column * (sides[g] + gap), y + head + row * (sides[g] + gap)
                axes = sheet.axes(left, top, sides[g], sides[g])
                draw(axes, patch, vmin=0, vmax=1)
                if n == 0:
                    axes.set_title(label, fontsize=SMALL, color=INK, pad=4, loc="left")
                if n == 0 and x == 0:
                    axes.text(
                        0,
                        1 + 0.28 / sides[g],
                        g,
                        transform=axes.transAxes,
                        fontsize=TEXT,
                        color=INK,
                        weight="bold",
                    )
            x += count * (sides[g] + gap) - gap + space
        y += high[g]
    return Tiles(sheet.figure, sheet.alt)


def fields_over_image(
    image, boxes, energy=None, title="", caption="", alt=None, tile=4.4, dashed=(), label="energy"
):
    """Boxes {name: x0 y0 x1 y1, px} on an image (3, h, w), with their names; they may reach over its border.

    energy: None, or (h, w), drawn beside the image with the same boxes. dashed: the names of the boxes drawn so.
    """
    image = as_images(image, "image")[0]
    h, w = image.shape[:2]
    edges = np.array([[float(edge) for edge in box] for box in boxes.values()])
    low, high = np.minimum(edges[:, :2].min(0), 0) - 2, np.maximum(edges[:, 2:].max(0), (w, h)) + 2
    panels = 1 if energy is None else 2
    tile = min(tile, (WIDTH - 1.9) / panels - 0.3)
    height = tile * (high[1] - low[1]) / (high[0] - low[0])
    sheet = Sheet(panels * (tile + 0.3) + 1.9, height, title, caption, alt)
    for panel in range(panels):
        axes = sheet.axes(panel * (tile + 0.3), 0, tile, height)
        extent = (0, w, h, 0)
        if panel == 0:
            axes.imshow(image, extent=extent, aspect="auto")
        else:
            heat = as_array(energy, "energy", (2,))
            norm = Normalize(0, 1)
            axes.imshow(
                np.sqrt(heat / max(heat.max(), 1e-30)), extent=extent, aspect="auto", cmap="magma", norm=norm
            )
        handles = []
        for n, (name, (x0, y0, x1, y1)) in enumerate(boxes.items()):
            colour, style = COLOURS[1:][n // (2 if dashed else 1) % 7], "--" if name in dashed else "-"
            axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec="white", lw=5))
            handles.append(
                Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec=colour, lw=2.6, ls=style, label=name)
            )
            axes.add_patch(handles[-1])
        axes.set_xlim(low[0], high[0]), axes.set_ylim(high[1], low[1])
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.02), fontsize=SMALL, frameon=False)
    return sheet.picture()
