"""Chair, mug, teapot and mushroom."""

import math

from ..model import SOFT, VIVID, WOODS, Paint, object_class
from ..shapes import upright_to

CHINA = Paint(f"{VIVID} {SOFT}", f"{VIVID} #f6f1e4", ("plain", "plain", "spots", "stripes"), (3.0, 5.5), 0.7)
STEEL = Paint("#c9ccd0 #d9b45a #b9bcc4", gloss=0.9)
BOTH = (-1, 1)


def arc(middle, radii, first, last, steps):
    """Points of an ellipse in the x-y plane, from angle ``first`` to ``last`` (degrees, 90 = up)."""
    angles = [math.radians(first + (last - first) * n / steps) for n in range(steps + 1)]
    return [(middle[0] + radii[0] * math.cos(a), middle[1] + radii[1] * math.sin(a), 0) for a in angles]


@object_class(
    "chair",
    parts=("seat", "back", "legs", "armrests", "cushion"),
    shape={
        "back": (0.75, 1.35), "legs": (0.75, 1.3), "width": (0.85, 1.25), "recline": (4, 16),
        "cushion": (0.7, 1.4),
    },
    poses=("slatted", "solid", "round", "rocking", "armchair"),
    looks={
        "frame": Paint(f"{WOODS} {WOODS} {VIVID}", "#4b331f #d9b98a", ("plain", "grain"), (3.0, 5.0), 0.2),
        "cloth": Paint(
            f"{VIVID} {SOFT}", f"{VIVID} #f6f1e4", ("plain", "stripes", "checks", "spots"), (3.0, 5.0),
        ),
    },
)  # fmt: skip
def chair(m, s, pose):
    w, high, tall, soft = 0.5 * s["width"], 0.78 * s["legs"], 1.05 * s["back"], 0.085 * s["cushion"]
    high = {"armchair": 0.62 * high, "rocking": high + 0.1}.get(pose, high)
    top = high + 0.08
    if pose == "round":
        m.cone("seat", (0, high, 0), 0.08, w, w + 0.04, "frame", edge=0.04)
        m.ellipsoid("cushion", (0.02, top, 0), (0.9 * w, 1.7 * soft, 0.9 * w), "cloth", keep=(0, 9))
    else:
        thick, wide = (0.15, w + 0.18) if pose == "armchair" else (0.08, w)
        m.box("seat", (0, top - thick, 0), (0.5, thick, wide), "frame", edge=0.05)
        m.box("cushion", (0.06, top + soft, 0), (0.42, soft, 0.86 * w), "cloth", edge=0.9 * soft)
    splay = 0.14 if pose == "round" else 0.04
    foot = 0.17 if pose == "rocking" else 0.08
    inset = 0.62 if pose == "round" else 0.84
    for x in BOTH:
        for z in BOTH:
            below = ((0.4 + splay) * x, foot, (inset * w + splay) * z)
            m.limb("legs", (0.4 * x, high - 0.05, inset * w * z), below, 0.085, 0.075, "frame")
    if pose == "rocking":
        for z in BOTH:
            runner = [(0.85, 0.3), (0.45, 0.14), (0, 0.08), (-0.45, 0.14), (-0.9, 0.34)]
            m.tube("legs", [(x, y, (inset * w + splay) * z) for x, y in runner], (0.075, 0.075), "frame")
    elif pose == "round":
        m.torus("legs", (0, 0.42 * high, 0), 0.94 * inset * w + 0.12, 0.045, "frame")
    with m.posed((-0.44, high, 0), pitch=s["recline"]):
        _back(m, pose, high, tall, w)
    if pose in ("rocking", "armchair"):
        for z in BOTH:
            if pose == "armchair":
                m.box("armrests", (0.0, top + 0.12, (w + 0.1) * z), (0.52, 0.3, 0.12), "cloth", edge=0.11)
            else:
                m.limb("armrests", (-0.5, top + 0.4, w * z), (0.48, top + 0.36, w * z), 0.075, 0.09, "frame")
                m.limb("armrests", (0.36, top, 0.94 * w * z), (0.4, top + 0.36, w * z), 0.06, 0.06, "frame")


