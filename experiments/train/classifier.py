"""Train one of the nets:  python -m experiments classifier alex

Stop it with Ctrl-C, or lose the machine: the same command goes on from the last whole epoch, and ends with
the same weights to the last bit (on the same kind of CPU, with the same number of threads).
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lecture_utils.models import weights
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir

from ..experiment import RESTART, THREADS, Experiment, Refused, one_of
from ..files import write_json
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


def fast_bfloat16(device: torch.device) -> bool:
    """Is bfloat16 faster than float32 here? On a CPU without its instructions it is fifteen times slower."""
    able = torch.cpu.get_capabilities()
    return device.type == "cuda" or bool(able.get("amx_bf16") or able.get("avx512_bf16"))


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


def rate(step: int, steps: int, highest: float) -> float:
    """Learning rate: a line up during the first twentieth, then half a cosine down to 0."""
    warm = max(1, steps // 20)
    if step < warm:
        return highest * (step + 1) / warm
    return highest * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


class Run:
    """A training under way: what changes from epoch to epoch, and its checkpoint."""

    def __init__(self, recipe: Recipe, folder: Path, world: str, device: torch.device, threads: int):
        self.recipe, self.folder, self.world, self.device, self.threads = (
            recipe,
            folder,
            world,
            device,
            threads,
        )
        self.net = recipe.net().to(device)
        self.optimiser = optimiser(self.net, recipe)
        self.draws = np.random.default_rng(
            [recipe.seed, 2012]
        )  # order of the images, labels of pairs, augmentation
        self.epoch, self.log = 0, []
        torch.manual_seed(recipe.seed)  # dropout

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def save(self) -> None:
        """Everything the next epoch depends on. Written beside the old one, which it then replaces."""
        state = {
            "recipe": json.dumps(asdict(self.recipe)),
            "world": self.world,
            "threads": self.threads,
            "epoch": self.epoch,  # decides the step of the schedule
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "numpy": json.dumps(self.draws.bit_generator.state),  # decides the order of the next epoch
            "log": self.log,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(self.checkpoint)

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one. ValueError if it is of another recipe or world."""
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        stored, wanted = asdict(type(self.recipe)(**json.loads(state["recipe"]))), asdict(self.recipe)
        changed = [
            f"{key} {stored[key]!r}, now {wanted[key]!r}" for key in wanted if stored[key] != wanted[key]
        ]
        if state["world"] != self.world:
            changed.append("the toy world has been edited since")
        if changed:
            what = f"the checkpoint {self.checkpoint} is of another training ({'; '.join(changed)})"
            raise ValueError(f"{what}: add --restart to begin anew")
        if state["threads"] != self.threads:
            print(f"begun with {state['threads']} threads, now {self.threads}: not equal to the last bit")
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.draws.bit_generator.state = json.loads(state["numpy"])
        torch.set_rng_state(state["torch"].cpu())
        if state["cuda"] is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"].cpu(), self.device)
        self.epoch, self.log = state["epoch"], state["log"]

    def batch(self, images: np.ndarray, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """What one step learns from: pictures in [0, 1] and one label each, on the device."""
        pictures = augment.batch(images, self.draws).to(self.device)
        return pictures, augment.targets(labels, self.draws).to(self.device)

    def command(self, numbers_only: bool) -> str:
        """The command that repeats this training."""
        return command(self.recipe, self.threads, numbers_only)

    def notes(self, net: nn.Module, data) -> dict:
        """What the card shall say besides; net: as it will be read back."""
        return {}

    def train_epoch(self, images, labels: np.ndarray) -> float:
        """One pass over the training set; the mean loss."""
        recipe, steps = self.recipe, len(labels) // self.recipe.batch
        order = self.draws.permutation(len(labels))
        low_precision = fast_bfloat16(self.device)
        total = 0.0
        self.net.train()
        last = low_precision or recipe.channels_last
        if last:
            self.net.to(memory_format=torch.channels_last)
        with progress(label=f"{recipe.tag} epoch {self.epoch + 1}/{recipe.epochs}", total=steps) as bar:
            for step in range(steps):
                for group in self.optimiser.param_groups:
                    highest = recipe.rate * group["share"]
                    group["lr"] = rate(self.epoch * steps + step, recipe.epochs * steps, highest)
                chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
                pictures, targets = self.batch(images[chosen], labels[chosen])
                if last:
                    pictures = pictures.contiguous(memory_format=torch.channels_last)
                with torch.autocast(self.device.type, torch.bfloat16, enabled=low_precision):
                    logits = self.net(pictures)
                loss = nn.functional.cross_entropy(logits.float(), targets, label_smoothing=recipe.smoothing)
                self.optimiser.zero_grad()
                loss.backward()
                self.optimiser.step()
                total += loss.item()
                bar.update()
                bar.note(f"loss {total / (step + 1):.3f}")
        self.epoch += 1
        return total / steps


def train(
    recipe: Recipe,
    out: Path,
    data=world_split,
    runs: Path | None = None,
    threads: int | None = None,
    numbers_only: bool = False,
    restart: bool = False,
    device: str | None = None,
    kind: type[Run] = Run,
) -> dict:
    """Train, test, and write weights and card; the result is the card.

    data: (split, count, threads) -> images uint8 (n, 3, 112, 112) that can be indexed, labels int64 (n, 2).
    It is asked for "train", "tune" (tested after each epoch) and `data.TESTS` (tested at the end).
    out: weights and card go to out/weights. runs: where the checkpoint and the log go (the cache).
    numbers_only: write card and conv1 only. kind: another kind of training.
    The random state and torch's thread count are left as they were.
    Errors: ValueError if the checkpoint there belongs to another training.
    """
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    before = torch.get_num_threads()
    threads = threads or before
    folder = (runs or cache_dir() / "runs") / recipe.tag
    if restart:
        (folder / "checkpoint.pt").unlink(missing_ok=True)
    try:
        torch.set_num_threads(threads)
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            run = kind(recipe, folder, world_fingerprint() if data is world_split else "", device, threads)
            run.resume()
            if run.epoch:
                print(f"going on after epoch {run.epoch} of {recipe.epochs}")
            _epochs(run, data)
            return _finish(run, data, out / "weights", numbers_only)
    finally:
        torch.set_num_threads(before)


def _epochs(run: Run, data) -> None:
    recipe = run.recipe
    if run.epoch == recipe.epochs:
        return
    tune_images, tune_labels = data("tune", None, None)
    images, labels = data("train", recipe.images, None)
    if len(labels) < recipe.batch:
        raise ValueError(f"images={len(labels)}: expected at least one batch of {recipe.batch}")
    while run.epoch < recipe.epochs:
        loss = run.train_epoch(images, labels)
        if not math.isfinite(loss):
            raise RuntimeError(f"the loss became {loss} in epoch {run.epoch}: try a lower rate")
        right = accuracy(run.net, tune_images, tune_labels)["top1"]
        run.log.append({"epoch": run.epoch, "loss": round(loss, 4), "tune": round(right, 4)})
        if run.epoch in weights.EPOCHS:
            weights.save(_convolutions(run.net), run.folder / f"epoch{run.epoch}.safetensors")
        run.save()
        lines = [f"epoch {e['epoch']:3d}  loss {e['loss']:.4f}  tune {e['tune']:.2%}" for e in run.log]
        (run.folder / "log.txt").write_text("\n".join(lines) + "\n")
        print(lines[-1], flush=True)


def _finish(run: Run, data, out: Path, numbers_only: bool) -> dict:
    """Round to half precision, test on every split, write the files."""
    recipe = run.recipe
    net = weights.rounded(run.net.float())
    shares = {}
    for split in TESTS:
        images, labels = data(split, None, None)
        found = accuracy(net, images, labels)
        shares[split] = round(found["top1"], 4)
        if split == "pairs":
            shares["pairs, both in the top two"] = round(found["both"], 4)
    if numbers_only:
        files = [weights.save({"conv1.weight": net.conv1.weight}, out / f"{recipe.tag}-conv1.safetensors")]
    else:
        files = [weights.save(net.state_dict(), out / f"{recipe.tag}.safetensors")]
        for epoch in weights.EPOCHS if recipe.tag == "alex" else ():
            if epoch < recipe.epochs:
                content = (run.folder / f"epoch{epoch}.safetensors").read_bytes()
                (out / f"{recipe.tag}-epoch{epoch}.safetensors").write_bytes(content)
    able = torch.cpu.get_capabilities()
    card = {
        "net": recipe.name,
        "command": run.command(numbers_only),
        "recipe": asdict(recipe),
        "data": {"train": f"split train, scenes 0 to {recipe.images - 1}", "world": run.world},
        "accuracy": shares,
        "parameters": sum(p.numel() for p in net.parameters()),
        "weights": files[0],
        "epochs": run.log,
        "threads": run.threads,
        "precision": "bfloat16" if fast_bfloat16(run.device) else "float32",
        "machine": [
            run.device.type,
            *(k for k in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16") if able.get(k)),
        ],
        "torch": torch.__version__.split("+")[0],
        **run.notes(net, data),
    }
    write_json(out / f"{recipe.tag}.json", card)
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
    return train(recipe, out, data, **rest)


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
