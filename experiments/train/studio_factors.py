"""The judge of studio pictures: one net that reads every factor.  python -m experiments studio_factors

It names class and colour, and says azimuth, place, pitch, light and backdrop. Two things are asked of it: how often a
generated picture is clearly one of the six classes, and 128 features to compare sets of pictures by (FID, KID). It
learns all factors, because a classifier that may ignore the colour could not see colours vanish.
Half of what it learns from has only 8 levels a channel, as the pictures of the autoregressive model have.
Eight minutes on one core. Stop it whenever you like: the same command goes on from the last epoch.
"""

import json
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lecture_utils import store
from lecture_utils.checks import check_images
from lecture_utils.hooks import eval_mode
from lecture_utils.models import weights
from lecture_utils.progress import progress

from . import runs, studio
from .classifier import fast_bfloat16, rate

SIDE, FEATURES, LEVELS = 32, 128, 8
NAMES = {
    "class": ("elephant", "duck", "car", "mug", "mushroom", "house"),
    "colour": ("red", "orange", "yellow", "green", "blue", "purple"),
}
# What it says as numbers: (middle, scale) of the factor, so that the net's own number lies about between -1 and 1.
NUMBERS = {"across": (0.5, 0.1), "down": (0.5, 0.1), "pitch": (18.0, 8.0), "backdrop": (0.65, 0.15)}
ANGLES = ("azimuth", "sun")  # degrees
SYMMETRIC = ("mushroom",)  # looks the same from all sides: its azimuth is neither learned nor asked
# Histograms of the numbers: unit, and the borders of the bins, which hold all of the studio.
BINS = {
    "azimuth": ("degrees", range(-90, 91, 30)),
    "sun": ("degrees", range(-60, 61, 20)),
    "across": ("of the frame", (0.38, 0.42, 0.46, 0.50, 0.54, 0.58, 0.62)),
    "down": ("of the frame", (0.26, 0.31, 0.36, 0.41, 0.46, 0.51, 0.56)),
    "pitch": ("degrees", (10, 14, 18, 22, 26)),
    "backdrop": ("linear light", (0.46, 0.54, 0.62, 0.70, 0.78, 0.86, 0.94)),
}
TESTED = 1_000
COMMAND = "python -m experiments studio_factors"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training."""

    seed: int = 0
    images: int = 24_000
    epochs: int = 12
    batch: int = 64
    rate: float = 2e-3
    decay: float = 0.02


class FactorNet(nn.Module):
    """Images (n, 3, 32, 32) in [0, 1] -> {"class": logits (n, 6), "colour": logits (n, 6), "azimuth" and "sun":
    (n, 2) sine and cosine, "across", "down", "pitch", "backdrop": (n,) in the factor's own unit}.
    """

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            _layer(3, 32),
            _layer(32, 32),
            nn.MaxPool2d(2),
            _layer(32, 64),
            _layer(64, 64),
            nn.MaxPool2d(2),
            _layer(64, 128),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(128 * 16, FEATURES),
            nn.ReLU(),
        )
        outputs = {name: len(names) for name, names in NAMES.items()} | dict.fromkeys(ANGLES, 2)
        self.heads = nn.ModuleDict({name: nn.Linear(FEATURES, count) for name, count in outputs.items()})
        self.numbers = nn.Linear(FEATURES, len(NUMBERS))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Features (n, 128) to compare sets of pictures by. images: (n, 3, 32, 32) in [0, 1]."""
        return self.trunk(images - 0.5)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        features = self.features(images)
        said = {name: head(features) for name, head in self.heads.items()}
        numbers = self.numbers(features).unbind(1)
        return said | {
            name: middle + scale * number
            for (name, (middle, scale)), number in zip(NUMBERS.items(), numbers, strict=True)
        }


def _layer(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def build(seed: int = 0) -> FactorNet:
    """An untrained one in eval mode, the same for the same seed; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return FactorNet().eval()


def load() -> FactorNet:
    """The shipped one, in eval mode. Errors: store.DamagedData for a file that is missing or damaged."""
    net = build()
    net.load_state_dict(weights._tensors("weights/studio-factors.safetensors"))
    return net


def card() -> dict:
    """What is known about the training: command, recipe, how well it reads 1,000 scenes it never saw."""
    return json.loads(store.read_verified("weights/studio-factors.json"))


def read(net: FactorNet, images: torch.Tensor, batch_size: int = 200) -> dict[str, torch.Tensor]:
    """What the net says of pictures (n, 3, 32, 32) in [0, 1]: as `FactorNet`, but "class" and "colour" are
    probabilities (n, 6) and angles are degrees (n,). On the images' device. Errors: ValueError.
    """
    _check(net, images)
    device = next(net.parameters()).device
    with eval_mode(net), torch.no_grad():
        parts = [net(batch.to(device)) for batch in images.split(batch_size)]
    said = {name: torch.cat([part[name] for part in parts]).to(images.device) for name in parts[0]}
    said |= {name: said[name].softmax(1) for name in NAMES}
    return said | {name: torch.rad2deg(torch.atan2(*said[name].unbind(1))) for name in ANGLES}


def histograms(said: dict[str, torch.Tensor]) -> dict[str, tuple[list[str], torch.Tensor]]:
    """How often each name, and each bin of a number, was read: {heading: (labels, shares (k,), which add up to 1)}.

    said: the result of `read`. A bin is called by its middle; the outermost ones hold what lies beyond, too. The
    azimuth is that of the pictures that are read as a class which does not look the same from all sides.
    """
    found = {name: (list(names), _often(said[name].argmax(1), len(names))) for name, names in NAMES.items()}
    turns = torch.tensor([name not in SYMMETRIC for name in NAMES["class"]], device=said["class"].device)
    for name, (unit, borders) in BINS.items():
        values = said[name][turns[said["class"].argmax(1)]] if name == "azimuth" else said[name]
        edges = torch.tensor([float(border) for border in borders], device=values.device)
        middles = ((edges[1:] + edges[:-1]) / 2).tolist()
        labels = [f"{middle:.0f}" if unit == "degrees" else f"{middle:.2f}"[1:] for middle in middles]
        found[f"{name}, {unit}"] = labels, _often(torch.bucketize(values, edges[1:-1]), len(middles))
    return found


def _often(which, kinds):
    """(n,) indices -> shares (kinds,), float64; all 0 where n is 0."""
    return torch.bincount(which, minlength=kinds).double() / max(1, len(which))


def features(net: FactorNet, images: torch.Tensor, batch_size: int = 200) -> torch.Tensor:
    """Features (n, 128) of pictures (n, 3, 32, 32) in [0, 1], without gradient, on their device. Errors: ValueError."""
    _check(net, images)
    device = next(net.parameters()).device
    with eval_mode(net), torch.no_grad():
        return torch.cat([net.features(b.to(device)) for b in images.split(batch_size)]).to(images.device)


def _check(net, images):
    check_images(images, net=net, range01=True)
    if images.shape[2:] != (SIDE, SIDE):
        raise ValueError(f"images: expected {SIDE} x {SIDE} px, got {tuple(images.shape[2:])}")


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


def train(recipe: Recipe | None = None, data=studio.pictures, out=None, folder=None, restart=False) -> dict:
    """Train, measure on scenes it never saw, write weights and card; the result is the card.

    data: (split, count) -> images, factors, as `studio.pictures`. Errors: ValueError if the checkpoint is of another
    training.
    """
    recipe = recipe or Recipe()
    images, factors = data("studio", recipe.images)
    wanted = targets(factors)
    place = runs.place("studio-factors", folder)
    if restart:
        place.unlink(missing_ok=True)
    net = build(recipe.seed).train()
    optimiser = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=recipe.decay)
    log = (runs.resume(place, recipe, net=net, optimiser=optimiser) or {"log": []})["log"]
    steps = len(images) // recipe.batch
    low_precision = fast_bfloat16(torch.device("cpu"))
    for epoch in range(len(log), recipe.epochs):
        draws, total = np.random.default_rng([recipe.seed, epoch]), 0.0
        order = draws.permutation(len(images))
        with progress(label=f"studio factors epoch {epoch + 1}/{recipe.epochs}", total=steps) as bar:
            for step in range(steps):
                for group in optimiser.param_groups:
                    group["lr"] = rate(epoch * steps + step, recipe.epochs * steps, recipe.rate)
                chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
                pictures = batch(images[chosen], draws)
                with torch.autocast("cpu", torch.bfloat16, enabled=low_precision):
                    said = net(pictures)
                value = loss(said, {name: tensor[chosen] for name, tensor in wanted.items()})
                optimiser.zero_grad()
                value.backward()
                optimiser.step()
                total += value.item()
                bar.update()
                bar.note(f"loss {total / (step + 1):.3f}")
        log.append(round(total / steps, 4))
        runs.keep(place, recipe, net=net, optimiser=optimiser, log=log)
        print(f"epoch {epoch + 1:3d}  loss {log[-1]:.4f}", flush=True)
    net = weights.rounded(net.eval())
    test, factors = data("studio test", TESTED)
    fine = torch.from_numpy(test).float() / 255
    coarse = (torch.from_numpy(test).long() * LEVELS // 256) / (LEVELS - 1)
    facts = {
        "net": "studio-factors",
        "command": COMMAND,
        "recipe": asdict(recipe),
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
        "torch": torch.__version__.split("+")[0],
    }
    out = out or store.data_dir() / "weights"
    facts["weights"] = weights.save(net.state_dict(), out / "studio-factors.safetensors")
    store.write_json(out / "studio-factors.json", facts)
    return facts


def report(card: dict) -> None:
    for levels, found in card["tested"].items():
        print(levels)
        for name, value in found.items():
            print(f"  {value:8.3f}  {name}")


def main(argv=None):
    return runs.command(argv, COMMAND, __doc__, train, report)
