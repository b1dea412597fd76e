"""The gallery that the course ships: pictures, masks and one table, in data/toyworld. Never filtered.

python -m experiments gallery

toyworld/single/<class>/0017.jpg    single objects, 112 px; the number is the scene's index in its split
toyworld/pairs/0017.jpg             two objects of different classes
toyworld/hard/<class>/0017.jpg      small, occluded, rare views, unseen grounds
toyworld/masks/<as above>.png       16 * (object - 1) + part value, 0 = background
toyworld/scenes.csv                 a row for each picture: file, split, index, and every factor
"""

import argparse
import csv
import io
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from lecture_utils import store
from lecture_utils.progress import progress

from .render import render_many
from .splits import SPLITS, split_scene

SPLITS_SHIPPED = ("single", "pairs", "hard")
QUALITY = 90  # JPEG, with full-size colour: 6 kB a picture
PALETTE = [  # of the mask files, for whoever opens one: a hue for each part, paler for the second object
    0, 0, 0, 230, 25, 75, 60, 180, 75, 255, 225, 25, 0, 130, 200, 245, 130, 48, 145, 30, 180, 70, 240, 240,
    240, 50, 230, 210, 245, 60, 250, 190, 212, 0, 128, 128, 220, 190, 255, 170, 110, 40, 255, 250, 200, 128,
    0, 0,
]  # fmt: skip


def to_pixels(image: np.ndarray) -> np.ndarray:
    """float (3, h, w) in [0, 1] -> uint8 (h, w, 3)."""
    return np.round(image.transpose(1, 2, 0) * 255).clip(0, 255).astype(np.uint8)


def to_jpeg(pixels: np.ndarray) -> bytes:
    """uint8 (h, w, 3) -> the bytes of a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return file.getvalue()


def from_jpeg(content: bytes) -> np.ndarray:
    """The bytes of a JPEG file -> uint8 (h, w, 3)."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def to_mask_png(objects: np.ndarray, parts: np.ndarray) -> bytes:
    """Masks uint8 (h, w) -> the bytes of a palette PNG that holds both."""
    values = np.where(objects > 0, 16 * (objects.astype(int) - 1) + parts, 0).astype(np.uint8)
    image = Image.frombytes("P", values.shape[::-1], values.tobytes())
    paler = [(channel + 255) // 2 for channel in PALETTE]
    image.putpalette(PALETTE + paler)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def from_mask_png(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of a mask file -> objects, parts, uint8 (h, w) each."""
    with Image.open(io.BytesIO(content)) as image:
        values = np.asarray(image)
    objects = np.where(values > 0, 1 + values // 16, 0).astype(np.uint8)
    return objects, (values % 16).astype(np.uint8)


def file_name(split: str, index: int, classes: tuple[str, ...]) -> str:
    """The picture of a scene, relative to data/toyworld, without its suffix."""
    return f"{split}/{index:04d}" if len(classes) > 1 else f"{split}/{classes[0]}/{index:04d}"


def write(folder: Path, count: int | None = None, threads: int | None = None) -> int:
    """Render the gallery into a folder, which is replaced when all is done; the number of pictures.

    count: only the first so many of each split, to try it.
    """
    scenes = [
        (s, i, split_scene(s, i)) for s in SPLITS_SHIPPED for i in range(min(count or 10**9, len(SPLITS[s])))
    ]
    new = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(new, ignore_errors=True)
    rows = []
    renderings = render_many([scene for *_, scene in scenes], threads=threads)
    for (split, index, scene), rendering in zip(
        scenes, progress(renderings, "gallery", len(scenes)), strict=True
    ):
        name = file_name(split, index, scene.classes)
        for path, content in [
            (new / f"{name}.jpg", to_jpeg(to_pixels(rendering.image))),
            (new / "masks" / f"{name}.png", to_mask_png(rendering.objects, rendering.parts)),
        ]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        share = [round(float((rendering.objects == n).mean()), 4) for n in (1, 2)]
        row = {"file": f"{name}.jpg", "split": split, "index": index} | scene.factors()
        rows.append(row | {f"area_{n}": share[n - 1] for n in range(1, len(scene.classes) + 1)})
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with open(new / "scenes.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
    return len(rows)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m experiments gallery", description="Render the gallery into data/toyworld."
    )
    parser.add_argument(
        "--count", type=int, default=None, help="only the first so many of each split, to try it"
    )
    parser.add_argument("--out", type=Path, default=None, help="another folder than data/toyworld")
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args(argv)
    folder = options.out or store.data_dir() / "toyworld"
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        count = write(folder, options.count, options.threads)
    except KeyboardInterrupt:
        print("\nstopped; the old gallery is as it was", file=sys.stderr)
        return 130
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    print(f"{count} pictures, {size / 1e6:.1f} MB; now run python -m lecture_utils.store --write")
    return 0


if __name__ == "__main__":
    sys.exit(main())
