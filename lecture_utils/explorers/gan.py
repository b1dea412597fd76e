"""Two explorers of a GAN: from one latent vector to another, beside a cross-fade; its training, watched again."""

from functools import lru_cache
from typing import NamedTuple

import torch
from PIL import Image, ImageDraw

from .. import models
from ..generative import walks
from ..hooks import frozen
from ..plots import COLOURS, INK, MUTED
from . import board as ui
from .base import Choice, Explorer, Slider, distinct
from .latent import BOTH, read

STEPS, FRAMES, LAST = 16, 9, 199  # of the path; of these are shown; the highest number of a latent vector
BIG, FRAME, GAP = 288, 98, 4  # px: the image, a frame, between frames
WAYS = {"arc (spherical)": "arc", "straight line": "line"}
SHORT = {"elephant": "eleph.", "mushroom": "mushr."}  # where there is little room
TILE, COLUMNS, PALE = 116, 6, "#cccccc"  # px: an image of the history; how many in a row; what comes later
NAMES = ("discriminator", "generator", "on_real", "on_fake")
SHOWN = dict(zip(NAMES, ("discriminator", "generator", "real pictures", "made pictures"), strict=True))
COLOUR = dict(zip(NAMES, COLOURS[1:], strict=False))  # as in figures.curve_panels


class Way(NamedTuple):
    """z (17, latent); images (17, 3, h, w) made of them, and of the cross-fade; what is read in 9 of each; jump."""

    codes: torch.Tensor
    made: torch.Tensor
    faded: torch.Tensor
    read: list
    read_faded: list
    jump: float

    @property
    def least(self):
        """How sure of a class the net is at least, on the path and in the cross-fade."""
        return [min(each.best("class")[1] for each in said) for said in (self.read, self.read_faded)]


