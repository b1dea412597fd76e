"""How much of an image is given, and at what temperature the rest is drawn: an autoregressive model fills it in."""

import numpy as np
import torch

from .. import datasets, plots, results
from ..generative.autoregressive import check_pictures
from ..generative.completion import MANY, Completions, complete, true_bits, uniform
from .base import Choice, Explorer, Slider, distinct
from .board import BLUE, LINE, ORANGE, Board, Film

PANEL, GAP, HEAD, FOOT = 240, 14, 38, 58  # px: an image, between two, the line above, and what stands below
COLUMNS = 3  # completions side by side
SECOND = PANEL + 34  # where they begin
THIRD = SECOND + COLUMNS * (PANEL + GAP) + 16  # where the bars begin
WIDTH, HEIGHT = THIRD + 226, HEAD + 2 * (PANEL + FOOT) - 28
SHEET = "synthesis/completions/studio.png"  # what ships
EMPTY = (127, 159, 196)  # what is missing


def shipped():
    """What ships for the studio's PixelCNN: `pixels`, `names` and `made` of `Completion`. Errors: store.DamagedData."""
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

    model: a `generative.Autoregressive`. pixels: LongTensor (n, c, h, w) of its levels; names: of the images.
    made: `Completions` that were drawn before, the first draw of which is shown. Without them all three are what ships
    for `models.load("studio-pixelcnn")`.
    "Run live" draws six others before your eyes, row by row, other ones each time. Below each image, and right as
    bars, stands what the missing part costs: bits for each value (a pixel in one colour), by the model at temperature
    1; a black line for the truth.
    Errors: ValueError for pixels that are none of the model's, and for completions of other images.
    """

    title = "Fill in the rest"
    caption = (
        "Blue: what is missing. Above each completion, and the truth, stands what the missing part costs, in bits for "
        "each value. Look at how the completions differ from each other, and whether the cheapest look best."
    )

    def __init__(self, model, pixels=None, names=None, made=None):
        if pixels is None:
            pixels, names, made = shipped()
        check_pictures(pixels, model, "pixels")
        self.model, self.pixels, self.made, self.height = model, pixels, made, pixels.shape[2]
        self.names = [str(name) for name in names]
        if len(self.names) != len(pixels):
            raise ValueError(f"names: expected {len(pixels)}, one for each picture, got {len(self.names)}")
        if made.pixels.shape[3:] != (len(pixels), MANY, *pixels.shape[1:]):
            raise ValueError(
                f"made: expected completions of {len(pixels)} pictures {tuple(pixels.shape[1:])}, got them of "
                f"{made.pixels.shape[3]} pictures {tuple(made.pixels.shape[5:])}"
            )
        self.images = self._shown(pixels)
        self.true_rows = true_bits(model, pixels)
        self.controls = {
            "picture": Choice(tuple(self.names), "picture"),
            "rows": Slider(*_range(made.rows), f"rows that are given (of {self.height})"),
            "temperature": Slider(*_range(made.temperatures), "temperature"),
        }
        first = {"picture": self.names[0], "rows": self._rows(0.5), "temperature": self._heat(1)}
        other = self.names[len(self.names) // 2]
        self.stops = distinct(
            {
                "half is given": first,
                "more is given": first | {"rows": self._rows(0.75)},
                "little is given": first | {"rows": self._rows(0.25)},
                "half, cold": first | {"temperature": self._heat(0.5)},
                "half, hot": first | {"temperature": self._heat(1.5)},
                f"another: {other}": first | {"picture": other},
            }
        )

    def _rows(self, share):
        return min(self.made.rows, key=lambda rows: abs(rows - share * self.height))

    def _heat(self, value):
        return min(self.made.temperatures, key=lambda heat: abs(heat - value))

    def _shown(self, pixels):
        """Levels as images in [0, 1]."""
        return pixels.float() / (self.model.levels - 1)

    def look(self, picture, rows, temperature):
        """Six completions, LongTensor (6, c, h, w), and what their missing part costs, bits for each value."""
        heat = self.made.temperatures.index(self._heat(temperature))
        place = 0, self.made.rows.index(rows), heat, self.names.index(picture)
        return self.made.pixels[place].long(), self.made.bits[place].tolist()

    def truth(self, picture, rows, until=None):
        """What the true rest costs, or its rows up to one, bits for each value."""
        return float(self.true_rows[self.names.index(picture), rows:until].mean())

    def live(self, picture, rows, temperature):
        """Six new ones, row by row: (board, sentence) each time."""
        index, fresh = self.names.index(picture), torch.Generator().seed() % 2**31
        given = self.pixels[[index]].expand(MANY, -1, -1, -1)
        heat = torch.full((MANY,), float(temperature), dtype=torch.float64)
        numbers = uniform(given.shape[1:], fresh)
        for n, (found, bits) in enumerate(complete(self.model, given, rows, heat, numbers), rows + 1):
            where = "live, done" if n == self.height else f"live, row {n} of {self.height}"
            state = (bits.tolist(), n, where, picture, rows, temperature)
            yield self._board(found, *state), self._sentence(*state)

    def sentence(self, **values):
        return self._sentence(self.look(**values)[1], self.height, "drawn before", **values)

    def _sentence(self, bits, done, where, picture, rows, temperature):
        return (
            f"{picture}, {rows} of {self.height} rows given, temperature {temperature:.3g}, {where}: the six "
            f"completions cost {min(bits):.2f} to {max(bits):.2f} bits for each value, the true rest "
            f"{self.truth(picture, rows, done):.2f}."
        )

    def board(self, **values):
        return self._board(*self.look(**values), self.height, "drawn before", **values)

    def _board(self, found, bits, done, where, picture, rows, temperature):
        """done: how many rows there are by now."""
        board, image, second = (
            Board(WIDTH, HEIGHT),
            self.images[self.names.index(picture)],
            HEAD + PANEL + FOOT,
        )
        board.write(0, 6, f"given: {rows} of {self.height} rows", bold=True)
        self._panel(board, image, 0, HEAD, rows)
        board.write(0, second - 30, f"the truth: {picture}", bold=True, width=PANEL)
        self._panel(board, image, 0, second, self.height)
        board.write(SECOND, 6, f"drawn at temperature {temperature:.3g}", bold=True)
        board.write(THIRD - GAP - 16, 6, where, colour=BLUE, anchor="ra")
        for n, each in enumerate(self._shown(found)):
            left, top = SECOND + n % COLUMNS * (PANEL + GAP), HEAD + n // COLUMNS * (PANEL + FOOT)
            self._panel(board, each, left, top, done)
            edge = round(rows * PANEL / self.height) + top
            for x in (left, left + PANEL):
                board.draw.line((x - 6, edge, x + 5, edge), fill=ORANGE, width=4)
            board.write(left, top + PANEL + 4, f"{n + 1}", 17, plots.MUTED)
            board.write(left + PANEL, top + PANEL + 4, f"{bits[n]:.2f} bits", 17, plots.MUTED, anchor="ra")
        self._bars(board, bits, self.truth(picture, rows, done))
        return board

    def _panel(self, board, image, left, top, rows):
        """An image's first rows; below them nothing is known."""
        board.tile(image, left, top, PANEL, smooth=False)
        edge = round(rows * PANEL / self.height)
        if edge < PANEL:
            board.sheet.paste(EMPTY, (left, top + edge, left + PANEL, top + PANEL))
        edges = left - 1, top - 1, left + PANEL, top + PANEL  # a white ground has no end of its own
        board.draw.rectangle(edges, outline=LINE)

    def _bars(self, board, bits, truth):
        """What the missing part costs in each completion, and in truth."""
        board.write(THIRD, 6, "cost of the rest", bold=True)
        board.write(THIRD, HEAD - 4, "bits for each value,", 16, plots.MUTED)
        board.write(THIRD, HEAD + 16, "at temperature 1", 16, plots.MUTED)
        start, top, step = THIRD + 22, HEAD + 52, 42
        longest, full = max(*bits, truth, 1e-9), WIDTH - start - 56
        mark, last = start + full * truth / longest, top + step * len(bits)
        for n, value in enumerate(bits):
            y, length = top + step * n, full * value / longest
            end = board.bar(start, y, length, 28, BLUE, name=str(n + 1), least=2)
            board.write(max(end, mark) + 7, y + 14, f"{value:.2f}", 17, anchor="lm")
        board.write(start, last + 6, "the truth", 17)
        board.bar(start, last + 30, full * truth / longest, 28, ORANGE, f"{truth:.2f}", least=2, gap=7)
        board.mark(mark, top - 6, last - 8)

    def filmstrip(self):
        """For each stop what is given, three completions and the truth, with their costs."""
        gap, block, pad, line = 0.07, 0.3, 0.62, 2
        tile = (plots.WIDTH - block - 8 * gap) / (5 * line)
        film = Film(self, plots.WIDTH, -(-len(self.stops) // line) * (pad + tile) + 0.05)
        bold = {"fontsize": plots.SMALL, "color": plots.INK, "weight": "bold"}
        for k, title, values in self.places():
            (found, bits), rows = self.look(**values), values["rows"]
            true = np.broadcast_to(
                self.images[self.names.index(values["picture"])], (3, *self.pixels.shape[2:])
            )
            given = true.copy()
            given[:, rows:] = np.array(EMPTY, np.float32)[:, None, None] / 255
            words = ["given", *(f"{value:.2f} bits" for value in bits[:3])]
            words.append(f"truth {self.truth(values['picture'], rows):.2f}")
            x, y = k % line * (5 * tile + 4 * gap + block), pad + k // line * (pad + tile)
            for n, image in enumerate([given, *self._shown(found[:3]), true]):
                way = {"size": plots.SMALL - 1, "interpolation": "nearest", "vmin": 0, "vmax": 1}
                axes = film.tile(image, x + n * (tile + gap), y, tile, words[n], **way)
                if n == 0:
                    text = f"{title} ({rows} of {self.height} rows, temperature {values['temperature']:.3g})"
                    axes.text(0, 1.29, text, transform=axes.transAxes, **bold)
        return film.picture()


def _range(values):
    """low, high and step of a slider that has just these values, which lie equally far apart."""
    return values[0], values[-1], values[1] - values[0] if len(values) > 1 else 1
