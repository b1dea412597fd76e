"""Is it always edges? Many small trainings of one first layer:  python -m experiments filter_study

Small initial weights or not, strong decay on conv1 or not, size and stride 11/4, 11/2, 7/4, 7/2; three seeds
each. Kept are the weights of conv1, for notebook 01. Stop it whenever you like: it goes on with what is
missing.

The budget is small (crops of 64 px around one object, 32 filters, few and narrow layers above), so these
filters are rougher than those of the shipped nets; compare them with each other only. The decay is stronger
than in the full training, because there are fewer steps: a weight that no gradient holds shrinks by e^-2
(full: e^-4).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import nn

from lecture_utils.models import weights
from lecture_utils.models.architectures import Net, initialise
from lecture_utils.progress import progress, silenced
from lecture_utils.store import cache_dir

from ..experiment import JOBS, Experiment, command
from ..files import write_json
from ..training import descend, save, side_by_side
from .data import world_fingerprint, world_split

SEEDS = (0, 1, 2)
SIDE, ROOM, FILTERS, BATCH, HIGHEST, DECAY, CONV1_DECAY = 64, 80, 32, 32, 2e-3, 0.05, 2.0


@dataclass(frozen=True)
class Setting:
    """One way to train: conv1 is "kernel/stride"."""

    conv1: str = "11/4"
    small_init: bool = True
    conv1_decay: bool = True


SETTINGS = {
    "11/4": Setting(),
    "11/4, plain init": Setting(small_init=False),
    "11/4, no decay": Setting(conv1_decay=False),
    "11/4, neither": Setting(small_init=False, conv1_decay=False),
    "11/2": Setting("11/2"),
    "7/4": Setting("7/4"),
    "7/2": Setting("7/2"),
}


def small_net(conv1: str, classes: int = 16) -> Net:
    """conv1 as in `alex` but with 32 filters, then two narrow layers and an average."""
    kernel, stride = map(int, conv1.split("/"))
    return Net(
        {
            "conv1": nn.Conv2d(3, FILTERS, kernel, stride, kernel // 2),  # 32 x 16 x 16 (stride 2: 32 x 32)
            "relu1": nn.ReLU(),
            "pool1": nn.MaxPool2d(8 // stride),  # 32 x 8 x 8
            "conv2": nn.Conv2d(FILTERS, 48, 3, padding=1),
            "relu2": nn.ReLU(),
            "conv3": nn.Conv2d(48, 64, 3, padding=1),
            "relu3": nn.ReLU(),
            "pool3": nn.AvgPool2d(4),  # 64 x 2 x 2
            "flatten": nn.Flatten(),
            "fc": nn.Linear(64 * 4, classes),
        }
    )


def crops(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Scenes of a split, cut to 80 px around their first object: uint8 (n, 3, 80, 80), labels (n,)."""
    from lecture_utils.world.splits import split_scene

    path = cache_dir() / f"world-{world_fingerprint()}" / f"crops-{split}-{count}.npz"
    if path.exists():
        with np.load(path) as file:
            return file["images"], file["labels"]
    images, labels = world_split(split, count)
    cut = []
    for i in progress(range(count), f"cutting {split}"):
        picture, seen = images[[i]][0], split_scene(split, i).factors()
        size = picture.shape[-1]
        left, top = (min(max(int(seen[key] * size) - ROOM // 2, 0), size - ROOM) for key in ("u_1", "v_1"))
        cut.append(picture[:, top : top + ROOM, left : left + ROOM])
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, images=np.stack(cut), labels=labels[:, 0])
    temporary.replace(path)
    return np.stack(cut), labels[:, 0]


def batch(images: np.ndarray, draws: np.random.Generator) -> torch.Tensor:
    """uint8 (n, 3, 80, 80) -> float32 (n, 3, 64, 64) in [0, 1]: cut anywhere, in other light; pixels stay sharp."""
    places = draws.integers(0, ROOM - SIDE + 1, (len(images), 2))
    cut = [image[:, y : y + SIDE, x : x + SIDE] for image, (y, x) in zip(images, places, strict=True)]
    contrast, brightness = draws.uniform(0.75, 1.25, len(cut)), draws.uniform(-0.12, 0.12, len(cut))
    light = (torch.from_numpy(q.astype(np.float32)).view(-1, 1, 1, 1) for q in (contrast, 0.5 + brightness))
    return (
        torch.from_numpy(np.stack(cut))
        .float()
        .div_(255)
        .sub_(0.5)
        .mul_(next(light))
        .add_(next(light))
        .clamp_(0, 1)
    )


def train_one(setting: Setting, seed: int, train_set, test_set, epochs: int) -> tuple[torch.Tensor, dict]:
    """Conv1's weights after training, (32, 3, k, k), and what came out: loss of the last epoch, accuracy."""
    images, labels = train_set
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        net = small_net(setting.conv1)
        initialise(net, setting.small_init)
        draws = np.random.default_rng([seed, 1989])
        first = net.conv1.weight
        groups = [
            {"params": [first], "weight_decay": CONV1_DECAY if setting.conv1_decay else DECAY},
            {"params": [p for p in net.parameters() if p.ndim > 1 and p is not first], "weight_decay": DECAY},
            {"params": [p for p in net.parameters() if p.ndim == 1], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, fused=True)
        per_epoch, order = len(labels) // BATCH, None

        def loss(step):
            nonlocal order
            if step % per_epoch == 0:
                order = draws.permutation(len(labels))
            chosen = order[step % per_epoch * BATCH :][:BATCH]
            logits = net(batch(images[chosen], draws))
            return nn.functional.cross_entropy(logits, torch.from_numpy(labels[chosen]))

        steps = epochs * per_epoch
        with silenced():
            *_, mean = descend(loss, optimiser, HIGHEST, range(steps), steps, per_epoch, "filters")
        net.eval()
        with torch.no_grad():
            middle = slice((ROOM - SIDE) // 2, (ROOM + SIDE) // 2)
            answers = net(torch.from_numpy(test_set[0][..., middle, middle]).float() / 255).argmax(1).numpy()
        right = float((answers == test_set[1]).mean())
    return first.detach(), {"loss": round(mean, 4), "accuracy": round(right, 4)}


def _job(name: str, seed: int, images: int, tests: int, epochs: int, folder: Path) -> None:
    torch.set_num_threads(1)
    filters, numbers = train_one(SETTINGS[name], seed, crops("train", images), crops("tune", tests), epochs)
    numbers = {"setting": name, "seed": seed, **asdict(SETTINGS[name]), **numbers}
    save({"conv1.weight": filters}, _file(folder, name, seed))
    _file(folder, name, seed).with_suffix(".json").write_text(json.dumps(numbers))


def _file(folder: Path, name: str, seed: int) -> Path:
    return folder / f"{name.replace('/', '-').replace(', ', '-').replace(' ', '-')}-seed{seed}.safetensors"


def study(out: Path, images: int = 5000, epochs: int = 12, tests: int = 400, jobs: int = 1) -> dict:
    """Train what is missing and write weights/filter_study.safetensors and .json. Result: the latter."""
    recipe = {
        "images": images,
        "epochs": epochs,
        "tests": tests,
        "batch": BATCH,
        "rate": HIGHEST,
        "decay": DECAY,
    }
    recipe |= {"conv1_decay": CONV1_DECAY, "side": SIDE, "filters": FILTERS, "world": world_fingerprint()}
    folder = cache_dir() / "runs" / f"filter_study-{images}x{epochs}-{recipe['world']}"
    folder.mkdir(parents=True, exist_ok=True)
    every = [(name, seed) for seed in SEEDS for name in SETTINGS]
    missing = [job for job in every if not _file(folder, *job).with_suffix(".json").exists()]
    crops("train", images), crops("tune", tests)
    side_by_side(_job, [(*job, images, tests, epochs, folder) for job in missing], jobs, "filter study")
    runs, tensors = [], {}
    for name, seed in every:
        file = _file(folder, name, seed)
        runs.append(json.loads(file.with_suffix(".json").read_text()))
        tensors[f"{name}, seed {seed}"] = safetensors.torch.load_file(file)["conv1.weight"]
    save(tensors, out / "weights/filter_study.safetensors")
    card = {"command": command("filter_study"), "recipe": recipe, "runs": runs}
    write_json(out / "weights/filter_study.json", card)
    return card


def shipped() -> dict[str, list[torch.Tensor]]:
    """The first layers of the trainings that ship, {setting: weights (32, 3, k, k) of each seed};
    `models.card("filter_study")` has their recipe, and loss and accuracy of each run.
    """
    stored, found = weights.tensors("filter_study"), {}
    for run in weights.card("filter_study")["runs"]:
        filters = stored[f"{run['setting']}, seed {run['seed']}"]
        found.setdefault(run["setting"], []).append(filters)
    return found


def report(card: dict) -> str:
    return "\n".join(
        f"{run['setting']:18s} seed {run['seed']}  loss {run['loss']:.3f}  accuracy {run['accuracy']:.1%}"
        for run in card["runs"]
    )


EXPERIMENT = Experiment(
    makes=("weights/filter_study.*",),
    takes="40 minutes with --jobs 2",
    run=study,
    options={
        "--images": {"type": int, "help": "training scenes (5000)"},
        "--epochs": {"type": int, "help": "(12)"},
    }
    | JOBS,
    goes_on="with what is missing",
    report=report,
)
