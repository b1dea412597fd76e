"""Studio pictures for the generative models: rendered once, and kept.  python -m experiments studio

The command also writes what ships in data/studio: of the training and of the test scenes the first 1,000, each set as
one PNG (nothing is lost) of tiles of 32 px, and scenes.csv with the factors of each.
"""

import argparse
import csv
import hashlib
import io
import json
import sys
from functools import lru_cache

import numpy as np
from PIL import Image

from lecture_utils import store
from lecture_utils.progress import progress, silenced
from lecture_utils.store import cache_dir

from .data import CHUNK, write_array

SHIPPED = 1_000  # of each split
COLUMNS = 40  # tiles in a row of the shipped sheets
FILES = {"studio": "train", "studio test": "test"}
COMMAND = "python -m experiments studio"


def pictures(split: str = "studio", count: int = 24_000) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The first `count` scenes of "studio" or "studio test", from the cache; what is missing there is rendered.

    Result: images uint8 (n, 3, 32, 32); factors {name: (n,)}, texts for "class" and "colour", float64 for the rest.
    Errors: KeyError for another split; ValueError for more than it has.
    """
    from lecture_utils.world.splits import SPLITS

    if split not in FILES:
        raise KeyError(f"split: expected one of {', '.join(map(repr, FILES))}, got {split!r}")
    if not 1 <= count <= len(SPLITS[split]):
        raise ValueError(f"count: {split!r} has 1 to {len(SPLITS[split])} scenes, got {count}")
    folder = cache_dir() / f"studio-{fingerprint()}" / split.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, count, CHUNK)
    missing = [start for start in starts if not (folder / f"{start:06d}.npy").exists()]
    if missing:
        with progress(label=f"rendering {split}", total=len(missing) * CHUNK) as bar:
            for start in missing:
                images, rows = _render(split, range(start, start + CHUNK), bar)
                store.write_json(folder / f"{start:06d}.json", rows)
                write_array(folder / f"{start:06d}.npy", images)  # last: it says that the chunk is whole
    images = np.concatenate([np.load(folder / f"{start:06d}.npy") for start in starts])[:count]
    rows = [row for start in starts for row in _rows(folder / f"{start:06d}.json")][:count]
    return images, {name: np.array([row[name] for row in rows]) for name in rows[0]}


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """A name for what the studio draws: a hash of the first picture of each class and colour."""
    with silenced(), progress(total=36) as bar:
        images, _ = _render("studio", range(36), bar)
    return hashlib.sha256(images.tobytes()).hexdigest()[:12]


def _render(split, indices, bar):
    from lecture_utils.world import gallery, render_many
    from lecture_utils.world.studio import SIDE, studio_factors, studio_split

    scenes = [studio_split(split, i) for i in indices]
    images = []
    for rendering in render_many((scene for scene, _ in scenes), size=SIDE):
        images.append(gallery.to_pixels(rendering.image).transpose(2, 0, 1))
        bar.update()
    return np.stack(images), [studio_factors(scene, colour) for scene, colour in scenes]


def _rows(path):
    return json.loads(path.read_text(encoding="utf-8"))


def sheet(images: np.ndarray) -> bytes:
    """Images uint8 (n, 3, h, w), n a multiple of COLUMNS, as the bytes of one PNG."""
    n, _, h, w = images.shape
    tiles = images.reshape(n // COLUMNS, COLUMNS, 3, h, w).transpose(0, 3, 1, 4, 2)
    file = io.BytesIO()
    Image.fromarray(tiles.reshape(n // COLUMNS * h, COLUMNS * w, 3)).save(file, "PNG", optimize=True)
    return file.getvalue()


def write(count: int = SHIPPED) -> list:
    """Write data/studio; the paths are returned."""
    folder, rows = store.data_dir() / "studio", []
    folder.mkdir(parents=True, exist_ok=True)
    for split, stem in FILES.items():
        images, factors = pictures(split, count)
        (folder / f"{stem}.png").write_bytes(sheet(images))
        rows += [
            {"part": stem, "index": i} | {name: values[i] for name, values in factors.items()}
            for i in range(count)
        ]
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    store.write_text(folder / "scenes.csv", text.getvalue())
    return [folder / "train.png", folder / "test.png", folder / "scenes.csv"]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=24_000, help="training pictures to render")
    options = parser.parse_args(argv)
    try:
        pictures("studio", options.images)
        print("wrote", *(path.name for path in write()), "to", store.data_dir() / "studio")
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130
    print("now run python -m lecture_utils.store --write")
    return 0
