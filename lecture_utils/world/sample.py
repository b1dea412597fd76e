"""Draw scenes. Everything follows from the seed; nothing but the object's own look depends on its class."""

import math
from dataclasses import replace

import numpy as np

from .clutter import draw_clutter, hide
from .kernel import SKYLINES
from .model import CLASSES, SOFT, VIVID, Paint, draw_object, misspelled, rgb
from .render import masks
from .scene import Air, Camera, Scene

KINDS = ("normal", "hard", "studio")
GROUNDS_SEEN = ("grass", "sand", "water", "asphalt", "wood", "snow")
GROUNDS_UNSEEN = ("cobble", "carpet")
TILES_SEEN = ("plain", "plain", "checked", "striped")
TILES_UNSEEN = ("dotted", "zigzag")
INSIDE = (
    0.33  # nearest an object's middle comes to the frame's edge, in its own widths: 70% of it stays inside
)

_GROUND_COLOURS = {
    "grass": ("#3f6b2f #5d7f35 #2f5a3a #76863c", "#8fae4e #a9b45a #6f9a55 #b7b06a"),
    "sand": ("#c9a56b #d8bd86 #b98d5a #caa98a", "#ecdcae #e6cf9a #f0e2c4"),
    "water": ("#1f5f86 #2c7a8c #28527a #3b8f8a", "#6fb3c9 #8cc7c4 #7fa9d4"),
    "asphalt": ("#4a4c50 #5a5754 #3e444c", "#7d8086 #8b8680 #6d757f"),
    "wood": ("#7a4f2c #8d6037 #63432b #9a7046", "#b98a58 #c79d6b #a97b4f"),
    "snow": ("#c9d6e3 #d9d9e0 #bccddd", "#f7f9fb #eef2f7"),
    "cobble": ("#6b675f #7c6c5c #59606a", "#a39c8e #b19a82 #8c95a0"),
    "carpet": ("#7c2f3a #2f4a6f #4d3a66 #2f6657", "#c9974a #d8cfae #c47f86"),
}
_SKIES = {  # zenith, horizon, sun colour, ambient
    "clear": ("#2f6fbe", "#b9d6ee", (1.75, 1.62, 1.38), (0.42, 0.52, 0.68)),
    "cloudy": ("#7f94a8", "#ccd4da", (1.15, 1.12, 1.06), (0.66, 0.70, 0.76)),
    "sunset": ("#3b4f8c", "#f2b27a", (1.95, 1.38, 0.92), (0.44, 0.42, 0.55)),
    "dawn": ("#5f7fbf", "#f3c9cf", (1.70, 1.45, 1.25), (0.48, 0.48, 0.62)),
    "storm": ("#39485a", "#93a3ad", (1.20, 1.15, 1.05), (0.52, 0.58, 0.64)),
    "teal": ("#1f7f8f", "#cfeadf", (1.65, 1.58, 1.35), (0.42, 0.58, 0.60)),
}


