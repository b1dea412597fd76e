"""A picture, a target and an epsilon: the attacked picture, the difference magnified, and what the net says then."""

from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageDraw

from .. import plots, synthesis as syn
from ..hooks import copy_to, frozen
from ..progress import progress
from ..synthesis.pgd import climb
from .base import Choice, Explorer, Slider
from .pixels import enlarged, fitted, font

PANEL, GAP, HEAD, FOOT, BARS, NAMES = 316, 14, 64, 92, 280, 114  # px
THIRD = 3 * (PANEL + GAP) + 8  # where the bars begin
WIDTH, HEIGHT, ROWS = THIRD + BARS, HEAD + PANEL + FOOT, 16
BLUE, ORANGE = plots.COLOURS[1], plots.COLOURS[2]
LEVEL = 1 / 255
ANY = "any other class"
ONE, MANY, NOISE = "one step (FGSM)", "small steps (PGD)", "random noise"
RADII = (1, 2, 3, 4, 6, 8, 12, 16)  # levels at which the small steps stop on their way
STEPS = (1, 2, 2, 2, 2, 3, 2, 2)  # so many to each
QUICK = 128  # px: up to this side all runs are made at the beginning; above it each when asked for, one step a radius


class Attack(Explorer):
    """The smallest picture change that the net falls for, by hand: picture, target, epsilon, and the kind of attack.

    lab: as `open_lab` gives it. count: how many pictures: the first of the gallery that the net gets right; in a lab
    without a key the first of all, and "right" is what the net says.
    "Small steps" is PGD whose ball grows from 1 to 16 levels of 255, so that one run serves every epsilon; between the
    radii of RADII the difference is scaled. Attacked pictures are rounded to 8 bits, as a file would hold them. All
    runs are made at the beginning (some seconds); with large pictures each is made when it is first asked for.
    Right the probabilities: blue the right class, orange the others, a black line what they were before.
    Errors: ValueError where the net is right about nothing.
    """

    title = "How small a change is enough?"
    caption = (
        "Each stop: the attacked picture above, the difference below, magnified until its largest value is black or "
        "white. Look for the smallest epsilon at which the answer is another one, and at random noise of the same size."
    )
    format = "jpeg"

    def __init__(self, lab, count=5):
        self.lab, self.names, self.images, self.labels = lab, *_pictures(lab, count)
        self.before = lab.logits(self.images).softmax(1).numpy()
        targets = _targets(lab, self.labels)
        self.controls = {
            "picture": Choice(tuple(self.names), "picture"),
            "target": Choice((ANY, *targets), "target"),
            "kind": Choice((MANY, ONE, NOISE), "attack"),
            "eps": Slider(0, 16, 1, "epsilon (of 255 levels)"),
        }
        self.paths = {}
        if self.images.shape[-1] <= QUICK:
            for name in progress(self.names, "finding the ways to every class"):
                own = self.classes[self.names.index(name)]
                asked = [target for target in (ANY, *targets) if target != own]
                self.paths |= {
                    (name, target): path for target, path in zip(asked, self._runs(name, asked), strict=True)
                }
        self.look = lru_cache(maxsize=64)(self._look)
        self.stops = self._stops(targets)

    @property
    def classes(self):
        """The right class of each picture."""
        return [self.lab.classes[label] for label in self.labels.tolist()]

    def _stops(self, targets):
        first = {"picture": self.names[0], "target": ANY, "kind": MANY, "eps": 4}
        other = next((t for t in targets[len(targets) // 2 :] if t not in self.classes[:2]), targets[-1])
        return {
            "4 levels": first,
            "8 levels": first | {"eps": 8},
            f"make it “{other}”": first | {"target": other, "eps": 12},
            "one step only": first | {"kind": ONE, "eps": 8},
            "random noise": first | {"kind": NOISE, "eps": 8},
            "another picture": first
            | {"picture": self.names[min(1, len(self.names) - 1)], "target": other, "eps": 12},
        }

    def _runs(self, name, targets):
        """For each target the attacked pictures at every radius, uint8 (radii, 3, h, w) each."""
        index, net = self.names.index(name), self.lab.net
        found = []
        plain = [t for t in targets if t == ANY]
        for group in (plain, [t for t in targets if t != ANY]):
            if not group:
                continue
            label = self.labels[index].expand(len(group))
            asked = None if group is plain else torch.tensor([self.lab.label(t) for t in group])
            with frozen(net):
                origin = copy_to(net, self.images[[index]]).expand(len(group), -1, -1, -1)
                images, stages = origin, []
                plan = STEPS if self.images.shape[-1] <= QUICK else [1] * len(RADII)
                for radius, steps in zip(RADII, plan, strict=True):
                    size = max(1.0, radius / 3) * LEVEL
                    step = climb(net, origin, label, radius * LEVEL, size, target=asked)
                    for _ in range(steps):
                        images, _ = step(images)
                    stages.append((255 * images).round().byte().cpu())
            found += list(torch.stack(stages, 1))
        return found

    def attacked(self, picture, target, kind, eps):
        """The attacked picture, (3, h, w) in [0, 1] with 8 bits; the picture itself where there is nothing to do."""
        index = self.names.index(picture)
        image, label = self.images[[index]], self.labels[index]
        if eps == 0 or (target == self.classes[index] and kind != NOISE):
            return image[0]
        if kind == NOISE:
            found = syn.noise_like(
                image, (image + eps * LEVEL * (1 - 2 * image.round())), norm="inf", seed=index
            )
        elif kind == ONE:
            found = syn.fgsm(self.lab.net, image, int(label), eps * LEVEL, self._target(target))
        else:
            if (picture, target) not in self.paths:
                (self.paths[picture, target],) = self._runs(picture, [target])
            end = next(n for n, radius in enumerate(RADII) if radius >= eps)
            far = self.paths[picture, target][end][None].to(image) * LEVEL
            found = image + (far - image) * eps / RADII[end]
        return (255 * found[0]).round() * LEVEL

    def _target(self, target):
        return None if target == ANY else self.lab.label(target)

    def _look(self, picture, target, kind, eps):
        """The attacked picture, (3, h, w), and the probabilities (classes,) of it and of noise of the same size."""
        self.check(picture=picture, target=target, kind=kind, eps=eps)
        found = self.attacked(picture, target, kind, eps)
        noisy = found if kind == NOISE else self.attacked(picture, target, NOISE, eps)
        now, noise = self.lab.logits(torch.stack([found, noisy])).softmax(1).numpy()
        return found, now, noise

    def _words(self, picture, target, kind, eps):
        """The two lines above each panel, and those below all of them."""
        index = self.names.index(picture)
        found, now, noise = self.look(picture, target, kind, eps)
        image, before, own = self.images[[index]], self.before[index], self.classes[index]
        size = syn.norms(image, found[None])
        _, times = syn.magnified(image, found[None])
        name = picture if picture == own else f"{picture} ({own})"
        heads = [
            (name, f"the net says {self._said(before)}"),
            ("the difference", f"magnified {times:.0f} times" if eps else "there is none"),
            (f"{kind}, {eps}/255", f"the net says {self._said(now)}"),
        ]
        asked = f"Asked for: {target}" + (", which it is already: nothing to do" if target == own else "")
        foot = [
            f"{asked}. Random noise of the same size: the net says {self._said(noise)}.",
            f"Largest change {float(size.largest):.0f} levels of 255, root mean square {float(size.rms):.1f}; "
            f"{float(size.changed):.0%} of all values changed.",
        ]
        return heads, foot

    def _said(self, probabilities):
        best = int(probabilities.argmax())
        return f"{self.lab.classes[best]} {probabilities[best]:.0%}"

    def describe(self, picture, target, kind, eps):
        heads, foot = self._words(picture, target, kind, eps)
        (name, before), _, (what, after) = heads
        return f"{name}: {before}; {what}: {after}. {foot[0]}"

    def render(self, picture, target, kind, eps):
        state = {"picture": picture, "target": target, "kind": kind, "eps": eps}
        self.check(**state)
        index = self.names.index(picture)
        found, now, _ = self.look(**state)
        heads, foot = self._words(**state)
        sheet = Image.new("RGB", (WIDTH, HEIGHT), "white")
        draw = ImageDraw.Draw(sheet)
        for n, (panel, lines) in enumerate(zip(self._panels(index, found), heads, strict=True)):
            left = n * (PANEL + GAP)
            sheet.paste(enlarged(panel, (PANEL, PANEL)), (left, HEAD))
            for text, y, bold in zip(lines, (3, 33), (True, False), strict=True):
                draw.text((left, y), fitted(text, PANEL, 20, bold), font=font(20, bold), fill=plots.INK)
        for n, line in enumerate(foot):
            text = fitted(line, THIRD - GAP, 19)
            draw.text((0, HEAD + PANEL + 14 + 34 * n), text, font=font(19), fill=plots.INK)
        self._bars(draw, self.before[index], now, int(self.labels[index]), target)
        return np.asarray(sheet)

    def _panels(self, index, found):
        difference, _ = syn.magnified(self.images[[index]], found[None])
        return self.images[index].numpy(), difference[0].numpy(), found.numpy()

    def _bars(self, draw, before, now, right, target):
        """A row for each class, always in the same order; with many classes the likeliest before and now."""
        rows = list(range(len(now)))
        if len(now) > ROWS:
            asked = [] if target == ANY else [self.lab.label(target)]
            likely = [*now.argsort()[::-1][:6].tolist(), *before.argsort()[::-1][:6].tolist()]
            rows = list(dict.fromkeys([right, *asked, *likely]))[:ROWS]
        full, high = BARS - NAMES - 64, (HEIGHT - 8) / ROWS
        for row, index in enumerate(rows):
            middle, left, share = 4 + (row + 0.5) * high, THIRD + NAMES, float(now[index])
            bold = self.lab.classes[index] == target
            text = fitted(self.lab.classes[index], NAMES - 8, 17, bold)
            draw.text((left - 8, middle), text, font=font(17, bold), fill=plots.INK, anchor="rm")
            box = (left, middle - 0.34 * high, left + max(1, round(full * share)), middle + 0.34 * high)
            draw.rectangle(box, fill=BLUE if index == right else ORANGE)
            mark = left + full * float(before[index])
            draw.line((mark, middle - 0.46 * high, mark, middle + 0.46 * high), fill=plots.INK, width=3)
            if share >= 0.005:
                end = max(box[2], round(mark) if float(before[index]) > share else 0) + 8
                draw.text((end, middle), f"{share:.0%}", font=font(17), fill=plots.INK, anchor="lm")

    def filmstrip(self):
        """Each stop: the attacked picture with the net's answer, and below it the difference."""
        gap, above, n = 0.14, 0.78, len(self.stops)
        tile = (plots.WIDTH - gap * (n - 1)) / n
        sheet = plots.Sheet(plots.WIDTH, above + 2 * tile + 0.08, self.title, self.caption, self.alt())
        for k, title in enumerate(self.stops):
            state = self.stop(title)
            found, now, _ = self.look(**state)
            _, difference, _ = self._panels(self.names.index(state["picture"]), found)
            axes = sheet.axes(k * (tile + gap), above, tile, tile)
            axes.imshow(found.numpy().transpose(1, 2, 0), aspect="auto", interpolation="antialiased")
            words = f"{title}\n{self._said(now)}\n{state['eps']}/255"
            axes.set_title(words, fontsize=plots.SMALL, color=plots.INK, pad=4)
            axes = sheet.axes(k * (tile + gap), above + tile + 0.08, tile, tile)
            axes.imshow(difference.transpose(1, 2, 0), aspect="auto", interpolation="antialiased")
        return sheet.picture()


def _pictures(lab, count):
    """Names, images (n, 3, h, w) and labels (n,) of the pictures to attack."""
    gallery = lab.gallery
    images = gallery.images[: 8 * count]
    said = lab.logits(images).argmax(1)
    if not lab.has_key:
        return [str(name) for name in gallery.files[:count]], images[:count], said[:count]
    chosen = []
    for index in (said == gallery.labels[: len(said)]).nonzero()[:, 0].tolist():
        if gallery.labels[index] not in gallery.labels[chosen]:
            chosen.append(index)
    if not chosen:
        raise ValueError(
            f"lab: its net gets none of its first {len(images)} pictures right: there is nothing to attack"
        )
    chosen = chosen[:count]
    return (
        [lab.classes[label] for label in gallery.labels[chosen].tolist()],
        images[chosen],
        gallery.labels[chosen],
    )


def _targets(lab, labels, most=16):
    """Names of the classes that can be asked for: all, or of many the pictures' own and the first ones."""
    if len(lab.classes) <= most:
        return list(lab.classes)
    own = [lab.classes[label] for label in labels.tolist()]
    return list(dict.fromkeys([*own, *lab.classes]))[:most]
