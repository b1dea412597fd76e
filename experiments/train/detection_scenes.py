"""Scenes of one to four objects for detectors: rendered once, and kept.  python -m experiments detection_scenes

Writes what ships in data/detection (all of the split "detection": sheets of 10 x 10 images of 128 px, and objects.csv
with a row for each object), then renders 8,000 scenes to train on and 800 to tune on into the cache.
"""

import csv
import hashlib
import io
from functools import lru_cache
from itertools import tee
from pathlib import Path

import numpy as np

from lecture_utils.crowds import COLUMNS, SHEET
from lecture_utils.lab import from_jpeg
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir
from lecture_utils.world import CLASSES, Boxes, boxes, render_many
from lecture_utils.world.crowd import SIDE
from lecture_utils.world.splits import SPLITS, split_scene

from ..experiment import THREADS, Experiment
from ..files import tiled, write_array, write_text
from .data import CHUNK, Pictures
from .gallery import to_jpeg, to_pixels

QUALITY = 75  # of the JPEG files; training scenes are seen through it, too
COUNTS = {"detection": 600, "detection train": 8_000, "detection tune": 800}
CORNERS = ("x0", "y0", "x1", "y1")
TABLE = ("image", "label", *CORNERS, *(f"amodal_{name}" for name in CORNERS), "share", "pixels")


def crowd_split(
    split: str, count: int | None = None, threads: int | None = None
) -> tuple[Pictures, list[np.ndarray], list[Boxes]]:
    """Images of a split of COUNTS, from the cache; what is not there yet is rendered, 250 images at a time.

    count: the first so many; None for COUNTS. Result, for n scenes: Pictures uint8 (n, 3, 128, 128), those of training
    and tuning as JPEG leaves them; labels, int64 (k,) for each scene's k objects; Boxes of each scene.
    """
    count = count or COUNTS[split]
    folder = cache_dir() / f"crowds-{fingerprint()}" / split.replace(" ", "-")
    starts = range(0, count, CHUNK)
    parts = [(folder / f"{start:06d}-images.npy", folder / f"{start:06d}-objects.npy") for start in starts]
    missing = [n for n, (images, _) in enumerate(parts) if not images.exists()]
    wanted = {n: range(starts[n], min(starts[n] + CHUNK, len(SPLITS[split]))) for n in missing}
    with progress(label=f"rendering {split}", total=sum(map(len, wanted.values()))) as bar:
        for n, indices in wanted.items():
            _render(split, indices, *parts[n], threads, bar)
    pictures = Pictures([np.load(images, mmap_mode="r") for images, _ in parts], count)
    table = np.concatenate([np.load(objects) for _, objects in parts])
    rows = [table[table[:, 0] == n] for n in range(count)]
    found = [Boxes(r[:, 2:6], r[:, 6:10], r[:, 10], r[:, 11].astype(np.int64)) for r in rows]
    return pictures, [r[:, 1].astype(np.int64) for r in rows], found


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """A name for what crowds look like: a hash of small renderings of the first 16 training scenes."""
    digest = hashlib.sha256()
    for rendering in render_many((split_scene("detection train", i) for i in range(16)), size=32):
        digest.update(to_pixels(rendering.image).tobytes())
    return digest.hexdigest()[:12]


def _render(split, indices, images_path: Path, objects_path: Path, threads, bar) -> None:
    names, images, rows = list(CLASSES), [], []
    ahead, scenes = tee(split_scene(split, index) for index in indices)
    for index, rendering, scene in zip(indices, render_many(ahead, SIDE, threads), scenes, strict=True):
        pixels = to_pixels(rendering.image)  # uint8 (h, w, 3)
        if split != "detection":
            pixels = from_jpeg(to_jpeg(pixels, QUALITY))
        images.append(pixels.transpose(2, 0, 1))
        for cls, *box in zip(scene.classes, *boxes(scene), strict=True):
            rows.append(np.hstack([index, names.index(cls), *box]))
        bar.update()
    write_array(objects_path, np.array(rows, dtype=np.float32))
    write_array(images_path, np.stack(images))  # last: the images say that the chunk is whole


def write(out: Path, images: int = COUNTS["detection train"], threads: int | None = None) -> None:
    """Write out/detection; render so many training scenes, and those to tune on. images: 0 for the gallery alone."""
    pictures, labels, found = crowd_split("detection", threads=threads)
    folder, text = out / "detection", io.StringIO()
    folder.mkdir(parents=True, exist_ok=True)
    table = csv.writer(text, lineterminator="\n")
    table.writerow(TABLE)
    for n, (classes, (visible, amodal, share, pixels)) in enumerate(zip(labels, found, strict=True)):
        for k, cls in enumerate(classes):
            corners = np.concatenate([visible[k], amodal[k]]).astype(int)
            table.writerow([n, cls, *corners, round(float(share[k]), 4), pixels[k]])
    write_text(folder / "objects.csv", text.getvalue())
    for n in range(0, len(pictures), SHEET):
        sheet = tiled(pictures[n : n + SHEET].transpose(0, 2, 3, 1), COLUMNS)
        (folder / f"{n // SHEET}.jpg").write_bytes(to_jpeg(sheet, QUALITY))
    if images:
        crowd_split("detection train", images, threads)
        crowd_split("detection tune", threads=threads)


EXPERIMENT = Experiment(
    makes=("detection/*",),
    takes="25 minutes",
    run=write,
    options={"--images": {"type": int, "help": "training scenes (8000); 0: only what ships"}} | THREADS,
    goes_on="from here",
)
