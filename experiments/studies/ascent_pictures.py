"""Images that one class or channel likes, with each regulariser alone and all of them.

python -m experiments ascent_pictures

The pictures of notebook 07's explorer: `alex`, each class and a few channels, nine ways to keep an image natural, two
starts. Each regulariser alone is as strong as in NATURAL, which has four of them, so that on and off can be compared.
Results: data/results/ascent_pictures.json, and two sheets in data/synthesis/ascent_pictures: one row for each start of
each subject, one column for each way. The rough pictures are saved in half the colour resolution.
"""

import torch

from lecture_utils import models
from lecture_utils.explorers.ascent_ways import (
    FOLDER,
    JUDGES,
    NET,
    SHEETS,
    STARTS,
    STEPS,
    WAYS,
    groups,
    grow,
    objective,
    real_scores,
    roughness,
    subjects,
    unscaled,
)
from lecture_utils.lab import open_lab
from lecture_utils.progress import progress

from ..experiment import Experiment, write_results
from ..train.data import world_fingerprint
from . import contact_sheets

SAVED = {"rough": {"quality": 24, "subsampling": 2}, "smooth": {"quality": 68, "subsampling": 0}}


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
            *_, last = grow(lab.net, objective(lab, names), way, start)
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
