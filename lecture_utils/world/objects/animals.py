"""Animals and the person."""

import math

from ..model import SOFT, VIVID, Paint, object_class
from ..shapes import rotation

EYE = Paint("#14110f", gloss=0.9, jitter=0.0)
WHITE = Paint("#f6f2e8", gloss=0.4, jitter=0.03)
SIDES = (("left", -1), ("right", 1))
TWINS = {"ears": ("left ear", "right ear"), "eyes": ("left eye", "right eye")}


def eyes(m, at, spread, size, pupil=0.72):
    """Two cartoon eyes, white round a dark pupil, ``spread`` from the middle plane; they look ahead."""
    x, y, _ = at
    for name, z in SIDES:
        at = (x - 0.3 * size, y, z * (spread - 0.1 * size))
        m.ellipsoid(f"{name} eye", at, (0.9 * size, size, size), "white")
        m.ellipsoid(f"{name} eye", (x + 0.12 * size, y, z * (spread + 0.14 * size)), pupil * size, "eye")


@object_class(
    "elephant",
    parts=(
        "body", "head", "trunk", "left ear", "right ear", "tusks", "legs", "tail", "left eye", "right eye",
    ),
    groups=TWINS,
    shape={
        "ear": (0.75, 1.25), "trunk": (0.75, 1.2), "legs": (0.75, 1.15), "girth": (0.85, 1.15),
        "tusk": (0.7, 1.4),
    },
    poses=("standing", "trunk up", "walking"),
    looks={
        "skin": Paint(
            "#8d9096 #a09a94 #7b828c #9a8f8a #b3aeb0", "#77797f #8a827c", ("plain", "fur"), (3, 6), 0.1,
        ),
        "inner": Paint("#c99a94 #b98a86 #d3aaa0", jitter=0.08),
        "tusk": Paint("#f3ead2 #efe2c0", gloss=0.4),
        "nail": Paint("#e6ddcc"),
        "eye": EYE,
    },
)  # fmt: skip
def elephant(m, s, pose):
    g, high = s["girth"], 0.62 * s["legs"]
    m.ellipsoid("body", (0, high + 0.42, 0), (0.78, 0.52 * g, 0.46 * g), "skin")
    m.ellipsoid("body", (-0.3, high + 0.42, 0), (0.5, 0.5 * g, 0.45 * g), "skin", 0.2)
    step = 0.24 if pose == "walking" else 0.0
    for x, z, swing in ((0.42, 0.26, step), (0.42, -0.26, -step), (-0.45, 0.26, -step), (-0.45, -0.26, step)):
        m.limb("legs", (x, high + 0.3, z * g), (x + swing, 0.1, z * g), 0.19, 0.16, "skin", 0.1)
        m.cone("legs", (x + swing, 0.06, z * g), 0.07, 0.19, 0.17, "skin", edge=0.03)
        m.ellipsoid("legs", (x + swing + 0.14, 0.05, z * g), (0.06, 0.05, 0.1), "nail")
    back = -0.72
    path = [(back, high + 0.62, 0), (back - 0.2, high + 0.4, 0), (back - 0.24, high + 0.02, 0)]
    m.tube("tail", path, (0.07, 0.04), "skin")
    m.ellipsoid("tail", (back - 0.24, high - 0.06, 0), (0.07, 0.12, 0.07), "eye")
    hx, hy = 0.92, high + 0.72
    m.ellipsoid("head", (hx, hy, 0), (0.36, 0.38, 0.33), "skin", 0.12)
    m.ellipsoid("head", (hx + 0.05, hy + 0.22, 0), (0.24, 0.2, 0.25), "skin", 0.1)
    t = s["trunk"]
    if pose == "trunk up":
        bends = ((0.28, -0.1), (0.55, -0.25 * t), (0.8, -0.1), (0.92, 0.3 * t), (0.85, 0.6 * t))
    else:
        bends = ((0.28, -0.1), (0.46, -0.38 * t), (0.5, -0.72 * t), (0.62, -0.98 * t), (0.8, -1.0 * t))
    path = [(hx + x, hy + y, 0) for x, y in bends]
    m.tube("trunk", path, (0.18, 0.145, 0.12, 0.105, 0.09), "skin", 0.06)
    e, tusk = s["ear"], s["tusk"]
    for name, z in SIDES:
        with m.posed((hx - 0.08, hy, z * 0.28), yaw=-z * 32, roll=-z * 8):
            at = z * (0.28 + 0.3 * e)
            m.ellipsoid(f"{name} ear", (hx - 0.1, hy - 0.06, at), (0.07, 0.46 * e, 0.4 * e), "skin")
            m.ellipsoid(f"{name} ear", (hx - 0.06, hy - 0.06, at), (0.055, 0.35 * e, 0.3 * e), "inner")
        m.ellipsoid(f"{name} eye", (hx + 0.27, hy + 0.12, z * 0.23), 0.085, "eye")
        tip = (hx + 0.3 + 0.38 * tusk, hy - 0.36 + 0.04 * tusk, z * 0.28)
        m.limb("tusks", (hx + 0.26, hy - 0.2, z * 0.19), tip, 0.07, 0.035, "tusk")


