"""An image, a target and an epsilon: the attacked image, the perturbation magnified, and what the net says then."""

from functools import lru_cache

import torch

from .. import synthesis as syn
from ..hooks import copy_to, frozen
from ..progress import progress
from ..synthesis.attack import pgd_step
from . import board as ui
from .base import Choice, Explorer, Slider

PANEL, BARS, NAMES = 316, 280, 114  # px: a panel, the bars, their names
LEVEL = 1 / 255
ANY = "any other class"
ONE, MANY, NOISE = "one step (FGSM)", "small steps (PGD)", "random noise"
RADII = (1, 2, 3, 4, 6, 8, 12, 16)  # levels at which the small steps stop on their way
STEPS = (1, 2, 2, 2, 2, 3, 2, 2)  # so many to each


class Attack(Explorer):
    """The smallest perturbation that the net falls for, by hand: image, target, epsilon, and the kind of attack.

    lab: one with an answer key. count: how many images, each the first of its class that the net gets right.
    Errors: ValueError for a lab without a key, and where the net is never right.
    "Small steps" is PGD whose ball grows from 1 to 16 levels of 255, so that one run serves every epsilon; between the
    radii of RADII the perturbation is scaled. Attacked images are rounded to 8 bits, as a file would hold them.
    A black line: the probability before.
    """

    title = "How small a change is enough?"
    caption = (
        "Each stop: the attacked picture above, the difference below, magnified until its largest value is black or "
        "white. Look for the smallest epsilon at which the answer is another one, and at random noise of the same size."
    )
    format, across = "jpeg", 6

    def __init__(self, lab, count=5):
        self.lab, self.images, self.labels = lab, *_pictures(lab, count)
        self.names = lab.names(self.labels)
        self.before = lab.logits(self.images).softmax(1).numpy()
        targets = list(lab.classes)
        self.controls = {
            "picture": Choice(tuple(self.names), "picture"),
            "target": Choice((ANY, *targets), "target"),
            "kind": Choice((MANY, ONE, NOISE), "attack"),
            "eps": Slider(0, 16, 1, "epsilon (of 255 levels)"),
        }
        self.look = lru_cache(maxsize=64)(self._look)
        other = next((t for t in targets[len(targets) // 2 :] if t not in self.names[:2]), targets[-1])
        asked = {"target": other, "eps": 12}
        self.stops = {
            "4 levels": {"picture": self.names[0], "target": ANY, "kind": MANY, "eps": 4},
            "8 levels": {"eps": 8},
            f"make it “{other}”": asked,
            "one step only": {"kind": ONE, "eps": 8},
            "random noise": {"kind": NOISE, "eps": 8},
            "another picture": asked | {"picture": self.names[:2][-1]},
        }
        self.paths = {}
        for name in progress(self.names, "finding the ways to every class"):
            for some in ([ANY], [target for target in targets if target != name]):
                self._run(name, some)

    def _run(self, name, targets):
        """Keep in `paths`, for each target, the attacked images at every radius, uint8 (radii, 3, h, w)."""
        index, net = self.names.index(name), self.lab.net
        label = self.labels[index].expand(len(targets))
        asked = None if targets == [ANY] else torch.tensor([self.lab.label(t) for t in targets])
        stages = []
        with frozen(net) as net:
            images = origin = copy_to(net, self.images[[index]]).expand(len(targets), -1, -1, -1)
            for radius, steps in zip(RADII, STEPS, strict=True):
                ball, size = radius * LEVEL, max(1.0, radius / 3) * LEVEL
                for _ in range(steps):
                    images, _ = pgd_step(net, images, origin, label, ball, size, target=asked)
                stages.append((255 * images).round().byte().cpu())
        for target, path in zip(targets, torch.stack(stages, 1), strict=True):
            self.paths[name, target] = path

    def attacked(self, picture, target, kind, eps):
        """The attacked image, (3, h, w) in [0, 1] with 8 bits; the image itself where there is nothing to do."""
        index = self.names.index(picture)
        image, label = self.images[[index]], int(self.labels[index])
        if eps == 0 or (target == picture and kind != NOISE):
            return image[0]
        if kind == NOISE:
            as_large = image + eps * LEVEL * (1 - 2 * image.round())
            found = syn.noise_like(image, as_large, norm="inf", seed=index)
        elif kind == ONE:
            asked = None if target == ANY else self.lab.label(target)
            found = syn.fgsm(self.lab.net, image, label, eps * LEVEL, asked)
        else:
            end = next(n for n, radius in enumerate(RADII) if radius >= eps)
            far = self.paths[picture, target][end][None].to(image) * LEVEL
            found = image + (far - image) * eps / RADII[end]
        return (255 * found[0]).round() * LEVEL

    def _look(self, picture, target, kind, eps):
        """The attacked image, (3, h, w), and the probabilities (classes,) of it and of noise of the same size."""
        found = self.attacked(picture, target, kind, eps)
        noisy = found if kind == NOISE else self.attacked(picture, target, NOISE, eps)
        now, noise = self.lab.logits(torch.stack([found, noisy])).softmax(1).numpy()
        return found, now, noise

    def _words(self, picture, target, kind, eps):
        """The two lines above each panel, and those below all of them."""
        index = self.names.index(picture)
        found, now, noise = self.look(picture, target, kind, eps)
        image = self.images[[index]]
        size, (_, times) = syn.norms(image, found[None]), syn.magnified(image, found[None])
        heads = [
            (picture, f"the net says {self._said(self.before[index])}"),
            ("the difference", f"magnified {times:.0f} times" if eps else "there is none"),
            (f"{kind}, {eps}/255", f"the net says {self._said(now)}"),
        ]
        asked = f"Asked for: {target}" + (", which it is already: nothing to do" if target == picture else "")
        return heads, [
            f"{asked}. Random noise of the same size: the net says {self._said(noise)}.",
            f"Largest change {float(size.largest):.0f} levels of 255, root mean square {float(size.rms):.1f}; "
            f"{float(size.changed):.0%} of all values changed.",
        ]

    def _said(self, probabilities):
        best = int(probabilities.argmax())
        return f"{self.lab.classes[best]} {probabilities[best]:.0%}"

    def sentence(self, **values):
        ((name, before), _, (what, after)), foot = self._words(**values)
        return f"{name}: {before}; {what}: {after}. {foot[0]}"

    def board(self, picture, target, kind, eps):
        index, (found, now, _) = self.names.index(picture), self.look(picture, target, kind, eps)
        heads, foot = self._words(picture, target, kind, eps)
        panels = self.images[index], self._difference(picture, found), found
        above = (ui.titled(ui.Tile(panel, PANEL), *head) for panel, head in zip(panels, heads, strict=True))
        above = ui.row(*above)
        left = ui.column(above, *(ui.Text(line, 19, wide=above.wide) for line in foot), gap=11)
        bars = ui.Bars(BARS, self._bars(index, now, target), left.high / len(now), NAMES, room=64)
        return ui.row(left, bars)

    def _difference(self, picture, found):
        return syn.magnified(self.images[[self.names.index(picture)]], found[None])[0][0]

    def _bars(self, index, now, target):
        """Bars of all classes, always in the same order."""
        for k, name in enumerate(self.lab.classes):
            share, ink = float(now[k]), ui.BLUE if k == int(self.labels[index]) else ui.ORANGE
            yield ui.Bar(name, share, ui.percent(share), ink, float(self.before[index, k]), name == target)

    def still(self, title, **values):
        found, now, _ = self.look(**values)
        head = ui.captioned(ui.Tile(found, 155), f"{title}\n{self._said(now)}\n{values['eps']}/255")
        return ui.column(head, ui.Tile(self._difference(values["picture"], found), 155), gap=8)


def _pictures(lab, count):
    """Images (n, 3, h, w) and labels (n,) of the images to attack."""
    if not lab.has_key:
        raise ValueError(f"lab: expected one with an answer key, got {lab!r}")
    gallery, images = lab.gallery, lab.gallery.images[: 8 * count]
    said = lab.logits(images).argmax(1)
    first = {}  # of each class the first image that the net gets right
    for index in (said == gallery.labels[: len(said)]).nonzero()[:, 0].tolist():
        first.setdefault(int(gallery.labels[index]), index)
    if not first:
        raise ValueError(
            f"lab: its net gets none of its first {len(images)} pictures right: nothing to attack"
        )
    chosen = list(first.values())[:count]
    return images[chosen], gallery.labels[chosen]
