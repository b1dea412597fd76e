"""What the trainings share: the loop, the steps of its learning rate, the settings of the processor."""

import hashlib
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import nn

from lecture_utils.generative import warm_cosine
from lecture_utils.models.weights import STEP, restored
from lecture_utils.progress import progress

from .checkpoint import Checkpoint
from .experiment import command
from .files import write_json


def device_here() -> torch.device:
    """The GPU, where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fast_bfloat16(device: torch.device | None = None) -> bool:
    """Is bfloat16 faster than float32 here? On a CPU without its instructions it is fifteen times slower."""
    able = torch.cpu.get_capabilities()
    gpu = device is not None and device.type == "cuda"
    return gpu or bool(able.get("amx_bf16") or able.get("avx512_bf16"))


@contextmanager
def threads_set(threads: int | None = None) -> Iterator[int]:
    """So many threads of torch inside (None: no other number); afterwards threads and random state are as before."""
    before = torch.get_num_threads()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    try:
        torch.set_num_threads(threads or before)
        with torch.random.fork_rng(devices):
            yield threads or before
    finally:
        torch.set_num_threads(before)


def descend(
    loss: Callable[[int], torch.Tensor],
    optimiser: torch.optim.Optimizer,
    highest: float,
    steps: range,
    total: int,
    every: int,
    label: str,
    clip: float | None = None,
    note: Callable[[float], str] = "loss {:.3f}".format,
    after: Callable[[int], None] | None = None,
) -> Iterator[float]:
    """Go down the gradient of loss(step) for each of `steps`, and yield the mean loss of each `every` steps.

    highest: the learning rate that `warm_cosine` reaches, `total` being all steps of the training; a group of the
    optimiser may have a share of it. clip: the largest norm of the gradient. note: the text behind the progress bar.
    after: called with each step that was made.
    Errors: FloatingPointError where the loss or the gradient is NaN or infinite; the last checkpoint is then good.
    """
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    with progress(label=label, total=len(steps)) as bar:
        summed, done = 0.0, 0
        for step in steps:
            for group in optimiser.param_groups:
                group["lr"] = warm_cosine(step, total, highest * group.get("share", 1.0))
            value = loss(step)
            optimiser.zero_grad()
            value.backward()
            norm = nn.utils.clip_grad_norm_(parameters, clip).item() if clip else 0.0
            summed, done = summed + value.item(), done + 1
            if not math.isfinite(summed + norm):
                raise FloatingPointError(
                    f"{label}: NaN or infinity in step {step + 1}; the last checkpoint is good"
                )
            optimiser.step()
            if after:
                after(step)
            bar.update()
            bar.note(note(summed / done))
            if (step + 1) % every == 0:
                yield summed / done
                summed, done = 0.0, 0


class Run:
    """A training that goes through its images epoch after epoch, and can go on after each.

    recipe: with `tag`, `seed`, `epochs`, `batch` and `rate`; its checkpoint lies in `folder`. world: a name for what
    was rendered. A kind of training says how to `build` its net and its `optimiser`, and what the `loss` of a batch is.
    """

    stream = 2012  # of random numbers, for order and augmentation
    clip = None  # the largest norm of a gradient

    def __init__(self, recipe, folder: Path, world: str = "", device: torch.device | None = None):
        self.recipe, self.folder, self.world = recipe, folder, world
        self.device, self.threads = device or device_here(), torch.get_num_threads()
        self.low_precision = fast_bfloat16(self.device)
        self.net = self.build().to(self.device)
        self.optimiser = self.descent()
        self.draws = np.random.default_rng([recipe.seed, self.stream])
        self.epoch, self.log = 0, []
        torch.manual_seed(recipe.seed)  # dropout
        settings = asdict(recipe) | {"the toy world": world}
        parts = {"net": self.net, "optimiser": self.optimiser, "draws": self.draws}
        self.checkpoint = Checkpoint(folder / "checkpoint.pt", settings, **parts)

    def build(self) -> nn.Module:
        raise NotImplementedError

    def descent(self) -> torch.optim.Optimizer:
        raise NotImplementedError

    def loss(self, images: np.ndarray, labels: np.ndarray) -> torch.Tensor:
        raise NotImplementedError

    def resume(self, restart: bool = False) -> None:
        """Go on from the checkpoint, if there is one. Errors: Refused if it is of another recipe or world."""
        known = self.checkpoint.resume(restart)
        self.epoch, self.log = known.get("epoch", 0), known.get("log", [])
        if self.epoch:
            print(f"going on after epoch {self.epoch} of {self.recipe.epochs}")

    def train_epoch(self, images, labels: np.ndarray) -> float:
        """One pass over the training set; the mean loss."""
        recipe, steps = self.recipe, len(labels) // self.recipe.batch
        begun, order = self.epoch * steps, self.draws.permutation(len(labels))

        def loss(step):
            chosen = order[(step - begun) * recipe.batch : (step - begun + 1) * recipe.batch]
            return self.loss(images[chosen], labels[chosen])

        self.net.train()
        label = f"{recipe.tag} epoch {self.epoch + 1}/{recipe.epochs}"
        span = range(begun, begun + steps)
        (mean,) = descend(
            loss, self.optimiser, recipe.rate, span, recipe.epochs * steps, steps, label, self.clip
        )
        self.epoch += 1
        return mean

    def train(self, images, labels: np.ndarray, tune: Callable[[nn.Module], float], digits: int = 4) -> None:
        """All epochs that are missing. tune: from the net to the share that stands in the log after each."""
        while self.epoch < self.recipe.epochs:
            loss = self.train_epoch(images, labels)
            self.log.append(
                {"epoch": self.epoch, "loss": round(loss, digits), "tune": round(tune(self.net), 4)}
            )
            self.keep()
            print("epoch {epoch:3d}  loss {loss:.4f}  tune {tune:.2%}".format(**self.log[-1]), flush=True)

    def keep(self) -> None:
        """The checkpoint after an epoch."""
        self.checkpoint.keep(epoch=self.epoch, log=self.log)


def ship(
    out: Path, stem: str, name: str, recipe, facts: dict, net: nn.Module | None, tensors=None, bits=16
) -> dict:
    """Write out/weights/<stem>.json and, unless net and tensors are None, .safetensors; the result is the card.

    name: of the experiment, or its whole command. facts: what the card says beside net, command, recipe, size and
    version of torch. tensors: what is written, by default all of the net. bits: of a weight, see `shortened`.
    """
    card = {
        "net": getattr(recipe, "name", stem.split("-seed")[0]),
        "command": name if " " in name else command(name),
        "recipe": asdict(recipe),
        **facts,
        "torch": torch.__version__.split("+")[0],
    }
    if net is not None:
        tensors = tensors or net.state_dict()
        card.setdefault("parameters", sum(p.numel() for p in net.parameters()))
        card["weights"] = save(tensors, out / f"weights/{stem}.safetensors", bits)
    write_json(out / f"weights/{stem}.json", card)
    return card


def rounded(net: nn.Module, bits: int = 16) -> nn.Module:
    """The net as it will be read back from what `save` writes, in place."""
    with torch.no_grad():
        found = restored(shortened(net.state_dict(), bits))
        for name, tensor in net.state_dict().items():
            tensor.copy_(found[name])
    return net


def shortened(state: dict[str, torch.Tensor], bits: int = 16) -> dict[str, torch.Tensor]:
    """What is written: floating tensors in half precision; of 8 bits weights as whole numbers, and their steps beside.

    A filter's step is 1/127 of its largest weight.
    """
    short = {}
    for name, tensor in state.items():
        tensor = tensor.detach().cpu()
        if bits == 8 and tensor.is_floating_point() and tensor.ndim > 1 and len(tensor) > 1:
            step = tensor.abs().amax(tuple(range(1, tensor.ndim)), keepdim=True).clamp(min=1e-12) / 127
            step = ((step.view(torch.int32) + 255) & ~255).view(torch.float32)  # 16 bits: 127 steps are exact
            short |= {name: (tensor / step).round().to(torch.int8), name + STEP: step}
        else:
            short[name] = tensor.half() if tensor.is_floating_point() else tensor
    return {name: tensor.contiguous() for name, tensor in short.items()}


def save(state: dict[str, torch.Tensor], path: Path, bits: int = 16) -> dict:
    """Write tensors, `shortened`, the file whole or not at all. Result: its name, sha256 and bytes."""
    content = safetensors.torch.save(shortened(state, bits))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
    return {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def side_by_side(work: Callable, jobs: list[tuple], at_once: int, label: str) -> None:
    """Call work(*job) for every job with a progress bar, `at_once` at a time, each in a process of its own.

    One at a time needs no other process. An error or Ctrl-C ends it: nothing new begins, the error is raised here.
    """
    with progress(label=label, total=len(jobs)) as bar:
        if at_once == 1:
            for job in jobs:
                work(*job)
                bar.update()
            return
        with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
            try:
                for done in as_completed([pool.submit(work, *job) for job in jobs]):
                    done.result()
                    bar.update()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
