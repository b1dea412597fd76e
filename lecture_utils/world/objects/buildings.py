"""Buildings. Their front faces forward (x)."""

import math

from ..model import VIVID, WOODS, Paint, object_class
from ..shapes import rotation

LINEN = "#f6f1e4 #f6f1e4 #f6f1e4 #e9dfae"
BRIGHT = "#c8352e #e2762a #edc12f #3f9d4f #2a8fa8 #d05a92"
PANE = Paint("#2b4458 #3d6178 #35322f #5b7f93", gloss=0.9)
FRAME = Paint("#f1ede2 #f6f1e4 #e9dfae #6d4426")
DOOR = Paint(f"{VIVID} {WOODS}", "#3a2a1c", ("plain", "stripes"), (9, 12))
PLASTER = "#f1ede2 #e9dfae #e5c79a #d9a6a0 #9fc8cf #a9cfa4 #bda9d6"
BRICK, MORTAR = "#b5654a #a4573f #c9a184", "#8a7c6c #d8cdb8 #7a4634"
ROOFING = "#a4442f #b5583a #8c3b34 #4f5a68 #3f6f6a #6a4a3c #c8693a #5a4a7a"


def _gable_roof(m, part, at, ridge, half, rise, look, along="x"):
    """Two plates from the eaves (at height ``at[1]``) to the ridge.

    ``ridge`` is half the ridge's length, ``half`` half the span, ``rise`` the ridge's height over the eaves.
    """
    x, y, z = at
    slope = math.degrees(math.atan2(rise, half))
    length = math.hypot(half, rise) / 2
    over = 0.12  # overhang at the eaves
    with m.posed(at, yaw=0 if along == "x" else 90):
        for side in (-1, 1):
            out, down = (0.5 * over * f(math.radians(slope)) for f in (math.cos, math.sin))
            middle = (x, y + rise / 2 - down + 0.05, z + side * (half / 2 + out))
            plate = (ridge, length + over / 2 + 0.03, 0.055)
            m.box(part, middle, plate, look, edge=0.02, turn=rotation(roll=-side * (90 - slope)))


def _gable(m, part, at, half, rise, thick, look, along="x"):
    """The wall below a gable roof; ``thick`` half the house's length."""
    turn = rotation(yaw=90 if along == "x" else 0)
    m.prism(part, (at[0], at[1] + rise / 2, at[2]), half, 0.0, rise / 2, thick, look, turn=turn)


def _window(m, at, half, bar=True):
    """A frame, its pane and a bar; the longest half side goes through the house, so two walls get one."""
    through = half.index(max(half))
    m.box("windows", at, half, "frame", edge=0.01)
    m.box("windows", at, [h + 0.015 if i == through else h - 0.045 for i, h in enumerate(half)], "pane")
    if bar:
        slim = [0.02, half[1] - 0.02, 0.02]
        slim[through] = half[through] + 0.03
        m.box("windows", at, slim, "frame")


