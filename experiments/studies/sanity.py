"""Do heatmaps depend on what the net has learned?  python -m experiments sanity

The sanity check of Adebayo et al. (2018): layers of `alex` are drawn anew, from the class scores down (cascade) or one
alone (independent), and each method's map is compared with the one before, by Spearman's rank correlation over pixels,
signed and absolute apart. Beside it three references: another image, another class, another training seed (where its
checkpoint is in the cache). Stop it when you like: the same command goes on. The results are data/results/sanity.json.
"""

from pathlib import Path

import numpy as np
import torch

from experiments.randomise import cascade, check_alive, independent
from lecture_utils import attribution as at, metrics as key, models
from lecture_utils.lab import open_lab
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir

from ..experiment import Experiment, write_results
from ..files import read_json, write_json
from ..methods.heatmaps import STEPS, Question
from ..methods.measures import spearman

NET, IMAGES, SEEDS = (
    "alex",
    48,
    (1, 2, 3),
)  # three of each class; 0 is the seed from which the net was trained
SLICE = 8  # images that are computed again, with the first seed
KINDS = ("signed", "absolute")
TOLERANCE = 0.02  # of a mean correlation in the slice
NEAR = 0.05  # a difference of correlations that is too small to matter
WAYS = {"cascade": cascade, "independent": independent}


def correlations(before, after):
    """{method: {"signed": [rank correlation of each image], "absolute": [...]}} of two {method: maps (n, values)}."""
    pairs = {name: (before[name], after[name]) for name in before}
    return {
        name: {"signed": spearman(a, b), "absolute": spearman(a.abs(), b.abs())}
        for name, (a, b) in pairs.items()
    }


def maps(net, layer, images, targets, include_slow=True):
    """{method: signed map (n, values)}: gradients with their three colours, Grad-CAM at the layer's own size.

    include_slow: with integrated gradients, which cost as much as all others ten times over.
    """
    with at.relu_rule("deconvnet"):
        deconvnet = at.saliency(net, images, targets)
    guided = at.guided_backprop(net, images, targets)
    found = {
        "saliency": at.saliency(net, images, targets),
        "deconvnet rule": deconvnet,
        "guided backprop": guided,
        "Grad-CAM": at.grad_cam(net, images, targets, layer, raw=True, relu=False),
        "Guided Grad-CAM": guided * at.grad_cam(net, images, targets, layer)[:, None],
    }
    if include_slow:
        found["integrated gradients, black"] = at.integrated_gradients(net, images, targets, steps=STEPS)
    return {name: values.flatten(1) for name, values in found.items()}


def subject(lab, count=IMAGES):
    """The first images of the gallery, their classes, and the layer where Grad-CAM looks."""
    images, targets = lab.gallery.images[:count], lab.gallery.labels[:count]
    return images, targets, Question(lab, images[:2], targets[:2]).last_map[0]


def run(out, folder=None, others=None, count=IMAGES):
    """Compute what is missing and write the results; their path.

    others: {training seed: net}; None looks in the cache.
    """
    lab = open_lab(net=NET, device="cpu")
    sha = models.card(NET)["weights"]["sha256"]
    folder = Path(folder or cache_dir() / "runs" / "sanity") / f"{sha[:12]}-{count}"
    images, targets, layer = subject(lab, count)
    others = trained_otherwise() if others is None else others
    before, done, dead = None, {}, []
    jobs = list(_jobs(lab, images, targets, others, dead))
    with progress(jobs, "sanity check") as bar:
        for name, make in bar:
            path = folder / f"{name}.json"
            if not path.exists():
                before = before or maps(lab.net, layer, images, targets)
                write_json(path, correlations(before, make(before, layer)))
            done[name] = read_json(path)
    layers = [name for name, _ in cascade(lab.net)]
    content = {
        "net": NET,
        "weights": sha,
        "images": f"the first {count} of the gallery",
        "seeds": list(SEEDS),
        "training seeds": sorted(others),
        "layers": layers,
        "dead": dead,
        "rows": table(done, layers),
        "slice": sliced(done, layers),
    }
    return write_results(out, "sanity", content)