def _back(m, pose, high, tall, w):
    x = -0.44
    if pose == "armchair":
        m.box("back", (x, high + 0.42 * tall, 0), (0.13, 0.42 * tall, w + 0.02), "cloth", edge=0.12)
        return
    if pose == "solid":
        m.box("back", (x, high + 0.56 * tall, 0), (0.075, 0.5 * tall, w), "frame", edge=0.06)
        m.box("back", (x + 0.06, high + 0.6 * tall, 0), (0.06, 0.36 * tall, 0.76 * w), "cloth", edge=0.05)
        return
    if pose == "round":
        r = 0.42 * tall
        for z in BOTH:
            m.limb("back", (x, high, 0.5 * w * z), (x, high + 0.75 * r, 0.6 * r * z), 0.065, 0.065, "frame")
        m.cone("back", (x, high + 1.35 * r, 0), 0.05, 0.9 * r, 0.9 * r, "cloth", axis=(1, 0, 0))
        m.torus("back", (x, high + 1.35 * r, 0), 0.92 * r, 0.08, "frame", axis=(1, 0, 0))
        return
    for z in BOTH:
        m.limb("back", (x, high, 0.86 * w * z), (x, high + tall, 0.9 * w * z), 0.085, 0.08, "frame")
    if pose == "slatted":
        for y in (0.36, 0.63, 0.9):
            m.box("back", (x, high + y * tall, 0), (0.05, 0.1 * tall, 0.88 * w), "frame", edge=0.03)
    else:
        m.box("back", (x, high + tall, 0), (0.07, 0.16, w + 0.05), "frame", edge=0.05)
        for z in (-0.45, 0.0, 0.45):
            m.limb("back", (x, high, z * w), (x, high + tall, z * w), 0.065, 0.065, "frame")


@object_class(
    "mug",
    parts=("cup", "handle", "coffee", "stripe", "saucer", "spoon"),
    shape={
        "height": (0.75, 1.3), "flare": (0.85, 1.2), "handle": (0.8, 1.25), "width": (0.85, 1.2),
        "saucer": (0.85, 1.2),
    },
    poses=("round handle", "square handle", "bowl"),
    looks={
        "glaze": CHINA,
        "band": Paint(f"{VIVID} #f6f1e4", gloss=0.6),
        "coffee": Paint("#3a2213 #5a371d #241409 #7d5228", gloss=0.5),
        "plate": Paint(f"{SOFT} {VIVID}", f"{VIVID} #f6f1e4", ("plain", "plain", "spots"), (3.0, 5.0), 0.6),
        "steel": STEEL,
    },
)  # fmt: skip
def mug(m, s, pose):
    h, r = 0.72 * s["height"], 0.56 * s["width"]
    rim, low, size = r * s["flare"], 0.14, 0.34 * s["handle"]
    m.cone("saucer", (0, 0.05, 0), 0.05, 0.55 * r, 1.1 * r, "plate")
    m.cone("saucer", (0, 0.1, 0), 0.05, r * 1.2, r * 1.75 * s["saucer"], "plate", edge=0.03)
    if pose == "bowl":
        h, r, rim = 0.72 * h, 1.2 * r, 1.2 * r
        m.cone("cup", (0, low + 0.05, 0), 0.09, 0.55 * r, 0.45 * r, "glaze", edge=0.02)
        m.ellipsoid("cup", (0, low + 2 * h, 0), (r, 1.9 * h, r), "glaze", keep=(-9, 0), shell=0.035)
        keep = (-0.75 * h, -0.35 * h)
        m.ellipsoid("stripe", (0, low + 2 * h, 0), (r, 1.9 * h, r), "band", keep=keep, shell=0.05)
    else:
        m.cup("cup", (0, low + h, 0), h, r, rim, 0.08, "glaze")
        # a hollow band: a solid one would show inside the cup once the coffee is removed
        middle, keep = (r + rim) / 2, (-0.26 * h, 0.26 * h)
        m.ellipsoid("stripe", (0, low + h, 0), (middle, 1.1, middle), "band", keep=keep, shell=0.04)
    m.cone("coffee", (0, low + 1.8 * h, 0), 0.03, rim * 0.9, rim * 0.9, "coffee")
    side = (r + rim) / 2 - 0.03
    y = low + (1.25 if pose == "bowl" else 1.05) * h
    if pose == "square handle":
        x = side + 1.5 * size
        corners = [(side, y + size, 0), (x, y + size, 0), (x, y - size, 0), (side, y - size, 0)]
        m.tube("handle", corners, (0.1, 0.1), "glaze", 0)
    else:
        m.tube("handle", arc((side, y), (1.5 * size, 1.15 * size), 92, -100, 6), (0.1, 0.1), "glaze", 0)
    lean = (-0.62 * rim, low + 2 * h + 0.42, -0.62 * rim)
    m.limb("spoon", (0.2 * rim, low + 1.3 * h, 0.2 * rim), lean, 0.045, 0.055, "steel")
    m.ellipsoid("spoon", lean, (0.11, 0.19, 0.06), "steel", 0.05, upright_to((-1, 1.2, -1)))


