"""How much style, and from how deep: a photograph in the style of another, on pictures that are there at once."""

from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageDraw

from .. import plots, results
from ..photographs import open_image, shipped_file
from .base import Choice, Explorer, Slider
from .pixels import enlarged, font

SMALL, PANEL, TILE, GAP, HEAD, NAMES = 194, 512, 76, 6, 36, 112  # px
SECOND, THIRD = SMALL + 22, SMALL + 22 + PANEL + 24  # where the picture, and the grid, begin
GRID = THIRD + NAMES
WIDTH, HEIGHT = GRID + 5 * TILE + 4 * GAP + 4, HEAD + PANEL
BLUE, ORANGE = plots.COLOURS[1], plots.COLOURS[2]
WEIGHTS = ("1/9", "1/3", "1", "3", "9")  # of the style, as they are written
FOLDER = "synthesis/style_mixer"
MADE, SIDE = 384, 256  # px: when the pictures were made, and as they ship
PAIRS = {"china as coffee": ("china", "coffee"), "astronaut as flower": ("astronaut", "flower")}
DEPTHS = {
    "1": ("relu1",),
    "1 to 2": ("relu1", "relu2"),
    "1 to 3": ("relu1", "relu2", "relu3"),
    "1 to 4": ("relu1", "relu2", "relu3", "relu4"),
}


