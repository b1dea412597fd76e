"""Render the gallery that the course ships, in data/toyworld.  python -m experiments gallery

toyworld/single/<class>/0017.jpg    single objects, 112 px; the number is the scene's index in its split
toyworld/pairs/0017.jpg             two objects of different classes
toyworld/hard/<class>/0017.jpg      small, occluded, rare views, unseen grounds
toyworld/masks/<as above>.png       16 * (object - 1) + part value, 0 = background
toyworld/scenes.csv                 a row for each picture: file, split, index, and every factor

Never filtered.
"""

import csv
import io
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from lecture_utils.progress import progress
from lecture_utils.world import render_many
from lecture_utils.world.splits import SPLITS, split_scene

from ..experiment import THREADS, Experiment
from ..files import write_text

SHIPPED = ("single", "pairs", "hard")  # splits
QUALITY = 90  # JPEG, with full-size colour: 6 kB a picture
# Of the mask files, for whoever opens one: a colour for each part, paler for the second object.
PALETTE = bytes.fromhex(
    "000000 e6194b 3cb44b ffe119 0082c8 f58230 911eb4 46f0f0 "
    "f032e6 d2f53c fabed4 008080 dcbeff aa6e28 fffac8 800000"
)


def write(out: Path, count: int | None = None, threads: int | None = None) -> int:
    """Render the gallery into out/toyworld, which is replaced when all is done; the number of images.

    count: only the first so many of each split, to try it.
    """
    scenes = [(s, i, split_scene(s, i)) for s in SHIPPED for i in range(len(SPLITS[s]))[:count]]
    folder = Path(out) / "toyworld"
    new = folder.with_name("toyworld.tmp")
    shutil.rmtree(new, ignore_errors=True)
    renderings = render_many([scene for *_, scene in scenes], threads=threads)
    pairs = zip(scenes, progress(renderings, "gallery", len(scenes)), strict=True)
    rows = [_write(new, *scene, rendering) for scene, rendering in pairs]
    text = io.StringIO()
    table = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(new / "scenes.csv", text.getvalue())
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
    return len(rows)


def _write(folder, split, index, scene, rendering) -> dict:
    """Image and masks of a scene; its row of the table."""
    name = file_name(split, index, scene.classes)
    image, masks = folder / f"{name}.jpg", folder / "masks" / f"{name}.png"
    for path in (image, masks):
        path.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(to_jpeg(to_pixels(rendering.image)))
    masks.write_bytes(to_mask_png(rendering.objects, rendering.parts))
    known = scene.factors()
    row = {
        "file": f"{name}.jpg",
        "split": split,
        "index": index,
        "kind": known["kind"],
        "seed": known["seed"],
    }
    row |= {"watermark": 0} | known  # a column of the shipped table; no scene has one
    numbers = range(1, len(scene.classes) + 1)
    return row | {f"area_{n}": round(float((rendering.objects == n).mean()), 4) for n in numbers}


def to_pixels(image: np.ndarray) -> np.ndarray:
    """float (3, h, w) in [0, 1] -> uint8 (h, w, 3)."""
    return np.round(image.transpose(1, 2, 0) * 255).clip(0, 255).astype(np.uint8)


def to_jpeg(pixels: np.ndarray, quality: int = QUALITY) -> bytes:
    """uint8 (h, w, 3) -> the bytes of a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=0, optimize=True)
    return file.getvalue()


def to_mask_png(objects: np.ndarray, parts: np.ndarray) -> bytes:
    """Masks uint8 (h, w) -> the bytes of a palette PNG that holds both."""
    values = np.where(objects > 0, 16 * (objects.astype(int) - 1) + parts, 0).astype(np.uint8)
    image = Image.frombytes("P", values.shape[::-1], values.tobytes())
    paler = [(channel + 255) // 2 for channel in PALETTE]
    image.putpalette(PALETTE + bytes(paler))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def file_name(split: str, index: int, classes: tuple[str, ...]) -> str:
    """The picture of a scene, relative to data/toyworld, without its suffix."""
    return f"{split}/{index:04d}" if len(classes) > 1 else f"{split}/{classes[0]}/{index:04d}"


EXPERIMENT = Experiment(
    makes=("toyworld/*",),
    takes="2 minutes",
    run=write,
    options={"--count": {"type": int, "help": "only the first so many of each split"}} | THREADS,
    report="{} images".format,
)
