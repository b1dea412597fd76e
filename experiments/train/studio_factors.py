"""The judge of studio pictures: one net that reads every factor.  python -m experiments studio_factors

It names class and colour, and says azimuth, place, pitch, light and backdrop. Two things are asked of it: how often a
generated picture is clearly one of the six classes, and 128 features to compare sets of pictures by (FID, KID). It
learns all factors, because a classifier that may ignore the colour could not see colours vanish.
Half of what it learns from has only 8 levels a channel, as the pictures of the autoregressive model have.
Eight minutes on one core. Stop it whenever you like: the same command goes on from the last epoch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from lecture_utils.models.architectures import seeded_net
from lecture_utils.models.studio import ANGLES, NAMES, NUMBERS, SYMMETRIC, FactorNet, read

from ..checkpoint import Checkpoint, place
from ..experiment import RESTART, Experiment
from ..training import descend, fast_bfloat16, rounded, ship, threads_set
from . import studio

LEVELS = 8  # of half of the pictures
TESTED = 1_000


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training."""

    seed: int = 0
    images: int = 24_000
    epochs: int = 12
    batch: int = 64
    rate: float = 2e-3
    decay: float = 0.02


def targets(factors: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """What the net shall say, from the factors of `studio.pictures`; "turns" is False where azimuth means nothing."""
    wanted = {
        name: torch.tensor([names.index(text) for text in factors[name]]) for name, names in NAMES.items()
    }
    for name in ANGLES:
        angle = torch.deg2rad(torch.from_numpy(factors[name]).float())
        wanted[name] = torch.stack([angle.sin(), angle.cos()], 1)
    wanted |= {name: torch.from_numpy(factors[name]).float() for name in NUMBERS}
    return wanted | {"turns": torch.from_numpy(~np.isin(factors["class"], SYMMETRIC))}


def loss(said: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy of the names, squared errors of the rest, each on its scale; a number."""
    total = sum(cross_entropy(said[name].float(), wanted[name]) for name in NAMES)
    turns = wanted["turns"].float()
    squares = {name: (said[name].float() - wanted[name]).square() for name in (*ANGLES, *NUMBERS)}
    total = total + (squares["azimuth"].sum(1) * turns).sum() / turns.sum().clamp(min=1)
    total = total + squares["sun"].sum(1).mean()
    return total + sum(squares[name].mean() / scale**2 for name, (_, scale) in NUMBERS.items())


def batch(images: np.ndarray, draws: np.random.Generator) -> torch.Tensor:
    """uint8 (n, 3, 32, 32) -> float32 in [0, 1]; about half of them with 8 levels a channel."""
    pictures = torch.from_numpy(images).float()
    coarse = (pictures * LEVELS / 256).floor() / (LEVELS - 1)
    few = torch.from_numpy(draws.random(len(images)) < 0.5).view(-1, 1, 1, 1)
    return torch.where(few, coarse, pictures / 255)


def measured(net: FactorNet, images: torch.Tensor, factors: dict[str, np.ndarray]) -> dict[str, float]:
    """How well it reads: shares right, the share that is more than .9 sure of a class, median errors in own units."""
    said, wanted = read(net, images), targets(factors)
    found = {f"{name}: right": said[name].argmax(1).eq(wanted[name]).float().mean() for name in NAMES}
    found["class: over .9 sure"] = (said["class"].amax(1) > 0.9).float().mean()
    for name in ANGLES:
        apart = (said[name] - torch.from_numpy(factors[name]).float() + 180) % 360 - 180
        apart = apart[wanted["turns"]] if name == "azimuth" else apart
        found[f"{name}: median error, degrees"] = apart.abs().median()
    for name in NUMBERS:
        found[f"{name}: median error"] = (said[name] - wanted[name]).abs().median()
    return {name: round(float(value), 4) for name, value in found.items()}


@threads_set()
def train(out: Path, recipe: Recipe = Recipe(), data=studio.pictures, folder=None, restart=False) -> dict:
    """Train, measure on scenes it never saw, write weights and card; the result is the card.

    data: (split, count) -> images, factors, as `studio.pictures`. Errors: Refused if the checkpoint is of another
    training.
    """
    images, factors = data("studio", recipe.images)
    wanted, steps, low_precision = targets(factors), len(images) // recipe.batch, fast_bfloat16()
    net = seeded_net(FactorNet, recipe.seed).train()
    optimiser = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=recipe.decay)
    checkpoint = Checkpoint(place("studio-factors", folder), recipe, net=net, optimiser=optimiser)
    log = checkpoint.resume(restart).get("log", [])
    draws = order = None

    def loss_of(step):
        nonlocal draws, order
        epoch, at = divmod(step, steps)
        if at == 0:
            draws = np.random.default_rng([recipe.seed, epoch])
            order = draws.permutation(len(images))
        chosen = order[at * recipe.batch : (at + 1) * recipe.batch]
        pictures = batch(images[chosen], draws)
        with torch.autocast("cpu", torch.bfloat16, enabled=low_precision):
            said = net(pictures)
        return loss(said, {name: tensor[chosen] for name, tensor in wanted.items()})

    total = recipe.epochs * steps
    missing = range(len(log) * steps, total)
    for mean in descend(loss_of, optimiser, recipe.rate, missing, total, steps, "studio factors"):
        log.append(round(mean, 4))
        checkpoint.keep(log=log)
    net = rounded(net.eval())
    test, factors = data("studio test", TESTED)
    fine = torch.from_numpy(test).float() / 255
    coarse = (torch.from_numpy(test).long() * LEVELS // 256) / (LEVELS - 1)
    facts = {
        "data": {
            "train": f"scenes 0 to {recipe.images - 1} of split studio",
            "tested": f"scenes 0 to {TESTED - 1} of split studio test",
        },
        "tested": {
            "256 levels": measured(net, fine, factors),
            f"{LEVELS} levels": measured(net, coarse, factors),
        },
        "parameters": sum(p.numel() for p in net.parameters()),
        "loss": log,
    }
    return ship(out, "studio-factors", "studio_factors", recipe, facts, net)


def report(card: dict) -> str:
    tested = [(levels, *pair) for levels, found in card["tested"].items() for pair in found.items()]
    return "\n".join(f"{value:8.3f}  {name}, {levels}" for levels, name, value in tested)


EXPERIMENT = Experiment(
    makes=("weights/studio-factors.*",),
    takes="8 minutes",
    run=train,
    options=RESTART,
    goes_on="from the last epoch",
    report=report,
)
