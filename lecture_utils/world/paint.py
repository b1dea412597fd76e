"""Colours and patterns: the recipe (:class:`Paint`) a class gives for each of its looks, and one draw from it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import kernel as k

PATTERNS = {
    "plain": k.PLAIN,
    "stripes": k.STRIPES,
    "spots": k.SPOTS,
    "checks": k.CHECKS,
    "patches": k.PATCHES,
    "grain": k.GRAIN,
    "bands": k.BANDS,
    "fur": k.FUR,
    "hub": k.HUB,
    "bricks": k.BRICKS,
    "tiles": k.TILES,
    "sectors": k.SECTORS,
}

VIVID = "#c8352e #e2762a #edc12f #3f9d4f #2a8fa8 #2f5fb3 #7a4aa8 #d05a92 #f1ede2 #3b3f46"
SOFT = "#d9a6a0 #e5c79a #e9dfae #a9cfa4 #9fc8cf #9db4da #bda9d6 #e0b3c9 #f1ede2 #8f949b"
WOODS = "#8a5a33 #a9743f #6d4426 #c49a62 #59402c"


def rgb(code):
    """'#rrggbb' to three linear-light floats."""
    return tuple((int(code[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5))


class Look(NamedTuple):
    """One drawn material: linear colours, pattern, its scale, gloss, phase; ``name`` is the first colour's code."""

    one: tuple
    two: tuple
    pattern: str = "plain"
    scale: float = 4.0
    gloss: float = 0.0
    phase: float = 0.0
    name: str = ""

    def row(self):
        return [*self.one, *self.two, PATTERNS[self.pattern], self.scale, self.gloss, self.phase]


@dataclass(frozen=True)
class Paint:
    """What a look may be: ``colours`` and ``seconds`` as '#rrggbb' separated by blanks, patterns to choose from."""

    colours: str
    seconds: str = ""
    patterns: tuple = ("plain",)
    scale: tuple = (4.0, 7.0)
    gloss: float = 0.0
    jitter: float = 0.12

    def draw(self, rng):
        first, code = self._colour(self.colours, rng)
        second, _ = self._colour(self.seconds or self.colours, rng)
        pattern = str(rng.choice(self.patterns))
        scale, phase = float(rng.uniform(*self.scale)), float(np.floor(rng.uniform(0, 50)) + 0.37)
        return Look(first, second, pattern, scale, self.gloss, phase, code)

    def _colour(self, codes, rng):
        code = str(rng.choice(codes.split()))
        shade = 1 + self.jitter * rng.uniform(-1, 1) + 0.5 * self.jitter * rng.uniform(-1, 1, 3)
        return tuple(float(c) for c in np.clip(np.array(rgb(code)) * shade, 0, 1)), code
