"""Turn an object live beside the net's opinion."""

from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from .. import show
from ..world import CLASSES, render, sample_scene
from .base import Choice, Explorer, Slider

SIDE, ZOOM, BARS = 112, 4, 400  # px: what the net sees, how often it is enlarged, width of the bars
RULER = 74  # px under the picture
SEEN = 125  # degrees: training shows -SEEN .. SEEN, never the back
BLUE, ORANGE, GREY = show.COLOURS[1], show.COLOURS[2], "#d9d9d9"


class Turntable(Explorer):
    """An object on a turntable: the 112 px that the net sees, enlarged, and its probabilities of all classes.

    lab: anything with `logits(images) -> (n, classes)`, `classes` and `name`, such as `open_lab()`.
    object: the class that it starts with. scene: the seed; the same seed gives the same place whatever the object.
    The right class is drawn in blue, the others in orange; the ruler shows the azimuth, grey where training never
    was.
    """

    title = "An object turns; the net says what it is"
    caption = (
        "Blue: the net's probability of the right class. Orange: of others. Look at the views from behind, "
        "which training never showed."
    )

    def __init__(self, lab, object="elephant", scene=26):
        self.lab = lab
        self.controls = {
            "object": Choice(tuple(CLASSES), "object"),
            "azimuth": Slider(-180, 180, 5, "azimuth (degrees; 0 faces us)"),
            "scene": Slider(0, 99, 1, "scene (seed)"),
        }
        turns = {"faces us": 0, "turned a little": 45, "from the side": 90, "edge of training": SEEN}
        turns |= {"from behind": 180, "the other side": -90}
        self.look = lru_cache(maxsize=32)(self._look)  # a picture and its sentence ask for the same look
        first = {"object": object, "scene": scene}
        self.stops = {title: first | {"azimuth": azimuth} for title, azimuth in turns.items()}

    def _look(self, object, azimuth, scene):
        """The picture, float32 (3, 112, 112) in [0, 1], and the net's probabilities, numpy (classes,)."""
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
        pixels = Image.fromarray((image.transpose(1, 2, 0) * 255).round().astype(np.uint8))
        wide = SIDE * ZOOM
        sheet = Image.new("RGB", (wide + BARS, wide + RULER), "white")
        sheet.paste(pixels.resize((wide, wide), Image.Resampling.BICUBIC))
        draw = ImageDraw.Draw(sheet)
        _draw_ruler(draw, wide, azimuth)
        _draw_bars(draw, wide + 14, wide + RULER, self.lab.classes, probabilities, object)
        return np.asarray(sheet)

    def filmstrip(self):
        """Each stop: the picture, and below it the net's three likeliest classes."""
        looks = [self.look(**self.stop(title)) for title in self.stops]
        object = self.stop(next(iter(self.stops)))["object"]
        alt = " ".join([self.title + ".", *(self.describe(**self.stop(title)) for title in self.stops)])
        gap, n = 0.14, len(looks)
        tile = (show.WIDTH - gap * (n - 1)) / n
        sheet = show.Sheet(show.WIDTH, 0.5 + tile + 1.0, self.title, self.caption, alt)
        for k, ((image, probabilities), title) in enumerate(zip(looks, self.stops, strict=True)):
            axes = sheet.axes(k * (tile + gap), 0.5, tile, tile)
            axes.imshow(image.transpose(1, 2, 0), aspect="auto", interpolation="antialiased")
            degrees = self.stop(title)["azimuth"]
            axes.set_title(f"{title}\n{degrees:g}°", fontsize=show.SMALL, color=show.INK, pad=4)
            self._top_three(sheet.axes(k * (tile + gap), 0.56 + tile, tile, 0.94), probabilities, object)
        return sheet.picture()

    def _top_three(self, axes, probabilities, object):
        for row, i in enumerate(probabilities.argsort()[::-1][:3]):
            name, share = self.lab.classes[i], probabilities[i]
            axes.barh(row, share, height=0.9, color=BLUE if name == object else ORANGE, alpha=0.3)
            axes.text(0.02, row, name, fontsize=show.SMALL, color=show.INK, va="center")
            axes.text(0.98, row, f"{share:.0%}", fontsize=show.SMALL, color=show.INK, va="center", ha="right")
        axes.set_xlim(0, 1)
        axes.set_ylim(2.6, -0.6)


@lru_cache(maxsize=64)
def _scene(object, seed):
    """Drawing a scene takes longer than turning it; a moving slider asks for the same one again and again."""
    return sample_scene(object, seed)


@lru_cache(maxsize=8)
def _font(size, bold=False):
    """The font of the figures, which comes with matplotlib."""
    file = f"fonts/ttf/DejaVuSans{'-Bold' if bold else ''}.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / file), size)


def _draw_ruler(draw, width, azimuth):
    """-180 .. 180 degrees from left to right, grey where training never was, and where the object stands."""
    left, right, top, bottom = 24, width - 24, width + 12, width + 32

    def x(degrees):
        return left + (right - left) * (degrees + 180) / 360

    draw.rectangle((left, top, right, bottom), fill=GREY)
    draw.rectangle((x(-SEEN), top, x(SEEN), bottom), fill="#cfe3f2")
    for sign in (-1, 1):
        draw.text(
            (x(sign * (180 + SEEN) / 2), (top + bottom) / 2),
            "unseen",
            font=_font(14),
            fill=show.INK,
            anchor="mm",
        )
    for degrees, word in ((-180, "back"), (-90, "left"), (0, "front"), (90, "right"), (180, "back")):
        draw.line((x(degrees), top, x(degrees), bottom + 5), fill=show.MUTED)
        draw.text((x(degrees), bottom + 7), word, font=_font(17), fill=show.INK, anchor="ma")
    at = x(azimuth)
    draw.polygon([(at - 9, top - 9), (at + 9, top - 9), (at, top + 9)], fill=show.COLOURS[0])
    draw.line((at, top, at, bottom), fill=show.COLOURS[0], width=3)


def _draw_bars(draw, left, height, classes, probabilities, right_class):
    """One row for each class, always in the same order, so that a bar grows where the eye already is."""
    row, names, full = height / len(classes), 108, BARS - 14 - 108 - 62
    for i, (name, share) in enumerate(zip(classes, probabilities.tolist(), strict=True)):
        middle, mine = (i + 0.5) * row, name == right_class
        draw.text((left + names, middle), name, font=_font(17, mine), fill=show.INK, anchor="rm")
        start = left + names + 8
        draw.line((start, middle - row / 2, start, middle + row / 2), fill=show.MUTED)
        end = start + max(1, round(full * share))
        draw.rectangle((start, middle - 0.34 * row, end, middle + 0.34 * row), fill=BLUE if mine else ORANGE)
        if share >= 0.005:
            draw.text((end + 6, middle), f"{share:.0%}", font=_font(17, mine), fill=show.INK, anchor="lm")
