"""Which layers does ZFNet need? Sixty trainings of twelve small nets:  python -m experiments zf_architectures

Table 3 of the ZFNet paper, small: `zf` as it is, without some of its layers, narrower and wider; and AlexNet's first
layer, 11 x 11 with stride 4, against 7 x 7 with stride 2 in a net that is otherwise the same. Five seeds each, one
budget for all: 4,000 crops of 64 px around one object, 12 epochs. And `zf` once more on twelve of the classes, three
seeds, for what its features are worth on the other four. Stop it whenever you like: it goes on with what is missing.

The nets are those of `models` at 64 px, narrower (conv1 32 filters, conv2 to conv4 64, conv5 96): compare them with
each other only. The test is taken after the last epoch, and after the epoch that is best on other images.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lecture_utils.models import weights
from lecture_utils.models.architectures import Net, initialise, seeded_net
from lecture_utils.progress import silenced
from lecture_utils.store import cache_dir

from ..experiment import JOBS, Experiment, write_results
from ..training import descend, save, side_by_side
from .data import world_fingerprint
from .evaluate import logits
from .filter_study import CONV1_DECAY, DECAY, HIGHEST, ROOM, SIDE, batch, crops

SEEDS, TWELVE_SEEDS = (0, 1, 2, 3, 4), (0, 1, 2)
IMAGES, TESTS, EPOCHS, BATCH = 4000, 800, 12, 64
KEPT = (1, 2, 4, 8, 12)  # epochs of "alex" whose weights stay in the cache
HELD_OUT = (3, 7, 11, 15)  # every fourth class
MIDDLE = slice((ROOM - SIDE) // 2, (ROOM + SIDE) // 2)


@dataclass(frozen=True)
class Architecture:
    """One row of the table. conv1: "kernel/stride"; without: layers that are left out, by their number."""

    conv1: str = "7/2"
    conv2_stride: int = 2
    conv: int = 64  # channels of conv3 and conv4; conv5 has half as many more
    fc: int = 512
    without: tuple[int, ...] = ()


ARCHITECTURES = {
    "zf": Architecture(),
    "without layers 3, 4": Architecture(without=(3, 4)),
    "without layer 6": Architecture(without=(6,)),
    "without layer 7": Architecture(without=(7,)),
    "without layers 6, 7": Architecture(without=(6, 7)),
    "without layers 3, 4, 6, 7": Architecture(without=(3, 4, 6, 7)),
    "fc halved": Architecture(fc=256),
    "fc doubled": Architecture(fc=1024),
    "conv3-5 doubled": Architecture(conv=128),
    "both doubled": Architecture(conv=128, fc=1024),
    "alex": Architecture("11/4", 1),
    "alex with 7/2": Architecture("7/2", 1),
}


def small_net(name: str, classes: int = 16) -> Net:
    """The net of a row, for images of 64 px, not yet initialised. Its layers are called as in `models`."""
    of = ARCHITECTURES[name]
    kernel, stride = map(int, of.conv1.split("/"))
    pool = nn.MaxPool2d(3, 2) if of.conv2_stride == 2 else nn.MaxPool2d(8 // stride)
    layers = {"conv1": nn.Conv2d(3, 32, kernel, stride, 2), "relu1": nn.ReLU(), "pool1": pool}
    width = 32  # 32 x 15 x 15 (alex: 32 x 7 x 7)
    for n, outputs in ((2, 64), (3, of.conv), (4, of.conv), (5, of.conv * 3 // 2)):
        if n not in of.without:
            step = of.conv2_stride if n == 2 else 1
            layers[f"conv{n}"] = nn.Conv2d(width, outputs, 3, step, 2 - step, bias=False)
            layers |= {f"norm{n}": nn.BatchNorm2d(outputs), f"relu{n}": nn.ReLU()}
            width = outputs  # each 7 x 7
    layers |= {"pool5": nn.MaxPool2d(3, 2), "flatten": nn.Flatten()}  # 96 x 3 x 3, 864
    width *= 9
    for n in (6, 7):
        if n not in of.without:
            layers |= {f"drop{n}": nn.Dropout(0.1), f"fc{n}": nn.Linear(width, of.fc, bias=False)}
            layers |= {f"norm{n}": nn.BatchNorm1d(of.fc), f"relu{n}": nn.ReLU()}
            width = of.fc
    return Net(layers | {"fc8": nn.Linear(width, classes)})


def untrained(name: str, seed: int, classes: int = 16) -> Net:
    """The net with which the training of a seed begins, in eval mode."""

    def make():
        net = small_net(name, classes)
        initialise(net)
        return net

    return seeded_net(make, seed)


def multiply_adds(net: nn.Module) -> int:
    """Multiplications of one forward pass of one image of 64 px."""
    found, x = 0, torch.zeros(1, 3, SIDE, SIDE)
    with torch.inference_mode():
        for module in net:
            x = module(x)
            if isinstance(module, nn.Conv2d | nn.Linear):
                found += module.weight.numel() * (x[0, 0].numel() if x.ndim == 4 else 1)
    return found


def dead_filters(net: nn.Module, images: np.ndarray) -> int:
    """How many channels of conv1 are zero at every position of all images, uint8 (n, 3, 64, 64)."""
    with torch.inference_mode():
        highest = [
            net.relu1(net.conv1((torch.from_numpy(some).float() / 255 - net.mean) / net.std)).amax((0, 2, 3))
            for some in np.array_split(images, len(images) // 100)
        ]
    return int((torch.stack(highest).amax(0) == 0).sum())


def middles(split: str, count: int, classes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Crops of 64 px to test on, uint8 (n, 3, 64, 64), of some classes; labels 0, 1, ... in the order of these."""
    images, labels = crops(split, count)
    chosen = np.isin(labels, classes)
    return images[chosen][..., MIDDLE, MIDDLE], np.searchsorted(classes, labels[chosen])


