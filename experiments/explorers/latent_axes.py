"""The latent axes of a VAE, a slider each: what moving one does to an image, and what a net reads in it then."""

from functools import lru_cache
from math import cos, radians, sin

import torch
from PIL import Image, ImageDraw

from lecture_utils import models
from lecture_utils.explorers import Choice, Explorer, Slider, board as ui
from lecture_utils.hooks import frozen
from lecture_utils.models import studio
from lecture_utils.plots import INK, MUTED

from ..studio_scenes import COLOURS

AXES, SHIFTS = 6, (-3.0, -1.5, 0.0, 1.5, 3.0)  # axes that have a slider; columns of the grid
BIG, SMALL, TILE = 320, 152, 64  # px: the image, the two below, those of the grid
BOTH = ("class", "colour")


class Reading:
    """One image's factors as a net reads them: probabilities {"class": (6,), "colour": (6,)}, azimuth in degrees."""

    def __init__(self, said, n):
        self.shares = {name: said[name][n].tolist() for name in BOTH}
        self.azimuth = float(said["azimuth"][n])

    def best(self, name):
        """The likeliest value of "class" or "colour", and its probability."""
        share = max(self.shares[name])
        return studio.NAMES[name][self.shares[name].index(share)], share

    @property
    def has_sides(self):
        """Whether the azimuth means anything: not for what looks the same from all sides."""
        return self.best("class")[0] not in studio.SYMMETRIC

    def __str__(self):
        (thing, sure), (paint, how) = self.best("class"), self.best("colour")
        side = f", azimuth {self.azimuth:.0f} degrees" if self.has_sides else ""
        return f"{thing} ({sure:.0%}), {paint} ({how:.0%}){side}"


def read(net, images):
    """A `Reading` of each image, (n, 3, 32, 32) in [0, 1]."""
    said = studio.read(net, images)
    return [Reading(said, n) for n in range(len(images))]


