"""Which scenes the course uses where: every split is a range of seeds, and no two ranges meet.

A scene is determined by (split, index) alone, so pictures need not be kept to be had again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .crowd import sample_crowd
from .model import CLASSES, misspelled
from .sample import sample_scene


@dataclass(frozen=True)
class Split:
    """``size`` scenes with seeds first_seed, first_seed + 1, ...

    kind: as in sample_scene, or "pair", "mixed", "crowd".
    """

    name: str
    first_seed: int
    size: int
    kind: str

    def __len__(self):
        return self.size

    def seed(self, index):
        if not 0 <= index < self.size:
            raise IndexError(f"{self.name}: index {index} is outside 0..{self.size - 1}")
        return self.first_seed + int(index)


SPLITS = {
    split.name: split
    for split in (
        Split("train", 1_000_000, 100_000, "mixed"),  # nets train on the first so many of these
        Split("tune", 2_000_000, 10_000, "mixed"),  # thresholds, schedules
        Split("single", 3_000_000, 1_200, "normal"),  # the gallery: shipped
        Split("pairs", 4_000_000, 300, "pair"),
        Split("hard", 5_000_000, 304, "hard"),
        Split(
            "fresh", 6_000_000, 10_000, "normal"
        ),  # rendered anew where a claim must hold outside the gallery
        Split("fresh hard", 7_000_000, 10_000, "hard"),
        Split(
            "studio", 8_000_000, 100_000, "studio"
        ),  # generative models train on the first so many of these
        Split("studio test", 9_000_000, 10_000, "studio"),
        Split("detection", 10_000_000, 600, "crowd"),  # the gallery of crowds: shipped
        Split(
            "detection train", 11_000_000, 100_000, "crowd"
        ),  # detectors train on the first so many of these
        Split("detection tune", 12_000_000, 10_000, "crowd"),
    )
}
PAIRS, LACKING = 0.15, 0.25  # shares of mixed scenes: with two objects; lacking one or two parts


def split_scene(split, index):
    """The scene ``index`` of a split. Classes take turns; pairs draw two different ones from the seed, crowds all."""
    if split not in SPLITS:
        raise KeyError(misspelled(split, SPLITS, "split"))
    spec = SPLITS[split]
    seed, names = spec.seed(index), list(CLASSES)
    if spec.kind == "crowd":
        return sample_crowd(seed)
    name = names[index % len(names)]
    rng = np.random.default_rng([seed, 99])
    pair = spec.kind == "pair" or (spec.kind == "mixed" and rng.random() < PAIRS)
    if pair:
        other = names[(index + int(rng.integers(1, len(names)))) % len(names)]
        scene = sample_scene([name, other], seed)
    else:
        scene = sample_scene(name, seed, kind="hard" if spec.kind == "hard" else "normal")
    return lacking(scene, rng) if spec.kind == "mixed" and rng.random() < LACKING else scene


def lacking(scene, rng):
    """The scene without one or two random parts of one of its objects."""
    which = int(rng.integers(len(scene.objects)))
    parts = CLASSES[scene.objects[which].cls].parts
    for part in rng.choice(parts, size=int(rng.integers(1, 3)), replace=False):
        scene = scene.without(str(part), object=which)
    return scene


class Scenes(Sequence):
    """The scenes of a split, made again from their seeds when asked for: `scenes[3]`, `scenes[:10]`."""

    def __init__(self, split, indices):
        self.split, self.indices = split, indices

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Scenes(self.split, self.indices[index])
        return split_scene(self.split, self.indices[int(index)])
