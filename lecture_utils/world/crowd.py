"""Crowds: scenes of one to four objects that may overlap, and the boxes of their objects, for detection."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from . import kernel as k
from .clutter import draw_clutter
from .model import CLASSES, draw_object
from .render import masks
from .sample import INSIDE, _aim, _draw_air, _outline
from .scene import Scene

SIDE = 128  # px, of the images
SEEN, PIXELS = 0.25, 20  # an object of which less is visible, as a share or in px, is not left in a scene
NUMBER = (0.15, 0.30, 0.30, 0.25)  # chances of one, two, three, four objects
SMALLEST, LARGEST = 7.5, 64.0  # px, sides of a square as large as an object's box, drawn on a log scale
NEAR = 0.7  # the chance that an object stands near an earlier one
SAME, ALIKE = 0.5, 0.2  # the chances that it is of the class of an earlier one, of a class built alike
_ALIKE = (
    {"elephant", "dog", "giraffe", "rabbit"},
    {"car", "truck"},
    {"duck", "airplane"},
    {"sailboat", "windmill"},
    {"person", "chair"},
    {"mug", "teapot"},
    {"house", "mushroom"},
)


class Boxes(NamedTuple):
    """Where the n objects of a scene are. Boxes float32 (n, 4): x0 y0 x1 y1 in px, from edge to edge of the pixels.

    visible: around the pixels in which the object is seen; amodal: around those that it would fill if it stood alone,
    up to the frame's edge. share: float32 (n,), visible px over those; pixels: int64 (n,), the visible px.
    """

    visible: np.ndarray
    amodal: np.ndarray
    share: np.ndarray
    pixels: np.ndarray


def boxes(scene, size=SIDE):
    """The :class:`Boxes` of a scene at ``size`` px, from its masks. A box is 0 0 0 0 where nothing is seen."""
    seen = masks(scene, size)[0]
    alone = [masks(replace(scene, objects=(thing,), clutter=()), size)[0] > 0 for thing in scene.objects]
    visible = [seen == n for n in range(1, len(alone) + 1)]
    whole = [a | v for a, v in zip(alone, visible, strict=True)]  # a ray may only just hit in one of both
    pixels = np.array([mask.sum() for mask in visible], dtype=np.int64)
    share = pixels / np.maximum([mask.sum() for mask in whole], 1)
    return Boxes(_around(visible), _around(whole), share.astype(np.float32), pixels)


def _around(found):
    """Boxes float32 (n, 4) of masks."""
    corners = np.zeros((len(found), 4), np.float32)
    for row, mask in zip(corners, found, strict=True):
        if mask.any():
            ys, xs = np.nonzero(mask)
            row[:] = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
    return corners


def sample_crowd(seed):
    """Draw a scene of one to four objects of any classes, sizes and places; the same seed gives the same scene.

    Beyond the first, an object resembles an earlier one, rather a large one: it is of the same class (every second
    time with the same shape and colours), of a class built alike, or of any class. It stands near it (in front, behind,
    beside) or anywhere. Objects hide each other, but do not touch; mushrooms come without their baby. Of each object at
    least a quarter and 20 px are visible at 128 px: one that finds no such place is left out.
    """
    rng = np.random.default_rng([abs(int(seed)), 14, int(seed) < 0])
    air, cluttering = _draw_air(rng), np.random.default_rng(rng.integers(2**62))
    number = 1 + int(rng.choice(len(NUMBER), p=NUMBER))
    thing = draw_object(str(rng.choice(list(CLASSES))), rng, rng.uniform(-125, 125))
    camera = _aim(thing, rng.uniform(5, 30), rng.uniform(3.6, 7.0), 0.1, rng.uniform(0, 1, 2))
    scene = _placed(Scene((), camera, air, kind="crowd", seed=int(seed)), thing, None, rng)
    for _ in range(number - 1):
        around = boxes(scene).amodal / SIDE
        sides = np.sqrt(np.prod(around[:, 2:] - around[:, :2], axis=1))
        like = int(rng.choice(len(sides), p=sides / sides.sum()))
        thing = _resembling(scene.objects[like], rng)
        scene = _placed(scene, thing, around[like] if rng.random() < NEAR else None, rng)
    scene = replace(scene, clutter=draw_clutter(scene, cluttering, int(cluttering.integers(6, 15))))
    found = boxes(scene)
    stay = (found.share >= SEEN) & (found.pixels >= PIXELS)
    return replace(scene, objects=tuple(scene.objects[n] for n in np.flatnonzero(stay)))


def _resembling(like, rng):
    """Another object: a copy of one, one of its class, of a class that looks alike, or of any class."""
    azimuth, what, names = float(rng.uniform(-125, 125)), rng.random(), list(CLASSES)
    if what < SAME / 2:
        return replace(like, azimuth=azimuth)
    if what < SAME:
        names = [like.cls]
    elif what < SAME + ALIKE:
        names = sorted(next(group for group in _ALIKE if like.cls in group) - {like.cls})
    return draw_object(str(rng.choice(names)), rng, azimuth)


def _placed(scene, thing, near, rng, trials=20):
    """The scene with one more object, around the box ``near`` or anywhere; as it was where no trial finds room."""
    missing = frozenset({"baby"} if thing.cls == "mushroom" else ())  # which would look like one more object
    thing = replace(thing, position=(0.0, 0.0, 0.0), scale=1.0, missing=missing)
    start = replace(scene, objects=(thing,))
    _, _, w, h, _ = _outline(start)
    for trial in range(trials):
        if near is not None and trial < 0.8 * trials:
            x0, y0, x1, y1 = near
            grow = min(math.sqrt((x1 - x0) * (y1 - y0) / (w * h)) * rng.uniform(0.75, 1.3), 0.8 / max(w, h))
            u = (x0 + x1) / 2 + rng.normal(0, 0.22) * (x1 - x0)
            v = y1 + rng.normal(0, 0.15) * (y1 - y0) - h * grow / 2
        else:
            side = math.exp(rng.uniform(math.log(SMALLEST), math.log(LARGEST))) / SIDE
            grow = min(side / math.sqrt(w * h), 0.8 / max(w, h))
            u, v = 0.5 + (rng.uniform(0, 1, 2) - 0.5) * (1 - 2 * INSIDE * grow * np.array([w, h]))
        alone = start.scaled(grow)
        across, down, *_ = _outline(alone, SIDE)
        thing = alone.moved(u - across, down - v).objects[0]
        if thing.position[1] > 0.02 or any(_touch(thing, other) for other in scene.objects):
            continue
        more = replace(scene, objects=(*scene.objects, thing))
        found = boxes(more)
        if (found.share >= 0.3).all() and (found.pixels >= PIXELS).all():
            return more
    return scene if scene.objects else _placed(scene, thing, None, rng)


def _touch(one, other, points=9):
    """Is a point of a lattice inside both objects, or nearly?"""
    both = [thing.arrays()[0] for thing in (one, other)]
    low = np.max([(rows[:, k.CX : k.CX + 3] - rows[:, [k.BOUND]]).min(0) for rows in both], axis=0)
    high = np.min([(rows[:, k.CX : k.CX + 3] + rows[:, [k.BOUND]]).max(0) for rows in both], axis=0)
    if (low >= high).any():
        return False
    active = [np.arange(len(rows)) for rows in both]
    room = 0.02 * min(one.scale, other.scale)
    for point in np.stack(np.meshgrid(*np.linspace(low, high, points).T), -1).reshape(-1, 3).tolist():
        if all(k.distance(r, a, len(r), *point)[0] < room for r, a in zip(both, active, strict=True)):
            return True
    return False
