"""Two explorers of the ZFNet paper: an atlas of the nine strongest patches, and what a transform does to two layers."""

from collections import Counter

import torch

from .. import features, results
from ..progress import progress
from ..world import render_many
from . import board as ui
from .base import Choice, Explorer, Slider

SIDE, SHOWN, TILE, SMALL = 112, 430, 132, 50  # px: of an image, as it is shown; of a patch, on a filmstrip
SOURCES = 5  # classes that get a bar
STEPS = 8  # of every transform: its word for `transformed`, its unit, its amounts
TRANSFORMS = {
    "shift": ("up", " px", [7 * n for n in range(-4, 5)]),
    "enlarge": ("scale", "×", [round(1 + 0.1 * n, 1) for n in range(9)]),
    "turn": ("degrees", "°", [45 * n for n in range(9)]),
}
WAYS = {  # what moves: an image, and the border of `transformed`; or something in the scene
    "the image, border grey": "grey",
    "the image, edge repeated": "edge",
    "the camera": "camera",
    "the object": "object",
}


class Atlas(Explorer):
    """Figure 2 of the ZFNet paper: a layer, a map, its nine strongest patches and their deconvnet projections.

    The pictures ship (python -m experiments zf_atlas): of `zf` over the gallery, of the photograph net over 16
    photographs; eight maps of each layer, at equal steps by their number. lab: any.
    """

    title = "Nine strongest patches, projected"
    caption = (
        "Left: the patches, cut to what a unit sees. Right: their projections. Look at what the nine share."
    )
    format, across = "jpeg", 2

    def __init__(self, lab=None):
        self.lab, facts = lab, results.load("zf_atlas")
        self.layers = {
            f"{net} {name}": one for net, some in facts["layers"].items() for name, one in some.items()
        }
        self.maps = len(next(iter(self.layers.values()))["channels"])
        self.sheets = {name: results.sheet(one["file"], self.maps, 18) for name, one in self.layers.items()}
        self.controls = {
            "layer": Choice(tuple(self.layers), "net and layer"),
            "number": Slider(1, self.maps, 1, f"map (1 to {self.maps})"),
        }
        self.stops = {name: {"layer": name, "number": 3} for name in self.layers}
        self.filmed = [*range(5), 7]  # of the photograph net only fire6

    def sentence(self, layer, number):
        of = self.layers[layer]
        common = Counter(of["sources"][number - 1]).most_common(3)
        sources = ", ".join(f"{name} ({count})" for name, count in common)
        what = f"{layer}, channel {of['channels'][number - 1]}, whose units see {of['field']} px"
        return f"{what}: nine patches from {sources}."

    def _nines(self, layer, number, side):
        """Patches and projections, two blocks of 3 x 3 tiles of `side` px."""
        smooth, shown = self.layers[layer]["field"] > 30, self.sheets[layer][number - 1]
        tiles = [ui.Tile(tile, side, smooth=smooth) for tile in shown]
        return ui.grid(tiles[:9], 3, gap=3), ui.grid(tiles[9:], 3, gap=3)

    def board(self, layer, number):
        of = self.layers[layer]
        patches, projections = self._nines(layer, number, TILE)
        heads = f"{layer}, channel {of['channels'][number - 1]}: patches", f"{of['field']} px each, projected"
        common = Counter(of["sources"][number - 1]).most_common(SOURCES)
        bars = ui.Bars(250, [ui.Bar(name, count / 9, str(count)) for name, count in common], 40, 110, room=30)
        return ui.row(*map(ui.titled, (patches, projections, bars), (*heads, "they come from")))

    def still(self, title, layer, number):
        words = f"{title}, units see {self.layers[layer]['field']} px"
        return ui.captioned(ui.row(*self._nines(layer, number, SMALL), gap=8), words)


