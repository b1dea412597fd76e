"""Does the dog image show the person?  python -m experiments spurious_cue

Asks the twelve nets of `cue_study`, in whose training set a person stands beside a dog with probability r:

- what they use: scenes of a dog and a person are rendered again without the person, without the dog, without both, and
  the log-odds of "dog" compared;
- what their dog images show: STARTS images by gradient ascent on "dog", judged by nets that learned "person" from a
  training set without the cue. Floor: the images of the net with r = .5, from the same starts. Ceiling: real scenes
  with the person and without. Control: images of another class from the same net.

Results: data/results/spurious_cue.json; the images of seed 0, unselected, in data/synthesis/spurious_cue.
"""

from dataclasses import replace

import numpy as np
import torch

from lecture_utils import features, metrics as key, models
from lecture_utils.progress import progress
from lecture_utils.synthesis import NATURAL, ascend, class_score
from lecture_utils.world import CLASSES
from lecture_utils.world.render import render_many

from ..experiment import Experiment, command, write_results
from ..files import read_json
from ..methods.measures import log_odds
from ..train import cue_study
from ..train.data import scene_of, world_fingerprint
from . import contact_sheets

PICTURES = "synthesis/spurious_cue"
DOG, PERSON = (list(CLASSES).index(name) for name in (cue_study.TARGET, cue_study.CUE))
CONTROL = list(CLASSES).index("car")
JUDGES = {"zf": "relu7", "gap": "pool"}  # and where each compares an image with real scenes
STARTS, COLUMNS, STEPS = 24, 6, 200
SCENES = 60  # of a dog and a person, from the split "fresh"
KINDS = ("dog and person", "dog", "person", "neither")  # what is left of a scene


def scenes(count=SCENES):
    """Scenes of a dog and a person that no net has seen, and what is left of them: {kind: [scene, ...]}."""
    step = len(CLASSES)
    both = [scene_of(f"fresh {cue_study.WITH}", DOG + step * i) for i in range(count)]
    return {
        "dog and person": both,
        "dog": [replace(scene, objects=scene.objects[:1]) for scene in both],
        "person": [replace(scene, objects=scene.objects[1:]) for scene in both],
        "neither": [replace(scene, objects=()) for scene in both],
    }


def rendered(count=SCENES):
    """The pictures of `scenes`: {kind: (count, 3, 112, 112)}."""
    return {
        kind: torch.from_numpy(np.stack([each.image for each in render_many(some)]))
        for kind, some in scenes(count).items()
    }


def causal(net, pictures):
    """What the net uses, by rendering: shares called "dog", and changes of its log-odds, [mean, low, high] each."""
    odds, found = {}, {}
    for kind, images in pictures.items():
        logits = scores(net, images)
        odds[kind] = log_odds(logits, DOG)
        found[f"{kind}: called dog"] = round(float((logits.argmax(1) == DOG).double().mean()), 4)
    for name, one, other in (
        ("person removed", "dog", "dog and person"),
        ("dog removed", "person", "dog and person"),
        ("person alone", "person", "neither"),
        ("dog alone", "dog", "neither"),
    ):
        found[name] = rounded(key.bootstrap(odds[one] - odds[other]))
    return found


def dream_of(net, target, starts=STARTS, steps=STEPS):
    """Images (starts, 3, 112, 112) of a class, each from its own noise; start k is the same for every net."""
    targets = torch.full((starts,), target)
    return ascend(net, class_score(targets), steps=steps, regularisers=NATURAL, seed=0).images


def evidence(images):
    """Log-odds of "person" (n,), the mean of the judges."""
    return torch.stack([log_odds(scores(models.load(name), images), PERSON) for name in JUDGES]).mean(0)


