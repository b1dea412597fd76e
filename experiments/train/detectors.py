"""Train one of the nine detectors:  python -m experiments detectors FasterRCNN

All learn from the same scenes, and all but HOGSVM start from the same trunk, that of `gap`. Stop it whenever you like:
the same command goes on from the last whole epoch (HOGSVM learns in one go, and begins anew). RCNN and FastRCNN first
search the proposals of all scenes, once; they stay in the cache.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from lecture_utils.detection import build_detector, mean_average_precision, selective_search
from lecture_utils.detection.trunk import DETECTORS, detector_tag
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir, data_dir

from .. import training
from ..experiment import JOBS, RESTART, THREADS, Experiment, Refused, command, one_of
from ..files import write_array
from ..training import rounded, ship, side_by_side, threads_set
from . import augment

SHIFT = 8  # px, each way
LEFT = 0.25  # an object of whose box less than this share is left after a shift is not asked for
CHUNK = 250  # images in one file of proposals
SEARCHED = ("RCNN", "FastRCNN")  # their proposals come from selective search
USUAL = {
    "HOGSVM": {"images": 2_000, "epochs": 1},
    "RCNN": {"tested": 50},
}  # instead of what stands in Recipe


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training. options: of the detector's class."""

    name: str
    seed: int = 0
    epochs: int = 5
    images: int = 8_000
    batch: int = 16
    rate: float = 1e-3
    trunk_rate: float = 0.3  # learning rate of the trunk as a share of the others'
    decay: float = 0.01
    tested: int = 200  # tuning scenes
    options: dict = field(default_factory=dict)

    @property
    def tag(self) -> str:
        pairs = [f"{name}-{json.dumps(value)}" for name, value in self.options.items()]
        return detector_tag(self.name, "-".join(pairs), self.seed)


def crowds(split: str, count: int) -> tuple:
    """The first so many images of "train" or "tune", visible boxes float32 (k, 4) in px, and labels int64 (k,)."""
    from .detection_scenes import crowd_split

    images, labels, boxes = crowd_split(f"detection {split}", count)
    return images, [each.visible for each in boxes], labels


def searched(images, folder: Path, jobs: int = 1) -> list[np.ndarray]:
    """Proposals float32 (p, 4) of each image by selective search, from the folder; what is missing is searched."""
    spans = [(start, min(start + CHUNK, len(images))) for start in range(0, len(images), CHUNK)]
    files = [folder / f"{start:06d}-{end:06d}.npy" for start, end in spans]
    missing = [(path, images[a:b]) for path, (a, b) in zip(files, spans, strict=True) if not path.exists()]
    if missing:
        side_by_side(_search, missing, jobs, f"proposals, {CHUNK} images at a time")
    table = np.concatenate([np.load(path) for path in files])  # rows: number of the image, x0, y0, x1, y1
    return [table[table[:, 0] == n, 1:] for n in range(len(images))]


def _search(path: Path, images: np.ndarray) -> None:
    first, rows = int(path.stem[:6]), []
    for n, image in enumerate(torch.from_numpy(images).float() / 255, first):
        rows += [[n, *box] for box in selective_search(image[None]).tolist()]
    write_array(path, np.array(rows, dtype=np.float32))


def varied(images: np.ndarray, scenes: list[tuple], draws: np.random.Generator) -> tuple:
    """The batch, a little different each epoch: images shifted and lit at random, never mirrored, and their boxes.

    scenes: for each image boxes (k, 4), labels (k,) and proposals (p, 4). Result: images float32 (n, 3, h, w), and a
    list of tensors for each of the three. What leaves the image is cut off; see LEFT.
    """
    moves, size = draws.integers(-SHIFT, SHIFT + 1, (len(images), 2)).tolist(), images.shape[2:]
    moved = np.stack([augment._moved(image, *move) for image, move in zip(images, moves, strict=True)])
    shifted = []
    for (boxes, labels, proposals), move in zip(scenes, moves, strict=True):
        boxes, stays = _shifted(boxes, move, size, LEFT)
        proposals, solid = _shifted(proposals, move, size, 1e-6)
        shifted.append([torch.from_numpy(each) for each in (boxes[stays], labels[stays], proposals[solid])])
    return augment.batch(moved, draws, shift=0), *map(list, zip(*shifted, strict=True))


def _shifted(boxes, move, size, least):
    """Boxes moved by (down, right) and cut off at the edges; and which keep at least this share of their area."""
    (down, right), (height, width) = move, size
    moved = boxes + np.array([right, down, right, down], np.float32)
    moved = np.clip(moved, 0, np.array([width, height, width, height], np.float32))
    before, after = ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (boxes, moved))
    return moved, after >= least * before


class Run(training.Run):
    """The training of a detector. Its labels are numbers of scenes."""

    stream = 2014
    clip = 5.0
    scenes = ()

    def build(self):
        return build_detector(self.recipe.name, seed=self.recipe.seed, **self.recipe.options)

    def descent(self) -> torch.optim.Optimizer:
        named = [(name.startswith("trunk."), p) for name, p in self.net.named_parameters()]
        groups = [
            {"params": [p for old, p in named if old], "share": self.recipe.trunk_rate},
            {"params": [p for old, p in named if not old], "share": 1.0},
        ]
        return torch.optim.AdamW(groups, self.recipe.rate, weight_decay=self.recipe.decay)

    def loss(self, images: np.ndarray, labels: np.ndarray) -> torch.Tensor:
        images, boxes, labels, proposals = varied(images, [self.scenes[n] for n in labels], self.draws)
        more = {"proposals": proposals} if self.recipe.name in SEARCHED else {}
        return sum(self.net.loss(images, boxes, labels, **more).values())


