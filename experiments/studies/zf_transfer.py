"""Are features of twelve classes good for others?  python -m experiments zf_transfer

Section 4.5 of the ZFNet paper, small: `zf` of `zf_architectures`, trained on twelve classes, stays as it is; only a
linear classifier learns, from 1, 5, 15 or 60 images a class, of the four classes that were held out, and of the ten of
Fashion-MNIST. Beside it the features of the same net before any training, a classifier of the pixels, and the same net
trained from scratch on the same images. And section 4.5's table 7: a linear SVM on layer after layer.
Three seeds: each has its own net, and its own images to learn from. Stop it when you like: it goes on.
"""

import numpy as np
import torch
from sklearn.svm import LinearSVC
from torch import nn

from lecture_utils import datasets, features
from lecture_utils.progress import progress, silenced
from lecture_utils.store import cache_dir

from ..experiment import Experiment, write_results
from ..files import read_json, write_json
from ..train import zf_architectures as nets
from ..train.data import world_fingerprint
from ..train.filter_study import CONV1_DECAY, DECAY, HIGHEST, ROOM, SIDE, batch, crops
from ..training import descend
from .label_budget import linear

SETS = ("held-out classes", "Fashion-MNIST")
BUDGETS, POOL, DRAWS, SEEDS = (1, 5, 15, 60), 100, 5, nets.TWELVE_SEEDS
STEPS, BATCH, COST = 200, 32, 10.0  # from scratch; C of the SVM
LAYERS = {"1": "pool1", "2": "relu2", "3": "relu3", "4": "relu4", "5": "pool5", "7": "relu7"}  # as in table 7
FEATURES = ("trained", "untrained", "pixels")


def clothes(part):
    """Fashion-MNIST as crops: uint8 (n, 3, 80, 80), the image of 28 px as 64 in the middle of black; labels (n,)."""
    large = nn.functional.interpolate(part.images, (SIDE, SIDE), mode="bilinear", align_corners=False)
    edge = (ROOM - SIDE) // 2
    pixels = (255 * nn.functional.pad(large, (edge,) * 4)).round().to(torch.uint8)
    return pixels.expand(-1, 3, -1, -1).numpy(), part.labels.numpy()


def images_of(name, tests=None):
    """Crops to learn from and to test on, each (uint8 (n, 3, 80, 80), labels 0, 1, ... (n,)), no scene in both."""
    if name == "Fashion-MNIST":
        data = datasets.load("fashion")
        return clothes(data.train), clothes(data.test)
    found = []
    for split, count in (("train", nets.IMAGES), ("fresh", tests or nets.TESTS)):
        images, labels = crops(split, count)
        mine = np.isin(labels, nets.HELD_OUT)
        found.append((images[mine], np.searchsorted(nets.HELD_OUT, labels[mine])))
    return tuple(found)


def chosen(labels, count, seed):
    """Indices (classes, count) of images of each class, drawn; the first k columns are the choice of k a class."""
    draws = np.random.default_rng([seed, 45])
    return np.stack([draws.permutation(np.flatnonzero(labels == k))[:count] for k in np.unique(labels)])


def middle(images):
    """float32 (n, 3, 64, 64) in [0, 1] of crops."""
    return torch.from_numpy(images[..., nets.MIDDLE, nets.MIDDLE]).float() / 255


def layers_of(net, images):
    """{layer: float64 (n, units)} of table 7's layers."""
    found = features.extract_layers(net, middle(images), LAYERS)
    return {layer: values.flatten(1).double().numpy() for layer, values in found.items()}


