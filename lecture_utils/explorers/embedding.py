"""t-SNE under sliders: perplexity, seed and number of steps, on real features and on noise."""

from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageDraw

from .. import features, plots
from ..features import sne
from .base import Choice, Explorer, Slider
from .board import LINE, Board, font

SIDE, FOOT, FINE, NEAR = 560, 76, 2, 10  # px; drawn FINE times as large; neighbours that are counted


class TSNEExplorer(Explorer):
    """An exact t-SNE, computed anew at every move, of a net's features or of noise without any structure.

    points: floating (n, ...), of which the first `count` are taken. labels: (n,) integers; names: of the classes.
    The noise has as many points and dimensions, every one an independent Gaussian number: it has no groups at all.
    Foot of the picture: the divergence that t-SNE makes small, and the share of true neighbours kept.
    Differs: a few hundred points and steps instead of thousands, so that a move takes well under 100 ms; at 400 steps
    the divergence is about as low as scikit-learn's after 1,000 (tested).
    """

    title = "t-SNE: what the data say, and what the settings say"
    caption = (
        "Colour and shape: the class. Noise is black: it has no groups, so every clump that you see there was made by "
        "the settings. Gaps between groups and their sizes are no measurements."
    )

    def __init__(self, points, labels, names, count=128, layer="features"):
        self.labels, self.names = labels[:count].tolist(), list(names)
        points = points[:count].flatten(1).float()
        noise = torch.randn(points.shape, generator=torch.Generator().manual_seed(0))
        self.clouds = {layer: points, "noise": noise}
        self.true = {name: features.neighbours(cloud, NEAR) for name, cloud in self.clouds.items()}
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
            "another seed": first | {"seed": 1},
            "perplexity 3": first | {"perplexity": 3},
            "stopped early": first | {"steps": 40},
            "noise, perplexity 3": first | {"points": "noise", "perplexity": 3},
            f"noise, perplexity {usual}": first | {"points": "noise"},
        }
        self.pairs = lru_cache(maxsize=128)(lambda name, perplexity: sne.joint(self.clouds[name], perplexity))
        self.look = lru_cache(maxsize=16)(self._look)  # the picture and its sentence ask for the same

    def _look(self, points, perplexity, seed, steps):
        """Positions, numpy (n, 2), the divergence in nats, and the share of true neighbours kept."""
        found = sne.descend(self.pairs(points, perplexity), steps, seed)
        near = features.neighbours(found.positions, NEAR)
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
        at = (SIDE / 2 + (positions - (low + high) / 2) * scale * (1, -1)) * FINE
        board = Board(SIDE, SIDE + FOOT)
        board.tile(self._dots(at, points == "noise"), 0, 0, SIDE)
        labels = np.array(self.labels)
        for label in np.unique(labels) if points != "noise" else ():  # its name at a class's median point
            place = tuple(np.median(at[labels == label] / FINE, 0))
            around = {"stroke_width": 3, "stroke_fill": "white"}
            board.draw.text(place, self.names[label], plots.INK, font(23), anchor="mm", **around)
        board.draw.rectangle((0, 0, SIDE - 1, SIDE - 1), outline=LINE)
        board.write(6, SIDE + 6, f"divergence {divergence:.2f} nats", 28)
        board.write(6, SIDE + 40, f"neighbours kept {kept:.0%}", 28)
        return board

    def _dots(self, at, plain):
        """All points, black if `plain`, else a colour and a shape for each class: Pillow image."""
        canvas, r, colours = Image.new("RGB", (SIDE * FINE, SIDE * FINE), "white"), 5 * FINE, plots.COLOURS
        draw = ImageDraw.Draw(canvas)
        for (x, y), label in zip(at.tolist(), self.labels, strict=True):
            colour = colours[0] if plain else colours[label % len(colours)]
            if plain or label < len(colours):
                draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
            else:
                draw.polygon([(x, y - 1.3 * r), (x + 1.2 * r, y + r), (x - 1.2 * r, y + r)], fill=colour)
        return canvas.resize((SIDE, SIDE), Image.Resampling.BOX)
