"""Two maps: of the course's methods, with thumbnails, and of learning from images."""

from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Rectangle

from lecture_utils.checks import check_choice
from lecture_utils.hooks import frozen, gradient_of, leaf_of
from lecture_utils.plots import given
from lecture_utils.plots.given import Named, figure
from lecture_utils.plots.look import INK, MUTED, SMALL, TEXT, TITLE, WIDTH, write
from lecture_utils.plots.pixels import mosaic
from lecture_utils.plots.sheet import Picture, Sheet

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
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
    from lecture_utils.features import extract, first_layer_filters  # here only: no figure needs a method

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


def _coloured(values, cmap):
    """A map (h, w) as an image (3, 112, 112), its largest value brightest."""
    rows, columns = (np.arange(112) * n // 112 for n in values.shape)
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
