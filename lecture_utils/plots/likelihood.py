"""Figures of densities: the map of models, what a pixel sees, conditionals, likelihoods, the time a sample takes."""

import numpy as np
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.patches import FancyBboxPatch, Rectangle

from .images import mosaic, vivid
from .sheet import COLOURS, DASHES, INK, MARKERS, MUTED, SMALL, TEXT, WIDTH, Sheet, as_array, as_images

BRANCHES = {  # of the map: where a leaf hangs, and the question that its models answer
    "with labels": ("#c9c9c9", "Which class is this?"),
    "a code": ("#56B4E9", "This picture in few numbers?"),
    "a density": ("#E69F00", "How probable is this picture?"),
    "only draws": ("#40b595", "Another such picture?"),
}
EMPTY, FRAME = np.array([127, 159, 196]) / 255, 0.62  # what is not drawn yet; the lines between tiles


def taxonomy(leaves, title="", caption="", alt=None):
    """The map of learning from pictures.

    leaves: {branch of BRANCHES: [(name, text, pictures (k, h, w) or (k, 3, h, w))]}; a leaf's pictures stand in a
    row. Errors: ValueError for a branch that is not on the map.
    """
    unknown = set(leaves) - set(BRANCHES)
    if unknown:
        raise ValueError(f"leaves: expected branches {', '.join(BRANCHES)}, got {', '.join(unknown)}")
    rows, gap, high, head = max(map(len, leaves.values())), 0.3, 1.32, 1.0  # inches
    wide = (WIDTH - gap * (len(leaves) - 1)) / len(leaves)
    sheet = Sheet(WIDTH, head + rows * (high + 0.12), title, caption, alt)
    for i, (branch, members) in enumerate(leaves.items()):
        colour, question = BRANCHES[branch]
        x = i * (wide + gap)
        axes = sheet.axes(x, 0, wide, head - 0.15)
        box = FancyBboxPatch((0.01, 0.02), 0.98, 0.96, "round,pad=0,rounding_size=.03", fc=colour, ec="none")
        axes.add_patch(box)
        axes.text(0.5, 0.66, branch, ha="center", va="center", fontsize=TEXT + 2, weight="bold", color=INK)
        axes.text(
            0.5, 0.27, question, ha="center", va="center", fontsize=SMALL - 2, color=INK, style="italic"
        )
        for j, (name, text, pictures) in enumerate(members):
            y = head + j * (high + 0.12)
            line = sheet.axes(x, y, 0.06, high)
            line.add_patch(Rectangle((0, 0), 1, 1, fc=colour, ec="none"))
            words = sheet.axes(x + 0.16, y, wide - 0.2, 0.5)
            words.text(0, 0.98, name, va="top", fontsize=TEXT, weight="bold", color=INK)
            words.text(0, 0.36, text, va="top", fontsize=SMALL, color=MUTED)
            tiles = mosaic(_tiles(pictures), len(pictures), 10)
            tall = min(0.76, (wide - 0.2) * tiles.shape[0] / tiles.shape[1])
            shown = sheet.axes(x + 0.16, y + 0.54, tall * tiles.shape[1] / tiles.shape[0], tall)
            shown.imshow(tiles, interpolation="nearest", aspect="auto")
    return sheet.picture()


def seen(maps, place, titles, title="", caption="", alt=None):
    """What a pixel depends on: maps {row label: (k, h, w)}, the size of the input gradients; exactly 0 stays white.

    place: (row, column) of the pixel. titles: one for each of the k columns. Logarithmic, over four powers of ten.
    """
    sets = {label: as_array(values, label, (3,)) for label, values in maps.items()}
    (k, h, w) = next(iter(sets.values())).shape
    left, right, gap, above = 1.5, 1.2, 0.16, 0.32
    wide = min(2.1, (WIDTH - left - right - gap * (k - 1)) / k)
    high = wide * h / w
    sheet = Sheet(left + k * (wide + gap) + right, above + len(sets) * (high + gap), title, caption, alt)
    norm = Normalize(-4, 0)
    for i, (label, values) in enumerate(sets.items()):
        y = above + i * (high + gap)
        words = sheet.axes(0, y, left - 0.1, high)
        words.text(1, 0.5, label, ha="right", va="center", fontsize=TEXT, color=INK)
        for j, one in enumerate(values):
            axes = sheet.axes(left + j * (wide + gap), y, wide, high)
            shown = np.ma.masked_equal(one / one.max(), 0)
            axes.imshow(np.ma.log10(shown), cmap="viridis", norm=norm, interpolation="nearest", aspect="auto")
            border = Rectangle((-0.5, -0.5), w, h, fc="none", ec="#999999", lw=1.2, clip_on=False)
            axes.add_patch(border)
            row, column = place
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fc=COLOURS[2], ec="white", lw=1))
            if i == 0:
                axes.set_title(titles[j], fontsize=TEXT, color=INK, pad=5)
    x = left + k * (wide + gap) + 0.1
    sheet.colour_bar(x, above, high, norm, "viridis", "log10 of |gradient|,\nrelative to the largest")
    return sheet.picture()


