"""Images with what the studies measured: decision boundaries, maps of many methods, pointers, sums, a style."""

from math import ceil

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Patch

from lecture_utils.checks import check_index
from lecture_utils.plots import given
from lecture_utils.plots.given import Array, Named, Names, figure
from lecture_utils.plots.heat import heat_over
from lecture_utils.plots.look import (
    COLOURS,
    INK,
    MANY,
    MARKERS,
    MUTED,
    TEXT,
    WIDTH,
    heads,
    legend,
    write,
)
from lecture_utils.plots.pixels import heat_colours
from lecture_utils.plots.points import framed
from lecture_utils.plots.sheet import GAP, Picture, Sheet, grid_sheet

FIRST = "#cfcfcf"  # the class that the net saw at first, wherever classes have colours


@figure
def decision_boundaries(
    panels: dict, classes: Names, first: int, reach: float, title="", caption=""
) -> Picture:
    """What the net says on planes through one image: {(name of the x axis, of the y axis): classes (rows, cols)}.

    The image is in the middle. Each axis goes from -reach to reach levels of 255; the first row is -reach. classes:
    all names. first: what the net says of the image itself, grey.
    """
    grids = {names: given.integers(grid, "panels") for names, grid in panels.items()}
    if max(grid.max() for grid in grids.values()) >= len(classes):
        raise ValueError(f"classes: expected a name for each class in panels, got {len(classes)}")
    first = check_index(first, len(classes), "first")
    others = [c for c in np.unique(np.concatenate([g.ravel() for g in grids.values()])) if c != first]
    others.sort(key=lambda c: -sum((grid == c).sum() for grid in grids.values()))  # the largest areas first
    shown = [first, *others[: len(MANY)]]
    palette = ListedColormap([FIRST, *MANY[: len(shown) - 1], "white"])
    gap, key = 0.85, 1.75
    wide = min(3.6, (WIDTH - key - gap * len(grids)) / len(grids))
    sheet = Sheet(WIDTH, wide + 0.6, title, caption)
    look = {"cmap": palette, "vmin": 0, "vmax": len(shown), "interpolation": "nearest", "origin": "lower"}
    dot = {"marker": "o", "ls": "", "ms": 8, "mfc": "white", "mec": INK, "mew": 1.8}
    for i, ((across, up), grid) in enumerate(grids.items()):
        axes = sheet.chart(gap + i * (wide + gap), 0.05, wide, wide, "", across, grid="")
        numbers = np.full(grid.shape, len(shown))
        for number, one in enumerate(shown):
            numbers[grid == one] = number
        axes.imshow(numbers, aspect="auto", extent=(-reach, reach) * 2, **look)
        axes.plot(0, 0, **dot)
        axes.set_ylabel(up, fontsize=TEXT, labelpad=2)
        axes.locator_params(nbins=5)
    handles = [Line2D([], [], label="the picture", **dot)]
    handles += [Patch(color=palette(n), label=classes[c]) for n, c in enumerate(shown)]
    legend(axes, (1.03, 1.02), "upper left", handles=handles)
    return sheet.picture()


@figure
def asked_twice(images: Array, rows: Named, titles: list, title="", caption="", tile=1.62) -> Picture:
    """A row for each image (n, 3, h, w): the image, and one heatmap for each question.

    rows: {name: (heat (n, h, w), heat (n, h, w))}, the same map asked for the first class and for the second.
    titles: [(first class, second class)] of each image. Each map has its own scale, which ends at its 99.5% quantile.
    """
    images, gap, space = given.images(images), 0.06, 0.2
    rows = {
        name: [given.array(heat, name, (3,)) for heat in given.listed(pair, "rows", 2)]
        for name, pair in rows.items()
    }
    titles = [given.names(pair, "titles", 2) for pair in given.listed(titles, "titles", len(images))]
    across = tile + len(rows) * (space + 2 * tile + gap)
    high, head = tile * images.shape[1] / images.shape[2], 0.55
    sheet = Sheet(across, head + len(images) * (high + 0.3) - 0.3, title, caption)
    for i, image in enumerate(images):
        y = head + i * (high + 0.3)
        sheet.tile(0, y, tile, high, image)
        for k, (name, pair) in enumerate(rows.items()):
            left = tile + space + k * (space + 2 * tile + gap)
            for j, heat in enumerate(heats[i] for heats in pair):
                place, words = (
                    (left + j * (tile + gap), y, tile, high),
                    {"title": f"{titles[i][j]}?", "pad": 3},
                )
                axes = heat_over(sheet, place, image, heat, np.quantile(heat, 0.995), **words)
                if i == 0 and j == 0:
                    write(axes, 0, 1.19, name, TEXT, weight="bold")
    return sheet.picture()


