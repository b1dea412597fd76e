"""Rows of pictures under their layers, painted photographs with what they are made of, and time against loss."""

import numpy as np

from .images import vivid
from .sheet import COLOURS, INK, MARKERS, MUTED, SMALL, TEXT, WIDTH, Sheet, as_array, as_images, draw

GAP = 0.08  # inches between tiles


def picture_rows(rows, columns, notes=None, title="", caption="", alt=None, tile=None, colours=256):
    """One row of pictures for each label, under common titles; a short note below each picture.

    rows: {label: images (n, 3, h, w) in [0, 1]}, all of one size; "" is no label. columns: n titles. notes: {label: n
    texts}, of some rows. tile: the width of one in inches. colours: of the stored file, at most 256.
    Errors: ValueError.
    """
    rows, notes = {label: as_images(images, label or "rows") for label, images in rows.items()}, notes or {}
    for label, texts in [*((label, list(images)) for label, images in rows.items()), *notes.items()]:
        if label not in rows or len(texts) != len(columns):
            raise ValueError(
                f"rows: expected {len(columns)}, one for each column, got {len(texts)} for {label!r}"
            )
    left = 0.25 + 0.1 * max(map(len, rows)) if any(rows) else 0.0
    tile = tile or min(2.6, (WIDTH - left - GAP * (len(columns) - 1)) / len(columns))
    shape = next(iter(rows.values())).shape[1:3]
    high, y = tile * shape[0] / shape[1], 0.16 + 0.21 * max(text.count("\n") + 1 for text in columns)
    under = {label: 0.27 if label in notes else GAP for label in rows}
    height = y + sum(high + under[label] for label in rows)
    sheet = Sheet(left + len(columns) * (tile + GAP) - GAP, height, title, caption, alt)
    for label, images in rows.items():
        for k, image in enumerate(images):
            axes = sheet.axes(left + k * (tile + GAP), y, tile, high)
            draw(axes, image)
            if label == next(iter(rows)):
                axes.set_title(columns[k], fontsize=TEXT if tile > 1.4 else SMALL, color=INK, pad=5)
            if label in notes:
                _text(axes, 0.5, -0.03, notes[label][k], ha="center", va="top")
            if k == 0:
                _text(axes, -0.04, 0.5, label, ha="right", va="center")
        y += high + under[label]
    return vivid(sheet.picture(), colours)


def painted(style, pictures, title="", caption="", alt=None, side=1.5, colours=256):
    """A style, small, and beside it large pictures that were painted in it.

    style: (3, h, w) in [0, 1]. pictures: {its name: (3, h, w)}, two to four squares. side: of the style, inches.
    """
    names, images = (
        list(pictures),
        as_images(np.stack([as_array(p, "pictures", (3,)) for p in pictures.values()])),
    )
    large = (WIDTH - side - 0.2 - GAP * (len(names) - 1)) / len(names)
    sheet = Sheet(WIDTH, 0.35 + large, title, caption, alt)
    axes = sheet.axes(0, 0.35, side, side)
    draw(axes, as_images(style, "style")[0])
    axes.set_title("the style", fontsize=TEXT, color=INK, pad=5)
    for k, (name, image) in enumerate(zip(names, images, strict=True)):
        axes = sheet.axes(side + 0.2 + k * (large + GAP), 0.35, large, large)
        draw(axes, image)
        axes.set_title(name, fontsize=TEXT, color=INK, pad=5)
    return vivid(sheet.picture(), colours)


def effort(seconds, losses, single, names=("optimised", "one pass"), title="", caption="", alt=None):
    """What a picture costs and what is left of its loss: a curve for the optimiser, a point for a net that learned it.

    seconds, losses: {number of steps: value}. single: (seconds, loss) of one pass. Both axes are logarithmic.
    """
    steps = sorted(seconds)
    x, y = ([float(values[n]) for n in steps] for values in (seconds, losses))
    sheet = Sheet(WIDTH - 1.5, 4.3, title, caption, alt)
    axes = sheet.axes(0.8, 0.1, WIDTH - 2.6, 3.6, bare=False)
    axes.plot(x, y, color=COLOURS[1], lw=2.2, marker=MARKERS[0], ms=7, label=names[0])
    for n, left, high in zip(steps, x, y, strict=True):
        axes.annotate(f"{n} steps", (left, high), (8, 6), textcoords="offset points", fontsize=SMALL)
    axes.plot(*single, color=COLOURS[2], marker="*", ms=18, ls="none", label=names[1])
    axes.set_xscale("log")
    axes.set_xlabel("seconds for a picture, on this machine", fontsize=TEXT)
    axes.set_ylabel("loss that is left", fontsize=TEXT)
    axes.set_yscale("log")
    ticks = [
        t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if min(*y, single[1]) / 2 < t < 2 * max(*y, single[1])
    ]
    axes.set_yticks(ticks, labels=[f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.margins(x=0.13, y=0.2)
    axes.grid(color="#dddddd", lw=0.8)
    axes.legend(fontsize=SMALL, frameon=False, loc="upper right")
    return sheet.picture()


def _text(axes, x, y, words, **where):
    axes.text(x, y, words, transform=axes.transAxes, fontsize=SMALL, color=MUTED, **where)
