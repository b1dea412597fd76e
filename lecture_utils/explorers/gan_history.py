"""The training of a GAN, watched again: the pictures of the same codes at kept turns, and both losses up to there."""

import numpy as np
from PIL import Image, ImageDraw

from .. import plots
from .base import Explorer, Slider, distinct
from .charts import chart
from .pixels import coloured, enlarged, font, write

TILE, GAP, COLUMNS, HEAD = 116, 6, 6, 40  # px: a picture, between two; how many in a row; the line above
SECOND = COLUMNS * (TILE + GAP) + 70  # where the curves begin
WIDTH, HEIGHT = 1270, HEAD + 4 * (TILE + GAP) + 30
PALE = "#cccccc"
NAMES = ("discriminator", "generator", "on_real", "on_fake")
COLOUR = dict(zip(NAMES, plots.COLOURS[1:], strict=False))  # as in the charts of show.gan
DASH = dict(zip(NAMES, plots.DASHES, strict=False))


class GanHistory(Explorer):
    """A slider through the kept turns of a training: pictures of the same 24 codes, both losses, and the answers.

    history: {"turns": (k,), "images": (k, n, 3, h, w) in [0, 1], "every": turns between two rows of the log,
    "discriminator", "generator": losses in nats, (rows,) each a mean over `every` turns, "on_real", "on_fake": the mean
    probabilities that the discriminator gives to real and to made pictures}, as `models.studio.gan_history()` has it.
    The curves are drawn up to the turn that is shown, what comes later is pale. A discriminator that knows nothing
    calls half of each kind real.
    Errors: ValueError for a history of fewer than three turns.
    """

    title = "A GAN learns: the same codes at kept turns"
    caption = (
        "Each row: the same six codes after so many turns. Look at when there is a ground, an object, a class that one "
        "can name; and at the losses: do they tell you?"
    )
    format = "jpeg"

    def __init__(self, history):
        self.turns = [int(turn) for turn in history["turns"]]
        if len(self.turns) < 3:
            raise ValueError(f"history: expected at least 3 kept turns, got {len(self.turns)}")
        self.images = history["images"]
        self.log = {name: [float(v) for v in history[name]] for name in NAMES}
        rows, every = len(self.log["generator"]), int(history["every"])
        self.at = [
            min(self.turns[-1], every * (row + 1)) for row in range(rows)
        ]  # where a row of the log ends
        last = len(self.turns) - 1
        self.controls = {"kept": Slider(0, last, 1, f"kept turn (0 to {last})")}
        places = {
            "at first": 0,
            "a hundredth": 0.01,
            "a tenth": 0.1,
            "a third": 1 / 3,
            "two thirds": 2 / 3,
            "at the end": 1,
        }
        nearest = {
            title: min(range(last + 1), key=lambda n: abs(self.turns[n] - share * self.turns[-1]))
            for title, share in places.items()
        }
        self.stops = distinct({title: {"kept": n} for title, n in nearest.items()})

    def _row(self, kept):
        """How many rows of the log are over at a kept turn."""
        return sum(at <= self.turns[kept] for at in self.at)

    def describe(self, kept):
        self.check(kept=kept)
        row = self._row(kept)
        words = f"After {self.turns[kept]:,} of {self.turns[-1]:,} turns"
        if row == 0:
            return f"{words}: what the generator makes of the same {self.images.shape[1]} codes."
        now = {name: values[row - 1] for name, values in self.log.items()}
        return (
            f"{words}: the discriminator's loss is {now['discriminator']:.2f} nats, the generator's "
            f"{now['generator']:.2f}; the discriminator gives real pictures {now['on_real']:.0%}, made ones "
            f"{now['on_fake']:.0%}."
        )

    def render(self, kept):
        self.check(kept=kept)
        sheet = Image.new("RGB", (WIDTH, HEIGHT), "white")
        draw = ImageDraw.Draw(sheet)
        write(
            draw,
            0,
            6,
            f"after {self.turns[kept]:,} of {self.turns[-1]:,} turns, the same codes",
            20,
            bold=True,
        )
        for n, image in enumerate(self.images[kept][: 4 * COLUMNS]):
            left, top = n % COLUMNS * (TILE + GAP), HEAD + n // COLUMNS * (TILE + GAP)
            sheet.paste(enlarged(coloured(image), (TILE, TILE), smooth=False), (left, top))
        row, end = self._row(kept), self.turns[-1]
        across = {0: "0", end // 2: f"{end // 2:,}", end: f"{end:,} turns"}
        losses = [value for name in ("discriminator", "generator") for value in self.log[name]]
        high = max(1.0, *losses) * 1.08 if losses else 1.0
        steps = {n: f"{n}" for n in range(0, int(high) + 1, 1 if high < 6 else 2)}
        middle = HEAD + 210
        self._curves(
            sheet,
            (HEAD + 4, middle),
            ("discriminator", "generator"),
            row,
            high,
            (across, steps),
            kept,
            "both losses (nats)",
        )
        self._curves(
            sheet,
            (middle + 80, HEIGHT - 34),
            ("on_real", "on_fake"),
            row,
            1.0,
            (across, {0: "0", 0.5: "50%", 1: "100%"}),
            kept,
            "it calls real",
        )
        return np.asarray(sheet)

    def _curves(self, sheet, span, names, row, high, ticks, kept, note):
        colours = [COLOUR[name] for name in names]
        words = {
            "discriminator": "discriminator",
            "generator": "generator",
            "on_real": "real pictures",
            "on_fake": "made pictures",
        }
        lines = {
            f"{name}, to come": (self.at[max(row - 1, 0) :], self.log[name][max(row - 1, 0) :], PALE)
            for name in names
        }
        lines |= {
            name: (self.at[:row], self.log[name][:row], colour)
            for name, colour in zip(names, colours, strict=True)
        }
        box = SECOND, span[0], WIDTH - 66, span[1]
        chart(sheet, box, lines, (0, self.turns[-1]), (0, high), self.turns[kept], ticks)
        draw, left = ImageDraw.Draw(sheet), SECOND
        write(draw, left, span[0] - 12, f"{note}:", 18, bold=True, anchor="ls")
        left += draw.textlength(f"{note}: ", font=font(18, True)) + 6
        for name, colour in zip(names, colours, strict=True):
            write(draw, left, span[0] - 12, words[name], 18, colour, bold=True, anchor="ls")
            left += draw.textlength(words[name] + "  ", font=font(18, True))

    def filmstrip(self):
        """A row of pictures for each stop, and both losses over the whole training with the stops on them."""
        tile, gap, left = 0.78, 0.04, 1.35
        sheet = plots.Sheet(
            plots.WIDTH, len(self.stops) * (tile + gap) + 0.1, self.title, self.caption, self.alt()
        )
        for k, (title, state) in enumerate(self.stops.items()):
            top, turn = 0.1 + k * (tile + gap), self.turns[state["kept"]]
            words = f"{title}\n{turn:,} turns"
            sheet.axes(0, top, left, tile).text(
                0, 0.5, words, fontsize=plots.SMALL, color=plots.INK, va="center"
            )
            for n, image in enumerate(self.images[state["kept"]][:COLUMNS]):
                axes = sheet.axes(left + n * (tile + gap), top, tile, tile)
                axes.imshow(coloured(image).transpose(1, 2, 0), aspect="auto", interpolation="nearest")
        place = left + COLUMNS * (tile + gap) + 0.55
        for k, (names, label) in enumerate(
            ((("discriminator", "generator"), "losses (nats)"), (("on_real", "on_fake"), "called real"))
        ):
            high = (len(self.stops) * (tile + gap) - 0.1) / 2 - 0.75
            axes = sheet.axes(place, 0.35 + k * (high + 0.75), plots.WIDTH - place, high, bare=False)
            for name in names:
                axes.plot(
                    self.at,
                    self.log[name],
                    color=COLOUR[name],
                    linestyle=DASH[name],
                    linewidth=2,
                    label={"on_real": "real", "on_fake": "made"}.get(name, name),
                )
            axes.set_title(label, fontsize=plots.SMALL, color=plots.INK, pad=4)
            axes.set_ylim(0, None if k == 0 else 1)
            axes.legend(fontsize=plots.SMALL - 2, frameon=False)
            axes.set_xticks([0, self.turns[-1]], ["0", f"{self.turns[-1]:,} turns"])
            axes.get_xticklabels()[1].set_horizontalalignment("right")
        return sheet.picture()
