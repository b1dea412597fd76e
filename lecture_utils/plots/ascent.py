"""Images made by gradient ascent, side by side: a table of pictures, and a climb with its curve."""

import numpy as np
from PIL import Image

from .images import vivid
from .sheet import COLOURS, DPI, INK, MUTED, SMALL, TEXT, WIDTH, Sheet, as_array, as_images, check_titles


def picture_table(
    pictures, rows, columns, title="", caption="", alt=None, tile=None, colours=128, smooth=True, names=None
):
    """Pictures in rows and columns, names above and on the left.

    pictures: for each row a list (or tensor) of pictures (3, h, w) in [0, 1], of any sizes; None leaves a place free.
    rows, columns: their names; a name may have several lines, "" is none. names: instead of columns, the name above
    each picture, row by row. tile: the width of one in inches. colours: of the stored file, at most 256; None for all.
    smooth: enlarged as a photograph is, else each pixel a square, which takes a third of the bytes.
    Errors: ValueError for a number of names that does not fit.
    """
    pictures = [list(row) for row in pictures]
    rows = check_titles(rows, len(pictures))
    across = max(map(len, pictures))
    above_each = [check_titles(columns, across)] + [[""] * across] * (len(rows) - 1)
    if names is not None:
        flat = check_titles(names, sum(map(len, pictures)))
        above_each = [[flat.pop(0) for _ in row] for row in pictures]
    left = 0.2 + 0.095 * max(len(line) for name in rows for line in name.split("\n")) if any(rows) else 0.0
    heads = [
        0.08 + 0.21 * max(name.count("\n") + 1 for name in row) if any(row) else 0.0 for row in above_each
    ]
    gap = 0.08
    tile = tile or min(2.4, (WIDTH - left + gap) / across - gap)
    high = sum(heads) + len(rows) * (tile + gap) - gap
    sheet, top = Sheet(left + across * (tile + gap) - gap, high, title, caption, alt), 0.0
    for name, row, head, texts in zip(rows, pictures, heads, above_each, strict=True):
        top += head
        if name:
            label = sheet.axes(0, top, left, tile)
            label.text(0.97 - 0.1 / left, 0.5, name, fontsize=SMALL, color=INK, ha="right", va="center")
        for k, (picture, text) in enumerate(zip(row, texts, strict=False)):
            axes = sheet.axes(left + k * (tile + gap), top, tile, tile)
            axes.set_title(text, fontsize=TEXT if names else SMALL, color=INK, pad=4)
            if picture is not None:
                drawn = enlarged(picture, round(tile * DPI), smooth)
                axes.imshow(drawn, interpolation="nearest", aspect="auto")
        top += tile + gap
    return sheet.picture() if colours is None else vivid(sheet.picture(), colours)


def enlarged(picture, side, smooth=True):
    """A picture (3, h, w) in [0, 1] as an array (side, side, 3): bicubic, or each pixel a square."""
    array = np.round(as_images(picture, "picture")[0] * 255).astype(np.uint8)
    way = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(array).resize((side, side), way)) / 255


def climb(scores, stills, level, level_name, title="", caption="", alt=None):
    """A score along the steps, and the image at some of them.

    scores: (steps,), before each step. stills: {step: picture (3, h, w)}, up to four. level: a dashed line, named.
    """
    scores = as_array(scores, "scores", (1,))
    if not 0 < len(stills) <= 4:
        raise ValueError(f"stills: expected 1 to 4, got {len(stills)}")
    gap, height, tile = 0.08, 2.3, 2.24  # a picture of 112 px is twice as large
    wide = 4 * (tile + gap) - gap
    sheet = Sheet(wide, 0.3 + tile + 0.35 + height + 0.55, title, caption, alt)
    for k, (step, picture) in enumerate(stills.items()):
        axes = sheet.axes(k * (tile + gap), 0.3, tile, tile)
        axes.imshow(
            enlarged(picture, round(tile * DPI), smooth=False), interpolation="nearest", aspect="auto"
        )
        axes.set_title(f"after {step} step{'s' * (step != 1)}", fontsize=TEXT, color=INK, pad=4)
    axes = sheet.axes(0.75, 0.3 + tile + 0.35, wide - 0.95, height, bare=False)
    axes.plot(np.arange(len(scores)), scores, color=COLOURS[1], lw=2.2)
    axes.axhline(level, color=INK, lw=1.2, ls="--")
    axes.text(len(scores), level, f"{level_name}  ", fontsize=SMALL, color=MUTED, ha="right", va="bottom")
    for step in stills:
        at = min(step, len(scores) - 1)
        axes.plot(at, scores[at], "o", color=COLOURS[1], ms=7)
    axes.set_xlabel("steps", fontsize=TEXT)
    axes.set_ylabel("score", fontsize=TEXT)
    axes.grid(color="#dddddd", lw=0.8)
    return vivid(sheet.picture(), 48)
