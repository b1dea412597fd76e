"""Studio pictures for the generative models: rendered once, and kept.  python -m experiments studio

The command also writes what ships in data/studio: of the training and of the test scenes the first 1,000, each set as
one PNG (nothing is lost) of tiles of 32 px, and scenes.csv with the factors of each.
"""

import csv
import hashlib
import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from lecture_utils.progress import progress, silenced
from lecture_utils.store import cache_dir

from ..experiment import Experiment
from ..files import read_json, tiled, write_array, write_json, write_text
from .data import CHUNK
from .gallery import to_pixels

SHIPPED = 1_000  # of each split
COLUMNS = 40  # tiles in a row of the shipped sheets
FILES = {"studio": "train", "studio test": "test"}


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
                write_json(folder / f"{start:06d}.json", rows)
                write_array(folder / f"{start:06d}.npy", images)  # last: it says that the chunk is whole
    images = np.concatenate([np.load(folder / f"{start:06d}.npy") for start in starts])[:count]
    rows = [row for start in starts for row in read_json(folder / f"{start:06d}.json")][:count]
    return images, {name: np.array([row[name] for row in rows]) for name in rows[0]}


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """A name for what the studio draws: a hash of the first picture of each class and colour."""
    with silenced(), progress(total=36) as bar:
        images, _ = _render("studio", range(36), bar)
    return hashlib.sha256(images.tobytes()).hexdigest()[:12]


def _render(split, indices, bar):
    from lecture_utils.world import render_many

    from ..studio_scenes import SIDE, studio_factors, studio_split

    scenes = [studio_split(split, i) for i in indices]
    images = []
    for rendering in render_many((scene for scene, _ in scenes), size=SIDE):
        images.append(to_pixels(rendering.image).transpose(2, 0, 1))
        bar.update()
    return np.stack(images), [studio_factors(scene, colour) for scene, colour in scenes]


def sheet(images: np.ndarray) -> bytes:
    """Images uint8 (n, 3, h, w), n a multiple of COLUMNS, as the bytes of one PNG."""
    file = io.BytesIO()
    Image.fromarray(tiled(images.transpose(0, 2, 3, 1), COLUMNS)).save(file, "PNG", optimize=True)
    return file.getvalue()


def write(out: Path, images: int = 24_000, shipped: int = SHIPPED) -> None:
    """Render so many training scenes into the cache; write out/studio, the first `shipped` of each split."""
    pictures("studio", images)
    folder, rows = out / "studio", []
    folder.mkdir(parents=True, exist_ok=True)
    for split, stem in FILES.items():
        pixels, factors = pictures(split, shipped)
        (folder / f"{stem}.png").write_bytes(sheet(pixels))
        for i in range(shipped):
            rows.append({"part": stem, "index": i} | {name: v[i] for name, v in factors.items()})
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(folder / "scenes.csv", text.getvalue())


EXPERIMENT = Experiment(
    makes=("studio/*",),
    takes="5 minutes",
    run=write,
    options={"--images": {"type": int, "help": "training scenes to render (24000)"}},
    goes_on="from here",
)
