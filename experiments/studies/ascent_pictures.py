"""Images that one class or channel likes, with each regulariser alone and all of them.

    python -m experiments ascent_pictures

The pictures of notebook 07's explorer: `alex`, each class and a few channels, nine ways to keep an image natural, two
starts. Each regulariser alone is as strong as in NATURAL, which has four of them, so that on and off can be compared.
Results: data/results/ascent_pictures.json, and two sheets in data/synthesis/ascent_pictures: one row for each start of
each subject, one column for each way. The rough pictures are saved in half the colour resolution.
"""

import argparse
import json
import sys
from typing import NamedTuple

import torch

from lecture_utils import features, models, store, synthesis as syn
from lecture_utils.lab import open_lab
from lecture_utils.progress import progress, silenced

from ..train.data import world_fingerprint
from . import contact_sheets

COMMAND = "python -m experiments ascent_pictures"
FILE, FOLDER = "results/ascent_pictures.json", "synthesis/ascent_pictures"
NET, JUDGES, SIDE = "alex", ("zf", "gap"), 112  # px
STEPS, EVERY = 200, 8  # of ascent; a look at the image after every 8, a multiple of the blur's 4
STARTS = ("blank", "noise")
SMOOTH = syn.TotalVariation(0.01)
WAYS = {
    "no regulariser": (),
    "decay": (syn.Decay(0.005),),
    "small norm": (syn.SmallNorm(0.3),),
    "small gradients": (syn.SmallGradients(0.5),),
    "jitter": (syn.Jitter(8),),
    "blur": (syn.Blur(0.8, 4),),
    "total variation": (SMOOTH,),
    "jitter + blur + decay + small norm": syn.NATURAL,
    "these four + total variation": (*syn.NATURAL, SMOOTH),
}
SHEETS = {"rough": tuple(WAYS)[:5], "smooth": tuple(WAYS)[5:]}
SAVED = {"rough": {"quality": 24, "subsampling": 2}, "smooth": {"quality": 68, "subsampling": 0}}
CHANNELS = {"conv2": 1, "conv3": 1, "conv4": 1, "conv5": 2}  # how many of each layer
CHANNEL = ", channel "
FACTOR = 16  # the mean of a channel's map is small: so many times it is climbed, or total variation would outweigh it
LOOKED_AT = 160  # pictures of the gallery that choose them


class Growth(NamedTuple):
    """What ascent has reached. step: steps done. images (n, 3, h, w), scores (n,). stopped: None, or why it ended."""

    step: int
    images: torch.Tensor
    scores: torch.Tensor
    stopped: str | None


def grow(net, objective, way, start, size=SIDE, steps=STEPS, every=EVERY):
    """The same ascent in turns of `every` steps: yields a `Growth` after each, so that it can be shown and stopped.

    objective: as in `ascend`. way: of WAYS. start: of STARTS. Between two turns the net is as it was, and no progress
    bar is shown. Each turn draws its own jitter.
    """
    images = start
    for done in range(0, steps, every):
        turn = min(every, steps - done)
        with silenced():
            found = syn.ascend(net, objective, size, turn, regularisers=WAYS[way], seed=done, start=images)
        images = found.images
        yield Growth(done + len(found.history), images, found.scores, found.stopped)
        if found.stopped:
            return


def before_relu(net, layer):
    """The layer whose output the ReLU of a layer cuts: "relu3" -> "norm3" where there is one. Else the layer itself."""
    modules, norm = dict(net.named_modules()), layer.replace("relu", "norm")
    return norm if norm in modules else layer


def roughness(images):
    """Total variation for each pixel, (n,)."""
    return syn.total_variation(images) / images[0, 0].numel()


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


def parsed(lab, name):
    """(None, class) or (layer, channel) of a subject's name."""
    if name in lab.classes:
        return None, lab.label(name)
    layer, channel = name.split(CHANNEL)
    return layer, int(channel)


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


def save(pictures):
    """The sheets: one row for each subject and start, one column for each way."""
    names = list(dict.fromkeys(subject for subject, _, _ in pictures))
    for sheet, ways in SHEETS.items():
        rows = [[pictures[s, way, start] for way in ways] for s in names for start in STARTS]
        tiles = torch.stack([torch.stack(row) for row in rows])
        contact_sheets.save(tiles, store.data_dir() / FOLDER / f"{sheet}.jpg", **SAVED[sheet])


def load():
    """The shipped numbers. Errors: store.DamagedData."""
    return json.loads(store.read_verified(FILE))


def load_pictures(names):
    """{(subject, way, start): uint8 (112, 112, 3)}, as they were saved. names: of the subjects, as in `load`."""
    found, rows = {}, [(name, start) for name in names for start in STARTS]
    for sheet, ways in SHEETS.items():
        pixels = contact_sheets.pixels(f"{FOLDER}/{sheet}.jpg", len(rows), len(ways))
        for row, (name, start) in enumerate(rows):
            for column, way in enumerate(ways):
                found[name, way, start] = pixels[row, column]
    return found


def main(argv=None):
    argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0]).parse_args(argv)
    lab = open_lab(net=NET)
    try:
        facts, pictures = made(lab)
    except KeyboardInterrupt:
        print("\nstopped; the old pictures are as they were", file=sys.stderr)
        return 130
    save(pictures)
    real = round(float(roughness(lab.gallery.images).median()), 4)
    usual = {
        "command": COMMAND,
        "net": NET,
        "weights": models.card(NET)["weights"]["sha256"],
        "judges": list(JUDGES),
        "world": world_fingerprint(),
        "steps": STEPS,
        "real roughness": real,
    }
    path = store.write_json(store.data_dir() / FILE, usual | {"subjects": facts})
    print(f"{path}; now run python -m lecture_utils.store --write")
    return 0


def _rounded(values, digits):
    return [round(value, digits) for value in values.tolist()]
