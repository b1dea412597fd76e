"""Clutter: things of no class, spread over the frame so that finding edges is not finding the object."""

import math
from dataclasses import replace

import numpy as np

from . import kernel as k
from .model import VIVID, WOODS, Paint
from .render import masks
from .scene import Clutter
from .shapes import Model, placed, rotation

# contrasts as strong as any object's, or else finding edges would be finding the object
_DARK = "#c8352e #2a8fa8 #2f5fb3 #7a4aa8 #1b1b1e #1b1b1e #1d3b2a #3a1f4d #14284a"
_CLUTTER_PAINT = Paint(
    f"{_DARK} {VIVID}", "#fbf8ef #fbf8ef #f0d64a", ("plain", "stripes", "bands", "checks"), (1.2, 3.0), 0.25
)
_CLUTTER_BALL = Paint(
    _DARK, "#fbf8ef #fbf8ef #f0d64a", ("sectors", "checks", "spots", "bands"), (1.5, 4.0), 0.5
)
_CLUTTER_STONE = Paint(
    "#8a877f #6f6a62 #a49a8a #5c646c #b3a79a", "#55524d #c9c2b5", ("fur", "plain", "spots"), (3.0, 6.0)
)
_CLUTTER_WOOD = Paint(WOODS, "#4b331f #d9b98a", ("grain", "bands"), (3.0, 6.0))


def _stone(m, rng):
    for _ in range(2):
        at, radii = rng.uniform(-0.35, 0.35, 3) * [1, 0.4, 1], rng.uniform(0.4, 0.75, 3)
        m.ellipsoid("it", at, radii, "look", 0.2, rotation(rng.uniform(0, 360)))


def _post(m, rng):
    m.cone("it", (0, 0, 0), 1.0, rng.uniform(0.1, 0.16), rng.uniform(0.08, 0.14), "look", edge=0.02)
    if rng.random() < 0.5:
        m.ellipsoid("it", (0, 1.05, 0), 0.2, "look")


def _ball(m, rng):
    m.ellipsoid("it", (0, 0, 0), 1.0, "look", turn=rotation(*rng.uniform(0, 360, 3)))


def _block(m, rng):
    m.box("it", (0, 0, 0), rng.uniform(0.4, 0.9, 3), "look", edge=0.05)


def _pylon(m, rng):
    m.box("it", (0, -0.95, 0), (0.5, 0.06, 0.5), "look", edge=0.03)
    m.cone("it", (0, 0, 0), 0.95, 0.4, 0.06, "look", edge=0.02)


def _ring(m, rng):
    m.torus("it", (0, 0, 0), 0.75, rng.uniform(0.15, 0.25), "look", axis=rng.normal(size=3))


def _log(m, rng):
    m.limb("it", (-0.9, 0, 0), (0.9, 0.05, 0), rng.uniform(0.16, 0.26), rng.uniform(0.14, 0.2), "look")


_CLUTTER = {
    "stone": (_stone, _CLUTTER_STONE),
    "post": (_post, _CLUTTER_PAINT),
    "ball": (_ball, _CLUTTER_BALL),
    "block": (_block, _CLUTTER_PAINT),
    "pylon": (_pylon, _CLUTTER_PAINT),
    "ring": (_ring, _CLUTTER_PAINT),
    "log": (_log, _CLUTTER_WOOD),
}


def _clutter_item(rng, position, scale, kind=None):
    kind = kind or str(rng.choice(list(_CLUTTER)))
    build, paint = _CLUTTER[kind]
    model = Model(("it",), ("look",))
    build(model, rng)
    yaw = float(rng.uniform(0, 360))
    rows = placed(model.finish(), rotation(yaw), np.asarray(position), scale)
    rows = tuple(map(tuple, rows.tolist()))
    return Clutter(kind, rows, (paint.draw(rng),), tuple(map(float, position)), float(scale), yaw)


def draw_clutter(scene, rng, number):
    """Things spread over the whole frame, none inside an object, none hiding more than a little of one."""
    camera, items = scene.camera, []
    for _ in range(number):
        u, v = rng.uniform(0, 1), rng.uniform(0, 1)
        size = float(np.clip(rng.lognormal(math.log(0.075), 0.4), 0.03, 0.15))
        spot = camera.ground(u, v + 0.6 * size)
        if spot is None or spot[1] > 24:  # above the horizon: a balloon
            depth = rng.uniform(4, 11)
            position = np.array(camera.eye) + depth * camera.ray(u, v)
            if position[1] >= 0:
                items.append(_clutter_item(rng, position, size * 0.8 * depth / camera.zoom, "ball"))
            continue
        position, depth = spot
        item = _clutter_item(rng, position, size * depth / camera.zoom)
        room = [item.scale + 0.8 * thing.scale for thing in scene.objects]
        gaps = [math.dist(item.position[::2], thing.position[::2]) for thing in scene.objects]
        if depth >= 1.0 and all(gap >= least for gap, least in zip(gaps, room, strict=True)):
            items.append(item)
    return _clear_view(scene, items)


def _clear_view(scene, items, limit=0.12):
    """Drop things until each object loses at most ``limit`` of its outline to them."""
    bare = masks(scene, 48)[0]
    kept = list(items)
    for _ in range(len(items)):
        seen = masks(replace(scene, clutter=tuple(kept)), 48)[0]
        lost = [(n, (bare == n) & (seen != n)) for n in range(1, len(scene.objects) + 1)]
        lost = [(n, where) for n, where in lost if where.sum() > limit * (bare == n).sum()]
        if not lost:
            break
        n, where = lost[0]
        rows, columns = np.nonzero(where)
        middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5]) / 48
        depth = scene.camera.project(scene.objects[n - 1].middle())[2]

        def blame(item, middle=middle, depth=depth):
            """How far the item is from what is lost, in its own widths: the nearest is to blame."""
            u, v, far = scene.camera.project(np.mean([row[k.CX : k.CX + 3] for row in item.rows], axis=0))
            width = item.scale * scene.camera.zoom / far
            return math.dist((u, v), middle) / width if 0 < far < depth else math.inf

        kept.remove(min(kept, key=blame))
    return tuple(kept)


def hide(scene, rng, low=0.2, high=0.4):
    """Put things in front of the object until between ``low`` and ``high`` of it is hidden."""
    camera, thing = scene.camera, scene.objects[0]
    bare = masks(replace(scene, clutter=()), 48)[0] == 1
    rows, columns = np.nonzero(bare)
    if len(rows) == 0:
        return scene
    eye, middle = np.array(camera.eye), thing.middle()
    for _ in range(30):
        n = int(rng.integers(len(rows)))
        u, v = (columns[n] + 0.5) / 48, (rows[n] + 0.5) / 48
        near = rng.uniform(0.45, 0.62)
        depth = near * camera.project(middle)[2]
        spot = eye + depth * camera.ray(u, v)
        size = math.sqrt(bare.mean()) * rng.uniform(0.3, 0.6)
        spot[1] = max(spot[1] - size * depth / camera.zoom, 0.0)
        kind = str(rng.choice(["post", "stone", "block", "pylon", "ball"]))
        item = _clutter_item(rng, spot, size * depth / camera.zoom, kind)
        trial = replace(scene, clutter=(*scene.clutter, item))
        hidden = 1 - (masks(trial, 48)[0] == 1).sum() / bare.sum()
        if hidden <= high:
            scene = trial
        if low <= hidden <= high:
            break
    return scene
