"""Any class, any layer: a picture, the raw map of Grad-CAM or HiResCAM, and what becomes of it when it is drawn."""

from functools import lru_cache

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.colors import Normalize
from PIL import Image, ImageDraw

from .. import plots
from ..attribution import layer_gradient, upsample
from ..checks import check_images
from ..hooks import activations, eval_mode
from .base import Choice, Explorer, Slider
from .pixels import enlarged, fitted, font

PANEL, GAP, HEAD, BAR = 380, 14, 62, 92  # px: each of the three pictures, space, titles, colour bar
WIDTH, HEIGHT = 3 * PANEL + 2 * GAP + BAR, HEAD + PANEL
METHODS = ("Grad-CAM", "HiResCAM")
SEES_TWO = 0.05  # a net sees a second class when it gives it at least this probability


class ClassAndLayer(Explorer):
    """Grad-CAM for any class at any layer that gives a map.

    net: any nn.Module. images: float (n, 3, h, w) in [0, 1], n >= 2. classes: names of its scores. layers: {short name:
    module name}, as `lab.layers`; those that give no map are left out. names: what each picture shows, or None.
    Left the picture, in the middle the raw map as it is (red for the class, blue against it, its own scale), right what
    is above zero, enlarged, dark to bright.
    The stops take the first picture in which the net sees a second class, and its three most probable classes.
    Errors: ValueError for images, classes or names, and for a net without any such layer.
    """

    title = "Any class, any layer"
    caption = (
        "The raw map with its range: red speaks for the class, blue against it. Then what is above zero, stretched to "
        "full brightness. Look at the raw map first."
    )
    format = "jpeg"

    def __init__(self, net, images, classes, layers, names=None):
        check_images(images, net=net, range01=True)
        if len(images) < 2:
            raise ValueError(f"images: expected at least 2, to choose from, got {len(images)}")
        if names is not None and len(names) != len(images):
            raise ValueError(f"names: expected {len(images)}, one for each image, got {len(names)}")
        self.net, self.images, self.classes, self.names = net, images.cpu(), tuple(classes), names
        self.layers = _with_maps(net, images[:1], layers)
        self.probabilities = self._probabilities()
        self.evidence = lru_cache(maxsize=256)(self._evidence)
        short = list(self.layers)
        self.controls = {
            "picture": Slider(0, len(images) - 1, 1, "picture"),
            "asked": Choice(self.classes, "class"),
            "layer": Choice(tuple(short), "layer"),
            "method": Choice(METHODS, "method"),
        }
        two = (self.probabilities.topk(2, dim=1).values[:, 1] >= SEES_TWO).nonzero()[:, 0].tolist()
        first = (two or [0])[0]
        best = [
            self.classes[c]
            for c in self.probabilities[first].topk(min(3, len(self.classes))).indices.tolist()
        ]
        start = {"picture": first, "asked": best[0], "layer": short[-1], "method": METHODS[0]}
        self.stops = {f"asked for {best[0]}": start}
        self.stops |= {f"asked for {name}": {"asked": name} for name in best[1:]}
        if len(short) > 1:
            below = {"layer": short[-2]}
            self.stops[f"{best[0]}, one layer down"] = below
            self.stops[f"{best[0]}, one layer down, HiResCAM"] = below | {"method": METHODS[1]}
        if len(short) > 2:
            self.stops[f"{best[0]}, first layer"] = {"layer": short[0]}

    def _probabilities(self):
        """(n, classes)"""
        device = next(self.net.parameters(), self.images).device
        with torch.no_grad(), eval_mode(self.net):
            logits = torch.cat([self.net(batch.to(device)).cpu() for batch in self.images.split(32)])
        if logits.shape[1] != len(self.classes):
            raise ValueError(
                f"classes: expected {logits.shape[1]}, one for each score, got {len(self.classes)}"
            )
        return logits.softmax(1)

    def _evidence(self, picture, asked, layer):
        """Signed raw maps {method: (rows, cols)}."""
        target = self.classes.index(asked)
        maps, gradient = layer_gradient(self.net, self.images[[picture]], target, self.layers[layer])
        averaged = gradient.mean((2, 3), keepdim=True)
        return {METHODS[0]: (averaged * maps).sum(1)[0], METHODS[1]: (gradient * maps).sum(1)[0]}

    def look(self, picture, asked, layer, method):
        """The signed raw map (rows, cols), and what is drawn of it, (h, w) >= 0: numpy arrays."""
        self.check(picture=picture, asked=asked, layer=layer, method=method)
        raw = self.evidence(picture, asked, layer)[method]
        heat = upsample(raw.relu()[None], self.images.shape[-2:])[0]
        return raw.numpy(), heat.numpy()

    def describe(self, picture, asked, layer, method):
        raw, _ = self.look(picture, asked, layer, method)
        sure = float(self.probabilities[picture, self.classes.index(asked)])
        rows, cols = raw.shape
        above = f"{(raw > 0).mean():.0%} of the cells speak for it"
        if raw.max() <= 0:
            above = "nothing speaks for it, so the map on the right is blank"
        return (
            f"{method} at {layer} asked for {asked} in {self._name(picture)}, to which the net gives {sure:.0%}: "
            f"{rows} x {cols} cells from {raw.min():+.2g} to {raw.max():+.2g}; {above}."
        )

    def _name(self, picture):
        return f"picture {picture}" + ("" if self.names is None else f" ({self.names[picture]})")

    def render(self, picture, asked, layer, method):
        raw, heat = self.look(picture, asked, layer, method)
        image, limit = self.images[picture].numpy(), max(float(np.abs(raw).max()), 1e-30)
        height, width = (round(side * PANEL / max(image.shape[1:])) for side in image.shape[1:])
        sheet = Image.new("RGB", (WIDTH, HEIGHT), "white")
        draw, size = ImageDraw.Draw(sheet), (width, height)
        sheet.paste(enlarged(image, size), (0, HEAD))
        cells = colormaps["coolwarm"](Normalize(-limit, limit)(raw), bytes=True)[..., :3]
        cells = Image.fromarray(np.ascontiguousarray(cells)).resize(size, Image.Resampling.NEAREST)
        sheet.paste(cells, (PANEL + GAP, HEAD))
        sheet.paste(enlarged(_over(image, heat), size), (2 * (PANEL + GAP), HEAD))
        sure = float(self.probabilities[picture, self.classes.index(asked)])
        rows, cols = raw.shape
        drawn = f"above zero, up to {raw.max():.2g}" if raw.max() > 0 else "blank: nothing is above zero"
        words = [
            (self._name(picture), f"the net gives {asked} {sure:.0%}"),
            (f"{method}, {layer}: {rows} x {cols}", f"raw map, {_range(raw)}"),
            (f"for “{asked}”", drawn),
        ]
        for n, lines in enumerate(words):
            for text, y, bold in zip(lines, (2, 31), (True, False), strict=True):
                place = n * (PANEL + GAP), y
                draw.text(place, fitted(text, PANEL, 20, bold), font=font(20, bold), fill=plots.INK)
        sheet.paste(_bar(PANEL), (WIDTH - BAR + GAP, HEAD))
        return np.asarray(sheet)

    def filmstrip(self):
        """The picture of the stops, and for each of them the raw map above what is drawn of it."""
        looks = {title: self.stop(title) for title in self.stops}
        gap, head = 0.12, 1.05
        tile = (plots.WIDTH - gap * len(looks)) / (len(looks) + 1)
        first = next(iter(looks.values()))["picture"]
        image = self.images[first].numpy()
        high = tile * image.shape[1] / image.shape[2]
        sheet = plots.Sheet(plots.WIDTH, head + 2 * high + gap, self.title, self.caption, self.alt())
        axes = sheet.axes(0, head, tile, high)
        axes.imshow(image.transpose(1, 2, 0), aspect="auto")
        axes.set_title(_lines(self._name(first)), fontsize=plots.SMALL, color=plots.INK, pad=4)
        for k, (title, values) in enumerate(looks.items(), 1):
            raw, heat = self.look(**values)
            limit, x = max(float(np.abs(raw).max()), 1e-30), k * (tile + gap)
            axes = sheet.axes(x, head, tile, high)
            axes.imshow(raw, cmap="coolwarm", vmin=-limit, vmax=limit, interpolation="nearest", aspect="auto")
            words = f"{_lines(title)}\n{_range(raw).replace(' to ', chr(10) + 'to ')}"
            axes.set_title(words, fontsize=plots.SMALL - 1, color=plots.INK, pad=4)
            sheet.axes(x, head + high + gap, tile, high).imshow(
                _over(image, heat).transpose(1, 2, 0), aspect="auto"
            )
        return sheet.picture()