class Invariance(Explorer):
    """Figure 5 of the ZFNet paper: shift, enlarge or turn an image, the camera or the object: what moves?

    lab: of the toy world. scenes: of one object each, at least one. Distances are divided by the mean distance between
    two images of `lab.gallery`. All is computed here, once (with a progress bar); a move looks it up.
    """

    title = "How far do the layers move when the image does?"
    caption = (
        "Distance 1: as far as another scene. Look at which layer moves first, and at what the border adds."
    )
    hint, arrows = "Drag along the charts, or use the arrow keys.", {"amount": (1, 0)}
    format, across = "jpeg", 5

    def __init__(self, lab, scenes):
        self.lab, self.seen = lab, {}
        if not len(scenes):
            raise ValueError("scenes: expected at least one")
        self.names = [f"{n}: {scene.classes[0]}" for n, scene in enumerate(scenes, 1)]
        others = self._features(lab.gallery.images[:32])
        self.unit = [float(torch.pdist(values).mean()) for values in others[:2]]
        for name, scene in zip(self.names, progress(scenes, "moving image and camera"), strict=True):
            label = lab.label(scene.classes[0])
            for what, (word, _, amounts) in TRANSFORMS.items():
                for way in WAYS:
                    self.seen[name, what, way] = self._moved(scene, label, word, amounts, way)
        self.controls = {
            "scene": Choice(tuple(self.names), "scene"),
            "transform": Choice(tuple(TRANSFORMS), "transform"),
            "way": Choice(tuple(WAYS), "what moves"),
            "amount": Slider(0, STEPS, 1, f"amount (0 to {STEPS})"),
        }
        grey, _, camera, own = WAYS
        stops = {"shift, image": ("shift", grey, 6), "shift, camera": ("shift", camera, 6)}
        stops |= {"enlarge, camera": ("enlarge", camera, 4), "turn, camera": ("turn", camera, 2)}
        stops["turn, object"] = ("turn", own, 2)
        names = ("transform", "way", "amount")
        self.stops = {
            title: {"scene": self.names[0]} | dict(zip(names, v, strict=True)) for title, v in stops.items()
        }

    def _features(self, images):
        """Of conv1 and fc7, (n, d) each, and the probabilities (n, classes)."""
        modules = [self.lab.layer(name) for name in ("conv1", "fc7", "fc8")]
        found = features.extract_layers(self.lab.net, images, modules)
        first, last, logits = (found[name].flatten(1) for name in modules)
        return first, last, logits.softmax(1)

    def _moved(self, scene, label, word, amounts, way):
        """The images (amounts, 3, h, w), and three curves: distances at conv1 and fc7, and p of the class."""
        whole = _drawn([scene])
        if WAYS[way] in ("camera", "object"):
            images = _drawn([changed(scene, word, amount, WAYS[way]) for amount in amounts])
        else:
            some = (features.transformed(whole, **{word: a}, border=WAYS[way]) for a in amounts)
            images = torch.cat(list(some))
        first, last, p = self._features(torch.cat([whole, images]))
        apart = [(x[1:] - x[0]).norm(dim=1) / unit for x, unit in zip((first, last), self.unit, strict=True)]
        return images, [curve.tolist() for curve in (*apart, p[1:, label])]

    def sentence(self, scene, transform, way, amount):
        _, unit, amounts = TRANSFORMS[transform]
        first, last, p = (curve[amount] for curve in self.seen[scene, transform, way][1])
        return (
            f"{scene}, {transform} {amounts[amount]:g}{unit}, {way}: layer 1 moves {first:.2f}, layer 7 {last:.2f} "
            f"of the distance to another scene; the probability of its class is {p:.2f}."
        )

    def board(self, scene, transform, way, amount):
        images, curves = self.seen[scene, transform, way]
        _, unit, amounts = TRANSFORMS[transform]
        head = f"{transform} {amounts[amount]:g}{unit}"
        return ui.row(
            ui.titled(ui.Tile(images[amount], SHOWN), head),
            self._charts(amounts, unit, curves, amount),
            gap=24,
        )

    def _charts(self, amounts, unit, curves, amount):
        low, middle, high = amounts[0], amounts[STEPS // 2], amounts[-1]
        ticks, at = {a: f"{a:g}{unit}" for a in (low, middle, high)}, amounts[amount]
        inks = zip(curves, (ui.ORANGE, ui.BLUE, ui.BLUE), ("layer 1", "layer 7", ""), strict=True)
        *apart, chance = (ui.Line(amounts, curve, ink, name) for curve, ink, name in inks)
        above = (low, high), (0, 1.4), (ticks, {0: "0", 0.5: ".5", 1: "1"}), at, "distance:"
        below = (low, high), (0, 1), (ticks, {0: "0", 0.5: ".5", 1: "1"}), at, "probability of the class"
        size, share = (480, SHOWN // 2), STEPS / (high - low)
        charts = ui.Chart(*size, apart, *above, right=40), ui.Chart(*size, [chance], *below, right=40)

        def grip(x, *_):
            return {"amount": (charts[0].value(x) - low) * share}

        return ui.column(*(ui.held(chart, grip) for chart in charts), gap=14)

    def still(self, title, scene, transform, way, amount):
        images, curves = self.seen[scene, transform, way]
        first, last, p = (curve[amount] for curve in curves)
        _, unit, amounts = TRANSFORMS[transform]
        words = f"{title} {amounts[amount]:g}{unit}"
        said = ui.Text(f"layer 1: {first:.2f}\nlayer 7: {last:.2f}\np: {p:.2f}", ui.FILM, wide=180)
        return ui.column(ui.captioned(ui.Tile(images[amount], 180), words, align=0), said)


def changed(scene, word, amount, way):
    """A scene as `features.transformed` would change its image by one `word` ("up" in px of 112, "scale", "degrees").

    way: "camera" moves the frame, so nothing is lost but what leaves it; "object" moves the object alone, and turns it
    about its vertical axis.
    """
    if way == "camera":
        frame = {"up": {"up": amount / SIDE}, "scale": {"zoom": amount}, "degrees": {"roll": amount}}
        return scene.framed(**frame[word])
    if word == "up":
        return scene.moved(0, amount / SIDE)
    return scene.scaled(amount) if word == "scale" else scene.turned(amount)


def _drawn(scenes):
    """Scenes rendered, (n, 3, 112, 112)."""
    return torch.stack([torch.from_numpy(one.image) for one in render_many(scenes, SIDE)])
