"""How many parts do turned axes detect?  python -m experiments rotations

The null of network dissection: the channels of conv5 mixed by random rotations of all their axes, before the ReLU
(which is then applied again) and after. Each rotation is judged as notebook 03 judges the channels themselves.
Results: data/results/rotations.json, one row a rotation; the evidence of 03 makes the first few again.
"""

import torch

from lecture_utils import features, models
from lecture_utils.lab import open_lab
from lecture_utils.progress import progress
from lecture_utils.world import CLASSES

from ..experiment import Experiment, write_results
from ..methods.part_detectors import detectors, rotated
from ..train.data import world_fingerprint

NET, LAYER, BEFORE = "alex", "conv5", "norm5"
COUNT = 100  # rotations
LIFT = 1.5  # how much denser a detector's yes is on its part than on the whole object


def part_masks(gallery):
    """All parts of all classes in one numbering: masks (n, h, w), 0 for none; the class (parts,) of each part."""
    counts = [len(cls.parts) for cls in CLASSES.values()]
    owner = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    first = torch.tensor([0, *counts]).cumsum(0)[:-1]
    return torch.where(
        gallery.parts > 0, gallery.parts.long() + first[gallery.labels][:, None, None], 0
    ), owner


def passing(found, owner):
    """How many parts have a detector in `Detectors`: by IoU alone, and those of them whose lift is above LIFT."""
    same = (owner[:, None] == owner).double()  # (parts, parts): of one class
    both, area, index = found.judged.both.double(), found.judged.area.double(), torch.arange(len(owner))
    dense = both[found.channels, index] / (both @ same)[found.channels, index]
    lift = dense / (area / (same @ area))
    return {"iou": int(found.passing().sum()), "lift": int((found.passing() & (lift > LIFT)).sum())}


def turned(lab, seeds, kinds=("before", "after"), step=2):
    """A row {"seed": ..., "before": {"iou": ..., "lift": ...}, ...} for each seed of a rotation.

    lab: with an answer key. kinds: turned before the ReLU, after it, or both. step: every step-th pixel is judged.
    """
    net, images = lab.net, lab.gallery.images
    field, (masks, owner) = features.receptive_field(net, lab.layers[LAYER]), part_masks(lab.gallery)
    tune = torch.arange(len(images)) // len(CLASSES) % 2 == 0
    maps = features.extract_layers(net, images, {"before": BEFORE, "after": lab.layers[LAYER]})
    rows = []
    for seed in progress(seeds, "turning the axes of conv5"):
        row = {"seed": int(seed)}
        for kind in kinds:
            mixed = rotated(maps[kind], seed=seed)
            mixed = mixed.relu() if kind == "before" else mixed
            row[kind] = passing(detectors(mixed, field, masks, len(owner), tune, step=step), owner)
        rows.append(row)
    return rows


def run(out, count=COUNT):
    """Judge `count` rotations, with seeds 0, 1, 2, ..., and write the results; their path."""
    facts = {
        "net": NET,
        "weights": models.card(NET)["weights"]["sha256"],
        "layer": LAYER,
        "world": world_fingerprint(),
        "seeds": f"0 to {count - 1}",
        "lift": LIFT,
        "rows": turned(open_lab(net=NET), range(count)),
    }
    return write_results(out, "rotations", facts)


EXPERIMENT = Experiment(
    makes=("results/rotations.json",),
    takes="5 minutes",
    run=run,
    options={"--count": {"type": int, "help": f"rotations ({COUNT})"}},
)
