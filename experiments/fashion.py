"""Fashion-MNIST's part that ships: 6,000 training and 1,000 test images of 28 px.

    python -m experiments fashion --files /usr/share/datasets/fashion-mnist

The folder holds the four files of Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, MIT licence), packed or not: Debian's
package dataset-fashion-mnist puts them there.
"""

import gzip
from pathlib import Path

import numpy as np
from PIL import Image

from .experiment import Experiment, Refused
from .files import replacing, tiled, write_text

SPLITS = {"train": ("train", 6000), "test": ("t10k", 1000)}  # name: (the files' first word, how many)
ACROSS = 100  # images in a row of a sheet
FILES = {"--files": {"type": Path, "required": True, "help": "the folder with Fashion-MNIST's four files"}}


def read_idx(folder: Path, name: str) -> np.ndarray:
    """An array from a file in MNIST's format, uint8: after four bytes its sides, then its values."""
    path = next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)
    if path is None:
        raise Refused(f"--files: there is no {name} in {folder}; expected the four files of Fashion-MNIST")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    sides = np.frombuffer(content, ">i4", content[3], 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(sides)


def run(out: Path, files: Path) -> dict[str, int]:
    """The first images of each split as a sheet, and their labels, a digit each."""
    for split, (word, count) in SPLITS.items():
        images = read_idx(files, f"{word}-images-idx3-ubyte")[:count]
        labels = read_idx(files, f"{word}-labels-idx1-ubyte")[:count]
        with replacing(out / f"fashion/{split}.png") as path:
            Image.fromarray(tiled(images, ACROSS)).save(path, "PNG", optimize=True)
        write_text(out / f"fashion/{split}.txt", "".join(map(str, labels)) + "\n")
    return {split: count for split, (_, count) in SPLITS.items()}


EXPERIMENT = Experiment(
    makes=("fashion/*",),
    takes="10 seconds",
    run=run,
    options=FILES,
    report=lambda counts: ", ".join(f"{count} of {split}" for split, count in counts.items()),
)
