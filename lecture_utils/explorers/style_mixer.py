"""How much style, and from how deep: a photograph in the style of another, on images that are there at once."""

from functools import lru_cache

import numpy as np
from PIL import Image

from .. import results
from ..photographs import open_image, shipped_file
from . import board as ui
from .base import Choice, Explorer, Slider

SIDE, SMALL, PANEL, TILE, NAMES = 256, 194, 512, 76, 112  # px; SIDE: of an image that ships
WEIGHTS = ("1/9", "1/3", "1", "3", "9")


class StyleMixer(Explorer):
    """Style transfer for five weights of the style and four choices of its layers, and two pairs of photographs.

    lab: any; the images ship, made by `stylize` with `alex` of the toy world (python -m experiments style_mixer),
    because each took seconds to minutes. The bars say what is missing: of the content at relu3, and of the style in
    all four layers, whichever were asked for; a black line where the photograph itself is.
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
        }  # {"china as coffee": [both]}
        self.depths = list(next(iter(self.facts["losses"].values())))
        self.pictures, self.small = {}, {}
        for pair in self.pairs:
            file = f"synthesis/style_mixer/{pair.replace(' ', '_')}.jpg"
            self.pictures[pair] = found = results.sheet(file, len(self.depths), len(WEIGHTS))
            every = (Image.fromarray(image) for some in found for image in some)
            self.small[pair] = [ui.resized(image, TILE).shown for image in every]
        self.photographs = {name: photograph(name) for pair in self.pairs.values() for name in pair}
        self.sources = lru_cache(maxsize=8)(self._sources)
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
        picture, left = self.look(pair, depth, weight)
        image = ui.titled(ui.Tile(picture, PANEL), f"{_layers(depth)}, weight {WEIGHTS[weight - 1]}")
        table = self._table(pair, self.depths.index(depth), weight - 1)
        right = ui.column(table, self._bars(pair, left), gap=24)
        return ui.row(ui.Tile(self.sources(pair)), image, right, gap=22)

    def _sources(self, pair):
        content, style = self.pairs[pair]
        above = ui.titled(ui.Tile(self.photographs[content], SMALL), f"photograph: {content}", size=15)
        below = ui.titled(ui.Tile(self.photographs[style], SMALL), f"style: {style}", size=15)
        return ui.column(above, below, gap=PANEL + 30 - 2 * above.high).image()

    def _table(self, pair, depth, weight):
        """All images of a pair, a blue frame around the one that is chosen."""
        cells = [ui.Block(NAMES - 6), *(ui.Text(word, 16, wide=TILE, align=0.5) for word in WEIGHTS)]
        for k, name in enumerate(self.depths):
            cells.append(ui.Text(_layers(name).removesuffix(" alone"), 16, wide=NAMES - 6, align=1))
            for n, small in enumerate(self.small[pair][5 * k : 5 * k + 5]):
                cells.append(ui.Tile(small, frame=ui.BLUE if (k, n) == (depth, weight) else None))
        return ui.titled(ui.grid(cells, 6, align=0.5), "all of this pair, by weight", size=17)

    def _bars(self, pair, left):
        """What is missing of content and style, and of them in the photograph itself."""
        before, bars = self.facts["photographs"][pair], []
        for name, most, ink in (("content", 1.0, ui.BLUE), ("style", max(1e-9, before["style"]), ui.ORANGE)):
            now, mark = (min(each[name] / most, 1) for each in (left, before))
            bars.append(ui.Bar(name, now, f"{left[name]:.2f}", ink, mark))
        bars = ui.Bars(NAMES + 5 * TILE + 24, bars, 40, NAMES, room=84)
        return ui.titled(bars, "what is missing (line: the photograph)", size=17)

    def still(self, title, **values):
        picture, left = self.look(**values)
        words = title.removeprefix(f"{self.pairs[values['pair']][0]}, ")
        words = f"{words}\nmissing {left['content']:.2f}, {left['style']:.2f}"
        return ui.captioned(ui.resized(Image.fromarray(picture), 188), words)

    def film(self):
        rows = []
        for pair, (name, style) in self.pairs.items():
            stills = [self.still(title, **at) for _, title, at in self.places() if at["pair"] == pair]
            source = ui.captioned(ui.Tile(self.photographs[style], 188), f"style: {style}\nfor: {name}")
            rows.append(ui.row(source, *stills))
        return ui.column(*rows, gap=12)


def photograph(name):
    """One of the photographs that come with the libraries, its middle square, (3, 256, 256) in [0, 1]."""
    image = open_image(shipped_file(name))
    half, x, y = min(image.size) / 2, image.width / 2, image.height / 2
    square = image.crop((round(x - half), round(y - half), round(x + half), round(y + half)))
    pixels = square.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(pixels, np.float32).transpose(2, 0, 1) / 255


def _layers(depth):
    return f"layers {depth}" if " " in depth else f"layer {depth} alone"
