"""Class activation maps: the raw map before it is enlarged, one map a layer, and boxes drawn from maps."""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from .sheet import (
    COLOURS,
    INK,
    LUMINANCE,
    MUTED,
    SMALL,
    TEXT,
    WIDTH,
    Sheet,
    as_array,
    as_images,
    check_titles,
)

TRUE, FOUND = COLOURS[6], COLOURS[5]  # sky blue and orange: the true box, and the one made from a map


def map_and_image(image, raw, heat, title="", caption="", alt=None, names=None, tile=2.35):
    """An image (3, h, w), the raw map (rows, cols) on it as its own cells, and the heat (h, w) made of it.

    raw: signed, blue below zero, red above, with a colour bar. heat: >= 0, dark to bright, with its own. names: titles
    of the three panels.
    """
    image, raw, heat = as_images(image)[0], as_array(raw, "raw", (2,)), as_array(heat, "heat", (2,))
    names = check_titles(
        names or ["image", "raw map: {} x {}".format(*raw.shape), "enlarged, below zero cut"], 3
    )
    high, bar, gap = tile * image.shape[0] / image.shape[1], 1.25, 0.12
    sheet = Sheet(3 * tile + 2 * bar + gap, high + 0.32, title, caption, alt)
    places = 0, tile + gap, 2 * tile + bar + gap
    limit, top = max(np.abs(raw).max(), 1e-12), max(heat.max(), 1e-12)
    norms = {1: (Normalize(-limit, limit), "coolwarm"), 2: (Normalize(0, top), "magma")}
    for n, (x, name) in enumerate(zip(places, names, strict=True)):
        axes = sheet.axes(x, 0.32, tile, high)
        axes.set_title(name, fontsize=TEXT, color=INK, pad=4)
        if n == 0:
            axes.imshow(image, aspect="auto")
        elif n == 1:
            axes.imshow(raw, cmap="coolwarm", norm=norms[1][0], interpolation="nearest", aspect="auto")
        else:
            _over(axes, image, heat, norms[2][0])
        if n:
            label = "evidence, signed" if n == 1 else "evidence for, absolute"
            sheet.colour_bar(x + tile + 0.08, 0.32, high, *norms[n], label)
            sheet.figure.axes[-1].ticklabel_format(axis="y", style="plain", useOffset=False)  # no 1e-5 on top
    return sheet.picture()


def layer_sweep(image, maps, heats, title="", caption="", alt=None):
    """Below each other, for each layer: the raw map {layer: (rows, cols)}, signed, and the heat {layer: (h, w)} on the
    image (3, h, w). Each map has its own scale: its size and range stand above it.
    """
    image, gap, side = as_images(image)[0], 0.12, 1.0
    tile = (WIDTH - side - gap * (len(maps) - 1)) / len(maps)
    high, head = tile * image.shape[0] / image.shape[1], 0.75
    sheet = Sheet(WIDTH, head + 2 * high + gap, title, caption, alt)
    for text, y in (("raw map", head + high / 2), ("cut at zero,\nenlarged", head + 1.5 * high + gap)):
        side_axes = sheet.axes(0, y - 0.2, side, 0.4)
        side_axes.text(0, 0.5, text, fontsize=SMALL, color=INK, va="center")
    for n, (name, values) in enumerate(maps.items()):
        raw, heat, x = (
            as_array(values, name, (2,)),
            as_array(heats[name], name, (2,)),
            side + n * (tile + gap),
        )
        limit = max(np.abs(raw).max(), 1e-12)
        axes = sheet.axes(x, head, tile, high)
        axes.imshow(
            raw, cmap="coolwarm", norm=Normalize(-limit, limit), interpolation="nearest", aspect="auto"
        )
        rows, cols = raw.shape
        axes.set_title(f"{name}\n{rows} x {cols}", fontsize=TEXT, color=INK, pad=22, linespacing=1.1)
        words = f"{raw.min():.2g} to {raw.max():.2g}".replace("-", "\N{MINUS SIGN}")
        axes.text(
            0.5, 1.03, words, transform=axes.transAxes, fontsize=SMALL, color=MUTED, ha="center", va="bottom"
        )
        _over(sheet.axes(x, head + high + gap, tile, high), image, heat, Normalize(0, max(heat.max(), 1e-12)))
    return sheet.picture()