def right(net: nn.Module, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool (n,): is the best class the right one?"""
    net.eval()
    return (logits(net, images).argmax(1).numpy() == labels) & True


def train_one(
    name: str, seed: int, folder: Path, classes: tuple[int, ...] = tuple(range(16)), small=None
) -> dict:
    """Train one net, write its weights and numbers; the result is the numbers. small: other (images, tests, epochs)."""
    torch.set_num_threads(1)
    count, tests, epochs = small or (IMAGES, TESTS, EPOCHS)
    images, labels = crops("train", count)
    chosen = np.isin(labels, classes)
    images, labels = images[chosen], np.searchsorted(classes, labels[chosen])
    tune, fresh, seen = (
        middles(s, n, classes) for s, n in (("tune", tests), ("fresh", tests), ("train", count))
    )
    net, draws = untrained(name, seed, len(classes)), np.random.default_rng([seed, 2013])
    first = net.conv1.weight
    groups = [
        {"params": [first], "weight_decay": CONV1_DECAY},
        {"params": [p for p in net.parameters() if p.ndim > 1 and p is not first], "weight_decay": DECAY},
        {"params": [p for p in net.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimiser, per_epoch, order, log = torch.optim.AdamW(groups, fused=True), len(labels) // BATCH, None, []

    def loss(step):
        nonlocal order
        if step % per_epoch == 0:
            order = draws.permutation(len(labels))
            net.train()
        some = order[step % per_epoch * BATCH :][:BATCH]
        return nn.functional.cross_entropy(net(batch(images[some], draws)), torch.from_numpy(labels[some]))

    with torch.random.fork_rng(devices=[]), silenced():
        torch.default_generator.manual_seed(seed)  # dropout
        steps = epochs * per_epoch
        for mean in descend(loss, optimiser, HIGHEST, range(steps), steps, per_epoch, "zf"):
            on = {split: right(net, *pair) for split, pair in (("tune", tune), ("fresh", fresh))}
            log.append(
                {"loss": round(mean, 4), "tune": round(float(on["tune"].mean()), 4), "fresh": on["fresh"]}
            )
            if name == "alex" and len(log) in KEPT:
                save(net.state_dict(), folder / f"{stem(name, seed)}-epoch{len(log)}.safetensors")
    best = max(range(epochs), key=lambda n: log[n]["tune"])
    numbers = {
        "net": name,
        "seed": seed,
        "parameters": sum(p.numel() for p in net.parameters()),
        "multiply_adds": multiply_adds(net),
        "train": round(float(right(net, *seen).mean()), 4),
        "fresh": round(float(log[-1]["fresh"].mean()), 4),
        "best_epoch": best + 1,
        "fresh_at_best": round(float(log[best]["fresh"].mean()), 4),
        "dead": dead_filters(net, fresh[0]),
        "right": np.packbits(log[-1]["fresh"]).tobytes().hex(),  # a bit a test image
        "log": [[entry["loss"], entry["tune"]] for entry in log],
    }
    save(net.state_dict(), folder / f"{stem(name, seed, len(classes))}.safetensors")
    (folder / f"{stem(name, seed, len(classes))}.json").write_text(json.dumps(numbers))  # last: all is there
    return numbers


def stem(name: str, seed: int, classes: int = 16) -> str:
    """The name of a training's files."""
    return f"{name.replace(', ', '-').replace(' ', '-').replace('/', '-')}-{classes}-seed{seed}"


def runs() -> Path:
    """The folder of all nets, in the cache."""
    return cache_dir() / "runs" / f"zf_architectures-{IMAGES}x{EPOCHS}-{world_fingerprint()}"


def load(
    name: str, seed: int, classes: int = 16, epoch: int | None = None, folder: Path | None = None
) -> Net:
    """A trained net in eval mode. epoch: of "alex", one of KEPT.

    Errors: FileNotFoundError that names the command when it has not been trained.
    """
    file = (folder or runs()) / f"{stem(name, seed, classes)}{f'-epoch{epoch}' if epoch else ''}.safetensors"
    if not file.exists():
        raise FileNotFoundError(f"{file} is missing: run python -m experiments zf_architectures first")
    net = untrained(name, seed, classes)
    net.load_state_dict(weights.tensors(file.stem, file.parent))
    return net


def twelve(classes: int = 16) -> tuple[int, ...]:
    """The classes that are not held out."""
    return tuple(n for n in range(classes) if n not in HELD_OUT)


def study(out: Path, jobs: int = 1, folder: Path | None = None, seeds=SEEDS, small=None) -> dict:
    """Train what is missing, `jobs` at a time, and write the results, which are returned."""
    folder = folder or runs()
    folder.mkdir(parents=True, exist_ok=True)
    count, tests, epochs = small or (IMAGES, TESTS, EPOCHS)
    crops("train", count), crops("tune", tests), crops("fresh", tests)
    every = [(name, seed, folder, tuple(range(16)), small) for seed in seeds for name in ARCHITECTURES]
    twelves = [("zf", seed, folder, twelve(), small) for seed in TWELVE_SEEDS]
    every[len(ARCHITECTURES) : len(ARCHITECTURES)] = twelves
    files = [folder / f"{stem(name, seed, len(classes))}.json" for name, seed, _, classes, _ in every]
    missing = [job for job, file in zip(every, files, strict=True) if not file.exists()]
    side_by_side(train_one, missing, jobs, "architectures")
    content = {
        "world": world_fingerprint(),
        "recipe": {
            "images": count,
            "tests": tests,
            "epochs": epochs,
            "batch": BATCH,
            "rate": HIGHEST,
            "side": SIDE,
        },
        "held_out": list(HELD_OUT),
        "rows": [
            json.loads(file.read_text()) | {"classes": len(job[3])}
            for job, file in zip(every, files, strict=True)
        ],
    }
    write_results(out, "zf_architectures", content)
    return content


def report(content: dict) -> str:
    """Mean errors over the seeds, a net a line."""
    lines = []
    for name in ARCHITECTURES:
        rows = [r for r in content["rows"] if r["net"] == name and r["classes"] == 16]
        train, test = (100 * (1 - np.mean([r[key] for r in rows])) for key in ("train", "fresh"))
        lines.append(f"{name:26s} train error {train:5.1f}%  test error {test:5.1f}%")
    return "\n".join(lines)


EXPERIMENT = Experiment(
    makes=("results/zf_architectures.json",),
    takes="an hour with --jobs 2",
    run=study,
    options=JOBS,
    goes_on="with what is missing",
    report=report,
)
