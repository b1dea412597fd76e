"""Drag a square over a picture: what does the net say without those pixels?"""

from functools import lru_cache

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.colors import Normalize
from PIL import Image, ImageDraw

from .. import plots
from ..attribution.occlusion import mask_squares
from ..checks import check_images
from ..hooks import eval_mode
from ..progress import progress
from .base import Choice, Explorer, Slider
from .pixels import enlarged, fitted, font

PANEL, GAP, HEAD, FOOT, BAR, BARS = (
    420,
    22,
    34,
    40,
    84,
    270,
)  # px: picture and map, space, titles, scale, bars
SECOND = PANEL + GAP
THIRD = SECOND + PANEL + BAR
WIDTH, HEIGHT = THIRD + BARS, HEAD + PANEL + FOOT
ROWS = 5  # classes that have a bar
LIKELIEST, SECOND_BEST = "the likeliest class", "the second likeliest"
FILLS = {"grey": 0.5, "black": 0.0, "mean colour": None}  # None: that of the picture
BLUE, ORANGE = plots.COLOURS[1], plots.COLOURS[2]


class Occluder(Explorer):
    """A square that hides part of a picture, the net's probabilities then, and the map of all places of the square.

    net: any nn.Module that gives logits (n, classes). images: float (n, 3, h, h) in [0, 1], n >= 1. classes: names.
    names: what each picture shows, or None. sizes: sides of the square, px. across: places of the map from side to
    side, so that it costs about across x across passes for each picture, size and fill.
    The maps are made once, here, for all classes at the same time (with a progress bar), and kept; the picture, the
    square and the bars follow each move with one pass of the net. A map's value at a place is the probability that
    the bars show when the square stands there.
    Errors: ValueError.
    """

    title = "Hide a square: what does the net still say?"
    caption = (
        "The picture that the net gets, and beside it the probability that remains for each place "
        "of the square's middle. Dark is low: there the square hides what the net needs. Look at which dark "
        "places lie off the object."
    )
    format = "jpeg"

    def __init__(self, net, images, classes, names=None, sizes=(16, 32), across=13):
        check_images(images, net=net, range01=True)
        side = images.shape[-1]
        if images.shape[-2] != side:
            raise ValueError(f"images: expected as high as wide, got {tuple(images.shape)}")
        if names is not None and len(names) != len(images):
            raise ValueError(f"names: expected {len(images)}, one for each image, got {len(names)}")
        if not sizes or not all(isinstance(s, int) and 1 <= s < side for s in sizes):
            raise ValueError(f"sizes: expected whole numbers from 1 to {side - 1}, got {sizes!r}")
        self.net, self.images, self.classes, self.names = net, images.cpu(), list(classes), names
        self.side, self.across = side, across
        self.whole = self._probabilities(self.images)  # (n, classes)
        if self.whole.shape[1] != len(self.classes):
            raise ValueError(f"classes: expected {self.whole.shape[1]} names, got {len(self.classes)}")
        step = max(1, round(side / 56))
        self.controls = {
            "picture": Slider(0, len(images) - 1, 1, "picture"),
            "x": Slider(0, side, step, "middle of the square, px from the left"),
            "y": Slider(0, side, step, "middle of the square, px from the top"),
            "size": Choice(tuple(sizes), "side of the square (px)"),
            "fill": Choice(tuple(FILLS), "painted with"),
            "asked": Choice((LIKELIEST, SECOND_BEST), "map of"),
        }
        self.look = lru_cache(maxsize=64)(self._look)
        keys = [(p, s, f) for p in range(len(images)) for s in sizes for f in FILLS]
        self.maps = {key: self._map(*key) for key in progress(keys, "hiding every place once")}
        self.stops = self._stops(sizes, step)

    def _stops(self, sizes, step):
        """The place that hurts most, one that does not, another size, another fill, the rival, the other pictures."""
        start = {"picture": 0, "size": sizes[0], "fill": "grey", "asked": LIKELIEST}
        worst, best = self._places(step, **start)
        found = {
            "where it hurts most": start | worst,
            "where it hurts least": start | best,
            "a larger square": start | worst | {"size": sizes[-1]},
            "painted black": start | worst | {"fill": "black"},
            "the second likeliest class": start | worst | {"asked": SECOND_BEST},
        }
        for picture in range(1, len(self.images)):
            other = start | {"picture": picture}
            found[self._name(picture)] = other | self._places(step, **other)[0]
        return found

    def _places(self, step, picture, size, fill, asked):
        """The places {x, y} of the smallest and of the largest value of a map, on the sliders' grid."""
        values = self.map(picture, size, fill, asked)
        squares = mask_squares((self.side, self.side), size, self._stride(size))
        found = []
        for index in (values.argmin(), values.argmax()):
            top, left, _, _ = squares[int(index)]
            found.append(
                {"x": step * round((left + size / 2) / step), "y": step * round((top + size / 2) / step)}
            )
        return found

    def _stride(self, size):
        return max(1, round((self.side - size) / (self.across - 1)))

    def hidden(self, picture, squares, fill):
        """Copies (k, 3, h, w) of a picture, in each one of the squares (top, left, bottom, right) painted over."""
        image = self.images[picture]
        value = FILLS[fill]
        colour = image.mean((1, 2)) if value is None else torch.full((3,), value, dtype=image.dtype)
        copies = image.repeat(len(squares), 1, 1, 1)
        for copy, (top, left, bottom, right) in zip(copies, squares, strict=True):
            copy[:, top:bottom, left:right] = colour[:, None, None]
        return copies

    def square(self, x, y, size):
        """The square (top, left, bottom, right) around a place, cut off at the border."""
        left, top = x - size // 2, y - size // 2
        return max(top, 0), max(left, 0), min(top + size, self.side), min(left + size, self.side)

    def _probabilities(self, images, batch_size=64):
        device = next(self.net.parameters(), images).device
        with torch.no_grad(), eval_mode(self.net):
            found = [self.net(batch.to(device)).softmax(1).cpu() for batch in images.split(batch_size)]
        return torch.cat(found)

    def _map(self, picture, size, fill):
        """Probabilities of all classes at every place, numpy (rows, columns, classes)."""
        squares = mask_squares((self.side, self.side), size, self._stride(size))
        found = self._probabilities(self.hidden(picture, squares, fill)).numpy()
        return found.reshape(*[int(len(squares) ** 0.5)] * 2, -1)

    def map(self, picture, size, fill, asked):
        """The probability (rows, columns) that remains of the class asked for, at every place of the square."""
        return self.maps[picture, size, fill][..., self.class_of(picture, asked)]

    def class_of(self, picture, asked):
        """The index of the class that the net finds likeliest, or second likeliest, in the whole picture."""
        order = self.whole[picture].argsort(descending=True)
        return int(order[0 if asked == LIKELIEST else 1])

    def _look(self, picture, x, y, size, fill):
        """The picture with its square (3, h, w), and the probabilities (classes,) now."""
        image = self.hidden(picture, [self.square(x, y, size)], fill)
        return image[0].numpy(), self._probabilities(image)[0].numpy()

    def describe(self, picture, x, y, size, fill, asked):
        _, now = self.look(picture, x, y, size, fill)
        k = self.class_of(picture, asked)
        before, after, top = self.whole[picture, k], now[k], self.classes[int(now.argmax())]
        return (
            f"{self._name(picture)}, {size} px square around ({x}, {y}), {fill}: {self.classes[k]} "
            f"{before:.0%} before, {after:.0%} now; the likeliest is {top}."
        )

    def _name(self, picture):
        return f"picture {picture}" + ("" if self.names is None else f": {self.names[picture]}")

    def render(self, picture, x, y, size, fill, asked):
        state = {"picture": picture, "x": x, "y": y, "size": size, "fill": fill, "asked": asked}
        self.check(**state)
        image, now = self.look(picture, x, y, size, fill)
        zoom, k = PANEL / self.side, self.class_of(picture, asked)
        sheet = Image.new("RGB", (WIDTH, HEIGHT), "white")
        sheet.paste(enlarged(image, (PANEL, PANEL)), (0, HEAD))
        sheet.paste(self._drawn_map(picture, size, fill, asked, zoom), (SECOND, HEAD))
        draw = ImageDraw.Draw(sheet)
        self._titles(draw, picture, k)
        _scale(sheet, draw)
        at = SECOND + min(x * zoom, PANEL - 1), HEAD + min(y * zoom, PANEL - 1)
        for reach, colour, width in ((13, "white", 7), (11, "black", 3)):
            draw.line((at[0] - reach, at[1], at[0] + reach, at[1]), fill=colour, width=width)
            draw.line((at[0], at[1] - reach, at[0], at[1] + reach), fill=colour, width=width)
        self._bars(draw, picture, now, k)
        return np.asarray(sheet)

    def filmstrip(self):
        """Each stop: the picture with its square beside the map, and above them the probability before and now."""
        tile, gap, above, across = 1.5, 0.22, 0.56, 3  # inches
        wide, high = 2 * tile + 0.06 + gap, above + tile + 0.1
        sheet = plots.Sheet(
            across * wide - gap + 0.95,
            -(-len(self.stops) // across) * high,
            self.title,
            self.caption,
            self.alt(),
        )
        for number, title in enumerate(self.stops):
            state = self.stop(title)
            picture, size, fill, asked = (state[name] for name in ("picture", "size", "fill", "asked"))
            left, top = number % across * wide, above + number // across * high
            image, now = self.look(picture, state["x"], state["y"], size, fill)
            k = self.class_of(picture, asked)
            words = f"{title}\n{self.classes[k]}: {self.whole[picture, k]:.0%} → {now[k]:.0%}"
            axes = sheet.axes(left, top, tile, tile)
            axes.imshow(image.transpose(1, 2, 0))
            axes.set_title(words, fontsize=plots.SMALL, color=plots.INK, pad=4, loc="left")
            axes = sheet.axes(left + tile + 0.06, top, tile, tile)
            axes.imshow(self._drawn_map(picture, size, fill, asked, PANEL / self.side))
            axes.plot(*(v * PANEL / self.side for v in (state["x"], state["y"])), "w+", ms=11, mew=3.5)
            axes.plot(*(v * PANEL / self.side for v in (state["x"], state["y"])), "k+", ms=10, mew=1.5)
        sheet.colour_bar(across * wide - gap + 0.15, above, tile, Normalize(0, 1), "viridis", "probability")
        return plots.Tiles(sheet.figure, sheet.alt)

    def _drawn_map(self, picture, size, fill, asked, zoom):
        """The map where the middles of its squares lie; white where no middle can be. Pillow image."""
        colours = colormaps["viridis"](self.map(picture, size, fill, asked), bytes=True)[..., :3]
        step = self._stride(size)
        reach = round(step * zoom * colours.shape[1])
        tile = Image.fromarray(np.ascontiguousarray(colours)).resize((reach, reach), Image.Resampling.NEAREST)
        panel = Image.new("RGB", (PANEL, PANEL), "#f2f2f2")
        corner = round((size - step) / 2 * zoom)
        panel.paste(tile, (corner, corner))
        return panel

    def _titles(self, draw, picture, k):
        words = {
            0: self._name(picture),
            SECOND: f"“{self.classes[k]}” that remains",
            THIRD: "the net says now",
        }
        for left, text in words.items():
            wide = BARS if left == THIRD else PANEL
            draw.text((left, 2), fitted(text, wide, 20, True), font=font(20, True), fill=plots.INK)

    def _bars(self, draw, picture, now, k):
        """The likeliest classes of the whole picture, always in that order; a line marks what they had there."""
        order = self.whole[picture].argsort(descending=True)[:ROWS].tolist()
        order = list(dict.fromkeys([*order, int(now.argmax())]))
        full, high = BARS - 70, (PANEL - 20) // (ROWS + 1)
        for row, index in enumerate(order):
            top, share, before = HEAD + row * high, float(now[index]), float(self.whole[picture, index])
            text = fitted(self.classes[index], BARS - 70, 18, index == k)
            draw.text((THIRD, top), text, font=font(18, index == k), fill=plots.INK)
            draw.rectangle(
                (THIRD, top + 25, THIRD + max(2, round(full * share)), top + 45),
                fill=BLUE if index == k else ORANGE,
            )
            draw.line(
                (THIRD + full * before, top + 21, THIRD + full * before, top + 49), fill=plots.INK, width=3
            )
            draw.text((THIRD + full + 8, top + 24), f"{share:.0%}", font=font(18), fill=plots.INK)
        draw.text((THIRD, HEAD + PANEL + 8), "black line: the whole picture", font=font(15), fill=plots.MUTED)


def _scale(sheet, draw):
    """The colour bar of the map, in words."""
    ramp = colormaps["viridis"](np.linspace(1, 0, PANEL), bytes=True)[:, None, :3]
    left = SECOND + PANEL + 8
    sheet.paste(Image.fromarray(np.ascontiguousarray(ramp.repeat(16, 1))), (left, HEAD))
    for share, word in ((0, "100%"), (0.5, "50%"), (1, "0%")):
        anchor = {0: "lt", 0.5: "lm", 1: "ls"}[share]
        draw.text((left + 22, HEAD + share * (PANEL - 1)), word, font=font(15), fill=plots.INK, anchor=anchor)
    draw.text(
        (SECOND, HEAD + PANEL + 8),
        "probability that remains, by the square's middle",
        font=font(15),
        fill=plots.MUTED,
    )
