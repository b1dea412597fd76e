"""A small net that is shown the masks: what supervision buys.  python -m experiments segmenter

Notebook 04 cuts an object out with nothing but a classifier's heatmap. This net is the other way: it learns from the
true masks of training scenes, a quarter of an hour on one core. Stop it whenever you like: the same command goes on
from the last whole epoch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from lecture_utils.models.architectures import seeded_net
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir

from .. import training
from ..experiment import RESTART, THREADS, Experiment, Refused, command
from ..files import write_array
from ..methods.segmenter import Segmenter, segment
from ..training import rounded, ship, threads_set
from . import augment
from .data import world_fingerprint, world_split

SIZE = 112  # px
SCORED = ("single", "hard")  # one object each


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training."""

    seed: int = 0
    epochs: int = 24
    images: int = 6_000
    batch: int = 32
    rate: float = 4e-3
    decay: float = 0.01

    @property
    def tag(self) -> str:
        return "segmenter" + (f"-seed{self.seed}" if self.seed else "")


def split_masks(split: str, count: int | None = None) -> tuple:
    """Images (can be indexed: uint8 (k, 3, 112, 112)) and masks of all objects, bool (n, 112, 112), of a split.

    The images are those of the cache, rendered where they are missing; the masks are made from the scenes' seeds, once.
    """
    from lecture_utils.world.render import masks
    from lecture_utils.world.splits import split_scene

    images, _ = world_split(split, count)
    path = cache_dir() / f"world-{world_fingerprint()}" / f"masks-{split}-{len(images)}.npy"
    if not path.exists():
        scenes = progress(range(len(images)), f"masks of {split}")
        write_array(path, np.stack([masks(split_scene(split, i), SIZE)[0] > 0 for i in scenes]))
    return images, np.load(path)


def overlap(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Intersection over union (n,) of masks (n, h, w)."""
    both, either = (found & true).sum((1, 2)), (found | true).sum((1, 2))
    return both / np.maximum(either, 1)


def varied(images: np.ndarray, masks: np.ndarray, draws: np.random.Generator) -> tuple:
    """The batch, a little different each epoch: pictures (n, 3, h, w), masks (n, h, w), shifted and mirrored alike.

    (Mirroring is no harm here: which way an animal faces is not this net's question.) Light as in `augment.batch`.
    """
    n, shift = len(images), augment.SHIFT
    both = np.concatenate([images, masks[:, None].astype(np.uint8)], 1)  # (n, 4, h, w)
    moves = draws.integers(-shift, shift + 1, (n, 2)).tolist()
    both = np.stack(
        [augment._moved(one, down, right) for one, (down, right) in zip(both, moves, strict=True)]
    )
    mirrored = draws.random(n) < 0.5
    both[mirrored] = both[mirrored][..., ::-1]
    return augment.batch(both[:, :3], draws, shift=0), torch.from_numpy(both[:, 3]).float()


class Run(training.Run):
    """The training of the segmenter: labels are masks."""

    stream = 2015

    def build(self) -> Segmenter:
        return seeded_net(Segmenter, self.recipe.seed)

    def descent(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.net.parameters(), self.recipe.rate, weight_decay=self.recipe.decay)

    def loss(self, images: np.ndarray, masks: np.ndarray) -> torch.Tensor:
        """Nats a pixel."""
        pictures, true = (tensor.to(self.device) for tensor in varied(images, masks, self.draws))
        if self.low_precision:
            pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.low_precision):
            logits = self.net(pictures)
        return binary_cross_entropy_with_logits(logits.float(), true)


def train(out: Path, recipe: Recipe, data=split_masks, runs=None, threads=None, restart=False) -> dict:
    """Train, score on SCORED, write the card and, for seed 0, the weights into out/weights; the result is the card.

    data: (split, count) -> images uint8 (n, 3, h, w) that can be indexed, masks bool (n, h, w). It is asked for
    "train", "tune" (200 images, scored after each epoch) and SCORED.
    Errors: Refused if the checkpoint there belongs to another training.
    """
    folder = (runs or cache_dir() / "runs") / recipe.tag
    with threads_set(threads):
        run = Run(recipe, folder, world_fingerprint() if data is split_masks else "")
        run.resume(restart)
        if run.epoch < recipe.epochs:
            tune = data("tune", 200)
            run.train(*data("train", recipe.images), lambda net: score(net, *tune), digits=5)
        return _finish(run, data, out)


def score(net: Segmenter, images, masks: np.ndarray) -> float:
    """Mean intersection over union with the true masks."""
    pictures = torch.from_numpy(images[:]).float() / 255
    return float(overlap(segment(net, pictures).numpy(), masks).mean())


def _finish(run: Run, data, out: Path) -> dict:
    """Round to half precision, score, write the files."""
    net, recipe = rounded(run.net.float()), run.recipe
    numbers = f"--seed {recipe.seed} --epochs {recipe.epochs} --images {recipe.images}"
    facts = {
        "data": {"train": f"split train, scenes 0 to {recipe.images - 1}", "world": run.world},
        "iou": {split: round(score(net, *data(split, None)), 4) for split in SCORED},
        "parameters": sum(p.numel() for p in net.parameters()),
        "epochs": run.log,
        "precision": "bfloat16" if run.low_precision else "float32",
    }
    told = f"{command('segmenter')} {numbers} --threads {run.threads}"
    return ship(out, recipe.tag, told, recipe, facts, None if recipe.seed else net)


def run(out: Path, threads=None, restart=False, **options) -> dict:
    """The training that the command line describes."""
    recipe = Recipe(**options)
    if recipe.epochs < 1 or recipe.images < recipe.batch:
        raise Refused(f"--epochs must be at least 1, --images at least {recipe.batch}")
    return train(out, recipe, threads=threads, restart=restart)


EXPERIMENT = Experiment(
    makes=("weights/segmenter.*",),
    takes="15 minutes",
    run=run,
    options={
        "--seed": {"type": int, "help": "weights are written for 0; of others the card"},
        "--epochs": {"type": int, "help": f"({Recipe.epochs})"},
        "--images": {"type": int, "help": f"training scenes, rendered once ({Recipe.images})"},
    }
    | THREADS
    | RESTART,
    goes_on="from the last whole epoch",
    report=lambda card: "\n".join(f"{split:10s} IoU {iou:.3f}" for split, iou in card["iou"].items()),
)
