"""From one latent vector to another: what a generator makes on the way, beside a cross-fade; what is read in both."""

from functools import lru_cache
from typing import NamedTuple

import torch

from .. import plots
from ..generative import walks
from ..hooks import frozen
from . import readings
from .base import Choice, Explorer, Slider
from .board import BLUE, GREY, ORANGE, Board, Film

STEPS, FRAMES = 16, 9  # of the path; of these are shown
TILE, BIG, GAP, HEAD = 98, 288, 4, 40  # px: a frame, the image, between frames, the line above
SECOND = BIG + 66  # where the frames begin
WIDTH, HEIGHT = SECOND + FRAMES * TILE + (FRAMES - 1) * GAP, 606
WAYS = {"arc (spherical)": "arc", "straight line": "line"}
LAST = 199  # the highest number of a latent vector
SHORT = {"elephant": "eleph.", "mushroom": "mushr."}  # where there is little room


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
        return [min(each.best("class")[1] for each in read) for read in (self.read, self.read_faded)]


class GanWalk(Explorer):
    """Two latent vectors chosen by number, the interpolation between them, and the image at any place of it.

    generator: z (n, latent) -> images (n, 3, 32, 32) in [0, 1], with `.latent`, as `models.load("studio-gan")`.
    net: that reads class, colour and azimuth; None takes `models.load("studio-factors")`.
    A latent vector's number is the seed of its Gaussian draw. Left the image; right the path: above what the generator
    makes, below it the two ends faded into each other pixel by pixel. Under each frame stands what the net reads in it,
    and under all how sure it is of the class, and the norm of z: nearly all vectors that the generator was trained on
    have a norm near the square root of their dimensions.
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
        """Ends found by rule: the first of 60 that the net is .9 sure about, and those that differ as asked."""
        arc, line = WAYS
        seen = readings.read(self.net, self.make(torch.stack([self.code(n) for n in range(60)])))
        clear = [n for n, each in enumerate(seen) if min(each.best(name)[1] for name in readings.BOTH) > 0.9]
        kinds = {n: [seen[n].best(name)[0] for name in readings.BOTH] for n in clear or range(60)}
        start, *others = kinds

        def end(thing, paint, fallback):
            """The first that is another thing, or of another colour, as asked; else just another one."""
            wanted = [not thing, not paint]
            same = ([a == b for a, b in zip(kinds[n], kinds[start], strict=True)] for n in others)
            return next((n for n, found in zip(others, same, strict=True) if found == wanted), fallback)

        middle = {"start": start, "end": end(True, True, 60), "how": arc, "step": STEPS // 2}
        return {
            "both differ, arc": middle,
            "both differ, straight": middle | {"how": line},
            "a quarter of the way": middle | {"step": STEPS // 4},
            "another colour": middle | {"end": end(False, True, 61)},
            "another thing": middle | {"end": end(True, False, 62)},
        }

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
        read = readings.read(self.net, torch.cat([made[::2], faded[2:-1:2]]))  # the ends are the same
        read += [read[0], *read[FRAMES:], read[FRAMES - 1]]
        jump = 0.0 if start == end else walks.jump(made)
        return Way(codes, made, faded, read[:FRAMES], read[-FRAMES:], jump)

    def _here(self, start, end, how, step):
        """What is read at a step."""
        return readings.read(self.net, self.way(start, end, how).made[[step]])[0]

    def sentence(self, start, end, how, step):
        way, here = self.way(start, end, how), self.here(start, end, how, step)
        sure, faded = way.least
        return (
            f"Codes {start} and {end}, {how}, step {step} of {STEPS}: {here}. The net is at least {sure:.0%} sure of a "
            f"class on the whole way, {faded:.0%} in the cross-fade; the largest step is {way.jump:.1f} times that of "
            "an even cross-fade."
        )

    def board(self, start, end, how, step):
        way, here, board = self.way(start, end, how), self.here(start, end, how, step), Board(WIDTH, HEIGHT)
        board.write(0, 4, f"step {step} of {STEPS}", bold=True)
        board.tile(way.made[step], 0, HEAD, BIG, smooth=False)
        said = [f"{word}, {share:.0%} sure" for word, share in map(here.best, readings.BOTH)]
        said.append(f"azimuth {here.azimuth:.0f}°" if here.has_sides else "the same from all sides")
        for n, line in enumerate(said):
            board.write(0, HEAD + BIG + 8 + 27 * n, line)
        board.write(140, HEAD + BIG + 104, "the cross-fade here", 17)
        board.tile(way.faded[step], 0, HEAD + BIG + 104, 128, smooth=False)
        second = HEAD + TILE + 94
        board.write(SECOND, 4, f"the generator, from code {start} to code {end}, {how}", bold=True)
        self._frames(board, way.made, way.read, HEAD, step)
        board.write(SECOND, second - 38, "both ends faded into each other, pixel by pixel", bold=True)
        self._frames(board, way.faded, way.read_faded, second, step)
        self._charts(board, way, step)
        return board

    def _frames(self, board, images, read, top, step):
        """Every second image, below it what is read, above it a pointer to the step."""
        board.tiles(images[::2], SECOND, top, TILE, GAP, FRAMES)
        for n, each in enumerate(read):
            for k, (word, share) in enumerate(map(each.best, readings.BOTH)):
                place, ink = SECOND + n * (TILE + GAP) + TILE / 2, plots.INK if share > 0.5 else plots.MUTED
                said = f"{SHORT.get(word, word)} {share:.0%}"
                board.write(place, top + TILE + 3 + 20 * k, said, 14, ink, anchor="ma")
        x = SECOND + step / 2 * (TILE + GAP) + TILE / 2
        board.draw.polygon([(x - 9, top - 9), (x + 9, top - 9), (x, top + 4)], fill=BLUE)

    def _charts(self, board, way, step):
        """How sure the net is of a class, and the norm of z, over the steps."""
        top, bottom, half = HEIGHT - 190, HEIGHT - 34, (WIDTH - SECOND - 90) // 2
        ends = {0: "0", STEPS // 2: f"step {STEPS // 2}", STEPS: f"{STEPS}"}
        faded, made = ([each.best("class")[1] for each in read] for read in (way.read_faded, way.read))
        lines = [(range(0, STEPS + 1, 2), faded, ORANGE), (range(0, STEPS + 1, 2), made, BLUE)]
        shares, box = {0: "0", 0.5: "50%", 1: "100%"}, (SECOND + 44, top, SECOND + half + 4, bottom)
        board.chart(box, lines, (0, STEPS), (0, 1), step, (ends, shares), "how sure of its class")
        for n, (name, colour) in enumerate((("generator", BLUE), ("cross-fade", ORANGE))):
            board.write(SECOND + 56, bottom - 50 + 22 * n, name, 16, colour, bold=True)
        norms, usual = way.codes.norm(dim=1).tolist(), self.generator.latent**0.5
        lines = [((0, STEPS), (usual, usual), GREY), (range(STEPS + 1), norms, BLUE)]
        box, limits = (
            (SECOND + half + 90, top, WIDTH - 12, bottom),
            ((0, STEPS), (0, max(1.25 * usual, *norms))),
        )
        ticks = ends, {0: "0", usual: f"{usual:.0f}"}
        board.chart(box, lines, *limits, step, ticks, "length of the code (grey: usual)")

    def filmstrip(self):
        """Each stop's path in nine frames with the classes that are read, and below it the cross-fade."""
        titles = {}
        for _, title, values in self.places():
            titles.setdefault((values["start"], values["end"], values["how"]), title)
        between, gap, above = 0.3, 0.02, 0.74
        tile = ((plots.WIDTH - between) / 2 - (FRAMES - 1) * gap) / FRAMES
        block = above + 2 * tile + 0.18
        film = Film(self, plots.WIDTH, -(-len(titles) // 2) * block)
        for k, (asked, title) in enumerate(titles.items()):
            way, left, top = self.way(*asked), k % 2 * (plots.WIDTH + between) / 2, k // 2 * block
            bold = f"{title} (codes {asked[0]} and {asked[1]})"
            film.write(left, top, bold, 1, 0.92, va="top", weight="bold")
            said = "at least {:.0%} sure of a class; in the cross-fade {:.0%}".format(*way.least)
            film.write(left, top, said, 1, 0.7, colour=plots.MUTED, va="top")
            for n in range(FRAMES):
                word = way.read[n].best("class")[0]
                for row, (image, name) in enumerate(((way.made, SHORT.get(word, word)), (way.faded, ""))):
                    x, y = left + n * (tile + gap), top + above + row * (tile + gap)
                    axes = film.tile(image[2 * n], x, y, tile, interpolation="nearest")
                    axes.set_title(name, fontsize=plots.SMALL - 1.5, color=plots.INK, pad=3)
        return film.picture()