@object_class(
    "dog",
    parts=(
        "body", "head", "snout", "left ear", "right ear", "legs", "tail", "left eye", "right eye", "nose",
        "collar",
    ),
    groups=TWINS,
    shape={
        "legs": (0.6, 1.25),
        "length": (0.8, 1.3),
        "snout": (0.7, 1.45),
        "ear": (0.8, 1.35),
        "fold": (0.6, 1.4),  # below 1 the ears stand, above 1 they hang
        "tail": (0.7, 1.5),
    },
    poses=("standing", "sitting", "walking"),
    looks={
        "coat": Paint(
            "#a9713f #d9b07a #efe6d6 #4a403a #7c4a26 #c98b4a #8d8a86 #e8b45e",
            "#f6f0e4 #f6f0e4 #4a2f1c #2f2925", ("plain", "fur", "fur", "spots"), (2.2, 4.5),
        ),
        "muzzle": Paint("#f6eee0 #ecd6b0 #f0e2cc #d8b58a"),
        "ear": Paint("#5a3a22 #3a2f2a #8a5a33 #c98b4a #efe6d6"),
        "inner": Paint("#dca79c #c98f86", jitter=0.06),
        "collar": Paint(VIVID, gloss=0.5),
        "tag": Paint("#f2c53d #d9dde2", gloss=0.8),
        "white": WHITE, "eye": EYE,
    },
)  # fmt: skip
def dog(m, s, pose):
    n, high = s["length"], 0.5 * s["legs"]
    if pose == "sitting":
        hip, chest = (-0.3 * n, 0.34, 0), (0.16, high + 0.42, 0)
        m.limb("body", hip, chest, 0.36, 0.32, "coat")
        legs = [((0.26, high + 0.25, z), (0.36, 0.1, z)) for z in (-0.18, 0.18)]
        for z in (-0.28, 0.28):
            m.ellipsoid("legs", (hip[0] + 0.1, 0.3, z), (0.32, 0.29, 0.16), "coat", 0.05)
            m.ellipsoid("legs", (hip[0] + 0.4, 0.1, z * 1.1), (0.22, 0.11, 0.13), "muzzle")
        root, bends = (hip[0] - 0.28, 0.22), ((0, 0), (-0.26, 0.02), (-0.42, 0.3))
    else:
        y, step = high + 0.27, 0.2 if pose == "walking" else 0.0
        hip, chest = (-0.5 * n, y, 0), (0.42 * n, y + 0.04, 0)
        m.limb("body", hip, chest, 0.29, 0.34, "coat")
        swings = ((0.44, 0.2, step), (0.44, -0.2, -step), (-0.54, 0.2, -step), (-0.54, -0.2, step))
        legs = [((x * n, y, z), (x * n + d, 0.1 + (0.06 if d * x > 0 else 0), z)) for x, z, d in swings]
        root, bends = (hip[0] - 0.18, y + 0.14), ((0, 0), (-0.2, 0.14), (-0.26, 0.42))
    for top, foot in legs:
        m.limb("legs", top, foot, 0.16, 0.125, "coat", 0.06)
        m.ellipsoid("legs", (foot[0] + 0.06, foot[1], foot[2]), (0.18, 0.1, 0.135), "muzzle")
    t = s["tail"]
    path = [(root[0] + t * x, root[1] + t * y, 0) for x, y in bends]
    m.tube("tail", path[:2], (0.11, 0.1), "coat", 0.05)
    m.limb("tail", path[1], path[2], 0.1, 0.075, "muzzle")
    hx, hy = chest[0] + 0.3, chest[1] + 0.62
    m.limb("body", (chest[0] + 0.05, chest[1] + 0.1, 0), (hx - 0.06, hy - 0.1, 0), 0.27, 0.22, "coat", 0.1)
    lean = (hx - 0.11 - chest[0], hy - 0.2 - chest[1], 0)
    m.torus("collar", (hx - 0.14, hy - 0.33, 0), 0.24, 0.07, "collar", axis=lean)
    m.ellipsoid("collar", (hx + 0.1, hy - 0.45, 0), (0.05, 0.09, 0.08), "tag")
    with m.posed((hx, hy - 0.2, 0), roll=10 if pose == "sitting" else 0, pitch=4):
        m.ellipsoid("head", (hx, hy, 0), (0.38, 0.36, 0.38), "coat")
        tip = hx + 0.25 + 0.32 * s["snout"]
        m.limb("snout", (hx + 0.18, hy - 0.12, 0), (tip, hy - 0.15, 0), 0.21, 0.165, "muzzle", 0.04)
        m.ellipsoid("snout", (tip + 0.04, hy - 0.3, 0), (0.09, 0.1, 0.07), "inner")  # tongue
        m.ellipsoid("nose", (tip + 0.12, hy - 0.06, 0), (0.1, 0.09, 0.13), "eye")
        eyes(m, (hx + 0.28, hy + 0.12, 0), 0.18, 0.135)
        e = s["ear"]
        for name, z in SIDES:
            if s["fold"] < 1:
                base, top = (hx - 0.08, hy + 0.24, z * 0.22), (hx - 0.14, hy + 0.24 + 0.42 * e, z * 0.36)
                m.limb(f"{name} ear", base, top, 0.16, 0.045, "ear")
                base, top = (hx, hy + 0.28, z * 0.25), (hx - 0.1, hy + 0.2 + 0.36 * e, z * 0.35)
                m.limb(f"{name} ear", base, top, 0.1, 0.02, "inner")
            else:
                roll = -z * (26 - 16 * (s["fold"] - 1))
                with m.posed((hx - 0.05, hy + 0.24, z * 0.3), roll=roll, pitch=-8):
                    at = (hx - 0.05, hy + 0.22 - 0.3 * e, z * 0.34)
                    m.ellipsoid(f"{name} ear", at, (0.19, 0.36 * e, 0.085), "ear")


