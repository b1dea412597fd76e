"""Where does Grad-CAM look when the head changes? Twelve trainings:  python -m experiments head_study

The trunk of `alex` (conv1 to conv5) with the fully connected layers of `alex` or with global average pooling and one
linear layer; trained on scenes whose object lies anywhere or in the middle; three seeds each. Same scenes, same
recipe. What the nets' heatmaps are worth is measured by `experiments.studies.heads`.
Stop it whenever you like: it goes on with what is missing. The weights stay in the cache.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lecture_utils.models import weights
from lecture_utils.models.architectures import Net, initialise
from lecture_utils.store import cache_dir

from ..experiment import JOBS, Experiment
from ..training import rounded, save, side_by_side
from .classifier import Recipe, Run
from .data import world_fingerprint, world_split
from .evaluate import accuracy

HEADS = ("fc", "gap")
PLACED = ("anywhere", "centred")
SEEDS = (0, 1, 2)
IMAGES, EPOCHS = 24_000, 10


@dataclass(frozen=True)
class HeadRecipe(Recipe):
    """A recipe as for `alex`, with the head and the placing of the training scenes to choose."""

    name: str = "alex"
    epochs: int = EPOCHS
    images: int = IMAGES
    head: str = "fc"
    placed: str = "anywhere"

    @property
    def tag(self) -> str:
        return f"head-{self.head}-{self.placed}-seed{self.seed}"

    def net(self) -> Net:
        return build(self.head, self.seed, self.classes)


def build(head: str, seed: int = 0, classes: int = 16) -> Net:
    """An untrained net in eval mode: alex's trunk with the head "fc" (that is `alex`) or "gap"."""
    net = weights.build("alex", classes, seed)
    if head == "fc":
        return net
    trunk = dict(net.named_children())
    trunk = {name: trunk[name] for name in list(trunk)[: list(trunk).index("pool5")]}
    with torch.random.fork_rng(devices=[]):
        end = {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(128, classes)}
        net = Net(trunk | end)  # 128 x 13 x 13, 128, classes
        torch.default_generator.manual_seed(seed)
        initialise(net)
    return net.eval()


def load(head: str, placed: str, seed: int, folder: Path | None = None) -> Net:
    """A trained net in eval mode. Errors: FileNotFoundError that names the command when it has not been trained."""
    file = (folder or runs()) / f"{HeadRecipe(seed=seed, head=head, placed=placed).tag}.safetensors"
    if not file.exists():
        raise FileNotFoundError(f"{file} is missing: run python -m experiments head_study first")
    net = build(head, seed)
    net.load_state_dict(weights.tensors(file.stem, file.parent))
    return net


def runs() -> Path:
    """The folder of the twelve nets, in the cache."""
    return cache_dir() / "runs" / f"head_study-{IMAGES}x{EPOCHS}-{world_fingerprint()}"


def single(split: str, count: int | None, placed: str):
    """Images and labels of a split's scenes with one object: uint8 (n, 3, 112, 112), int64 (n, 2)."""
    images, labels = world_split(split if placed == "anywhere" else f"{split} centred", count)
    chosen = np.flatnonzero(labels[:, 1] < 0)
    return images[chosen], labels[chosen]


def train_one(head: str, placed: str, seed: int, folder: Path, device: torch.device | None = None) -> dict:
    """Train one net, test it on scenes of both placings, write weights and numbers; the result is the numbers."""
    torch.set_num_threads(1)
    images, labels = single("train", IMAGES, placed)
    recipe = HeadRecipe(seed=seed, head=head, placed=placed, images=len(labels), epochs=EPOCHS)
    run = Run(recipe, folder, world_fingerprint(), device)
    loss = 0.0
    while run.epoch < recipe.epochs:
        loss = run.train_epoch(images, labels)
    net = rounded(run.net.float().eval())
    numbers = {
        "head": head,
        "placed": placed,
        "seed": seed,
        "images": len(labels),
        "epochs": recipe.epochs,
        "loss": round(loss, 4),
    }
    for where in PLACED:
        numbers[f"accuracy_{where}"] = round(accuracy(net, *single("single", None, where))["top1"], 4)
    save(net.state_dict(), folder / f"{recipe.tag}.safetensors")
    (folder / f"{recipe.tag}.json").write_text(
        json.dumps(numbers)
    )  # last: it says that the training is whole
    return numbers


def numbers(folder: Path | None = None) -> list[dict]:
    """What came out of each training that is there: head, placed, seed, loss, accuracy_anywhere, accuracy_centred."""
    return [json.loads(file.read_text()) for file in sorted((folder or runs()).glob("head-*.json"))]


def study(jobs: int = 1, folder: Path | None = None) -> list[dict]:
    """Train what is missing, `jobs` at a time. Result: the numbers of all twelve."""
    folder = folder or runs()
    folder.mkdir(parents=True, exist_ok=True)
    done = {(n["head"], n["placed"], n["seed"]) for n in numbers(folder)}
    every = [(head, placed, seed) for seed in SEEDS for head in HEADS for placed in PLACED]
    missing = [job for job in every if job not in done]
    for placed in PLACED:  # rendered once, by all cores
        single("train", IMAGES, placed), single("single", None, placed)
    side_by_side(train_one, [(*job, folder) for job in missing], jobs, "head study")
    return numbers(folder)


def report(found: list[dict]) -> str:
    return "\n".join(
        f"{n['head']:4s} {n['placed']:9s} seed {n['seed']}  loss {n['loss']:.3f}  "
        f"anywhere {n['accuracy_anywhere']:.1%}  centred {n['accuracy_centred']:.1%}"
        for n in found
    )


EXPERIMENT = Experiment(
    makes=(),
    takes="2 hours with --jobs 2",
    run=study,
    options=JOBS,
    goes_on="with what is missing",
    report=report,
)
