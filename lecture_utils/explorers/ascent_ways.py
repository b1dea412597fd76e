"""Nine ways to keep an image natural while it climbs, and what there is to climb: classes and channels of a lab's net.

Each regulariser alone is as strong as in NATURAL, which has four of them, so that on and off can be compared.
"""

from typing import NamedTuple

import torch

from .. import features, results, synthesis as syn
from ..progress import silenced

FOLDER = "synthesis/ascent_pictures"
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


def load_pictures(names):
    """{(subject, way, start): uint8 (112, 112, 3)}, as they were saved. names: of the subjects, as in `load`."""
    found, rows = {}, [(name, start) for name in names for start in STARTS]
    for sheet, ways in SHEETS.items():
        pixels = results.sheet(f"{FOLDER}/{sheet}.jpg", len(rows), len(ways))
        for row, (name, start) in enumerate(rows):
            for column, way in enumerate(ways):
                found[name, way, start] = pixels[row, column]
    return found