@object_class(
    "house",
    parts=("walls", "roof", "door", "windows", "chimney"),
    shape={
        "width": (0.8, 1.2), "depth": (0.8, 1.2), "height": (0.75, 1.2), "pitch": (0.65, 1.2),
        "chimney": (0.75, 1.3),
    },
    poses=("cottage", "two storeys", "L-shape", "tower"),
    looks={
        "wall": Paint(f"{PLASTER} {BRICK}", MORTAR, ("plain", "bricks", "bands", "bricks"), (8, 11)),
        "tiles": Paint(ROOFING, "#2f2624 #3a3a40 #5c2a22", ("tiles",), (8, 12)),
        "brick": Paint("#a4573f #8c4a3a #8f8a82", "#d8cdb8", ("bricks",), (11, 14)),
        "door": DOOR, "frame": FRAME, "pane": PANE,
        "knob": Paint("#edc12f", gloss=0.8),
    },
)  # fmt: skip
def house(m, s, pose):
    w, n = 0.72 * s["width"], 0.78 * s["depth"]
    storeys = 2 if pose == "two storeys" else 1
    high = (0.86 if storeys == 1 else 1.3) * s["height"]
    rise = 0.85 * w * s["pitch"]
    m.box("walls", (0, high / 2, 0), (n, high / 2, w), "wall")
    _gable(m, "walls", (0, high, 0), w, rise, n, "wall")
    _gable_roof(m, "roof", (0, high, 0), n + 0.12, w, rise, "tiles")
    # door with a frame, a knob and a step
    m.box("door", (n, 0.3, 0), (0.035, 0.3, 0.2), "frame", edge=0.02)
    m.box("door", (n + 0.02, 0.28, 0), (0.035, 0.27, 0.15), "door", edge=0.02)
    m.ellipsoid("door", (n + 0.07, 0.28, 0.09), 0.035, "knob")
    m.box("door", (n + 0.1, 0.03, 0), (0.14, 0.04, 0.26), "frame", edge=0.02)
    pane = 0.16
    for storey in range(storeys):
        y = (storey + 0.56) * high / storeys
        for z in (-0.62 * w, 0.62 * w) if storey == 0 else (-0.5 * w, 0.5 * w):
            _window(m, (0, y, z), [n + 0.03, pane * 1.1, min(pane, 0.3 * w)], bar=storey == 0)
        for x in (-0.5 * n, 0.5 * n):
            _window(m, (x, y, 0), [pane, pane * 1.1, w + 0.03], bar=storey == 0)
    m.cone("windows", (0, high + 0.38 * rise, 0), n + 0.03, 0.14, 0.14, "frame", axis=(1, 0, 0))
    m.cone("windows", (0, high + 0.38 * rise, 0), n + 0.045, 0.095, 0.095, "pane", axis=(1, 0, 0))
    c = 0.3 * s["chimney"]
    top = high + 0.75 * rise + c
    m.box("chimney", (-0.45 * n, top - c, 0.42 * w), (0.14, c, 0.14), "brick")
    m.box("chimney", (-0.45 * n, top, 0.42 * w), (0.18, 0.05, 0.18), "frame", edge=0.02)
    m.cone("chimney", (-0.45 * n, top + 0.11, 0.42 * w), 0.09, 0.09, 0.07, "brick")
    if pose == "L-shape":  # a wing to the left with its ridge across
        half, far, low = 0.5 * n, 0.55 * w, 0.8 * high
        at, up = (-0.4 * n, low, -w - far), 0.7 * rise
        m.box("walls", (at[0], low / 2, at[2]), (half, low / 2, far + 0.1), "wall")
        _gable(m, "walls", at, half, up, far + 0.1, "wall", along="z")
        _gable_roof(m, "roof", at, far + 0.2, half, up, "tiles", along="z")
        _window(m, (at[0], 0.55 * low, at[2] - 0.05), [half + 0.03, pane, pane])
    if pose == "tower":
        at, r = (0.75 * n, 0.0, -w), 0.36
        tall = high + 0.55 * rise
        m.cone("walls", (at[0], tall / 2, at[2]), tall / 2, r, r, "wall")
        m.cone("roof", (at[0], tall + 0.36 * s["pitch"], at[2]), 0.42 * s["pitch"], r + 0.14, 0.02, "tiles")
        _window(m, (at[0], 0.82 * tall, at[2]), [r + 0.03, 0.13, 0.12])