def _lines(text):
    """A title broken into lines: before a bracket, after a comma, before the class and before "and"."""
    for old, new in ((" (", "\n("), (", ", ",\n"), ("asked for ", "asked for\n"), (" and ", "\nand ")):
        text = text.replace(old, new)
    return text


def _range(raw):
    return f"{raw.min():.2g} to {raw.max():.2g}".replace("-", "\N{MINUS SIGN}")


def _with_maps(net, image, layers):
    """Those of the layers whose output is a map (n, c, rows, cols) with places."""
    with torch.no_grad(), eval_mode(net), activations(net, list(layers.values())) as found:
        net(image.to(next(net.parameters(), image).device))
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


@lru_cache(maxsize=1)
def _bar(height):
    """The colour bar of the raw map, in words."""
    sheet = Image.new("RGB", (BAR - GAP, height), "white")
    ramp = colormaps["coolwarm"](np.linspace(1, 0, height), bytes=True)[:, None, :3]
    sheet.paste(Image.fromarray(np.ascontiguousarray(ramp.repeat(16, 1))), (0, 0))
    draw = ImageDraw.Draw(sheet)
    for word, y, anchor in (("for", 0, "lt"), ("0", height / 2, "lm"), ("against", height - 1, "ls")):
        draw.text((21, y), word, font=font(14), fill=plots.INK, anchor=anchor)
    return sheet
