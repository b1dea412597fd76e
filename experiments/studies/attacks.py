"""How easily are the nets fooled?  python -m experiments attacks

Parts, each with results of its own: `recipe` (small steps, any picture, any other class), `curves` (success against
epsilon), `targeted` (every class into every other), `transfer` (from net to net), `universal` (one difference for all
pictures), `hardened` (a net that was trained on attacks, see that study). Pictures are the gallery's first
COUNT, six of each class; success is counted over those that the net gets right. Name parts to make only these; the
others stay. Results: data/results/attacks.json. Notebook 09 makes a slice of them again.
"""

import io
from base64 import b64decode, b64encode

import numpy as np
import torch
from PIL import Image

from lecture_utils import metrics, models, synthesis
from lecture_utils.lab import open_lab
from lecture_utils.progress import progress

from ..experiment import Experiment, some_of, write_results
from ..files import read_json
from ..methods.attacks import answers, small_steps, through_png, universal_perturbation
from ..train.data import world_fingerprint, world_split
from . import adversarial_training_eval

COUNT, LIVE = 96, 16  # pictures: shipped, and attacked again in the notebook
PAIRED = 64  # of them, four of each class, for every pair of classes
# The recipe: so many classes further on in the list
TARGET_OFFSETS = (3, 6, 9, 12, 15)
OBJECTIVES = {"score": "logit", "probability": "probability"}  # name in the file: in `small_steps`
LEVELS = (0.5, 1, 2, 4, 8, 16)  # epsilon in levels of 255
STEPS = 10  # of PGD, each of 2.5 eps / STEPS
TARGETED = {"alex": 4, "gap": 2}  # levels: enough for many pairs, too few for others
CARRIED = (8, 16)  # levels, for the way from net to net
MADE_ON, MADE_IN = 512, 80  # a universal difference: training pictures, steps
ALL = 16  # its levels


def many_steps(net, images, labels, eps, target=None, restarts=1):
    """`pgd` as the whole study uses it: STEPS steps that reach two and a half radii."""
    return synthesis.pgd(net, images, labels, eps, STEPS, 2.5 * eps / STEPS, restarts, target=target)


def signs(images, eps, seed=0):
    """The control: every value moved by eps, up or down at random. Images (n, 3, h, w) in [0, 1]."""
    draws = torch.rand(images.shape, generator=torch.Generator().manual_seed(seed)).to(images)
    return (images + eps * (draws - 0.5).sign()).clamp(0, 1)


def wrong(net, images, labels):
    """Of which images the net says something else: a text of 0 and 1, an image a letter."""
    return "".join("01"[said != label] for said, label in zip(*answers(net, images, labels), strict=True))


def share(hits, among):
    """Mean and 95% interval of hits, of those images that `among` marks with 0 (got right before any attack)."""
    return metrics.bootstrap([float(hit) for hit, lost in zip(hits, among, strict=True) if lost == "0"])


ATTACKS = {
    "fgsm": synthesis.fgsm,
    "pgd": many_steps,
    "noise": lambda net, images, labels, eps: signs(images, eps),
}


def curve(net, images, labels, levels=LEVELS, attacks=tuple(ATTACKS)):
    """{"clean": which are wrong before, "fgsm": [which are wrong after, for each level], ..., "pgd, png": [...]}."""
    found = {"clean": wrong(net, images, labels), **{name: [] for name in attacks}}
    if "pgd" in attacks:
        found["pgd, png"] = []
    for level in progress(levels, "levels"):
        for name in attacks:
            attacked = ATTACKS[name](net, images, labels, level / 255)
            held(images, attacked, level)
            found[name].append(wrong(net, attacked, labels))
            if name == "pgd":
                found["pgd, png"].append(wrong(net, through_png(attacked), labels))
    return found


def held(images, attacked, level):
    """Refuse images that left [0, 1], or a value that moved further than the level. Errors: AssertionError."""
    assert attacked.min() >= 0 and attacked.max() <= 1
    assert (attacked - images).abs().max() <= level / 255 + 1e-6


def targeted(net, images, labels, level, targets):
    """Which images become each target: {target: text of 0 and 1}; "-" where the image is of that class."""
    found = {}
    for target in progress(targets, f"targets at {level}/255"):
        other = (labels != target).nonzero()[:, 0]
        wanted = torch.full((len(other),), target)
        attacked = many_steps(net, images[other], labels[other], level / 255, wanted)
        letters = np.full(len(labels), "-")
        letters[other.tolist()] = [
            "01"[said == target] for said in answers(net, attacked, labels[other])[0].tolist()
        ]
        found[str(target)] = "".join(letters)
    return found


def transfer(nets, images, labels, level, names=("fgsm", "pgd", "noise")):
    """{attack: {net it was made on: {net that sees it: which are wrong}}}; and "clean": {net: which are wrong}."""
    found = {"clean": {name: wrong(net, images, labels) for name, net in nets.items()}}
    for attack in names:
        made = {n: ATTACKS[attack](net, images, labels, level / 255) for n, net in nets.items()}
        found[attack] = {
            source: {name: wrong(net, pictures, labels) for name, net in nets.items()}
            for source, pictures in made.items()
        }
    return found


def single_objects(count=MADE_ON):
    """The first so many training pictures of one object: images (count, 3, h, w) in [0, 1], labels (count,)."""
    images, labels = world_split("train", 2 * count)
    alone = (labels[:, 1] < 0).nonzero()[0][:count]
    return torch.from_numpy(images[alone]).float() / 255, torch.from_numpy(labels[alone, 0])