@object_class(
    "giraffe",
    parts=(
        "body", "neck", "head", "snout", "ossicones", "left ear", "right ear", "mane", "legs", "tail",
        "left eye", "right eye",
    ),
    groups=TWINS,
    shape={
        "neck": (0.8, 1.25), "legs": (0.75, 1.25), "girth": (0.8, 1.2), "head": (0.9, 1.25),
        "horn": (0.7, 1.4),
    },
    poses=("standing", "grazing", "walking"),
    looks={
        "coat": Paint(
            "#a8642a #8f4f22 #b9752f #7a4420 #c4843c", "#f3e2b0 #f0d795 #f6ead0", ("patches",), (4.2, 6.5),
        ),
        "face": Paint("#e9c47c #f0d795 #dcae66"),
        "muzzle": Paint("#f3e6cc #cfae86 #a98460"),
        "mane": Paint("#6b3a1c #8a4a20 #4b2a18"),
        "hoof": Paint("#3b2c24 #5a4636"),
        "white": WHITE, "eye": EYE,
    },
)  # fmt: skip
def giraffe(m, s, pose):
    g, high, size = s["girth"], 0.85 * s["legs"], s["head"]
    shoulder = (0.34, high + 0.36, 0)
    m.limb("body", (-0.38, high + 0.22, 0), shoulder, 0.3 * g, 0.34 * g, "coat")
    step, spread = (0.2 if pose == "walking" else 0.0), (0.14 if pose == "grazing" else 0.0)
    for x, z, swing, out in (
        (0.38, 1, step, spread),
        (0.38, -1, -step, spread),
        (-0.44, 1, -step, 0),
        (-0.44, -1, step, 0),
    ):
        foot = (x + swing + out, 0.12, z * (0.19 * g + out))
        m.limb("legs", (x, high + 0.2, z * 0.19 * g), foot, 0.17, 0.105, "coat", 0.06)
        m.cone("legs", (foot[0], 0.07, foot[2]), 0.07, 0.14, 0.115, "hoof", edge=0.03)
    end = -0.38 - 0.27 * g
    m.limb("tail", (end, high + 0.34, 0), (end - 0.18, high - 0.1, 0), 0.06, 0.045, "face")
    m.ellipsoid("tail", (end - 0.2, high - 0.24, 0), (0.09, 0.16, 0.09), "mane")
    length = 1.15 * s["neck"]
    slope = math.radians({"standing": 74, "walking": 62, "grazing": -38}[pose])
    x, y = shoulder[0] + 0.12, shoulder[1] + (0.0 if pose == "grazing" else 0.12)
    hx, hy = x + length * math.cos(slope), y + length * math.sin(slope)
    m.limb("neck", (x, y, 0), (hx, hy, 0), 0.24, 0.15, "coat", 0.14)
    nx, ny = -0.17 * math.sin(slope), 0.17 * math.cos(slope)  # the mane follows the back of the neck
    up = 0.3 if pose == "grazing" else 0.15
    low = (x + up * (hx - x) + 1.1 * nx, y + up * (hy - y) + 1.1 * ny, 0)
    m.limb("mane", low, (hx + 0.85 * nx, hy + 0.85 * ny, 0), 0.07, 0.065, "mane")
    with m.posed((hx, hy, 0), pitch=-45 if pose == "grazing" else 0):
        x, y = hx + 0.1 * size, hy + 0.06 * size
        m.ellipsoid("head", (x, y, 0), (0.29 * size, 0.22 * size, 0.22 * size), "face")
        back, tip = (x + 0.16 * size, y - 0.06 * size, 0), (x + 0.44 * size, y - 0.14 * size, 0)
        m.limb("snout", back, tip, 0.16 * size, 0.16 * size, "muzzle", 0.06)
        eyes(m, (x + 0.13 * size, y + 0.08 * size, 0), 0.16 * size, 0.095 * size)
        for name, z in SIDES:
            m.ellipsoid("snout", (x + 0.57 * size, y - 0.08 * size, z * 0.07 * size), 0.03, "hoof")
            top = (x - 0.12 * size, y + 0.14 * size + 0.32 * s["horn"], z * 0.16 * size)
            root = (x - 0.06 * size, y + 0.12 * size, z * 0.11 * size)
            m.limb("ossicones", root, top, 0.055, 0.055, "face")
            m.ellipsoid("ossicones", top, 0.095, "mane")
            with m.posed((x - 0.14 * size, y + 0.1 * size, z * 0.18 * size), yaw=z * 20, roll=-z * 12):
                at = (x - 0.14 * size, y + 0.1 * size, z * 0.34 * size)
                m.ellipsoid(f"{name} ear", at, (0.05, 0.09 * size, 0.19 * size), "face")


