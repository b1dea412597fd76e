"""Turn an object live beside the net's opinion."""

from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageDraw

from .. import plots
from ..world import CLASSES, render, sample_scene
from .base import Choice, Explorer, Slider
from .pixels import enlarged, fitted, font

SIDE, ZOOM, BARS = 112, 4, 400  # px: what the net sees, how often it is enlarged, width of the bars
NAMES, WIDER, ROWS = 108, 210, 20  # px for a class's name, for a long one; bars at most
RULER = 74  # px under the picture
SEEN = 125  # degrees: training shows -SEEN .. SEEN, never the back
BLUE, ORANGE, GREY = plots.COLOURS[1], plots.COLOURS[2], "#d9d9d9"


class Turntable(Explorer):
    """An object on a turntable: the 112 px that the net sees, enlarged, and its probabilities of all classes.

    lab: anything with `logits(images) -> (n, classes)`, `classes` and `name`, such as `open_lab()`.
    object: the class that it starts with. scene: the seed; the same seed gives the same place whatever the object.
    The right class is drawn in blue, the others in orange; the ruler shows the azimuth, grey where training never
    was. A net of 20 classes or more shows its 20 likeliest, and one that was not trained on this world has no
    grey on its ruler (`lab.has_key` False).
    """

    title = "An object turns; the net says what it is"
    format = "jpeg"

    def __init__(self, lab, object="elephant", scene=26):
        self.lab, self.trained_here = lab, getattr(lab, "has_key", True)
        self.controls = {
            "object": Choice(tuple(CLASSES), "object"),
            "azimuth": Slider(-180, 180, 5, "azimuth (degrees; 0 faces us)"),
            "scene": Slider(0, 99, 1, "scene (seed)"),
        }
        turns = {"faces us": 0, "turned a little": 45, "from the side": 90, "edge of training": SEEN}
        turns |= {"from behind": 180, "the other side": -90}
        self.look = lru_cache(maxsize=32)(self._look)  # a picture and its sentence ask for the same look
        first = {"object": object, "scene": scene}
        self.check(**first)
        self.stops = {title: first | {"azimuth": azimuth} for title, azimuth in turns.items()}

    @property
    def caption(self):
        named = "Blue: the net's probability of the right class. Orange: of others. "
        behind = "Look at the views from behind, which training never showed."
        return named + behind if self.trained_here else named + "This net was never shown this world."

    def _look(self, object, azimuth, scene):
        """The picture, float32 (3, 112, 112) in [0, 1], and the net's probabilities, numpy (classes,)."""
        self.check(object=object, azimuth=azimuth, scene=scene)
        before = _scene(object, int(scene))
        image = render(before.turned(azimuth - before.objects[0].azimuth), SIDE).image
        logits = self.lab.logits(torch.from_numpy(image)[None])
        return image, logits.softmax(1)[0].numpy()

    def describe(self, object, azimuth, scene):
        _, probabilities = self.look(object, azimuth, scene)
        order = probabilities.argsort()[::-1][:3]
        opinion = ", ".join(f"{self.lab.classes[i]} {probabilities[i]:.0%}" for i in order)
        return f"{object} at {azimuth:g} degrees: {self.lab.name} says {opinion}."

    def render(self, object, azimuth, scene):
        image, probabilities = self.look(object, azimuth, scene)
        wide, few = SIDE * ZOOM, len(self.lab.classes) < ROWS
        rows = range(len(self.lab.classes)) if few else probabilities.argsort()[::-1][:ROWS]
        sheet = _paper(tuple(self.lab.classes[i] for i in rows), object, self.trained_here).copy()
        sheet.paste(enlarged(image, (wide, wide)))
        draw = ImageDraw.Draw(sheet)
        _draw_pointer(draw, wide, azimuth)
        _draw_bars(draw, [self.lab.classes[i] for i in rows], [float(probabilities[i]) for i in rows], object)
        return np.asarray(sheet)

    def filmstrip(self):
        """Each stop: the picture, and below it the net's three likeliest classes."""
        looks = [self.look(**self.stop(title)) for title in self.stops]
        object = self.stop(next(iter(self.stops)))["object"]
        gap, n = 0.14, len(looks)
        tile = (plots.WIDTH - gap * (n - 1)) / n
        sheet = plots.Sheet(plots.WIDTH, 0.5 + tile + 1.0, self.title, self.caption, self.alt())
        for k, ((image, probabilities), title) in enumerate(zip(looks, self.stops, strict=True)):
            axes = sheet.axes(k * (tile + gap), 0.5, tile, tile)
            axes.imshow(image.transpose(1, 2, 0), aspect="auto", interpolation="antialiased")
            degrees = self.stop(title)["azimuth"]
            axes.set_title(f"{title}\n{degrees:g}°", fontsize=plots.SMALL, color=plots.INK, pad=4)
            self._top_three(sheet.axes(k * (tile + gap), 0.56 + tile, tile, 0.94), probabilities, object)
        return sheet.picture()

    def _top_three(self, axes, probabilities, object):
        for row, i in enumerate(probabilities.argsort()[::-1][:3]):
            name, share = self.lab.classes[i], probabilities[i]
            axes.barh(row, share, height=0.9, color=BLUE if name == object else ORANGE, alpha=0.3)
            short = fitted(name, 110, 16)
            axes.text(0.02, row, short, fontsize=plots.SMALL, color=plots.INK, va="center")
            axes.text(
                0.98, row, f"{share:.0%}", fontsize=plots.SMALL, color=plots.INK, va="center", ha="right"
            )
        axes.set_xlim(0, 1)
        axes.set_ylim(2.6, -0.6)


