"""MNIST, Fashion-MNIST and CIFAR-10 as torchvision reads them, in the form of the course's own sets.

mnist = downloads.load("mnist", root="~/data")      # also "fashion-mnist", "cifar10"
"""

from pathlib import Path

import torch
from torchvision import datasets

from lecture_utils.checks import check_choice
from lecture_utils.datasets import Dataset, Part

# torchvision's class, and the file or folder it looks for below root.
DOWNLOADS = {
    "mnist": ("MNIST", "MNIST/raw/train-images-idx3-ubyte"),
    "fashion-mnist": ("FashionMNIST", "FashionMNIST/raw/train-images-idx3-ubyte"),
    "cifar10": ("CIFAR10", "cifar-10-batches-py/data_batch_1"),
}


def load(name: str, root: str | Path, download: bool = False) -> Dataset:
    """A set by name, one of DOWNLOADS, in the form of `lecture_utils.datasets`.

    root: its folder, "~" allowed. download: fetch what is missing there. Errors: KeyError with near misses for another
    name; FileNotFoundError, saying what to do, for one that is not there or not whole.
    """
    kind, looked_for = DOWNLOADS[check_choice(name, DOWNLOADS, "download")]
    root = Path(root).expanduser()
    try:
        found = {
            train: getattr(datasets, kind)(root, train=train, download=download) for train in (True, False)
        }
        parts = [_part(found[train]) for train in (True, False)]
    except Exception as error:  # a file that is missing, cut short or changed fails in many ways
        there = "is not whole" if (root / looked_for).exists() else f"is not there ({looked_for} is missing)"
        what = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise FileNotFoundError(
            f"{name} below {root} {there}: {what}. With a network, "
            f"load({name!r}, root=..., download=True) fetches it."
        ) from error
    return Dataset(name, tuple(map(str, found[True].classes)), *parts)


def _part(found) -> Part:
    pixels = torch.as_tensor(found.data)
    pixels = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
    labels = torch.as_tensor(found.targets).long()
    if len(labels) != len(pixels):
        raise ValueError(f"{len(pixels)} pictures and {len(labels)} labels")
    return Part(pixels.long(), labels, 256)