@object_class(
    "rabbit",
    parts=(
        "body", "head", "left ear", "right ear", "front paws", "hind legs", "tail", "left eye", "right eye",
        "muzzle", "nose",
    ),
    groups=TWINS,
    shape={
        "ear": (0.8, 1.35), "girth": (0.8, 1.15), "head": (0.85, 1.2), "feet": (0.75, 1.25),
        "tail": (0.75, 1.4),
    },
    poses=("sitting", "upright", "one ear down", "hopping"),
    looks={
        "fur": Paint(
            "#f2ece2 #b9a58c #8c6e52 #9c9a9a #4f4845 #d9b98c #c8cdd2", "#f6f2ea #f6f2ea #6b5240",
            ("plain", "plain", "fur", "spots"), (2.2, 4.0),
        ),
        "soft": Paint("#faf6ee #f3e9da", jitter=0.04),
        "inner": Paint("#eeb0b0 #e79aa2 #f0c2bb", jitter=0.06),
        "white": WHITE, "eye": EYE,
    },
)  # fmt: skip
def rabbit(m, s, pose):
    g, f = s["girth"], 0.34 * s["feet"]
    if pose == "upright":
        m.ellipsoid("body", (0, 0.5, 0), (0.43 * g, 0.5, 0.43 * g), "fur")
        m.ellipsoid("body", (0.03, 0.92, 0), (0.31 * g, 0.4, 0.32 * g), "fur", 0.2)
        m.ellipsoid("body", (0.16 * g, 0.66, 0), (0.3 * g, 0.42, 0.29 * g), "soft")
        head, tail = (0.1, 1.42), (-0.42 * g - 0.08, 0.3)
        for z in (-1, 1):
            m.limb("front paws", (0.18, 1.02, z * 0.27 * g), (0.44, 0.84, z * 0.15), 0.11, 0.105, "fur")
            m.ellipsoid("hind legs", (0.04, 0.3, z * 0.36 * g), (0.3, 0.3, 0.17), "fur", 0.05)
            m.ellipsoid("hind legs", (0.16 + f * 0.6, 0.09, z * 0.34 * g), (f, 0.1, 0.15), "soft")
    elif pose == "hopping":
        m.limb("body", (-0.4, 0.72, 0), (0.25, 0.86, 0), 0.4 * g, 0.31 * g, "fur")
        head, tail = (0.55, 1.2), (-0.42 - 0.42 * g, 0.92)
        for z in (-1, 1):
            m.limb("front paws", (0.32, 0.78, z * 0.18 * g), (0.66, 0.36, z * 0.18 * g), 0.12, 0.1, "fur")
            m.ellipsoid("hind legs", (-0.5, 0.58, z * 0.34 * g), (0.32, 0.32, 0.17), "fur", 0.05)
            knee, foot = (-0.62, 0.44, z * 0.36 * g), (-0.62 - 1.3 * f, 0.12, z * 0.36 * g)
            m.limb("hind legs", knee, foot, 0.15, 0.12, "soft")
    else:
        m.ellipsoid("body", (-0.24, 0.46, 0), (0.5, 0.46, 0.44 * g), "fur")
        m.ellipsoid("body", (0.14, 0.52, 0), (0.34, 0.42, 0.34 * g), "fur", 0.35)
        head, tail = (0.38, 1.0), (-0.8, 0.36)
        for z in (-1, 1):
            chest, paw = (0.32, 0.5, z * 0.17 * g), (0.46, 0.1, z * 0.17 * g)
            m.limb("front paws", chest, paw, 0.13, 0.105, "fur", 0.05)
            m.ellipsoid("hind legs", (-0.28, 0.32, z * 0.36 * g), (0.33, 0.32, 0.18), "fur", 0.05)
            m.ellipsoid("hind legs", (-0.2 + f * 0.6, 0.09, z * 0.42 * g), (f, 0.1, 0.15), "soft")
    m.ellipsoid("tail", (*tail, 0), 0.2 * s["tail"], "soft")
    (x, y), h, e = head, s["head"], s["ear"]
    m.ellipsoid("head", (x, y, 0), (0.36 * h, 0.33 * h, 0.34 * h), "fur", 0.06)
    for z in (-1, 1):
        at = (x + 0.3 * h, y - 0.1 * h, z * 0.08 * h)
        m.ellipsoid("muzzle", at, (0.12 * h, 0.11 * h, 0.12 * h), "soft")
    m.ellipsoid("nose", (x + 0.41 * h, y - 0.01 * h, 0), (0.06 * h, 0.06 * h, 0.085 * h), "inner")
    eyes(m, (x + 0.22 * h, y + 0.1 * h, 0), 0.21 * h, 0.12 * h, 0.8)
    for name, z in SIDES:
        down = pose == "one ear down" and z == 1
        back = 42 if pose == "hopping" else 8
        with m.posed((x - 0.06 * h, y + 0.24 * h, z * 0.13 * h), roll=z * (112 if down else 11), pitch=back):
            top = y + 0.2 * h + 0.48 * e
            m.ellipsoid(f"{name} ear", (x - 0.06, top, z * 0.14 * h), (0.085, 0.5 * e, 0.155), "fur")
            m.ellipsoid(f"{name} ear", (x - 0.02, top, z * 0.14 * h), (0.065, 0.39 * e, 0.1), "inner")