class GanWalk(Explorer):
    """Two latent vectors chosen by number, the interpolation between them, and the image at any place of it.

    generator: z (n, latent) -> images (n, 3, 32, 32) in [0, 1], with `.latent`, as `models.load("studio-gan")`.
    net: that reads class, colour and azimuth; None takes `models.load("studio-factors")`.
    A latent vector's number is the seed of its Gaussian draw. Below the path the two ends faded into each other pixel
    by pixel, and what the net reads. In training nearly all z have a norm near the root of their dimensions.
    """

    title = "A walk from one code to another"
    caption = (
        "Of each walk above what the generator makes, below it the cross-fade of the same ends. The words are what a "
        "net reads in the upper row. Look for pictures that are half one thing and half another: where are they?"
    )
    format = "jpeg"

    def __init__(self, generator, net=None):
        self.generator, self.net = generator, net or models.load("studio-factors")
        self.controls = {
            "start": Slider(0, LAST, 1, "first code (number)"),
            "end": Slider(0, LAST, 1, "second code (number)"),
            "how": Choice(tuple(WAYS), "way"),
            "step": Slider(0, STEPS, 1, f"step of {STEPS}"),
        }
        self.way, self.here = lru_cache(maxsize=64)(self._way), lru_cache(maxsize=64)(self._here)
        arc, line = WAYS
        start, both, colour, thing = self._ends()
        self.stops = {
            "both differ, arc": {"start": start, "end": both, "how": arc, "step": STEPS // 2},
            "both differ, straight": {"how": line},
            "a quarter of the way": {"step": STEPS // 4},
            "another colour": {"end": colour},
            "another thing": {"end": thing},
        }

    def _ends(self):
        """The first of 60 vectors that the net is .9 sure about; the first in which both, or one alone, differ."""
        seen = read(self.net, self.make(torch.stack([self.code(n) for n in range(60)])))
        clear = [n for n, each in enumerate(seen) if min(each.best(name)[1] for name in BOTH) > 0.9]
        start, *others = clear or range(60)
        ends = [60, 61, 62]  # unless one is found
        for k, wanted in enumerate(([False, False], [True, False], [False, True])):  # the same class, colour?
            for n in reversed(others):
                if [seen[n].best(name)[0] == seen[start].best(name)[0] for name in BOTH] == wanted:
                    ends[k] = n
        return start, *ends

    def code(self, number):
        """The latent vector with a number, (latent,)."""
        return torch.randn(self.generator.latent, generator=torch.Generator().manual_seed(number))

    def make(self, codes):
        """Images (n, 3, h, w) in [0, 1] of latent vectors (n, latent)."""
        with frozen(self.generator) as generator, torch.no_grad():
            return generator(codes).clamp(0, 1).cpu()

    def _way(self, start, end, how):
        codes = walks.walk(self.code(start), self.code(end), STEPS, WAYS[how])
        made = self.make(codes)
        faded = walks.cross_fade(made[0], made[-1], STEPS)
        said = read(self.net, torch.cat([made[::2], faded[2:-1:2]]))  # the ends are the same
        said += [said[0], *said[FRAMES:], said[FRAMES - 1]]
        jump = 0.0 if start == end else walks.jump(made)
        return Way(codes, made, faded, said[:FRAMES], said[-FRAMES:], jump)

    def _here(self, start, end, how, step):
        return read(self.net, self.way(start, end, how).made[[step]])[0]

    def sentence(self, start, end, how, step):
        way, here = self.way(start, end, how), self.here(start, end, how, step)
        sure, faded = way.least
        return (
            f"Codes {start} and {end}, {how}, step {step} of {STEPS}: {here}. The net is at least {sure:.0%} sure of a "
            f"class on the whole way, {faded:.0%} in the cross-fade; the largest step is {way.jump:.1f} times that of "
            "an even cross-fade."
        )

    def board(self, start, end, how, step):
        way, here = self.way(start, end, how), self.here(start, end, how, step)
        said = [f"{word}, {share:.0%} sure" for word, share in map(here.best, BOTH)]
        said.append(f"azimuth {here.azimuth:.0f}°" if here.has_sides else "the same from all sides")
        now = ui.titled(ui.Tile(way.made[step], BIG, smooth=False), f"step {step} of {STEPS}", gap=8)
        faded = ui.Tile(way.faded[step], 128, smooth=False)
        faded = ui.row(faded, ui.Text("the cross-fade here", 17), gap=10)
        right = ui.column(
            ui.Text(f"the generator, from code {start} to code {end}, {how}", bold=True),
            _frames(way.made, way.read, step),
            ui.Text("both ends faded into each other, pixel by pixel", bold=True),
            _frames(way.faded, way.read_faded, step),
            self._charts(way, step),
        )
        return ui.row(ui.column(now, ui.Text("\n".join(said)), faded, gap=8), right, gap=60)

    def _charts(self, way, step):
        """How sure the net is of a class, and the norm of z, over the steps."""
        ends = {0: "0", STEPS // 2: f"step {STEPS // 2}", STEPS: f"{STEPS}"}
        faded, made = ([each.best("class")[1] for each in said] for said in (way.read_faded, way.read))
        frames, shares = range(0, STEPS + 1, 2), {0: "0", 0.5: "50%", 1: "100%"}
        lines = [ui.Line(frames, faded, ui.ORANGE, "cross-fade"), ui.Line(frames, made, ui.BLUE, "generator")]
        sure = ui.Chart(448, 210, lines, (0, STEPS), (0, 1), (ends, shares), step, "sure of its class:")
        norms, usual = way.codes.norm(dim=1).tolist(), self.generator.latent**0.5
        lines = [ui.Line((0, STEPS), (usual, usual), ui.GREY), ui.Line(range(STEPS + 1), norms, ui.BLUE)]
        limits, ticks = (0, max(1.25 * usual, *norms)), (ends, {0: "0", usual: f"{usual:.0f}"})
        title = "length of the code (grey: usual)"
        return ui.row(sure, ui.Chart(448, 210, lines, (0, STEPS), limits, ticks, step, title), gap=18)

    def still(self, title, start, end, how):
        way = self.way(start, end, how)
        words = (each.best("class")[0] for each in way.read)
        words = [ui.Text(SHORT.get(word, word), 14, wide=52, align=0.5) for word in words]
        tiles = [ui.Tile(image, 52, smooth=False) for image in torch.cat([way.made[::2], way.faded[::2]])]
        said = "at least {:.0%} sure of a class; in the cross-fade {:.0%}".format(*way.least)
        head = f"{title} (codes {start} and {end})"
        return ui.titled(ui.grid([*words, *tiles], FRAMES, gap=2), head, said, size=ui.FILM)

    def film(self):
        titles = {}
        for _, title, values in self.places():
            titles.setdefault((values["start"], values["end"], values["how"]), title)
        return ui.grid([self.still(title, *way) for way, title in titles.items()], 2, gap=30, below=22)


def _frames(images, said, step):
    """Every second image, below it what is read, above it a pointer to the step."""
    tiles, words = [ui.Tile(image, FRAME, smooth=False) for image in images[::2]], []
    for name in BOTH:
        for word, share in (each.best(name) for each in said):
            ink = INK if share > 0.5 else MUTED
            words.append(ui.Text(f"{SHORT.get(word, word)} {share:.0%}", 14, ink, wide=FRAME, align=0.5))
    frames = ui.grid([*tiles, *words], FRAMES, gap=GAP, below=1)
    pointer, x = Image.new("RGB", (frames.wide, 13), "white"), step / 2 * (FRAME + GAP) + FRAME / 2
    ImageDraw.Draw(pointer).polygon([(x - 9, 0), (x + 9, 0), (x, 12)], fill=ui.BLUE)
    return ui.column(ui.Tile(pointer), frames, gap=0)


class GanHistory(Explorer):
    """A slider through the kept steps of a training: images of the same 24 latent vectors, losses, and probabilities.

    history: {"turns": (k,), "images": (k, n, 3, h, w) in [0, 1], "every": steps between two rows of the log,
    "discriminator", "generator": losses in nats, (rows,) each a mean over `every` steps, "on_real", "on_fake": the mean
    probabilities that the discriminator gives to real and to generated images}, as `models.studio.gan_history()` gives.
    Errors: ValueError for a history of fewer than three steps.
    """

    title = "A GAN learns: the same codes at kept turns"
    caption = (
        "Each row: the same six codes after so many turns. Look at when there is a ground, an object, a class that one "
        "can name; and at the losses: do they tell you?"
    )
    format = "jpeg"

    def __init__(self, history):
        self.steps, self.images = [int(step) for step in history["turns"]], history["images"]
        if len(self.steps) < 3:
            raise ValueError(f"history: expected at least 3 kept turns, got {len(self.steps)}")
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
        tiles = (ui.Tile(image, TILE, smooth=False) for image in self.images[kept][: 4 * COLUMNS])
        head = f"after {self.steps[kept]:,} of {self.steps[-1]:,} turns, the same codes"
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
        across, before = {0: "0", end // 2: f"{end // 2:,}", end: f"{end:,} turns"}, max(rows - 1, 0)
        lines = [ui.Line(self.at[before:], self.log[name][before:], PALE) for name in names]
        lines += [ui.Line(self.at[:rows], self.log[name][:rows], COLOUR[name], SHOWN[name]) for name in names]
        axes = (0, end), (0, most), (across, ticks)
        return ui.Chart(wide, high, lines, *axes, self.steps[kept], title, right=56, size=size)

    def still(self, title, kept):
        images = (ui.Tile(image, 76, smooth=False) for image in self.images[kept][:COLUMNS])
        words = ui.Text(f"{title}\n{self.steps[kept]:,} turns", ui.FILM, wide=114)
        return ui.row(words, *images, gap=4, align=0.5)

    def film(self):
        stills = ui.column(*(self.still(title, **values) for _, title, values in self.places()), gap=4)
        return ui.row(stills, self._charts(len(self.steps) - 1, 386, stills.high // 2 - 12, 13), gap=10)
