"""An explorer of a GAN: its training, watched again."""

from ..plots import COLOURS
from . import board as ui
from .base import Explorer, Slider, distinct

TILE, COLUMNS, PALE = 116, 6, "#cccccc"  # px: an image of the history; how many in a row; what comes later
NAMES = ("discriminator", "generator", "on_real", "on_fake")
SHOWN = dict(zip(NAMES, ("discriminator", "generator", "real images", "generated images"), strict=True))
COLOUR = dict(zip(NAMES, COLOURS[1:], strict=False))  # as in figures.curve_panels


class GanHistory(Explorer):
    """A slider through the kept steps of a training: images of the same 24 latent vectors, losses, and probabilities.

    history: {"turns": (k,), "images": (k, n, 3, h, w) in [0, 1], "every": steps between two rows of the log,
    "discriminator", "generator": losses in nats, (rows,) each a mean over `every` steps, "on_real", "on_fake": the mean
    probabilities that the discriminator gives to real and to generated images}, as `models.studio.gan_history()` gives.
    Errors: ValueError for a history of fewer than three steps.
    """

    title = "A GAN learns: the same latent vectors, step by step"
    caption = (
        "Each row: the same six latent vectors after so many steps. Look at when there is a ground, an object, a class "
        "that one can name; and at the losses: do they tell you?"
    )
    format, hint = "jpeg", "Drag along the charts, or use the arrow keys."
    arrows = {"kept": (1, 0)}

    def __init__(self, history):
        self.steps, self.images = [int(step) for step in history["turns"]], history["images"]
        if len(self.steps) < 3:
            raise ValueError(f"history: expected at least 3 kept steps, got {len(self.steps)}")
        self.log = {name: [float(v) for v in history[name]] for name in NAMES}
        rows, every, end = len(self.log["generator"]), int(history["every"]), self.steps[-1]
        self.at = [min(end, every * (row + 1)) for row in range(rows)]  # where a row of the log ends
        last = len(self.steps) - 1
        self.controls = {"kept": Slider(0, last, 1, f"kept turn (0 to {last})")}
        titles = "at first", "a hundredth", "a tenth", "a third", "two thirds", "at the end"
        near = (self._nearest(share * end) for share in (0, 0.01, 0.1, 1 / 3, 2 / 3, 1))
        self.stops = distinct({title: {"kept": kept} for title, kept in zip(titles, near, strict=True)})

    def _nearest(self, step):
        return min(range(len(self.steps)), key=lambda n: abs(self.steps[n] - step))

    def rows(self, kept):
        return sum(at <= self.steps[kept] for at in self.at)

    def sentence(self, kept):
        rows = self.rows(kept)
        words = f"After {self.steps[kept]:,} of {self.steps[-1]:,} steps"
        if rows == 0:
            return f"{words}: what the generator makes of the same {self.images.shape[1]} latent vectors."
        now = {name: values[rows - 1] for name, values in self.log.items()}
        return (
            f"{words}: the discriminator's loss is {now['discriminator']:.2f} nats, the generator's "
            f"{now['generator']:.2f}; the discriminator gives real images {now['on_real']:.0%}, generated ones "
            f"{now['on_fake']:.0%}."
        )

    def board(self, kept):
        tiles = (ui.Tile(image, TILE, smooth=False) for image in self.images[kept][: 4 * COLUMNS])
        head = f"after {self.steps[kept]:,} of {self.steps[-1]:,} steps, the same latent vectors"
        return ui.row(ui.titled(ui.grid(tiles, COLUMNS), head, gap=14), self._charts(kept, 508, 258, 17))

    def _charts(self, kept, *size):
        """Both losses and both probabilities up to a kept step. size: px of a chart, and of its letters."""
        losses = [value for name in NAMES[:2] for value in self.log[name]]
        most = max(1.0, *losses) * 1.08 if losses else 1.0
        nats = {n: f"{n}" for n in range(0, int(most) + 1, 1 if most < 6 else 2)}
        above = self._chart(kept, NAMES[:2], most, nats, "both losses (nats):", *size)
        halves = {0: "0", 0.5: "50%", 1: "100%"}
        return ui.column(above, self._chart(kept, NAMES[2:], 1, halves, "it calls real:", *size), gap=24)

    def _chart(self, kept, names, most, ticks, title, wide, high, size):
        """Two lines of the log up to a kept step, and pale what comes later."""
        rows, end = self.rows(kept), self.steps[-1]
        across, before = {0: "0", end // 2: f"{end // 2:,}", end: f"{end:,} steps"}, max(rows - 1, 0)
        lines = [ui.Line(self.at[before:], self.log[name][before:], PALE) for name in names]
        lines += [ui.Line(self.at[:rows], self.log[name][:rows], COLOUR[name], SHOWN[name]) for name in names]
        axes = (0, end), (0, most), (across, ticks)
        chart = ui.Chart(wide, high, lines, *axes, self.steps[kept], title, right=56, size=size)
        return ui.held(chart, lambda x, *_: {"kept": self._nearest(chart.value(x))})

    def still(self, title, kept):
        images = (ui.Tile(image, 76, smooth=False) for image in self.images[kept][:COLUMNS])
        words = ui.Text(f"{title}\n{self.steps[kept]:,} steps", ui.FILM, wide=114)
        return ui.row(words, *images, gap=4, align=0.5)

    def film(self):
        stills = ui.column(*(self.still(title, **values) for _, title, values in self.places()), gap=4)
        return ui.row(stills, self._charts(len(self.steps) - 1, 386, stills.high // 2 - 12, 13), gap=10)