@object_class(
    "duck",
    parts=(
        "body", "head", "bill", "left wing", "right wing", "tail", "feet", "ring", "left eye", "right eye",
    ),
    groups={"wings": ("left wing", "right wing"), "eyes": ("left eye", "right eye")},
    shape={
        "bill": (0.75, 1.35), "neck": (0.7, 1.4), "wing": (0.8, 1.2), "girth": (0.85, 1.15),
        "tail": (0.75, 1.4), "legs": (0.7, 1.3),
    },
    poses=("swimming", "standing", "wings spread"),
    looks={
        "body": Paint(
            "#f4c92f #f2ede0 #a5835c #b9b4a8 #8a6a4a #f7d95a", "#6b4f36 #f6f2e8", ("plain", "plain", "fur"),
            (3, 6),
        ),
        "head": Paint("#f4c92f #f2ede0 #1f6b46 #2a7a5a #8a5a33 #f7d95a", gloss=0.3),
        "wing": Paint(
            "#f0b81f #e6e0d2 #7a5f46 #8f9296 #4d6f9a", "#f6f2e8 #3d5f9a", ("plain", "bands"), (4, 6),
        ),
        "bill": Paint("#f0861c #e86a1a #f5a623", gloss=0.4),
        "ring": Paint("#fbf8f0 #fbf8f0 #d8352a #2f5fb3"),
        "white": WHITE, "eye": EYE,
    },
)  # fmt: skip
def duck(m, s, pose):
    g, b, w = s["girth"], s["bill"], s["wing"]
    high = 0.0 if pose == "swimming" else 0.34 * s["legs"]
    y = high + 0.42 * g
    m.ellipsoid("body", (0, y, 0), (0.74, 0.42 * g, 0.48 * g), "body")
    m.ellipsoid("body", (0.34, y + 0.06, 0), (0.36, 0.38 * g, 0.4 * g), "body", 0.15)
    t = s["tail"]
    m.limb("tail", (-0.5, y + 0.08, 0), (-0.62 - 0.32 * t, y + 0.22 + 0.26 * t, 0), 0.28, 0.07, "body", 0.1)
    m.limb("tail", (-0.6, y + 0.2, 0), (-0.6 - 0.24 * t, y + 0.3 + 0.3 * t, 0), 0.16, 0.06, "wing")
    hx, hy = 0.48, y + 0.56 + 0.28 * s["neck"]
    m.limb("head", (0.42, y + 0.3, 0), (hx, hy, 0), 0.25, 0.22, "head", 0.1)
    m.ellipsoid("head", (hx + 0.03, hy, 0), (0.36, 0.34, 0.34), "head", 0.05)
    m.torus("ring", (0.43, y + 0.4, 0), 0.24, 0.07, "ring", axis=(0.15, 1, 0))
    up, down = rotation(pitch=6), rotation(pitch=-10)
    m.ellipsoid("bill", (hx + 0.36 + 0.12 * b, hy - 0.06, 0), (0.26 * b + 0.04, 0.08, 0.2), "bill", turn=up)
    m.ellipsoid("bill", (hx + 0.34 + 0.08 * b, hy - 0.15, 0), (0.2 * b + 0.04, 0.06, 0.16), "bill", turn=down)
    eyes(m, (hx + 0.24, hy + 0.12, 0), 0.2, 0.115)
    for name, z in SIDES:
        if pose == "wings spread":
            with m.posed((0.05, y + 0.2, z * 0.38 * g), roll=-z * 32, yaw=z * 6):
                at = z * (0.36 * g + 0.5 * w)
                m.ellipsoid(f"{name} wing", (0.08, y + 0.2, at), (0.34, 0.08, 0.6 * w), "wing")
                for x, far in ((-0.16, 0.2), (-0.14, 0.6)):
                    at = (x, y + 0.18, z * (0.36 * g + far * w))
                    m.ellipsoid(f"{name} wing", at, (0.3, 0.06, 0.26 * w), "wing", 0.03)
        else:
            with m.posed((0.2, y + 0.1, z * 0.4 * g), pitch=-14, yaw=-z * 6):
                m.ellipsoid(f"{name} wing", (-0.1, y + 0.1, z * 0.43 * g), (0.52 * w, 0.28 * w, 0.12), "wing")
                at = (-0.42 * w, y + 0.12, z * 0.42 * g)
                m.ellipsoid(f"{name} wing", at, (0.34 * w, 0.14 * w, 0.1), "wing", 0.05)
        if pose == "swimming":  # paddling: the feet show beside the body
            m.ellipsoid("feet", (-0.02, 0.07, z * 0.5 * g), (0.22, 0.06, 0.19), "bill")
        else:
            m.limb("feet", (-0.02, y - 0.2, z * 0.2), (0, 0.1, z * 0.22), 0.1, 0.075, "bill")
            m.ellipsoid("feet", (0.14, 0.06, z * 0.24), (0.27, 0.06, 0.2), "bill")