@object_class(
    "windmill",
    parts=("tower", "cap", "blades", "hub", "door", "windows", "balcony"),
    shape={
        "height": (0.85, 1.2), "girth": (0.8, 1.2), "blade": (0.85, 1.2), "cloth": (0.8, 1.25),
        "turn": (5.0, 35.0),
    },
    poses=("upright", "diagonal", "cap left", "cap right"),
    looks={
        "wall": Paint(f"{LINEN} {PLASTER} #b5654a", MORTAR, ("plain", "bricks", "bands", "bricks"), (7, 10)),
        "base": Paint("#8a877f #a4573f #6d4426 #6f7680", "#d8cdb8 #4b331f", ("bricks", "plain"), (8, 11)),
        "cap": Paint(f"{ROOFING} {VIVID}", "#2f2624 #3a3a40", ("plain", "tiles", "bands"), (6, 9)),
        "cloth": Paint(f"{LINEN} {LINEN} {BRIGHT}", "#59402c", ("bricks", "bricks", "plain"), (8, 10)),
        "wood": Paint(WOODS),
        "door": DOOR, "frame": FRAME, "pane": PANE,
    },
)  # fmt: skip
def windmill(m, s, pose):
    tall, r0 = 1.9 * s["height"], 0.66 * s["girth"]
    r1 = 0.58 * r0
    deck = 0.36 * tall

    def radius(y):
        return r0 + (r1 - r0) * y / tall

    m.cone("tower", (0, tall / 2, 0), tall / 2, r0, r1, "wall")
    m.cone("tower", (0, deck / 2 - 0.02, 0), deck / 2, r0 + 0.03, radius(deck) + 0.03, "base")
    m.cone("balcony", (0, deck, 0), 0.045, radius(deck) + 0.26, radius(deck) + 0.26, "wood", edge=0.02)
    m.torus("balcony", (0, deck + 0.2, 0), radius(deck) + 0.23, 0.04, "wood")
    for turn in range(0, 360, 60):
        x, z = (f(math.radians(turn + 30)) * (radius(deck) + 0.23) for f in (math.cos, math.sin))
        m.limb("balcony", (x, deck, z), (x, deck + 0.2, z), 0.03, 0.03, "wood")
    m.box("door", (r0 - 0.09, 0.27, 0), (0.13, 0.28, 0.18), "frame", edge=0.03)
    m.box("door", (r0 - 0.05, 0.25, 0), (0.12, 0.25, 0.135), "door", edge=0.02)
    for y in (0.56 * tall, 0.78 * tall):
        for turn in (0, 90):
            with m.posed((0, 0, 0), yaw=turn):
                r = radius(y) + 0.02
                m.box("windows", (0, y, 0), (r, 0.15, 0.12), "frame", edge=0.02)
                m.box("windows", (0, y, 0), (r + 0.02, 0.11, 0.08), "pane")
    yaw = {"cap left": 45, "cap right": -45}.get(pose, 0)
    angle = s["turn"] - 20 + (45 if pose == "diagonal" else 0)
    with m.posed((0, 0, 0), yaw=yaw):
        m.cone("cap", (0, tall + 0.03, 0), 0.07, r1 + 0.09, r1 + 0.09, "wood", edge=0.03)
        m.ellipsoid("cap", (0, tall + 0.06, 0), (r1 + 0.12, 0.52, r1 + 0.06), "cap", keep=(0.0, 9.0))
        hub = (r1 + 0.3, tall + 0.18, 0)
        m.limb("hub", (0, tall + 0.18, 0), hub, 0.12, 0.13, "wood")
        m.ellipsoid("hub", (hub[0] + 0.06, hub[1], 0), (0.17, 0.17, 0.17), "cap")
        long, wide = 1.3 * s["blade"], 0.26 * s["cloth"]
        for quarter in range(4):
            with m.posed(hub, roll=angle + 90 * quarter):
                m.limb("blades", hub, (hub[0], hub[1] + long, 0), 0.06, 0.05, "wood")
                # the sail trails its arm and is turned a little, so that it shows from the side too
                with m.posed(hub, yaw=42):
                    at = (hub[0], hub[1] + 0.1 + long / 2, wide - 0.04)
                    cloth = (wide, long / 2 - 0.1, 0.035)
                    m.box("blades", at, cloth, "cloth", edge=0.02, turn=rotation(yaw=90))