def masks(kinds, title="", caption="", alt=None):
    """Masks {title: (k, k) of 0 and 1} as squares: open ones are blue and say 1; the middle is framed."""
    side, gap = 2.1, 0.55
    sheet = Sheet(len(kinds) * (side + gap) - gap, side + 0.4, title, caption, alt)
    for i, (name, mask) in enumerate(kinds.items()):
        mask = as_array(mask, name, (2,))
        axes = sheet.axes(i * (side + gap), 0.4, side, side)
        axes.imshow(mask, cmap=ListedColormap(["#eeeeee", "#9ecae9"]), vmin=0, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(mask):
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=TEXT, color=INK)
        middle = mask.shape[0] // 2
        axes.add_patch(Rectangle((middle - 0.48, middle - 0.48), 0.96, 0.96, fc="none", ec=COLOURS[2], lw=3))
        axes.set_title(name, fontsize=TEXT, color=INK, pad=6)
    return sheet.picture()


def conditionals(image, places, tables, title="", caption="", alt=None):
    """One grey image (h, w) in [0, 1] with marked pixels, and for each the softmax over its levels.

    places: [(row, column)], at most four. tables: (len(places), levels), each sums to 1; the true level is orange.
    """
    image, tables = as_array(image, "image", (2,)), as_array(tables, "tables", (2,))
    levels, side, gap = tables.shape[1], 3.1, 0.75
    wide, high = (WIDTH - side - 2 * gap) / 2, 1.15
    sheet = Sheet(WIDTH, side + 0.55, title, caption, alt)
    axes = sheet.axes(0, 0.05, side, side)
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    for k, ((row, column), table) in enumerate(zip(places, tables, strict=True)):
        axes.add_patch(Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, fc="none", ec=COLOURS[2], lw=3))
        axes.text(
            column,
            row,
            "ABCD"[k],
            ha="center",
            va="center",
            fontsize=TEXT,
            weight="bold",
            color="white" if image[row, column] < 0.6 else INK,
        )
        x, y = side + gap + k % 2 * (wide + gap), 0.22 + k // 2 * (high + 0.62)
        box = sheet.axes(x, y, wide, high, bare=False)
        colours = [COLOURS[1]] * levels
        colours[round(float(image[row, column]) * (levels - 1))] = COLOURS[2]
        box.bar(range(levels), table, color=colours)
        box.set_title("ABCD"[k], fontsize=TEXT, weight="bold", loc="left", pad=2)
        box.set_ylim(0, max(0.5, table.max() * 1.05))
        if k // 2:
            box.set_xlabel("level", fontsize=SMALL)
        if k % 2 == 0:
            box.set_ylabel("probability", fontsize=SMALL)
    return sheet.picture()


def learning(curves, pictures, title="", caption="", alt=None, baseline=None):
    """A live picture: test likelihood so far {label: (steps, nats)}, and samples (k, h, w) or (k, 3, h, w) beside it.

    baseline: (label, nats), a dashed line.
    """
    high = 3.0
    sheet = Sheet(WIDTH, high + 0.6, title, caption, alt)
    axes = sheet.axes(0.8, 0.1, 4.6, high, bare=False)
    for i, (label, (steps, nats)) in enumerate(curves.items()):
        axes.plot(steps, nats, color=COLOURS[1 + i], marker=MARKERS[i], ls=DASHES[i], lw=2.2, label=label)
    if baseline:
        axes.axhline(baseline[1], color=INK, ls="--", lw=1.6)
        axes.text(
            0.98,
            baseline[1],
            f"{baseline[0]} ",
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="bottom",
            fontsize=SMALL,
            color=INK,
        )
    axes.set_xlabel("steps", fontsize=TEXT)
    axes.set_ylabel("nats to store a test picture", fontsize=TEXT)
    axes.grid(color="#dddddd", lw=0.8)
    axes.legend(fontsize=SMALL, frameon=False)
    tiles = mosaic(_tiles(pictures), 6, 6)
    tall = 3.9 * tiles.shape[0] / tiles.shape[1]
    box = sheet.axes(WIDTH - 3.9, 0.1 + max(0, (high - tall) / 2), 3.9, tall)
    box.imshow(tiles, interpolation="nearest", aspect="auto")
    return sheet.picture()


