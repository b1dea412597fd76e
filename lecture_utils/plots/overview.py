"""The tasks of vision on one scene, answered from its answer key; and the layers of nets, drawn to scale."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from scipy.ndimage import find_objects

from . import given
from .given import Array, Named, Names, figure
from .look import COLOURS, INK, LUMINANCE, MUTED, SMALL, TEXT, WIDTH, rgb, titled, write
from .pixels import as_rgb
from .sheet import Picture, Sheet

TASKS = {  # of vision, and what answers each
    "Classification": '"{main}"',
    "Localisation": '"{main}", and one box',
    "Detection": "a class and a box for each of {n}",
    "Semantic segmentation": "a class for each pixel: {kinds} or none",
    "Instance segmentation": "which object is each pixel?",
    "Part segmentation": "which part of which object?",
}


def boxes(objects: Array) -> dict[int, tuple[int, int, int, int]]:
    """The tight box of each object, {number: (x0, y0, x1, y1)} in px; x1 and y1 lie just outside.

    objects: integer mask (h, w), 0 = background, 1, 2, ... = objects. One that is wholly hidden has no box.
    """
    found = {}
    for number, place in enumerate(find_objects(given.integers(objects, "objects")), start=1):
        if place is not None:
            rows, columns = place
            found[number] = columns.start, rows.start, columns.stop, rows.stop
    return found


def _hue(n):
    return COLOURS[1 + n % (len(COLOURS) - 1)]


@figure
def tasks(
    image: Array,
    objects: Array,
    parts: Array,
    classes: Names,
    part_names: Named,
    caption="",
    title="Six questions about one picture",
) -> Picture:
    """The tasks of vision on one scene, all answered from its answer key, as one figure.

    image: (3, h, w) in [0, 1]. objects, parts: integer masks (h, w), as `render` gives them.
    classes: the class of each object, in order. part_names: {class: names}, mask value = 1 + index.
    Errors: ValueError for masks of another shape than the image.
    """
    image = given.image(image)
    objects = given.integers(objects, "objects", image.shape[:2])
    parts = given.integers(parts, "parts", image.shape[:2])
    found, kinds = boxes(objects), sorted(set(classes))
    main = int(np.argmax(np.bincount(objects.ravel())[1:]))  # the largest
    kind = np.array([0, *(1 + kinds.index(name) for name in classes)])
    grey = as_rgb(0.35 + 0.45 * image @ LUMINANCE)
    shown = [
        *[image] * 3,
        _painted(grey, kind[objects], map(_hue, range(len(kinds)))),
        _painted(grey, objects, map(_hue, range(len(classes)))),
        _painted(grey, *_part_colours(objects, parts, classes, part_names)),
    ]
    tile, gap, above, panels = 2.8, 0.4, 0.75, []
    sheet = Sheet(3 * tile + 2 * gap, 2 * (tile + above) + 0.15, title, caption)
    for n, (name, answer) in enumerate(TASKS.items()):
        place = n % 3 * (tile + gap), above + n // 3 * (tile + above + 0.15), tile, tile
        panels.append(sheet.tile(*place, shown[n], interpolation="antialiased" if n < 3 else "nearest"))
        titled(panels[n], name, TEXT + 1, 24, "left", weight="bold")
        answer = answer.format(main=classes[main], n=len(classes), kinds=", ".join(kinds))
        write(panels[n], 0, 1.025, answer, TEXT)
    _framed(panels[1], found[main + 1], classes[main], COLOURS[1])
    for number, box in found.items():
        _framed(panels[2], box, classes[number - 1], _hue(kinds.index(classes[number - 1])))
    return sheet.picture()


def _framed(axes: Axes, box, word, colour):
    """A box, x0 y0 x1 y1 in px, with a word above it, or in it where there is no room above."""
    x0, y0, x1, y1 = box
    for style in ({"ec": "white", "lw": 5}, {"ec": colour, "lw": 3}):
        axes.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, **style))
    inside = y0 < 0.12 * axes.images[0].get_size()[0]
    style = {"color": "white", "fontsize": TEXT, "bbox": {"fc": colour, "ec": "none", "pad": 1.5}}
    place = (x0 + 1.5, y0 + 1.5) if inside else (x0, y0 - 1.5)
    axes.text(*place, word, va="top" if inside else "bottom", **style)


def _painted(grey, mask, colours):
    """Grey (h, w, 3) outside the mask, flat colours inside, value v in colours[v - 1]."""
    over = grey.copy()
    for value, colour in enumerate(colours, start=1):
        over[mask == value] = 0.8 * np.array(rgb(colour)) + 0.2 * over[mask == value]
    return over


def _part_colours(objects, parts, classes, part_names):
    """A mask with a value of its own for each (object, part), and a colour for each: neighbours in the list differ."""
    mask, colours = np.zeros(parts.shape, int), []
    for number, name in enumerate(classes, start=1):
        for part in range(1, len(part_names[name]) + 1):
            mask[(objects == number) & (parts == part)] = len(colours) + 1
            colours.append(_hue(part - 1 + 3 * (number - 1)))
    return mask, colours


@figure
def layer_sizes(nets: Named, title="", caption="") -> Picture:
    """Nets beside each other, to scale: a box for each layer, as high as its map's side and as wide as its channels.

    nets: {name: [(layer, text, channels, side)]}, from the image on; vectors have side 1. text: below the box, such as
    its kernel and stride; above it stand channels and side. Errors: ValueError.
    """
    nets = {name: given.listed(layers, name) for name, layers in nets.items()}
    high = 1.5  # inches of the largest side
    largest = max(side for layers in nets.values() for *_, side in layers)
    row, step = high + 1.2, (WIDTH - 0.6) / max(map(len, nets.values()))
    sheet = Sheet(WIDTH, len(nets) * row - 0.1, title, caption)
    for n, (name, layers) in enumerate(nets.items()):
        axes = sheet.axes(0, n * row, WIDTH, row)
        axes.set(xlim=(0, WIDTH), ylim=(0.1 - row / 2, row / 2 + 0.1))
        axes.text(0, row / 2 + 0.1, name, fontsize=TEXT, weight="bold", color=INK, va="top")
        for k, (layer, text, channels, side) in enumerate(layers):
            x = 0.6 + (k + 0.5) * step - 0.3
            tall, wide = max(0.03, high * side / largest), max(0.04, channels / 700)
            look = {"fc": COLOURS[6] if side > 1 else COLOURS[5], "ec": INK, "lw": 1}
            axes.add_patch(Rectangle((x - wide / 2, -tall / 2), wide, tall, **look))
            shape = f"{channels}\n{side} × {side}" if side > 1 else str(channels)
            words, far = {"fontsize": SMALL, "ha": "center"}, max(tall / 2, 0.25) + 0.05
            axes.text(x, far, shape, color=INK, va="bottom", **words)
            axes.text(x, -far, f"{layer}\n{text}", color=MUTED, va="top", **words)
    return sheet.picture()
