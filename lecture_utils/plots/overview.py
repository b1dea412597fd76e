"""The big figures: the tasks of vision on one scene, and two maps: of the methods, and of learning from images."""

from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Rectangle
from scipy.ndimage import find_objects

from ..checks import check_choice
from ..hooks import frozen, gradient_of, leaf_of
from . import given
from .given import Array, Named, Names, figure
from .look import COLOURS, INK, LUMINANCE, MUTED, SMALL, TEXT, TITLE, WIDTH, rgb, titled, write
from .pixels import as_rgb, mosaic
from .sheet import Picture, Sheet

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
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
    image: Array, objects: Array, parts: Array, classes: Names, part_names: Named, caption="", title=""
) -> Picture:
    """The tasks of vision on one scene, all answered from its answer key, as one figure.

    image: (3, h, w) in [0, 1]. objects, parts: integer masks (h, w), as `render` gives them.
    classes: the class of each object, in order. part_names: {class: names}, mask value = 1 + index.
    Errors: ValueError for masks of another shape than the image.
    """
    image = given.image(image)
    objects = given.integers(objects, "objects", image.shape[:2])
    parts = given.integers(parts, "parts", image.shape[:2])
    found, main, kinds = (
        boxes(objects),
        int(np.argmax(np.bincount(objects.ravel())[1:])),
        sorted(set(classes)),
    )
    kind = np.array([0, *(1 + kinds.index(name) for name in classes)])
    grey = as_rgb(0.35 + 0.45 * image @ LUMINANCE)
    shown = [
        *[image] * 3,
        _painted(grey, kind[objects], map(_hue, range(len(kinds)))),
        _painted(grey, objects, map(_hue, range(len(classes)))),
        _painted(grey, *_part_colours(objects, parts, classes, part_names)),
    ]
    tile, gap, above, panels = 3.2, 0.2, 0.75, []
    title = title or "Six questions about one picture"
    sheet = Sheet(3 * tile + 2 * gap, 2 * (tile + above) + 0.15, title, caption)
    for n, (name, answer) in enumerate(TASKS.items()):
        row, column = divmod(n, 3)
        place = column * (tile + gap), above + row * (tile + above + 0.15), tile, tile
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


# --- the map of the methods ---

MAP = {  # (name, question, colour) of a row: its cards, with the notebook's number and the key of a thumbnail
    ("Analysing\nthe model", "What has it learned,\nwhatever we show it?", "#0072B2"): (
        ("01", "Filters of the\nfirst layer", "filters"),
        ("02", "Last layer:\nneighbours,\nembeddings", "neighbours"),
        ("03", "Activations and\nbest patches", "activation"),
        ("07", "Class images by\ngradient ascent", ""),
    ),
    ("Explaining\none decision", "Why this answer\nto this picture?", "#B34E00"): (
        ("04", "Occlusion", "occlusion"),
        ("04", "Saliency,\nguided backprop,\ndeconvnet", "saliency"),
        ("05", "CAM and\nGrad-CAM", ""),
        ("06", "Which heatmap\nis right?", ""),
    ),
    ("Changing\nthe picture", "What do gradients\ndo to pixels?", "#00795A"): (
        ("07", "DeepDream", ""),
        ("08", "Inversion: picture\nfrom features", ""),
        ("08", "Texture and style", ""),
        ("09", "Adversarial\nexamples", ""),
    ),
    ("Making\npictures", "Can a net draw\nwhat it has seen?", "#9C4F80"): (
        ("10", "PixelRNN, PixelCNN", ""),
        ("11", "Autoencoders, VAE", ""),
        ("12", "GAN", ""),
    ),
    ("Later", "", MUTED): (
        ("13", "ZFNet's\nexperiments", ""),
        ("14", "Detection", "detection"),
        ("15", "Clinic: nets with\nplanted faults", ""),
    ),
}


def written(folder: Path = NOTEBOOKS) -> set[str]:
    """The numbers of the notebooks that exist, such as {"00", "01"}."""
    return {path.name[:2] for path in Path(folder).glob("[0-9][0-9]_*.ipynb")}


