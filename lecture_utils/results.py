"""What the long experiments measured, data/results, and the pictures that they made, data/synthesis."""

import json

import numpy as np
from PIL import Image

from . import store
from .checks import check_choice


def names() -> list[str]:
    """The names of the shipped tables, in alphabetical order."""
    listed = (name.split("/") for name in store.manifest() if name.endswith(".json"))
    return sorted(parts[1].removesuffix(".json") for parts in listed if parts[0] == "results")


def load(name: str) -> dict:
    """A shipped table, {"command": what makes it, ...}; the experiment's module says what the rest means.

    Errors: UnknownName (a KeyError) with the near misses; store.DamagedData for a file that is missing or damaged.

    >>> results.load("scoreboard")["command"]
    'python -m experiments scoreboard'
    """
    return json.loads(store.read_verified(f"results/{check_choice(name, names(), 'name')}.json"))


def sheet(file: str, rows: int = 1, columns: int = 1) -> np.ndarray:
    """The pictures of an experiment, which lie side by side in one file: uint8 (rows, columns, h, w, 3), as saved.

    file: below the data folder, such as "synthesis/completions/studio.png". Errors: store.DamagedData.
    """
    with Image.open(store.verified_path(file)) as image:
        pixels = np.array(image)
    h, w = pixels.shape[0] // rows, pixels.shape[1] // columns
    return pixels.reshape(rows, h, columns, w, 3).swapaxes(1, 2)
