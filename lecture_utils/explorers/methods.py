"""Method against method on one scene, with what each part of the object does to the score."""

from functools import lru_cache
from itertools import islice
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch

from .. import metrics, plots
from ..attribution.methods import Question, usable
from ..plots.pixels import heat_colours
from ..progress import progress
from ..world import CLASSES, render_many
from .base import Choice, Explorer, Slider
from .board import BLUE, GREY, ORANGE, Board, Film

PANEL, GAP, HEAD, ROW, NAMES = 330, 22, 58, 30, 150  # px: an image, space, titles, a part's row, its name
WIDTH, HEIGHT = 3 * PANEL + 2 * GAP, HEAD + PANEL + 64 + 6 * ROW
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
        self.effects = [
            {question: self._effects(scene, question) for question in ASKED} for scene in self.scenes
        ]
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

    def _tile(self, scene, method):
        image = self.scenes[scene].image.numpy().transpose(1, 2, 0)
        colours = heat_colours(image, self.heat[method][scene].numpy(), self.signed[method])
        board = Board(PANEL, PANEL)
        board.tile(colours.transpose(2, 0, 1).clip(0, 1), 0, 0, PANEL)
        return board.sheet

    def board(self, scene, first, second, question):
        board, it, columns = Board(WIDTH, HEIGHT), self.scenes[scene], []
        board.tile(it.image, 0, HEAD, PANEL)
        board.write(0, 4, self.lab.classes[it.label], bold=True)
        for i, (method, colour, which) in enumerate(((first, BLUE, "first"), (second, ORANGE, "second")), 1):
            mass, agree, sums, effects = self.look(scene, method, question)
            board.tile(self.tile(scene, method), i * (PANEL + GAP), HEAD, PANEL)
            board.write(i * (PANEL + GAP), 4, method, colour=colour, bold=True, width=PANEL)
            board.write(i * (PANEL + GAP), 31, f"{mass:.0%} on the object, ranks {agree:+.2f}", 17)
            columns.append((f"its share of the {which} map", sums, colour))
        self._bars(board, it, [(f"{ASKED[question]} (logit)", effects, plots.COLOURS[0]), *columns])
        return board

    def _bars(self, board, it, columns):
        """A row for each part: its effect and its heat, every kind on its own scale, from the column's own zero."""
        top, wide = HEAD + PANEL + 10, (WIDTH - NAMES - 2 * GAP) // 3
        for row, name in enumerate(it.parts):
            y = top + 30 + row * ROW + ROW / 2 - 1
            board.write(NAMES - 12, y, name, 17, anchor="rm", width=NAMES - 14)
        for i, (title, values, colour) in enumerate(columns):
            left, size = NAMES + i * (wide + GAP), max(np.abs(values).max(), 1e-30)
            board.write(left, top, title, 16, colour, width=wide)
            low = min(values.min() / size, 0)
            unit = (wide - 62) / (1 - low)  # px of the longest bar; room for its number
            zero = left - low * unit
            for row, value in enumerate(values):
                y, end = top + 30 + row * ROW, zero + value / size * unit
                shade = colour if it.shown[row] else GREY
                board.draw.rectangle((min(zero, end), y + 4, max(zero, end), y + ROW - 6), fill=shade)
                share = f"{value:+.2f}" if i == 0 else f"{value / max(np.abs(values).sum(), 1e-30):+.0%}"
                board.write(max(zero, end) + 6, y + ROW / 2 - 1, share, 15, anchor="lm")
            board.draw.line((zero, top + 28, zero, top + 30 + len(values) * ROW), fill=plots.MUTED)

    def filmstrip(self):
        """Each stop: the two heatmaps, and above each how its heat lies."""
        tile, gap, between, above, across = 1.53, 0.06, 0.2, 0.98, 3
        film = Film(self, plots.WIDTH, -(-len(self.stops) // across) * (above + tile + 0.12))
        bold = {"fontsize": plots.TEXT, "color": plots.INK, "weight": "bold"}
        at = {"xycoords": "axes fraction", "textcoords": "offset points"}
        for k, title, values in self.places():
            x, y = k % across * (2 * tile + gap + between), above + k // across * (above + tile + 0.12)
            for i, (which, colour) in enumerate((("first", BLUE), ("second", ORANGE))):
                mass, agree, *_ = self.look(values["scene"], values[which], values["question"])
                name = values[which].replace("integrated gradients, ", "IG, ")
                words, shown = (
                    f"{name}\n{mass:.0%} on it, {agree:+.2f}",
                    self.tile(values["scene"], values[which]),
                )
                axes = film.tile(
                    shown, x + i * (tile + gap), y, tile, words, size=plots.SMALL - 1, colour=colour
                )
                if i == 0:
                    axes.annotate(f"{title} ({values['question']})", (0, 1), (0, 44), **at, **bold)
        return film.picture()


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
