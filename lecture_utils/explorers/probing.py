"""Two explorers that change an image and show what the net says then: an object turns, a square hides a part."""

from functools import lru_cache

import torch
from PIL import Image, ImageDraw

from ..attribution.occlusion import mask_squares, occluded
from ..plots import COLOURS, INK, MUTED
from ..progress import progress
from ..world import CLASSES, render, sample_scene
from . import board as ui
from .base import Choice, Explorer, OfImages, Slider, probabilities

SIDE, WIDE, RULER = 112, 448, 74  # px: what the net sees, how it is shown, and what stands below it
TURNED, NAMES = 386, 116  # px: the bars, a class's name
SEEN = 125  # degrees: training shows -SEEN .. SEEN, never the back
TRAINED, NEVER = "#cfe3f2", "#d9d9d9"
SQUARE, BARS, ROWS = 420, 262, 5  # px: the occluder's image and heatmap, its bars; classes that have one
FRAME = 210  # px: of its filmstrip
LIKELIEST, SECOND_BEST = "the likeliest class", "the second likeliest"
FILLS = {"grey": 0.5, "black": 0.0, "mean colour": None}  # None: that of the image


class Turntable(Explorer):
    """An object on a turntable: the 112 px that the net sees, enlarged, and its probabilities of all classes.

    lab: anything with `logits(images) -> (n, classes)`, `classes` and `name`, trained in this world, such as
    `open_lab()`. object: the class that it starts with. scene: the seed; the same seed gives the same place whatever
    the object. The ruler is grey where training never was. Errors: KeyError, ValueError for object or scene.
    """

    title = "An object turns; the net says what it is"
    caption = (
        "Blue: the net's probability of the right class. Orange: of others. Look at the views from behind, which "
        "training never showed."
    )
    format, across, hint = "jpeg", 6, "Drag the object to turn it, or use the arrow keys."
    arrows = {"azimuth": (1, 0)}

    def __init__(self, lab, object="elephant", scene=26):
        self.lab = lab
        self.controls = {
            "object": Choice(tuple(CLASSES), "object"),
            "azimuth": Slider(-180, 180, 5, "azimuth (degrees; 0 faces us)"),
            "scene": Slider(0, 99, 1, "scene (seed)"),
        }
        views = {"faces us": 0, "turned a little": 45, "from the side": 90, "edge of training": SEEN}
        views |= {"from behind": 180, "the other side": -90}
        self.check(object=object, scene=scene)
        self.stops = {title: {"object": object, "azimuth": a, "scene": scene} for title, a in views.items()}
        self.look = lru_cache(maxsize=128)(self._look)  # all 73 azimuths of an object, 19 MB

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

    def _bars(self, probabilities, classes, object):
        """A bar for each of some classes, blue for the object's own."""
        for i in classes:
            name, share, right = self.lab.classes[i], float(probabilities[i]), self.lab.classes[i] == object
            yield ui.Bar(name, share, ui.percent(share), ui.BLUE if right else ui.ORANGE, bold=right)

    def board(self, object, azimuth, scene):
        image, probabilities = self.look(object, azimuth, scene)
        bars = list(self._bars(probabilities, range(len(self.lab.classes)), object))
        left = ui.held(ui.Tile(image, WIDE), lambda x, y, right, down: {"azimuth": _turned(azimuth, right)})
        left = ui.column(left, ui.Tile(_ruler(azimuth)), gap=0)
        return ui.row(left, ui.Bars(TURNED, bars, left.high / len(bars), NAMES))

    def still(self, title, object, azimuth, scene):
        image, probabilities = self.look(object, azimuth, scene)
        bars = list(self._bars(probabilities, probabilities.argsort()[::-1][:3], object))
        image = ui.captioned(ui.Tile(image, 155), f"{title}\n{azimuth:g}°")
        return ui.column(image, ui.Bars(155, bars, 32, names=0, room=50, size=15))


@lru_cache(maxsize=64)
def _scene(object, seed):
    """Drawing a scene takes longer than turning it; a moving slider asks for the same one again and again."""
    return sample_scene(object, seed)


def _turned(azimuth, right):
    """The azimuth, -180 to 180, after a drag of so many px: half a turn from one side of the image to the other."""
    return (azimuth + 180 * right / WIDE + 180) % 360 - 180


def _x(degrees):
    """Where an azimuth stands on the ruler, px."""
    return 24 + (WIDE - 48) * (degrees + 180) / 360


