"""The training of a GAN, watched again: images of the same latent vectors at kept steps, both losses up to there."""

from .. import plots
from .base import Explorer, Slider, distinct
from .board import Board, Film, font

TILE, GAP, COLUMNS, HEAD = 116, 6, 6, 40  # px: an image, between two; how many in a row; the line above
SECOND = COLUMNS * (TILE + GAP) + 70  # where the curves begin
WIDTH, HEIGHT = 1270, HEAD + 4 * (TILE + GAP) + 30
PALE = "#cccccc"
NAMES = ("discriminator", "generator", "on_real", "on_fake")
SHOWN = dict(zip(NAMES, ("discriminator", "generator", "real pictures", "made pictures"), strict=True))
COLOUR = dict(zip(NAMES, plots.COLOURS[1:], strict=False))  # as in the charts of plots.gan
DASH = dict(zip(NAMES, plots.DASHES, strict=False))


class GanHistory(Explorer):
    """A slider through the kept steps of a training: images of the same 24 latent vectors, losses, and probabilities.

    history: {"turns": (k,), "images": (k, n, 3, h, w) in [0, 1], "every": steps between two rows of the log,
    "discriminator", "generator": losses in nats, (rows,) each a mean over `every` steps, "on_real", "on_fake": the mean
    probabilities that the discriminator gives to real and to generated images}, as `models.studio.gan_history()` gives.
    The curves are drawn up to the step that is shown, what comes later is pale. A discriminator that knows nothing
    calls half of each kind real.
    Errors: ValueError for a history of fewer than three steps.
    """

    title = "A GAN learns: the same codes at kept turns"
    caption = (
        "Each row: the same six codes after so many turns. Look at when there is a ground, an object, a class that one "
        "can name; and at the losses: do they tell you?"
    )
    format = "jpeg"

    def __init__(self, history):
        self.steps = [int(step) for step in history["turns"]]
        if len(self.steps) < 3:
            raise ValueError(f"history: expected at least 3 kept turns, got {len(self.steps)}")
        self.images = history["images"]
        self.log = {name: [float(v) for v in history[name]] for name in NAMES}
        rows, every, end = len(self.log["generator"]), int(history["every"]), self.steps[-1]
        self.at = [min(end, every * (row + 1)) for row in range(rows)]  # where a row of the log ends
        last = len(self.steps) - 1
        self.controls = {"kept": Slider(0, last, 1, f"kept turn (0 to {last})")}
        places = {
            "at first": 0,
            "a hundredth": 0.01,
            "a tenth": 0.1,
            "a third": 1 / 3,
            "two thirds": 2 / 3,
            "at the end": 1,
        }
        self.stops = distinct(
            {title: {"kept": self._nearest(share * end)} for title, share in places.items()}
        )

    def _nearest(self, step):
        return min(range(len(self.steps)), key=lambda n: abs(self.steps[n] - step))

    def rows(self, kept):
        """How many rows of the log are over at a kept step."""
        return sum(at <= self.steps[kept] for at in self.at)

    def sentence(self, kept):
        rows = self.rows(kept)
        words = f"After {self.steps[kept]:,} of {self.steps[-1]:,} turns"
        if rows == 0:
            return f"{words}: what the generator makes of the same {self.images.shape[1]} codes."
        now = {name: values[rows - 1] for name, values in self.log.items()}
        return (
            f"{words}: the discriminator's loss is {now['discriminator']:.2f} nats, the generator's "
            f"{now['generator']:.2f}; the discriminator gives real pictures {now['on_real']:.0%}, made ones "
            f"{now['on_fake']:.0%}."
        )

    def board(self, kept):
        board, end = Board(WIDTH, HEIGHT), self.steps[-1]
        board.write(0, 6, f"after {self.steps[kept]:,} of {end:,} turns, the same codes", bold=True)
        board.tiles(self.images[kept][: 4 * COLUMNS], 0, HEAD, TILE, GAP, COLUMNS)
        losses = [value for name in NAMES[:2] for value in self.log[name]]
        high = max(1.0, *losses) * 1.08 if losses else 1.0
        nats = {n: f"{n}" for n in range(0, int(high) + 1, 1 if high < 6 else 2)}
        halves = {0: "0", 0.5: "50%", 1: "100%"}
        self._curves(board, kept, (HEAD + 4, HEAD + 210), NAMES[:2], high, nats, "both losses (nats)")
        self._curves(board, kept, (HEAD + 290, HEIGHT - 34), NAMES[2:], 1, halves, "it calls real")
        return board

    def _curves(self, board, kept, span, names, high, ticks, note):
        """Two lines of the log up to a kept step, and pale what comes later; their names above. span: from y to y."""
        row, end, (top, bottom) = self.rows(kept), self.steps[-1], span
        across = {0: "0", end // 2: f"{end // 2:,}", end: f"{end:,} turns"}
        before = max(row - 1, 0)
        lines = [(self.at[before:], self.log[name][before:], PALE) for name in names]
        lines += [(self.at[:row], self.log[name][:row], COLOUR[name]) for name in names]
        box, limits = (SECOND, top, WIDTH - 66, bottom), ((0, end), (0, high))
        board.chart(box, lines, *limits, self.steps[kept], (across, ticks))
        left = SECOND
        for words, colour in ((f"{note}:", plots.INK), *((SHOWN[name], COLOUR[name]) for name in names)):
            board.write(left, top - 12, words, 18, colour, bold=True, anchor="ls")
            space = "  " if colour != plots.INK else " "
            left += font(18, True).getlength(words + space) + (0 if colour != plots.INK else 6)

    def filmstrip(self):
        """A row of images for each stop, and both losses over the whole training."""
        tile, gap, left, end = 0.78, 0.04, 1.35, self.steps[-1]
        row = tile + gap
        film = Film(self, plots.WIDTH, len(self.stops) * row + 0.1)
        for k, title, values in self.places():
            film.write(0, 0.1 + k * row, f"{title}\n{self.steps[values['kept']]:,} turns", tile)
            for n, image in enumerate(self.images[values["kept"]][:COLUMNS]):
                film.tile(image, left + n * row, 0.1 + k * row, tile, interpolation="nearest")
        place = left + COLUMNS * row + 0.55
        high = (len(self.stops) * row - 0.1) / 2 - 0.75
        for k, (names, label) in enumerate(((NAMES[:2], "losses (nats)"), (NAMES[2:], "called real"))):
            axes = film.axes(place, 0.35 + k * (high + 0.75), plots.WIDTH - place, high, bare=False)
            for name in names:
                way = {"color": COLOUR[name], "linestyle": DASH[name], "linewidth": 2}
                axes.plot(self.at, self.log[name], label=SHOWN[name].removesuffix(" pictures"), **way)
            axes.set_title(label, fontsize=plots.SMALL, color=plots.INK, pad=4)
            axes.set_ylim(0, None if k == 0 else 1)
            axes.legend(fontsize=plots.SMALL - 2, frameon=False)
            axes.set_xticks([0, end], ["0", f"{end:,} turns"])
            axes.get_xticklabels()[1].set_horizontalalignment("right")
        return film.picture()