class LatentAxes(Explorer):
    """A test image's latent vector, moved along the axes that carry most, and decoded.

    model: a `generative.VAE` of studio images. x: test images as it takes them, (n, 3, 32, 32); labels (n,); names:
    of the classes; the first image of each class can be chosen. net: reads an image's factors,
    by default the studio's judge.
    Axes are in the order of what they carry: the mean over x of KL(q(z_i|x) || N(0, 1)), in nats. A slider adds to the
    encoder's mean, in standard deviations of the prior. Errors: ValueError for a model with fewer than two axes.
    """

    title = "One latent axis at a time"
    caption = (
        "One axis of the same picture's code, moved by so many standard deviations of the prior; below each picture "
        "what a net reads that learned the true factors. Look for an axis that changes one factor alone."
    )
    format, arrows = "jpeg", {"axis_1": (1, 0), "axis_2": (0, -1)}
    hint = "Drag the decoded picture, or use the arrow keys: across moves axis 1, up axis 2."

    def __init__(self, model, x, labels, names, net=None):
        self.model, self.net = model, net or models.load("studio-factors")
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
        self.stops = {"as encoded": {"picture": self.names[0]} | dict.fromkeys(self.sliders, 0.0)}
        for n, name in enumerate(self.sliders[:3]):
            self.stops |= {f"axis {n + 1}, {shift:+}": {name: shift} for shift in (-2.5, 2.5)}
        self.look = lru_cache(maxsize=32)(self._look)
        self.given = lru_cache(maxsize=16)(self._given)

    def decoded(self, z):
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
        made = self.decoded(torch.cat([z[None], rows.flatten(0, 1)]))
        (reading,) = read(self.net, made[:1])
        return made[0], reading, made[1:].unflatten(0, rows.shape[:2])

    def _given(self, picture):
        """The image as it was, as the model gives it back, and what is read in the first."""
        n = self.names.index(picture)
        (reading,) = read(self.net, self.images[[n]])
        return self.images[n], self.decoded(self.codes[[n]])[0], reading

    def sentence(self, picture, **moved):
        _, reading, _ = self.look(picture, *(moved[name] for name in self.sliders))
        *_, before = self.given(picture)
        words = [f"axis {n + 1} by {moved[name]:+g}" for n, name in enumerate(self.sliders) if moved[name]]
        how = f"with {', '.join(words)}" if words else "as encoded"
        return f"{picture} {how}: the net reads {reading}; in the test picture itself {before}."

    def board(self, picture, **moved):
        values = [moved[name] for name in self.sliders]
        made, reading, images = self.look(picture, *values)
        given, again, _ = self.given(picture)
        given, again = (ui.Tile(image, SMALL, smooth=False) for image in (given, again))
        given = ui.titled(given, "test picture", size=18, bold=False)
        again = ui.titled(again, "given back", size=18, bold=False)

        def grip(x, y, right, down):
            return {"axis_1": moved["axis_1"] + 8 * right / BIG, "axis_2": moved["axis_2"] - 8 * down / BIG}

        decoded = ui.held(ui.Tile(made, BIG, smooth=False), grip)
        decoded = ui.titled(decoded, "decoded", gap=10)
        middle = ui.titled(self._table(images, values), "each axis alone, moved by", gap=10)
        return ui.row(ui.column(decoded, ui.row(given, again, gap=16)), middle, _shown(reading), gap=40)

    def _table(self, images, values):
        """Each axis alone, moved from where the sliders stand; a frame is nearest to the slider."""
        cells = [ui.Block(110), *(ui.Text(_signed(shift), 17, wide=TILE, align=0.5) for shift in SHIFTS)]
        for n, line in enumerate(images):
            name = ui.Text(f"axis {n + 1}", 18, bold=values[n] != 0, wide=110)
            cells.append(ui.column(name, ui.Text(f"{self.carried[n]:.1f} nats", 16, MUTED), gap=0))
            near = min(range(len(SHIFTS)), key=lambda k: abs(SHIFTS[k] - values[n]))
            for k, image in enumerate(line):
                cells.append(ui.Tile(image, TILE, smooth=False, frame=ui.BLUE if k == near else None))
        return ui.grid(cells, 1 + len(SHIFTS), gap=6, below=10, align=0.5)

    def still(self, n):
        shifts, tiles = (-2.5, -1.25, 0.0, 1.25, 2.5), []
        z = self.codes[0].repeat(len(shifts), 1)
        z[:, self.order[n]] += torch.tensor(shifts)
        made = self.decoded(z)
        for image, reading, shift in zip(made, read(self.net, made), shifts, strict=True):
            tile = ui.Tile(image, 120, smooth=False)
            (thing, _), (paint, _) = map(reading.best, BOTH)
            side = f"{reading.azimuth:.0f}°" if reading.has_sides else "no azimuth"
            words = ui.Text(f"{paint} {thing}\n{side}", ui.FILM, wide=160, align=0.5)
            head = None if n else ui.Text(_signed(shift), ui.FILM)
            tiles.append(ui.column(head, tile, words, gap=3, align=0.5))
        name = ui.Text(f"{self.names[0]},\naxis {n + 1}\n({self.carried[n]:.1f} nats)", ui.FILM, wide=150)
        return ui.row(name, *tiles, gap=6, align=0.5)

    def film(self):
        return ui.column(*(self.still(n) for n in range(min(3, len(self.order)))), gap=10)


def _signed(shift):
    return f"{shift:+g}" if shift else "0"


def _shown(reading):
    blocks = []
    for title in BOTH:
        bars = []
        for name, share in zip(studio.NAMES[title], reading.shares[title], strict=True):
            bars.append(ui.Bar(name, share, ui.percent(share), COLOURS.get(name, ui.BLUE)))
        bars = ui.Bars(300, bars, 25, names=104, room=54, size=16, edge="#808080")
        blocks.append(ui.titled(bars, title, size=18))
    side = ui.Text("the same from all sides", 16, MUTED)
    if reading.has_sides:
        side = ui.Tile(dial(reading.azimuth))
    azimuth = ui.column(ui.Text("azimuth", 18, bold=True), side, gap=4)
    return ui.titled(ui.column(*blocks, azimuth, gap=14), "what the net reads", gap=10)


def dial(azimuth):
    """From above: the camera below, the arrow where the object looks. A Pillow image."""
    image, x, y, radius = Image.new("RGB", (300, 80), "white"), 124, 39, 34
    pen = ImageDraw.Draw(image)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline="#808080", width=2)
    tip = x + radius * sin(radians(azimuth)), y + radius * cos(radians(azimuth))
    pen.line((x, y, *tip), fill=ui.BLUE, width=4)
    pen.ellipse((tip[0] - 5, tip[1] - 5, tip[0] + 5, tip[1] + 5), fill=ui.BLUE)
    pen.text((x + radius + 14, y), f"{azimuth:.0f}°", font=ui.font(18), fill=INK, anchor="lm")
    return image
