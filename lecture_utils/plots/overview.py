"""The big pictures of notebook 00: the tasks of vision on one scene, the map of the methods, pointers that fool."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.patches import Patch, Rectangle

from .. import plots
from ..features import extract, first_layer_filters
from ..hooks import preserved

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


# --- the tasks of vision ---


def boxes(objects):
    """The tight box of each object, {number: (x0, y0, x1, y1)} in px; x1 and y1 lie just outside.

    objects: integer mask (h, w), 0 = background, 1, 2, ... = objects. One that is wholly hidden has no box.
    """
    found = {}
    for number in np.unique(objects[objects > 0]).tolist():
        rows, columns = np.nonzero(objects == number)
        found[number] = int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
    return found


def tasks(image, objects, parts, classes, part_names, caption="", title="Six questions about one picture"):
    """The tasks of vision on one scene, all answered from its key, as one picture.

    image: (3, h, w) in [0, 1]. objects, parts: integer masks (h, w), as `render` gives them.
    classes: the class of each object, in order. part_names: {class: names}, mask value = 1 + index.
    Errors: ValueError for masks of another shape than the image.
    """
    image, objects, parts = np.asarray(image), np.asarray(objects), np.asarray(parts)
    for name, mask in (("objects", objects), ("parts", parts)):
        if mask.shape != image.shape[1:]:
            raise ValueError(f"{name}: expected shape {image.shape[1:]}, got {mask.shape}")
    found, main = boxes(objects), 1 + int(np.argmax(np.bincount(objects.ravel())[1:]))
    tile, gap, above = 3.2, 0.2, 0.75
    sheet = plots.Sheet(3 * tile + 2 * gap, 2 * (tile + above) + 0.15, title, caption)
    panels = []
    for n, (name, answer) in enumerate(_answers(classes, main)):
        row, column = divmod(n, 3)
        axes = sheet.axes(column * (tile + gap), above + row * (tile + above + 0.15), tile, tile)
        axes.imshow(image.transpose(1, 2, 0), aspect="auto", interpolation="antialiased")
        axes.set_title(name, fontsize=plots.TEXT + 1, color=plots.INK, weight="bold", loc="left", pad=24)
        axes.text(0, 1.025, answer, fontsize=plots.TEXT, color=plots.INK, transform=axes.transAxes)
        panels.append(axes)
    _frame(panels[1], found[main], classes[main - 1], plots.COLOURS[1])
    names = sorted(set(classes))
    for number, box in found.items():
        _frame(panels[2], box, classes[number - 1], _hue(names.index(classes[number - 1])))
    by_class = np.zeros_like(objects)
    for number, name in enumerate(classes, start=1):
        by_class[objects == number] = 1 + names.index(name)
    grey = 0.35 + 0.45 * np.tensordot(plots.LUMINANCE, image, 1)
    _paint(panels[3], grey, by_class, [_hue(n) for n in range(len(names))])
    _paint(panels[4], grey, objects, [_hue(n) for n in range(len(classes))])
    _paint(panels[5], grey, *_part_colours(objects, parts, classes, part_names))
    return sheet.picture()


def _answers(classes, main):
    kinds = sorted(set(classes))
    yield "Classification", f'"{classes[main - 1]}"'
    yield "Localisation", f'"{classes[main - 1]}", and one box'
    yield "Detection", f"a class and a box for each of {len(classes)}"
    yield "Semantic segmentation", f"a class for each pixel: {', '.join(kinds)} or none"
    yield "Instance segmentation", "which object is each pixel?"
    yield "Part segmentation", "which part of which object?"


def _hue(n):
    return plots.COLOURS[1:][n % (len(plots.COLOURS) - 1)]


def _frame(axes, box, word, colour):
    x0, y0, x1, y1 = box
    size = axes.images[0].get_size()
    axes.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, ec="white", lw=5))
    axes.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, ec=colour, lw=3))
    inside = y0 < 0.12 * size[0]  # no room above the box
    axes.text(
        x0 + (1.5 if inside else 0),
        y0 + (1.5 if inside else -1.5),
        word,
        color="white",
        fontsize=plots.TEXT,
        va="top" if inside else "bottom",
        bbox={"fc": colour, "ec": "none", "pad": 1.5},
    )


def _paint(axes, grey, mask, colours):
    """Grey outside the mask, flat colours inside, value v in colours[v - 1]."""
    over = np.repeat(grey[..., None], 3, -1)
    for value, colour in enumerate(colours, start=1):
        over[mask == value] = 0.8 * np.array(plots.rgb(colour)) + 0.2 * over[mask == value]
    axes.images[0].remove()
    axes.imshow(
        over,
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, mask.shape[1] - 0.5, mask.shape[0] - 0.5, -0.5),
    )


def _part_colours(objects, parts, classes, part_names):
    """A mask with a value of its own for each (object, part), and a colour for each: neighbours in the list differ."""
    mask, colours = np.zeros(parts.shape, int), []
    for number, name in enumerate(classes, start=1):
        for part in range(1, len(part_names[name]) + 1):
            mask[(objects == number) & (parts == part)] = len(colours) + 1
            colours.append(_hue(part - 1 + 3 * (number - 1)))
    return mask, colours


# --- the map of the methods ---


@dataclass(frozen=True)
class Method:
    """A card of the map: the notebook's number, the name, and the key of its thumbnail, if it has one."""

    number: str
    name: str
    thumbnail: str = ""


