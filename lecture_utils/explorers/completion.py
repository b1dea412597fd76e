"""How much of an image is given, and at what temperature the rest is drawn: an autoregressive model fills it in."""

import torch
from PIL import ImageDraw

from .. import datasets, results
from ..generative.autoregressive import check_pictures
from ..generative.completion import MANY, Completions, complete, true_bits, uniform
from ..plots import MUTED
from . import board as ui
from .base import Choice, Explorer, Slider

PANEL, SMALL, BARS = 240, 93, 226  # px: an image, one of the filmstrip, the bars
SHEET = "synthesis/completions/studio.png"  # what ships
EMPTY = (127, 159, 196)  # what is missing


def shipped():
    """What ships for the studio's PixelCNN: images (6, 3, 32, 32) in levels, their names, and `Completions` of them."""
    facts = results.load("completions")
    pixels, names = studio_pictures(facts["levels"])
    bits = torch.tensor(facts["bits"]).view(facts["form"])  # (draws, rows, temperatures, images, MANY)
    tiles = torch.from_numpy(results.sheet(SHEET, bits[..., 0, 0].numel(), bits[0, 0, 0].numel()))
    levels = (tiles // (255 // (facts["levels"] - 1))).movedim(-1, 2)  # (lines, columns, 3, h, w)
    levels = levels.reshape(*bits.shape, *levels.shape[2:])
    return pixels, names, Completions(tuple(facts["rows"]), tuple(facts["temperatures"]), levels, bits)


def studio_pictures(levels):
    """The first test image of each class, LongTensor (6, 3, 32, 32) with so many levels, and their names."""
    studio = datasets.load("studio")
    first = [studio.test.labels.tolist().index(n) for n in range(len(studio.classes))]
    return datasets.quantised(studio.test.pixels[first], levels), list(studio.classes)


class Completion(Explorer):
    """The upper rows of an image are given; the model draws what is missing, six times.

    model: `models.load("studio-pixelcnn")`, for which completions ship (python -m experiments completions). "Run live"
    draws six others before your eyes, row by row, other ones each time. Below each image, and right as bars, stands
    what the missing part costs: bits for each value (a pixel in one colour), by the model at temperature 1; a black
    line for the truth. Errors: ValueError for a model of other images.
    """

    title = "Fill in the rest"
    caption = (
        "Blue: what is missing. Above each completion, and the truth, stands what the missing part costs, in bits for "
        "each value. Look at how the completions differ from each other, and whether the cheapest look best."
    )
    across, hint = 2, "Drag the edge of what is given up or down, or use the arrow keys."
    arrows = {"rows": (0, 1)}

    def __init__(self, model):
        self.pixels, self.names, self.made = shipped()
        check_pictures(self.pixels, model, "model")
        self.model, self.height = model, self.pixels.shape[2]
        self.images, self.true_rows = self._shown(self.pixels), true_bits(model, self.pixels)
        self.controls = {
            "picture": Choice(tuple(self.names), "picture"),
            "rows": Slider(*_range(self.made.rows), f"rows that are given (of {self.height})"),
            "temperature": Slider(*_range(self.made.temperatures), "temperature"),
        }
        little, half, more = (_nearest(self.made.rows, share * self.height) for share in (0.25, 0.5, 0.75))
        cold, usual, hot = (_nearest(self.made.temperatures, heat) for heat in (0.5, 1, 1.5))
        other = self.names[len(self.names) // 2]
        self.stops = {
            "half is given": {"picture": self.names[0], "rows": half, "temperature": usual},
            "more is given": {"rows": more},
            "little is given": {"rows": little},
            "half, cold": {"temperature": cold},
            "half, hot": {"temperature": hot},
            f"another: {other}": {"picture": other},
        }

    def _shown(self, pixels):
        """Levels as images in [0, 1]."""
        return pixels.float() / (self.model.levels - 1)

    def look(self, picture, rows, temperature):
        """Six completions, LongTensor (6, c, h, w), what their missing part costs, bits for each value, how many rows
        there are by now, and that in words.
        """
        found, bits = self.made.at(self.names.index(picture), rows, temperature, draw=1)
        return found, bits, self.height, "drawn before"

    def truth(self, picture, rows, until=None):
        """What the true rest costs, or its rows up to one, bits for each value."""
        return float(self.true_rows[self.names.index(picture), rows:until].mean())

    def live(self, picture, rows, temperature):
        given = self.pixels[[self.names.index(picture)]].expand(MANY, -1, -1, -1)
        heat = torch.full((MANY,), float(temperature), dtype=torch.float64)
        numbers = uniform(given.shape[1:], torch.Generator().seed() % 2**31)
        for n, (found, bits) in enumerate(complete(self.model, given, rows, heat, numbers), rows + 1):
            where = "live, done" if n == self.height else f"live, row {n} of {self.height}"
            state = picture, rows, temperature, (found, bits.tolist(), n, where)
            yield self.board(*state), self.sentence(*state)

    def sentence(self, picture, rows, temperature, live=None):
        _, bits, done, where = live or self.look(picture, rows, temperature)
        return (
            f"{picture}, {rows} of {self.height} rows given, temperature {temperature:.3g}, {where}: the six "
            f"completions cost {min(bits):.2f} to {max(bits):.2f} bits for each value, the true rest "
            f"{self.truth(picture, rows, done):.2f}."
        )

    def board(self, picture, rows, temperature, live=None):
        found, bits, done, where = live or self.look(picture, rows, temperature)
        image, whole = self.images[self.names.index(picture)], self.height
        given = ui.held(_panel(image, PANEL, rows, whole), lambda x, y, *_: {"rows": y * whole / PANEL})
        given = ui.titled(given, f"given: {rows} of {whole} rows")
        true = ui.titled(_panel(image, PANEL, whole, whole), f"the truth: {picture}")
        cells = []
        for n, (each, cost) in enumerate(zip(self._shown(found), bits, strict=True), 1):
            words = ui.Text(f"{n}: {cost:.2f} bits", 17, MUTED)
            cells.append(ui.column(_panel(each, PANEL, done, whole, rows), words, gap=4))
        cells = ui.grid(cells, 3, gap=14, below=12)
        head = ui.Text(f"drawn at temperature {temperature:.3g}", bold=True, wide=cells.wide - 200)
        head = ui.row(head, ui.Text(where, ink=ui.BLUE, wide=200, align=1), gap=0)
        bars = self._bars(bits, self.truth(picture, rows, done))
        return ui.row(ui.column(given, true, gap=8), ui.column(head, cells, gap=4), bars, gap=26)

    def _bars(self, bits, truth):
        """What the missing part costs in each completion, and in truth."""
        most, bars = max(*bits, truth, 1e-9), []
        for n, cost in enumerate(bits, 1):
            bars.append(ui.Bar(f"{n}", cost / most, f"{cost:.2f}", mark=truth / most))
        bars.append(ui.Bar("truth", truth / most, f"{truth:.2f}", ui.ORANGE))
        words = ui.Text("bits for each value,\nat temperature 1", 16, MUTED)
        bars = ui.Bars(BARS, bars, 42, names=58, room=64)
        return ui.titled(ui.column(words, bars, gap=12), "cost of the rest")

    def still(self, title, picture, rows, temperature):
        found, bits, whole, _ = self.look(picture, rows, temperature)
        image = self.images[self.names.index(picture)]
        shown = [("given", image, rows)]
        shown += [(f"{bits[n]:.2f} bits", each, whole) for n, each in enumerate(self._shown(found[:3]))]
        shown.append((f"truth {self.truth(picture, rows):.2f}", image, whole))
        tiles = (ui.captioned(_panel(each, SMALL, done, whole), words) for words, each, done in shown)
        head = f"{title} ({rows} of {whole} rows, temperature {temperature:.3g})"
        return ui.titled(ui.row(*tiles, gap=5), head, size=ui.FILM)


def _panel(image, side, done, whole, given=None):
    """An image's first rows of all; below them nothing is known. Orange: where what is given ends."""
    shown, edge = ui.scaled(image, side, smooth=False), round(done * side / whole)
    if edge < side:
        shown.paste(EMPTY, (0, edge, side, side))
    if given is not None:
        y = round(given * side / whole)
        for x in (0, side - 10):
            ImageDraw.Draw(shown).line((x, y, x + 9, y), fill=ui.ORANGE, width=4)
    return ui.Tile(shown, frame=ui.LINE, thick=1)  # a white ground has no end of its own


def _nearest(values, wanted):
    return min(values, key=lambda value: abs(value - wanted))


def _range(values):
    """low, high and step of a slider that has just these values, which lie equally far apart."""
    return values[0], values[-1], values[1] - values[0]
