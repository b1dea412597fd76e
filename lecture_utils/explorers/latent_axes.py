"""The latent axes of a VAE, a slider each: what moving one does to a picture, and what a net reads in it then."""

from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageDraw

from .. import plots
from . import readings
from .base import Choice, Explorer, Slider
from .pixels import coloured, enlarged, write

AXES = 6  # that have a slider
BIG, SMALL, TILE, GAP, HEAD = (
    320,
    152,
    64,
    6,
    40,
)  # px: the picture, the two below, those of the grid, space, title
SECOND = BIG + 40  # where the grid begins
GRID, THIRD = SECOND + 116, SECOND + 116 + 5 * (TILE + GAP) + 44
WIDTH, HEIGHT = THIRD + 300, HEAD + BIG + 30 + SMALL
SHIFTS = (-3.0, -1.5, 0.0, 1.5, 3.0)  # of the grid's columns
BLUE = plots.COLOURS[1]


class LatentAxes(Explorer):
    """A test picture's code, moved along the axes that carry most, and decoded.

    model: a `generative.VAE` of studio pictures. x: test pictures as it takes them, (n, 3, 32, 32); labels (n,); names:
    of the classes; the first picture of each class can be chosen. net: reads class, colour and azimuth; None takes
    `models.load("studio-factors")`.
    Axes are in the order of what they carry: the mean over x of KL(q(z_i|x) || N(0, 1)), in nats; an axis that carries
    nothing says nothing about the picture. A slider adds to the encoder's mean, in standard deviations of the prior.
    In the middle each axis alone, moved from where the sliders stand; a blue frame is nearest to the slider.
    Errors: ValueError for a model with fewer than two axes.
    """

    title = "One latent axis at a time"
    caption = (
        "One axis of the same picture's code, moved by so many standard deviations of the prior; below each picture "
        "what a net reads that learned the true factors. Look for an axis that changes one factor alone."
    )
    format = "jpeg"

    def __init__(self, model, x, labels, names, net=None):
        self.model, self.net = model, readings.shipped() if net is None else net
        labels = labels.tolist()
        first = [labels.index(n) for n in range(len(names)) if n in labels]
        self.names = [str(names[labels[n]]) for n in first]
        with torch.no_grad():
            mean, log_variance = (part.float() for part in _encoded(model, x))
        if mean.shape[1] < 2:
            raise ValueError(f"model: expected at least two latent axes, got {mean.shape[1]}")
        carried = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean(0)  # nats an axis
        self.order = carried.argsort(descending=True, stable=True)[:AXES].tolist()
        self.carried, self.codes = carried[self.order].tolist(), mean[first]
        images = x[first] if x.is_floating_point() else x[first] / (model.levels - 1)
        self.images = images.float()
        self.sliders = [f"axis_{n + 1}" for n in range(len(self.order))]
        self.controls = {"picture": Choice(tuple(self.names), "picture")} | {
            name: Slider(-4.0, 4.0, 0.25, f"axis {n + 1} ({nats:.1f} nats), moved by")
            for n, (name, nats) in enumerate(zip(self.sliders, self.carried, strict=True))
        }
        still = {"picture": self.names[0]} | dict.fromkeys(self.sliders, 0.0)
        self.stops = {"as encoded": still}
        for n, name in enumerate(self.sliders[:3]):
            self.stops |= {
                f"axis {n + 1}, -2.5": still | {name: -2.5},
                f"axis {n + 1}, +2.5": still | {name: 2.5},
            }
        self.look = lru_cache(maxsize=32)(self._look)
        self.given = lru_cache(maxsize=16)(self._given)

    def _code(self, picture, moved):
        z = self.codes[self.names.index(picture)].clone()
        z[self.order] += torch.tensor(moved)
        return z

    def _decoded(self, z):
        """Pictures (n, 3, h, w) in [0, 1] of codes (n, latent)."""
        with torch.no_grad():
            return self.model.mean_image(z.to(self.model.dtype)).float().clamp(0, 1).cpu()

    def _look(self, picture, *moved):
        """The picture (3, h, w), what is read in it, and the grid (axes, columns, 3, h, w)."""
        z = self._code(picture, moved)
        rows = z.repeat(len(self.order), len(SHIFTS), 1)  # (axes, columns, latent)
        start = self.codes[self.names.index(picture)]
        for n, axis in enumerate(self.order):
            rows[n, :, axis] = start[axis] + torch.tensor(SHIFTS)
        made = self._decoded(torch.cat([z[None], rows.flatten(0, 1)]))
        (reading,) = readings.read(self.net, made[:1])
        return made[0], reading, made[1:].unflatten(0, rows.shape[:2])

    def _given(self, picture):
        """The picture as it was, as the model gives it back, and what is read in the first."""
        n = self.names.index(picture)
        (reading,) = readings.read(self.net, self.images[[n]])
        return self.images[n], self._decoded(self.codes[[n]])[0], reading

    def describe(self, picture, **moved):
        self.check(picture=picture, **moved)
        _, reading, _ = self.look(picture, *(moved[name] for name in self.sliders))
        *_, before = self.given(picture)
        words = [f"axis {n + 1} by {moved[name]:+g}" for n, name in enumerate(self.sliders) if moved[name]]
        how = f"with {', '.join(words)}" if words else "as encoded"
        return f"{picture} {how}: the net reads {reading}; in the test picture itself {before}."

    def render(self, picture, **moved):
        self.check(picture=picture, **moved)
        values = [moved[name] for name in self.sliders]
        made, reading, grid = self.look(picture, *values)
        given, again, _ = self.given(picture)
        sheet = Image.new("RGB", (WIDTH, HEIGHT), "white")
        draw = ImageDraw.Draw(sheet)
        write(draw, 0, 6, "decoded", 20, bold=True)
        sheet.paste(enlarged(coloured(made), (BIG, BIG), smooth=False), (0, HEAD))
        for left, image, words in ((0, given, "test picture"), (BIG - SMALL, again, "given back")):
            write(draw, left, HEAD + BIG + 5, words, 18)
            sheet.paste(enlarged(coloured(image), (SMALL, SMALL), smooth=False), (left, HEAD + BIG + 30))
        self._grid(sheet, draw, grid, values)
        write(draw, THIRD, 6, "what the net reads", 20, bold=True)
        readings.draw_reading(draw, reading, THIRD, HEAD, WIDTH - THIRD)
        return np.asarray(sheet)

    def _grid(self, sheet, draw, grid, values):
        write(draw, SECOND, 6, "each axis alone, moved by", 20, bold=True)
        for k, shift in enumerate(SHIFTS):
            write(
                draw,
                GRID + k * (TILE + GAP) + TILE / 2,
                HEAD - 2,
                f"{shift:+g}" if shift else "0",
                17,
                anchor="ma",
            )
        for n, row in enumerate(grid):
            top = HEAD + 24 + n * (TILE + GAP + 4)
            write(draw, SECOND, top + 10, f"axis {n + 1}", 18, bold=values[n] != 0)
            write(draw, SECOND, top + 34, f"{self.carried[n]:.1f} nats", 16, plots.MUTED)
            near = min(range(len(SHIFTS)), key=lambda k: abs(SHIFTS[k] - values[n]))
            for k, image in enumerate(row):
                left = GRID + k * (TILE + GAP)
                sheet.paste(enlarged(coloured(image), (TILE, TILE), smooth=False), (left, top))
                if k == near:
                    draw.rectangle(
                        (left - 4, top - 4, left + TILE + 3, top + TILE + 3), outline=BLUE, width=4
                    )

    def filmstrip(self):
        """The first three axes of the first picture, a row each, with what is read."""
        still = self.stop("as encoded")
        start = self.codes[0]
        tile, gap, left, above = 1.2, 0.1, 1.5, 0.6
        rows = min(3, len(self.order))
        sheet = plots.Sheet(plots.WIDTH, rows * (tile + above) + 0.1, self.title, self.caption, self.alt())
        shifts = (-2.5, -1.25, 0.0, 1.25, 2.5)
        for n in range(rows):
            z = start.repeat(len(shifts), 1)
            z[:, self.order[n]] += torch.tensor(shifts)
            made = self._decoded(z)
            top = 0.25 + n * (tile + above)
            words = f"{still['picture']},\naxis {n + 1}\n({self.carried[n]:.1f} nats)"
            sheet.axes(0, top, left, tile).text(
                0, 0.5, words, fontsize=plots.SMALL, color=plots.INK, va="center"
            )
            for k, (image, reading) in enumerate(zip(made, readings.read(self.net, made), strict=True)):
                axes = sheet.axes(left + k * (tile + gap + 0.35), top, tile, tile)
                axes.imshow(coloured(image).transpose(1, 2, 0), aspect="auto", interpolation="nearest")
                (thing, _), (paint, _) = (reading.best(name) for name in readings.BOTH)
                side = f"{reading.azimuth:.0f}°" if reading.turns else "no azimuth"
                moved = f"{shifts[k]:+g}" if shifts[k] else "0"
                axes.text(
                    0.5,
                    -0.05,
                    f"{paint} {thing}\n{side}",
                    fontsize=plots.SMALL,
                    color=plots.INK,
                    va="top",
                    ha="center",
                    transform=axes.transAxes,
                )
                if n == 0:
                    axes.set_title(moved, fontsize=plots.SMALL, color=plots.INK, pad=4)
        return sheet.picture()


def _encoded(model, x, batch=200):
    parts = [model.encode(some) for some in x.split(batch)]
    return [torch.cat(each) for each in zip(*parts, strict=True)]
