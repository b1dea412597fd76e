"""Method against method: two heatmaps of one image, and what each part of the object does to the score."""

from functools import lru_cache
from itertools import islice
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch

from lecture_utils import metrics
from lecture_utils.explorers import Choice, Explorer, Slider, board as ui
from lecture_utils.plots import COLOURS
from lecture_utils.plots.pixels import heat_colours
from lecture_utils.progress import progress
from lecture_utils.world import CLASSES, render_many

from ..methods.heatmaps import Question, usable

PANEL, NAMES, SMALL = 330, 150, 155  # px: an image, a part's name, an image of the filmstrip
SIDE, LEAST, PARTS = 112, 12, 4  # px of a side; px that a part must show; parts that a scene must show
ASKED = {"remove": "without it, the score falls by", "keep": "it alone adds to the score"}
START = ("guided backprop", "Grad-CAM")


class Scene(NamedTuple):
    """index: in the gallery. parts: {name: (parts...)}. image, background: (3, 112, 112).

    masks: bool (parts, 112, 112), what shows of each; mask: of the object.
    """

    index: int
    label: int
    parts: dict
    image: torch.Tensor
    background: torch.Tensor
    masks: torch.Tensor
    mask: torch.Tensor

    @property
    def shown(self):
        """Which parts show at least 12 px."""
        return (self.masks.sum((1, 2)) >= LEAST).tolist()


