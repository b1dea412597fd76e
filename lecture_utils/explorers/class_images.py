"""What a class or a channel likes best, with each regulariser on or off: images that are there, and a live run."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from .. import results, synthesis as syn
from ..lab import open_lab
from ..models import card
from ..plots import MUTED
from ..synthesis.ascent import STEPS, WAYS, grow
from . import board as ui
from .base import Choice, Explorer, Slider

# px: the image, the small ones below, the numbers, the real image, all of them
PANEL, THUMB, MIDDLE, REAL, WIDTH = 448, 112, 416, 200, 1120
STARTS, FROM = ("blank", "noise"), ("a blank image", "noise")
SHEETS = {"rough": tuple(WAYS)[:5], "smooth": tuple(WAYS)[5:]}  # the ways in each file of images
SHORT = "none", "decay", "small norm", "small grad.", "jitter", "blur", "total var.", "four", "four + TV"
FIRST = "elephant"  # the class of the stops
CHANNEL = ", channel "
FACTOR = 16  # the mean of a channel's map is small: so many times it is climbed, or total variation would outweigh it


class Made(NamedTuple):
    """An image, (3, h, w) in [0, 1], its score and roughness, [(net, class it names, probability)], how it was made."""

    image: np.ndarray
    score: float
    roughness: float
    said: list
    where: str = ""


class ClassImages(Explorer):
    """The image that a class or a channel likes best, for each regulariser alone, four together, and five.

    lab: `open_lab()`, whose `alex` made the images that ship (python -m experiments ascent_pictures), with what two
    other nets call them. "Run live" climbs again before your eyes, 200 steps: to another image of the same kind, as the
    last digits of a gradient decide between many optima. Errors: ValueError for a lab with another net.
    """

    title = "The elephant: the noisier the image, the higher the score"
    caption = (
        "Four rules: jitter, blur, decay, small norm (small pixels). Above each image, what two other nets call it: "
        "they helped to choose the four rules, so this is no independent test. A channel's score has another scale."
    )
    format, across, filmed, steps = "jpeg", 4, (0, 1, 2, 6), STEPS  # of a live run

    def __init__(self, lab):
        facts = results.load("ascent_pictures")
        if lab.name != facts["net"] or card(lab.name)["weights"]["sha256"] != facts["weights"]:
            raise ValueError(f"lab: the images were made with the net {facts['net']!r}, got {lab.name!r}")
        names = list(facts["subjects"])
        self.lab, self.facts, self.pictures, self.judges = lab, facts, shipped_pictures(names), {}
        self.look, self.ways = (lru_cache(maxsize=64)(method) for method in (self._look, self._ways))
        self.controls = {
            "subject": Choice(tuple(names), "class or channel"),
            "way": Choice(tuple(WAYS), "regulariser"),
            "start": Slider(0, 1, 1, "start (0: blank, 1: noise)"),
        }
        self.stops = _stops(names)

    def _look(self, subject, way, start):
        """What is known of an image: `Made`."""
        score, rough, *said = self.facts["subjects"][subject]["images"][way][STARTS[start]]
        image = self.pictures[subject, way, STARTS[start]].transpose(2, 0, 1) / 255
        return Made(image, score, rough, list(zip(self.facts["judges"], said[::2], said[1::2], strict=True)))

    def _made(self, growth, subject, where):
        """The same of an image that has just been made, judged by the other nets of the toy world."""
        if not self.judges:
            device = str(self.lab.device)
            self.judges = {name: open_lab(net=name, device=device) for name in self.facts["judges"]}
        said = [(name, *judge.predict(growth.images)) for name, judge in self.judges.items()]
        said = [(name, word, float(sure.max())) for name, (word,), sure in said]
        score = float(unscaled(growth.scores, subject))
        return Made(growth.images[0].cpu().numpy(), score, float(roughness(growth.images)), said, where)

    def real(self, subject):
        """The real image that scores highest, (3, h, w), and its score."""
        number, score = self.facts["subjects"][subject]["real"]
        return self.lab.gallery.images[number].numpy(), score

    def live(self, subject, way, start):
        self.check(subject=subject, way=way, start=start)
        goal, net = objective(self.lab, [subject]), self.lab.net
        for growth in grow(net, goal, way, STARTS[start], self.lab.size, self.steps):
            where = f"live, step {growth.step} of {self.steps}"
            where = f"{growth.stopped} after {growth.step} steps" if growth.stopped else where
            made = self._made(growth, subject, where)
            yield self.board(subject, way, start, made), self.sentence(subject, way, start, made)

    def sentence(self, subject, way, start, made=None):
        made = made or self.look(subject, way, start)
        score, best = (_score(value, subject) for value in (made.score, self.real(subject)[1]))
        said = "".join(f"; {net} calls it {word} ({share:.0%})" for net, word, share in made.said)
        return (
            f"{subject}, {way}, from {FROM[start]}{made.where and f' ({made.where})'}: score {score}, of the best "
            f"real picture {best}; total variation {made.roughness:.3f}, of a usual one "
            f"{self.facts['real roughness']:.3f}{said}."
        )

    def board(self, subject, way, start, made=None):
        made = made or self.look(subject, way, start)
        title = ui.Text(f"{subject} · {way} · from {FROM[start]}", bold=True, wide=WIDTH - 464)
        title = ui.row(title, ui.Text(made.where, ink=ui.BLUE, wide=450, align=1))
        image = ui.Tile(made.image, PANEL, smooth=way not in SHEETS["rough"])  # whose pixels one should see
        numbers = ui.column(*self._numbers(made, subject), self._opinions(made.said, subject), gap=16)
        real = ui.titled(ui.Tile(self.real(subject)[0], REAL), "highest real score", size=17, bold=False)
        ways = self.ways(subject, start)
        others = (ui.Tile(small, frame=ui.BLUE if each == way else None) for each, small in ways)
        return ui.column(title, ui.row(image, numbers, real, gap=28), ui.row(*others), ui.Block(), gap=7)

    def _numbers(self, made, subject):
        """Score and roughness as bars, beside those of real images."""
        best, others = self.real(subject)[1], self.facts["subjects"][subject]["images"]
        usual = self.facts["real roughness"]
        longest = max(best, made.score, *(start[0] for way in others.values() for start in way.values()))
        digits = 2 if CHANNEL in subject else 1
        rows = [
            ("score", longest, made.score, best, digits, "the real picture"),
            ("total variation (roughness)", 1.0, made.roughness, usual, 3, "a usual real one"),
        ]
        for title, most, ours, theirs, digits, other in rows:
            bars = []
            for name, value, ink in (("this image", ours, ui.BLUE), (other, theirs, ui.GREY)):
                bars.append(ui.Bar(name, max(0, min(value / most, 1)), f"{value:.{digits}f}", ink))
            yield ui.titled(ui.Bars(MIDDLE, bars, 38, names=150, room=70, size=16), title, size=19)

    def _opinions(self, said, subject):
        """What the other nets call it: blue where it is the class that was asked for."""
        is_class, bars = subject in self.lab.classes, []
        for net, word, share in said:
            ink = ui.BLUE if word == subject else ui.ORANGE if is_class else ui.GREY
            mark = (", right" if word == subject else ", wrong") if is_class else ""
            bars.append(ui.Bar(net, share, f"{word} {share:.0%}{mark}", ink))
        bars = ui.Bars(MIDDLE, bars, 46, names=54, room=216, size=18)
        return ui.titled(bars, "what other nets call it", size=19)

    def _ways(self, subject, start):
        """[(way, its image from one start with its score, a Pillow image)]."""
        images = []
        for way, short in zip(WAYS, SHORT, strict=True):
            made = self._look(subject, way, start)
            score = ui.Text(f"score {_score(made.score, subject)}", 15, MUTED, wide=THUMB, align=0.5)
            small = ui.column(ui.captioned(ui.Tile(made.image, THUMB), short), score, gap=2)
            images.append((way, small.image()))
        return images

    def still(self, title, subject, way, start):
        made = self.look(subject, way, start)
        said = ", ".join(f"{net} says {word}" for net, word, _ in made.said)
        words = title, f"score {_score(made.score, subject)}", said
        return ui.captioned(ui.Tile(made.image, 235), "\n".join(words))


def _stops(names):
    """Ways of one class, another start, another class, two channels: all by their place in the list, not by looks."""
    subject, channels = FIRST, [name for name in names if CHANNEL in name]
    other = next(name for name in names if name != subject)
    none, *_, four, five = WAYS
    found = {
        f"{subject}, no rule": {"subject": subject, "way": none, "start": 1},
        f"{subject}, blur alone": {"way": "blur"},
        f"{subject}, four rules": {"way": four},
        f"{subject}, four rules and total variation": {"way": five},
        "four rules, another start: blank": {"way": four, "start": 0},
        f"four rules, another class: {other}": {"subject": other, "way": four},
    }
    for name in (channels[0], channels[-1]):
        found[f"four rules, no class: {name}"] = {"subject": name, "way": four}
    return found


def _score(score, subject):
    return f"{score:.{2 if CHANNEL in subject else 1}f}"


def roughness(images):
    """Total variation for each pixel, (n,)."""
    return syn.total_variation(images) / images[0, 0].numel()


def parsed(lab, name):
    """(None, class) or (layer, channel) of a subject's name."""
    if name in lab.classes:
        return None, lab.label(name)
    layer, channel = name.split(CHANNEL)
    return layer, int(channel)