@figure
def method_maps(image: Array, maps: Named, title="", caption="", columns=5) -> Picture:
    """One image (3, h, w), and over it each method's map {name: (heat (h, w), signed)}, each on its own scale.

    Methods have different units, so their colours cannot be compared, only their places.
    """
    image = given.image(image)
    tiles = {"the picture": image}
    for name, (heat, signed) in maps.items():
        tiles[name] = heat_colours(image, given.array(heat, name, (2,)), signed)
    titles = [name.replace(", ", ",\n") for name in tiles]
    lines = max(text.count("\n") for text in titles)
    titles = ["\n" * (lines - text.count("\n")) + text for text in titles]  # all stand at the same height
    wide = (WIDTH - 1.6) / columns
    sheet, places, _ = grid_sheet(len(tiles), image.shape, titles, columns, title, caption, tile=wide)
    for place, tile in zip(places, tiles.values(), strict=True):
        sheet.tile(**place, pixels=tile.clip(0, 1))
    return sheet.picture()


@figure
def pointers(images: Array, objects: Array, points: Named, title="", caption="") -> Picture:
    """Images with the outline of their object and one marker for each pointer, and whether it hits.

    images: (n, 3, h, w) in [0, 1]. objects: masks (n, h, w). points: {name: (n, 2) of row, column in px}.
    """
    images, points = given.images(images), given.sets(points, "points", (2,), len(images))
    objects = given.array(objects, "objects", (3,))
    above, gap, columns = 0.38, 0.1, min(len(images), 6)
    tile = (WIDTH - gap * (columns - 1)) / columns
    sheet = Sheet(WIDTH, above + ceil(len(images) / columns) * (tile + gap) - gap, title, caption)
    for n, (image, mask) in enumerate(zip(images, objects, strict=True)):
        row, column = divmod(n, columns)
        axes = sheet.tile(column * (tile + gap), above + row * (tile + gap), tile, tile, image)
        axes.contour(mask > 0, levels=[0.5], colors=["white"], linewidths=1.6)
        for k, where in enumerate(points.values()):
            (y, x), style = (
                where[n],
                {"color": COLOURS[1 + k % 7], "marker": MARKERS[k], "ms": 11, "mew": 2.2},
            )
            axes.plot(x, y, mec="black" if mask[int(y), int(x)] > 0 else "white", **style)
        axes.set(xlim=(-0.5, mask.shape[1] - 0.5), ylim=(mask.shape[0] - 0.5, -0.5))
    key = sheet.axes(0, 0, WIDTH, above)
    marks = {"ms": 11, "mec": INK}
    handles = [
        key.plot([], [], MARKERS[k], color=COLOURS[1 + k % 7], label=name, **marks)[0]
        for k, name in enumerate(points)
    ]
    handles.append(Patch(fc="none", ec=MUTED, label="white outline: the object"))
    legend(key, (-0.01, 1.2), "upper left", TEXT, handles=handles, ncols=4, handletextpad=0.4)
    return sheet.picture()


