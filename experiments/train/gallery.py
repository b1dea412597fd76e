"""Render the gallery that the course ships.  python -m experiments gallery

Single objects, pairs and hard scenes with their masks and one table, as `lecture_utils.world.gallery` says.
"""

import csv
import io
import shutil
from pathlib import Path

from lecture_utils.progress import progress
from lecture_utils.world import gallery, render_many
from lecture_utils.world.splits import SPLITS, split_scene

from ..experiment import THREADS, Experiment
from ..files import write_text

SHIPPED = ("single", "pairs", "hard")  # splits


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
    name = gallery.file_name(split, index, scene.classes)
    image, masks = folder / f"{name}.jpg", folder / "masks" / f"{name}.png"
    for path in (image, masks):
        path.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(gallery.to_jpeg(gallery.to_pixels(rendering.image)))
    masks.write_bytes(gallery.to_mask_png(rendering.objects, rendering.parts))
    row = {"file": f"{name}.jpg", "split": split, "index": index} | scene.factors()
    numbers = range(1, len(scene.classes) + 1)
    return row | {f"area_{n}": round(float((rendering.objects == n).mean()), 4) for n in numbers}


EXPERIMENT = Experiment(
    makes=("toyworld/*",),
    takes="2 minutes",
    run=write,
    options={"--count": {"type": int, "help": "only the first so many of each split"}} | THREADS,
    report="{} images".format,
)
