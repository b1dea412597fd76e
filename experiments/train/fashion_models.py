"""PixelCNN, VAE and GAN of Fashion-MNIST, 28 x 28 px, all 256 levels.  python -m experiments fashion_models

    python -m experiments fashion_models vae gan --files /usr/share/datasets/fashion-mnist

The same trainings as of the studio scenes, with other recipes. The folder is that of `python -m experiments fashion`.
All learn from the first 55,000 training images, so that 5,000 are left to choose by; they are tested on the first 1,000
test images, those which ship. Stop it whenever you like: the same command goes on from the last checkpoint.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from lecture_utils.hooks import frozen

from ..experiment import RESTART, Experiment, some_of
from ..fashion import FILES, read_idx
from ..methods.measures import nearest
from . import studio_gan, studio_pixelcnn, studio_vae

SHAPE = (1, 28)  # colours, side
TRAINED, TESTED = 55_000, 1_000  # images


@dataclass(frozen=True)
class PixelCNNRecipe(studio_pixelcnn.Recipe):
    images: int = TRAINED
    steps: int = 9_000
    kernel: int = 3
    shape: tuple[int, int] = SHAPE
    levels: int = 256


@dataclass(frozen=True)
class VAERecipe(studio_vae.Recipe):
    images: int = TRAINED
    steps: int = 6_000
    beta: float = 1.0
    widths: tuple[int, ...] = (48, 96)
    shape: tuple[int, int] = SHAPE


@dataclass(frozen=True)
class GANRecipe(studio_gan.Recipe):
    images: int = TRAINED
    turns: int = 16_000
    shape: tuple[int, int] = SHAPE


def images(files: Path) -> tuple[np.ndarray, np.ndarray]:
    """Those to learn from and those to test, uint8 (n, 1, 28, 28)."""
    train = read_idx(files, "train-images-idx3-ubyte")[:TRAINED, None]
    return train.copy(), read_idx(files, "t10k-images-idx3-ubyte")[:TESTED, None].copy()


def memorised(generator, known: torch.Tensor, tested: torch.Tensor) -> dict:
    """The median distance to the nearest image learned from, in pixels of [0, 1]: of samples, and of test images."""
    codes = torch.randn(len(tested), generator.latent, generator=torch.Generator().manual_seed(1000))
    with frozen(generator), torch.no_grad():
        samples = torch.cat([generator(some) for some in codes.split(100)])
    known = known.flatten(1).float() / 255
    sets = {"samples": samples, "tested": tested / 255}
    found = {name: nearest(some.flatten(1), known)[0] for name, some in sets.items()}
    return {"nearest": {name: round(far.median().item(), 3) for name, far in found.items()}}


def pixelcnn(out, train, tested, folder=None, restart=False, recipe=None):
    sets, names = {"studio": train, "studio test": tested}, ("fashion-pixelcnn", "fashion_models")

    def some(split, count):
        return sets[split][:count], {}

    return studio_pixelcnn.train(out, recipe or PixelCNNRecipe(), some, folder, restart, names)


def vae(out, train, tested, folder=None, restart=False, recipe=None):
    names = ("fashion-vae", "fashion_models")
    return studio_vae.train(out, recipe or VAERecipe(), train, tested, folder, restart, names)


def gan(out, train, tested, folder=None, restart=False, recipe=None):
    names, judge = ("fashion-gan", "fashion_models"), partial(memorised, tested=torch.from_numpy(tested))
    return studio_gan.train(out, recipe or GANRecipe(), train, folder, restart, judge, names)


MODELS = {"pixelcnn": pixelcnn, "vae": vae, "gan": gan}


def run(out: Path, files: Path, models: list[str] | None = None, restart: bool = False) -> dict[str, dict]:
    """Train those named, all where none is; {model: its card}."""
    train, tested = images(files)
    return {name: MODELS[name](out, train, tested, restart=restart) for name in models or MODELS}


def report(cards: dict[str, dict]) -> str:
    measured = {"pixelcnn": "tested", "vae": "held out", "gan": "measured"}
    return "\n".join(f"{name}: {card[measured[name]]}" for name, card in cards.items())


EXPERIMENT = Experiment(
    makes=("weights/fashion-*",),
    takes="2 hours",
    run=run,
    options=some_of("models", MODELS) | RESTART | FILES,
    goes_on="from the last checkpoint",
    report=report,
)