@dataclass(frozen=True)
class Row:
    name: str
    question: str
    methods: tuple


MAP = (
    Row(
        "Analysing\nthe model",
        "What has it learned,\nwhatever we show it?",
        (
            Method("01", "Filters of the\nfirst layer", "filters"),
            Method("02", "Last layer:\nneighbours,\nembeddings", "neighbours"),
            Method("03", "Activations and\nbest patches", "activation"),
            Method("07", "Class images by\ngradient ascent"),
        ),
    ),
    Row(
        "Explaining\none decision",
        "Why this answer\nto this picture?",
        (
            Method("04", "Occlusion", "occlusion"),
            Method("04", "Saliency,\nguided backprop,\ndeconvnet", "saliency"),
            Method("05", "CAM and\nGrad-CAM"),
            Method("06", "Which heatmap\nis right?"),
        ),
    ),
    Row(
        "Changing\nthe picture",
        "What do gradients\ndo to pixels?",
        (
            Method("07", "DeepDream"),
            Method("08", "Inversion: picture\nfrom features"),
            Method("08", "Texture and style"),
            Method("09", "Adversarial\nexamples"),
        ),
    ),
    Row(
        "Making\npictures",
        "Can a net draw\nwhat it has seen?",
        (
            Method("10", "PixelRNN, PixelCNN"),
            Method("11", "Autoencoders, VAE"),
            Method("12", "GAN"),
        ),
    ),
    Row(
        "Later",
        "",
        (
            Method("13", "ZFNet's\nexperiments"),
            Method("14", "Detection", "detection"),
            Method("15", "Clinic: nets with\nplanted faults"),
        ),
    ),
)


def written(folder=NOTEBOOKS):
    """The numbers of the notebooks that exist, such as {"00", "01"}."""
    return {path.name[:2] for path in Path(folder).glob("[0-9][0-9]_*.ipynb")}


def methods_map(thumbnails=None, numbers=None, title="The map: what one can ask of a net", caption=""):
    """The methods of the course in one picture; those not written yet have a dashed edge and say "coming".

    thumbnails: {key of a Method: image (3, h, w) in [0, 1]}; cards without one show none.
    numbers: the notebooks that exist, such as {"00", "01"}; None looks into notebooks/.
    Errors: KeyError for a thumbnail that no card has.
    """
    thumbnails, numbers = dict(thumbnails or {}), written() if numbers is None else set(numbers)
    known = {method.thumbnail for row in MAP for method in row.methods} - {""}
    if unknown := set(thumbnails) - known:
        raise KeyError(f"thumbnails: no card has {sorted(unknown)}; known: {sorted(known)}")
    left, card, gap = 1.8, 1.97, 0.1
    heights = [_height(row, thumbnails) for row in MAP]
    alt = " ".join([f"{title}.", *(_in_words(row, numbers) for row in MAP), caption]).strip()
    sheet = plots.Sheet(
        left + 4 * (card + gap) - gap, sum(heights) + gap * (len(MAP) - 1), title, caption, alt
    )
    y = 0.0
    for n, (row, high) in enumerate(zip(MAP, heights, strict=True)):
        _row_head(sheet.axes(0, y, left - gap, high), row, _MAP_HUES[n], high)
        for k, method in enumerate(row.methods):
            axes = sheet.axes(left + k * (card + gap), y, card, high)
            axes.set_xlim(0, card), axes.set_ylim(high, 0)  # in inches from the top left
            _card(axes, method, thumbnails.get(method.thumbnail), method.number in numbers, _MAP_HUES[n])
        y += high + gap
    return sheet.picture()


