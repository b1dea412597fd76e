"""From one code to another: what a generator makes on the way, beside a cross-fade, and what a net reads in both."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw

from .. import plots
from ..generative import walks
from ..hooks import eval_mode
from . import readings
from .base import Choice, Explorer, Slider
from .charts import chart
from .pixels import coloured, enlarged, write

STEPS, FRAMES = 16, 9  # of the way; of these are shown
TILE, BIG, GAP, HEAD = 98, 288, 4, 40  # px: a frame, the picture, between frames, the line above
SECOND = BIG + 66  # where the frames begin
WIDTH, HEIGHT = SECOND + FRAMES * TILE + (FRAMES - 1) * GAP, 606
BLUE, ORANGE = plots.COLOURS[1], plots.COLOURS[2]
WAYS = {"arc (spherical)": "arc", "straight line": "line"}
LAST = 199  # the highest number of a code


class Way(NamedTuple):
    """codes (17, latent); images (17, 3, h, w) made of them, and of the cross-fade; what is read in 9 of each; jump."""

    codes: torch.Tensor
    made: torch.Tensor
    faded: torch.Tensor
    read: list
    read_faded: list
    jump: float


class GanWalk(Explorer):
    """Two codes chosen by number, the way between them, and the picture at any place of it.

    generator: codes (n, latent) -> images (n, 3, 32, 32) in [0, 1], with `.latent`, as `models.load("studio-gan")`.
    net: that reads class, colour and azimuth; None takes `models.load("studio-factors")`.
    A code's number is the seed of its Gaussian draw. Left the picture; right the way: above what the generator makes,
    below it the two ends faded into each other pixel by pixel. Under each frame stands what the net reads in it, and
    under all how sure it is of the class, and how long the codes are: nearly all codes that the generator was trained
    on have a length near the square root of their dimensions.
    """

    title = "A walk from one code to another"
    caption = (
        "Of each walk above what the generator makes, below it the cross-fade of the same ends. The words are what a "
        "net reads in the upper row. Look for pictures that are half one thing and half another: where are they?"
    )
    format = "jpeg"

    def __init__(self, generator, net=None):
        self.generator, self.net = generator, readings.shipped() if net is None else net
        self.controls = {
            "start": Slider(0, LAST, 1, "first code (number)"),
            "end": Slider(0, LAST, 1, "second code (number)"),
            "how": Choice(tuple(WAYS), "way"),
            "step": Slider(0, STEPS, 1, f"step of {STEPS}"),
        }
        self.way = lru_cache(maxsize=64)(self._way)
        self.here = lru_cache(maxsize=64)(self._here)
        self.stops = self._stops()

    def _stops(self):
        """Ends found by rule: the first of 60 codes that the net is .9 sure about, and those that differ as asked."""
        arc, line = WAYS
        seen = readings.read(self.net, self.make(torch.stack([self.code(n) for n in range(60)])))
        clear = [n for n, each in enumerate(seen) if min(each.best(name)[1] for name in readings.BOTH) > 0.9]
        kinds = {n: [seen[n].best(name)[0] for name in readings.BOTH] for n in clear or range(60)}
        start, *others = kinds

        def end(thing, paint, fallback):
            """The first that is another thing, or of another colour, as asked; else just another code."""
            ways = (
                (kinds[n][0] != kinds[start][0]) == thing and (kinds[n][1] != kinds[start][1]) == paint
                for n in others
            )
            return next((n for n, right in zip(others, ways, strict=True) if right), fallback)

        middle = {"start": start, "end": end(True, True, 60), "how": arc, "step": STEPS // 2}
        return {
            "both differ, arc": middle,
            "both differ, straight": middle | {"how": line},
            "a quarter of the way": middle | {"step": STEPS // 4},
            "another colour": middle | {"end": end(False, True, 61)},
            "another thing": middle | {"end": end(True, False, 62)},
        }

    def code(self, number):
        """The code with a number, (latent,)."""
        return torch.randn(self.generator.latent, generator=torch.Generator().manual_seed(number))

    def make(self, codes):
        """Images (n, 3, h, w) in [0, 1] of codes (n, latent)."""
        with torch.no_grad(), eval_mode(self.generator):
            return self.generator(codes).clamp(0, 1).cpu()

    def _way(self, start, end, how):
        codes = walks.walk(self.code(start), self.code(end), STEPS, WAYS[how])
        made = self.make(codes)
        faded = walks.cross_fade(made[0], made[-1], STEPS)
        read = readings.read(self.net, torch.cat([made[::2], faded[2:-1:2]]))  # the ends are the same
        read += [read[0], *read[FRAMES:], read[FRAMES - 1]]
        jump = 0.0 if start == end else walks.smoothness(made).jump
        return Way(codes, made, faded, read[:FRAMES], read[-FRAMES:], jump)

    def _here(self, start, end, how, step):
        """What is read at a step."""
        return readings.read(self.net, self.way(start, end, how).made[[step]])[0]

    def describe(self, start, end, how, step):
        self.check(start=start, end=end, how=how, step=step)
        way = self.way(start, end, how)
        here = self.here(start, end, how, step)
        sure, faded = (min(each.best("class")[1] for each in read) for read in (way.read, way.read_faded))
        return (
            f"Codes {start} and {end}, {how}, step {step} of {STEPS}: {here}. The net is at least {sure:.0%} sure of a "
            f"class on the whole way, {faded:.0%} in the cross-fade; the largest step is {way.jump:.1f} times that of "
            "an even cross-fade."
        )

    def render(self, start, end, how, step):
        self.check(start=start, end=end, how=how, step=step)
        way = self.way(start, end, how)
        sheet = Image.new("RGB", (WIDTH, HEIGHT), "white")
        draw = ImageDraw.Draw(sheet)
        write(draw, 0, 4, f"step {step} of {STEPS}", 20, bold=True)
        sheet.paste(enlarged(way.made[step], (BIG, BIG), smooth=False), (0, HEAD))
        here = self.here(start, end, how, step)
        self._say(draw, here, HEAD + BIG + 8)
        small = HEAD + BIG + 104
        write(draw, 140, small, "the cross-fade here", 17)
        sheet.paste(enlarged(way.faded[step], (128, 128), smooth=False), (0, small))
        second = HEAD + TILE + 94
        write(draw, SECOND, 4, f"the generator, from code {start} to code {end}, {how}", 20, bold=True)
        self._row(sheet, draw, way.made, way.read, HEAD, step)
        write(draw, SECOND, second - 38, "both ends faded into each other, pixel by pixel", 20, bold=True)
        self._row(sheet, draw, way.faded, way.read_faded, second, step)
        self._charts(sheet, way, step)
        return np.asarray(sheet)

    def _say(self, draw, reading, top):
        for n, name in enumerate(("class", "colour")):
            word, share = reading.best(name)
            write(draw, 0, top + 27 * n, f"{word}, {share:.0%} sure", 20)
        side = f"azimuth {reading.azimuth:.0f}°" if reading.turns else "the same from all sides"
        write(draw, 0, top + 54, side, 20)

    def _row(self, sheet, draw, images, read, top, step):
        for n in range(FRAMES):
            left = SECOND + n * (TILE + GAP)
            sheet.paste(enlarged(images[2 * n], (TILE, TILE), smooth=False), (left, top))
            for k, name in enumerate(("class", "colour")):
                word, share = read[n].best(name)
                ink = plots.INK if share > 0.5 else plots.MUTED
                write(
                    draw,
                    left + TILE / 2,
                    top + TILE + 3 + 20 * k,
                    f"{_short(word)} {share:.0%}",
                    14,
                    ink,
                    anchor="ma",
                )
        left = SECOND + step / 2 * (TILE + GAP) + TILE / 2
        draw.polygon([(left - 9, top - 9), (left + 9, top - 9), (left, top + 4)], fill=BLUE)

    def _charts(self, sheet, way, step):
        top, bottom, shares = HEIGHT - 190, HEIGHT - 34, list(range(0, STEPS + 1, 2))
        sure = {
            name: [each.best("class")[1] for each in read]
            for name, read in (("made", way.read), ("faded", way.read_faded))
        }
        lines = {"cross-fade": (shares, sure["faded"], ORANGE), "generator": (shares, sure["made"], BLUE)}
        half = (WIDTH - SECOND - 90) // 2
        ends = {0: "0", STEPS // 2: f"step {STEPS // 2}", STEPS: f"{STEPS}"}
        chart(
            sheet,
            (SECOND + 44, top, SECOND + 44 + half - 40, bottom),
            lines,
            (0, STEPS),
            (0, 1),
            step,
            (ends, {0: "0", 0.5: "50%", 1: "100%"}),
            "how sure of its class",
        )
        draw = ImageDraw.Draw(sheet)
        for n, (name, (_, _, colour)) in enumerate(reversed(lines.items())):
            write(draw, SECOND + 56, bottom - 50 + 22 * n, name, 16, colour, bold=True)
        lengths, usual = way.codes.norm(dim=1).tolist(), self.generator.latent**0.5
        high = max(1.25 * usual, *lengths)
        left = SECOND + half + 90
        usual_line = {
            "usual": ((0, STEPS), (usual, usual), "#b0b0b0"),
            "z": (range(STEPS + 1), lengths, BLUE),
        }
        chart(
            sheet,
            (left, top, WIDTH - 12, bottom),
            usual_line,
            (0, STEPS),
            (0, high),
            step,
            (ends, {0: "0", usual: f"{usual:.0f}"}),
            "length of the code (grey: usual)",
        )

    def filmstrip(self):
        """Each stop's walk in nine frames with the classes that are read, and below it the cross-fade."""
        ways = {}
        for title in self.stops:
            state = self.stop(title)
            ways.setdefault((state["start"], state["end"], state["how"]), title)
        between, gap, above = 0.3, 0.02, 0.74
        tile = ((plots.WIDTH - between) / 2 - (FRAMES - 1) * gap) / FRAMES
        block, lines = above + 2 * tile + 0.18, -(-len(ways) // 2)
        sheet = plots.Sheet(plots.WIDTH, lines * block, self.title, self.caption, self.alt())
        for k, (asked, title) in enumerate(ways.items()):
            way, left, top = self.way(*asked), k % 2 * (plots.WIDTH + between) / 2, above + k // 2 * block
            least = [min(each.best("class")[1] for each in read) for read in (way.read, way.read_faded)]
            words = sheet.axes(left, top - above, 1, 1)
            bold = f"{title} (codes {asked[0]} and {asked[1]})"
            words.text(0, 0.92, bold, fontsize=plots.SMALL, color=plots.INK, va="top", weight="bold")
            said = f"at least {least[0]:.0%} sure of a class; in the cross-fade {least[1]:.0%}"
            words.text(0, 0.7, said, fontsize=plots.SMALL, color=plots.MUTED, va="top")
            for n in range(FRAMES):
                for row, image in enumerate((way.made[2 * n], way.faded[2 * n])):
                    axes = sheet.axes(left + n * (tile + gap), top + row * (tile + gap), tile, tile)
                    axes.imshow(coloured(image).transpose(1, 2, 0), aspect="auto", interpolation="nearest")
                    if row == 0:
                        word = _short(way.read[n].best("class")[0])
                        axes.set_title(word, fontsize=plots.SMALL - 1.5, color=plots.INK, pad=3)
        return sheet.picture()


def _short(word):
    """A class's name where there is little room."""
    return {"elephant": "eleph.", "mushroom": "mushr."}.get(word, word)
