"""Turn an object live beside the net's opinion."""

from functools import lru_cache

import torch

from .. import plots
from ..world import CLASSES, render, sample_scene
from .base import Choice, Explorer, Slider
from .board import BLUE, ORANGE, Board, Film, fitted

SIDE, BARS = 112, 400  # px: what the net sees, width of the bars
WIDE, RULER = 4 * SIDE, 74  # px: the picture, and what stands below it
NAMES, WIDER, ROWS = 108, 210, 20  # px for a class's name, for a long one; bars at most
SEEN = 125  # degrees: training shows -SEEN .. SEEN, never the back
TRAINED, NEVER = "#cfe3f2", "#d9d9d9"


class Turntable(Explorer):
    """An object on a turntable: the 112 px that the net sees, enlarged, and its probabilities of all classes.

    lab: anything with `logits(images) -> (n, classes)`, `classes` and `name`, such as `open_lab()`.
    object: the class that it starts with. scene: the seed; the same seed gives the same place whatever the object.
    The right class is drawn in blue, the others in orange; the ruler shows the azimuth, grey where training never
    was. A net of 20 classes or more shows its 20 likeliest, and one that was not trained on this world has no
    grey on its ruler (`lab.has_key` False).
    Errors: KeyError, ValueError for an object or a scene that there is not.
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
        views = {"faces us": 0, "turned a little": 45, "from the side": 90, "edge of training": SEEN}
        views |= {"from behind": 180, "the other side": -90}
        first = {"object": object, "scene": scene}
        self.check(**first)
        self.stops = {title: first | {"azimuth": azimuth} for title, azimuth in views.items()}
        self.look = lru_cache(maxsize=32)(self._look)  # a picture and its sentence ask for the same look

    @property
    def caption(self):
        named = "Blue: the net's probability of the right class. Orange: of others. "
        behind = "Look at the views from behind, which training never showed."
        return named + behind if self.trained_here else named + "This net was never shown this world."

    def _look(self, object, azimuth, scene):
        """The image, float32 (3, 112, 112) in [0, 1], and the net's probabilities, numpy (classes,)."""
        before = _scene(object, int(scene))
        image = render(before.turned(azimuth - before.objects[0].azimuth), SIDE).image
        return image, self.lab.logits(torch.from_numpy(image)[None]).softmax(1)[0].numpy()

    def sentence(self, object, azimuth, scene):
        _, probabilities = self.look(object, azimuth, scene)
        order = probabilities.argsort()[::-1][:3]
        opinion = ", ".join(f"{self.lab.classes[i]} {probabilities[i]:.0%}" for i in order)
        return f"{object} at {azimuth:g} degrees: {self.lab.name} says {opinion}."

    def board(self, object, azimuth, scene):
        image, probabilities = self.look(object, azimuth, scene)
        few = len(self.lab.classes) < ROWS
        rows = range(len(self.lab.classes)) if few else probabilities.argsort()[::-1][:ROWS]
        names, column = [self.lab.classes[i] for i in rows], NAMES if few else WIDER
        board = Board(0, 0, _ruler(self.trained_here))
        board.tile(image, 0, 0, WIDE)
        x, top = _x(azimuth), WIDE + 12
        board.draw.polygon([(x - 9, top - 9), (x + 9, top - 9), (x, top + 9)], fill=plots.COLOURS[0])
        board.draw.line((x, top, x, top + 20), fill=plots.COLOURS[0], width=3)
        start, row = WIDE + 14 + column + 8, (WIDE + RULER) / len(names)
        for n, (name, i) in enumerate(zip(names, rows, strict=True)):
            share, mine, middle = float(probabilities[i]), name == object, (n + 0.5) * row
            said, name = f"{share:.0%}" if share >= 0.005 else "", fitted(name, column, 17, mine)
            board.draw.line((start, middle - row / 2, start, middle + row / 2), fill=plots.MUTED)
            length, colour = (BARS - 14 - column - 62) * share, BLUE if mine else ORANGE
            board.bar(start, middle - 0.34 * row, length, 0.68 * row, colour, said, name, bold=mine, gap=6)
        return board

    def filmstrip(self):
        """Each stop: the image, and below it the net's three likeliest classes."""
        gap, n = 0.14, len(self.stops)
        tile = (plots.WIDTH - gap * (n - 1)) / n
        film = Film(self, plots.WIDTH, 0.5 + tile + 1.0)
        for k, title, values in self.places():
            (image, probabilities), x = self.look(**values), k * (tile + gap)
            film.tile(image, x, 0.5, tile, f"{title}\n{values['azimuth']:g}°")
            axes = film.axes(x, 0.56 + tile, tile, 0.94)
            for row, i in enumerate(probabilities.argsort()[::-1][:3]):
                name, share, way = (
                    self.lab.classes[i],
                    probabilities[i],
                    {"fontsize": plots.SMALL, "va": "center"},
                )
                axes.barh(row, share, 0.9, color=BLUE if name == values["object"] else ORANGE, alpha=0.3)
                axes.text(0.02, row, fitted(name, 110, 16), color=plots.INK, **way)
                axes.text(0.98, row, f"{share:.0%}", color=plots.INK, ha="right", **way)
            axes.set_xlim(0, 1)
            axes.set_ylim(2.6, -0.6)
        return film.picture()


@lru_cache(maxsize=64)
def _scene(object, seed):
    """Drawing a scene takes longer than turning it; a moving slider asks for the same one again and again."""
    return sample_scene(object, seed)


def _x(degrees):
    """Where an azimuth stands on the ruler, px."""
    return 24 + (WIDE - 48) * (degrees + 180) / 360


@lru_cache(maxsize=2)
def _ruler(trained_here):
    """All that stands still while the object turns: the ruler from -180 to 180 degrees."""
    board, top, bottom = Board(WIDE + BARS, WIDE + RULER), WIDE + 12, WIDE + 32
    board.draw.rectangle((_x(-180), top, _x(180), bottom), fill=NEVER if trained_here else TRAINED)
    if trained_here:
        board.draw.rectangle((_x(-SEEN), top, _x(SEEN), bottom), fill=TRAINED)
        for middle in (-(180 + SEEN) / 2, (180 + SEEN) / 2):
            board.write(_x(middle), (top + bottom) / 2, "unseen", 14, anchor="mm")
    for degrees, word in ((-180, "back"), (-90, "left"), (0, "front"), (90, "right"), (180, "back")):
        board.draw.line((_x(degrees), top, _x(degrees), bottom + 5), fill=plots.MUTED)
        board.write(_x(degrees), bottom + 7, word, 17, anchor="ma")
    return board