_MAP_HUES = ("#0072B2", "#B34E00", "#00795A", "#9C4F80", "#4d4d4d")  # the palette, dark enough for white text


def thumbnails(lab, scene):
    """Small real pictures for the map, each by the plainest form of its method, of one scene and the lab's net.

    Result: {key: image (3, h, w) in [0, 1]} for `methods_map`: filters of conv1; the scene beside its nearest
    neighbour in fc7, its strongest channel of conv5, and the size of the score's gradient; and a grey square on it
    beside the probability that remains for each place of the square.
    """
    image = torch.from_numpy(scene.render().image)[None]
    target = lab.label(scene.classes[0])
    bank = extract(lab.net, lab.gallery.images[:320], lab.layer("fc7"))
    nearest = (bank - extract(lab.net, image, lab.layer("fc7"))).norm(dim=1).argmin()
    maps = extract(lab.net, image, lab.layer("conv5"))[0]
    strongest = maps[maps.flatten(1).amax(1).argmax()].numpy()
    places = torch.arange(0, 85, 12)  # corners of a grey square of 28 px
    hidden = image.repeat(len(places) ** 2, 1, 1, 1)
    for k, (y, x) in enumerate(torch.cartesian_prod(places, places).tolist()):
        hidden[k, :, y : y + 28, x : x + 28] = 0.5
    remains = lab.score(hidden, target).view(len(places), -1).numpy()
    with preserved(lab.net), torch.enable_grad():
        asked = image.clone().to(lab.device).requires_grad_()
        (gradient,) = torch.autograd.grad(lab.net(asked)[0, target], asked)
    tiles = first_layer_filters(lab.net)[:32].permute(0, 2, 3, 1).cpu().numpy()
    slope = gradient[0].abs().amax(0).cpu().numpy()
    picture = image[0].numpy()
    return {
        "filters": plots.mosaic(tiles, 8, 3).transpose(2, 0, 1),
        "neighbours": np.concatenate([picture, lab.gallery.images[nearest].numpy()], 2),
        "activation": np.concatenate([picture, _coloured(strongest, "viridis")], 2),
        "occlusion": np.concatenate([hidden[len(hidden) // 2].numpy(), _coloured(remains, "viridis")], 2),
        "saliency": np.concatenate(
            [picture, _coloured(np.minimum(slope, np.quantile(slope, 0.99)), "magma")], 2
        ),
    }


def _coloured(values, cmap, size=112):
    """A map (h, w) as a picture (3, size, size), its largest value brightest."""
    rows, columns = (np.arange(size) * n // size for n in values.shape)
    colours = colormaps[cmap](values / max(values.max(), 1e-12))[..., :3]
    return colours[rows][:, columns].transpose(2, 0, 1)


def _height(row, thumbnails):
    """Inches: room for thumbnails, else for the longest name and the word "coming" below it."""
    lines = max(method.name.count("\n") for method in row.methods) + 1
    return (
        1.9 if any(method.thumbnail in thumbnails for method in row.methods) else 0.38 + 0.18 * max(lines, 2)
    )


def _in_words(row, numbers):
    cards = (
        f"{method.name.replace(chr(10), ' ').replace('- ', '')} (notebook {method.number}"
        f"{'' if method.number in numbers else ', coming'})"
        for method in row.methods
    )
    return f"{row.name.replace(chr(10), ' ')}: {', '.join(cards)}."


def _row_head(axes, row, colour, high):
    axes.add_patch(Rectangle((0, 0), 1, 1, fc=colour, transform=axes.transAxes))
    axes.text(
        0.06,
        1 - 0.09 / high,
        row.name,
        fontsize=plots.TEXT,
        color="white",
        weight="bold",
        va="top",
        linespacing=1.15,
        transform=axes.transAxes,
    )
    if high > 1:  # room for the question
        axes.text(
            0.06,
            0.1 / high,
            row.question,
            fontsize=plots.SMALL - 1.5,
            color="white",
            va="bottom",
            linespacing=1.25,
            transform=axes.transAxes,
        )


def _card(axes, method, thumbnail, ready, colour):
    (_, wide), (high, _) = axes.get_xlim(), axes.get_ylim()
    edge = {"ec": colour, "lw": 2.2} if ready else {"ec": "#8c8c8c", "lw": 1.3, "ls": (0, (4, 3))}
    axes.add_patch(Rectangle((0.02, 0.02), wide - 0.04, high - 0.04, fc="none", **edge))
    ink = plots.INK if ready else plots.MUTED
    axes.text(0.09, 0.1, method.number, fontsize=plots.TITLE, color=colour, weight="bold", va="top")
    axes.text(0.48, 0.11, method.name, fontsize=plots.SMALL - 1, color=ink, va="top", linespacing=1.2)
    if not ready:
        axes.text(
            wide - 0.09,
            high - 0.07,
            "coming",
            fontsize=9.5,
            color=plots.MUTED,
            va="bottom",
            ha="right",
            style="italic",
        )
    if thumbnail is None:
        return
    image = plots.as_images(thumbnail)[0]
    top, bottom = 0.74, high - 0.28
    tall = min(bottom - top, (wide - 0.2) * image.shape[0] / image.shape[1])
    broad = tall * image.shape[1] / image.shape[0]
    axes.imshow(
        image,
        extent=(0.1, 0.1 + broad, top + tall, top),
        aspect="auto",
        interpolation="nearest" if max(image.shape[:2]) < 64 else "antialiased",
    )
    axes.set_xlim(0, wide), axes.set_ylim(high, 0)


# --- pointers that fool ---


def pointers(images, objects, points, title="", caption=""):
    """Images with the outline of their object and one marker for each pointer, and whether it hits.

    images: (n, 3, h, w) in [0, 1]. objects: masks (n, h, w). points: {name: (n, 2) of row, column in px}.
    """
    images, objects = plots.as_images(images), np.asarray(objects)
    points = {name: np.asarray(where) for name, where in points.items()}
    above = 0.38
    columns, gap = min(len(images), 6), 0.1
    tile = (plots.WIDTH - gap * (columns - 1)) / columns
    rows = -(-len(images) // columns)
    sheet = plots.Sheet(plots.WIDTH, above + rows * (tile + gap) - gap, title, caption)
    for n, (image, mask) in enumerate(zip(images, objects, strict=True)):
        row, column = divmod(n, columns)
        axes = sheet.axes(column * (tile + gap), above + row * (tile + gap), tile, tile)
        axes.imshow(image, aspect="auto", interpolation="antialiased")
        axes.contour(mask > 0, levels=[0.5], colors=["white"], linewidths=1.6)
        for k, where in enumerate(points.values()):
            y, x = where[n]
            hit = mask[int(y), int(x)] > 0
            style = {"marker": plots.MARKERS[k], "ms": 11, "mew": 2.2, "mec": "black" if hit else "white"}
            axes.plot(x, y, color=_hue(k), **style)
        axes.set_xlim(-0.5, mask.shape[1] - 0.5), axes.set_ylim(mask.shape[0] - 0.5, -0.5)
    key = sheet.axes(0, 0, plots.WIDTH, above)
    marks = [
        key.plot([], [], plots.MARKERS[k], color=_hue(k), ms=11, mec=plots.INK, label=name)[0]
        for k, name in enumerate(points)
    ]
    key.legend(
        handles=[*marks, Patch(fc="none", ec=plots.MUTED, label="white outline: the object")],
        ncols=4,
        loc="upper left",
        bbox_to_anchor=(-0.01, 1.2),
        fontsize=plots.TEXT,
        frameon=False,
        handletextpad=0.4,
    )
    return sheet.picture()