class StyleMixer(Explorer):
    """Style transfer for five weights of the style and four choices of its layers, and two pairs of photographs.

    lab: any; the pictures ship, made by `stylize` with `alex` of the toy world (see studies/style_mixer), because each
    took seconds to minutes. In the middle the picture, on the left what it was made from, on the right all others of
    the pair: more style to the right, from more layers downwards.
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
        self.lab, self.facts, self.pictures = lab, results.load("style_mixer"), shipped_pictures()
        self.photographs = {
            name: photograph(name, SIDE)[0].numpy() for pair in PAIRS.values() for name in pair
        }
        self.paper = lru_cache(maxsize=8)(self._paper)
        self.controls = {
            "pair": Choice(tuple(PAIRS), "photograph and style"),
            "depth": Choice(tuple(DEPTHS), "layers of the style, from the first"),
            "weight": Slider(1, 5, 1, "weight of the style (1 to 5: 1/9, 1/3, 1, 3, 9)"),
        }
        first, all_ = tuple(DEPTHS)[0], tuple(DEPTHS)[-1]
        self.stops = {}
        for pair, (content, _) in PAIRS.items():
            for depth, weight in ((all_, 1), (all_, 3), (all_, 5), (first, 5)):
                words = "" if depth == all_ else f", layer {depth}"
                title = f"{content}, weight {WEIGHTS[weight - 1]}{words}"
                self.stops[title] = {"pair": pair, "depth": depth, "weight": weight}

    def losses(self, pair, depth, weight):
        """{"content", "style"}: what is missing of each, as a share of what features of 0 would miss."""
        return self.facts["losses"][pair][depth][weight - 1]

    def describe(self, pair, depth, weight):
        self.check(pair=pair, depth=depth, weight=weight)
        left, before = self.losses(pair, depth, weight), self.facts["photographs"][pair]
        layers = f"layers {depth}" if " " in depth else f"layer {depth} alone"
        return (
            f"{pair}, style from {layers} with weight {WEIGHTS[weight - 1]}: of the content {left['content']:.2f} is "
            f"missing, of the style {left['style']:.3f} (of the photograph's own {before['style']:.2f})."
        )

    def render(self, pair, depth, weight):
        self.check(pair=pair, depth=depth, weight=weight)
        sheet = self.paper(pair).copy()
        draw = ImageDraw.Draw(sheet)
        image = Image.fromarray(self.pictures[pair, depth, weight - 1])
        sheet.paste(image.resize((PANEL, PANEL), Image.Resampling.BICUBIC), (SECOND, HEAD))
        layers = f"layers {depth}" if " " in depth else f"layer {depth} alone"
        _write(draw, SECOND, 4, f"{layers}, weight {WEIGHTS[weight - 1]}", 20, bold=True)
        left, top = _place(list(DEPTHS).index(depth), weight - 1)
        draw.rectangle((left - 4, top - 4, left + TILE + 3, top + TILE + 3), outline=BLUE, width=4)
        self._bars(draw, self.losses(pair, depth, weight), self.facts["photographs"][pair])
        return np.asarray(sheet)

    def _paper(self, pair):
        """What all pictures of a pair share: photograph, style, and the grid of small ones."""
        sheet = Image.new("RGB", (WIDTH, HEIGHT), "white")
        draw = ImageDraw.Draw(sheet)
        for n, (name, word) in enumerate(zip(PAIRS[pair], ("photograph", "style"), strict=True)):
            top = n * (PANEL - SMALL - 30) + (0 if n == 0 else 30)
            _write(draw, 0, top + 4, f"{word}: {name}", 15, bold=True)
            sheet.paste(enlarged(self.photographs[name], (SMALL, SMALL)), (0, HEAD + top))
        _write(draw, THIRD, 4, "all of this pair, by weight", 17, bold=True)
        for row, depth in enumerate(DEPTHS):
            words = f"layers {depth}" if " " in depth else f"layer {depth}"
            for column, weight in enumerate(WEIGHTS):
                left, top = _place(row, column)
                if row == 0:
                    _write(draw, left + TILE / 2, top - 24, weight, 16, anchor="ma")
                small = Image.fromarray(self.pictures[pair, depth, column])
                sheet.paste(small.resize((TILE, TILE), Image.Resampling.LANCZOS), (left, top))
            _write(draw, GRID - 8, _place(row, 0)[1] + TILE / 2, words, 16, anchor="rm")
        return sheet

    def _bars(self, draw, left, before):
        """What is missing, and for comparison what the photograph misses."""
        top, full = _place(len(DEPTHS), 0)[1] + 14, WIDTH - GRID - 84
        longest = {"content": 1.0, "style": max(1e-9, before["style"])}
        _write(draw, THIRD, top, "what is missing (line: the photograph)", 17, bold=True)
        for n, (name, colour) in enumerate((("content", BLUE), ("style", ORANGE))):
            y, share = top + 32 + 40 * n, min(left[name] / longest[name], 1)
            _write(draw, GRID - 8, y + 14, name, 17, anchor="rm")
            end = GRID + max(3, round(full * share))
            draw.rectangle((GRID, y, end, y + 28), fill=colour)
            mark = GRID + full * min(before[name] / longest[name], 1)
            draw.line((mark, y - 4, mark, y + 32), fill=plots.INK, width=3)
            place = end if end + 70 < mark else max(end, mark)
            _write(draw, place + 8, y + 14, f"{left[name]:.2f}", 17, anchor="lm")

    def filmstrip(self):
        """For each pair the style, and the picture of each stop with what is missing of content and style."""
        titles, images = [], []
        for title in self.stops:
            state = self.stop(title)
            left, (name, style) = self.losses(**state), PAIRS[state["pair"]]
            if f"{name}\nas {style}" not in titles:
                titles.append(f"{name}\nas {style}")
                images.append(self.photographs[style])
            words = title.removeprefix(f"{name}, ")
            titles.append(f"{words}\nmissing {left['content']:.2f}, {left['style']:.2f}")
            picture = self.pictures[state["pair"], state["depth"], state["weight"] - 1]
            images.append(picture.transpose(2, 0, 1) / 255)
        columns = len(images) // len(PAIRS)
        return plots.image_grid(np.stack(images), titles, columns, self.title, self.caption, self.alt())


def photograph(name, side=MADE):
    """One of the photographs that come with the libraries, its middle square, (1, 3, side, side) in [0, 1]."""
    image = open_image(shipped_file(name))
    half = min(image.size) / 2
    x, y = image.width / 2, image.height / 2
    square = image.crop((round(x - half), round(y - half), round(x + half), round(y + half)))
    pixels = np.asarray(square.resize((side, side), Image.Resampling.LANCZOS), np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()


def shipped_pictures():
    """{(pair, depth, number of the weight): uint8 (256, 256, 3)}, as they were saved. Errors: store.DamagedData."""
    found = {}
    for pair in PAIRS:
        sheet = results.sheet(f"{FOLDER}/{pair.replace(' ', '_')}.jpg", len(DEPTHS), len(WEIGHTS))
        for row, depth in enumerate(DEPTHS):
            for column in range(len(WEIGHTS)):
                found[pair, depth, column] = sheet[row, column]
    return found


def _place(row, column):
    """Upper left corner of a small picture of the grid, px."""
    return GRID + column * (TILE + GAP), HEAD + 22 + row * (TILE + GAP)


def _write(draw, x, y, text, size, colour=plots.INK, bold=False, anchor="la"):
    draw.text((x, y), text, font=font(size, bold), fill=colour, anchor=anchor)
