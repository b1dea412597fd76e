"""A plane of images: every point of a two-dimensional latent space is one, and every image has its place there."""

from functools import lru_cache
from math import ceil

import numpy as np
import torch
from PIL import Image

from .. import plots
from ..hooks import frozen
from .base import Choice, Explorer, Slider, distinct
from .board import BLUE, LINE, ORANGE, Board, Film, pixels_of

BIG, SMALL, MAP, GAP, HEAD, FOOT = 300, 92, 456, 12, 38, 30  # px
SECOND, THIRD = BIG + 44, BIG + 44 + MAP + 24  # where the maps begin
WIDTH, HEIGHT = THIRD + MAP, HEAD + MAP + FOOT
TILES = 12  # decoded images along a side of the map
# Of the classes: ten that colour-blind readers tell apart on white, and each has its numeral as well.
INKS = (
    *("#000000", "#0072B2", "#AA4499", "#117733", "#D55E00"),
    *("#332288", "#999933", "#882255", "#44AA99", "#CC6677"),
)
MEAN, DRAWN = "the mean of each pixel", "a draw of each pixel"


class LatentPlane(Explorer):
    """A point of the latent plane, the image that the decoder makes of it, and the test images encoded around it.

    model: a `generative.VAE` with two latent axes. x: test images as it takes them, levels or images (n, c, h, w);
    labels (n,); names: of the classes. The image is the mean of each pixel, or a draw from what the decoder says of
    it.
    Left the image, below it the three test images whose codes are nearest. In the middle the decoded plane, right
    the codes of the test images (the encoder's means), a numeral and a colour for each class; a circle is one
    standard deviation of the prior.
    Errors: ValueError for a model without exactly two axes.
    """

    title = "Every point of the plane is a picture"
    caption = (
        "Of each point the decoded picture, and below it the test picture whose code lies nearest. Look at the way "
        "from one class into another, and at a place where no test picture was encoded."
    )

    def __init__(self, model, x, labels, names=None):
        self.model, self.labels = model, labels.tolist()
        self.images = x.float() if x.is_floating_point() else x / (model.levels - 1)
        self.names = [str(n) for n in (names if names is not None else range(max(self.labels) + 1))]
        with frozen(model) as model, torch.no_grad():
            self.codes = model.encode(x)[0].float()
        _check(self.codes, self.labels, self.names)
        self.reach = max(2.5, ceil(2 * float(self.codes.abs().quantile(0.99))) / 2)  # in steps of a half
        side = (-self.reach, self.reach, 0.125)
        self.controls = {
            "across": Slider(*side, "first axis"),
            "up": Slider(*side, "second axis"),
            "shown": Choice((MEAN, DRAWN), "shown"),
        }
        self.look = lru_cache(maxsize=64)(self._look)
        self.paper = lru_cache(maxsize=1)(self._paper)
        self.stops = self._stops()

    def _stops(self):
        """The mean; the medians of five classes, spread over the plane by rule; between two; where nobody is."""
        labels = torch.tensor(self.labels)
        middles = {n: self.codes[labels == n].median(0).values for n in sorted(set(self.labels))}
        far = _spread(middles, 5)
        stops = {"the middle": torch.zeros(2)}
        stops |= {f"among the {self.names[n]}s": middles[n] for n in far}
        if len(far) > 1:
            between = f"between {self.names[far[0]]} and {self.names[far[1]]}"
            stops[between] = (middles[far[0]] + middles[far[1]]) / 2
        stops["where nobody is"] = self._empty()
        places = {title: [self._step(value) for value in z.tolist()] for title, z in stops.items()}
        return distinct({title: {"across": x, "up": y, "shown": MEAN} for title, (x, y) in places.items()})

    def _empty(self):
        """The place within two standard deviations of the prior that is farthest from every code."""
        ticks = torch.linspace(-2, 2, 33)
        places = torch.cartesian_prod(ticks, ticks)
        places = places[places.norm(dim=1) <= 2]
        return places[torch.cdist(places, self.codes).min(1).values.argmax()]

    def _step(self, value):
        """The slider's value nearest to another one."""
        return float(min(max(round(8 * value) / 8, -self.reach), self.reach))

    def _look(self, across, up, shown):
        """The image, (c, h, w) in [0, 1], and the indices and distances of the three nearest codes."""
        z = torch.tensor([[across, up]], dtype=self.model.dtype)
        with frozen(self.model) as model, torch.no_grad():
            if shown == DRAWN:
                image = model.likelihood.sample(model.decode(z), torch.Generator().manual_seed(0))
                image = image if image.is_floating_point() else image / (model.levels - 1)
            else:
                image = model.mean_image(z)
        far = (self.codes - z.float()).norm(dim=1)
        near = far.argsort(stable=True)[:3]
        return image[0].float().clamp(0, 1), near.tolist(), far[near].tolist()

    def sentence(self, across, up, shown):
        _, near, far = self.look(across, up, shown)
        words = ", ".join(self.names[self.labels[n]] for n in near)
        away = (across**2 + up**2) ** 0.5
        return (
            f"The decoder at ({across:.2f}, {up:.2f}), {away:.1f} from the middle, {shown}: "
            f"the three nearest test pictures are {words}, the nearest {far[0]:.2f} away."
        )

    def board(self, across, up, shown):
        image, near, far = self.look(across, up, shown)
        board, top = Board(0, 0, self.paper()), HEAD + BIG + 12
        board.write(0, 6, f"z = ({across:.2f}, {up:.2f})", bold=True)
        board.tile(image, 0, HEAD, BIG, smooth=False)
        board.write(0, top, f"nearest test pictures (at {far[0]:.2f}):", 17)
        board.tiles(self.images[near], 0, top + 28, SMALL, GAP, 3)
        for k, n in enumerate(near):
            name, middle = self.names[self.labels[n]], k * (SMALL + GAP) + SMALL / 2
            board.write(middle, top + 32 + SMALL, name, 17, anchor="ma", width=SMALL)
        for start in (SECOND, THIRD):
            x, y = self.place(start, across, up)
            for colour, wide in (("white", 6), (ORANGE, 3)):
                inner, outer = 5, 16 + wide // 3  # px from the middle, which stays free
                for low, high in ((-outer, -inner), (inner, outer)):
                    board.draw.line((x + low, y, x + high, y), fill=colour, width=wide)
                    board.draw.line((x, y + low, x, y + high), fill=colour, width=wide)
        return board

    def place(self, start, across, up):
        """Where a point of the plane stands on the map that begins at `start`, px."""
        share = 0.5 + 0.5 * across / self.reach, 0.5 - 0.5 * up / self.reach
        return start + share[0] * (MAP - 1), HEAD + share[1] * (MAP - 1)

    def _paper(self):
        """What stands still: both maps."""
        board = Board(WIDTH, HEIGHT)
        board.write(SECOND, 6, "the decoded plane", bold=True)
        board.write(THIRD, 6, "the encoded test pictures", bold=True)
        plane = Image.fromarray(self.plane()).resize((MAP, MAP), Image.Resampling.BOX)
        board.tile(plane, SECOND, HEAD, MAP)
        board.draw.rectangle((THIRD, HEAD, THIRD + MAP - 1, HEAD + MAP - 1), outline=LINE)
        for radius in (1, 2):
            ends = *self.place(THIRD, -radius, radius), *self.place(THIRD, radius, -radius)
            board.draw.ellipse(ends, outline=LINE, width=2)
        for (across, up), label in zip(self.codes.tolist(), self.labels, strict=True):
            if max(abs(across), abs(up)) < 0.98 * self.reach:
                name, ink = self.names[label][:1], INKS[label % len(INKS)]
                board.write(*self.place(THIRD, across, up), name, 14, ink, bold=True, anchor="mm")
        for start in (SECOND, THIRD):
            for value in range(-int(self.reach), int(self.reach) + 1):
                x, y = self.place(start, value, value)
                board.write(x, HEAD + MAP + 6, f"{value}", 16, plots.MUTED, anchor="ma")
                board.write(start - 4, y, f"{value}", 16, plots.MUTED, anchor="rm")
        return board

    def plane(self):
        """The decoded plane, uint8 (side, side, 3): TILES x TILES images, each of the point in its middle."""
        middles = self.reach * ((2 * torch.arange(TILES) + 1) / TILES - 1)
        z = torch.stack(torch.meshgrid(middles, -middles, indexing="xy"), -1).reshape(-1, 2)
        with frozen(self.model) as model, torch.no_grad():
            images = model.mean_image(z.to(model.dtype)).float().cpu()
        tiles = np.stack([pixels_of(image) for image in images]).repeat(4, 1).repeat(4, 2)
        edge = (0, 0), (1, 1), (1, 1), (0, 0)
        tiles = np.pad(tiles, edge, constant_values=115)  # a grey line between them
        h, w = tiles.shape[1:3]
        return tiles.reshape(TILES, TILES, h, w, 3).swapaxes(1, 2).reshape(TILES * h, TILES * w, 3)

    def filmstrip(self):
        """The decoded plane with the stops on it, and the decoded image of each with the nearest test image."""
        side, tile, gap, above = 4.1, 1.02, 0.36, 0.6
        columns, block = -(-len(self.stops) // 2), 2 * tile + above + 0.06
        film = Film(self, plots.WIDTH, 2 * block)
        plane = film.axes(0.25, 0.3, side, side, bare=False)
        plane.imshow(self.plane(), extent=2 * (-self.reach, self.reach), aspect="auto")
        plane.set_title("the decoded plane", fontsize=plots.SMALL, color=plots.INK, pad=4)
        way = {"fontsize": plots.TEXT, "weight": "bold", "color": "white", "ha": "center", "va": "center"}
        way |= {"bbox": {"boxstyle": "circle,pad=0.2", "color": BLUE}, "clip_on": True}
        for k, title, values in self.places():
            image, near, _ = self.look(**values)
            plane.text(values["across"], values["up"], str(k + 1), **way)
            x, y = side + 0.66 + k % columns * (tile + gap), above + k // columns * block
            film.tile(image, x, y, tile, f"{k + 1}\n{title}", interpolation="nearest")
            film.tile(self.images[near[0]], x, y + tile + 0.04, tile, interpolation="nearest")
        return film.picture()


def _spread(middles, count):
    """Classes whose medians {class: (2,)} lie far apart: the farthest out, then each farthest from those chosen."""
    chosen = [max(middles, key=lambda n: float(middles[n].norm()))]
    while len(chosen) < min(count, len(middles)):
        nearest = {n: min(float((middles[n] - middles[m]).norm()) for m in chosen) for n in middles}
        chosen.append(max(nearest, key=nearest.get))
    return chosen


def _check(codes, labels, names):
    if codes.ndim != 2 or codes.shape[1] != 2:
        raise ValueError(f"model: expected two latent axes, got codes of shape {tuple(codes.shape)}")
    if len(codes) != len(labels) or len(codes) < 3:
        raise ValueError(
            f"x, labels: expected as many of each, at least 3, got {len(codes)} and {len(labels)}"
        )
    if max(labels) >= len(names):
        raise ValueError(f"names: expected one for each class 0 to {max(labels)}, got {len(names)}")
