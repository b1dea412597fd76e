"""Pictures to train and test on: rendered from the splits' seeds, once, and kept in a cache folder.

`python -m experiments data` renders everything that training needs, with all cores.
The cache is $INSIDE_CONVNETS_CACHE, or ~/.cache/inside-convnets.
"""

import hashlib
import random
from functools import lru_cache
from pathlib import Path

import numpy as np

from lecture_utils.lab import from_jpeg
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir

from ..experiment import THREADS, Experiment
from ..files import write_array
from .gallery import to_jpeg, to_pixels

CHUNK = 250  # images in one file of the cache
COUNTS = {"train": 96_000, "tune": 800, "fresh": 800}  # of the other splits all
TESTS = ("single", "single without parts", "fresh", "hard", "pairs")
SHIPPED = ("single", "single without parts", "hard", "pairs")  # seen through JPEG, as in the gallery


class Pictures:
    """The images of a split; `pictures[indices]` reads some of them: uint8 (k, 3, 112, 112)."""

    def __init__(self, chunks: list[np.ndarray], count: int):
        self.chunks, self.count = chunks, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, indices) -> np.ndarray:
        if isinstance(indices, slice):
            indices = range(self.count)[indices]
        return np.stack([self.chunks[i // CHUNK][i % CHUNK] for i in map(int, indices)])


def world_split(
    split: str, count: int | None = None, threads: int | None = None
) -> tuple[Pictures, np.ndarray]:
    """Images and labels of a split, from the cache; what is not there yet is rendered, with a progress bar.

    split: "train", "tune" or one of TESTS, or one of them and " centred", " with a person", " with no person"
    (see `scene_of`).
    count: the first so many; None for COUNTS, or the whole split.
    Result: Pictures, n in all; labels int64 (n, 2), the second one -1 where there is one object.
    """
    from lecture_utils.world.splits import SPLITS

    length = len(SPLITS[split.split()[0]])
    count = min(count or COUNTS.get(split, length), length)
    folder = cache_dir() / f"world-{world_fingerprint()}" / split.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, count, CHUNK)
    chunks = [(folder / f"{start:06d}-images.npy", folder / f"{start:06d}-labels.npy") for start in starts]
    if missing := [n for n, (images, _) in enumerate(chunks) if not images.exists()]:
        with progress(label=f"rendering {split}", total=len(missing) * CHUNK) as bar:
            while missing := [n for n in missing if not chunks[n][0].exists()]:
                n = random.choice(missing)  # at random, because other trainings may be rendering the same set
                indices = range(starts[n], min(starts[n] + CHUNK, length))
                _render_chunk(split, indices, *chunks[n], threads, bar)
    pictures = Pictures([np.load(images, mmap_mode="r") for images, _ in chunks], count)
    return pictures, np.concatenate([np.load(labels) for _, labels in chunks])[:count]


def _render_chunk(
    split: str, indices: range, images_path: Path, labels_path: Path, threads: int | None, bar
) -> None:
    from lecture_utils.world import CLASSES, render_many

    scenes = [scene_of(split, i) for i in indices]
    names = list(CLASSES)
    labels = [[names.index(cls) for cls in scene.classes] for scene in scenes]
    images = []
    for rendering in render_many(scenes, threads=threads):
        pixels = to_pixels(rendering.image)  # uint8 (h, w, 3)
        if split in SHIPPED:
            pixels = from_jpeg(to_jpeg(pixels))
        images.append(pixels.transpose(2, 0, 1))
        bar.update()
    write_array(labels_path, np.array([label + [-1] * (2 - len(label)) for label in labels], dtype=np.int64))
    write_array(images_path, np.stack(images))  # last: the images say that the chunk is whole


def scene_of(split: str, index: int):
    """A scene of a split; "... without parts" is the same scene whose object lacks one or two parts.

    "... centred" is the same scene with its first object moved to the middle of the frame. "... with a person" and
    "... with no person" are one object of the split's class and seed, with and without a person standing beside it.
    """
    from lecture_utils.world import CLASSES, sample_cued_scene
    from lecture_utils.world.splits import SPLITS, lacking, split_scene

    if split.endswith("person"):
        name, beside = list(CLASSES)[index % len(CLASSES)], split.endswith("with a person")
        seed = SPLITS[split.split()[0]].seed(index)
        return sample_cued_scene(name, seed, target=name, strength=float(beside))
    scene = split_scene(split.split()[0], index)
    if split.endswith("centred"):
        seen = scene.factors()
        return scene.moved(0.5 - seen["u_1"], seen["v_1"] - 0.5)
    return lacking(scene, np.random.default_rng([index, 112])) if split.endswith("without parts") else scene


@lru_cache(maxsize=1)
def world_fingerprint() -> str:
    """A name for what the world draws: a hash of small renderings of two training scenes of each class."""
    from lecture_utils.world import render_many
    from lecture_utils.world.splits import split_scene

    digest = hashlib.sha256()
    for rendering in render_many((split_scene("train", i) for i in range(32)), size=32):
        digest.update(to_pixels(rendering.image).tobytes())
    return digest.hexdigest()[:12]


def render(images: int = COUNTS["train"], threads: int | None = None) -> dict[str, int]:
    """Render every split that training needs, so many images of "train"; how many of each are there."""
    splits = ("tune", *TESTS, "train")
    return {s: len(world_split(s, images if s == "train" else None, threads)[0]) for s in splits}


EXPERIMENT = Experiment(
    makes=(),
    takes="40 minutes",
    run=render,
    options={"--images": {"type": int, "help": f"of the training split ({COUNTS['train']})"}} | THREADS,
    goes_on="from here",
    report=lambda found: "\n".join(f"{split:22s} {count:6d} images" for split, count in found.items()),
)
