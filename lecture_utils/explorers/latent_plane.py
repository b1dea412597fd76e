"""A plane of pictures: every point of a two-dimensional latent space is one, and every picture has its place there."""

from functools import lru_cache
from math import ceil

import numpy as np
import torch
from PIL import Image, ImageDraw

from .. import plots
from .base import Choice, Explorer, Slider, distinct
from .pixels import coloured, enlarged, fitted, write

BIG, SMALL, MAP, GAP, HEAD, FOOT = 300, 92, 456, 12, 38, 30  # px
SECOND, THIRD = BIG + 44, BIG + 44 + MAP + 24  # where the maps begin
WIDTH, HEIGHT = THIRD + MAP, HEAD + MAP + FOOT
TILES = 12  # decoded pictures along a side of the map
BLUE, ORANGE = plots.COLOURS[1], plots.COLOURS[2]
# Of the classes: ten that colour-blind readers tell apart on white, and each has its numeral as well.
INKS = (
    "#000000",
    "#0072B2",
    "#AA4499",
    "#117733",
    "#D55E00",
    "#332288",
    "#999933",
    "#882255",
    "#44AA99",
    "#CC6677",
)
MEAN, DRAWN = "the mean of each pixel", "a draw of each pixel"


class LatentPlane(Explorer):
    """A point of the latent plane, the picture that the decoder makes of it, and the test pictures encoded around it.

    model: a `generative.VAE` with two latent axes. x: test pictures as it takes them, levels or images (n, c, h, w);
    labels (n,); names: of the classes. The picture is the mean of each pixel, or a draw from what the decoder says of
    it.
    Left the picture, below it the three test pictures whose codes are nearest. In the middle the decoded plane, right
    the codes of the test pictures (the encoder's means), a numeral and a colour for each class; a circle is one
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
        with torch.no_grad():
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
        """The middle; the middles of four classes, spread over the plane by rule; between two; where nobody is."""
        labels = torch.tensor(self.labels)
        middles = {n: self.codes[labels == n].median(0).values for n in sorted(set(self.labels))}
        far = _spread(middles, 5)
        stops = {"the middle": torch.zeros(2)}
        stops |= {f"among the {self.names[n]}s": middles[n] for n in far}
        if len(far) > 1:
            stops[f"between {self.names[far[0]]} and {self.names[far[1]]}"] = (
                middles[far[0]] + middles[far[1]]
            ) / 2
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

    @torch.no_grad()
    def _look(self, across, up, shown):
        """The picture, (c, h, w) in [0, 1], and the indices and distances of the three nearest codes."""
        z = torch.tensor([[across, up]], dtype=self.model.dtype)
        if shown == DRAWN:
            picture = self.model.likelihood.sample(self.model.decode(z), torch.Generator().manual_seed(0))
            picture = picture if picture.is_floating_point() else picture / (self.model.levels - 1)
        else:
            picture = self.model.mean_image(z)
        far = (self.codes - z.float()).norm(dim=1)
        near = far.argsort(stable=True)[:3]
        return picture[0].float().clamp(0, 1), near.tolist(), far[near].tolist()

    def describe(self, across, up, shown):
        self.check(across=across, up=up, shown=shown)
        _, near, far = self.look(across, up, shown)
        words = ", ".join(self.names[self.labels[n]] for n in near)
        away = (across**2 + up**2) ** 0.5
        return (
            f"The decoder at ({across:.2f}, {up:.2f}), {away:.1f} from the middle, {shown}: "
            f"the three nearest test pictures are {words}, the nearest {far[0]:.2f} away."
        )

    def render(self, across, up, shown):
        self.check(across=across, up=up, shown=shown)
        picture, near, far = self.look(across, up, shown)
        sheet = self.paper().copy()
        draw = ImageDraw.Draw(sheet)
        write(draw, 0, 6, f"z = ({across:.2f}, {up:.2f})", 20, bold=True)
        sheet.paste(enlarged(coloured(picture), (BIG, BIG), smooth=False), (0, HEAD))
        top = HEAD + BIG + 12
        write(draw, 0, top, f"nearest test pictures (at {far[0]:.2f}):", 17)
        for k, n in enumerate(near):
            left = k * (SMALL + GAP)
            sheet.paste(enlarged(coloured(self.images[n]), (SMALL, SMALL), smooth=False), (left, top + 28))
            name = fitted(self.names[self.labels[n]], SMALL, 17)
            write(draw, left + SMALL / 2, top + 32 + SMALL, name, 17, anchor="ma")
        for start in (SECOND, THIRD):
            self._cross(draw, start, across, up)
        return np.asarray(sheet)

    def _cross(self, draw, start, across, up):
        x, y = self._place(start, across, up)
        for colour, wide in (("white", 6), (ORANGE, 3)):
            more = wide // 3
            draw.line((x - 16 - more, y, x - 5, y), fill=colour, width=wide)
            draw.line((x + 5, y, x + 16 + more, y), fill=colour, width=wide)
            draw.line((x, y - 16 - more, x, y - 5), fill=colour, width=wide)
            draw.line((x, y + 5, x, y + 16 + more), fill=colour, width=wide)

    def _place(self, start, across, up):
        """Where a point of the plane stands on the map that begins at `start`, px."""
        share = 0.5 + 0.5 * across / self.reach, 0.5 - 0.5 * up / self.reach
        return start + share[0] * (MAP - 1), HEAD + share[1] * (MAP - 1)

    def _paper(self):
        """What stands still: both maps."""
        sheet = Image.new("RGB", (WIDTH, HEIGHT), "white")
        draw = ImageDraw.Draw(sheet)
        write(draw, SECOND, 6, "the decoded plane", 20, bold=True)
        write(draw, THIRD, 6, "the encoded test pictures", 20, bold=True)
        sheet.paste(Image.fromarray(self.plane()).resize((MAP, MAP), Image.Resampling.BOX), (SECOND, HEAD))
        draw.rectangle((THIRD, HEAD, THIRD + MAP - 1, HEAD + MAP - 1), outline="#bbbbbb")
        for radius in (1, 2):
            ends = [self._place(THIRD, -radius, radius), self._place(THIRD, radius, -radius)]
            draw.ellipse((*ends[0], *ends[1]), outline="#bbbbbb", width=2)
        for (across, up), label in zip(self.codes.tolist(), self.labels, strict=True):
            if max(abs(across), abs(up)) < 0.98 * self.reach:
                x, y = self._place(THIRD, across, up)
                write(draw, x, y, self.names[label][:1], 14, INKS[label % len(INKS)], bold=True, anchor="mm")
        for start in (SECOND, THIRD):
            for value in range(-int(self.reach), int(self.reach) + 1):
                x, _ = self._place(start, value, 0)
                write(draw, x, HEAD + MAP + 6, f"{value}", 16, plots.MUTED, anchor="ma")
                _, y = self._place(start, 0, value)
                write(draw, start - 4, y, f"{value}", 16, plots.MUTED, anchor="rm")
        return sheet

    @torch.no_grad()
    def plane(self):
        """The decoded plane, uint8 (side, side, 3): TILES x TILES pictures, each of the point in its middle."""
        middles = self.reach * ((2 * torch.arange(TILES) + 1) / TILES - 1)
        z = torch.stack(torch.meshgrid(middles, -middles, indexing="xy"), -1).reshape(-1, 2)
        tiles = np.stack([coloured(image) for image in self.model.mean_image(z).cpu()])
        tiles = (255 * tiles).round().astype(np.uint8).repeat(4, 2).repeat(4, 3)
        tiles = np.pad(
            tiles, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=115
        )  # a grey line between them
        h, w = tiles.shape[2:]
        return tiles.reshape(TILES, TILES, 3, h, w).transpose(0, 3, 1, 4, 2).reshape(TILES * h, TILES * w, 3)

    def filmstrip(self):
        """The decoded plane with the stops on it, and the decoded picture of each with the nearest test picture."""
        side, tile, gap, above = 4.1, 1.02, 0.36, 0.6
        columns = -(-len(self.stops) // 2)
        sheet = plots.Sheet(plots.WIDTH, 2 * (2 * tile + above + 0.06), self.title, self.caption, self.alt())
        axes = sheet.axes(0.25, 0.3, side, side, bare=False)
        axes.imshow(self.plane(), extent=2 * (-self.reach, self.reach), aspect="auto")
        axes.set_title("the decoded plane", fontsize=plots.SMALL, color=plots.INK, pad=4)
        for k, title in enumerate(self.stops):
            state = self.stop(title)
            picture, near, far = self.look(**state)
            round_ = {"boxstyle": "circle,pad=0.2", "color": BLUE}
            axes.text(
                state["across"],
                state["up"],
                str(k + 1),
                fontsize=plots.TEXT,
                weight="bold",
                color="white",
                ha="center",
                va="center",
                bbox=round_,
                clip_on=True,
            )
            left = side + 0.66 + k % columns * (tile + gap)
            top = above + k // columns * (2 * tile + above + 0.06)
            for n, (image, words) in enumerate(((picture, f"{k + 1}\n{title}"), (self.images[near[0]], ""))):
                small = sheet.axes(left, top + n * (tile + 0.04), tile, tile)
                small.imshow(coloured(image).transpose(1, 2, 0), aspect="auto", interpolation="nearest")
                small.set_title(words, fontsize=plots.SMALL, color=plots.INK, pad=4)
        return sheet.picture()


def _spread(middles, count):
    """Classes whose middles {class: (2,)} lie far apart: the farthest out, then each farthest from those chosen."""
    chosen = [max(middles, key=lambda n: float(middles[n].norm()))]
    while len(chosen) < min(count, len(middles)):
        chosen.append(
            max(middles, key=lambda n: min(float((middles[n] - middles[m]).norm()) for m in chosen))
        )
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
