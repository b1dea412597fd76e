"""What does each regulariser do to the image of a class?  python -m experiments class_images

Sixteen images, one of each class, from each of two starts that chose nothing (NATURAL was chosen with start 0), made
with one regulariser, with mixtures, and with none. Each image is measured by its score, its total variation, and by a
net that had no part in it, the judge `zf`: does it say the class, and how far in its features is the nearest real
picture? Beside them the floors and the ceiling. Results: data/results/class_images.json; notebook 07 makes a slice of
them again. Name settings to make only these; the others stay.

Written before the first run; "worth showing" is the smallest effect of interest:
- Without any regulariser the score is higher than with NATURAL, the total variation at least ten times.
- The judge says the class of NATURAL's images more often than of bare ones, by .15 or more, and of adversarial images
  hardly ever.
- NATURAL's images lie nearer to real pictures than bare ones (paired interval below 0), but not as near as real ones.
- Each regulariser alone lowers the total variation by a tenth or more.
- A net trained under attack gives images that lie nearer to real pictures than those of the same net before.

The distance turned out to say little: class images lie farther out than noise, and the net trained under attack, which
paints best by eye, farther than the same net before. So a measure of direction alone was added afterwards, and tested
on two more starts (3 and 4), which had chosen nothing:
- The likeness (cosine to the nearest real picture at conv5) is higher with NATURAL than without any regulariser,
  higher for the net trained under attack than for the same net before, and below that of real pictures.
"""

import torch

from lecture_utils import features, models, synthesis
from lecture_utils.lab import open_lab
from lecture_utils.progress import progress
from lecture_utils.synthesis import regularisers as r

from ..experiment import Experiment, some_of, write_results
from ..files import read_json
from ..methods.contribution import SmallContribution
from ..train.data import world_fingerprint
from .yosinski import YOSINSKI

CLASSES, STEPS = 16, 200
STARTS, LATER = (1, 2), (3, 4)  # the second pair for the likeness, which was thought of after the first
JUDGE, LAYER, LIKENESS = "zf", "fc7", "conv5"  # where distances and directions are compared
BARE, MIXED = "no regulariser", "NATURAL"
ALONE = {
    "decay": r.Decay(0.01),
    "blur": r.Blur(0.8, 4),
    "small values": r.SmallValues(0.3),
    "small norm": r.SmallNorm(0.3),
    "small gradients": r.SmallGradients(0.3),
    "small contribution": SmallContribution(0.3),
    "jitter": r.Jitter(8),
    "total variation": r.TotalVariation(0.002),
}
SINCE = ("jitter", "total variation")  # came after the lecture's list
MIXTURES = {
    BARE: (),
    **{name: (each,) for name, each in ALONE.items()},
    "decay, blur, small norm": synthesis.NATURAL[1:],
    MIXED: synthesis.NATURAL,
}
EPS = 8 / 255  # of the adversarial images
AGAIN = (BARE, MIXED, *(f"{net}: {name}" for net in ("gap", "gap, attacked") for name in (BARE, MIXED)))


def net_of(name):
    """A net of the course in eval mode; "gap, attacked" is `gap` trained under attack."""
    plain, _, attacked = name.partition(", ")
    return models.load(f"{plain}-adversarial-4") if attacked else models.load(plain)


def settings():
    """{name: (net, what `ascend` is given)}: `alex` with everything, other nets with none and with NATURAL."""
    usual = {"steps": STEPS, "lr": 0.03}
    found = {name: ("alex", usual | {"regularisers": mixture}) for name, mixture in MIXTURES.items()}
    found |= {f"Yosinski {name}": ("alex", recipe.ours()) for name, recipe in YOSINSKI.items()}
    for net in ("gap", "gap, attacked"):
        for name in (BARE, MIXED):
            found[f"{net}: {name}"] = net, usual | {"regularisers": MIXTURES[name]}
    return found


def make(net, arguments, start, classes=CLASSES):
    """The images (classes, 3, 112, 112) of one setting from one start, and their scores (classes,)."""
    made = synthesis.ascend(net, synthesis.class_score(torch.arange(classes)), seed=start, **arguments)
    return made.images, made.scores


