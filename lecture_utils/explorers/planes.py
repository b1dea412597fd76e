"""Two planes of points: t-SNE under sliders, on features and on noise; a VAE's latent plane, every point an image."""

from functools import lru_cache
from math import ceil

import numpy as np
import torch
from PIL import Image, ImageDraw

from ..features import neighbours, sne
from ..hooks import frozen
from ..plots import COLOURS, INK, MUTED
from . import board as ui
from .base import Choice, Explorer, Slider, distinct

SIDE, NEAR, DOT = 560, 10, 5  # px; neighbours that are counted; px of a point's radius
# px: the decoded image, the nearest ones, a map, the numbers beside it; decoded images along a side of the map
IMAGE, SMALL, MAP, EDGE, TILES = 300, 92, 456, 24, 12
# Of the classes: ten that colour-blind readers tell apart on white, and each has its numeral as well.
INKS = (
    *("#000000", "#0072B2", "#AA4499", "#117733", "#D55E00"),
    *("#332288", "#999933", "#882255", "#44AA99", "#CC6677"),
)
MEAN, DRAWN = "the mean of each pixel", "a draw of each pixel"


class TSNEExplorer(Explorer):
    """An exact t-SNE, computed anew at every move, of a net's features or of noise without any structure.

    points: floating (n, ...). labels: integers, at least n; names: of the classes. The noise has as many points and
    dimensions, every one an independent Gaussian number. Differs: a few hundred points and steps instead of thousands,
    so that a move takes under 100 ms; at 400 steps the divergence is about scikit-learn's after 1,000 (tested).
    """

    title = "t-SNE: what the data say, and what the settings say"
    caption = (
        "Colour and shape: the class. Noise (black) has no groups: the settings made every clump that you see there. "
        "Gaps between groups and their sizes are no measurements."
    )

    def __init__(self, points, labels, names, layer="features"):
        self.labels, self.names = labels[: len(points)].tolist(), list(names)
        points = points.flatten(1).float()
        noise = torch.randn(points.shape, generator=torch.Generator().manual_seed(0))
        self.clouds = {layer: points, "noise": noise}
        self.true = {name: neighbours(cloud, NEAR) for name, cloud in self.clouds.items()}
        high = min(60, len(points) // 2)
        self.controls = {
            "points": Choice((layer, "noise"), "points"),
            "perplexity": Slider(2, high, 1, "perplexity (neighbours)"),
            "seed": Slider(0, 50, 1, "seed of the random start"),
            "steps": Slider(0, 410, 10, "steps of descent"),
        }
        usual = min(30, high)
        first = {"points": layer, "perplexity": usual, "seed": 0, "steps": 400}
        self.stops = {
            f"{layer}, perplexity {usual}": first,
            "another seed": {"seed": 1},
            "perplexity 3": {"perplexity": 3},
            "stopped early": {"steps": 40},
            "noise, perplexity 3": {"points": "noise", "perplexity": 3},
            f"noise, perplexity {usual}": {"points": "noise"},
        }
        self.pairs = lru_cache(maxsize=128)(lambda name, perplexity: sne.joint(self.clouds[name], perplexity))
        self.look = lru_cache(maxsize=16)(self._look)  # the picture and its sentence ask for the same

    def _look(self, points, perplexity, seed, steps):
        """Positions, numpy (n, 2), the divergence in nats, and the share of true neighbours kept."""
        found = sne.descend(self.pairs(points, perplexity), steps, seed)
        near = neighbours(found.positions, NEAR)
        kept = (self.true[points][:, :, None] == near[:, None]).any(2).double().mean()
        return found.positions.numpy(), found.divergence, float(kept)

    def sentence(self, points, perplexity, seed, steps):
        _, divergence, kept = self.look(points, perplexity, seed, steps)
        chance = NEAR / (len(self.labels) - 1)
        return (
            f"t-SNE of {points}, perplexity {perplexity:g}, seed {seed}, after {steps} steps: "
            f"divergence {divergence:.2f} nats, {kept:.0%} of the {NEAR} nearest neighbours kept "
            f"({chance:.0%} by chance)."
        )

    def board(self, points, perplexity, seed, steps):
        positions, divergence, kept = self.look(points, perplexity, seed, steps)
        low, high = positions.min(0), positions.max(0)
        scale = (SIDE - 60) / max((high - low).max(), 1e-12)
        at = SIDE / 2 + (positions - (low + high) / 2) * scale * (1, -1)  # px
        image = self._dots(at * ui.FINE, points == "noise")
        pen, labels = ImageDraw.Draw(image), np.array(self.labels)
        for label in np.unique(labels) if points != "noise" else ():  # its name at a class's median point
            place, white = np.median(at[labels == label], 0), {"stroke_width": 3, "stroke_fill": "white"}
            pen.text(tuple(place), self.names[label], INK, ui.font(23), anchor="mm", **white)
        pen.rectangle((0, 0, SIDE - 1, SIDE - 1), outline=ui.LINE)
        words = f"divergence {divergence:.2f} nats\nneighbours kept {kept:.0%}"
        return ui.column(ui.Tile(image), ui.Text(words, 28), gap=2)

    def _dots(self, at, plain):
        """All points, black if `plain`, else a colour and a shape for each class: Pillow image."""
        canvas, r = Image.new("RGB", (SIDE * ui.FINE, SIDE * ui.FINE), "white"), DOT * ui.FINE
        pen = ImageDraw.Draw(canvas)
        for (x, y), label in zip(at.tolist(), self.labels, strict=True):
            colour = COLOURS[0] if plain else COLOURS[label % len(COLOURS)]
            if plain or label < len(COLOURS):
                pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)
            else:
                pen.polygon([(x, y - 1.3 * r), (x + 1.2 * r, y + r), (x - 1.2 * r, y + r)], fill=colour)
        return canvas.resize((SIDE, SIDE), Image.Resampling.BOX)