@lru_cache(maxsize=160)
def _ruler(azimuth):
    """The ruler from -180 to 180 degrees with a pointer at an azimuth, a Pillow image."""
    image = Image.new("RGB", (WIDE, RULER), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((_x(-180), 12, _x(180), 32), fill=NEVER)
    pen.rectangle((_x(-SEEN), 12, _x(SEEN), 32), fill=TRAINED)
    for middle in (-(180 + SEEN) / 2, (180 + SEEN) / 2):
        pen.text((_x(middle), 22), "unseen", INK, ui.font(14), "mm")
    for degrees, word in ((-180, "back"), (-90, "left"), (0, "front"), (90, "right"), (180, "back")):
        pen.line((_x(degrees), 12, _x(degrees), 37), fill=MUTED)
        pen.text((_x(degrees), 39), word, INK, ui.font(17), "ma")
    x = _x(azimuth)
    pen.polygon([(x - 9, 3), (x + 9, 3), (x, 21)], fill=COLOURS[0])
    pen.line((x, 12, x, 32), fill=COLOURS[0], width=3)
    return image


class Occluder(OfImages):
    """A square that hides part of an image, the net's probabilities then, and the heatmap of all places of the square.

    net: any nn.Module that gives logits (n, classes). images: float (n, 3, h, h) in [0, 1], n >= 1. classes: names.
    names: what each image shows, or None. across: places of the heatmap from side to side, so that it costs about
    across x across passes for each image, size of the square and fill. Errors: ValueError.
    The heatmaps are made once, here, for all classes (with a progress bar); a move is one pass of the net. A heatmap's
    value at a place is how far the bar of its class falls when the square stands there.
    """

    title = "Hide a square: what does the net still say?"
    caption = (
        "What the net gets, and beside it how far the probability drops, for each position of the square's middle. "
        "Bright: there the square hides what the net needs."
    )
    format, across, filmed = "jpeg", 2, (0, 3, 4, 5)  # the worst position, black, the rival, another image
    sizes = (16, 32)  # sides of the square, px
    hint, arrows = "Drag the square, or use the arrow keys.", {"x": (1, 0), "y": (0, 1)}

    def __init__(self, net, images, classes, names=None, across=13):
        super().__init__(net, images, names, 1)
        self.classes, self.side, self.places_across = list(classes), images.shape[-1], across
        if images.shape[-2] != self.side or self.side <= max(self.sizes):
            expected = f"as high as wide and more than {max(self.sizes)} px"
            raise ValueError(f"images: expected {expected}, got {tuple(images.shape)}")
        self.whole = probabilities(net, self.images)  # (n, classes)
        if self.whole.shape[1] != len(self.classes):
            raise ValueError(f"classes: expected {self.whole.shape[1]} names, got {len(self.classes)}")
        self.step = max(1, round(self.side / 56))
        self.controls = {
            "picture": Slider(0, len(images) - 1, 1, "picture"),
            "x": Slider(0, self.side, self.step, "middle of the square, px from the left"),
            "y": Slider(0, self.side, self.step, "middle of the square, px from the top"),
            "size": Choice(self.sizes, "side of the square (px)"),
            "fill": Choice(tuple(FILLS), "painted with"),
            "asked": Choice((LIKELIEST, SECOND_BEST), "map of"),
        }
        self.look = lru_cache(maxsize=64)(self._look)
        keys = [(p, s, f) for p in range(len(images)) for s in self.sizes for f in FILLS]
        self.maps = {key: self._map(*key) for key in progress(keys, "hiding every place once")}
        self.stops = self._stops()

    def _stops(self):
        """The place that hurts most, one that does not, another size, another fill, the rival, the other images."""
        start = {"picture": 0, "size": self.sizes[0], "fill": "grey", "asked": LIKELIEST}
        worst, best = self._extremes(**start)
        found = {
            "where it hurts most": start | worst,
            "where it hurts least": best,
            "a larger square": {"size": self.sizes[-1]},
            "painted black": {"fill": "black"},
            "the second likeliest class": {"asked": SECOND_BEST},
        }
        for picture in range(1, len(self.images)):
            other = {"picture": picture}
            found[self.named(picture)] = other | self._extremes(**start | other)[0]
        return found

    def _extremes(self, picture, size, fill, asked):
        """The places {x, y} of the smallest and of the largest value of a heatmap, on the sliders' grid."""
        values = self.map(picture, size, fill, asked)
        squares = mask_squares((self.side, self.side), size, self.stride(size))
        corners = (squares[int(index)][:2] for index in (values.argmin(), values.argmax()))
        middles = ({"x": left + size / 2, "y": top + size / 2} for top, left in corners)
        return [{name: self.step * round(v / self.step) for name, v in middle.items()} for middle in middles]

    def stride(self, size):
        """How far two places of a heatmap lie apart, px."""
        return max(1, round((self.side - size) / (self.places_across - 1)))

    def hidden(self, picture, squares, fill):
        """Copies (k, 3, h, w) of an image, in each one of the squares (top, left, bottom, right) painted over."""
        image, colour = self.images[[picture]], FILLS[fill]
        colour = image[0].mean((1, 2))[:, None, None] if colour is None else colour
        return occluded(image, colour, [(0, square) for square in squares])

    def _map(self, picture, size, fill):
        """Probabilities of all classes at every place, numpy (rows, columns, classes)."""
        squares = mask_squares((self.side, self.side), size, self.stride(size))
        found = probabilities(self.net, self.hidden(picture, squares, fill)).numpy()
        return found.reshape(*[int(len(squares) ** 0.5)] * 2, -1)

    def map(self, picture, size, fill, asked):
        """The probability (rows, columns) that remains of the class asked for, at every place of the square."""
        return self.maps[picture, size, fill][..., self.class_of(picture, asked)]

    def class_of(self, picture, asked):
        """The index of the class that the net finds likeliest, or second likeliest, in the whole image."""
        return int(self.whole[picture].argsort(descending=True)[0 if asked == LIKELIEST else 1])

    def _look(self, picture, x, y, size, fill):
        """The image with its square (3, h, w), and the probabilities (classes,) now."""
        left, top = x - size // 2, y - size // 2
        square = max(top, 0), max(left, 0), min(top + size, self.side), min(left + size, self.side)
        image = self.hidden(picture, [square], fill)
        return image[0].numpy(), probabilities(self.net, image)[0].numpy()

    def sentence(self, picture, x, y, size, fill, asked):
        _, now = self.look(picture, x, y, size, fill)
        k = self.class_of(picture, asked)
        before, after, top = self.whole[picture, k], now[k], self.classes[int(now.argmax())]
        return (
            f"{self.named(picture)}, {size} px square around ({x}, {y}), {fill}: {self.classes[k]} "
            f"{before:.0%} before, {after:.0%} now; the likeliest is {top}."
        )

    def board(self, picture, x, y, size, fill, asked):
        image, now = self.look(picture, x, y, size, fill)
        k = self.class_of(picture, asked)
        heat = self._held(ui.Tile(self._drawn_map(SQUARE, picture, x, y, size, fill, asked)))
        heat = ui.titled(heat, f"drop of “{self.classes[k]}”")
        ramp = ui.titled(_ramp(SQUARE), "")
        bars = ui.titled(ui.Bars(BARS, self._bars(picture, now, k), 64, names=0, size=18), "the net says now")
        note = ui.Text("drop of the probability, by the square's middle", 15, MUTED)
        line = ui.Text("black line: the whole image", 15, MUTED)
        image = ui.titled(self._held(ui.Tile(image, SQUARE)), self.named(picture))
        bars = ui.column(bars, line, gap=heat.high - bars.high + 6)
        return ui.row(image, ui.column(heat, note), ramp, bars)

    def _held(self, tile):
        """A tile in which the middle of the square follows the pointer."""
        zoom = self.side / tile.wide
        return ui.held(tile, lambda x, y, *moved: {"x": x * zoom, "y": y * zoom})

    def _bars(self, picture, now, k):
        """The likeliest classes of the whole image, always in that order; a line marks what they had there."""
        order = self.whole[picture].argsort(descending=True)[:ROWS].tolist()
        for index in dict.fromkeys([*order, int(now.argmax())]):
            name, share, before = self.classes[index], float(now[index]), float(self.whole[picture, index])
            ink = ui.BLUE if index == k else ui.ORANGE
            yield ui.Bar(name, share, f"{share:.0%}", ink, before, index == k)

    def _drawn_map(self, side, picture, x, y, size, fill, asked):
        """The drop where the middles of its squares lie, grey where no middle can be; a cross at this one."""
        image, step, zoom = Image.new("RGB", (side, side), "#f2f2f2"), self.stride(size), side / self.side
        before = float(self.whole[picture, self.class_of(picture, asked)])
        colours = ui.mapped(before - self.map(picture, size, fill, asked), "magma", 0, 1)
        corner, reach = round((size - step) / 2 * zoom), round(step * zoom * colours.shape[1])
        image.paste(ui.scaled(colours, reach, smooth=False), (corner, corner))
        return ui.crossed(image, min(x * zoom, side - 1), min(y * zoom, side - 1), reach=max(7, side // 38))

    def still(self, title, picture, x, y, size, fill, asked):
        image, now = self.look(picture, x, y, size, fill)
        k = self.class_of(picture, asked)
        words = f"{title}\n{self.classes[k]}: {self.whole[picture, k]:.0%} → {now[k]:.0%}"
        heat = self._drawn_map(FRAME, picture, x, y, size, fill, asked)
        return ui.captioned(ui.row(ui.Tile(image, FRAME), ui.Tile(heat), gap=6), words, align=0)

    def film(self):
        return ui.row(super().film(), ui.column(ui.Block(0, 46), _ramp(FRAME), gap=0))


def _ramp(high):
    return ui.Ramp("magma", high, {0: "100%", 0.5: "50%", 1: "0%"}, room=54)
