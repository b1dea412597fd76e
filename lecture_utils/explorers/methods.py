"""Method against method on one scene, with what each part of the object does to the score."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from .. import metrics as key, plots
from ..attribution.methods import usable
from ..plots.scores import heat_colours
from ..progress import progress
from . import part_ablation
from .base import Choice, Explorer, Slider
from .pixels import enlarged, fitted, font

PANEL, GAP, HEAD, ROW, NAMES = 330, 22, 58, 30, 150  # px: a picture, space, titles, a part's row, its name
WIDTH, HEIGHT = 3 * PANEL + 2 * GAP, HEAD + PANEL + 64 + 6 * ROW
EFFECT, FIRST, SECOND = plots.COLOURS[0], plots.COLOURS[1], plots.COLOURS[2]
ASKED = {"remove": "without it, the score falls by", "keep": "it alone adds to the score"}
START = ("guided backprop", "Grad-CAM")


class MethodAgainstMethod(Explorer):
    """Two heatmaps of one picture, and beneath them each part: what it does to the score, and its share of the heat.

    lab: one with an answer key. scenes: how many of the scoreboard's scenes, from its first, can be chosen; all maps
    are computed at the beginning (a second a scene).
    Black: the part's effect on the logit of the right class, found by rendering. Blue and orange: its share of the heat
    on the object, of the first and the second method. Every bar is drawn relative to the longest of its kind, as maps
    have different units; to the left is negative; grey where the part shows too few px. Above a map: how much of its
    heat lies on the object, and the rank agreement of the parts' heat with their effects.
    """

    title = "Method against method"
    caption = (
        "Two methods on the same picture, each on its own scale: share of the heat on the object, rank agreement with "
        "the parts. In the explorer the parts stand below: look for one that is hot and does nothing."
    )
    format = "jpeg"

    def __init__(self, lab, scenes=4):
        self.lab = lab
        some = []
        with progress(label="rendering the scenes' parts", total=scenes) as bar:
            for game in part_ablation.games(lab.gallery, 0, scenes, exact=False, shadows=False):
                some.append(game)
                bar.update()
        ask = part_ablation.question(lab, some)
        methods = [method for method in usable(ask) if method.kind != "ceiling"]
        self.games, self.signed = some, {method.name: method.heat == "signed" for method in methods}
        self.heat = {method.name: method.make(ask) for method in progress(methods, "heatmaps")}
        self.effects = [part_ablation.effects(lab, game) for game in some]
        names = tuple(self.heat)
        self.controls = {
            "scene": Slider(0, scenes - 1, 1, "scene"),
            "first": Choice(names, "first method"),
            "second": Choice(names, "second method"),
            "question": Choice(tuple(ASKED), "question about the parts"),
        }
        start = {"scene": 0, "first": START[0], "second": START[1], "question": "remove"}
        last = scenes - 1
        self.stops = {
            "fine or coarse?": start,
            "another question": start | {"question": "keep"},
            "only edges": start | {"first": "edges (Sobel)", "second": "guided backprop"},
            "knows nothing": start | {"first": "constant map", "second": "saliency"},
            "two baselines": start
            | {"first": "integrated gradients, black", "second": "integrated gradients, background"},
            "another scene": start | {"scene": last, "first": "saliency"},
        }
        self.tile, self.look = lru_cache(maxsize=256)(self._tile), lru_cache(maxsize=512)(self._look)

    def _look(self, scene, method, question):
        """Of one map: share of heat on the object, rank agreement of part sums and effects, sums (players,)."""
        game = self.games[scene]
        heat = self.heat[method][scene].double()
        sums = (heat * game.masks).sum((1, 2))
        effects = self.effects[scene][question]["logit"]
        shown = [i for i, seen in enumerate(game.shown.tolist()) if seen]
        agree = key.rank_agreement(sums[shown], [effects[i] for i in shown])
        mass = float(key.mass_in_mask(heat[None], game.mask[None])[0])
        return mass, agree, sums.numpy(), np.array(effects)

    def describe(self, scene, first, second, question):
        game, words = self.games[scene], []
        for method in (first, second):
            mass, agree, *_ = self.look(scene, method, question)
            words.append(
                f"{method} has {mass:.0%} of its heat on it and agrees with the parts at {agree:+.2f}"
            )
        _, _, _, effects = self.look(scene, first, question)
        most = list(game.players)[int(effects.argmax())]
        return f"Scene {scene}, {self.lab.classes[game.label]}: {'; '.join(words)}. To {question}: {most} matters most."

    def _tile(self, scene, method):
        image = self.games[scene].image.numpy().transpose(1, 2, 0)
        colours = heat_colours(image, self.heat[method][scene].numpy(), self.signed[method])
        return enlarged(colours.transpose(2, 0, 1).clip(0, 1), (PANEL, PANEL))

    def render(self, scene, first, second, question):
        self.check(scene=scene, first=first, second=second, question=question)
        game, sheet = self.games[scene], Image.new("RGB", (WIDTH, HEIGHT), "white")
        draw, sums = ImageDraw.Draw(sheet), []
        sheet.paste(enlarged(game.image.numpy(), (PANEL, PANEL)), (0, HEAD))
        draw.text((0, 4), self.lab.classes[game.label], font=font(20, True), fill=plots.INK)
        for i, (method, colour) in enumerate(((first, FIRST), (second, SECOND)), 1):
            left = i * (PANEL + GAP)
            mass, agree, sum_, effects = self.look(scene, method, question)
            sheet.paste(self.tile(scene, method), (left, HEAD))
            draw.text((left, 4), fitted(method, PANEL, 20, True), font=font(20, True), fill=colour)
            line = f"{mass:.0%} on the object, ranks {agree:+.2f}"
            draw.text((left, 31), line, font=font(17), fill=plots.INK)
            sums.append(sum_)
        _bars(draw, game, effects, sums, f"{ASKED[question]} (logit)")
        return np.asarray(sheet)

    def filmstrip(self):
        """Each stop: the two maps, and above each how its heat lies."""
        tile, gap, between, above = 1.53, 0.06, 0.2, 0.98
        across = 3
        rows = -(-len(self.stops) // across)
        sheet = plots.Sheet(plots.WIDTH, rows * (above + tile + 0.12), self.title, self.caption, self.alt())
        for k, title in enumerate(self.stops):
            values, row = self.stop(title), k // across
            x, y = k % across * (2 * tile + gap + between), above + row * (above + tile + 0.12)
            for i, which in enumerate(("first", "second")):
                scene, method = values["scene"], values[which]
                axes = sheet.axes(x + i * (tile + gap), y, tile, tile)
                axes.imshow(np.asarray(self.tile(scene, method)), aspect="auto")
                mass, agree, *_ = self.look(scene, method, values["question"])
                name = method.replace("integrated gradients, ", "IG, ")
                words = f"{name}\n{mass:.0%} on it, {agree:+.2f}"
                axes.set_title(words, fontsize=plots.SMALL - 1, color=(FIRST, SECOND)[i], pad=4)
                if i == 0:
                    axes.annotate(
                        f"{title} ({values['question']})",
                        (0, 1),
                        (0, 44),
                        xycoords="axes fraction",
                        textcoords="offset points",
                        fontsize=plots.TEXT,
                        color=plots.INK,
                        weight="bold",
                    )
        return sheet.picture()


def _bars(draw, game, effects, sums, words):
    """A row for each part: its effect and its heat, every kind on its own scale, from the row's own middle."""
    top = HEAD + PANEL + 10
    wide = (WIDTH - NAMES - 2 * GAP) // 3
    titles = (words, "its share of the first map", "its share of the second map")
    columns = [(effects, EFFECT), (sums[0], FIRST), (sums[1], SECOND)]
    for i, (title, (values, colour)) in enumerate(zip(titles, columns, strict=True)):
        left = NAMES + i * (wide + GAP)
        draw.text((left, top), fitted(title, wide, 16), font=font(16), fill=colour)
        size = max(np.abs(values).max(), 1e-30)
        low = min(values.min() / size, 0)
        unit = (wide - 62) / (1 - low)  # px of the longest bar; room for its number
        zero = left - low * unit
        for row, value in enumerate(values):
            y, end = top + 30 + row * ROW, zero + value / size * unit
            shade = colour if game.shown[row] else "#b0b0b0"
            draw.rectangle((min(zero, end), y + 4, max(zero, end), y + ROW - 6), fill=shade)
            share = f"{value:+.2f}" if i == 0 else f"{value / max(np.abs(values).sum(), 1e-30):+.0%}"
            draw.text(
                (max(zero, end) + 6, y + ROW / 2 - 1), share, font=font(15), fill=plots.INK, anchor="lm"
            )
        draw.line((zero, top + 28, zero, top + 30 + len(values) * ROW), fill=plots.MUTED)
    for row, name in enumerate(game.players):
        y = top + 30 + row * ROW + ROW / 2 - 1
        draw.text((NAMES - 12, y), fitted(name, NAMES - 14, 17), font=font(17), fill=plots.INK, anchor="rm")
