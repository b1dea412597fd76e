"""Pictures that fool a net: before and after, where the borders lie, success against epsilon, from class to class."""

import numpy as np
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .sheet import (
    COLOURS,
    DASHES,
    INK,
    MANY,
    MARKERS,
    MUTED,
    SMALL,
    TEXT,
    WIDTH,
    Sheet,
    as_array,
    as_images,
    check_titles,
)

FIRST = "#cfcfcf"  # the class that the net saw at first, wherever classes have colours


def sum_of_pictures(images, above, below, title="", caption="", alt=None):
    """Three pictures (3, 3, h, w) in [0, 1] as a sum, `first + second = third`, as large as a sheet allows.

    above, below: three texts each; those below are large.
    """
    images = as_images(images)
    if len(images) != 3:
        raise ValueError(f"images: expected three, first + second = third, got {len(images)}")
    above, below = check_titles(above, 3), check_titles(below, 3)
    gap = 0.5
    wide = (WIDTH - 2 * gap) / 3
    high, head = wide * images.shape[1] / images.shape[2], 0.36
    sheet = Sheet(WIDTH, head + high + 0.5, title, caption, alt)
    for i, (image, over, under) in enumerate(zip(images, above, below, strict=True)):
        axes = sheet.axes(i * (wide + gap), head, wide, high)
        axes.imshow(image, interpolation="bicubic", aspect="auto", vmin=0, vmax=1)
        axes.set_title(over, fontsize=TEXT, color=MUTED, pad=6)
        place = {"transform": axes.transAxes, "ha": "center"}
        axes.text(0.5, -0.035, under, va="top", fontsize=TEXT + 5, weight="bold", color=INK, **place)
        if i:
            sign = axes.text(-gap / wide / 2, 0.5, " +="[i], va="center", fontsize=32, color=INK, **place)
            sign.set_clip_on(False)
    return sheet.picture()


def picture_rows(rows, titles=None, title="", caption="", alt=None, left=1.35):
    """Rows of pictures {label: (n, 3, h, w) in [0, 1]}, the label to the left; titles: one for each column.

    left: inches for the labels.
    """
    sets = {label: as_images(images, label) for label, images in rows.items()}
    counts = {len(images) for images in sets.values()}
    if len(counts) != 1:
        raise ValueError(f"rows: expected equally many pictures in each, got {sorted(counts)}")
    (n,) = counts
    titles, gap, head = check_titles(titles, n), 0.08, 0.32 if titles else 0.0
    wide = (WIDTH - left - gap * (n - 1)) / n
    heights = [wide * images.shape[1] / images.shape[2] for images in sets.values()]
    sheet, y = Sheet(WIDTH, head + sum(heights) + gap * (len(sets) - 1), title, caption, alt), head
    for row, ((label, images), high) in enumerate(zip(sets.items(), heights, strict=True)):
        for i, image in enumerate(images):
            axes = sheet.axes(left + i * (wide + gap), y, wide, high)
            axes.imshow(image, interpolation="antialiased", aspect="auto", vmin=0, vmax=1)
            if row == 0:
                axes.set_title(titles[i], fontsize=TEXT if wide > 1.3 else SMALL, color=INK, pad=5)
            if i == 0:
                axes.text(
                    -0.06,
                    0.5,
                    label,
                    transform=axes.transAxes,
                    ha="right",
                    va="center",
                    fontsize=TEXT,
                    color=INK,
                    linespacing=1.2,
                )
        y += high + gap
    return sheet.picture()


def border_maps(panels, classes, first, reach, title="", caption="", alt=None):
    """What the net says on planes through one picture: {(name of the x axis, of the y axis): answers (rows, cols)}.

    answers: integers; the picture is in the middle. Each axis goes from -reach to reach levels of 255; the first row
    is -reach. classes: all names. first: what the net says of the picture itself, grey.
    """
    grids = {
        names: np.asarray(grid.cpu() if hasattr(grid, "cpu") else grid) for names, grid in panels.items()
    }
    others = [c for c in np.unique(np.concatenate([g.ravel() for g in grids.values()])) if c != first]
    others.sort(key=lambda c: -sum((grid == c).sum() for grid in grids.values()))  # the largest areas first
    shown = [first, *others[: len(MANY)]]
    palette = ListedColormap([FIRST, *MANY[: len(shown) - 1], "white"])
    gap, key = 0.85, 1.75
    wide = min(3.6, (WIDTH - key - gap * len(grids)) / len(grids))
    sheet = Sheet(WIDTH, wide + 0.6, title, caption, alt)
    for i, ((across, up), grid) in enumerate(grids.items()):
        axes = sheet.axes(gap + i * (wide + gap), 0.05, wide, wide, bare=False)
        numbers = np.full(grid.shape, len(shown))
        for number, one in enumerate(shown):
            numbers[grid == one] = number
        axes.imshow(
            numbers,
            cmap=palette,
            vmin=0,
            vmax=len(shown),
            interpolation="nearest",
            origin="lower",
            extent=(-reach, reach, -reach, reach),
            aspect="auto",
        )
        axes.plot(0, 0, "o", ms=8, mfc="white", mec=INK, mew=1.8)
        axes.set_xlabel(across, fontsize=TEXT)
        axes.set_ylabel(up, fontsize=TEXT, labelpad=2)
        axes.locator_params(nbins=5)
    handles = [Line2D([], [], ls="", marker="o", ms=8, mfc="white", mec=INK, mew=1.8, label="the picture")]
    handles += [Patch(color=palette(n), label=classes[c]) for n, c in enumerate(shown)]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.03, 1.02), fontsize=SMALL, frameon=False)
    return sheet.picture()


