"""The trunk that all detectors share, trained on their scenes beforehand:  python -m experiments detection_trunk

It starts as that of `gap`, and learns to say at each position of stride 8 which object lies there, and how far its
edges are: what every detector needs, and no one's own task. The detectors take it as it is. Stop it whenever you like:
the same command goes on from the last whole epoch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture_utils.detection import Trunk
from lecture_utils.hooks import seeded
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir, data_dir

from .. import training
from ..experiment import RESTART, THREADS, Experiment, Refused, command
from ..training import rounded, ship, threads_set
from .detectors import crowds, moves_of, shifted, varied

CLASSES, STRIDE = 16, 8


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training."""

    seed: int = 0
    epochs: int = 12
    images: int = 8_000
    batch: int = 16
    rate: float = 1e-3
    decay: float = 0.01
    tested: int = 200  # tuning scenes
    tag: str = "detection-trunk"


class Dense(nn.Module):
    """The trunk with two layers of 1 x 1 behind it: (n, 3, h, w) -> (n, CLASSES + 1 + 4, h / 8, w / 8)."""

    def __init__(self, seed: int = 0):
        super().__init__()
        self.trunk = Trunk("gap")
        with seeded(seed):
            self.head = nn.Sequential(nn.Conv2d(192, 128, 1), nn.ReLU(), nn.Conv2d(128, CLASSES + 5, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.trunk(images))


def targets(boxes: Tensor, labels: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """What the positions of one image shall say: labels (rows, columns), CLASSES for background; (4, rows, columns).

    boxes: (k, 4) px. size: (h, w) of the image. A position belongs to the smallest box that holds its middle, or whose
    own middle lies in its cell. The four numbers are the logarithms of the px to the edges, at least 1 px each.
    """
    rows, columns = (side // STRIDE for side in size)
    x, y = (STRIDE * (torch.arange(n) + 0.5) for n in (columns, rows))
    label, edges = torch.full((rows, columns), CLASSES), torch.zeros(4, rows, columns)
    for k in (boxes[:, 2:] - boxes[:, :2]).prod(1).argsort(descending=True).tolist():
        x0, y0, x1, y1 = boxes[k].tolist()
        inside = ((y > y0) & (y < y1))[:, None] & ((x > x0) & (x < x1))
        inside[int((y0 + y1) / 2 / STRIDE), int((x0 + x1) / 2 / STRIDE)] = True
        far = torch.stack(torch.broadcast_tensors(x - x0, (y - y0)[:, None], x1 - x, (y1 - y)[:, None]))
        label[inside], edges[:, inside] = labels[k], far.clamp(min=1).log()[:, inside]
    return label, edges


class Run(training.Run):
    """Its labels are numbers of scenes."""

    stream, clip, scenes = 2015, 5.0, ()

    def build(self):
        return Dense(self.recipe.seed)

    def descent(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.net.parameters(), self.recipe.rate, weight_decay=self.recipe.decay)

    def loss(self, images: np.ndarray, labels: np.ndarray) -> Tensor:
        moves = moves_of(self.draws, len(images))
        boxes, labels, _ = shifted([self.scenes[n] for n in labels], moves, images.shape[2:])
        label, edges = _stacked(boxes, labels, images.shape[2:])
        said = self.net(varied(images, moves, self.draws))
        there, cost = label < CLASSES, F.cross_entropy(said[:, : CLASSES + 1], label, reduction="none")
        off = (said[:, CLASSES + 1 :] - edges).abs().mean(1)
        return (
            cost[there].mean() + cost[~there].mean() + 0.1 * off[there].mean()
        )  # one position in eight holds an object


def _stacked(boxes, labels, size):
    pairs = [targets(*each, tuple(size)) for each in zip(boxes, labels, strict=True)]
    return [torch.stack(each) for each in zip(*pairs, strict=True)]


def score(net: nn.Module, images, scenes: list[tuple]) -> float:
    """Share of the positions with an object whose class is said, in [0, 1]."""
    net.eval()
    right = []
    with torch.no_grad():
        for start in progress(range(0, len(scenes), 16), "positions"):
            batch = torch.from_numpy(images[start : start + 16]).float() / 255
            boxes, labels, _ = zip(*scenes[start : start + 16], strict=True)
            boxes, labels = ([torch.from_numpy(each) for each in some] for some in (boxes, labels))
            label, _ = _stacked(boxes, labels, batch.shape[2:])
            said = net(batch)[:, : CLASSES + 1].argmax(1)
            right.append((said == label)[label < CLASSES])
    return torch.cat(right).float().mean().item()


def train(out: Path, recipe: Recipe, data=crowds, runs=None, threads=None, restart=False) -> dict:
    """Train, score on tuning scenes, write the trunk and its card into out/weights; the result is the card.

    data: as `detectors.train` takes it. Errors: Refused if the checkpoint there belongs to another training.
    """
    world = ""
    if data is crowds:
        from .detection_scenes import fingerprint

        world = fingerprint()
    sets = {}
    for split, count in (("train", recipe.images), ("tune", recipe.tested)):
        images, boxes, labels = data(split, count)
        sets[split] = (
            images,
            [(*each, np.zeros((0, 4), np.float32)) for each in zip(boxes, labels, strict=True)],
        )
    with threads_set(threads) as threads:
        run = Run(recipe, (runs or cache_dir() / "runs") / recipe.tag, world, torch.device("cpu"))
        images, run.scenes = sets["train"]
        run.resume(restart)
        run.train(images, np.arange(len(images)), lambda net: score(net, *sets["tune"]))
        net = rounded(run.net)
        facts = {
            "data": {"train": f"detection train, scenes 0 to {recipe.images - 1}", "crowds": world},
            "right": {
                f"positions of objects, detection tune, {recipe.tested} scenes": round(
                    score(net, *sets["tune"]), 4
                )
            },
            "epochs": run.log,
            "threads": threads,
        }
        numbers = (
            f"--seed {recipe.seed} --epochs {recipe.epochs} --images {recipe.images} --threads {threads}"
        )
        return ship(out, recipe.tag, f"{command('detection_trunk')} {numbers}", recipe, facts, net.trunk)


def run(out: Path | None = None, threads=None, restart=False, **options) -> dict:
    """The training that the command line describes; out: the data folder, unless another one is given."""
    recipe = Recipe(**options)
    if recipe.epochs < 1 or recipe.images < recipe.batch:
        raise Refused(f"--epochs must be at least 1, --images at least {recipe.batch}")
    return train(out or data_dir(), recipe, threads=threads, restart=restart)


EXPERIMENT = Experiment(
    makes=("weights/detection-trunk.*",),
    takes="30 minutes",
    run=run,
    options={
        "--seed": {"type": int, "help": "(0)"},
        "--epochs": {"type": int, "help": f"({Recipe.epochs})"},
        "--images": {"type": int, "help": f"training scenes ({Recipe.images})"},
    }
    | THREADS
    | RESTART,
    goes_on="from the last whole epoch",
    report=lambda card: "\n".join(f"{name}: {value:.2%}" for name, value in card["right"].items()),
)