@lru_cache(maxsize=64)
def _scene(object, seed):
    """Drawing a scene takes longer than turning it; a moving slider asks for the same one again and again."""
    return sample_scene(object, seed)


def _x(degrees, width):
    """Where an azimuth stands on the ruler, px."""
    return 24 + (width - 48) * (degrees + 180) / 360


@lru_cache(maxsize=32)
def _paper(classes, right_class, trained_here):
    """All that stands still while the object turns: the ruler, and the names of the classes.

    The ruler goes from -180 to 180 degrees, grey where training never was.
    """
    wide = SIDE * ZOOM
    sheet = Image.new("RGB", (wide + BARS, wide + RULER), "white")
    draw = ImageDraw.Draw(sheet)
    top, bottom = wide + 12, wide + 32
    draw.rectangle((_x(-180, wide), top, _x(180, wide), bottom), fill=GREY if trained_here else "#cfe3f2")
    if trained_here:
        draw.rectangle((_x(-SEEN, wide), top, _x(SEEN, wide), bottom), fill="#cfe3f2")
        for middle in (-(180 + SEEN) / 2, (180 + SEEN) / 2):
            place = _x(middle, wide), (top + bottom) / 2
            draw.text(place, "unseen", font=font(14), fill=plots.INK, anchor="mm")
    for degrees, word in ((-180, "back"), (-90, "left"), (0, "front"), (90, "right"), (180, "back")):
        x = _x(degrees, wide)
        draw.line((x, top, x, bottom + 5), fill=plots.MUTED)
        draw.text((x, bottom + 7), word, font=font(17), fill=plots.INK, anchor="ma")
    for name, start, middle, row in _rows(classes):
        mine = name == right_class
        text = fitted(name, _column(classes), 17, mine)
        draw.text((start - 8, middle), text, font=font(17, mine), fill=plots.INK, anchor="rm")
        draw.line((start, middle - row / 2, start, middle + row / 2), fill=plots.MUTED)
    return sheet


def _column(classes):
    """The width of the column of names, px: the same for every picture of a net."""
    return NAMES if len(classes) < ROWS else WIDER


def _rows(classes):
    """Name, left end of the bar, middle and height of each class's row, px."""
    row, start = (SIDE * ZOOM + RULER) / len(classes), SIDE * ZOOM + 14 + _column(classes) + 8
    for i, name in enumerate(classes):
        yield name, start, (i + 0.5) * row, row


def _draw_pointer(draw, width, azimuth):
    """Where on the ruler the object stands."""
    x, top, bottom = _x(azimuth, width), width + 12, width + 32
    draw.polygon([(x - 9, top - 9), (x + 9, top - 9), (x, top + 9)], fill=plots.COLOURS[0])
    draw.line((x, top, x, bottom), fill=plots.COLOURS[0], width=3)


def _draw_bars(draw, classes, probabilities, right_class):
    """One row for each class, always in the same order, so that a bar grows where the eye already is."""
    full = BARS - 14 - _column(classes) - 62
    for (name, start, middle, row), share in zip(_rows(classes), probabilities, strict=True):
        mine, end = name == right_class, start + max(1, round(full * share))
        draw.rectangle((start, middle - 0.34 * row, end, middle + 0.34 * row), fill=BLUE if mine else ORANGE)
        if share >= 0.005:
            draw.text((end + 6, middle), f"{share:.0%}", font=font(17, mine), fill=plots.INK, anchor="lm")
