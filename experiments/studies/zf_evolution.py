"""Which layers settle first?  python -m experiments zf_evolution

Figure 4 of the ZFNet paper in numbers: how alike each layer is to itself at the last epoch (linear CKA, debiased), of
the shipped `alex` (epochs 0, 1, 2, 4, 8, last; its convolutional layers) and of three seeds of the small `alex` of
zf_architectures (epochs 0, 1, 2, 4, 8, 12; all layers), over images that none was trained on. Upper bound: CKA of the
same layer of two seeds at the last epoch: what two trainings share. Baseline: the same layer, images shuffled.
"""

import itertools

import torch

from lecture_utils import features, models
from lecture_utils.lab import open_lab
from lecture_utils.progress import progress

from ..experiment import Experiment, Refused, write_results

IMAGES, SLICE, SEEDS, SETTLED = 400, 96, (0, 1, 2), 0.9
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")
SHIPPED = (0, 1, 2, 4, 8, "last")
SMALL = (0, 1, 2, 4, 8, 12)


def seen_by(net, images, layers=LAYERS):
    """{layer: features (n, ...)} of the nets of zf_architectures and of `models`, behind the ReLU."""
    return features.extract_layers(net, images, {layer: f"relu{layer[-1]}" for layer in layers})


def to_the_last(nets, images, layers):
    """{layer: [CKA with the last net, for each net]}. nets: from the first epoch to the last."""
    last = seen_by(nets[-1], images, layers)
    each = [seen_by(net, images, layers) for net in nets[:-1]] + [last]
    return {k: [round(features.cka(one[k], last[k]), 4) for one in each] for k in layers}


def between(first, second, images, layers=LAYERS):
    """{layer: CKA of two nets}, and of the second with its images shuffled."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(13))
    a, b = seen_by(first, images, layers), seen_by(second, images, layers)
    return (
        {k: round(features.cka(a[k], b[k]), 4) for k in layers},
        {k: round(features.cka(a[k], b[k][order]), 4) for k in layers},
    )


def settled(row, epochs, ceiling=1.0):
    """The first epoch from which on CKA stays above SETTLED of a ceiling."""
    above = [value >= SETTLED * ceiling for value in row]
    return next(epoch for n, epoch in enumerate(epochs) if all(above[n:]))


def shipped(images, layers=LAYERS[:5]):
    """`to_the_last` of the shipped `alex`."""
    return to_the_last([models.load("alex", epoch=epoch) for epoch in SHIPPED], images, layers)


def run(out, seeds=SEEDS):
    """Both nets; the path of the results."""
    from ..train import zf_architectures as small

    crops, _ = small.middles("fresh", IMAGES, tuple(range(16)))
    crops, nets = torch.from_numpy(crops).float() / 255, {}
    for seed in seeds:
        try:
            trained = [small.load("alex", seed, epoch=epoch) for epoch in SMALL[1:]]
        except FileNotFoundError as error:
            raise Refused(str(error)) from None
        nets[seed] = [small.untrained("alex", seed), *trained]
    rows = {seed: to_the_last(some, crops, LAYERS) for seed, some in progress(nets.items(), "seeds")}
    pairs = [between(nets[a][-1], nets[b][-1], crops) for a, b in itertools.combinations(nets, 2)]
    ceiling = {k: [two[k] for two, _ in pairs] for k in LAYERS}
    gallery = open_lab(device="cpu").gallery.images[:IMAGES]
    content = {
        "images": IMAGES,
        "shipped": {"epochs": SHIPPED, "rows": shipped(gallery)},
        "slice": shipped(gallery[:SLICE]),
        "small": {"epochs": SMALL, "rows": rows},
        "two seeds": ceiling,
        "shuffled": {k: [shuffled[k] for _, shuffled in pairs] for k in LAYERS},
        "settled": {seed: {k: settled(row[k], SMALL) for k in LAYERS} for seed, row in rows.items()},
    }
    return write_results(out, "zf_evolution", content)


EXPERIMENT = Experiment(makes=("results/zf_evolution.json",), takes="4 minutes", run=run)