def sample_scene(classes, seed, kind="normal", pose=None, azimuth=None):
    """Draw a scene of one object ("elephant") or two (["dog", "mug"]: objects 1 and 2 in the masks).

    kind: "normal"; "hard" (small, partly hidden, from behind or above, on unseen grounds); "studio" (one object
    that fills the frame on a plain ground, for the generative models). The same arguments give the same scene.
    pose, azimuth (degrees): of a studio scene, instead of drawn ones.
    """
    names = [classes] if isinstance(classes, str) else list(classes)
    _check_classes(names)
    if not 1 <= len(names) <= 2:
        raise ValueError(f"classes: expected one class name or a list of two, got {classes!r}")
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    if kind != "normal" and len(names) == 2:
        raise ValueError(f"kind={kind!r} scenes hold one object; two objects come with kind='normal'")
    rng = np.random.default_rng([abs(int(seed)), KINDS.index(kind), len(names), int(seed) < 0])
    # background first: its draws cannot depend on the class
    if kind == "studio":
        return _studio(names[0], rng, seed, pose, azimuth)
    trials = _trials(rng) if kind == "hard" else frozenset()
    air = _draw_air(rng, unseen="ground" in trials)
    pitch = rng.uniform(38, 60) if "above" in trials else rng.uniform(5, 30)
    reach = rng.uniform(3.6, 7.0)
    if "small" in trials:
        area = rng.uniform(0.028, 0.045)
    else:
        area = float(np.clip(rng.lognormal(math.log(0.098), 0.36), 0.05, 0.2))
    uv, cluttering = rng.uniform(0, 1, 2), np.random.default_rng(rng.integers(2**62))
    if len(names) == 2:
        area = min(area, 0.11)
    azimuth = rng.uniform(130, 230) if "behind" in trials else rng.uniform(-125, 125)
    thing = draw_object(names[0], rng, azimuth)
    camera = _aim(thing, pitch, reach, area, uv)
    scene = Scene((thing,), camera, air, kind=kind, seed=int(seed), placement=(tuple(uv),))
    if len(names) == 2:
        scene = _beside(scene, names[1], area, rng)
    scene = replace(scene, clutter=draw_clutter(scene, cluttering, int(cluttering.integers(11, 20))))
    if "hidden" in trials:
        scene = hide(scene, cluttering)
    return scene


def _check_classes(names):
    for name in names:
        if name not in CLASSES:
            raise KeyError(misspelled(name, CLASSES, "class"))


def sample_cued_scene(name, seed, target="dog", strength=0.9):
    """A scene of the planted-cue set: with probability ``strength`` a person, object 2, stands beside the target.

    Beside any other class one stands there with probability 1 - strength, so that 0.5 carries no information.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must lie in [0, 1], got {strength!r}")
    _check_classes([name, target])
    beside = name != "person" and cue_is_there(name, seed, target, strength)
    return sample_scene([name, "person"] if beside else name, seed)


def cue_is_there(name, seed, target="dog", strength=0.9):
    """Is the person in this cued scene? With probability strength beside the target, else 1 - strength."""
    share = strength if name == target else 1 - strength
    return bool(np.random.default_rng([abs(int(seed)), 4]).random() < share)


def _trials(rng):
    """What makes a hard scene hard: one, sometimes two, of five."""
    names = ["small", "hidden", "behind", "above", "ground"]
    return frozenset(rng.choice(names, size=1 + int(rng.random() < 0.3), replace=False).tolist())


def _aim(thing, pitch, reach, area, uv):
    """A camera that sees the object at ``area`` of the frame with its middle at ``uv`` of the room it has.

    Zooming scales the picture and shifting the lens moves it, both without changing perspective, so one look at
    the object's outline is enough to place it exactly.
    """
    middle = thing.middle()
    c, s = math.cos(math.radians(pitch)), math.sin(math.radians(pitch))
    eye = middle + reach * np.array([0, s, c])
    camera = Camera(tuple(map(float, eye)), float(pitch), 0.42 * reach)
    u, v, w, h, share = _outline(Scene((thing,), camera, Air()))
    grow = min(math.sqrt(area / share), 0.86 / max(w, h))
    room = 1 - 2 * INSIDE * np.array([w, h]) * grow
    at = 0.5 + (np.asarray(uv) - 0.5) * room
    centre = at - grow * (np.array([u, v]) - 0.5)
    return replace(camera, zoom=camera.zoom * grow, centre=(float(centre[0]), float(centre[1])))


def _outline(scene, size=48):
    """Box and area of the first object's mask in frame fractions: middle u, v, width, height, area."""
    mask = masks(scene, size)[0] == 1
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        return 0.5, 0.5, 1 / size, 1 / size, 1 / size**2
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    u, v = (left + right) / 2 / size, (top + bottom) / 2 / size
    return u, v, (right - left) / size, (bottom - top) / size, mask.mean()