class Judge:
    """Measures images by a net that did not make them. Distances are in units of the real pictures' own.

    unit: the median distance from a real picture to the nearest other one, so about half of them lie below 1.
    """

    def __init__(self, lab):
        self.lab, self.labels, real = lab, lab.gallery.labels, lab.gallery.images
        layers = {name: lab.layers[name] for name in (LAYER, LIKENESS)}
        both, self.unit = features.extract_layers(lab.net, real, layers), 1.0
        self.bank, self.directions = both[LAYER].double(), _directions(both[LIKENESS])
        some = slice(10 * CLASSES)
        self.unit = float(
            self.distances(real[some], self.labels[some], torch.arange(10 * CLASSES))[0].median()
        )

    def distances(self, images, labels, without=None):
        """From each image (n, 3, h, w) to the nearest real one, and to the nearest of its label, (n,) each.

        without: None, or (n,), for each image the index of a real one that does not count, such as itself.
        """
        apart = torch.cdist(self._features(images), self.bank)  # (n, real ones)
        if without is not None:
            apart.scatter_(1, without[:, None], torch.inf)
        own = apart.masked_fill(labels[:, None] != self.labels, torch.inf)
        return apart.min(1).values / self.unit, own.min(1).values / self.unit

    def likeness(self, images, without=None):
        """The largest cosine between an image's features at conv5 and a real picture's, (n,); `without` as above."""
        found = features.extract(self.lab.net, images, self.lab.layers[LIKENESS])
        cosines = _directions(found) @ self.directions.T
        if without is not None:
            cosines.scatter_(1, without[:, None], -1.0)
        return cosines.max(1).values

    def _features(self, images):
        return features.extract(self.lab.net, images, self.lab.layers[LAYER]).double()

    def row(self, images, scores, labels, without=None):
        """What is known of some images, a list for each measure. labels (n,): the classes they are meant to show."""
        variation = synthesis.total_variation(images) / images[0, 0].numel()
        nearest, own = self.distances(images, labels, without)
        says = (self.lab.logits(images).argmax(1) == labels).float()
        found = {
            "score": scores,
            "variation": variation,
            "distance": nearest,
            "to its class": own,
            "judge": says,
            "likeness": self.likeness(images, without),
        }
        return {name: [round(v, 4) for v in values.tolist()] for name, values in found.items()}


def references(judge, starts=STARTS):
    """Floors and ceiling: the start itself, pictures of another class made adversarial, real pictures."""
    own, count = open_lab(net="alex"), CLASSES * len(starts)
    wanted, source = (
        torch.arange(count) % CLASSES,
        (torch.arange(count) + 1) % count,
    )  # a picture of the next class
    real, labels = judge.lab.gallery.images[:count], judge.labels[:count]
    assert labels.tolist() == wanted.tolist()
    made = synthesis.pgd(own.net, real[source], labels[source], EPS, 20, EPS / 8, target=wanted)
    noise = torch.cat([make(own.net, {"steps": 0}, start)[0] for start in starts])
    return {
        "the start, noise": judge.row(noise, _scores(own, noise, wanted), wanted),
        "adversarial pictures": judge.row(made, _scores(own, made, wanted), wanted, source),
        "real pictures": judge.row(real, _scores(own, real, wanted), wanted, torch.arange(count)),
    }


def _directions(found):
    """Features (n, ...) as vectors of length 1, (n, d)."""
    return torch.nn.functional.normalize(found.flatten(1), dim=1)


def _scores(lab, images, labels):
    return lab.logits(images).gather(1, labels[:, None])[:, 0]


def study(names, starts=STARTS):
    """{setting: its row} over all starts, and those of the floors and the ceiling."""
    judge, found = Judge(open_lab(net=JUDGE)), {}
    for name in progress(names, "class images"):
        net, arguments = settings()[name]
        made = [make(net_of(net), arguments, start) for start in starts]
        images, scores = (torch.cat(parts) for parts in zip(*made, strict=True))
        found[name] = judge.row(images, scores, torch.arange(CLASSES).repeat(len(starts)))
    return found | references(judge, starts)


def run(out, names=()):
    """Make the named settings (all where none is named), keep the others, write; the path of the results.

    Those of AGAIN, the floors and the ceiling have a second row, f"{setting}, later", from the starts LATER. A row is
    {measure: a value for each of 32 images}, the measures being those of `Judge.row`.
    """
    file = out / "results/class_images.json"
    rows = read_json(file)["rows"] if file.exists() else {}
    names = names or list(settings())
    rows |= study(names)
    again = study([name for name in names if name in AGAIN], LATER)
    rows |= {f"{name}, later": row for name, row in again.items()}
    facts = {
        "weights": {name: models.card(name)["weights"]["sha256"] for name in ("alex", "gap", JUDGE)},
        "world": world_fingerprint(),
        "starts": STARTS,
        "later": LATER,
        "steps": STEPS,
        "judge": f"{JUDGE}, {LAYER} and {LIKENESS}",
        "rows": rows,
    }
    return write_results(out, "class_images", facts)


EXPERIMENT = Experiment(
    makes=("results/class_images.json",),
    takes="40 minutes",
    run=run,
    options=some_of("names", tuple(settings())),
)
