"""Train one of the nets:  python -m experiments classifier alex

Stop it with Ctrl-C, or lose the machine: the same command goes on from the last whole epoch, and ends with
the same weights to the last bit (on the same kind of CPU, with the same number of threads).
"""

from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lecture_utils.models import weights
from lecture_utils.store import cache_dir

from .. import training
from ..experiment import RESTART, THREADS, Experiment, Refused, one_of
from ..training import rounded, save, ship, threads_set
from . import augment
from .data import COUNTS, TESTS, world_fingerprint, world_split
from .evaluate import accuracy


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training."""

    name: str
    seed: int = 0
    epochs: int = 16
    images: int = COUNTS["train"]
    conv1: str = "11/4"  # kernel/stride of alex's first layer
    small_init: bool = True  # conv1 starts at a quarter of He's scale ...
    conv1_decay: bool = True  # ... and is held down by strong weight decay: clean filters
    batch: int = 64
    rate: float = 2e-3
    conv1_rate: float = 0.2  # learning rate of conv1 as a share of the others': see `optimiser`
    decay: float = 0.05
    smoothing: float = 0.05
    channels_last: bool = False  # memory layout: faster on some CPUs, much slower on others
    classes: int = 16

    @property
    def tag(self) -> str:
        parts = [
            "" if self.small_init else "plain-init",
            "" if self.conv1_decay else "no-decay",
            "" if self.conv1 == "11/4" else "conv1-" + self.conv1.replace("/", "-"),
        ]
        return weights.tag(self.name, self.seed, "-".join(p for p in parts if p))

    def net(self) -> weights.Net:
        kernel, stride = map(int, self.conv1.split("/"))
        conv1 = None if self.conv1 == "11/4" else (kernel, stride)
        return weights.build(self.name, self.classes, self.seed, conv1, self.small_init)


def optimiser(net: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW in three groups: conv1 with decay 1.0, the other weights with a little, biases and norms without.

    Adam's steps do not shrink with the weights, so a small conv1 turns fast: a lower rate lets it keep pace with
    the layers above. In trials of six epochs on 16,000 images `gap` stood at 55% after two of them with a rate of
    .2, at 39% with 1 (one run each).
    Source: Loshchilov, Hutter (2019): the decay is apart from the gradient, so Adam does not rescale it.
    """
    first = net.conv1.weight
    rest = [p for p in net.parameters() if p.ndim > 1 and p is not first]
    decay = 1.0 if recipe.conv1_decay else recipe.decay  # a step removes rate x decay, whatever conv1_rate
    groups = [
        {"params": [first], "weight_decay": decay / recipe.conv1_rate, "share": recipe.conv1_rate},
        {"params": rest, "weight_decay": recipe.decay, "share": 1.0},
        {"params": [p for p in net.parameters() if p.ndim == 1], "weight_decay": 0.0, "share": 1.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.rate, fused=True)


class Run(training.Run):
    """The training of a classifier."""

    def build(self) -> weights.Net:
        return self.recipe.net()

    def descent(self) -> torch.optim.Optimizer:
        return optimiser(self.net, self.recipe)

    def batch(self, images: np.ndarray, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """What one step learns from: images in [0, 1] and one label each, on the device."""
        pictures = augment.batch(images, self.draws).to(self.device)
        return pictures, augment.targets(labels, self.draws).to(self.device)

    def train_epoch(self, images, labels: np.ndarray) -> float:
        if self.low_precision or self.recipe.channels_last:
            self.net.to(memory_format=torch.channels_last)
        return super().train_epoch(images, labels)

    def loss(self, images: np.ndarray, labels: np.ndarray) -> torch.Tensor:
        pictures, targets = self.batch(images, labels)
        if self.low_precision or self.recipe.channels_last:
            pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.low_precision):
            logits = self.net(pictures)
        return cross_entropy(logits.float(), targets, label_smoothing=self.recipe.smoothing)

    def keep(self) -> None:
        if self.epoch in weights.EPOCHS:
            save(_convolutions(self.net), self.folder / f"epoch{self.epoch}.safetensors")
        super().keep()

    def command(self, numbers_only: bool) -> str:
        """The command that repeats this training."""
        return command(self.recipe, self.threads, numbers_only)

    def notes(self, net: nn.Module, data) -> dict:
        """What the card shall say besides; net: as it will be read back."""
        return {}


def train(
    out: Path,
    recipe: Recipe,
    data=world_split,
    runs: Path | None = None,
    threads: int | None = None,
    numbers_only: bool = False,
    restart: bool = False,
    device: torch.device | None = None,
    kind: type[Run] = Run,
) -> dict:
    """Train, test, and write weights and card into out/weights; the result is the card.

    data: (split, count, threads) -> images uint8 (n, 3, 112, 112) that can be indexed, labels int64 (n, 2).
    It is asked for "train", "tune" (tested after each epoch) and `data.TESTS` (tested at the end).
    runs: where the checkpoint goes (the cache). numbers_only: write card and conv1 only. kind: another training.
    The random state and torch's thread count are left as they were.
    Errors: Refused if the checkpoint there belongs to another training.
    """
    folder = (runs or cache_dir() / "runs") / recipe.tag
    with threads_set(threads):
        run = kind(recipe, folder, world_fingerprint() if data is world_split else "", device)
        run.resume(restart)
        if run.epoch < recipe.epochs:
            tune = data("tune", None, None)
            images, labels = data("train", recipe.images, None)
            run.train(images, labels, lambda net: accuracy(net, *tune)["top1"])
        return _finish(run, data, out, numbers_only)


def _finish(run: Run, data, out: Path, numbers_only: bool) -> dict:
    """Round to half precision, test on every split, write the files."""
    recipe, net = run.recipe, rounded(run.net.float())
    shares = {}
    for split in TESTS:
        found = accuracy(net, *data(split, None, None))
        shares[split] = round(found["top1"], 4)
        if split == "pairs":
            shares["pairs, both in the top two"] = round(found["both"], 4)
    able = torch.cpu.get_capabilities()
    facts = {
        "data": {"train": f"split train, scenes 0 to {recipe.images - 1}", "world": run.world},
        "accuracy": shares,
        "parameters": sum(p.numel() for p in net.parameters()),
        "epochs": run.log,
        "threads": run.threads,
        "precision": "bfloat16" if run.low_precision else "float32",
        "machine": [
            run.device.type,
            *(k for k in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16") if able.get(k)),
        ],
        **run.notes(net, data),
    }
    if numbers_only:
        conv1 = {"conv1.weight": net.conv1.weight}
        facts["weights"] = save(conv1, out / f"weights/{recipe.tag}-conv1.safetensors")
    card = ship(out, recipe.tag, run.command(numbers_only), recipe, facts, None if numbers_only else net)
    for epoch in weights.EPOCHS if recipe.tag == "alex" and not numbers_only else ():
        if epoch < recipe.epochs:
            copyfile(run.folder / f"epoch{epoch}.safetensors", out / f"weights/alex-epoch{epoch}.safetensors")
    return card


def _convolutions(net: nn.Module) -> dict[str, torch.Tensor]:
    """The conv layers with their normalisation: what the early epochs of `alex` are shipped as."""
    numbers = [name.removeprefix("conv") for name, _ in net.named_children() if name.startswith("conv")]
    layers = {f"{kind}{n}" for n in numbers for kind in ("conv", "norm")}
    return {name: tensor for name, tensor in net.state_dict().items() if name.split(".")[0] in layers}


def command(recipe: Recipe, threads: int, numbers_only: bool) -> str:
    """The command that repeats a training."""
    options = [f"--seed {recipe.seed} --epochs {recipe.epochs} --images {recipe.images} --threads {threads}"]
    options += ["--no-small-init"] * (not recipe.small_init) + ["--no-decay"] * (not recipe.conv1_decay)
    options += [f"--conv1 {recipe.conv1}"] * (recipe.conv1 != "11/4")
    options += [f"--rate {recipe.rate:g}"] * (recipe.rate != Recipe.rate)
    options += [f"--conv1-rate {recipe.conv1_rate:g}"] * (recipe.conv1_rate != Recipe.conv1_rate)
    options += ["--numbers-only"] * numbers_only
    options += ["--channels-last"] * recipe.channels_last
    return f"python -m experiments classifier {recipe.name} {' '.join(options)}"


def run(out: Path, name: str, data=world_split, no_small_init=False, no_decay=False, **options) -> dict:
    """The training that the command line describes: `train` by its recipe."""
    rest = {k: options.pop(k) for k in ("threads", "numbers_only", "restart") if k in options}
    recipe = Recipe(name, small_init=not no_small_init, conv1_decay=not no_decay, **options)
    if recipe.conv1 != "11/4" and name != "alex":
        raise Refused(f"--conv1 is for alex, not {name}")
    check(recipe)
    return train(out, recipe, data, **rest)


def check(recipe: Recipe) -> None:
    """Errors: Refused for numbers that make no training."""
    if recipe.epochs < 1 or recipe.images < recipe.batch:
        raise Refused(f"--epochs must be at least 1, --images at least {recipe.batch}")


def report(card: dict) -> str:
    return "\n".join(f"{split:28s} {share:7.2%}" for split, share in card["accuracy"].items())


NUMBERS = {
    "--seed": {"type": int, "help": "(0)"},
    "--epochs": {"type": int, "help": "passes over the training images"},
    "--images": {"type": int, "help": "training images, rendered once"},
    "--rate": {"type": float, "help": "highest learning rate"},
}
FLAG = {"action": "store_true"}
EXPERIMENT = Experiment(
    makes=("weights/alex.*", "weights/alex-epoch*", "weights/alex-seed*", "weights/gap.*", "weights/zf.*"),
    takes="an hour a net",
    run=run,
    options={"name": {"type": one_of(weights.NETS, "net"), "help": ", ".join(weights.NETS)}}
    | NUMBERS
    | {
        "--conv1": {"choices": ("11/4", "11/2", "7/4", "7/2"), "help": "first layer of alex"},
        "--no-small-init": FLAG | {"help": "conv1 starts at He's scale"},
        "--no-decay": FLAG | {"help": "no special weight decay on conv1"},
        "--channels-last": FLAG | {"help": "memory layout: try whether it is faster here"},
        "--conv1-rate": {"type": float, "help": "learning rate of conv1, as a share of the others'"},
        "--numbers-only": FLAG | {"help": "write the card and conv1, not the weights"},
    }
    | THREADS
    | RESTART,
    goes_on="from the last whole epoch",
    report=report,
)
