"""What a net reads in studio images: class, colour, and from which side."""

from functools import lru_cache

from .. import models
from ..models import studio

BOTH = ("class", "colour")
NAMES = studio.NAMES


class Reading:
    """One image's factors as a net reads them: probabilities {"class": (6,), "colour": (6,)}, azimuth in degrees."""

    def __init__(self, said, n):
        self.shares = {name: said[name][n].tolist() for name in BOTH}
        self.azimuth = float(said["azimuth"][n])

    def best(self, name):
        """The likeliest value of "class" or "colour", and its probability."""
        share = max(self.shares[name])
        return NAMES[name][self.shares[name].index(share)], share

    @property
    def has_sides(self):
        """Whether the azimuth means anything: not for what looks the same from all sides."""
        return self.best("class")[0] not in studio.SYMMETRIC

    def __str__(self):
        (thing, sure), (paint, how) = self.best("class"), self.best("colour")
        side = f", azimuth {self.azimuth:.0f} degrees" if self.has_sides else ""
        return f"{thing} ({sure:.0%}), {paint} ({how:.0%}){side}"


def read(net, images):
    """A `Reading` of each image, (n, 3, 32, 32) in [0, 1]."""
    said = studio.read(net, images)
    return [Reading(said, n) for n in range(len(images))]


@lru_cache(maxsize=1)
def shipped():
    """The net that reads, as it ships."""
    return models.load("studio-factors")
