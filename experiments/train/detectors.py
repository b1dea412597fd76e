"""Train one of the nine detectors:  python -m experiments detectors FasterRCNN

All learn from the same scenes, and all but HOGSVM on the same trunk (`python -m experiments detection_trunk`), which
stays as it is: its features of two variations of every scene are computed once and kept, 2.6 GB, except for RCNN,
which shows it crops. Stop it whenever you like: the same command goes on from the last whole epoch (HOGSVM learns in
one go, and begins anew). RCNN and FastRCNN first search the proposals of all scenes, once; they stay in the cache.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lecture_utils.detection import Trunk, build_detector, mean_average_precision, selective_search
from lecture_utils.detection.trunk import DETECTORS, detector_tag
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir, data_dir

from .. import training
from ..experiment import JOBS, RESTART, THREADS, Experiment, Refused, command, one_of
from ..files import write_array
from ..training import rounded, ship, side_by_side, threads_set
from . import augment
from .data import CHUNK, Pictures

SHIFT = 8  # px, each way
LEFT = 0.25  # an object of whose box less than this share is left after a shift is not asked for
COPIES = 2  # variations of each scene whose features are kept
SEARCHED = ("RCNN", "FastRCNN")  # their proposals come from selective search
USUAL = {
    "HOGSVM": {"images": 4_000, "epochs": 1},
    "RCNN": {"tested": 50},
}  # instead of what stands in Recipe


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training. options: of the detector's class."""

    name: str
    seed: int = 0
    epochs: int = 8
    images: int = 8_000
    batch: int = 16
    rate: float = 1e-3
    decay: float = 0.01
    tested: int = 200  # tuning scenes
    options: dict = field(default_factory=dict)

    @property
    def tag(self) -> str:
        return detector_tag(self.name, variant(asdict(self)), self.seed)


def usual(name: str) -> dict:
    """What the recipe of a detector says unless asked otherwise."""
    return asdict(Recipe(name, **USUAL.get(name, {})))


def variant(recipe: dict) -> str:
    """What sets a training apart from the usual one, as `load_detector` wants it: "", "fpn-false-epochs-2"."""
    pairs = list(recipe["options"].items())
    pairs += [
        (key, recipe[key])
        for key in ("epochs", "images", "rate")
        if recipe[key] != usual(recipe["name"])[key]
    ]
    return "-".join(f"{name}-{json.dumps(value)}" for name, value in pairs)


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


def moves_of(draws: np.random.Generator, count: int) -> np.ndarray:
    """(count, 2): px down and right."""
    return draws.integers(-SHIFT, SHIFT + 1, (count, 2))


def varied(images: np.ndarray, moves: np.ndarray, draws: np.random.Generator) -> torch.Tensor:
    """uint8 (n, 3, h, w) -> float32 in [0, 1], a little different each time: shifted, lit at random, never mirrored."""
    moved = [augment._moved(image, *move) for image, move in zip(images, moves.tolist(), strict=True)]
    return augment.batch(np.stack(moved), draws, shift=0)


def shifted(scenes: list[tuple], moves: np.ndarray, size: tuple[int, int]) -> tuple:
    """Boxes, labels and proposals of the moved images, a list of tensors each; what leaves an image is cut off (LEFT).

    scenes: for each image boxes (k, 4), labels (k,) and proposals (p, 4). size: (h, w) of the images.
    """
    found = []
    for (boxes, labels, proposals), move in zip(scenes, moves.tolist(), strict=True):
        boxes, stays = _shifted(boxes, move, size, LEFT)
        proposals, solid = _shifted(proposals, move, size, 1e-6)
        found.append([torch.from_numpy(each) for each in (boxes[stays], labels[stays], proposals[solid])])
    return tuple(map(list, zip(*found, strict=True)))


def _shifted(boxes, move, size, least):
    """Boxes moved by (down, right) and cut off at the edges; and which keep at least this share of their area."""
    (down, right), (height, width) = move, size
    moved = boxes + np.array([right, down, right, down], np.float32)
    moved = np.clip(moved, 0, np.array([width, height, width, height], np.float32))
    before, after = ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (boxes, moved))
    return moved, after >= least * before


def kept(trunk: Trunk, images, copy: int, folder: Path) -> tuple[dict[int, Pictures], np.ndarray]:
    """What the trunk says of a variation of all images: {stride: float16 (n, c, h, w)}, and their moves (n, 2).

    Read from the folder; what is not there is computed, CHUNK images at a time.
    """
    moves = moves_of(np.random.default_rng([Run.stream, copy]), len(images))
    folder, starts = folder / f"{copy}", range(0, len(images), CHUNK)
    missing = [start for start in starts if not (folder / f"{start:06d}-8.npy").exists()]
    for start in progress(missing, f"features of variation {copy}, {CHUNK} images at a time"):
        draws, levels = np.random.default_rng([Run.stream, copy, start]), {4: [], 8: []}
        for first in range(start, min(start + CHUNK, len(images)), 25):
            some = slice(first, min(first + 25, start + CHUNK))
            with torch.no_grad():
                found = trunk.levels(varied(images[some], moves[some], draws))
            [levels[stride].append(found[stride].half().numpy()) for stride in levels]
        for stride, parts in levels.items():
            write_array(folder / f"{start:06d}-{stride}.npy", np.concatenate(parts))
    read = {
        stride: [np.load(folder / f"{n:06d}-{stride}.npy", mmap_mode="r") for n in starts]
        for stride in (4, 8)
    }
    return {stride: Pictures(chunks, len(images)) for stride, chunks in read.items()}, moves