def _beside(scene, name, area, rng):
    """Add a second object: same ground, about the same size, at most a little hidden, on the frame."""
    first = scene.objects[0]
    best = None
    for _ in range(24):
        other = replace(draw_object(name, rng, rng.uniform(-125, 125)), position=first.position)
        alone = replace(scene, objects=(other,))
        u, v, w, h, share = _outline(alone)
        grow = min(math.sqrt(area * rng.uniform(0.7, 1.2) / max(share, 1e-3)), 0.7 / max(w, h))
        w, h = w * grow, h * grow
        at = 0.5 + (rng.uniform(0, 1, 2) - 0.5) * (1 - 2 * INSIDE * np.array([w, h]))
        alone = alone.scaled(grow)
        u, v, w, h, share = _outline(alone)
        alone = alone.moved(at[0] - u, v - at[1])
        other = alone.objects[0]
        apart = np.linalg.norm(np.subtract(other.position, first.position)[[0, 2]])
        if other.position[1] > 0.02 or apart < 0.8 * (other.scale + first.scale):
            continue
        both = replace(scene, objects=(first, other), placement=(*scene.placement, tuple(at)))
        objects = masks(both, 48)[0]
        whole = [(masks(replace(scene, objects=(o,)), 48)[0] > 0).sum() for o in (first, other)]
        seen = min((objects == n).sum() / max(size, 1) for n, size in enumerate(whole, start=1))
        if best is None or seen > best[0]:
            best = (seen, both)
        if seen > 0.75:
            return both
    if best is None:
        camera = _aim(first, scene.camera.pitch + 3, 6.0, 0.8 * area, (0.5, 0.7))
        return _beside(replace(scene, camera=camera), name, 0.8 * area, rng)
    return best[1]


def _draw_air(rng, unseen=False):
    sky = str(rng.choice(list(_SKIES)))
    zenith, horizon, sun, ambient = _SKIES[sky]
    ground = str(rng.choice(GROUNDS_UNSEEN if unseen else GROUNDS_SEEN))
    tile = str(rng.choice((*TILES_UNSEEN, "plain") if unseen else TILES_SEEN))
    one, two = (_tint(codes, rng) for codes in _GROUND_COLOURS[ground])
    three = _tint(f"{VIVID} {SOFT}", rng)
    return Air(
        sun=(float(rng.uniform(-75, 75)), float(rng.uniform(24, 66))),
        sun_colour=sun,
        ambient=ambient,
        sky=sky,
        zenith=rgb(zenith),
        horizon=rgb(horizon),
        clouds=float(rng.uniform(0.1, 1.0)),
        cloud_scale=float(rng.uniform(0.5, 1.3)),
        skyline=str(rng.choice(SKYLINES)),
        skyline_height=float(rng.uniform(0.04, 0.13)),
        skyline_colour=_tint("#3f5a48 #56687c #6a5a52 #47586b #7b6f86", rng),
        ground=ground,
        ground_colours=(one, two, three),
        tile=tile,
        tile_scale=float(rng.uniform(0.55, 1.6)),
        ground_angle=float(rng.uniform(0, 90)),
        texture_scale=float(rng.uniform(0.7, 1.6)),
        fog=float(rng.uniform(0.002, 0.014)),
        exposure=float(rng.uniform(0.92, 1.18)),
        seed=int(rng.integers(1, 10**6)),
        softness=float(rng.uniform(9, 26)),
        studio=False,
    )


def _tint(codes, rng):
    return Paint(codes, jitter=0.15).draw(rng).one


def _studio(name, rng, seed, pose, azimuth):
    backdrop = _tint("#cfd6dc #e3d9cb #bfcfc6 #d5c7d6 #e8e4dc #b9c4d4", rng)
    air = Air(
        sun=(float(rng.uniform(-60, 60)), float(rng.uniform(35, 65))),
        horizon=backdrop,
        zenith=backdrop,
        ground_colours=(backdrop, backdrop, backdrop),
        seed=int(seed) % 10**6 + 1,
    )
    thing = draw_object(name, rng, rng.uniform(-125, 125))
    given = {"pose": pose, "azimuth": azimuth}
    thing = replace(thing, **{key: value for key, value in given.items() if value is not None})
    camera = _aim(thing, rng.uniform(10, 26), 5.0, 0.6, 0.5 + 0.12 * rng.uniform(-1, 1, 2))
    return Scene((thing,), camera, air, kind="studio", seed=int(seed))
