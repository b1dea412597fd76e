"""Drag a square over an image: what does the net say without those pixels?"""

from functools import lru_cache

import torch
from matplotlib.colors import Normalize

from .. import plots
from ..attribution.occlusion import mask_squares
from ..progress import progress
from .base import Choice, OfImages, Slider, probabilities
from .board import BLUE, ORANGE, Board, Film, mapped

# px: image and heatmap, space, titles, the line below, the colour bar, the bars
PANEL, GAP, HEAD, FOOT, BAR, BARS = 420, 22, 34, 40, 84, 270
SECOND, THIRD = PANEL + GAP, 2 * PANEL + GAP + BAR
WIDTH, HEIGHT = THIRD + BARS, HEAD + PANEL + FOOT
ROWS = 5  # classes that have a bar
LIKELIEST, SECOND_BEST = "the likeliest class", "the second likeliest"
FILLS = {"grey": 0.5, "black": 0.0, "mean colour": None}  # None: that of the image


class Occluder(OfImages):
    """A square that hides part of an image, the net's probabilities then, and the heatmap of all places of the square.

    net: any nn.Module that gives logits (n, classes). images: float (n, 3, h, h) in [0, 1], n >= 1. classes: names.
    names: what each image shows, or None. sizes: sides of the square, px. across: places of the heatmap from side to
    side, so that it costs about across x across passes for each image, size and fill.
    The heatmaps are made once, here, for all classes at the same time (with a progress bar), and kept; the image, the
    square and the bars follow each move with one pass of the net. A heatmap's value at a place is the probability that
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
        super().__init__(net, images, names, 1)
        self.classes, self.side, self.across = list(classes), images.shape[-1], across
        if images.shape[-2] != self.side:
            raise ValueError(f"images: expected as high as wide, got {tuple(images.shape)}")
        if not sizes or not all(isinstance(s, int) and 1 <= s < self.side for s in sizes):
            raise ValueError(f"sizes: expected whole numbers from 1 to {self.side - 1}, got {sizes!r}")
        self.whole = probabilities(net, self.images)  # (n, classes)
        if self.whole.shape[1] != len(self.classes):
            raise ValueError(f"classes: expected {self.whole.shape[1]} names, got {len(self.classes)}")
        self.step = max(1, round(self.side / 56))
        self.controls = {
            "picture": Slider(0, len(images) - 1, 1, "picture"),
            "x": Slider(0, self.side, self.step, "middle of the square, px from the left"),
            "y": Slider(0, self.side, self.step, "middle of the square, px from the top"),
            "size": Choice(tuple(sizes), "side of the square (px)"),
            "fill": Choice(tuple(FILLS), "painted with"),
            "asked": Choice((LIKELIEST, SECOND_BEST), "map of"),
        }
        self.look = lru_cache(maxsize=64)(self._look)
        keys = [(p, s, f) for p in range(len(images)) for s in sizes for f in FILLS]
        self.maps = {key: self._map(*key) for key in progress(keys, "hiding every place once")}
        self.stops = self._stops(sizes)

    def _stops(self, sizes):
        """The place that hurts most, one that does not, another size, another fill, the rival, the other images."""
        start = {"picture": 0, "size": sizes[0], "fill": "grey", "asked": LIKELIEST}
        worst, best = self._places(**start)
        found = {
            "where it hurts most": start | worst,
            "where it hurts least": start | best,
            "a larger square": start | worst | {"size": sizes[-1]},
            "painted black": start | worst | {"fill": "black"},
            "the second likeliest class": start | worst | {"asked": SECOND_BEST},
        }
        for picture in range(1, len(self.images)):
            other = start | {"picture": picture}
            found[self.named(picture)] = other | self._places(**other)[0]
        return found

    def _places(self, picture, size, fill, asked):
        """The places {x, y} of the smallest and of the largest value of a heatmap, on the sliders' grid."""
        values = self.map(picture, size, fill, asked)
        squares = mask_squares((self.side, self.side), size, self.stride(size))
        corners = (squares[int(index)][:2] for index in (values.argmin(), values.argmax()))
        middles = ({"x": left + size / 2, "y": top + size / 2} for top, left in corners)
        return [{name: self.step * round(v / self.step) for name, v in middle.items()} for middle in middles]

    def stride(self, size):
        """How far two places of a heatmap lie apart, px."""
        return max(1, round((self.side - size) / (self.across - 1)))

    def hidden(self, picture, squares, fill):
        """Copies (k, 3, h, w) of an image, in each one of the squares (top, left, bottom, right) painted over."""
        image, value = self.images[picture], FILLS[fill]
        colour = image.mean((1, 2)) if value is None else torch.full((3,), value, dtype=image.dtype)
        copies = image.repeat(len(squares), 1, 1, 1)
        for copy, (top, left, bottom, right) in zip(copies, squares, strict=True):
            copy[:, top:bottom, left:right] = colour[:, None, None]
        return copies

    def square(self, x, y, size):
        """The square (top, left, bottom, right) around a place, cut off at the border."""
        left, top = x - size // 2, y - size // 2
        return max(top, 0), max(left, 0), min(top + size, self.side), min(left + size, self.side)

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
        order = self.whole[picture].argsort(descending=True)
        return int(order[0 if asked == LIKELIEST else 1])

    def _look(self, picture, x, y, size, fill):
        """The image with its square (3, h, w), and the probabilities (classes,) now."""
        image = self.hidden(picture, [self.square(x, y, size)], fill)
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
        zoom, k, board = PANEL / self.side, self.class_of(picture, asked), Board(WIDTH, HEIGHT)
        board.tile(image, 0, HEAD, PANEL)
        board.tile(self._drawn_map(picture, size, fill, asked), SECOND, HEAD, PANEL)
        board.ramp(SECOND + PANEL + 8, HEAD, 16, PANEL, "viridis", {0: "100%", 0.5: "50%", 1: "0%"}, 15)
        at = SECOND + min(x * zoom, PANEL - 1), HEAD + min(y * zoom, PANEL - 1)
        for reach, colour, width in ((13, "white", 7), (11, "black", 3)):
            board.draw.line((at[0] - reach, at[1], at[0] + reach, at[1]), fill=colour, width=width)
            board.draw.line((at[0], at[1] - reach, at[0], at[1] + reach), fill=colour, width=width)
        board.write(0, 2, self.named(picture), bold=True, width=PANEL)
        board.write(SECOND, 2, f"“{self.classes[k]}” that remains", bold=True, width=PANEL)
        foot, scale = HEAD + PANEL + 8, "probability that remains, by the square's middle"
        board.write(SECOND, foot, scale, 15, plots.MUTED)
        board.write(THIRD, 2, "the net says now", bold=True, width=BARS)
        self._bars(board, picture, now, k)
        board.write(THIRD, foot, "black line: the whole picture", 15, plots.MUTED)
        return board

    def _bars(self, board, picture, now, k):
        """The likeliest classes of the whole image, always in that order; a line marks what they had there."""
        order = self.whole[picture].argsort(descending=True)[:ROWS].tolist()
        full, high = BARS - 70, (PANEL - 20) // (ROWS + 1)
        for row, index in enumerate(dict.fromkeys([*order, int(now.argmax())])):
            top, share, mine = HEAD + row * high, float(now[index]), index == k
            board.write(THIRD, top, self.classes[index], 18, bold=mine, width=full)
            board.bar(THIRD, top + 25, full * share, 20, BLUE if mine else ORANGE, least=2)
            board.mark(THIRD + full * float(self.whole[picture, index]), top + 21, top + 49)
            board.write(THIRD + full + 8, top + 24, f"{share:.0%}", 18)

    def _drawn_map(self, picture, size, fill, asked):
        """The heatmap where the middles of its squares lie; white where no middle can be. Pillow image."""
        board, step, zoom = Board(PANEL, PANEL), self.stride(size), PANEL / self.side
        board.draw.rectangle((0, 0, PANEL, PANEL), fill="#f2f2f2")
        colours = mapped(self.map(picture, size, fill, asked), "viridis", 0, 1)
        corner, reach = round((size - step) / 2 * zoom), round(step * zoom * colours.shape[1])
        board.tile(colours, corner, corner, reach, smooth=False)
        return board.sheet

    def filmstrip(self):
        """Each stop: the image with its square beside the heatmap; above them the probability before and now."""
        tile, gap, above, across = 1.5, 0.22, 0.56, 3  # inches
        wide, high = 2 * tile + 0.06 + gap, above + tile + 0.1
        film = Film(self, across * wide - gap + 0.95, -(-len(self.stops) // across) * high)
        for n, title, values in self.places():
            place, asked = (values.pop("x"), values.pop("y")), values.pop("asked")
            left, top = n % across * wide, above + n // across * high
            image, now = self.look(values["picture"], *place, values["size"], values["fill"])
            k = self.class_of(values["picture"], asked)
            words = f"{title}\n{self.classes[k]}: {self.whole[values['picture'], k]:.0%} → {now[k]:.0%}"
            film.tile(image, left, top, tile, words, loc="left")
            axes = film.tile(self._drawn_map(**values, asked=asked), left + tile + 0.06, top, tile)
            x, y = (value * PANEL / self.side for value in place)
            axes.plot(x, y, "w+", ms=11, mew=3.5)
            axes.plot(x, y, "k+", ms=10, mew=1.5)
        film.colour_bar(across * wide - gap + 0.15, above, tile, Normalize(0, 1), "viridis", "probability")
        return film.picture(256)