class LatentPlane(Explorer):
    """A point of the latent plane, the image that the decoder makes of it, and the test images encoded around it.

    model: a `generative.VAE` with two latent axes. x: test images as it takes them, levels or images (n, c, h, w);
    labels (n,); names: of the classes. The image is the mean of each pixel, or a draw from what the decoder says of
    it. The codes are the encoder's means; a circle is one standard deviation of the prior.
    Errors: ValueError for a model without exactly two axes.
    """

    title = "Every z becomes an image, also where no test image was encoded"
    caption = (
        "Left: the encoded test images; circles: one and two standard deviations of the prior. "
        "Right: each numbered z decoded; below it the test image encoded nearest."
    )
    hint = "Walk in the plane: drag the cross, or use the arrow keys."
    arrows = {"across": (1, 0), "up": (0, -1)}

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
        self.maps = lru_cache(maxsize=1)(self._maps)
        self.stops = self._stops()

    def _stops(self):
        """The prior's mean; the medians of five classes, spread by rule; between two; the largest hole within 2 σ."""
        labels = torch.tensor(self.labels)
        middles = {n: self.codes[labels == n].median(0).values for n in sorted(set(self.labels))}
        far = [max(middles, key=lambda n: float(middles[n].norm()))]  # farthest out, then from those chosen
        while len(far) < min(5, len(middles)):
            nearest = {n: min(float((middles[n] - middles[m]).norm()) for m in far) for n in middles}
            far.append(max(nearest, key=nearest.get))
        stops = {"the prior's mean": torch.zeros(2)}
        stops |= {f"among the {self.names[n]}s": middles[n] for n in far}
        if len(far) > 1:
            between = f"between {self.names[far[0]]} and {self.names[far[1]]}"
            stops[between] = (middles[far[0]] + middles[far[1]]) / 2
        places = torch.cartesian_prod(*2 * [torch.linspace(-2, 2, 33)])
        places = places[places.norm(dim=1) <= 2]  # standard deviations of the prior
        stops["largest hole within 2 σ"] = places[torch.cdist(places, self.codes).min(1).values.argmax()]
        for title, z in stops.items():  # the nearest values of the sliders
            x, y = (((8 * z).round() / 8).clamp(-self.reach, self.reach) + 0.0).tolist()  # no -0.0
            stops[title] = {"across": x, "up": y, "shown": MEAN}
        return distinct(stops)

    def _look(self, across, up, shown):
        """The image, (c, h, w) in [0, 1], and the indices and distances of the three nearest codes."""
        z = torch.tensor([[across, up]], dtype=self.model.dtype)
        with frozen(self.model) as model, torch.no_grad():
            if shown == MEAN:
                image = model.mean_image(z)
            else:
                image = model.likelihood.sample(model.decode(z), torch.Generator().manual_seed(0))
        image = image if image.is_floating_point() else image / (self.model.levels - 1)
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
        tiles = [ui.Tile(self.images[n], SMALL, smooth=False) for n in near]
        names = [ui.Text(self.names[self.labels[n]], 17, wide=SMALL, align=0.5) for n in near]
        near = ui.grid([*tiles, *names], 3, gap=12, below=4)
        near = ui.titled(near, f"nearest test pictures (at {far[0]:.2f}):", size=17, bold=False)
        image = ui.titled(ui.Tile(image, IMAGE, smooth=False), f"z = ({across:.2f}, {up:.2f})", gap=12)
        maps, (x, y) = [ui.column(image, near, gap=12)], self.place(across, up)
        for sheet, head in zip(self.maps(), ("the decoded plane", "the encoded test pictures"), strict=True):
            sheet = ui.crossed(sheet.copy(), x + EDGE, y, ui.ORANGE, 16, 5)  # 5: a free middle
            maps.append(ui.titled(ui.held(ui.Tile(sheet), self.grip), f"   {head}", gap=12))
        return ui.row(*maps, gap=10)

    def grip(self, x, y, *moved):
        """The point of the plane at a place of a map with its axes: the inverse of `place`."""
        unit = (MAP - 1) / 2 / self.reach
        return {"across": (x - EDGE) / unit - self.reach, "up": self.reach - y / unit}

    def place(self, across, up):
        """Where a point of the plane stands on a map, px."""
        share = 0.5 + 0.5 * across / self.reach, 0.5 - 0.5 * up / self.reach
        return share[0] * (MAP - 1), share[1] * (MAP - 1)

    def _maps(self):
        """What stands still, with the numbers of the axes: the decoded plane, and the codes; Pillow images."""
        maps = [self.plane().resize((MAP, MAP), Image.Resampling.BOX), self._encoded()]
        for n, image in enumerate(maps):
            maps[n] = sheet = Image.new("RGB", (EDGE + MAP, MAP + 28), "white")
            sheet.paste(image, (EDGE, 0))
            pen = ImageDraw.Draw(sheet)
            for value in range(-int(self.reach), int(self.reach) + 1):
                x, y = self.place(value, value)
                pen.text((EDGE + x, MAP + 6), f"{value}", MUTED, ui.font(16), "ma")
                pen.text((EDGE - 4, y), f"{value}", MUTED, ui.font(16), "rm")
        return maps

    def plane(self):
        """The decoded plane, a Pillow image of TILES x TILES images, each of the point in its middle."""
        middles = self.reach * ((2 * torch.arange(TILES) + 1) / TILES - 1)
        z = torch.stack(torch.meshgrid(middles, -middles, indexing="xy"), -1).reshape(-1, 2)
        with frozen(self.model) as model, torch.no_grad():
            images = model.mean_image(z.to(model.dtype)).float().cpu()
        side, edge = 4 * images.shape[-1], {"frame": "#737373", "thick": 1}
        return ui.grid((ui.Tile(image, side, smooth=False, **edge) for image in images), TILES, gap=1).image()

    def _encoded(self):
        """The codes of the test images, a Pillow image of MAP px."""
        image = Image.new("RGB", (MAP, MAP), "white")
        pen = ImageDraw.Draw(image)
        pen.rectangle((0, 0, MAP - 1, MAP - 1), outline=ui.LINE)
        for radius in (1, 2):
            corners = *self.place(-radius, radius), *self.place(radius, -radius)
            pen.ellipse(corners, outline=ui.LINE, width=2)
        for (across, up), label in zip(self.codes.tolist(), self.labels, strict=True):
            if max(abs(across), abs(up)) < 0.98 * self.reach:
                ink = INKS[label % len(INKS)]
                pen.text(self.place(across, up), self.names[label][:1], ink, ui.font(14, True), "mm")
        return image

    def still(self, title, **values):
        image, near, _ = self.look(**values)
        image = ui.captioned(ui.Tile(image, SMALL, smooth=False), title)
        return ui.column(image, ui.Tile(self.images[near[0]], SMALL, smooth=False), gap=4)

    def film(self):
        plane, stills = self.maps()[1].copy(), []
        pen = ImageDraw.Draw(plane)
        for n, title, values in self.places():
            x, y = self.place(values["across"], values["up"])
            pen.ellipse((x + EDGE - 14, y - 14, x + EDGE + 14, y + 14), fill=ui.BLUE)
            pen.text((x + EDGE, y), f"{n + 1}", "white", ui.font(18, True), "mm")
            stills.append(self.still(f"{n + 1}\n{title}", **values))
        plane = ui.titled(ui.Tile(plane), "the encoded test images", size=ui.FILM)
        return ui.row(plane, ui.grid(stills, 4, gap=20, below=12, align=1.0), gap=24)


def _check(codes, labels, names):
    if codes.ndim != 2 or codes.shape[1] != 2:
        raise ValueError(f"model: expected two latent axes, got codes of shape {tuple(codes.shape)}")
    if not 3 <= len(codes) == len(labels):
        got = f"{len(codes)} and {len(labels)}"
        raise ValueError(f"x, labels: expected as many of each, at least 3, got {got}")
    if max(labels) >= len(names):
        raise ValueError(f"names: expected one for each class 0 to {max(labels)}, got {len(names)}")
