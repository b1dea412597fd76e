"""Files that are there whole or not at all."""

import json
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def replacing(path: Path):
    """A temporary path beside `path` to write to; afterwards it takes the place of `path`. Its folder is made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """A text file; its path is returned."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def write_json(path: Path, content) -> Path:
    """The same for what JSON can hold, indented so that a person can read it."""
    return write_text(path, json.dumps(content, indent=1) + "\n")


def read_json(path: Path):
    """What `write_json` has written."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def tiled(images: np.ndarray, columns: int) -> np.ndarray:
    """Images (n, h, w, ...) as one, so many side by side; n is a multiple of that."""
    n, h, w, *colours = images.shape
    rows = images.reshape(n // columns, columns, h, w, *colours).swapaxes(1, 2)
    return rows.reshape(n // columns * h, columns * w, *colours)


def write_array(path: Path, array: np.ndarray) -> None:
    """An array, for `np.load`."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array)