@figure
def sum_of_images(images: Array, above: Names, below: Names, title="", caption="") -> Picture:
    """Three images (3, 3, h, w) in [0, 1] as a sum, `first + second = third`, as large as a sheet allows.

    above, below: three texts each; those below are large. Errors: ValueError.
    """
    images = given.images(images)
    if len(images) != 3:
        raise ValueError(f"images: expected three, first + second = third, got {len(images)}")
    above, below, gap, head = given.names(above, "above", 3), given.names(below, "below", 3), 0.5, 0.36
    wide = (WIDTH - 2 * gap) / 3
    high = wide * images.shape[1] / images.shape[2]
    sheet = Sheet(WIDTH, head + high + 0.5, title, caption)
    row = sheet.row(0, head, wide, high, images, gap=gap, interpolation="bicubic")
    for axes, name, text, sign in zip(row, above, below, ("", "+", "="), strict=True):
        axes.set_title(name, fontsize=TEXT, color=MUTED, pad=6)
        write(axes, 0.5, -0.035, text, TEXT + 5, ha="center", va="top", weight="bold")
        write(axes, -gap / wide / 2, 0.5, sign, 32, ha="center", va="center")
    return sheet.picture()


@figure
def sums(rows: list, titles: Names, title="", caption="", tile=1.1) -> Picture:
    """Rows of four images (4, 3, h, w) as sums, first - second + third = fourth; titles: four texts above."""
    rows, titles = [given.images(row, "rows") for row in rows], given.names(titles, "titles", 4)
    if any(len(row) != 4 for row in rows):
        raise ValueError("rows: expected four images in each: first - second + third = fourth")
    across, gap, between = 1 if len(rows) < 4 else 2, 0.34, 0.7
    down, block = ceil(len(rows) / across), 4 * tile + 3 * gap
    sheet = Sheet(across * block + (across - 1) * between, 0.3 + down * (tile + 0.1), title, caption)
    for i, row in enumerate(rows):
        y, x = divmod(i, across)
        place = x * (block + between), 0.3 + y * (tile + 0.1), tile, tile
        drawn = sheet.row(*place, row, None if y else titles, gap, interpolation="nearest")
        for axes, sign in zip(drawn, ("", "−", "+", "="), strict=True):
            write(axes, -gap / tile / 2, 0.5, sign, 22, MUTED, ha="center", va="center")
    return sheet.picture()


@figure
def point_clouds(points: Named, middles=None, title="", caption="") -> Picture:
    """Sets of points {heading: (n, 2)} side by side, all with the same axes, -2.6 to 2.6.

    middles: (k, 2), the modes, as circles of radius 0.15.
    """
    points, gap, reach = given.sets(points, "points", (2,)), 0.15, 2.6
    middles = () if middles is None else given.array(middles, "middles", (2,))
    wide = min(2.6, (WIDTH - gap * (len(points) - 1)) / len(points))
    above = heads(points, 0.23, 0.12)
    sheet = Sheet(len(points) * wide + gap * (len(points) - 1), above + wide, title, caption)
    for i, (heading, some) in enumerate(points.items()):
        axes = framed(sheet, i * (wide + gap), above, wide, heading, 6, "center")
        for middle in middles:
            axes.add_patch(Circle(middle, 0.15, fill=False, ec=COLOURS[2], lw=1.4, zorder=3))
        axes.plot(*some.T, ".", ms=2.5, color=COLOURS[1], alpha=0.6)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    return sheet.picture()


@figure
def painted(style: Array, images: Named, title="", caption="") -> Picture:
    """A style (3, h, w), small, and beside it two to four large squares that were painted in it, {name: (3, h, w)}."""
    images, side = {name: given.image(image, name) for name, image in images.items()}, 1.5
    large = (WIDTH - side - 0.2 - GAP * (len(images) - 1)) / len(images)
    sheet, words = Sheet(WIDTH, 0.35 + large, title, caption), {"size": TEXT, "pad": 5}
    sheet.tile(0, 0.35, side, side, given.image(style, "style"), "the style", **words)
    sheet.row(side + 0.2, 0.35, large, large, list(images.values()), list(images), **words)
    return sheet.picture()