@object_class(
    "teapot",
    parts=("body", "lid", "knob", "spout", "handle", "foot"),
    shape={
        "width": (0.85, 1.2), "height": (0.8, 1.2), "spout": (0.8, 1.3), "handle": (0.8, 1.25),
        "lid": (0.8, 1.2), "knob": (0.8, 1.4),
    },
    poses=("side handle", "top handle", "tall"),
    looks={
        "glaze": CHINA,
        "lid": Paint(f"{VIVID} {SOFT}", f"{VIVID} #f6f1e4", ("plain", "plain", "sectors"), (8.0, 12.0), 0.7),
        "trim": Paint(f"{VIVID} {WOODS} #f6f1e4", gloss=0.5),
        "hole": Paint("#1d1614", jitter=0.03),
    },
)  # fmt: skip
def teapot(m, s, pose):
    w, h, low = 0.72 * s["width"], 0.56 * s["height"], 0.12
    if pose == "tall":
        w, h = 0.8 * w, 1.3 * h
        m.ellipsoid("body", (0, low + 0.75 * h, 0), (w, 0.75 * h, w), "glaze")
        m.cone("body", (0, low + 1.35 * h, 0), 0.6 * h, 0.93 * w, 0.5 * w, "glaze", blend=0.15)
    else:
        m.ellipsoid("body", (0, low + h, 0), (w, h, w), "glaze")
    m.cone("foot", (0, 0.1, 0), 0.1, 0.74 * w, 0.58 * w, "trim", edge=0.03)
    wide = (0.55 if pose == "tall" else 0.62) * w * s["lid"]
    top = low + (1.9 if pose == "tall" else 1.72) * h
    m.torus("lid", (0, top, 0), wide, 0.075, "lid")
    m.ellipsoid("lid", (0, top, 0), (wide, 0.3 * s["lid"], wide), "lid", keep=(-0.02, 9))
    knob = 0.13 * s["knob"]
    m.cone("knob", (0, top + 0.3 * s["lid"], 0), 0.08, 0.08, 0.06, "trim")
    m.ellipsoid("knob", (0, top + 0.3 * s["lid"] + 0.07 + 0.8 * knob, 0), (knob, 0.85 * knob, knob), "trim")
    n, y = s["spout"], low + (0.55 if pose == "tall" else 0.7) * h
    lip = max(top - 0.08, y + 0.6)
    bend, tip = (w + 0.46 * n, 0.45 * y + 0.55 * lip, 0), (w + 0.72 * n, lip, 0)
    path = [(0.8 * w, y, 0), (w + 0.3 * n, y + 0.12, 0), bend, tip]
    m.tube("spout", path, (0.25, 0.19, 0.14, 0.12), "glaze", 0.06)
    m.cone("spout", (w + 0.76 * n, lip + 0.06, 0), 0.06, 0.12, 0.17, "glaze", axis=(0.7, 1, 0))
    m.cone("spout", (w + 0.79 * n, lip + 0.105, 0), 0.02, 0.12, 0.13, "hole", axis=(0.7, 1, 0))
    grip = s["handle"]
    if pose == "top handle":
        path = arc((0, low + 1.45 * h), (0.86 * w, 0.95 * grip), 15, 165, 6)
        m.tube("handle", path, (0.095, 0.095), "trim", 0)
    else:
        middle = low + (1.1 if pose == "tall" else 1.0) * h
        path = arc((-0.84 * w, middle), (0.62 * grip, 0.62 * h), 75, 285, 6)
        m.tube("handle", path, (0.11, 0.1), "trim", 0)


