"""What a net reads in studio pictures, drawn beside them: class, colour, and from which side."""

from functools import lru_cache
from math import cos, radians, sin

from .. import models, plots
from ..models import studio_factors
from ..world.studio import COLOURS
from .pixels import write

BLUE = plots.COLOURS[1]
BOTH = ("class", "colour")
CLASSES, PAINTS = (studio_factors.NAMES[name] for name in BOTH)
ROW = 25  # px of a bar with its name


class Reading:
    """One picture's factors as a net reads them: probabilities {"class": (6,), "colour": (6,)}, azimuth in degrees."""

    def __init__(self, said, n):
        self.shares = {name: said[name][n].tolist() for name in BOTH}
        self.azimuth = float(said["azimuth"][n])

    def best(self, name):
        """The likeliest value of "class" or "colour", and its probability."""
        share = max(self.shares[name])
        return studio_factors.NAMES[name][self.shares[name].index(share)], share

    @property
    def turns(self):
        """Whether the azimuth means anything: not for what looks the same from all sides."""
        return self.best("class")[0] not in studio_factors.SYMMETRIC

    def __str__(self):
        (thing, sure), (paint, how) = self.best("class"), self.best("colour")
        side = f", azimuth {self.azimuth:.0f} degrees" if self.turns else ""
        return f"{thing} ({sure:.0%}), {paint} ({how:.0%}){side}"


def read(net, images):
    """A `Reading` of each picture, (n, 3, 32, 32) in [0, 1]."""
    said = studio_factors.read(net, images)
    return [Reading(said, n) for n in range(len(images))]


def draw_reading(draw, reading, left, top, width):
    """Bars of both, one row a name, and a dial of the azimuth seen from above."""
    _bars(draw, CLASSES, reading.shares["class"], [BLUE] * len(CLASSES), "class", left, top, width)
    top += 30 + ROW * len(CLASSES) + 14
    paints = [COLOURS[name] for name in PAINTS]
    _bars(draw, PAINTS, reading.shares["colour"], paints, "colour", left, top, width)
    _dial(draw, reading, left, top + 30 + ROW * len(PAINTS) + 14)


def _bars(draw, names, shares, colours, title, left, top, width):
    write(draw, left, top, title, 18, bold=True)
    start, full = left + 92, width - 92 - 54
    for n, (name, share) in enumerate(zip(names, shares, strict=True)):
        y = top + 28 + ROW * n
        write(draw, start - 8, y + ROW / 2 - 1, name, 16, anchor="rm")
        draw.rectangle(
            (start, y + 2, start + max(1, round(full * share)), y + ROW - 4),
            fill=colours[n],
            outline="#808080",
        )
        if share >= 0.005:
            write(draw, start + full * share + 6, y + ROW / 2 - 1, f"{share:.0%}", 16, anchor="lm")


def _dial(draw, reading, left, top, radius=34):
    """From above: the camera below, the arrow where the object looks."""
    write(draw, left, top, "azimuth", 18, bold=True)
    if not reading.turns:
        write(draw, left, top + 28, "the same from all sides", 16, plots.MUTED)
        return
    x, y = left + 92 + radius, top + radius + 2
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline="#808080", width=2)
    angle = radians(reading.azimuth)
    tip = x + radius * sin(angle), y + radius * cos(angle)
    draw.line((x, y, *tip), fill=BLUE, width=4)
    draw.ellipse((tip[0] - 5, tip[1] - 5, tip[0] + 5, tip[1] + 5), fill=BLUE)
    write(draw, x + radius + 14, y, f"{reading.azimuth:.0f}°", 18, anchor="lm")


@lru_cache(maxsize=1)
def shipped():
    """The net that reads, as it ships."""
    return models.load("studio-factors")
