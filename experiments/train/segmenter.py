"""A small net that is shown the masks: what supervision buys.  python -m experiments segmenter

Notebook 04 cuts an object out with nothing but a classifier's heatmap. This net is the other way: it learns from the
true masks of training scenes, a quarter of an hour on one core. Stop it whenever you like: the same command goes on
from the last whole epoch.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lecture_utils.models import weights
from lecture_utils.models.segmenter import Segmenter, build, segment
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir

from ..experiment import RESTART, THREADS, Experiment, Refused
from ..files import write_array, write_json
from . import augment
from .classifier import fast_bfloat16, rate
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


class Run:
    """A training under way, and its checkpoint."""

    def __init__(self, recipe: Recipe, folder: Path, world: str, device: torch.device, threads: int):
        self.recipe, self.folder, self.world, self.device = recipe, folder, world, device
        self.threads = threads
        self.net = build(recipe.seed).to(device)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), recipe.rate, weight_decay=recipe.decay)
        self.draws = np.random.default_rng([recipe.seed, 2015])  # order of the images, their light
        self.log: list[dict] = []

    @property
    def checkpoint(self) -> Path:
        return self.folder / self.recipe.tag / "checkpoint.pt"

    def save(self) -> None:
        """Everything that the next epoch depends on, written beside the old one, which it then replaces."""
        state = {
            "recipe": json.dumps([asdict(self.recipe), self.world, self.threads]),
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "numpy": json.dumps(self.draws.bit_generator.state),
            "log": self.log,
        }
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(self.checkpoint)

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one. ValueError if it is of another training."""
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        stored, wanted = json.loads(state["recipe"]), [asdict(self.recipe), self.world, self.threads]
        if stored != wanted:
            what = f"the checkpoint {self.checkpoint} is of another training: {stored}, now {wanted}"
            raise ValueError(f"{what}: add --restart to begin anew")
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.draws.bit_generator.state = json.loads(state["numpy"])
        self.log = state["log"]

    def train_epoch(self, images, masks: np.ndarray) -> float:
        """One pass over the training set; the mean loss, nats a pixel."""
        recipe, steps = self.recipe, len(masks) // self.recipe.batch
        order, total, low = self.draws.permutation(len(masks)), 0.0, fast_bfloat16(self.device)
        self.net.train()
        label = f"{recipe.tag} epoch {len(self.log) + 1}/{recipe.epochs}"
        with progress(label=label, total=steps) as bar:
            for step in range(steps):
                now = rate(len(self.log) * steps + step, recipe.epochs * steps, recipe.rate)
                for group in self.optimiser.param_groups:
                    group["lr"] = now
                chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
                pictures, true = (
                    t.to(self.device) for t in varied(images[chosen], masks[chosen], self.draws)
                )
                if low:
                    pictures = pictures.contiguous(memory_format=torch.channels_last)
                with torch.autocast(self.device.type, torch.bfloat16, enabled=low):
                    logits = self.net(pictures)
                loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), true)
                self.optimiser.zero_grad()
                loss.backward()
                self.optimiser.step()
                total += loss.item()
                bar.update()
                bar.note(f"loss {total / (step + 1):.4f}")
        return total / steps


def train(recipe: Recipe, out: Path, data=split_masks, runs=None, threads=None, restart=False) -> dict:
    """Train, score on SCORED, write the card and, for seed 0, the weights; the result is the card.

    data: (split, count) -> images uint8 (n, 3, h, w) that can be indexed, masks bool (n, h, w). It is asked for
    "train", "tune" (200 pictures, scored after each epoch) and SCORED.
    Errors: ValueError if the checkpoint there belongs to another training.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads or before)
        world = world_fingerprint() if data is split_masks else ""
        run = Run(recipe, runs or cache_dir() / "runs", world, device, threads or before)
        if restart:
            run.checkpoint.unlink(missing_ok=True)
        run.resume()
        if len(run.log) < recipe.epochs:
            images, masks = data("train", recipe.images)
            tune = data("tune", 200)
        while len(run.log) < recipe.epochs:
            loss = run.train_epoch(images, masks)
            iou = score(run.net, *tune)
            run.log.append({"epoch": len(run.log) + 1, "loss": round(loss, 5), "tune": round(iou, 4)})
            run.save()
            print("epoch {epoch:3d}  loss {loss:.4f}  tune IoU {tune:.3f}".format(**run.log[-1]), flush=True)
        return _finish(run, data, out / "weights")
    finally:
        torch.set_num_threads(before)


def score(net: Segmenter, images, masks: np.ndarray) -> float:
    """Mean intersection over union with the true masks."""
    pictures = torch.from_numpy(images[:]).float() / 255
    return float(overlap(segment(net, pictures).numpy(), masks).mean())


def _finish(run: Run, data, out: Path) -> dict:
    """Round to half precision, score, write the files."""
    net, recipe = weights.rounded(run.net.float()), run.recipe
    facts = {
        "net": "segmenter",
        "command": f"python -m experiments segmenter --seed {recipe.seed} --epochs {recipe.epochs} "
        f"--images {recipe.images} --threads {run.threads}",
        "recipe": asdict(recipe),
        "data": {"train": f"split train, scenes 0 to {recipe.images - 1}", "world": run.world},
        "iou": {split: round(score(net, *data(split, None)), 4) for split in SCORED},
        "parameters": sum(p.numel() for p in net.parameters()),
        "epochs": run.log,
        "precision": "bfloat16" if fast_bfloat16(run.device) else "float32",
        "torch": torch.__version__.split("+")[0],
    }
    if recipe.seed == 0:
        facts["weights"] = weights.save(net.state_dict(), out / f"{recipe.tag}.safetensors")
    write_json(out / f"{recipe.tag}.json", facts)
    return facts


def run(out: Path, threads=None, restart=False, **options) -> dict:
    """The training that the command line describes."""
    recipe = Recipe(**options)
    if recipe.epochs < 1 or recipe.images < recipe.batch:
        raise Refused(f"--epochs must be at least 1, --images at least {recipe.batch}")
    return train(recipe, out, threads=threads, restart=restart)


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
