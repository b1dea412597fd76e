"""The latent axes of a VAE, a slider each: what moving one does to an image, and what a net reads in it then."""

from functools import lru_cache
from math import cos, radians, sin

import torch

from .. import plots
from ..hooks import frozen
from ..world.studio import COLOURS
from . import readings
from .base import Choice, Explorer, Slider
from .board import BLUE, Board, Film

AXES = 6  # that have a slider
BIG, SMALL, TILE, GAP, HEAD = (
    320,
    152,
    64,
    6,
    40,
)  # px: the image, the two below, those of the grid, space, title
SECOND = BIG + 40  # where the grid begins
GRID, THIRD = SECOND + 116, SECOND + 116 + 5 * (TILE + GAP) + 44
WIDTH, HEIGHT = THIRD + 300, HEAD + BIG + 30 + SMALL
SHIFTS = (-3.0, -1.5, 0.0, 1.5, 3.0)  # of the grid's columns
ROW = 25  # px of a bar with its name


class LatentAxes(Explorer):
    """A test image's latent vector, moved along the axes that carry most, and decoded.

    model: a `generative.VAE` of studio images. x: test images as it takes them, (n, 3, 32, 32); labels (n,); names:
    of the classes; the first image of each class can be chosen. net: reads class, colour and azimuth; None takes
    `models.load("studio-factors")`.
    Axes are in the order of what they carry: the mean over x of KL(q(z_i|x) || N(0, 1)), in nats; an axis that carries
    nothing says nothing about the image. A slider adds to the encoder's mean, in standard deviations of the prior.
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
        with frozen(model) as model, torch.no_grad():
            parts = zip(*(model.encode(some) for some in x.split(200)), strict=True)
            mean, log_variance = (torch.cat(part).float() for part in parts)
        if mean.shape[1] < 2:
            raise ValueError(f"model: expected at least two latent axes, got {mean.shape[1]}")
        carried = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean(0)  # nats an axis
        self.order = carried.argsort(descending=True, stable=True)[:AXES].tolist()
        self.carried, self.codes = carried[self.order].tolist(), mean[first]
        images = x[first] if x.is_floating_point() else x[first] / (model.levels - 1)
        self.images = images.float()
        self.sliders = [f"axis_{n + 1}" for n in range(len(self.order))]
        self.controls = {"picture": Choice(tuple(self.names), "picture")}
        for n, (name, nats) in enumerate(zip(self.sliders, self.carried, strict=True)):
            self.controls[name] = Slider(-4.0, 4.0, 0.25, f"axis {n + 1} ({nats:.1f} nats), moved by")
        still = {"picture": self.names[0]} | dict.fromkeys(self.sliders, 0.0)
        self.stops = {"as encoded": still}
        for n, name in enumerate(self.sliders[:3]):
            self.stops |= {f"axis {n + 1}, {shift:+}": still | {name: shift} for shift in (-2.5, 2.5)}
        self.look = lru_cache(maxsize=32)(self._look)
        self.given = lru_cache(maxsize=16)(self._given)

    def _decoded(self, z):
        """Images (n, 3, h, w) in [0, 1] of latent vectors (n, latent)."""
        with frozen(self.model) as model, torch.no_grad():
            return model.mean_image(z.to(model.dtype)).float().clamp(0, 1).cpu()

    def _look(self, picture, *moved):
        """The image (3, h, w), what is read in it, and the grid (axes, columns, 3, h, w)."""
        start = self.codes[self.names.index(picture)]
        z = start.clone()
        z[self.order] += torch.tensor(moved)
        rows = z.repeat(len(self.order), len(SHIFTS), 1)  # (axes, columns, latent)
        for n, axis in enumerate(self.order):
            rows[n, :, axis] = start[axis] + torch.tensor(SHIFTS)
        made = self._decoded(torch.cat([z[None], rows.flatten(0, 1)]))
        (reading,) = readings.read(self.net, made[:1])
        return made[0], reading, made[1:].unflatten(0, rows.shape[:2])

    def _given(self, picture):
        """The image as it was, as the model gives it back, and what is read in the first."""
        n = self.names.index(picture)
        (reading,) = readings.read(self.net, self.images[[n]])
        return self.images[n], self._decoded(self.codes[[n]])[0], reading

    def sentence(self, picture, **moved):
        _, reading, _ = self.look(picture, *(moved[name] for name in self.sliders))
        *_, before = self.given(picture)
        words = [f"axis {n + 1} by {moved[name]:+g}" for n, name in enumerate(self.sliders) if moved[name]]
        how = f"with {', '.join(words)}" if words else "as encoded"
        return f"{picture} {how}: the net reads {reading}; in the test picture itself {before}."

    def board(self, picture, **moved):
        values = [moved[name] for name in self.sliders]
        made, reading, grid = self.look(picture, *values)
        given, again, _ = self.given(picture)
        board = Board(WIDTH, HEIGHT)
        board.write(0, 6, "decoded", bold=True)
        board.tile(made, 0, HEAD, BIG, smooth=False)
        for left, image, words in ((0, given, "test picture"), (BIG - SMALL, again, "given back")):
            board.write(left, HEAD + BIG + 5, words, 18)
            board.tile(image, left, HEAD + BIG + 30, SMALL, smooth=False)
        board.write(SECOND, 6, "each axis alone, moved by", bold=True)
        for k, shift in enumerate(SHIFTS):
            place = GRID + k * (TILE + GAP) + TILE / 2
            board.write(place, HEAD - 2, f"{shift:+g}" if shift else "0", 17, anchor="ma")
        for n, row in enumerate(grid):
            top = HEAD + 24 + n * (TILE + GAP + 4)
            board.write(SECOND, top + 10, f"axis {n + 1}", 18, bold=values[n] != 0)
            board.write(SECOND, top + 34, f"{self.carried[n]:.1f} nats", 16, plots.MUTED)
            board.tiles(row, GRID, top, TILE, GAP, len(SHIFTS))
            near = min(range(len(SHIFTS)), key=lambda k: abs(SHIFTS[k] - values[n]))
            board.frame(GRID + near * (TILE + GAP), top, TILE)
        board.write(THIRD, 6, "what the net reads", bold=True)
        _draw_reading(board, reading)
        return board

    def filmstrip(self):
        """The first three axes of the first image, a row each, with what is read."""
        tile, step, left, above = 1.2, 1.65, 1.5, 0.6
        rows, shifts = min(3, len(self.order)), (-2.5, -1.25, 0.0, 1.25, 2.5)
        film = Film(self, plots.WIDTH, rows * (tile + above) + 0.1)
        for n in range(rows):
            z = self.codes[0].repeat(len(shifts), 1)
            z[:, self.order[n]] += torch.tensor(shifts)
            made, top = self._decoded(z), 0.25 + n * (tile + above)
            film.write(0, top, f"{self.names[0]},\naxis {n + 1}\n({self.carried[n]:.1f} nats)", tile)
            for k, (image, reading) in enumerate(zip(made, readings.read(self.net, made), strict=True)):
                moved = "" if n else f"{shifts[k]:+g}" if shifts[k] else "0"
                axes = film.tile(image, left + k * step, top, tile, moved, interpolation="nearest")
                (thing, _), (paint, _) = map(reading.best, readings.BOTH)
                side = f"{reading.azimuth:.0f}°" if reading.has_sides else "no azimuth"
                way = {"fontsize": plots.SMALL, "color": plots.INK, "va": "top", "ha": "center"}
                axes.text(0.5, -0.05, f"{paint} {thing}\n{side}", transform=axes.transAxes, **way)
        return film.picture()


def _draw_reading(board, reading):
    """Bars of class and colour, one row a name, and a dial of the azimuth seen from above."""
    top, start, full = HEAD, THIRD + 92, WIDTH - THIRD - 92 - 54
    for title in readings.BOTH:
        board.write(THIRD, top, title, 18, bold=True)
        for n, (name, share) in enumerate(zip(readings.NAMES[title], reading.shares[title], strict=True)):
            y, colour = top + 28 + ROW * n, COLOURS[name] if title == "colour" else BLUE
            end = start + max(1, round(full * share))
            board.draw.rectangle((start, y + 2, end, y + ROW - 4), fill=colour, outline="#808080")
            board.write(start - 8, y + ROW / 2 - 1, name, 16, anchor="rm")
            if share >= 0.005:
                board.write(start + full * share + 6, y + ROW / 2 - 1, f"{share:.0%}", 16, anchor="lm")
        top += 44 + ROW * len(readings.NAMES[title])
    board.write(THIRD, top, "azimuth", 18, bold=True)
    if reading.has_sides:
        _draw_dial(board, reading.azimuth, start + 34, top + 36)
    else:
        board.write(THIRD, top + 28, "the same from all sides", 16, plots.MUTED)


def _draw_dial(board, azimuth, x, y, radius=34):
    """From above: the camera below, the arrow where the object looks."""
    board.draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline="#808080", width=2)
    tip = x + radius * sin(radians(azimuth)), y + radius * cos(radians(azimuth))
    board.draw.line((x, y, *tip), fill=BLUE, width=4)
    board.draw.ellipse((tip[0] - 5, tip[1] - 5, tip[0] + 5, tip[1] + 5), fill=BLUE)
    board.write(x + radius + 14, y, f"{azimuth:.0f}°", 18, anchor="lm")