class MethodAgainstMethod(Explorer):
    """Two heatmaps of one image, and beneath them each part: what it does to the score, and its share of the heat.

    lab: one with an answer key. scenes: how many of the scoreboard's scenes, from its first, can be chosen; all
    heatmaps are computed at the beginning (a second a scene).
    Black: the part's effect on the logit of the right class, found by rendering. Blue and orange: its share of the heat
    on the object, of the first and the second method. Every bar is drawn relative to the longest of its kind, as
    heatmaps have different units; to the left is negative; grey where the part shows too few px. Above a heatmap: how
    much of its heat lies on the object, and the rank agreement of the parts' heat with their effects.
    """

    title = "Method against method"
    caption = (
        "Two methods on the same picture, each on its own scale: share of the heat on the object, rank agreement with "
        "the parts. In the explorer the parts stand below: look for one that is hot and does nothing."
    )
    format = "jpeg"

    def __init__(self, lab, scenes=4):
        self.lab = lab
        found = islice(_scenes(lab.gallery), scenes)
        self.scenes = list(progress(found, "rendering the scenes' parts", total=scenes))
        images, masks, backgrounds = (
            torch.stack([getattr(scene, name) for scene in self.scenes])
            for name in ("image", "mask", "background")
        )
        labels, numbers = torch.tensor([s.label for s in self.scenes]), tuple(s.index for s in self.scenes)
        ask = Question(lab, images, labels, backgrounds, masks, numbers)
        methods = [method for method in usable(ask) if method.kind != "ceiling"]
        self.signed = {method.name: method.heat == "signed" for method in methods}
        self.heat = {method.name: method.make(ask) for method in progress(methods, "heatmaps")}
        self.effects = [{which: self._effects(scene, which) for which in ASKED} for scene in self.scenes]
        names = tuple(self.heat)
        self.controls = {
            "scene": Slider(0, scenes - 1, 1, "scene"),
            "first": Choice(names, "first method"),
            "second": Choice(names, "second method"),
            "question": Choice(tuple(ASKED), "question about the parts"),
        }
        start = {"scene": 0, "first": START[0], "second": START[1], "question": "remove"}
        black, background = (f"integrated gradients, {start}" for start in ("black", "background"))
        self.stops = {
            "fine or coarse?": start,
            "another question": start | {"question": "keep"},
            "only edges": start | {"first": "edges (Sobel)", "second": "guided backprop"},
            "knows nothing": start | {"first": "constant map", "second": "saliency"},
            "two baselines": start | {"first": black, "second": background},
            "another scene": start | {"scene": scenes - 1, "first": "saliency"},
        }
        self.tile, self.look = lru_cache(maxsize=256)(self._tile), lru_cache(maxsize=512)(self._look)

    def _effects(self, scene, question):
        """What each part does to the logit of the right class, numpy (parts,)."""
        found = metrics.part_effects(
            lambda images: self.lab.logits(images)[:, scene.label].double(),
            self.lab.gallery.scenes[scene.index],
            question=question,
            parts=scene.parts,
            render=_rendered,
        )
        return np.array(list(found.values()))

    def _look(self, scene, method, question):
        """Of one heatmap: share of heat on the object, rank agreement of part sums and effects; sums, effects (k,)."""
        it, heat, effects = (
            self.scenes[scene],
            self.heat[method][scene].double(),
            self.effects[scene][question],
        )
        sums = (heat * it.masks).sum((1, 2)).numpy()
        agree = metrics.rank_agreement(sums[it.shown], effects[it.shown])
        return float(metrics.mass_in_mask(heat[None], it.mask[None])[0]), agree, sums, effects

    def sentence(self, scene, first, second, question):
        it, words = self.scenes[scene], []
        for method in (first, second):
            mass, agree, _, effects = self.look(scene, method, question)
            words.append(
                f"{method} has {mass:.0%} of its heat on it and agrees with the parts at {agree:+.2f}"
            )
        most = list(it.parts)[int(effects.argmax())]
        return f"Scene {scene}, {self.lab.classes[it.label]}: {'; '.join(words)}. To {question}: {most} matters most."

    def _tile(self, scene, method, side):
        """A heatmap over its image, a Pillow image."""
        image = self.scenes[scene].image.numpy().transpose(1, 2, 0)
        colours = heat_colours(image, self.heat[method][scene].numpy(), self.signed[method])
        return ui.scaled(colours.transpose(2, 0, 1).clip(0, 1), side)

    def board(self, scene, first, second, question):
        it = self.scenes[scene]
        panels = [ui.titled(ui.Tile(it.image, PANEL), self.lab.classes[it.label], "")]
        effects = self.look(scene, first, question)[3]
        columns = [self._bars(it, f"{ASKED[question]} (logit)", effects, COLOURS[0], NAMES)]
        for method, ink, which in ((first, ui.BLUE, "first"), (second, ui.ORANGE, "second")):
            mass, agree, sums, _ = self.look(scene, method, question)
            words = f"{mass:.0%} on the object, ranks {agree:+.2f}"
            panels.append(ui.titled(ui.Tile(self.tile(scene, method, PANEL)), method, words, ink=ink))
            columns.append(self._bars(it, f"its share of the {which} map", sums, ink, 8))
        return ui.column(ui.row(*panels, gap=22), ui.row(*columns, gap=22), gap=8)

    def _bars(self, it, title, values, ink, names):
        """A bar for each part, on a scale of its own, from the column's own zero."""
        size, total = max(np.abs(values).max(), 1e-30), max(np.abs(values).sum(), 1e-30)
        bars = []
        for name, value, shown in zip(it.parts, values, it.shown, strict=True):
            said = f"{value:+.2f}" if names == NAMES else f"{value / total:+.0%}"
            bars.append(ui.Bar(name if names == NAMES else "", value / size, said, ink if shown else ui.GREY))
        wide = (3 * PANEL - NAMES) // 3 + names
        bars = ui.Bars(wide, bars, 30, names, size=16, span=(min(values.min() / size, 0), 1))
        words = ui.Text(title, 16, ink, wide=wide - names + 8)
        return ui.column(words, bars, gap=4, align=1.0)

    def still(self, title, scene, first, second, question):
        tiles = []
        for method, ink in ((first, ui.BLUE), (second, ui.ORANGE)):
            mass, agree, *_ = self.look(scene, method, question)
            name = method.replace("integrated gradients, ", "IG, ")
            tile = ui.Tile(self.tile(scene, method, SMALL))
            tiles.append(ui.captioned(tile, f"{name}\n{mass:.0%} on it, {agree:+.2f}", ink))
        return ui.titled(ui.row(*tiles, gap=6, align=1.0), f"{title} ({question})", size=17)


def _rendered(scenes):
    return torch.from_numpy(np.stack([rendering.image for rendering in render_many(scenes, SIDE)]))


def _scenes(gallery):
    """The gallery's scenes with at least four parts that show at least 12 px, in order: `Scene`."""
    for index, scene in enumerate(gallery.scenes):
        seen = SimpleNamespace(parts=gallery.parts[index], objects=gallery.objects[index])
        parts = metrics.players(scene, SIDE, rendering=seen)
        names = CLASSES[scene.objects[0].cls].parts
        numbers = [torch.tensor([1 + names.index(part) for part in some]) for some in parts.values()]
        masks = torch.stack([torch.isin(seen.parts.long(), some) for some in numbers])
        if (masks.sum((1, 2)) >= LEAST).sum() >= PARTS:
            image, background = _rendered([scene, metrics.keeping(scene, ())])
            label = int(gallery.labels[index])
            yield Scene(index, label, parts, image, background, masks, seen.objects > 0)
