"""Pictures for the generative models: small digits, the studio, and part of Fashion-MNIST.

    digits = datasets.load("digits")          # 1,797 real digits of 8 x 8 px and 17 grey levels, inside scikit-learn
    studio = datasets.load("studio")          # 2,000 rendered scenes of 32 x 32 px, every factor known, in data/
    fashion = datasets.load("fashion")        # 7,000 grey pieces of clothing of 28 x 28 px, in data/

All have the same form, so that what works on one works on another.
"""

import csv
import io
from dataclasses import dataclass

import numpy as np
import torch

from . import store
from .checks import check_choice, check_count, check_tensor

DIGITS_TEST = 500  # of 1,797, the same share of each digit
SIDE = 32  # px, of the studio
FASHION_SIDE = 28  # px
CLOTHES = "T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot"
FASHION = tuple(CLOTHES.split(", "))
TEXTS = ("class", "colour")  # factors that are names; the rest are numbers
NAMES = ("digits", "studio", "fashion")


@dataclass(frozen=True)
class Part:
    """Pictures of a set: pixels LongTensor (n, c, h, w) in 0 .. levels - 1, labels LongTensor (n,).

    factors: what else is known of each, {name: tensor (n,)}, int64 for names (`Dataset.names` has them), else float32.
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    levels: int
    factors: dict[str, torch.Tensor] | None = None

    @property
    def images(self) -> torch.Tensor:
        """The pictures as float32 (n, c, h, w) in [0, 1]."""
        return self.pixels / (self.levels - 1)

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class Dataset:
    """A set of pictures in two parts. names: {factor: its names}, for the factors of the studio that have names."""

    name: str
    classes: tuple[str, ...]
    train: Part
    test: Part
    names: dict[str, tuple[str, ...]] | None = None

    @property
    def levels(self) -> int:
        """How many values a pixel can have."""
        return self.train.levels

    def __repr__(self) -> str:
        c, h, w = self.train.pixels.shape[1:]
        size = f"{c} x {h} x {w}, {self.levels} levels, {len(self.classes)} classes"
        return f"{self.name}: {len(self.train)} to learn from, {len(self.test)} to test; {size}"


def load(name: str) -> Dataset:
    """A set by name, one of NAMES.

    "fashion" is the first 6,000 training and 1,000 test images of Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, MIT
    licence). Errors: KeyError with near misses for another name; store.DamagedData for a damaged file.
    """
    if check_choice(name, NAMES, "set of pictures") == "digits":
        return _digits()
    if name == "studio":
        return _studio()
    return Dataset(name, FASHION, _fashion("train"), _fashion("test"))


def quantised(pixels: torch.Tensor, levels: int, of: int = 256) -> torch.Tensor:
    """Pixels in 0 .. of - 1 in fewer levels, bins of the same width: floor(pixels * levels / of), LongTensor.

    Errors: ValueError for pixels outside 0 .. of - 1, for floats, or for more levels than there were.
    """
    check_count(levels, "levels", 2, of)
    low, high = (int(value) for value in check_tensor(pixels, "pixels", (...,), "integer").aminmax())
    if low < 0 or high >= of:
        raise ValueError(f"pixels: expected 0 .. {of - 1}, got {low} .. {high}")
    return pixels.long() * levels // of


def _digits() -> Dataset:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    found = load_digits()
    rows = np.arange(len(found.target))
    train, test = train_test_split(rows, test_size=DIGITS_TEST, stratify=found.target, random_state=0)

    def part(rows):
        pixels = torch.from_numpy(found.images[rows]).long()[:, None]
        return Part(pixels, torch.from_numpy(found.target[rows]).long(), 17)

    return Dataset("digits", tuple("0123456789"), part(train), part(test))


def _studio() -> Dataset:
    rows = list(csv.DictReader(io.StringIO(store.read_verified("studio/scenes.csv").decode())))
    names = {text: tuple(dict.fromkeys(row[text] for row in rows)) for text in TEXTS}

    def part(which):
        mine = [row for row in rows if row["part"] == which]
        factors = {text: torch.tensor([names[text].index(row[text]) for row in mine]) for text in TEXTS}
        numbers = [column for column in rows[0] if column not in (*TEXTS, "part", "index")]
        factors |= {column: torch.tensor([float(row[column]) for row in mine]) for column in numbers}
        return Part(_tiles(f"studio/{which}.png", SIDE), factors["class"], 256, factors)

    return Dataset("studio", names["class"], part("train"), part("test"), names)


def _fashion(which: str) -> Part:
    labels = store.read_verified(f"fashion/{which}.txt").decode().strip()
    return Part(
        _tiles(f"fashion/{which}.png", FASHION_SIDE), torch.tensor([int(digit) for digit in labels]), 256
    )


def _tiles(name: str, side: int) -> torch.Tensor:
    """The pictures (n, c, side, side) of a sheet, row after row."""
    from PIL import Image

    with Image.open(store.verified_path(name)) as image:
        sheet = torch.from_numpy(np.array(image))
    tiles = sheet.view(sheet.shape[0] // side, side, sheet.shape[1] // side, side, -1).permute(0, 2, 4, 1, 3)
    return tiles.flatten(0, 1).long()
