"""A PixelCNN of the studio, 32 x 32 px in colour, 8 levels.  python -m experiments studio_pixelcnn

A gated net whose six layers see the whole picture above and to the left of a value. What ships is the running average
of its weights. About 70 minutes on one core with bfloat16 instructions, and a C++ compiler, which makes it half as fast
again. Stop it whenever you like: the same command goes on from the last checkpoint.
"""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lecture_utils.datasets import quantised
from lecture_utils.generative import PixelCNN
from lecture_utils.models.studio import PIXELCNN_LEVELS as LEVELS, SIDE, pixelcnn
from lecture_utils.progress import progress

from ..checkpoint import Checkpoint, place
from ..experiment import RESTART, Experiment
from ..training import descend, device_here, fast_bfloat16, rounded, ship, threads_set
from .studio import pictures

TESTED = 1_000  # pictures of "studio test"
NAMES = ("studio-pixelcnn", "studio_pixelcnn")
KEPT = 200  # steps from one checkpoint to the next


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training."""

    seed: int = 0
    images: int = 24_000
    steps: int = 14_000
    batch: int = 16
    width: int = 60  # channels of each stack, a third for each colour
    kernel: int = 5
    dilations: tuple[int, ...] = (1, 2, 4, 8, 2, 1)
    rate: float = 2.5e-3  # highest, see `generative.warm_cosine`
    clip: float = 1.0  # the gradient's largest norm
    average: float = 0.999  # of the running average of the weights, a step
    shape: tuple[int, int] = (3, SIDE)  # colours and side of a picture
    levels: int = LEVELS


def build(recipe: Recipe | None = None) -> PixelCNN:
    """An untrained one in eval mode, the same for the same seed; the global random state is left as it was."""
    recipe = recipe or Recipe()
    form = recipe.shape, recipe.levels
    return pixelcnn(recipe.seed, recipe.width, recipe.kernel, recipe.dilations, *form)


@threads_set()
def train(
    out: Path, recipe: Recipe = Recipe(), data=pictures, folder=None, restart=False, names=NAMES
) -> dict:
    """Train, and write weights and card; the result is the card.

    data: (split, count) -> images uint8 (n, colours, h, w) and factors, asked for "studio" and "studio test".
    names: of the net, and of the experiment.
    Errors: Refused if the checkpoint there is of another training; FloatingPointError where the loss is NaN.
    """
    device = device_here()
    net, average = (build(recipe).to(device, memory_format=torch.channels_last) for _ in range(2))
    optimiser = torch.optim.Adam(net.parameters(), recipe.rate, fused=True)
    parts = {"net": net, "average": average, "optimiser": optimiser}
    checkpoint = Checkpoint(place(names[0], folder), recipe, **parts)
    log = checkpoint.resume(restart).get("log", [])
    pixels = quantised(torch.from_numpy(data("studio", recipe.images)[0]), recipe.levels)
    low = fast_bfloat16(device)
    fast = torch.compile(net) if low and shutil.which("g++") else net
    net.train()

    def loss(step):
        x = _batch(pixels, recipe, step).to(device)
        values = net.values(x).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=low):
            logits = fast(values)
        return nn.functional.cross_entropy(logits.float(), x)

    options = {
        "clip": recipe.clip,
        "note": lambda nats: f"{nats / math.log(2):.3f} bits/dim",
        "after": lambda step: _follow(average, net, min(recipe.average, (step + 1) / (step + 10))),
    }
    steps, label = range(len(log) * KEPT, recipe.steps), names[0]
    for mean in descend(loss, optimiser, recipe.rate, steps, recipe.steps, KEPT, label, **options):
        log.append(round(mean / math.log(2), 4))
        checkpoint.keep(log=log)
    return _finish(recipe, rounded(average.cpu().eval()), data, log, out, fast is not net, names)


def _batch(pixels: torch.Tensor, recipe: Recipe, step: int) -> torch.Tensor:
    """Every epoch goes through all pictures in a new order."""
    epoch, at = divmod(step, len(pixels) // recipe.batch)
    order = np.random.default_rng([recipe.seed, epoch]).permutation(len(pixels))
    return pixels[order[at * recipe.batch : (at + 1) * recipe.batch]]


def _follow(average: PixelCNN, net: PixelCNN, share: float) -> None:
    """average <- share * average + (1 - share) * net."""
    with torch.no_grad():
        for kept, new in zip(average.parameters(), net.parameters(), strict=True):
            kept.lerp_(new, 1 - share)


def _finish(recipe, net, data, log, out, compiled, names) -> dict:
    x = quantised(torch.from_numpy(data("studio test", TESTED)[0]), recipe.levels)
    with torch.no_grad():
        nats = -torch.cat([net.log_prob(some) for some in progress(x.split(50), "testing")])
    dims = x[0].numel() * math.log(2)
    facts = {
        "data": {
            "train": f"the first {recipe.images} of {names[0].split('-')[0]}, {recipe.levels} levels",
            "tested": f"the first {len(x)} of its test images",
        },
        "tested": {"nats": round(float(nats.mean()), 2), "bits/dim": round(float(nats.mean() / dims), 4)},
        "parameters": sum(p.numel() for p in net.parameters()),
        "bits/dim while training": log,
        "compiled": compiled,
    }
    return ship(out, *names, recipe, facts, net)


def report(card: dict) -> str:
    tested = card["tested"].items()
    return "\n".join(f"{value:9.3f}  {name} on {TESTED} pictures it never saw" for name, value in tested)


EXPERIMENT = Experiment(
    makes=("weights/studio-pixelcnn.*",),
    takes="70 minutes",
    run=train,
    options=RESTART,
    goes_on="from the last checkpoint",
    report=report,
)