def asked_twice(images, rows, titles, title="", caption="", alt=None, tile=1.62):
    """A row for each image (n, 3, h, w): the image, and one heatmap for each question.

    rows: {name: (heat (n, h, w), heat (n, h, w))}, the same map asked for the first class and for the second.
    titles: [(first class, second class)] of each image. Each map has its own scale, which ends at its 99.5% quantile.
    """
    images, gap, space = as_images(images), 0.06, 0.2
    across = tile + len(rows) * (space + 2 * tile + gap)
    high, head = tile * images.shape[1] / images.shape[2], 0.55
    sheet = Sheet(across, head + len(images) * (high + 0.3) - 0.3, title, caption, alt)
    for i, image in enumerate(images):
        y = head + i * (high + 0.3)
        sheet.axes(0, y, tile, high).imshow(image, aspect="auto")
        for k, (name, pair) in enumerate(rows.items()):
            left = tile + space + k * (space + 2 * tile + gap)
            for j, heat in enumerate(as_array(each, name, (3,))[i] for each in pair):
                axes = sheet.axes(left + j * (tile + gap), y, tile, high)
                _over(axes, image, heat, Normalize(0, max(np.quantile(heat, 0.995), 1e-12)))
                axes.set_title(f"{titles[i][j]}?", fontsize=SMALL, color=INK, pad=3)
                if i == 0 and j == 0:
                    axes.text(
                        0, 1.19, name, transform=axes.transAxes, fontsize=TEXT, color=INK, weight="bold"
                    )
    return sheet.picture()


def boxes_on_heat(
    images, heats, found, true, titles=None, title="", caption="", alt=None, columns=4, tile=2.2
):
    """Heat (n, h, w) on the images (n, 3, h, w), each with its own scale; boxes x0 y0 x1 y1 (n, 4) found and true."""
    images, heats = as_images(images), as_array(heats, "heats", (3,))
    titles, gap = check_titles(titles, len(images)), 0.1
    above = 0.1 + 0.2 * max(text.count(chr(10)) + 1 for text in titles)
    high, columns = tile * images.shape[1] / images.shape[2], min(columns, len(images))
    rows = -(-len(images) // columns)
    sheet = Sheet(columns * (tile + gap) - gap, rows * (high + above + gap) - gap, title, caption, alt)
    for n, (image, heat, text) in enumerate(zip(images, heats, titles, strict=True)):
        row, column = divmod(n, columns)
        axes = sheet.axes(column * (tile + gap), above + row * (high + above + gap), tile, high)
        _over(axes, image, heat, Normalize(0, max(heat.max(), 1e-12)))
        axes.set_title(text, fontsize=SMALL, color=INK, pad=4)
        for box, colour, dash in ((true[n], TRUE, "-"), (found[n], FOUND, "--")):
            x0, y0, x1, y1 = (int(edge) for edge in box)
            for width, shade in ((5, "black"), (2.6, colour)):
                axes.add_patch(
                    Rectangle(
                        (x0, y0),
                        x1 - x0,
                        y1 - y0,
                        fill=False,
                        ec=shade,
                        lw=width,
                        ls=dash if width < 3 else "-",
                    )
                )
    return sheet.picture()


def _over(axes, image, heat, norm):
    """Heat >= 0 on the grey image, from dark and clear to bright."""
    axes.imshow(image @ LUMINANCE, cmap="gray", vmin=0, vmax=1, aspect="auto")
    colour = colormaps["magma"](norm(heat))
    colour[..., 3] = 0.3 + 0.6 * norm(heat).data.clip(0, 1)
    axes.imshow(colour, interpolation="nearest", aspect="auto")