@object_class(
    "person",
    parts=(
        "head", "hair", "torso", "left arm", "right arm", "legs", "shoes", "left eye", "right eye", "mouth",
        "scarf",
    ),
    groups={"arms": ("left arm", "right arm"), "eyes": ("left eye", "right eye")},
    shape={
        "legs": (0.75, 1.25),
        "head": (0.88, 1.2),
        "girth": (0.8, 1.2),
        "flare": (0.95, 1.6),  # from trousers to a wide dress
        "hair": (0.6, 1.5),  # short, then a bun, then long
        "arm": (0.8, 1.15),
    },
    poses=("arms down", "waving", "walking", "arms out", "hands up"),
    looks={
        "skin": Paint("#eebf97 #e0a97e #c68a5e #a66b43 #7f4c2d #5b3520 #f0c8a4", jitter=0.06),
        "hair": Paint("#2a1c14 #4b2e1b #7a4a25 #b5762f #e0b65a #a33f22 #1d1a1d #b9b4ac", gloss=0.2),
        "shirt": Paint(
            f"{VIVID} {VIVID} {SOFT}", f"{VIVID} #f6f1e4 #f6f1e4", ("plain", "bands", "checks", "spots"),
            (5.0, 7.5),
        ),
        "sleeve": Paint(f"{VIVID} {SOFT}"),
        "trousers": Paint("#2f4a7a #3b3f46 #6a4a32 #8a8f96 #24466a #7a3040 #4f6b46 #c9b48a"),
        "shoes": Paint(f"{VIVID} #2c2522 #2c2522 #6a4426", gloss=0.4),
        "scarf": Paint(VIVID),
        "mouth": Paint("#3a1512 #4a1a16", jitter=0.05),
        "white": WHITE, "eye": EYE,
    },
)  # fmt: skip
def person(m, s, pose):
    g, hip = s["girth"], 0.16 + 0.58 * s["legs"]
    step = 0.24 if pose == "walking" else 0.0
    for z, swing in ((-1, step), (1, -step)):
        foot = (swing, 0.14, z * 0.16 * g)
        m.limb("legs", (0, hip + 0.1, z * 0.14 * g), foot, 0.17 * g, 0.13, "trousers")
        m.ellipsoid("shoes", (foot[0] + 0.07, 0.1, foot[2]), (0.23, 0.12, 0.15), "shoes")
    top, waist = hip + 0.72, hip - 0.06
    wide = 0.3 * g * s["flare"]
    m.cone("torso", (0, (waist + top) / 2, 0), (top - waist) / 2, wide, 0.23 * g, "shirt", edge=0.1)
    shoulder = top - 0.14
    hang = {"arms down": 24, "waving": 24, "walking": 20, "arms out": 82, "hands up": 140}[pose]  # degrees
    for name, z in SIDES:
        angle = 152 if pose == "waving" and name == "right" else hang
        swing = -z * 2.2 * step
        a, n = math.radians(angle), 0.34 * s["arm"]
        root = (0, shoulder, z * 0.22 * g)
        elbow = (swing * n, shoulder - n * math.cos(a), z * (0.22 * g + n * math.sin(a)))
        bend = math.radians(angle + (6 if angle > 100 else -8))
        x, y, out = elbow
        hand = (x + (swing + 0.1) * n, y - n * math.cos(bend), out + z * n * math.sin(bend))
        m.limb(f"{name} arm", root, elbow, 0.135, 0.12, "sleeve", 0.04)
        m.limb(f"{name} arm", elbow, hand, 0.12, 0.1, "sleeve")
        m.ellipsoid(f"{name} arm", hand, 0.13, "skin")
    r = 0.4 * s["head"]
    y = top + 0.86 * r
    m.torus("scarf", (0, top - 0.02, 0), 0.17, 0.1, "scarf")
    m.ellipsoid("head", (0, y, 0), (0.95 * r, r, 0.95 * r), "skin")
    m.ellipsoid("head", (0.96 * r, y - 0.08 * r, 0), 0.14 * r, "skin")
    eyes(m, (0.84 * r, y + 0.14 * r, 0), 0.37 * r, 0.23 * r)
    curve = ((0.82, -0.32, -0.3), (0.87, -0.44, -0.14), (0.87, -0.44, 0.14), (0.82, -0.32, 0.3))
    smile = [(a * r, y + b * r, c * r) for a, b, c in curve]
    m.tube("mouth", smile, (0.055 * r, 0.055 * r), "mouth")
    crown = (-0.08 * r, y + 0.08 * r, 0)
    m.ellipsoid("hair", crown, 1.06 * r, "hair", turn=rotation(pitch=32), keep=(0.12 * r, 9))
    h = s["hair"]
    if h > 1.05:
        m.ellipsoid("hair", (-0.42 * r, y - 0.45 * r * h, 0), (0.55 * r, 0.85 * r * h, 0.95 * r), "hair", 0.2)
    else:
        m.ellipsoid("hair", (-0.3 * r, y - 0.05 * r, 0), (0.78 * r, 0.72 * r, 0.97 * r), "hair", 0.2)
        if h > 0.82:
            m.ellipsoid("hair", (-0.3 * r, y + 1.25 * r, 0), 0.4 * r * h, "hair", 0.05)