def universal(nets, made_on, gallery, level=ALL):
    """One difference for all pictures, for each net: which share of the gallery it fools on each net, beside the same
    values in random places and random signs; the commonest answer; and the difference as a picture.
    """
    found, generator = {}, torch.Generator().manual_seed(0)
    for name, net in nets.items():
        v = universal_perturbation(net, *made_on, level / 255, MADE_IN)
        v = (255 * v).round() / 255  # as it is shipped
        shuffled = v.flatten()[torch.randperm(v.numel(), generator=generator)].view_as(v)
        random = signs(torch.full_like(v, 0.5), level / 255) - 0.5
        added = {
            what: (gallery.images + difference).clamp(0, 1)
            for what, difference in (("made", v), ("shuffled", shuffled), ("signs", random))
        }
        found[name] = {"fools": {}, "picture": encoded(v)}
        for other, judge in nets.items():
            clean = wrong(judge, gallery.images, gallery.labels)
            found[name]["fools"][other] = {
                what: share(wrong(judge, pictures, gallery.labels), clean) for what, pictures in added.items()
            }
        said = answers(net, added["made"], gallery.labels)[0].bincount(minlength=16)
        found[name]["commonest"] = [int(said.argmax()), int(said.max()) / len(gallery)]
    return found


def recipe(lab, nets, images, labels):
    """The lecture's recipe, each image towards five other classes: {what rises: {what: a list, a pair an entry}}.

    "said": did the net say so in the end, "steps"; the difference's "rms", "largest" (levels) and "object" (share of
    its energy on the object); "noise": does noise of the same length change the answer; and who says the wish, shown
    the magnified difference alone: "alone, alex", ...
    """
    classes, masks = len(lab.classes), lab.gallery.objects[: len(images)] > 0
    said = answers(lab.net, images, labels)[0]
    pairs = [
        (i, (int(said[i]) + further) % classes) for i in range(len(images)) for further in TARGET_OFFSETS
    ]
    rows, wishes = (torch.tensor(column) for column in zip(*pairs, strict=True))
    found = {}
    for name, objective in OBJECTIVES.items():
        run = small_steps(lab.net, images[rows], wishes, steps=100, objective=objective)
        size = synthesis.norms(images[rows], run.images)
        energy = (run.images - images[rows]).square().sum(1)  # (pairs, h, w)
        alone = torch.cat(
            [synthesis.magnified(a[None], b[None])[0] for a, b in zip(images[rows], run.images, strict=True)]
        )
        noise = synthesis.noise_like(images[rows], run.images)
        row = {
            "said": run.success,
            "steps": run.steps,
            "rms": size.rms,
            "largest": size.largest,
            "object": (energy * masks[rows]).sum((1, 2)) / energy.sum((1, 2)),
            "area": masks[rows].float().mean((1, 2)),
            "noise": answers(lab.net, noise, wishes)[0] != said[rows],
            **{f"alone, {n}": answers(net, alone, wishes)[0] == wishes for n, net in nets.items()},
        }
        found[name] = {what: [round(float(v), 4) for v in values] for what, values in row.items()}
    return {"pairs": pairs, **found}


def encoded(v):
    """A difference (1, 3, h, w), in whole levels of 255 from -127 to 127, as the text of a PNG; 128 is no change."""
    levels = (255 * v[0]).round().permute(1, 2, 0).numpy() + 128
    out = io.BytesIO()
    Image.fromarray(levels.astype(np.uint8)).save(out, "PNG", optimize=True)
    return b64encode(out.getvalue()).decode()


def decoded(text):
    """The difference of `encoded`, (1, 3, h, w), in pixel units."""
    levels = np.asarray(Image.open(io.BytesIO(b64decode(text))))
    return (torch.from_numpy(levels.copy()).permute(2, 0, 1)[None].float() - 128) / 255


def make(part):
    """The results of one part, ready to be written."""
    labs = {name: open_lab(net=name, device="cpu") for name in models.NETS}
    nets, gallery = {name: one.net for name, one in labs.items()}, labs["gap"].gallery
    images, labels = gallery.images[:COUNT], gallery.labels[:COUNT]
    if part == "recipe":
        return recipe(labs["alex"], nets, *(kept[:16] for kept in (images, labels)))
    if part == "curves":
        more = {"hardened": adversarial_training_eval.shipped()}
        return {name: curve(net, images, labels) for name, net in (nets | more).items()}
    if part == "targeted":
        return {
            name: targeted(nets[name], images[:PAIRED], labels[:PAIRED], level, range(16))
            for name, level in TARGETED.items()
        }
    if part == "transfer":
        return {str(level): transfer(nets, images, labels, level) for level in CARRIED}
    if part == "universal":
        return universal(nets, single_objects(), gallery)
    return adversarial_training_eval.measure(labs["gap"], labs["zf"].net)


PARTS = ("recipe", "curves", "targeted", "transfer", "universal", "hardened")


def run(out, parts=PARTS):
    """Make the named parts and put each beside those that are there, at once: another run may be making others."""
    facts = {
        "world": world_fingerprint(),
        "pictures": COUNT,
        "levels": LEVELS,
        "weights": {name: models.card(name)["weights"]["sha256"] for name in models.NETS},
    }
    path = out / "results/attacks.json"
    for part in parts:
        found = make(part)
        before = read_json(path) if path.exists() else {}
        write_results(out, "attacks", before | facts | {part: found})


EXPERIMENT = Experiment(
    makes=("results/attacks.json",),
    takes="an hour",
    run=run,
    options=some_of("parts", PARTS),
    goes_on="with all parts; name those that are missing to make only them",
)
