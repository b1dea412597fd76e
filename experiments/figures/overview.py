"""The map of learning from images."""

from matplotlib.patches import FancyBboxPatch, Rectangle

from lecture_utils.checks import check_choice
from lecture_utils.plots import given
from lecture_utils.plots.given import Named, figure
from lecture_utils.plots.look import MUTED, SMALL, TEXT, WIDTH, write
from lecture_utils.plots.pixels import mosaic
from lecture_utils.plots.sheet import Picture, Sheet

BRANCHES = {  # where a leaf hangs: its colour, and the question that its models answer
    "with labels": ("#c9c9c9", "Which class is this?"),
    "a code": ("#56B4E9", "This image in few numbers?"),
    "a density": ("#E69F00", "How probable is this image?"),
    "only samples": ("#40b595", "Another such image?"),
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
