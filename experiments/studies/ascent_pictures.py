"""Images that one class or channel likes, with each regulariser alone and all of them.

python -m experiments ascent_pictures

The pictures of notebook 07's explorer: `alex`, each class and a few channels, nine ways to keep an image natural, two
starts. Each regulariser alone is as strong as in NATURAL, which has four of them, so that on and off can be compared.
Results: data/results/ascent_pictures.json, and two sheets in data/synthesis/ascent_pictures: one row for each start of
each subject, one column for each way. The rough pictures are saved in half the colour resolution.
"""

import torch

from lecture_utils import features, models
from lecture_utils.explorers.class_images import (
    CHANNEL,
    SHEETS,
    STARTS,
    before_relu,
    objective,
    parsed,
    roughness,
    unscaled,
)
from lecture_utils.lab import open_lab
from lecture_utils.progress import progress
from lecture_utils.synthesis.ascent import STEPS, WAYS, grow

from ..experiment import Experiment, write_results
from ..train.data import world_fingerprint
from . import contact_sheets

FOLDER = "synthesis/ascent_pictures"
NET, JUDGES, SIDE = "alex", ("zf", "gap"), 112  # px
SAVED = {"rough": {"quality": 24, "subsampling": 2}, "smooth": {"quality": 68, "subsampling": 0}}
LOOKED_AT = 160  # images of the gallery that are asked for the strongest channels
CHANNELS = {"conv2": 1, "conv3": 1, "conv4": 1, "conv5": 2}  # how many of each layer


def subjects(lab, most=16):
    """Names of what there is to climb: the classes that the net names for its gallery, and channels of each layer.

    Of 16 classes or fewer all; of each layer of CHANNELS, where the net has it, the channels with the largest answer to
    a picture among the gallery's first: the mean of the map before the ReLU.
    """
    images, found = lab.gallery.images[:LOOKED_AT], list(lab.classes)
    if len(found) > most:
        found = list(dict.fromkeys(lab.predict(images)[0]))[:most]
    for layer, count in CHANNELS.items():
        if layer in lab.layers:
            best = answers(lab, layer, images).amax(0).argsort(descending=True)[:count]
            found += [f"{layer}{CHANNEL}{int(each)}" for each in best]
    return found


def answers(lab, layer, images):
    """The score that climbing a channel makes large, of every channel of a layer (a short name): (n, channels)."""
    found = features.extract(lab.net, images, before_relu(lab.net, lab.layer(layer)))
    return found.mean((2, 3))


def real_scores(lab, names, images):
    """The same scores of real pictures, (n, names), for subjects of one layer."""
    layers, numbers = zip(*(parsed(lab, name) for name in names), strict=True)
    found = lab.logits(images) if layers[0] is None else answers(lab, layers[0], images)
    return found[:, list(numbers)]


def groups(lab, names):
    """The names, those of one layer together."""
    layers = dict.fromkeys(parsed(lab, name)[0] for name in names)
    return [[name for name in names if parsed(lab, name)[0] == layer] for layer in layers]


def made(lab):
    """{subject: {"real": ..., "images": {way: {start: ...}}}} and the pictures {(subject, way, start): (3, h, w)}.

    real: [number in the gallery, score] of the real picture that scores highest. Of an image: [score, roughness, and
    for each judge the class it names and its probability].
    """
    judges = {name: open_lab(net=name, device=str(lab.device)) for name in JUDGES}
    facts, pictures = {}, {}
    for names in groups(lab, subjects(lab)):
        for name, column in zip(names, real_scores(lab, names, lab.gallery.images).T, strict=True):
            best = int(column.argmax())
            facts[name] = {"real": [best, round(float(column[best]), 3)], "images": {way: {} for way in WAYS}}
        jobs = [(way, start) for way in WAYS for start in STARTS]
        for way, start in progress(jobs, f"{names[0]} and {len(names) - 1} more"):
            *_, last = grow(lab.net, objective(lab, names), way, start, SIDE)
            rows = numbers(last.images, unscaled(last.scores, names[0]), judges)
            for name, row, image in zip(names, rows, last.images, strict=True):
                facts[name]["images"][way][start] = row
                pictures[name, way, start] = image
    return facts, pictures


def numbers(images, scores, judges):
    """[[score, roughness, class, probability, class, probability]] of images; judges: {name: lab}."""
    columns = [_rounded(scores, 3), _rounded(roughness(images), 4)]
    for judge in judges.values():
        said, sure = judge.predict(images)
        columns += [said, _rounded(sure.amax(1), 3)]
    return [list(row) for row in zip(*columns, strict=True)]


def save(pictures, out):
    """The sheets below `out`: one row for each subject and start, one column for each way."""
    names = list(dict.fromkeys(subject for subject, _, _ in pictures))
    for sheet, ways in SHEETS.items():
        rows = [[pictures[s, way, start] for way in ways] for s in names for start in STARTS]
        tiles = torch.stack([torch.stack(row) for row in rows])
        contact_sheets.save(tiles, out / FOLDER / f"{sheet}.jpg", **SAVED[sheet])


def run(out):
    """Make everything, then write results and sheets; the path of the results."""
    lab = open_lab(net=NET)
    facts, pictures = made(lab)
    save(pictures, out)
    usual = {
        "net": NET,
        "weights": models.card(NET)["weights"]["sha256"],
        "judges": list(JUDGES),
        "world": world_fingerprint(),
        "steps": STEPS,
        "real roughness": round(float(roughness(lab.gallery.images).median()), 4),
    }
    return write_results(out, "ascent_pictures", usual | {"subjects": facts})


def _rounded(values, digits):
    return [round(value, digits) for value in values.tolist()]


EXPERIMENT = Experiment(
    makes=("results/ascent_pictures.json", "synthesis/ascent_pictures/*"), takes="20 minutes", run=run
)