def _jobs(lab, images, targets, others, dead):
    """(name, function from the maps of before to other maps): every net, and every reference.

    One random layer below trained ones can silence them: such a net is no test, and is noted in `dead`.
    """
    for seed in SEEDS:
        for way, make in WAYS.items():
            for depth, (layer, net) in enumerate(make(lab.net, fresh=lab.untrained(seed)), 1):
                try:
                    check_alive(net, images)
                except ValueError as error:
                    if way == "cascade":
                        raise
                    dead.append(f"{way}, {layer}, seed {seed}: {error}")
                else:
                    yield f"{way}-{depth}-{seed}", _of(net, images, targets)
    runner_up = second_class(lab, images, targets)
    yield "another image", lambda before, layer: {name: values.roll(-1, 0) for name, values in before.items()}
    yield "another class", _of(lab.net, images, runner_up)
    for seed, net in others.items():
        yield f"another training seed-{seed}", _of(net, images, targets)


def _of(net, images, targets):
    return lambda before, layer: maps(net, layer, images, targets)


def second_class(lab, images, targets):
    """The likeliest class beside the target, (n,)."""
    logits = lab.logits(images).scatter(1, targets[:, None], -torch.inf)
    return logits.argmax(1)


def table(done, layers):
    """{method: {kind: {"cascade": [[mean, low, high] for each depth], "independent": ..., references}}}."""
    found = {}
    for method in done["another image"]:
        found[method] = {}
        for kind in KINDS:
            row = {
                way: [_mean(done, f"{way}-{d}-", method, kind) for d in range(1, len(layers) + 1)]
                for way in WAYS
            }
            for reference in ("another image", "another class", "another training seed"):
                if any(name.startswith(reference) for name in done):
                    row[reference] = _mean(done, reference, method, kind)
            row["reaches another image at"] = reached(row["cascade"], row["another image"])
            found[method][kind] = row
    return found


def reached(cascade, null):
    """How many layers must be random until the map is no nearer to the old one than another image's map; None: never.

    From that depth on the mean stays within NEAR of the null's mean, or below it.
    """
    below = [mean <= null[0] + NEAR for mean, _, _ in cascade]
    return next((depth for depth in range(1, len(below) + 1) if all(below[depth - 1 :])), None)


def _mean(done, prefix, method, kind):
    """[mean, low, high] over the images, each the mean of all jobs whose name begins so; None where there is none."""
    some = [values[method][kind] for name, values in done.items() if name.startswith(prefix)]
    if not some:
        return None
    return [round(number, 4) for number in key.bootstrap(torch.tensor(some).double().mean(0))]


def sliced(done, layers):
    """{method: {kind: [mean of the first images at each depth of the cascade]}}: first seed, cheap methods."""
    return {
        method: {
            kind: [
                round(float(np.mean(done[f"cascade-{d}-{SEEDS[0]}"][method][kind][:SLICE])), 4)
                for d in range(1, len(layers) + 1)
            ]
            for kind in KINDS
        }
        for method in done[f"cascade-1-{SEEDS[0]}"]
        if not method.startswith("integrated")
    }


def live_slice(lab):
    """The slice, computed now, as `sliced` gives it."""
    images, targets, layer = subject(lab, SLICE)
    before, done = maps(lab.net, layer, images, targets, include_slow=False), {}
    steps = list(cascade(lab.net, fresh=lab.untrained(SEEDS[0])))
    for depth, (_, net) in enumerate(progress(steps, "forgetting layer by layer"), 1):
        after = maps(check_alive(net, images), layer, images, targets, include_slow=False)
        done[f"cascade-{depth}-{SEEDS[0]}"] = correlations(before, after)
    return sliced(done, [name for name, _ in steps])


def differences(live, shipped):
    """Sentences, one for each number of the slice that is not the shipped one."""
    return [
        f"{method}, {kind}: {row} now, {shipped[method][kind]} shipped"
        for method, kinds in live.items()
        for kind, row in kinds.items()
        if max(abs(a - b) for a, b in zip(row, shipped[method][kind], strict=True)) > TOLERANCE
    ]


def trained_otherwise():
    """{seed: net} of other trainings of the same net, from checkpoints in the cache; those that are there."""
    found = {}
    for seed in (1, 2):
        path = cache_dir() / "runs" / f"{NET}-seed{seed}" / "checkpoint.pt"
        if path.exists():
            net = models.build(NET)
            net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["net"])
            found[seed] = net.eval()
    return found


EXPERIMENT = Experiment(
    makes=("results/sanity.json",), takes="an hour", run=run, goes_on="with what is missing"
)
