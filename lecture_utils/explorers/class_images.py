"""What a class or a channel likes best, with each regulariser on or off: images that are there, and a live run."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from .. import plots, results, synthesis as syn
from ..lab import open_lab
from ..models import card
from ..synthesis.ascent import EVERY, STEPS, WAYS, grow
from .base import Choice, Explorer, Slider
from .board import BLUE, GREY, ORANGE, Board

PANEL, THUMB, GAP, HEAD = 448, 112, 14, 36  # px: the image, the small ones below, space, title
WIDTH, HEIGHT = 9 * THUMB + 8 * GAP, HEAD + PANEL + 34 + THUMB + 26
SECOND, REAL = PANEL + 28, 200  # where the numbers begin; the real image
ROW = HEAD + PANEL + 34  # where the small ones begin
STARTS = ("blank", "noise")
SHEETS = {"rough": tuple(WAYS)[:5], "smooth": tuple(WAYS)[5:]}  # the ways in each file of images
SHORT = "none", "decay", "small norm", "small grad.", "jitter", "blur", "total var.", "four", "four + TV"
FIRST = "elephant"  # the class of the stops, where the lab has it
CHANNEL = ", channel "
FACTOR = 16  # the mean of a channel's map is small: so many times it is climbed, or total variation would outweigh it
LOOKED_AT = 160  # images of the gallery that are asked for the highest score


class Made(NamedTuple):
    """An image, (3, h, w) in [0, 1], its score and roughness, and [(net, class it names, probability)]."""

    image: np.ndarray
    score: float
    roughness: float
    said: list


class ClassImages(Explorer):
    """The image that a class or a channel likes best, for each regulariser alone, four together, and five.

    lab: as `open_lab` gives it. For `alex` of the toy world all images ship (python -m experiments ascent_pictures),
    with what two other nets call them; for another net an image of a class is made when it is asked for, of the first
    steps only. Left the image; right its score and its total variation, beside those of the real image that scores
    highest; below all the ways from the same start. "Run live" climbs again before your eyes, 200 steps: to another
    image of the same kind, as the last digits of a gradient decide between many optima.
    """

    title = "One class or channel, nine ways to climb"
    caption = (
        "Four: jitter, blur, decay and small norm together; TV: total variation, too. Without any the score is "
        "highest, and there is hardly a picture. Look at what two nets say that had no part in it."
    )
    format, steps = "jpeg", STEPS  # of a live run

    def __init__(self, lab):
        facts = results.load("ascent_pictures")
        ships = (
            lab.has_key
            and lab.name == facts["net"]
            and card(lab.name)["weights"]["sha256"] == facts["weights"]
        )
        self.lab, self.facts, images = lab, facts if ships else None, lab.gallery.images
        names = list(facts["subjects"]) if ships else _classes(lab)
        self.pictures = shipped_pictures(names) if ships else {}
        self.usual = facts["real roughness"] if ships else float(roughness(images[:LOOKED_AT]).median())
        self.judges, self.side = {}, images.shape[-1]
        self.every = EVERY if self.side <= 112 else 4  # steps between two looks of a live run
        self.first = EVERY if self.side <= 112 else 2  # steps of an image that does not ship
        self.look, self.real = (lru_cache(maxsize=64)(method) for method in (self._look, self._real))
        self.paper = lru_cache(maxsize=64)(self._paper)
        self.controls = {
            "subject": Choice(tuple(names), "class or channel"),
            "way": Choice(tuple(WAYS), "regulariser"),
            "start": Slider(0, 1, 1, "start (0: blank, 1: noise)"),
        }
        self.stops = _stops(names)

    def _look(self, subject, way, start):
        """What is known of an image: `Made`."""
        if self.facts is None:
            *_, last = self._grown(subject, way, start, self.first)
            return self._made(last, subject)
        score, rough, *said = self.facts["subjects"][subject]["images"][way][STARTS[start]]
        image = self.pictures[subject, way, STARTS[start]].transpose(2, 0, 1) / 255
        return Made(image, score, rough, list(zip(self.facts["judges"], said[::2], said[1::2], strict=True)))

    def _grown(self, subject, way, start, steps):
        goal = objective(self.lab, [subject])
        return grow(self.lab.net, goal, way, STARTS[start], self.side, steps, self.every)

    def _made(self, growth, subject):
        """The same of an image that has just been made, judged by the other nets of the toy world."""
        if self.facts and not self.judges:
            device = str(self.lab.device)
            self.judges = {name: open_lab(net=name, device=device) for name in self.facts["judges"]}
        said = [(name, *judge.predict(growth.images)) for name, judge in self.judges.items()]
        said = [(name, words[0], float(sure.max())) for name, words, sure in said]
        score = float(unscaled(growth.scores, subject))
        return Made(growth.images[0].cpu().numpy(), score, float(roughness(growth.images)), said)

    def _real(self, subject):
        """The real image that scores highest, (3, h, w), and its score."""
        if self.facts:
            number, score = self.facts["subjects"][subject]["real"]
            return self.lab.gallery.images[number].numpy(), score
        images = self.lab.gallery.images[:LOOKED_AT]
        scores = self.lab.logits(images)[:, self.lab.label(subject)]
        return images[int(scores.argmax())].numpy(), float(scores.max())

    def live(self, subject, way, start):
        """The ascent, a look every few steps: (board, sentence) each time."""
        self.check(subject=subject, way=way, start=start)
        for growth in self._grown(subject, way, start, self.steps):
            made, where = self._made(growth, subject), f"live, step {growth.step} of {self.steps}"
            where = f"{growth.stopped} after {growth.step} steps" if growth.stopped else where
            yield (
                self._board(made, where, subject, way, start),
                self._sentence(made, where, subject, way, start),
            )

    def sentence(self, **values):
        where = "" if self.facts else f"no images ship for {self.lab.name}: after {self.first} steps"
        return self._sentence(self.look(**values), where, **values)

    def _sentence(self, made, where, subject, way, start):
        score, best = (_score(value, subject) for value in (made.score, self.real(subject)[1]))
        said = "".join(f"; {net} calls it {word} ({share:.0%})" for net, word, share in made.said)
        return (
            f"{subject}, {way}, from {_start(start)}{where and f' ({where})'}: score {score}, of the best "
            f"real picture {best}; total variation {made.roughness:.3f}, of a usual one {self.usual:.3f}{said}."
        )

    def board(self, **values):
        where = "" if self.facts else f"after {self.first} steps"
        return self._board(self.look(**values), where, **values)

    def _board(self, made, where, subject, way, start):
        board = Board(0, 0, self.paper(subject, start))
        title = f"{subject} · {way} · from {_start(start)}"
        board.write(0, 4, title, bold=True, width=WIDTH - 270)
        board.write(WIDTH, 4, where, colour=BLUE, anchor="ra")
        smooth = way not in SHEETS["rough"]  # of the others one should see the pixels
        board.tile(made.image, 0, HEAD, PANEL, smooth=smooth)
        if self.facts:
            board.frame(list(WAYS).index(way) * (THUMB + GAP), ROW, THUMB)
        self._numbers(board, made, subject)
        self._opinions(board, made.said, subject)
        return board

    def _numbers(self, board, made, subject):
        """Score and roughness as bars, beside those of real images."""
        best, others = self.real(subject)[1], self.facts["subjects"][subject]["images"] if self.facts else {}
        longest = max(best, made.score, *(row[0] for way in others.values() for row in way.values()))
        digits = 2 if CHANNEL in subject else 1
        rows = [
            ("score", longest, made.score, best, digits, "the real picture"),
            ("total variation (roughness)", 1.0, made.roughness, self.usual, 3, "a usual real one"),
        ]
        for k, (word, most, ours, theirs, digits, other) in enumerate(rows):
            top, full = HEAD + 118 * k, WIDTH - REAL - SECOND - 220
            board.write(SECOND, top, word, 19, bold=True)
            for y, value, colour, name in ((30, ours, BLUE, "this image"), (68, theirs, GREY, other)):
                length, said = full * max(0, min(value / most, 1)), f"{value:.{digits}f}  {name}"
                board.bar(SECOND, top + y, length, 28, colour, said, size=16, least=3)

    def _opinions(self, board, said, subject):
        """What the other nets call it."""
        top, full = HEAD + 250, WIDTH - SECOND - 380
        lines = (
            "No images ship for this net:",
            "what you see are the first steps.",
            "Run live makes the rest.",
        )
        for n, text in enumerate(lines if not said else ()):
            board.write(SECOND, top + 34 * n, text, 20, plots.MUTED)
        if said:
            board.write(SECOND, top, "what other nets call it", 19, bold=True)
        is_class = subject in self.lab.classes
        for n, (net, word, share) in enumerate(said):
            colour = BLUE if word == subject else ORANGE if is_class else GREY
            mark = (", right" if word == subject else ", wrong") if is_class else ""
            board.write(SECOND, top + 52 + 54 * n, net, 19, anchor="lm")
            text = f"{word} {share:.0%}{mark}"
            board.bar(SECOND + 60, top + 36 + 54 * n, full * share, 32, colour, text, size=19, least=3)

    def _paper(self, subject, start):
        """The real image, and all ways from one start with their scores; without images their place stays empty."""
        board, left = Board(WIDTH, HEIGHT), WIDTH - REAL
        board.tile(self.real(subject)[0], left, HEAD + 26, REAL)
        board.write(left, HEAD, "highest real score", 17)
        for n, (way, short) in enumerate(zip(WAYS if self.facts else (), SHORT, strict=False)):
            made, left = self._look(subject, way, start), n * (THUMB + GAP)
            board.tile(made.image, left, ROW, THUMB)
            board.write(left + THUMB / 2, ROW - 26, short, 16, anchor="ma")
            said = f"score {_score(made.score, subject)}"
            board.write(left + THUMB / 2, ROW + THUMB + 6, said, 15, plots.MUTED, anchor="ma")
        return board

    def filmstrip(self):
        """The image of each stop with its score, and what the other nets call it."""
        titles, images = [], []
        for _, title, values in self.places():
            made = self.look(**values)
            words = {word: [net for net, said, _ in made.said if said == word] for _, word, _ in made.said}
            said = ", ".join(f"{' and '.join(nets)}: {word}" for word, nets in words.items())
            score = _score(made.score, values["subject"])
            titles.append(f"{title}\nscore {score}\n{said or f'{self.first} steps'}")
            images.append(made.image)
        return plots.image_grid(np.stack(images), titles, 4, self.title, self.caption, self.alt())


def _classes(lab, most=16):
    """The names of a lab's classes; of many those that the net names for its gallery, then others."""
    named = lab.predict(lab.gallery.images[:LOOKED_AT])[0] if len(lab.classes) > most else ()
    return list(dict.fromkeys([*named, *lab.classes]))[:most]


def _stops(names):
    """Ways of one class, another start, another class, two channels: all by their place in the list, not by looks."""
    subject = FIRST if FIRST in names else names[0]
    channels = [name for name in names if CHANNEL in name]
    other = next((name for name in names if name != subject), subject)
    none, *_, four, five = WAYS
    start = {"subject": subject, "way": none, "start": 1}
    found = {
        f"{subject}, none": start,
        f"{subject}, blur": start | {"way": "blur"},
        f"{subject}, four": start | {"way": four},
        f"{subject}, four + TV": start | {"way": five},
        f"{subject}, blank start": start | {"way": four, "start": 0},
        f"{other}, four": start | {"subject": other, "way": four},
    }
    for name in dict.fromkeys([*channels[:1], *channels[-1:]]):
        found[f"{name.replace(',', '')}, four"] = start | {"subject": name, "way": four}
    return found


def _score(score, subject):
    return f"{score:.{2 if CHANNEL in subject else 1}f}"


def _start(start):
    return "a blank image" if start == 0 else "noise"


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
        for row, (name, start) in enumerate(rows):
            found |= {(name, way, start): pixels[row, column] for column, way in enumerate(ways)}
    return found
