"""What a class of objects is, the looks that it may have, and one object in a scene."""

import difflib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from . import kernel as k
from .shapes import Model, group_row, placed, reach, rotation

CLASSES = {}

# --- colours and patterns: the recipe (`Paint`) that a class gives for each of its looks, and one draw from it ---


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
        return [*self.one, *self.two, k.PATTERNS[self.pattern], self.scale, self.gloss, self.phase]


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


# --- classes and objects ---


@dataclass(frozen=True)
class ObjectClass:
    """One class of the toy world.

    parts: names, in mask order (mask value = 1 + index). groups: {"ears": ("left ear", "right ear")}.
    shape: {parameter: (low, high)}, drawn uniformly. poses: names. looks: {slot: Paint}.
    build(model, shape, pose): adds the primitives. lift: lowest and highest altitude, in object radii.
    """

    name: str
    parts: tuple
    shape: dict
    poses: tuple
    looks: dict
    build: object = field(repr=False)
    groups: dict = field(default_factory=dict)
    lift: tuple = (0.0, 0.0)

    def members(self, part):
        """Part names meant by a part or a group; KeyError with near misses otherwise."""
        if part in self.parts:
            return (part,)
        if part in self.groups:
            return self.groups[part]
        raise KeyError(misspelled(part, [*self.parts, *self.groups], f"part of {self.name}"))


def misspelled(name, known, what):
    """'unknown part of dog 'tial'; did you mean 'tail'? Known: ...'"""
    near = difflib.get_close_matches(str(name), [str(n) for n in known], n=3)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
    return f"unknown {what} {name!r}{hint} Known: {', '.join(map(str, known))}"


def object_class(name, **facts):
    """Decorator that registers ``build(model, shape, pose)`` as the class ``name``, with the fields of ObjectClass."""

    def register(build):
        CLASSES[name] = ObjectClass(name, build=build, **facts)
        return build

    return register


@dataclass(frozen=True)
class SceneObject:
    """An object with its factors. ``azimuth`` in degrees: 0 faces the camera, 90 faces right, 180 shows its back.

    position: where the middle of its base stands (x, y, z), y = altitude. scale: world length of its bounding radius.
    """

    cls: str
    shape: tuple
    pose: str
    looks: tuple
    azimuth: float
    position: tuple = (0.0, 0.0, 0.0)
    scale: float = 1.0
    lift: float = 0.0
    missing: frozenset = frozenset()

    @property
    def parts(self):
        """Names of the parts of its class, in mask order; `missing` says which of them it lacks."""
        return CLASSES[self.cls].parts

    @property
    def groups(self):
        """Parts that are named together: {"ears": ("left ear", "right ear")}."""
        return CLASSES[self.cls].groups

    def arrays(self):
        """Its primitives in world coordinates, without the missing parts: (n, PRIM), looks (m, LOOK), group row."""
        rows, radius, _ = _canonical(self.cls, self.shape, self.pose, self.lift)
        rows = rows[~np.isin(rows[:, k.PART], [1 + self.parts.index(p) for p in self.missing])]
        turn = rotation(yaw=self.azimuth - 90)
        rows = placed(rows, turn, np.array(self.position), self.scale)
        group = group_row(self.middle(), self.scale * radius, self.position, turn, self.scale)
        return rows, np.array([look.row() for look in self.looks]), group

    def middle(self):
        """Centre of its bounding sphere in world coordinates, all parts counted."""
        _, _, middle = _canonical(self.cls, self.shape, self.pose, self.lift)
        return np.array(self.position) + self.scale * rotation(yaw=self.azimuth - 90) @ middle


@lru_cache(maxsize=512)
def _canonical(cls, shape, pose, lift):
    spec = CLASSES[cls]
    model = Model(spec.parts, spec.looks)
    spec.build(model, dict(shape), pose)
    rows = model.finish(lift)
    top = (rows[:, k.CX + 1] + rows[:, k.BOUND]).max()
    middle = np.array([0.0, (lift + top) / 2, 0.0])
    rows.setflags(write=False)
    return rows, reach(rows, middle), middle


def draw_object(cls, rng, azimuth):
    """One object of a class with random shape, pose and looks, standing at the origin."""
    spec = CLASSES[cls]
    shape = tuple((name, round(float(rng.uniform(*bounds)), 4)) for name, bounds in spec.shape.items())
    pose = str(rng.choice(spec.poses))
    looks = tuple(paint.draw(rng) for paint in spec.looks.values())
    return SceneObject(cls, shape, pose, looks, float(azimuth), lift=round(float(rng.uniform(*spec.lift)), 4))