@object_class(
    "mushroom",
    parts=("cap", "stem", "spots", "ring", "gills", "baby"),
    shape={
        "cap": (0.8, 1.25), "dome": (0.75, 1.3), "stem": (0.75, 1.3), "girth": (0.75, 1.3),
        "spots": (0.75, 1.35), "baby": (0.75, 1.3),
    },
    poses=("round cap", "flat cap", "bell cap"),
    looks={
        "cap": Paint("#c8281f #d63a24 #b5261e #e2622a #8a4a2a #a9632f #7a4aa8 #d05a92 #e0a52f", gloss=0.45),
        "stem": Paint("#f3ecd9 #efe2c4 #f6f1e8 #e9d6b4", "#d3bf98", ("plain", "fur"), (4.0, 6.0)),
        "spot": Paint("#fbf6ea #fff8e0 #f4efe6", gloss=0.1, jitter=0.04),
        "ring": Paint("#f6efdc #f0d9a8 #efc9b4", jitter=0.06),
        "gill": Paint("#f0dcb8 #e8cfae #f1e0cf", "#b08d67 #a5795f", ("sectors",), (36, 48)),
    },
)  # fmt: skip
def mushroom(m, s, pose):
    r, dome = {"round cap": (0.82, 0.62), "flat cap": (0.94, 0.36), "bell cap": (0.68, 1.0)}[pose]
    own = {part: part for part in m.parts}
    _mushroom(m, own, (0, 0, 0), r * s["cap"], dome * s["dome"], 0.62 * s["stem"], s, 11)
    small = 0.42 * s["baby"]
    beside = (0.5, 0, 0.62 * s["cap"] * r + 0.35 * small)
    _mushroom(m, dict.fromkeys(m.parts, "baby"), beside, 0.86 * small, 0.75 * small, 0.55 * small, s, 4)


def _mushroom(m, part, at, r, dome, half, s, spots):
    x, _, z = at
    thick, top = 0.24 * (0.5 * r + 0.6 * half + 0.1) * s["girth"] / 0.9, 2 * half
    m.cone(part["stem"], (x, half, z), half, thick, 0.8 * thick, "stem")
    bulb = (1.35 * thick, 0.75 * thick, 1.35 * thick)
    m.ellipsoid(part["stem"], (x, 0.42 * thick, z), bulb, "stem", 0.12, keep=(-0.42 * thick, 9))
    with m.posed((x, top, z), pitch=11):  # tilted back: shows the gills
        m.cone(part["gills"], (x, top + 0.02 * r, z), 0.17 * r, 1.05 * thick, 0.93 * r, "gill")
        base = top + 0.17 * r
        m.ellipsoid(part["cap"], (x, base, z), (r, dome, r), "cap", keep=(-0.03 * r, 9))
        m.torus(part["cap"], (x, base, z), 0.93 * r, 0.08 * r, "cap", blend=0.06 * r)
        for n in range(spots):
            up = 0.96 - 0.86 * (n / (spots - 1)) ** 0.8  # sine of the spot's height on the unit sphere
            a, c = 2.4 * n + 0.6, math.sqrt(1 - up * up)
            unit = (c * math.cos(a), up, c * math.sin(a))
            spot = (x + r * unit[0], base + dome * unit[1], z + r * unit[2])
            normal = (unit[0] / r, unit[1] / dome, unit[2] / r)
            size = 0.17 * r * s["spots"] * (1.0, 0.7, 0.85)[n % 3]
            m.ellipsoid(part["spots"], spot, (size, 0.045 * r, size), "spot", turn=upright_to(normal))
    if part["ring"] == "ring":
        m.cone("ring", (x, 1.3 * half, z), 0.1, 1.6 * thick, 0.9 * thick, "ring", edge=0.03)
