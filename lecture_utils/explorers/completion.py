"""How much of a picture is given, and at what temperature the rest is drawn: an autoregressive model fills it in."""

import numpy as np
import torch
from PIL import Image, ImageDraw

from .. import datasets, plots, results
from ..generative import completion
from ..generative.autoregressive import check_pictures
from .base import Choice, Explorer, Slider, distinct
from .pixels import coloured, enlarged, fitted, write

PANEL, GAP, HEAD, FOOT = 240, 14, 38, 58  # px: a picture, between two, the line above, and what stands below
COLUMNS = 3  # completions side by side
SHEET = "synthesis/completions/studio.png"  # what was drawn before for the studio
SECOND = PANEL + 34  # where they begin
THIRD = SECOND + COLUMNS * (PANEL + GAP) + 16  # where the bars begin
WIDTH, HEIGHT = THIRD + 226, HEAD + 2 * (PANEL + FOOT) - 28
BLUE, ORANGE, EMPTY = plots.COLOURS[1], plots.COLOURS[2], (127, 159, 196)


class Completion(Explorer):
    """The upper rows of a picture are given; the model draws what is missing, six times.

    model: a `generative.Autoregressive`. pixels: LongTensor (n, c, h, w) of its levels; names: of the pictures.
    made: None, and all completions are drawn now (seconds for digits of 8 x 8 px), for two rows and more; or
    what was drawn before, as `shipped` has it for the studio.
    "Run live" draws six others before your eyes, row by row, other ones each time. Below each picture, and right as
    bars, stands what the missing part costs: bits for each value (a pixel in one colour), by the model at temperature
    1; a black line for the truth. The same draw uses the same random numbers for every picture and temperature.
    Errors: ValueError for pixels that are none of the model's, and for completions of other pictures.
    """

    title = "Fill in the rest"
    caption = (
        "Blue: what is missing. Above each completion, and the truth, stands what the missing part costs, in bits for "
        "each value. Look at how the completions differ from each other, and whether the cheapest look best."
    )

    def __init__(self, model, pixels, names=None, made=None):
        check_pictures(pixels, model, "pixels")
        self.names = [str(name) for name in (range(len(pixels)) if names is None else names)]
        if len(self.names) != len(pixels):
            raise ValueError(f"names: expected {len(pixels)}, one for each picture, got {len(self.names)}")
        self.model, self.pixels, self.height = model, pixels, pixels.shape[2]
        self.images = pixels.float() / (model.levels - 1)
        self.true_rows = completion.true_bits(model, pixels)
        if made is None:
            made = completion.drawn(
                model, pixels, range(2, self.height), (0.5, 0.75, 1.0, 1.25, 1.5), draws=2
            )
        self.made = made
        if made.pixels.shape[3:] != (len(pixels), completion.MANY, *pixels.shape[1:]):
            raise ValueError(
                f"made: expected completions of {len(pixels)} pictures {tuple(pixels.shape[1:])}, got them of "
                f"{made.pixels.shape[3]} pictures {tuple(made.pixels.shape[5:])}"
            )
        self.controls = {
            "picture": Choice(tuple(self.names), "picture"),
            "rows": Slider(*_range(made.rows), f"rows that are given (of {self.height})"),
            "temperature": Slider(*_range(made.temperatures), "temperature"),
        }
        if len(made.pixels) > 1:
            self.controls["draw"] = Slider(1, len(made.pixels), 1, "draw (number)")
        self.stops = self._stops()

    def _stops(self):
        rows, heat = (
            lambda share: _nearest(self.made.rows, share * self.height),
            lambda value: _nearest(self.made.temperatures, value),
        )
        first = {"picture": self.names[0], "rows": rows(0.5), "temperature": heat(1)}
        first |= {"draw": 1} if "draw" in self.controls else {}
        stops = {
            "half is given": first,
            "more is given": first | {"rows": rows(0.75)},
            "little is given": first | {"rows": rows(0.25)},
            "half, cold": first | {"temperature": heat(0.5)},
            "half, hot": first | {"temperature": heat(1.5)},
        }
        other = self.names[len(self.names) // 2]
        if other != self.names[0]:
            stops[f"another: {other}"] = first | {"picture": other}
        return distinct(stops)

    def look(self, picture, rows, temperature, draw=1):
        """Six completions, LongTensor (6, c, h, w), and what their missing part costs, bits for each value."""
        return self.made.at(self.names.index(picture), rows, temperature, draw)

    def truth(self, picture, rows, until=None):
        """What the true rest costs, or its rows up to one, bits for each value."""
        return float(self.true_rows[self.names.index(picture), rows:until].mean())

    def live(self, picture, rows, temperature, draw=1):
        """Six new ones, row by row: (picture, sentence) each time."""
        index, fresh = self.names.index(picture), torch.Generator().seed() % 2**31
        given = self.pixels[[index]].expand(completion.MANY, -1, -1, -1)
        heat = torch.full((completion.MANY,), float(temperature), dtype=torch.float64)
        numbers = completion.uniform(given.shape[1:], fresh)
        for n, (found, bits) in enumerate(
            completion.complete(self.model, given, rows, heat, numbers), rows + 1
        ):
            where = "live, done" if n == self.height else f"live, row {n} of {self.height}"
            state = (where, picture, rows, temperature)
            yield self._sheet(found, bits.tolist(), n, *state), self._sentence(bits.tolist(), n, *state)

    def describe(self, picture, rows, temperature, draw=1):
        self.check(picture=picture, rows=rows, temperature=temperature)
        _, bits = self.look(picture, rows, temperature, draw)
        return self._sentence(bits, self.height, self._where(draw), picture, rows, temperature)

    def _where(self, draw):
        return f"draw {draw}" if "draw" in self.controls else "drawn before"

    def _sentence(self, bits, done, where, picture, rows, temperature):
        truth = self.truth(picture, rows, done)
        return (
            f"{picture}, {rows} of {self.height} rows given, temperature {temperature:.3g}, {where}: the six "
            f"completions cost {min(bits):.2f} to {max(bits):.2f} bits for each value, the true rest {truth:.2f}."
        )

    def render(self, picture, rows, temperature, draw=1):
        self.check(picture=picture, rows=rows, temperature=temperature)
        found, bits = self.look(picture, rows, temperature, draw)
        return self._sheet(found, bits, self.height, self._where(draw), picture, rows, temperature)

    def _sheet(self, found, bits, done, where, picture, rows, temperature):
        """done: how many rows there are by now."""
        sheet = Image.new("RGB", (WIDTH, HEIGHT), "white")
        draw = ImageDraw.Draw(sheet)
        index, second = self.names.index(picture), HEAD + PANEL + FOOT
        write(draw, 0, 6, f"given: {rows} of {self.height} rows", 20, bold=True)
        self._panel(sheet, self.images[index], 0, HEAD, rows)
        write(draw, 0, second - 30, fitted(f"the truth: {picture}", PANEL, 20, True), 20, bold=True)
        self._panel(sheet, self.images[index], 0, second, self.height)
        write(draw, SECOND, 6, f"drawn at temperature {temperature:.3g}", 20, bold=True)
        write(draw, THIRD - GAP - 16, 6, where, 20, BLUE, anchor="ra")
        for n, image in enumerate(found.float() / (self.model.levels - 1)):
            left, top = SECOND + n % COLUMNS * (PANEL + GAP), HEAD + n // COLUMNS * (PANEL + FOOT)
            self._panel(sheet, image, left, top, done)
            edge = round(rows * PANEL / self.height) + top
            for x in (left, left + PANEL):
                draw.line((x - 6, edge, x + 5, edge), fill=ORANGE, width=4)
            write(draw, left, top + PANEL + 4, f"{n + 1}", 17, plots.MUTED)
            write(draw, left + PANEL, top + PANEL + 4, f"{bits[n]:.2f} bits", 17, plots.MUTED, anchor="ra")
        self._bars(draw, bits, self.truth(picture, rows, done))
        return np.asarray(sheet)

    def _panel(self, sheet, image, left, top, rows):
        """An image's first rows; below them nothing is known."""
        sheet.paste(enlarged(coloured(image), (PANEL, PANEL), smooth=False), (left, top))
        edge = round(rows * PANEL / self.height)
        if edge < PANEL:
            sheet.paste(EMPTY, (left, top + edge, left + PANEL, top + PANEL))
        edges = left - 1, top - 1, left + PANEL, top + PANEL
        ImageDraw.Draw(sheet).rectangle(edges, outline="#bbbbbb")  # a white ground has no end of its own

    def _bars(self, draw, bits, truth):
        """What the missing part costs in each completion, and in truth."""
        write(draw, THIRD, 6, "cost of the rest", 20, bold=True)
        write(draw, THIRD, HEAD - 4, "bits for each value,", 16, plots.MUTED)
        write(draw, THIRD, HEAD + 16, "at temperature 1", 16, plots.MUTED)
        start, top, step = THIRD + 22, HEAD + 52, 42
        longest, full = max(*bits, truth, 1e-9), WIDTH - start - 56
        mark = start + full * truth / longest
        rows = [(str(n + 1), value, BLUE, top + step * n) for n, value in enumerate(bits)]
        write(draw, start, top + step * len(bits) + 6, "the truth", 17)
        for name, value, colour, y in [*rows, ("", truth, ORANGE, top + step * len(bits) + 30)]:
            end = start + max(2, round(full * value / longest))
            draw.rectangle((start, y, end, y + 28), fill=colour)
            write(draw, start - 6, y + 14, name, 17, anchor="rm")
            write(draw, max(end, mark if colour == BLUE else 0) + 7, y + 14, f"{value:.2f}", 17, anchor="lm")
        draw.line((mark, top - 6, mark, top + step * len(bits) - 8), fill=plots.INK, width=3)

    def filmstrip(self):
        """For each stop what is given, three completions and the truth, with their costs."""
        gap, block, pad, line = 0.07, 0.3, 0.62, 2
        tile = (plots.WIDTH - block - 8 * gap) / (5 * line)
        lines = -(-len(self.stops) // line)
        sheet = plots.Sheet(plots.WIDTH, lines * (pad + tile) + 0.05, self.title, self.caption, self.alt())
        for k, title in enumerate(self.stops):
            state = self.stop(title)
            found, bits = self.look(**state)
            index, rows = self.names.index(state["picture"]), state["rows"]
            given = np.array(coloured(self.images[index]))
            given[:, rows:] = np.array(EMPTY, np.float32)[:, None, None] / 255
            drawn = [coloured(image) for image in found[:3].float() / (self.model.levels - 1)]
            words = [
                "given",
                *(f"{value:.2f} bits" for value in bits[:3]),
                f"truth {self.truth(state['picture'], rows):.2f}",
            ]
            for n, image in enumerate([given, *drawn, coloured(self.images[index])]):
                left = k % line * (5 * tile + 4 * gap + block) + n * (tile + gap)
                axes = sheet.axes(left, pad + k // line * (pad + tile), tile, tile)
                axes.imshow(image.transpose(1, 2, 0), aspect="auto", interpolation="nearest", vmin=0, vmax=1)
                axes.set_title(words[n], fontsize=plots.SMALL - 1, color=plots.INK, pad=4)
                if n == 0:
                    text = f"{title} ({rows} of {self.height} rows, temperature {state['temperature']:.3g})"
                    axes.text(
                        0,
                        1.29,
                        text,
                        transform=axes.transAxes,
                        fontsize=plots.SMALL,
                        color=plots.INK,
                        weight="bold",
                    )
        return sheet.picture()


def studio_pictures(levels):
    """The first test picture of each class, LongTensor (6, 3, 32, 32) with so many levels, and their names."""
    studio = datasets.load("studio")
    first = [studio.test.labels.tolist().index(n) for n in range(len(studio.classes))]
    return datasets.quantised(studio.test.pixels[first], levels), list(studio.classes)


def shipped():
    """What ships for the studio's PixelCNN: `pixels`, `names` and `made` of `Completion`. Errors: store.DamagedData."""
    facts = results.load("completions")
    pixels, names = studio_pictures(facts["levels"])
    form, side = facts["form"], pixels.shape[-1]
    lines = len(facts["bits"]) // (form[-2] * form[-1])
    sheet = torch.from_numpy(results.sheet(SHEET, lines, form[-2] * form[-1])) // (
        255 // (facts["levels"] - 1)
    )
    tiles = sheet.permute(0, 1, 4, 2, 3)
    bits = torch.tensor(facts["bits"]).view(form)
    made = completion.Completions(
        tuple(facts["rows"]), tuple(facts["temperatures"]), tiles.reshape(*form, 3, side, side), bits
    )
    return pixels, names, made


def _range(values):
    """low, high and step of a slider that has just these values, which lie equally far apart."""
    return values[0], values[-1], values[1] - values[0] if len(values) > 1 else 1


def _nearest(values, value):
    return min(values, key=lambda one: abs(one - value))