def against_epsilon(levels, panels, ylabel, title="", caption="", alt=None):
    """Shares against epsilon, a panel for each net: {net: {attack: [(mean, low, high), one for each level]}}.

    levels: epsilon in levels of 255, on an axis where each doubling is a step of equal width.
    """
    gap, key, left = 0.25, 0.42, 0.75
    wide = (WIDTH - left - gap * (len(panels) - 1)) / len(panels)
    sheet, high = Sheet(WIDTH, key + 3.5 + 0.55, title, caption, alt), 3.2
    for i, (net, lines) in enumerate(panels.items()):
        axes = sheet.axes(left + i * (wide + gap), key + 0.3, wide, high, bare=False)
        for n, (name, rows) in enumerate(lines.items()):
            mean, low, top = as_array(rows, name, (2,)).T
            colour = COLOURS[(n + 1) % len(COLOURS)]
            style = {"marker": MARKERS[n], "linestyle": DASHES[n % len(DASHES)], "lw": 2.2, "ms": 6.5}
            axes.plot(levels, mean, color=colour, label=name, clip_on=False, **style)
            axes.fill_between(levels, low, top, color=colour, alpha=0.15, lw=0)
        axes.set_xscale("log", base=2)
        axes.set_xticks(levels, labels=[f"{level:g}".replace("0.", ".") for level in levels])
        axes.minorticks_off()
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "", "50%", "", "100%"] if i == 0 else [""] * 5)
        axes.grid(color="#dddddd", lw=0.8)
        axes.set_title(net, fontsize=TEXT, color=INK, pad=6)
        if i == 0:
            axes.set_ylabel(ylabel, fontsize=TEXT)
            axes.legend(
                fontsize=SMALL,
                frameon=False,
                loc="lower left",
                ncols=len(lines),
                bbox_to_anchor=(-0.05, 1 + 0.3 / high),
            )
    sheet.figure.text(
        0.5,
        (sheet.total - sheet.above - key - 3.5 - 0.45) / sheet.size[1],
        "epsilon, in levels of 255",
        fontsize=TEXT,
        ha="center",
        va="center",
    )
    return sheet.picture()


def class_matrix(values, rows, columns, ylabel, xlabel, label, title="", caption="", alt=None, numbers=False):
    """Shares (rows, columns) in [0, 1] as colours, NaN blank; numbers: written into the cells too.

    rows, columns: names; ylabel, xlabel: what the rows and the columns are; label: of the colour bar.
    values may be {name: (rows, columns)} for panels side by side.
    """
    sets = {
        name: np.asarray(v, float)
        for name, v in (values if isinstance(values, dict) else {"": values}).items()
    }
    left, gap, above = 0.45 + 0.098 * max(map(len, rows)), 0.35, 0.35 if any(sets) else 0.0
    below = 0.5 if numbers else 0.35 + 0.095 * max(map(len, columns))
    wide = (min(WIDTH, len(sets) * (0.62 * len(columns) + 2)) - left - 1.1 - gap * (len(sets) - 1)) / len(
        sets
    )
    high = wide * len(rows) / len(columns) * (0.8 if numbers else 0.62)
    sheet = Sheet(
        left + len(sets) * (wide + gap) - gap + 1.1, above + high + below + 0.1, title, caption, alt
    )
    norm, cmap = Normalize(0, 1), "viridis"
    for i, (name, shares) in enumerate(sets.items()):
        axes = sheet.axes(left + i * (wide + gap), above, wide, high, bare=False)
        axes.imshow(
            np.ma.masked_invalid(shares), cmap=cmap, norm=norm, aspect="auto", interpolation="nearest"
        )
        axes.set_facecolor("#eeeeee")
        axes.set_title(name, fontsize=TEXT, color=INK, pad=6)
        turn = {} if numbers else {"rotation": 55, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(len(columns)), labels=columns, **turn)
        axes.set_yticks(range(len(rows)), labels=rows if i == 0 else [""] * len(rows))
        axes.tick_params(length=0, labelsize=SMALL)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(xlabel, fontsize=TEXT)
        if i == 0:
            axes.set_ylabel(ylabel, fontsize=TEXT)
        for (row, column), share in np.ndenumerate(shares if numbers else np.empty((0, 0))):
            ink = "white" if share < 0.6 else INK
            axes.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=TEXT + 3, color=ink)
    sheet.colour_bar(left + len(sets) * (wide + gap) - gap + 0.15, above, high, norm, cmap, label)
    return sheet.picture()
