"""The trunk that all detectors share, trained on their scenes beforehand:  python -m experiments detection_trunk

It starts as that of `gap`, and learns to say at each position of stride 8 which object lies there, and how far its
edges are: what every detector needs, and no one's own task. At first every position counts the same, and so large
objects most. Then it goes on with a weight for each object that makes up for it in part, and sees every scene at half
its size as well, four in one image: a third of the objects are small, and of these it has most to learn. The detectors
take it as it is. Stop it whenever you like: the same command goes on from the last whole epoch.
"""

from dataclasses import dataclass, replace
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
from .detectors import crowds, moves_of, scenes_of, shifted, varied, world_of

CLASSES, STRIDE = 16, 8
TINY = 7.5  # px, side of a square as large as a box: of a halved scene, smaller objects are not asked for


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training."""

    seed: int = 0
    epochs: int = 12
    then: int = 8  # epochs of the second part
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


def targets(boxes: Tensor, labels: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """What the positions of one image shall say: labels (rows, columns), CLASSES for background; (4, rows, columns);
    and how much each counts (rows, columns).

    boxes: (k, 4) px. size: (h, w) of the image. A position belongs to the smallest box that holds its middle, or whose
    own middle lies in its cell. The four numbers are the logarithms of the px to the edges, at least 1 px each. One of
    the n positions of an object counts 1 / sqrt(n), or nothing if the object is TINY; one of the background 1.
    """
    rows, columns = (side // STRIDE for side in size)
    x, y = (STRIDE * (torch.arange(n) + 0.5) for n in (columns, rows))
    owner, edges = torch.full((rows, columns), -1), torch.zeros(4, rows, columns)
    sides = (boxes[:, 2:] - boxes[:, :2]).prod(1).sqrt()
    for k in sides.argsort(descending=True).tolist():
        x0, y0, x1, y1 = boxes[k].tolist()
        inside = ((y > y0) & (y < y1))[:, None] & ((x > x0) & (x < x1))
        inside[int((y0 + y1) / 2 / STRIDE), int((x0 + x1) / 2 / STRIDE)] = True
        far = torch.stack(torch.broadcast_tensors(x - x0, (y - y0)[:, None], x1 - x, (y1 - y)[:, None]))
        owner[inside], edges[:, inside] = k, far.clamp(min=1).log()[:, inside]
    label, counts = torch.full((rows, columns), CLASSES), torch.ones(rows, columns)
    for k in range(len(boxes)):
        mine = owner == k
        label[mine], counts[mine] = labels[k], (sides[k] >= TINY) / mine.sum() ** 0.5
    return label, edges, counts


def four_in_one(images: Tensor, boxes: list, labels: list) -> tuple:
    """Scenes of half the size, four in each image: images (n, 3, h, w), boxes and labels of 4 k scenes -> of k.

    Source: Bochkovskiy, Wang, Liao (2020), YOLOv4, "mosaic". Differs: always a half, nothing is cut.
    """
    half = F.avg_pool2d(images, 2)
    height, width = half.shape[2:]
    parts = half.unflatten(0, (-1, 2, 2)).permute(0, 3, 1, 4, 2, 5)  # (k, 3, 2, h / 2, 2, w / 2)
    places = [torch.tensor([x, y, x, y]) for y in (0, height) for x in (0, width)]
    moved = [box / 2 + places[n % 4] for n, box in enumerate(boxes)]
    fours = range(0, len(images), 4)
    return (
        parts.flatten(4).flatten(2, 3),
        [torch.cat(moved[n : n + 4]) for n in fours],
        [torch.cat(labels[n : n + 4]) for n in fours],
    )


class Run(training.Run):
    """Its labels are numbers of scenes."""

    stream, clip, scenes, second = 2015, 5.0, (), False

    def build(self):
        return Dense(self.recipe.seed)

    def descent(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.net.parameters(), self.recipe.rate, weight_decay=self.recipe.decay)

    def loss(self, images: np.ndarray, labels: np.ndarray) -> Tensor:
        moves = moves_of(self.draws, len(images))
        boxes, labels, _ = shifted([self.scenes[n] for n in labels], moves, images.shape[2:])
        shown = varied(images, moves, self.draws)
        if self.second:
            fours = four_in_one(shown, boxes, labels)
            shown, boxes, labels = torch.cat([shown, fours[0]]), boxes + fours[1], labels + fours[2]
        label, edges, counts = _stacked(boxes, labels, images.shape[2:])
        said, there = self.net(shown), label < CLASSES
        counts = (counts if self.second else torch.ones_like(counts))[there]
        cost = F.cross_entropy(said[:, : CLASSES + 1], label, reduction="none")
        off = (said[:, CLASSES + 1 :] - edges).abs().mean(1)
        of_objects = (counts * (cost + 0.1 * off)[there]).sum() / counts.sum().clamp(min=1e-6)
        return of_objects + cost[~there].mean()  # one position in eight holds an object


def _stacked(boxes, labels, size):
    triples = [targets(*each, tuple(size)) for each in zip(boxes, labels, strict=True)]
    return [torch.stack(each) for each in zip(*triples, strict=True)]


def score(net: nn.Module, images, scenes: list[tuple]) -> float:
    """Share of the objects' positions whose class is said, in [0, 1], each with its weight."""
    net.eval()
    right, objects = 0, 0
    with torch.no_grad():
        for start in progress(range(0, len(scenes), 16), "positions"):
            batch = torch.from_numpy(images[start : start + 16]).float() / 255
            boxes, labels, _ = zip(*scenes[start : start + 16], strict=True)
            boxes, labels = ([torch.from_numpy(each) for each in some] for some in (boxes, labels))
            label, _, counts = _stacked(boxes, labels, batch.shape[2:])
            hit = (net(batch)[:, : CLASSES + 1].argmax(1) == label) * counts
            there = label < CLASSES
            right, objects = right + hit[there].sum().item(), objects + counts[there].sum().item()
    return right / objects