class Kept(nn.Module):
    """Stands where a trunk stood: whatever images it gets, it gives these features, {stride: (n, c, h, w)}."""

    def __init__(self, features: dict[int, torch.Tensor]):
        super().__init__()
        self.features = features

    def levels(self, images: torch.Tensor) -> dict[int, torch.Tensor]:
        return self.features

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.features[8]


class Run(training.Run):
    """The training of a detector. Its labels are numbers of scenes."""

    stream = 2014
    clip = 5.0
    scenes, features = (), ()  # features: what `kept` gives, for each copy; none for RCNN

    def build(self):
        return build_detector(self.recipe.name, seed=self.recipe.seed, **self.recipe.options)

    def descent(self) -> torch.optim.Optimizer:
        learn = [p for p in self.net.parameters() if p.requires_grad]
        return torch.optim.AdamW([{"params": learn}], self.recipe.rate, weight_decay=self.recipe.decay)

    def loss(self, images: np.ndarray, labels: np.ndarray) -> torch.Tensor:
        scenes, size, trunk = [self.scenes[n] for n in labels], images.shape[2:], self.net.trunk
        if self.features:
            maps, moves = self.features[self.epoch % COPIES]
            moves, shown = moves[labels], torch.zeros(images.shape)
            self.net.trunk = Kept({n: torch.from_numpy(some[labels]).float() for n, some in maps.items()})
        else:
            moves = moves_of(self.draws, len(images))
            shown = varied(images, moves, self.draws)
        boxes, labels, proposals = shifted(scenes, moves, size)
        more = {"proposals": proposals} if self.recipe.name in SEARCHED else {}
        try:
            return sum(self.net.loss(shown, boxes, labels, **more).values())
        finally:
            self.net.trunk = trunk


def train(out: Path, recipe: Recipe, data=crowds, runs=None, threads=None, jobs=1, restart=False) -> dict:
    """Train, score on tuning scenes, write weights and card into out/weights; the result is the card.

    data: (split, count) -> images uint8 (n, 3, h, w) that can be indexed, boxes and labels of each; asked for "train"
    and "tune". Errors: Refused if the checkpoint there belongs to another training.
    """
    folder, world = (runs or cache_dir() / "runs") / recipe.tag, world_of(data)
    place = cache_dir() / "proposals" / world if world else folder.parent
    found = place if recipe.name in SEARCHED else None
    images, scenes = scenes_of(data, "train", recipe.images, found, jobs)
    tuning = scenes_of(data, "tune", recipe.tested, found, jobs)
    bits = 16 if recipe.name == "HOGSVM" else 8  # of a shipped weight: nine detectors in 9 MB
    with threads_set(threads) as threads:
        trunk = "" if recipe.name == "HOGSVM" else digest(Trunk())  # on another trunk it is another training
        run = Run(recipe, folder, f"{world}, trunk {trunk}", torch.device("cpu"))
        if recipe.name == "HOGSVM":
            boxes, labels = ([torch.from_numpy(scene[k]) for scene in scenes] for k in (0, 1))
            run.net.fit(torch.from_numpy(images[:]).float() / 255, boxes, labels, seed=recipe.seed)
        else:
            run.scenes = scenes
            if recipe.name != "RCNN":
                place = place.with_name("features") / f"{world}-{trunk}"
                run.features = [kept(run.net.trunk, images, copy, place) for copy in range(COPIES)]
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
        heads = {name: tensor for name, tensor in net.state_dict().items() if not name.startswith("trunk.")}
        return ship(out, recipe.tag, _told(recipe, threads), recipe, facts, net, heads, bits)


def digest(net: nn.Module) -> str:
    """A name for its weights."""
    values = b"".join(tensor.numpy().tobytes() for tensor in net.state_dict().values())
    return hashlib.sha256(values).hexdigest()[:12]


def world_of(data) -> str:
    """A name for what was rendered; "" where it is not `crowds`."""
    from .detection_scenes import fingerprint

    return fingerprint() if data is crowds else ""


def scenes_of(
    data, split: str, count: int, folder: Path | None = None, jobs: int = 1
) -> tuple[Pictures, list]:
    """Images, and of each (boxes, labels, proposals). folder: where searched proposals are kept; None: no proposals."""
    images, boxes, labels = data(split, count)
    none = [np.zeros((0, 4), np.float32)] * len(images)
    found = searched(images, folder / split, jobs) if folder else none
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