def beside_a_person(images, pictures):
    """Share of images whose nearest real scene, among those with the person and the same without, has it, (judges,)."""
    shares = []
    for name, layer in JUDGES.items():
        net = models.load(name)
        bank = torch.cat([features.extract(net, pictures[kind], layer).flatten(1) for kind in KINDS[:2]])
        nearest = features.nearest(bank, features.extract(net, images, layer).flatten(1), 1)[:, 0]
        shares.append(float((nearest < len(pictures[KINDS[0]])).double().mean()))
    return shares


def scores(net, images):
    with torch.no_grad():
        return net(images).double()


def rounded(numbers):
    return [round(float(number), 4) for number in numbers]


def measure(net, card, pictures, images, control):
    """One row: strength, seed, accuracy on unseen scenes, what the net uses, what its images show."""
    recipe = card["recipe"]
    return {
        "strength": recipe["strength"],
        "seed": recipe["seed"],
        "fresh": card["fresh"],
        "causal": causal(net, pictures),
        "called dog": round(float((scores(net, images).argmax(1) == DOG).double().mean()), 4),
        "evidence": rounded(evidence(images)),
        "evidence, control": rounded(evidence(control)),
        "nearest real scene has a person": rounded(beside_a_person(images, pictures)),
    }


def gains(rows, name="evidence"):
    """{strength: [mean, low, high]}: the evidence minus that of r = .5, same start and seed, over starts and seeds."""
    base = {row["seed"]: torch.tensor(row[name]) for row in rows if row["strength"] == 0.5}
    found = {}
    for strength in sorted({row["strength"] for row in rows} - {0.5}):
        rest = [torch.tensor(row[name]) - base[row["seed"]] for row in rows if row["strength"] == strength]
        found[strength] = rounded(key.bootstrap(torch.cat(rest)))
    return found


def pictures_of(strength):
    """The shipped dog images of a strength, (STARTS, 3, 112, 112) in [0, 1]. Errors: store.DamagedData."""
    name = f"{PICTURES}/{cue_study.CueRecipe(strength=strength).tag}.jpg"
    return contact_sheets.read(name, STARTS // COLUMNS, COLUMNS).flatten(0, 1)


def study(out, strengths=cue_study.STRENGTHS, seeds=cue_study.SEEDS):
    """Measure every net that is trained; write numbers and pictures; the result is the numbers."""
    folder = cue_study.runs()
    pictures, rows = rendered(), []
    real = {kind: evidence(pictures[kind]) for kind in KINDS[:2]}
    for seed in seeds:
        for strength in progress(strengths, f"dog images, seed {seed}"):
            recipe = cue_study.CueRecipe(strength=strength, seed=seed)
            net = cue_study.load(strength, seed, folder)
            card = read_json(folder / f"{recipe.tag}.json")
            images, control = dream_of(net, DOG), dream_of(net, CONTROL)
            rows.append(measure(net, card, pictures, images, control))
            if seed == 0:
                contact_sheets.save(images.unflatten(0, (-1, COLUMNS)), out / PICTURES / f"{recipe.tag}.jpg")
    facts = {
        "needs": command("cue_study"),
        "world": world_fingerprint(),
        "judges": {name: models.card(name)["weights"]["sha256"] for name in JUDGES},
        "real scenes": {kind: rounded(key.bootstrap(values)) for kind, values in real.items()},
        "ceiling": rounded(key.bootstrap(real["dog and person"] - real["dog"])),
        "gains": gains(rows),
        "gains, control": gains(rows, "evidence, control"),
        "rows": rows,
    }
    write_results(out, "spurious_cue", facts)
    return facts


def report(facts):
    """How much more of the person the images show than without a cue, a strength a line."""
    return "\n".join(
        f"r = {strength}: evidence of the person {mean:+.2f} [{low:+.2f}, {high:+.2f}] over r = .5"
        for strength, (mean, low, high) in facts["gains"].items()
    )


EXPERIMENT = Experiment(
    makes=("results/spurious_cue.json", "synthesis/spurious_cue/*"),
    takes="20 minutes, after cue_study",
    run=study,
    report=report,
)