@figure
def methods_map(
    thumbnails=None, numbers=None, title="The map: what one can ask of a net", caption=""
) -> Picture:
    """The methods of the course in one figure; those not written yet have a dashed edge and say "coming".

    thumbnails: {key of a card: image (3, h, w) in [0, 1]}; cards without one show none.
    numbers: the notebooks that exist, such as {"00", "01"}; None looks into notebooks/.
    Errors: KeyError for a thumbnail that no card has.
    """
    numbers = written() if numbers is None else set(numbers)
    keys = [key for cards in MAP.values() for _, _, key in cards if key]
    images = {check_choice(k, keys, "thumbnails"): given.image(v, k) for k, v in (thumbnails or {}).items()}
    rows = [(*head, cards, _height(cards, images)) for head, cards in MAP.items()]
    said = [f"{title}.", *(_in_words(name, cards, numbers) for name, _, _, cards, _ in rows), caption or ""]
    left, wide, gap, y = 1.8, 1.97, 0.1, 0.0
    total = sum(high for *_, high in rows) + gap * (len(rows) - 1)
    sheet = Sheet(left + 4 * (wide + gap) - gap, total, title, caption, " ".join(said).strip())
    for name, question, colour, cards, high in rows:
        head = sheet.axes(0, y, left - gap, high)
        head.add_patch(Rectangle((0, 0), 1, 1, fc=colour, transform=head.transAxes))
        write(head, 0.06, 1 - 0.09 / high, name, TEXT, "white", weight="bold", va="top", linespacing=1.15)
        if high > 1:  # room for the question
            write(head, 0.06, 0.1 / high, question, SMALL - 1.5, "white", va="bottom", linespacing=1.25)
        for k, (number, method, key) in enumerate(cards):
            axes = sheet.axes(left + k * (wide + gap), y, wide, high)
            axes.set(xlim=(0, wide), ylim=(high, 0))  # in inches from the top left
            _card(axes, wide, high, number, method, images.get(key), number in numbers, colour)
        y += high + gap
    return sheet.picture()


def _height(cards, images):
    """Inches: room for thumbnails, else for the longest name and the word "coming" below it."""
    lines = max(name.count("\n") for _, name, _ in cards) + 1
    return 1.9 if any(key in images for _, _, key in cards) else 0.38 + 0.18 * max(lines, 2)


def _in_words(name, cards, numbers):
    coming = ["" if number in numbers else ", coming" for number, _, _ in cards]
    said = [f"{method} (notebook {n}{so})" for (n, method, _), so in zip(cards, coming, strict=True)]
    return f"{name}: {', '.join(said)}.".replace("\n", " ")


def _card(axes: Axes, wide, high, number, name, image, ready, colour):
    edge = {"ec": colour, "lw": 2.2} if ready else {"ec": "#8c8c8c", "lw": 1.3, "ls": (0, (4, 3))}
    axes.add_patch(Rectangle((0.02, 0.02), wide - 0.04, high - 0.04, fc="none", **edge))
    axes.text(0.09, 0.1, number, fontsize=TITLE, color=colour, weight="bold", va="top")
    style = {"fontsize": SMALL - 1, "va": "top", "linespacing": 1.2}
    axes.text(0.48, 0.11, name, color=INK if ready else MUTED, **style)
    if not ready:
        style = {"fontsize": 9.5, "color": MUTED, "va": "bottom", "ha": "right", "style": "italic"}
        axes.text(wide - 0.09, high - 0.07, "coming", **style)
    if image is not None:
        (rows, columns, _), top, bottom = image.shape, 0.74, high - 0.28
        tall = min(bottom - top, (wide - 0.2) * rows / columns)
        smooth = "nearest" if max(rows, columns) < 64 else "antialiased"
        extent = (0.1, 0.1 + tall * columns / rows, top + tall, top)
        axes.imshow(image, extent=extent, aspect="auto", interpolation=smooth)
        axes.set(xlim=(0, wide), ylim=(high, 0))


