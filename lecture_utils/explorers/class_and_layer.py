"""Any class, any layer: an image, the raw map of Grad-CAM or HiResCAM, and what becomes of it when it is drawn."""

from functools import lru_cache

import numpy as np
import torch

from ..attribution import layer_gradient, upsample
from ..hooks import activations, copy_to, frozen
from ..plots.pixels import heat_colours
from . import board as ui
from .base import Choice, OfImages, Slider, probabilities

PANEL, SMALL = 380, 188  # px of the three images, and of those of the filmstrip
METHODS = ("Grad-CAM", "HiResCAM")
SEES_TWO = 0.05  # a net sees a second class when it gives it at least this probability


class ClassAndLayer(OfImages):
    """Grad-CAM for any class at any layer that gives a map.

    net: any nn.Module. images: float (n, 3, h, h) in [0, 1], n >= 2. classes: names of its scores. layers: {short name:
    module name}, as `lab.layers`; those that give no map are left out. names: what each image shows, or None.
    The stops take the first image in which the net sees a second class, and its three most probable classes.
    Errors: ValueError for images, classes or names, and for a net without any such layer.
    """

    title = "Any class, any layer"
    caption = (
        "The raw map with its range: red speaks for the class, blue against it. Then what is above zero, stretched to "
        "full brightness. Look at the raw map first."
    )
    format, across, filmed = "jpeg", 4, (0, 1, 2, 5)  # three classes, the first layer

    def __init__(self, net, images, classes, layers, names=None):
        super().__init__(net, images, names, 2)
        self.classes, self.layers = tuple(classes), _with_maps(net, images[:1], layers)
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
        image, target = self.images[[picture]], self.classes.index(asked)
        maps, gradient = layer_gradient(self.net, image, target, self.layers[layer])
        averaged = gradient.mean((2, 3), keepdim=True)
        return {METHODS[0]: (averaged * maps).sum(1)[0], METHODS[1]: (gradient * maps).sum(1)[0]}

    def look(self, picture, asked, layer, method):
        """The signed raw map (rows, cols), and what is drawn of it, (h, h) >= 0: numpy arrays."""
        raw = self.evidence(picture, asked, layer)[method]
        return raw.numpy(), upsample(raw.relu()[None], self.images.shape[-2:])[0].numpy()

    def sentence(self, picture, asked, layer, method):
        raw, _ = self.look(picture, asked, layer, method)
        above = f"{(raw > 0).mean():.0%} of the cells speak for it"
        if raw.max() <= 0:
            above = "nothing speaks for it, so the map on the right is blank"
        return (
            f"{method} at {layer} asked for {asked} in {self.named(picture)}, to which the net gives "
            f"{self._sure(picture, asked)}: "
            f"{raw.shape[0]} x {raw.shape[1]} cells from {raw.min():+.2g} to {raw.max():+.2g}; {above}."
        )

    def _sure(self, picture, asked):
        return f"{float(self.probabilities[picture, self.classes.index(asked)]):.0%}"

    def named(self, picture):
        return f"picture {picture}" + ("" if self.names is None else f" ({self.names[picture]})")

    def tiles(self, side, picture, **values):
        """The image, the raw map, and what is above zero over the grey image."""
        raw, heat = self.look(picture, **values)
        image, limit = self.images[picture].numpy(), max(float(np.abs(raw).max()), 1e-30)
        over = heat_colours(image.transpose(1, 2, 0), heat, signed=False).transpose(2, 0, 1)
        cells = ui.mapped(raw, "coolwarm", -limit, limit)
        return ui.Tile(image, side), ui.Tile(cells, side, smooth=False), ui.Tile(over, side)

    def board(self, picture, asked, layer, method):
        raw, _ = self.look(picture, asked, layer, method)
        drawn = f"above zero, up to {raw.max():.2g}" if raw.max() > 0 else "blank: nothing is above zero"
        image, cells, heat = self.tiles(PANEL, picture, asked=asked, layer=layer, method=method)
        ramp = ui.Ramp("coolwarm", PANEL, {0: "for", 0.5: "0", 1: "against"}, size=14, room=54)
        return ui.row(
            ui.titled(image, self.named(picture), f"the net gives {asked} {self._sure(picture, asked)}"),
            ui.titled(cells, "{}, {}: {} x {}".format(method, layer, *raw.shape), f"raw map, {_range(raw)}"),
            ui.titled(heat, f"for “{asked}”", drawn),
            ui.titled(ramp, "", ""),
        )

    def still(self, title, **values):
        _, cells, heat = self.tiles(SMALL, **values)
        return ui.column(ui.captioned(cells, f"{title}\n{_range(self.look(**values)[0])}"), heat, gap=12)

    def film(self):
        first = self.places()[0][2]
        name = self.named(first["picture"]).replace(" (", "\n(")
        image = ui.captioned(self.tiles(SMALL, **first)[0], name)
        return ui.row(ui.column(image, ui.Block(0, SMALL), gap=12), super().film(), align=1.0)


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