def train(out: Path, recipe: Recipe, data=crowds, runs=None, threads=None, jobs=1, restart=False) -> dict:
    """Train, score on tuning scenes, write weights and card into out/weights; the result is the card.

    data: (split, count) -> images uint8 (n, 3, h, w) that can be indexed, boxes and labels of each; asked for "train"
    and "tune". Errors: Refused if the checkpoint there belongs to another training.
    """
    folder, world = (runs or cache_dir() / "runs") / recipe.tag, ""
    if data is crowds:
        from .detection_scenes import fingerprint

        world = fingerprint()
    place = cache_dir() / "proposals" / world if world else folder.parent
    images, scenes = _scenes(data, "train", recipe.images, place, recipe, jobs)
    tuning = _scenes(data, "tune", recipe.tested, place, recipe, jobs)
    bits = 16 if recipe.name == "HOGSVM" else 8  # of a shipped weight: nine detectors in 9 MB
    with threads_set(threads) as threads:
        run = Run(recipe, folder, world, torch.device("cpu"))
        if recipe.name == "HOGSVM":
            boxes, labels = ([torch.from_numpy(scene[k]) for scene in scenes] for k in (0, 1))
            run.net.fit(torch.from_numpy(images[:]).float() / 255, boxes, labels, seed=recipe.seed)
        else:
            run.scenes = scenes
            run.resume(restart)
            run.train(images, np.arange(len(images)), lambda net: score(net, *tuning))
        net = rounded(run.net, bits)
        facts = {
            "data": {"train": f"detection train, scenes 0 to {recipe.images - 1}", "crowds": world},
            "ap50": {f"detection tune, {recipe.tested} scenes": round(score(net, *tuning), 4)},
            "parameters": sum(p.numel() for p in net.parameters()) or sum(b.numel() for b in net.buffers()),
            "epochs": run.log,
            "threads": threads,
        }
        return ship(out, recipe.tag, _told(recipe, threads), recipe, facts, net, bits=bits)


def _scenes(data, split, count, folder, recipe, jobs) -> tuple:
    """Images, and of each (boxes, labels, proposals); no proposals where nobody asks for them."""
    images, boxes, labels = data(split, count)
    none = [np.zeros((0, 4), np.float32)] * len(images)
    found = searched(images, folder / split, jobs) if recipe.name in SEARCHED else none
    return images, list(zip(boxes, labels, found, strict=True))


def score(net, images, scenes: list[tuple]) -> float:
    """Mean average precision at an IoU of .5, in [0, 1]."""
    found, starts = [], range(0, len(scenes), 16)
    for start in progress(starts, "detecting"):
        batch = torch.from_numpy(images[start : start + 16]).float() / 255
        given = [torch.from_numpy(proposals) for *_, proposals in scenes[start : start + 16]]
        found += net.detect(batch, **({"proposals": given} if type(net).__name__ in SEARCHED else {}))
    truth = [(torch.from_numpy(boxes), torch.from_numpy(labels)) for boxes, labels, _ in scenes]
    return mean_average_precision(found, truth, 0.5).mean


def _told(recipe: Recipe, threads: int) -> str:
    """The command that repeats a training."""
    numbers = f"--seed {recipe.seed} --epochs {recipe.epochs} --images {recipe.images} --threads {threads}"
    numbers += f" --rate {recipe.rate:g}" * (recipe.rate != Recipe.rate)
    pairs = " ".join(f"{name}={json.dumps(value)}" for name, value in recipe.options.items())
    return f"{command('detectors')} {recipe.name} {numbers}" + f" --set {pairs}" * bool(pairs)


def run(name: str, out: Path | None = None, threads=None, jobs=1, restart=False, **options) -> dict:
    """The training that the command line describes; out: the data folder, unless another one is given."""
    try:
        pairs = dict(pair.split("=") for pair in options.pop("set", []))
        options["options"] = {key: json.loads(value) for key, value in pairs.items()}
    except ValueError as error:
        raise Refused("--set: expected name=value, the value as JSON writes it, such as fpn=false") from error
    recipe = Recipe(name, **USUAL.get(name, {}) | options)
    if recipe.epochs < 1 or recipe.images < recipe.batch:
        raise Refused(f"--epochs must be at least 1, --images at least {recipe.batch}")
    return train(out or data_dir(), recipe, threads=threads, jobs=jobs, restart=restart)


EXPERIMENT = Experiment(
    makes=("weights/detector-*",),
    takes="25 minutes a detector",
    run=run,
    options={
        "name": {"type": one_of(DETECTORS, "detector"), "help": ", ".join(DETECTORS)},
        "--seed": {"type": int, "help": "(0)"},
        "--epochs": {"type": int, "help": f"({Recipe.epochs})"},
        "--images": {
            "type": int,
            "help": f"training scenes ({Recipe.images}; HOGSVM {USUAL['HOGSVM']['images']})",
        },
        "--rate": {"type": float, "help": f"highest learning rate ({Recipe.rate:g})"},
        "--set": {"nargs": "*", "help": "options of the detector's class, such as fpn=false gamma=0"},
    }
    | JOBS
    | THREADS
    | RESTART,
    goes_on="from the last whole epoch",
    report=lambda card: "\n".join(
        f"AP at IoU .5, {split}: {value:.3f}" for split, value in card["ap50"].items()
    ),
)