def thumbnails(lab, scene) -> dict[str, np.ndarray]:
    """Small real images for the map, each by the plainest form of its method, of one scene and the lab's net.

    Result: {key: image (3, h, w)} for `methods_map`: filters of conv1; the scene beside its nearest neighbour in fc7,
    its strongest channel of conv5, and the size of the score's gradient; and a grey square on it beside the
    probability that remains for each position of the square.
    """
    from ..features import extract, first_layer_filters  # here only: no figure needs a method

    image, target = torch.from_numpy(scene.render().image)[None], lab.label(scene.classes[0])
    bank = extract(lab.net, lab.gallery.images[:320], lab.layer("fc7"))
    nearest = (bank - extract(lab.net, image, lab.layer("fc7"))).norm(dim=1).argmin()
    maps = extract(lab.net, image, lab.layer("conv5"))[0]
    places = torch.arange(0, 85, 12)  # corners of a grey square of 28 px
    hidden = image.repeat(len(places) ** 2, 1, 1, 1)
    for k, (y, x) in enumerate(torch.cartesian_prod(places, places).tolist()):
        hidden[k, :, y : y + 28, x : x + 28] = 0.5
    remains = lab.score(hidden, target).view(len(places), -1)
    with frozen(lab.net) as net:
        leaf = leaf_of(net, image)
        slope = gradient_of(net(leaf)[:, target], leaf)[0].abs().amax(0).cpu().numpy()
    scene_and = {
        "neighbours": (image[0], lab.gallery.images[nearest]),
        "activation": (image[0], _coloured(maps[maps.flatten(1).amax(1).argmax()].numpy(), "viridis")),
        "occlusion": (hidden[len(hidden) // 2], _coloured(remains.numpy(), "viridis")),
        "saliency": (image[0], _coloured(np.minimum(slope, np.quantile(slope, 0.99)), "magma")),
    }
    tiles = first_layer_filters(lab.net)[:32].permute(0, 2, 3, 1).cpu().numpy()
    filters = {"filters": mosaic(tiles, 8, 3).transpose(2, 0, 1)}
    return filters | {key: np.concatenate(pair, 2) for key, pair in scene_and.items()}


def _coloured(values, cmap, size=112):
    """A map (h, w) as an image (3, size, size), its largest value brightest."""
    rows, columns = (np.arange(size) * n // size for n in values.shape)
    colours = colormaps[cmap](values / max(values.max(), 1e-12))[..., :3]
    return colours[rows][:, columns].transpose(2, 0, 1)


# --- the map of learning from images ---

BRANCHES = {  # where a leaf hangs: its colour, and the question that its models answer
    "with labels": ("#c9c9c9", "Which class is this?"),
    "a code": ("#56B4E9", "This picture in few numbers?"),
    "a density": ("#E69F00", "How probable is this picture?"),
    "only draws": ("#40b595", "Another such picture?"),
}


@figure
def taxonomy(leaves: Named, title="", caption="") -> Picture:
    """The map of learning from images.

    leaves: {branch of BRANCHES: [(name, text, images (k, h, w) or (k, 3, h, w))]}; a leaf's images stand in a
    row. Errors: KeyError for a branch that is not on the map.
    """
    rows, gap, high, head = max(map(len, leaves.values())), 0.3, 1.32, 1.0  # inches
    wide = (WIDTH - gap * (len(leaves) - 1)) / len(leaves)
    sheet = Sheet(WIDTH, head + rows * (high + 0.12), title, caption)
    middle = {"ha": "center", "va": "center"}
    for i, (branch, members) in enumerate(leaves.items()):
        colour, question = BRANCHES[check_choice(branch, BRANCHES, "leaves")]
        x = i * (wide + gap)
        axes = sheet.axes(x, 0, wide, head - 0.15)
        shape = (0.01, 0.02), 0.98, 0.96, "round,pad=0,rounding_size=.03"
        axes.add_patch(FancyBboxPatch(*shape, fc=colour, ec="none"))
        write(axes, 0.5, 0.66, branch, TEXT + 2, weight="bold", **middle)
        write(axes, 0.5, 0.27, question, SMALL - 2, style="italic", **middle)
        for j, (name, text, images) in enumerate(members):
            y = head + j * (high + 0.12)
            sheet.axes(x, y, 0.06, high).add_patch(Rectangle((0, 0), 1, 1, fc=colour, ec="none"))
            words = sheet.axes(x + 0.16, y, wide - 0.2, 0.5)
            write(words, 0, 0.98, name, TEXT, va="top", weight="bold")
            write(words, 0, 0.36, text, ink=MUTED, va="top")
            tiles = mosaic(given.small_images(images, "leaves"), len(images), 10)
            tall = min(0.76, (wide - 0.2) * tiles.shape[0] / tiles.shape[1])
            place = x + 0.16, y + 0.54, tall * tiles.shape[1] / tiles.shape[0], tall
            sheet.tile(*place, tiles, interpolation="nearest")
    return sheet.picture()