def before_relu(net, layer):
    """The layer whose output the ReLU of a layer cuts: "relu3" -> "norm3" where there is one. Else the layer itself."""
    norm = layer.replace("relu", "norm")
    return norm if norm in dict(net.named_modules()) else layer


def objective(lab, names):
    """What `ascend` climbs for subjects of one layer, one image each."""
    layers, numbers = zip(*(parsed(lab, name) for name in names), strict=True)
    if layers[0] is None:
        return syn.class_score(torch.tensor(numbers))
    module = before_relu(lab.net, lab.layer(layers[0]))
    return FACTOR * syn.channel(module, torch.tensor(numbers), where="mean")


def unscaled(scores, name):
    """What `ascend` has reached as a score of the subject: without the FACTOR of channels."""
    return scores / FACTOR if CHANNEL in name else scores


def shipped_pictures(names):
    """{(subject, way, start): uint8 (112, 112, 3)}, as they were saved. names: of the subjects, as in the results."""
    found, rows = {}, [(name, start) for name in names for start in STARTS]
    for sheet, ways in SHEETS.items():
        pixels = results.sheet(f"synthesis/ascent_pictures/{sheet}.jpg", len(rows), len(ways))
        for images, (name, start) in zip(pixels, rows, strict=True):
            found |= {(name, way, start): image for way, image in zip(ways, images, strict=True)}
    return found