def pixels_of(images):
    """The images as 16 x 16 x 3 numbers, float64 (n, 768)."""
    return nn.functional.avg_pool2d(middle(images), SIDE // 16).flatten(1).double().numpy()


def budget_rows(train, test, labels, truth, seed, budgets=BUDGETS, draws=DRAWS):
    """Share of the test images that a linear classifier gets right, [[of each draw] for each budget]."""
    rows = []
    for budget in budgets:
        picks = [chosen(labels, budget, 100 * seed + draw).ravel() for draw in range(draws)]
        rows.append([round(linear(train, test, labels, pick, truth), 4) for pick in picks])
    return rows


def svm(train, test, labels, truth):
    """Share right of a linear SVM: features centred, of norm 1 on average."""
    mean = train.mean(0)
    scale = np.sqrt(((train - mean) ** 2).sum(1).mean())
    model = LinearSVC(C=COST, max_iter=20_000, random_state=0).fit((train - mean) / scale, labels)
    return round(float((model.predict((test - mean) / scale) == truth).mean()), 4)


def from_scratch(images, labels, test, truth, seed, steps=STEPS):
    """The same net trained on these crops only: share of the test crops right, and of its own."""
    classes, draws = len(np.unique(labels)), np.random.default_rng([seed, 46])
    net = nets.untrained("zf", seed, classes)
    first = net.conv1.weight
    groups = [
        {"params": [first], "weight_decay": CONV1_DECAY},
        {"params": [p for p in net.parameters() if p.ndim > 1 and p is not first], "weight_decay": DECAY},
        {"params": [p for p in net.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, fused=True)
    net.train()

    def loss(step):
        some = draws.integers(0, len(labels), BATCH)
        return nn.functional.cross_entropy(net(batch(images[some], draws)), torch.from_numpy(labels[some]))

    with torch.random.fork_rng(devices=[]), silenced():
        torch.default_generator.manual_seed(seed)  # dropout
        list(descend(loss, optimiser, HIGHEST, range(steps), steps, steps, "from scratch"))
    cut = (..., nets.MIDDLE, nets.MIDDLE)
    return [round(float(nets.right(net, x[cut], y).mean()), 4) for x, y in ((test, truth), (images, labels))]


def measure(name, seed, trained, budgets=BUDGETS, pool=POOL, draws=DRAWS, steps=STEPS, tests=None):
    """All numbers of one set of images and one seed. trained: the net of twelve classes."""
    (images, every), (test, truth) = images_of(name, tests)
    kept = chosen(every, pool, seed).ravel()
    images, labels = images[kept], every[kept]
    of = {"trained": trained, "untrained": nets.untrained("zf", seed, len(nets.twelve()))}
    found = {kind: (layers_of(net, images), layers_of(net, test)) for kind, net in of.items()}
    sets = {kind: (train["7"], tested["7"]) for kind, (train, tested) in found.items()}
    sets["pixels"] = pixels_of(images), pixels_of(test)
    most = chosen(labels, budgets[-1], 100 * seed).ravel()
    depth = {}
    for kind, (train, tested) in found.items():
        depth[kind] = {n: svm(train[n][most], tested[n], labels[most], truth) for n in LAYERS}
    scratch = []
    for budget in budgets:
        pick = chosen(labels, budget, 100 * seed).ravel()
        scratch.append(from_scratch(images[pick], labels[pick], test, truth, seed, steps))
    return {
        "data": name,
        "seed": seed,
        "tests": len(truth),
        "linear": {
            kind: budget_rows(*pair, labels, truth, seed, budgets, draws) for kind, pair in sets.items()
        },
        "from scratch": scratch,  # [test, its own images] for each budget
        "depth": depth,
        "depth, pixels": svm(sets["pixels"][0][most], sets["pixels"][1], labels[most], truth),
    }


def study(out, seeds=SEEDS, folder=None, load=nets.load, **smaller):
    """Measure what is missing and write the results, which are returned."""
    runs, rows = folder or cache_dir() / "runs" / f"zf_transfer-{world_fingerprint()}", []
    for name, seed in progress([(name, seed) for seed in seeds for name in SETS], "transfer"):
        file = runs / f"{name}-seed{seed}.json"
        if not file.exists():
            net = load("zf", seed, len(nets.twelve()))
            write_json(file, measure(name, seed, net, **smaller))
        rows.append(read_json(file))
    content = {
        "needs": "python -m experiments zf_architectures",
        "world": world_fingerprint(),
        "budgets": list(smaller.get("budgets", BUDGETS)),
        "layers": list(LAYERS),
        "recipe": {"pool": POOL, "draws": DRAWS, "steps": STEPS, "batch": BATCH, "rate": HIGHEST, "C": COST},
        "rows": rows,
    }
    write_results(out, "zf_transfer", content)
    return content


def means(content, name):
    """{kind: mean share right at each budget, over seeds and draws} of one set, "from scratch" included."""
    rows = [row for row in content["rows"] if row["data"] == name]
    found = {kind: np.mean([row["linear"][kind] for row in rows], (0, 2)).tolist() for kind in FEATURES}
    return found | {"from scratch": np.mean([row["from scratch"] for row in rows], 0)[:, 0].tolist()}


def report(content):
    """Mean shares right, a set and a kind a line."""
    lines = []
    for name in SETS:
        for kind, shares in means(content, name).items():
            lines.append(f"{name}, {kind}: " + "  ".join(f"{share:.3f}" for share in shares))
        rows = [row["depth"] for row in content["rows"] if row["data"] == name]
        for kind in FEATURES[:2]:
            shares = {n: np.mean([row[kind][n] for row in rows]) for n in LAYERS}
            lines.append(
                f"{name}, SVM, {kind}: " + "  ".join(f"{n}: {share:.3f}" for n, share in shares.items())
            )
    return "\n".join(lines)


EXPERIMENT = Experiment(
    makes=("results/zf_transfer.json",),
    takes="10 minutes, after zf_architectures",
    run=study,
    goes_on="with what is missing",
    report=report,
)
