"""How much style, and from how deep: a photograph in the style of another, on images that are there at once."""

from functools import lru_cache

import numpy as np
from PIL import Image

from .. import plots, results
from ..photographs import open_image, shipped_file
from .base import Choice, Explorer, Slider
from .board import BLUE, ORANGE, Board

SIDE, SMALL, PANEL, TILE, GAP, HEAD, NAMES = 256, 194, 512, 76, 6, 36, 112  # px; SIDE: of an image that ships
SECOND, THIRD = SMALL + 22, SMALL + 22 + PANEL + 24  # where the image, and the grid, begin
GRID = THIRD + NAMES
WIDTH, HEIGHT = GRID + 5 * TILE + 4 * GAP + 4, HEAD + PANEL
WEIGHTS = ("1/9", "1/3", "1", "3", "9")


class StyleMixer(Explorer):
    """Style transfer for five weights of the style and four choices of its layers, and two pairs of photographs.

    lab: any; the images ship, made by `stylize` with `alex` of the toy world (python -m experiments style_mixer),
    because each took seconds to minutes. In the middle the image, on the left what it was made from, on the right all
    others of the pair: more style to the right, from more layers downwards.
    The bars say what is missing: of the content at relu3, and of the style in all four layers, whichever were asked
    for; a black line where the photograph itself is.
    """

    title = "How much style, and from how deep?"
    caption = (
        "Missing: of the content, and of the style in four layers. Look at what comes first, the colours or the "
        "strokes, and at what the photograph loses first."
    )
    format = "jpeg"

    def __init__(self, lab=None):
        self.lab, self.facts = lab, results.load("style_mixer")
        self.pairs = {
            pair: pair.split(" as ") for pair in self.facts["losses"]
        }  # {"china as coffee": [name, style]}
        self.depths = list(next(iter(self.facts["losses"].values())))
        files = {pair: f"synthesis/style_mixer/{pair.replace(' ', '_')}.jpg" for pair in self.pairs}
        self.pictures = {
            pair: results.sheet(file, len(self.depths), len(WEIGHTS)) for pair, file in files.items()
        }
        self.photographs = {name: photograph(name) for pair in self.pairs.values() for name in pair}
        self.paper = lru_cache(maxsize=8)(self._paper)
        self.controls = {
            "pair": Choice(tuple(self.pairs), "photograph and style"),
            "depth": Choice(tuple(self.depths), "layers of the style, from the first"),
            "weight": Slider(1, 5, 1, "weight of the style (1 to 5: 1/9, 1/3, 1, 3, 9)"),
        }
        first, *_, every = self.depths
        self.stops = {}
        for pair, (content, _) in self.pairs.items():
            for depth, weight in ((every, 1), (every, 3), (every, 5), (first, 5)):
                words = "" if depth == every else f", layer {depth}"
                title = f"{content}, weight {WEIGHTS[weight - 1]}{words}"
                self.stops[title] = {"pair": pair, "depth": depth, "weight": weight}

    def look(self, pair, depth, weight):
        """The image, uint8 (256, 256, 3), and {"content", "style"}: what is missing of each, as a share."""
        picture = self.pictures[pair][self.depths.index(depth), weight - 1]
        return picture, self.facts["losses"][pair][depth][weight - 1]

    def sentence(self, pair, depth, weight):
        _, left = self.look(pair, depth, weight)
        return (
            f"{pair}, style from {_layers(depth)} with weight {WEIGHTS[weight - 1]}: of the content "
            f"{left['content']:.2f} is missing, of the style {left['style']:.3f} (of the photograph's own "
            f"{self.facts['photographs'][pair]['style']:.2f})."
        )

    def board(self, pair, depth, weight):
        board, (picture, left) = Board(0, 0, self.paper(pair)), self.look(pair, depth, weight)
        board.tile(picture, SECOND, HEAD, PANEL)
        board.write(SECOND, 4, f"{_layers(depth)}, weight {WEIGHTS[weight - 1]}", bold=True)
        board.frame(*place(self.depths.index(depth), weight - 1), TILE)
        before, top, full = (
            self.facts["photographs"][pair],
            place(len(self.depths), 0)[1] + 14,
            WIDTH - GRID - 84,
        )
        longest = {"content": 1.0, "style": max(1e-9, before["style"])}
        board.write(THIRD, top, "what is missing (line: the photograph)", 17, bold=True)
        for y, name, colour in ((top + 32, "content", BLUE), (top + 72, "style", ORANGE)):
            share, mark = (full * min(each[name] / longest[name], 1) for each in (left, before))
            end, mark = board.bar(GRID, y, share, 28, colour, name=name, least=3), GRID + mark
            board.mark(mark, y - 4, y + 32)
            said = end if end + 70 < mark else max(end, mark)
            board.write(said + 8, y + 14, f"{left[name]:.2f}", 17, anchor="lm")
        return board

    def _paper(self, pair):
        """What all images of a pair share: photograph, style, and the grid of small ones."""
        board = Board(WIDTH, HEIGHT)
        for top, name, word in zip(
            (0, PANEL - SMALL), self.pairs[pair], ("photograph", "style"), strict=True
        ):
            board.write(0, top + 4, f"{word}: {name}", 15, bold=True)
            board.tile(self.photographs[name], 0, HEAD + top, SMALL)
        board.write(THIRD, 4, "all of this pair, by weight", 17, bold=True)
        for column, weight in enumerate(WEIGHTS):
            left, top = place(0, column)
            board.write(left + TILE / 2, top - 24, weight, 16, anchor="ma")
        for row, depth in enumerate(self.depths):
            words = f"layers {depth}" if " " in depth else f"layer {depth}"
            board.write(GRID - 8, place(row, 0)[1] + TILE / 2, words, 16, anchor="rm")
            for column, picture in enumerate(self.pictures[pair][row]):
                small = Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.LANCZOS)
                board.tile(small, *place(row, column), TILE)
        return board

    def filmstrip(self):
        """For each pair the style, and the image of each stop with what is missing of content and style."""
        titles, images = [], []
        for _, title, values in self.places():
            (picture, left), (name, style) = self.look(**values), self.pairs[values["pair"]]
            if f"{name}\nas {style}" not in titles:
                titles.append(f"{name}\nas {style}")
                images.append(self.photographs[style])
            missing = f"missing {left['content']:.2f}, {left['style']:.2f}"
            titles.append(f"{title.removeprefix(f'{name}, ')}\n{missing}")
            images.append(picture.transpose(2, 0, 1) / 255)
        columns = len(images) // len(self.pairs)
        return plots.image_grid(np.stack(images), titles, columns, self.title, self.caption, self.alt())


def photograph(name):
    """One of the photographs that come with the libraries, its middle square, (3, 256, 256) in [0, 1]."""
    image = open_image(shipped_file(name))
    half, x, y = min(image.size) / 2, image.width / 2, image.height / 2
    square = image.crop((round(x - half), round(y - half), round(x + half), round(y + half)))
    pixels = np.asarray(square.resize((SIDE, SIDE), Image.Resampling.LANCZOS), np.float32) / 255
    return pixels.transpose(2, 0, 1)


def place(row, column):
    """Upper left corner of a small image of the grid, px."""
    return GRID + column * (TILE + GAP), HEAD + 22 + row * (TILE + GAP)


def _layers(depth):
    return f"layers {depth}" if " " in depth else f"layer {depth} alone"
