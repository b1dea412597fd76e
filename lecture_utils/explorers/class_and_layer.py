"""Any class, any layer: an image, the raw map of Grad-CAM or HiResCAM, and what becomes of it when it is drawn."""

from functools import lru_cache

import numpy as np
import torch
from matplotlib import colormaps

from .. import plots
from ..attribution import layer_gradient, upsample
from ..hooks import activations, copy_to, frozen
from .base import Choice, OfImages, Slider, probabilities
from .board import Board, Film, mapped

PANEL, GAP, HEAD, BAR = 380, 14, 62, 92  # px: each of the three images, space, titles, colour bar
WIDTH, HEIGHT = 3 * PANEL + 2 * GAP + BAR, HEAD + PANEL
METHODS = ("Grad-CAM", "HiResCAM")
SEES_TWO = 0.05  # a net sees a second class when it gives it at least this probability


class ClassAndLayer(OfImages):
    """Grad-CAM for any class at any layer that gives a map.

    net: any nn.Module. images: float (n, 3, h, w) in [0, 1], n >= 2. classes: names of its scores. layers: {short name:
    module name}, as `lab.layers`; those that give no map are left out. names: what each image shows, or None.
    Left the image, in the middle the raw map as it is (red for the class, blue against it, its own scale), right what
    is above zero, enlarged, dark to bright.
    The stops take the first image in which the net sees a second class, and its three most probable classes.
    Errors: ValueError for images, classes or names, and for a net without any such layer.
    """

    title = "Any class, any layer"
    caption = (
        "The raw map with its range: red speaks for the class, blue against it. Then what is above zero, stretched to "
        "full brightness. Look at the raw map first."
    )
    format = "jpeg"

    def __init__(self, net, images, classes, layers, names=None):
        super().__init__(net, images, names, 2)
        self.classes = tuple(classes)
        self.layers = _with_maps(net, images[:1], layers)
        self.probabilities = probabilities(net, self.images, 32)
        if self.probabilities.shape[1] != len(self.classes):
            expected = f"{self.probabilities.shape[1]}, one for each score"
            raise ValueError(f"classes: expected {expected}, got {len(self.classes)}")
        self.evidence = lru_cache(maxsize=256)(self._evidence)
        self.controls = {
            "picture": Slider(0, len(images) - 1, 1, "picture"),
            "asked": Choice(self.classes, "class"),
            "layer": Choice(tuple(self.layers), "layer"),
            "method": Choice(METHODS, "method"),
        }
        self.stops = self._stops(list(self.layers))

    def _stops(self, short):
        two = (self.probabilities.topk(2, dim=1).values[:, 1] >= SEES_TWO).nonzero()[:, 0].tolist()
        first = (two or [0])[0]
        order = self.probabilities[first].topk(min(3, len(self.classes))).indices.tolist()
        best, *others = (self.classes[c] for c in order)
        start = {"picture": first, "asked": best, "layer": short[-1], "method": METHODS[0]}
        stops = {f"asked for {best}": start} | {f"asked for {name}": {"asked": name} for name in others}
        if len(short) > 1:
            below = {"layer": short[-2]}
            stops[f"{best}, one layer down"] = below
            stops[f"{best}, one layer down, HiResCAM"] = below | {"method": METHODS[1]}
        if len(short) > 2:
            stops[f"{best}, first layer"] = {"layer": short[0]}
        return stops

    def _evidence(self, picture, asked, layer):
        """Signed raw maps {method: (rows, cols)}."""
        target = self.classes.index(asked)
        maps, gradient = layer_gradient(self.net, self.images[[picture]], target, self.layers[layer])
        averaged = gradient.mean((2, 3), keepdim=True)
        return {METHODS[0]: (averaged * maps).sum(1)[0], METHODS[1]: (gradient * maps).sum(1)[0]}

    def look(self, picture, asked, layer, method):
        """The signed raw map (rows, cols), and what is drawn of it, (h, w) >= 0: numpy arrays."""
        raw = self.evidence(picture, asked, layer)[method]
        return raw.numpy(), upsample(raw.relu()[None], self.images.shape[-2:])[0].numpy()

    def sentence(self, picture, asked, layer, method):
        raw, _ = self.look(picture, asked, layer, method)
        sure = float(self.probabilities[picture, self.classes.index(asked)])
        above = f"{(raw > 0).mean():.0%} of the cells speak for it"
        if raw.max() <= 0:
            above = "nothing speaks for it, so the map on the right is blank"
        return (
            f"{method} at {layer} asked for {asked} in {self.named(picture)}, to which the net gives {sure:.0%}: "
            f"{raw.shape[0]} x {raw.shape[1]} cells from {raw.min():+.2g} to {raw.max():+.2g}; {above}."
        )

    def named(self, picture):
        return f"picture {picture}" + ("" if self.names is None else f" ({self.names[picture]})")

    def board(self, picture, asked, layer, method):
        raw, heat = self.look(picture, asked, layer, method)
        image, limit = self.images[picture].numpy(), _limit(raw)
        height, width = (round(side * PANEL / max(image.shape[1:])) for side in image.shape[1:])
        sure = float(self.probabilities[picture, self.classes.index(asked)])
        drawn = f"above zero, up to {raw.max():.2g}" if raw.max() > 0 else "blank: nothing is above zero"
        shape = "{} x {}".format(*raw.shape)
        columns = [
            (image, self.named(picture), f"the net gives {asked} {sure:.0%}"),
            (
                mapped(raw, "coolwarm", -limit, limit),
                f"{method}, {layer}: {shape}",
                f"raw map, {_range(raw)}",
            ),
            (_over(image, heat), f"for “{asked}”", drawn),
        ]
        board = Board(WIDTH, HEIGHT)
        for n, (tile, head, below) in enumerate(columns):
            left = n * (PANEL + GAP)
            board.tile(tile, left, HEAD, width, height, smooth=n != 1)
            board.write(left, 2, head, bold=True, width=PANEL)
            board.write(left, 31, below, width=PANEL)
        board.ramp(
            WIDTH - BAR + GAP, HEAD, 16, PANEL, "coolwarm", {0: "for", 0.5: "0", 1: "against"}, 14, gap=5
        )
        return board

    def filmstrip(self):
        """The image of the stops, and for each of them the raw map above what is drawn of it."""
        gap, head, count = 0.12, 1.05, len(self.stops)
        tile = (plots.WIDTH - gap * count) / (count + 1)
        first = self.places()[0][2]["picture"]
        image = self.images[first].numpy()
        high = tile * image.shape[1] / image.shape[2]
        film = Film(self, plots.WIDTH, head + 2 * high + gap)
        film.tile(image, 0, head, tile, _lines(self.named(first)), high)
        for k, title, values in self.places():
            raw, heat = self.look(**values)
            limit, x = _limit(raw), (k + 1) * (tile + gap)
            words = f"{_lines(title)}\n{_range(raw).replace(' to ', chr(10) + 'to ')}"
            way = {"cmap": "coolwarm", "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
            film.tile(raw, x, head, tile, words, high, plots.SMALL - 1, **way)
            film.tile(_over(image, heat), x, head + high + gap, tile, high=high)
        return film.picture()


def _limit(raw):
    return max(float(np.abs(raw).max()), 1e-30)


def _lines(text):
    """A title broken into lines: before a bracket, after a comma, before the class and before "and"."""
    for old, new in ((" (", "\n("), (", ", ",\n"), ("asked for ", "asked for\n"), (" and ", "\nand ")):
        text = text.replace(old, new)
    return text


def _range(raw):
    return f"{raw.min():.2g} to {raw.max():.2g}".replace("-", "\N{MINUS SIGN}")


def _with_maps(net, image, layers):
    """Those of the layers whose output is a map (n, c, rows, cols) with positions."""
    with frozen(net) as net, torch.no_grad(), activations(net, list(layers.values())) as found:
        net(copy_to(net, image))
        maps = {short: m for short, m in layers.items() if found[m].ndim == 4 and found[m][0, 0].numel() > 1}
    if not maps:
        raise ValueError(f"layers: expected at least one that gives a map, got {', '.join(layers) or 'none'}")
    return maps


def _over(image, heat):
    """Heat (h, w) >= 0, stretched to [0, 1], on the grey image (3, h, w), as colours (3, h, w)."""
    share = heat / max(float(heat.max()), 1e-30)
    grey = 0.25 + 0.75 * np.tensordot(plots.LUMINANCE, image, 1)
    alpha = 0.3 + 0.6 * share if heat.max() > 0 else np.zeros_like(heat)
    colour = colormaps["magma"](share)[..., :3].transpose(2, 0, 1)
    return (alpha * colour + (1 - alpha) * grey).clip(0, 1)