def histograms(sets, xlabel, title="", caption="", alt=None, bins=48):
    """A histogram for each set {label: (n,) above 0}, all on one logarithmic axis; black lines are medians."""
    sets = {label: as_array(values, label, (1,)) for label, values in sets.items()}
    every = np.concatenate(list(sets.values()))
    edges = np.geomspace(every.min() / 1.02, every.max() * 1.02, bins + 1)
    left, high = 0.3 + 0.1 * max(map(len, sets)), 0.6
    sheet = Sheet(WIDTH, len(sets) * high + 0.6, title, caption, alt)
    for i, (label, values) in enumerate(sets.items()):
        axes = sheet.axes(left, i * high, WIDTH - left - 0.2, high - 0.08, bare=False)
        axes.hist(values, edges, color=COLOURS[1 + i % (len(COLOURS) - 1)])
        axes.axvline(np.median(values), color=INK, lw=2)
        axes.set_xscale("log")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlim(edges[0], edges[-1])
        axes.text(
            -0.01, 0.4, label, transform=axes.transAxes, ha="right", va="center", fontsize=TEXT, color=INK
        )
        axes.tick_params(which="both", labelbottom=i + 1 == len(sets))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    axes.set_xlabel(xlabel, fontsize=TEXT)
    return sheet.picture()


def times(x, lines, xlabel, ylabel, title="", caption="", alt=None, height=3.4):
    """Seconds {label: values} over x, both axes logarithmic; each line ends with its value."""
    x = as_array(x, "x", (1,))
    sheet = Sheet(WIDTH - 1.5, height + 0.55, title, caption, alt)
    axes = sheet.axes(0.85, 0.05, WIDTH - 4.4, height, bare=False)
    for i, (label, values) in enumerate(lines.items()):
        values, colour = as_array(values, label, (1,)), COLOURS[i]
        axes.plot(x, values, color=colour, lw=2.4, ms=8, marker=MARKERS[i], ls=DASHES[i])
        axes.text(
            x[-1] * 1.06,
            values[-1],
            f"{label}, {values[-1]:.2g} s",
            color=colour,
            va="center",
            fontsize=TEXT,
            clip_on=False,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(x, labels=[f"{value:g}" for value in x])
    axes.minorticks_off()
    axes.set_xlabel(xlabel, fontsize=TEXT)
    axes.set_ylabel(ylabel, fontsize=TEXT)
    axes.grid(color="#dddddd", lw=0.8)
    return sheet.picture()


def tiles(pictures, columns, title="", caption="", alt=None, labels=None, zoom=None, missing=None, blocks=1):
    """Many small pictures (n, 3, h, w) or (n, h, w), framed in grey. labels: one for each row, at its left.

    missing: bool (n, h, w), what is not there (yet): blue. blocks: into how many, each of whole rows, they are split.
    """
    pictures = _tiles(pictures)
    if missing is not None:
        pictures = np.where(as_array(missing, "missing", (3,))[..., None] > 0, EMPTY, pictures)
    left = 0.25 + 0.1 * max(map(len, labels)) if labels else 0.0
    zoom = zoom or max(1, int(((WIDTH - left) * 100 - 2 * columns) / columns / pictures.shape[2]))
    sets = [mosaic(block, columns, zoom, ground=FRAME) for block in np.split(pictures, blocks)]
    sets = [np.pad(block, ((2, 2), (2, 2), (0, 0)), constant_values=FRAME) for block in sets]
    (tall, wide, _), rows, between = sets[0].shape, len(pictures) // blocks // columns, 14
    high = tall * blocks + between * (blocks - 1)
    sheet = Sheet(left + wide / 100, high / 100, title, caption, alt)
    for k, block in enumerate(sets):
        axes = sheet.axes(left, k * (tall + between) / 100, wide / 100, tall / 100)
        axes.imshow(block, interpolation="nearest", aspect="auto")
        for i, text in enumerate((labels or ())[k * rows : (k + 1) * rows]):
            y = (i + 0.5) * (pictures.shape[1] * zoom + 2)
            axes.text(-12, y, text, ha="right", va="center", fontsize=TEXT, color=INK)
    return vivid(sheet.picture(), 128)


def _tiles(pictures):
    """Pictures (n, h, w) or (n, 3, h, w) as (n, h, w, 3); three grey ones are no coloured one."""
    pictures = as_array(pictures, "pictures", (3, 4))
    return as_images(pictures if pictures.ndim == 4 else np.repeat(pictures[:, None], 3, 1), "pictures")
