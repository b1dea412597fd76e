"""What a class or a channel likes best, with each regulariser on or off: pictures that are there, and a live run."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from .. import plots, results
from ..lab import open_lab
from ..models import card
from . import ascent_ways as study
from .base import Choice, Explorer, Slider
from .pixels import enlarged, fitted, font

PANEL, THUMB, GAP, HEAD = 448, 112, 14, 36  # px: the image, the small ones below, space, title
WIDTH, HEIGHT = 9 * THUMB + 8 * GAP, HEAD + PANEL + 34 + THUMB + 26
SECOND, REAL = PANEL + 28, 200  # where the numbers begin; the real picture
BLUE, ORANGE, GREY = plots.COLOURS[1], plots.COLOURS[2], "#b0b0b0"
SHORT = dict(
    zip(
        study.WAYS,
        ("none", "decay", "small norm", "small grad.", "jitter", "blur", "total var.", "four", "four + TV"),
        strict=True,
    )
)
FIRST = "elephant"  # the class of the stops, where the lab has it


class Made(NamedTuple):
    """An image, (3, h, w) in [0, 1], its score and roughness, and [(net, class it names, probability)]."""

    image: np.ndarray
    score: float
    roughness: float
    said: list


class ClassImages(Explorer):
    """The image that a class or a channel likes best, for each regulariser alone, four together, and five.

    lab: as `open_lab` gives it. For `alex` of the toy world all images are there (see studies/ascent_pictures), with
    what two other nets call them; for another net an image is made when it is asked for, of the first steps only.
    Left the image; right its score and its total variation, beside those of the real picture that scores highest; below
    all the ways from the same start. "Run live" climbs again before your eyes, 200 steps: to another image of the same
    kind, as the last digits of a gradient decide between many optima.
    """

    title = "One class or channel, nine ways to climb"
    caption = (
        "Four: jitter, blur, decay and small norm together; TV: total variation, too. Without any the score is "
        "highest, and there is hardly a picture. Look at what two nets say that had no part in it."
    )
    format, steps = "jpeg", study.STEPS  # of a live run

    def __init__(self, lab):
        self.lab, self.shipped = lab, _is_shipped(lab)
        facts = results.load("ascent_pictures") if self.shipped else None
        names = list(facts["subjects"]) if facts else study.subjects(lab)
        self.facts, self.pictures = facts, study.load_pictures(names) if facts else {}
        self.usual = facts["real roughness"] if facts else _usual(lab)
        self.judges = {}
        self.side = lab.gallery.images.shape[-1]
        self.first = study.EVERY if self.side <= study.SIDE else 2  # steps of an image that does not ship
        self.look, self.row, self.real = (
            lru_cache(maxsize=size)(function)
            for size, function in ((64, self._look), (64, self._row), (64, self._real))
        )
        self.controls = {
            "subject": Choice(tuple(names), "class or channel"),
            "way": Choice(tuple(study.WAYS), "regulariser"),
            "start": Slider(0, 1, 1, "start (0: blank, 1: noise)"),
        }
        self.stops = _stops(names)

    def _look(self, subject, way, start):
        """What is known of an image: `Made`."""
        if not self.shipped:
            *_, last = self._grown(subject, way, start, self.first)
            return self._made(last, subject)
        score, roughness, *said = self.facts["subjects"][subject]["images"][way][study.STARTS[start]]
        image = self.pictures[subject, way, study.STARTS[start]].transpose(2, 0, 1) / 255
        judges = zip(self.facts["judges"], said[::2], said[1::2], strict=True)
        return Made(image, score, roughness, list(judges))

    def _grown(self, subject, way, start, steps):
        goal, every = study.objective(self.lab, [subject]), study.EVERY if self.side <= study.SIDE else 4
        return study.grow(self.lab.net, goal, way, study.STARTS[start], self.side, steps, every)

    def _made(self, growth, subject):
        """The same of an image that has just been made, judged by the other nets of the toy world."""
        if self.shipped and not self.judges:
            self.judges = {name: open_lab(net=name, device=str(self.lab.device)) for name in study.JUDGES}
        said = []
        for name, judge in self.judges.items():
            words, sure = judge.predict(growth.images)
            said.append((name, words[0], float(sure.max())))
        rough, score = float(study.roughness(growth.images)), float(study.unscaled(growth.scores, subject))
        return Made(growth.images[0].cpu().numpy(), score, rough, said)

    def _real(self, subject):
        """The real picture that scores highest, (3, h, w), and its score."""
        if self.shipped:
            number, score = self.facts["subjects"][subject]["real"]
            return self.lab.gallery.images[number].numpy(), score
        images = self.lab.gallery.images[: study.LOOKED_AT]
        scores = study.real_scores(self.lab, [subject], images)[:, 0]
        return images[int(scores.argmax())].numpy(), float(scores.max())

    def live(self, subject, way, start):
        """The ascent, a look every few steps: (picture, sentence) each time."""
        self.check(subject=subject, way=way, start=start)
        for growth in self._grown(subject, way, start, self.steps):
            made, where = self._made(growth, subject), f"live, step {growth.step} of {self.steps}"
            if growth.stopped:
                where = f"{growth.stopped} after {growth.step} steps"
            yield (
                self._sheet(made, where, subject, way, start),
                self._sentence(made, where, subject, way, start),
            )

    def describe(self, subject, way, start):
        where = "" if self.shipped else f"no images ship for {self.lab.name}: after {self.first} steps"
        return self._sentence(self.look(subject, way, start), where, subject, way, start)

    def _sentence(self, made, where, subject, way, start):
        _, best = self.real(subject)
        said = "".join(f"; {net} calls it {word} ({share:.0%})" for net, word, share in made.said)
        score, best = (_score(value, subject) for value in (made.score, best))
        return (
            f"{subject}, {way}, from {_start(start)}{where and f' ({where})'}: score {score}, of the best "
            f"real picture {best}; total variation {made.roughness:.3f}, of a usual one {self.usual:.3f}{said}."
        )

    def render(self, subject, way, start):
        self.check(subject=subject, way=way, start=start)
        where = "" if self.shipped else f"after {self.first} steps"
        return self._sheet(self.look(subject, way, start), where, subject, way, start)

    def _sheet(self, made, where, subject, way, start):
        sheet = Image.new("RGB", (WIDTH, HEIGHT), "white")
        draw = ImageDraw.Draw(sheet)
        title = f"{subject} · {way} · from {_start(start)}"
        _write(draw, 0, 4, fitted(title, WIDTH - 270, 20, True), 20, bold=True)
        _write(draw, WIDTH, 4, where, 20, BLUE, anchor="ra")
        smooth = way not in study.SHEETS["rough"]  # of the others one should see the pixels
        sheet.paste(enlarged(made.image, (PANEL, PANEL), smooth), (0, HEAD))
        self._numbers(sheet, draw, made, subject)
        sheet.paste(self.row(subject, start), (0, HEAD + PANEL + 8))
        if self.shipped:
            left, top = list(study.WAYS).index(way) * (THUMB + GAP), HEAD + PANEL + 34
            draw.rectangle((left - 4, top - 4, left + THUMB + 3, top + THUMB + 3), outline=BLUE, width=4)
        return np.asarray(sheet)

    def _numbers(self, sheet, draw, made, subject):
        picture, best = self.real(subject)
        left = WIDTH - REAL
        sheet.paste(enlarged(picture, (REAL, REAL)), (left, HEAD + 26))
        _write(draw, left, HEAD, "highest real score", 17)
        most = max([best, made.score, *self._scores(subject)])
        wide = left - SECOND - 30
        pairs = (
            ("score", made.score, best, most, 2 if study.CHANNEL in subject else 1, "the real picture"),
            ("total variation (roughness)", made.roughness, self.usual, 1.0, 3, "a usual real one"),
        )
        for k, (word, ours, theirs, longest, digits, other) in enumerate(pairs):
            top = HEAD + 118 * k
            _write(draw, SECOND, top, word, 19, bold=True)
            rows = ((ours, BLUE, "this image"), (theirs, GREY, other))
            for n, (value, colour, name) in enumerate(rows):
                y, end = (
                    top + 30 + 38 * n,
                    SECOND + max(3, round((wide - 190) * max(0, min(value / longest, 1)))),
                )
                draw.rectangle((SECOND, y, end, y + 28), fill=colour)
                _write(draw, end + 8, y + 14, f"{value:.{digits}f}  {name}", 16, anchor="lm")
        self._opinions(draw, made, subject, HEAD + 250, WIDTH - SECOND)

    def _scores(self, subject):
        """Of all its images from every start."""
        ways = self.facts["subjects"][subject]["images"].values() if self.shipped else ()
        return [row[0] for each in ways for row in each.values()]

    def _opinions(self, draw, made, subject, top, wide):
        if not made.said:
            words = (
                "No images ship for this net:",
                "what you see are the first steps.",
                "Run live makes the rest.",
            )
            for n, text in enumerate(words):
                _write(draw, SECOND, top + 34 * n, text, 20, plots.MUTED)
            return
        _write(draw, SECOND, top, "what other nets call it", 19, bold=True)
        for n, (net, word, share) in enumerate(made.said):
            y, full = top + 36 + 54 * n, wide - 380
            colour = BLUE if word == subject else ORANGE if subject in self.lab.classes else GREY
            _write(draw, SECOND, y + 16, net, 19, anchor="lm")
            draw.rectangle((SECOND + 60, y, SECOND + 60 + max(3, round(full * share)), y + 32), fill=colour)
            mark = "" if subject not in self.lab.classes else ", right" if word == subject else ", wrong"
            _write(
                draw, SECOND + 68 + round(full * share), y + 16, f"{word} {share:.0%}{mark}", 19, anchor="lm"
            )

    def _row(self, subject, start):
        """All ways from one start, with their scores; without images the place stays empty."""
        strip = Image.new("RGB", (WIDTH, HEIGHT - HEAD - PANEL - 8), "white")
        draw = ImageDraw.Draw(strip)
        for n, way in enumerate(study.WAYS if self.shipped else ()):
            made, left = self._look(subject, way, start), n * (THUMB + GAP)
            pixels = Image.fromarray((255 * made.image).round().astype(np.uint8).transpose(1, 2, 0))
            strip.paste(pixels, (left, 26))
            _write(draw, left + THUMB / 2, 0, SHORT[way], 16, anchor="ma")
            _write(
                draw,
                left + THUMB / 2,
                26 + THUMB + 6,
                f"score {_score(made.score, subject)}",
                15,
                plots.MUTED,
                anchor="ma",
            )
        return strip

    def filmstrip(self, columns=4):
        """The image of each stop with its score, and what the other nets call it."""
        looks = {title: self.look(**self.stop(title)) for title in self.stops}
        titles = []
        for title, made in looks.items():
            words = {word: [net for net, said, _ in made.said if said == word] for _, word, _ in made.said}
            said = ", ".join(f"{' and '.join(nets)}: {word}" for word, nets in words.items())
            score = _score(made.score, self.stop(title)["subject"])
            titles.append(f"{title}\nscore {score}\n{said or f'{self.first} steps'}")
        images = np.stack([made.image for made in looks.values()])
        return plots.image_grid(images, titles, columns, self.title, self.caption, self.alt())


def _stops(names):
    """Ways of one class, another start, another class, two channels: all by their place in the list, not by looks."""
    subject = FIRST if FIRST in names else names[0]
    channels = [name for name in names if study.CHANNEL in name]
    other = next(name for name in names if name != subject)
    none, four, five = (list(study.WAYS)[n] for n in (0, 7, 8))
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
    return f"{score:.{2 if study.CHANNEL in subject else 1}f}"


def _start(start):
    return "a blank image" if start == 0 else "noise"


def _is_shipped(lab):
    """Whether the images in the data folder were made by this lab's net."""
    return (
        lab.has_key
        and lab.name == study.NET
        and card(lab.name)["weights"]["sha256"] == results.load("ascent_pictures")["weights"]
    )


def _usual(lab):
    return float(study.roughness(lab.gallery.images[: study.LOOKED_AT]).median())


def _write(draw, x, y, text, size, colour=plots.INK, bold=False, anchor="la"):
    draw.text((x, y), text, font=font(size, bold), fill=colour, anchor=anchor)
