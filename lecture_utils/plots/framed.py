"""Boxes drawn on images: what is there, what was found, what is proposed."""

from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from . import given
from .given import Array, Names, figure
from .look import COLOURS, DASHES, SMALL, TEXT, legend
from .sheet import Picture, grid_sheet


@figure
def boxes(
    images: Array,
    boxes: list,
    kinds=None,
    words=None,
    key: Names = (),
    titles=None,
    columns=None,
    title="",
    caption="",
    tile=None,
    margin: float = 0,
) -> Picture:
    """Images (n, 3, h, w) in [0, 1] side by side, each with its own boxes (k, 4), x0 y0 x1 y1 in px.

    boxes: a list, (k, 4) for each image; k may be 0. kinds: for each image k whole numbers from 0 on, which choose
    colour and dashes; without it all are of kind 0. words: for each image k texts, written at the boxes, "" for none.
    key: the names of the kinds, at the right. margin: px of empty paper around each image, for boxes that reach
    over its edge. tile: the width of one image in inches. Errors: ValueError.
    """
    images, n = given.images(images), len(given.images(images))
    boxes = [_rows(each, f"boxes[{i}]") for i, each in enumerate(given.listed(boxes, "boxes", n))]
    kinds = [[0] * len(b) for b in boxes] if kinds is None else given.listed(kinds, "kinds", n)
    words = [[""] * len(b) for b in boxes] if words is None else given.listed(words, "words", n)
    (height, width), names = images.shape[1:3], given.names(key, "key")
    shape = height + 2 * margin, width + 2 * margin
    right = 0.12 + 0.105 * max(map(len, names)) + 0.5 if names else 0
    sheet, places, _ = grid_sheet(n, shape, titles, columns, title, caption, right=right, tile=tile)
    for i, place in enumerate(places):
        axes = sheet.tile(**place, pixels=images[i], extent=(0, width, height, 0))
        axes.set(xlim=(-margin, width + margin), ylim=(height + margin, -margin))
        if i < (columns or 6):
            corner = axes  # the last one of the first row has the key beside it
        of_kind = given.integers(kinds[i], f"kinds[{i}]", (len(boxes[i]),)) if len(boxes[i]) else []
        said = given.names(words[i], f"words[{i}]", len(boxes[i]))
        for (x0, y0, x1, y1), kind, word in zip(boxes[i], of_kind, said, strict=True):
            for style in ({"ec": "white", "lw": 3.6}, look(kind, 2.2)):
                axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, **style))
            if word:
                inside, late = y0 < 0.14 * height - margin, x0 > 0.55 * width
                style = {"va": "top" if inside else "bottom", "ha": "right" if late else "left"}
                x = min(x1, width + margin) - 1 if late else max(x0, -margin) + 1
                style |= {"bbox": {"fc": look(kind, 1)["ec"], "ec": "none", "pad": 1.2}, "clip_on": True}
                axes.text(x, y0 + (1 if inside else -1), word, color="white", fontsize=SMALL, **style)
    if names:
        styles = [look(kind, 2.6) for kind in range(len(names))]
        lines = [Line2D([], [], color=s["ec"], ls=s["ls"], lw=s["lw"]) for s in styles]
        legend(corner, (1.04, 1.0), "upper left", TEXT, handles=lines, labels=names)
    return sheet.picture()


def look(kind: int, width: float) -> dict:
    """Colour and dashes of a kind of boxes; black is left to the text."""
    return {"ec": COLOURS[1 + int(kind) % 7], "ls": DASHES[int(kind) % 4], "lw": width}


def _rows(boxes, name):
    rows = boxes.detach().cpu().numpy() if hasattr(boxes, "detach") else boxes
    return [] if len(rows) == 0 else given.array(rows, name, (2,))