def train(out: Path, recipe: Recipe, data=crowds, runs=None, threads=None, restart=False) -> dict:
    """Train, score on tuning scenes, write the trunk and its card into out/weights; the result is the card.

    data: as `detectors.train` takes it. Errors: Refused if the checkpoint there belongs to another training.
    """
    images, scenes = scenes_of(data, "train", recipe.images)
    tuning = scenes_of(data, "tune", recipe.tested)
    with threads_set(threads) as threads:
        log, learned = [], None
        for part, epochs in (("first", recipe.epochs), ("second", recipe.then)):
            own = replace(recipe, epochs=epochs, tag=f"{recipe.tag}-{part}")
            run = Run(own, (runs or cache_dir() / "runs") / own.tag, world_of(data), torch.device("cpu"))
            run.scenes, run.second = scenes, part == "second"
            if run.second:
                run.net.load_state_dict(learned)
            run.resume(restart)
            run.train(images, np.arange(len(images)), lambda net: score(net, *tuning))
            log, learned = log + run.log, run.net.state_dict()
        net = rounded(run.net)
        facts = {
            "data": {"train": f"detection train, scenes 0 to {recipe.images - 1}", "crowds": run.world},
            "right": {
                f"positions of objects, detection tune, {recipe.tested} scenes": round(score(net, *tuning), 4)
            },
            "epochs": log,
            "threads": threads,
        }
        numbers = (
            f"--seed {recipe.seed} --epochs {recipe.epochs} --then {recipe.then} --images {recipe.images}"
        )
        numbers += f" --threads {threads}"
        return ship(out, recipe.tag, f"{command('detection_trunk')} {numbers}", recipe, facts, net.trunk)


def run(out: Path | None = None, threads=None, restart=False, **options) -> dict:
    """The training that the command line describes; out: the data folder, unless another one is given."""
    recipe = Recipe(**options)
    if min(recipe.epochs, recipe.then) < 1 or recipe.images < recipe.batch:
        raise Refused(f"--epochs and --then must be at least 1, --images at least {recipe.batch}")
    return train(out or data_dir(), recipe, threads=threads, restart=restart)


EXPERIMENT = Experiment(
    makes=("weights/detection-trunk.*",),
    takes="an hour",
    run=run,
    options={
        "--seed": {"type": int, "help": "(0)"},
        "--epochs": {"type": int, "help": f"of the first part ({Recipe.epochs})"},
        "--then": {"type": int, "help": f"epochs of the second ({Recipe.then})"},
        "--images": {"type": int, "help": f"training scenes ({Recipe.images})"},
    }
    | THREADS
    | RESTART,
    goes_on="from the last whole epoch",
    report=lambda card: "\n".join(f"{name}: {value:.2%}" for name, value in card["right"].items()),
)
