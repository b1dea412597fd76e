"""Vehicles on wheels, in the air and on the water."""

from ..model import SOFT, VIVID, WOODS, Paint, object_class
from ..shapes import rotation

WHITES = "#f1ede2 #f1ede2 #f1ede2 #f6f1e4 #dfe4e8"
GLASS = Paint("#1f3344 #2b4458 #35322f #3d6178", gloss=0.9)
TYRE = Paint("#1d1d20", "#c9ccd0 #9a9da2 #e8e4da", ("hub",), (0.5, 0.62), 0.2, jitter=0.05)
LAMP = Paint("#ffe9a8 #fff6dc", gloss=0.6, jitter=0.04)
RED = Paint("#d3231c", gloss=0.5, jitter=0.05)
DARK = Paint("#26282b #303236 #3a3531", jitter=0.08)
PLAINLY = ("plain", "plain", "plain", "stripes")
LIVERY = ("plain", "plain", "stripes", "bands", "checks")
ACROSS, ALONG = (0, 0, 1), (1, 0, 0)


def _axle(m, part, x, radius, z, width):
    """A wheel on each side."""
    for side in (-z, z):
        m.cone(part, (x, radius, side), width, radius, radius, "tyre", axis=ACROSS, edge=0.04)


@object_class(
    "car",
    parts=("body", "cabin", "windows", "front wheels", "rear wheels", "headlights", "tail lights", "bumpers"),
    groups={"wheels": ("front wheels", "rear wheels"), "lights": ("headlights", "tail lights")},
    shape={"length": (0.85, 1.2), "cabin": (0.8, 1.25), "wheel": (0.82, 1.2), "height": (0.85, 1.2)},
    poses=("saloon", "estate", "pick-up"),
    looks={
        "paint": Paint(VIVID, f"{VIVID} #f1ede2", PLAINLY, (2.2, 3.2), 0.6),
        "roof": Paint(f"{VIVID} #f1ede2 #f1ede2 #f1ede2", gloss=0.6),
        "trim": Paint("#c9ccd0 #e8e4da #6b7076", gloss=0.5),
        "dark": DARK, "glass": GLASS, "tyre": TYRE, "lamp": LAMP, "red": RED,
    },
)  # fmt: skip
def car(m, s, pose):
    n, h, w = 1.12 * s["length"], 0.26 * s["height"], 0.3 * s["wheel"]
    y = w + 0.1 + h  # middle of the body
    m.box("body", (0, y, 0), (n, h, 0.56), "paint", edge=0.14)
    m.box("body", (n - 0.05, y - 0.02, 0), (0.07, 0.4 * h, 0.24), "dark", edge=0.03)
    for x, part in ((0.64 * n, "front wheels"), (-0.64 * n, "rear wheels")):
        m.cone("body", (x, w, 0), 0.575, 1.16 * w, 1.16 * w, "dark", axis=ACROSS)
        _axle(m, part, x, w, 0.53, 0.13)
    tall = 0.29 * s["cabin"]
    x, long = {"saloon": (-0.12, 0.62), "estate": (-0.32, 0.78), "pick-up": (0.14, 0.46)}[pose]
    x, long, base = x * s["length"], long * s["length"], y + h - 0.06
    lean = {"saloon": 0.0, "estate": -0.1, "pick-up": -0.04}[pose]
    slope = 0.2  # half the difference between the cabin's floor and its roof
    m.prism("cabin", (x, base + tall, 0), long, long - slope, tall, 0.5, "paint", lean=lean, edge=0.06)
    m.box("cabin", (x + lean, base + 2 * tall, 0), (long - slope - 0.02, 0.045, 0.46), "roof", edge=0.04)
    # panes: one prism through the cabin for the side windows, one for windscreen and rear window
    for extra, wide in ((-0.12, 0.515), (0.02, 0.41)):
        bottom, top = long + extra - 0.18 * slope, long + extra - 0.86 * slope
        at = (x, base + 1.04 * tall, 0)
        m.prism("windows", at, bottom, top, 0.66 * tall, wide, "glass", lean=0.68 * lean)
    m.box("cabin", (x - 0.03, base + tall, 0), (0.05, 0.8 * tall, 0.525), "paint")
    if pose == "pick-up":
        m.box("body", (-0.66 * n, y + h, 0), (0.28 * n, 0.03, 0.4), "dark")
        for z in (-0.48, 0.48):
            m.box("body", (-0.64 * n, y + h + 0.04, z), (0.34 * n, 0.1, 0.07), "paint", edge=0.04)
        m.box("body", (-0.94 * n, y + h + 0.04, 0), (0.06 * n, 0.1, 0.54), "paint", edge=0.04)
    for z in (-0.37, 0.37):
        m.ellipsoid("headlights", (n - 0.03, y + 0.3 * h, z), (0.08, 0.12, 0.14), "lamp")
        m.box("tail lights", (-n + 0.01, y + 0.3 * h, z * 1.1), (0.05, 0.1, 0.1), "red", edge=0.03)
    for at in (-n, n):
        m.box("bumpers", (at, y - 0.72 * h, 0), (0.09, 0.075, 0.54), "trim", edge=0.05)


@object_class(
    "truck",
    parts=(
        "cab", "cargo", "chassis", "windows", "front wheels", "rear wheels", "lights", "bumper", "exhaust",
    ),
    groups={"wheels": ("front wheels", "rear wheels")},
    shape={"length": (0.8, 1.2), "cargo": (0.8, 1.25), "cab": (0.85, 1.2), "wheel": (0.8, 1.15)},
    poses=("box", "flatbed", "tipper"),
    looks={
        "paint": Paint(VIVID, VIVID, gloss=0.6),
        "cargo": Paint(f"{VIVID} {SOFT}", f"{VIVID} #f1ede2", LIVERY, (2.2, 4.2), 0.2),
        "load": Paint(WOODS, "#4b331f #e0bf8c", ("grain", "plain", "bands"), (4, 7)),
        "trim": Paint("#c9ccd0 #8f949b #e8e4da", gloss=0.6),
        "dark": DARK, "glass": GLASS, "tyre": TYRE, "lamp": LAMP, "red": RED,
    },
)  # fmt: skip
def truck(m, s, pose):
    n, w = 1.1 * s["length"], 0.29 * s["wheel"]
    floor, tall = w + 0.26, 0.56 * s["cab"]
    m.box("chassis", (0.25, w + 0.1, 0), (n + 0.55, 0.1, 0.36), "dark", edge=0.03)
    front = 0.25 + n + 0.62  # nose of the cab; its back stands at front - 0.8
    m.box("cab", (front - 0.4, w + 0.08 + tall, 0), (0.4, tall, 0.6), "paint", edge=0.1)
    m.box("cab", (front - 0.36, w + 0.08 + 2 * tall, 0), (0.3, 0.07, 0.48), "paint", edge=0.06)
    m.box("cab", (front - 0.03, w + 0.12 + 0.5 * tall, 0), (0.06, 0.22 * tall, 0.32), "trim", edge=0.02)
    y = w + 0.08 + 1.4 * tall  # middle of the panes
    m.box("windows", (front - 0.03, y, 0), (0.045, 0.36 * tall, 0.47), "glass", edge=0.03)
    for z in (-0.57, 0.57):
        m.box("windows", (front - 0.36, y, z), (0.24, 0.32 * tall, 0.045), "glass", edge=0.03)
    m.box("bumper", (front, w + 0.02, 0), (0.12, 0.11, 0.62), "trim", edge=0.05)
    for z in (-0.42, 0.42):
        m.ellipsoid("lights", (front - 0.02, w + 0.14 + 0.32 * tall, z), (0.08, 0.13, 0.13), "lamp")
        m.box("lights", (-0.3 - n, w + 0.1, 0.66 * z), (0.05, 0.09, 0.1), "red", edge=0.03)
        foot, top = ((front - 0.9, y, 1.2 * z) for y in (w + 0.2, w + 0.3 + 2.2 * tall))
        m.limb("exhaust", foot, top, 0.06, 0.06, "trim")
    _axle(m, "front wheels", front - 0.42, w, 0.5, 0.16)
    for x in (-0.62 * n, -0.62 * n + 2.15 * w):
        _axle(m, "rear wheels", x, w, 0.5, 0.16)
    back, ahead = 0.2 - n - 0.4, front - 1.02
    middle, half, high = (back + ahead) / 2, (ahead - back) / 2, 0.62 * s["cargo"]
    if pose == "box":
        m.box("cargo", (middle, floor + high, 0), (half, high, 0.64), "cargo", edge=0.04)
        for y in (floor + 0.03, floor + 2 * high - 0.02):
            m.box("cargo", (middle, y, 0), (half + 0.02, 0.05, 0.66), "trim", edge=0.02)
    elif pose == "flatbed":
        m.box("cargo", (middle, floor, 0), (half, 0.07, 0.64), "cargo", edge=0.02)
        m.box("cargo", (ahead - 0.04, floor + 0.35, 0), (0.05, 0.35, 0.62), "cargo", edge=0.02)
        r = 0.27 * s["cargo"]
        for y, z in ((1, -0.33), (1, 0.33), (2.7, 0)):  # three logs
            at = (middle - 0.04, floor + 0.05 + y * r, z)
            m.cone("cargo", at, half - 0.08, r, r, "load", axis=ALONG, edge=0.04)
        m.torus("cargo", (middle, floor + 0.05 + 1.5 * r, 0), 1.62 * r + 0.12, 0.045, "dark", axis=ALONG)
    else:
        with m.posed((back + 0.2, floor, 0), pitch=32):
            m.box("cargo", (middle, floor + 0.05, 0), (half, 0.08, 0.6), "dark", edge=0.03)
            for z in (-0.59, 0.59):
                at = (middle, floor + 0.5 * high, z)
                m.prism("cargo", at, half, half + 0.12, 0.55 * high, 0.07, "cargo", edge=0.04)
            m.box("cargo", (ahead, floor + 0.55 * high, 0), (0.07, 0.68 * high, 0.64), "cargo", edge=0.04)
            m.ellipsoid("cargo", (middle, floor + 0.5 * high, 0), (0.86 * half, 0.75 * high, 0.52), "load")
        m.limb("chassis", (middle + 0.1, floor, 0), (middle + 0.5, floor + 0.75, 0), 0.09, 0.07, "trim")


@object_class(
    "airplane",
    parts=("fuselage", "left wing", "right wing", "tail fin", "tailplane", "engines", "windows", "cockpit"),
    groups={"wings": ("left wing", "right wing"), "tail": ("tail fin", "tailplane")},
    shape={
        "length": (0.8, 1.15), "span": (0.85, 1.2), "sweep": (0.15, 0.55), "fin": (0.8, 1.25),
        "girth": (0.85, 1.2),
    },
    poses=("level", "banking", "climbing"),
    lift=(0.15, 0.9),
    looks={
        "hull": Paint(f"{WHITES} {WHITES} {VIVID}", VIVID, PLAINLY, (1.2, 1.7), 0.6),
        "belly": Paint(f"{VIVID} #8f949b", gloss=0.6),
        "wing": Paint(f"{VIVID} {SOFT} {WHITES}", gloss=0.5),
        "fin": Paint(VIVID, f"{VIVID} #f1ede2", ("plain", "plain", "bands", "checks"), (5, 7), 0.5),
        "metal": Paint("#c9ccd0 #9a9da2 #e8e4da", gloss=0.7),
        "dark": DARK, "glass": GLASS,
    },
)  # fmt: skip
def airplane(m, s, pose):
    n, r = 1.1 * s["length"], 0.29 * s["girth"]
    roll, pitch = {"level": (0, 3), "banking": (32, 6), "climbing": (6, 26)}[pose]
    # rolling inside the pitch keeps the nose where it points
    with m.posed((0, 0, 0), pitch=pitch), m.posed((0, 0, 0), roll=roll):
        _airframe(m, s, n, r)


def _airframe(m, s, n, r):
    """An airliner of half length ``n`` and radius ``r``; the belly is the same again, lower."""
    for look, drop in (("hull", 0.0), ("belly", 0.075)):
        m.limb("fuselage", (-0.35 * n, -drop, 0), (0.72 * n, -drop, 0), r, r, look)
        m.limb("fuselage", (-1.05 * n, 0.16 - drop, 0), (-0.35 * n, -drop, 0), 0.4 * r, r, look)
        m.ellipsoid("fuselage", (0.72 * n, -drop, 0), (0.42, r, r), look)
    m.ellipsoid("cockpit", (0.72 * n + 0.16, 0.42 * r, 0), (0.2, 0.55 * r, 0.78 * r), "glass")
    for x in (-0.42, -0.18, 0.06, 0.30, 0.54):
        m.cone("windows", (x * n, 0.25 * r, 0), r * 0.995, 0.075, 0.075, "glass", axis=ACROSS)
    reach, sweep = 0.62 * s["span"], s["sweep"]
    for name, z in (("left wing", -1), ("right wing", 1)):
        with m.posed((0.1 * n, -0.35 * r, 0), roll=z * 84):  # dihedral of 6 degrees
            at = (0.1 * n - sweep / 2, -0.35 * r + reach + 0.1, 0)
            m.prism(name, at, 0.4, 0.2, reach, 0.07, "wing", lean=-sweep, edge=0.05)
        ex, ey, ez = 0.1 * n - 0.35 * sweep + 0.2, -0.35 * r - 0.12, z * 0.95 * reach
        m.limb("engines", (ex - 0.22, ey, ez), (ex + 0.12, ey, ez), 0.1, 0.15, "metal")
        m.cone("engines", (ex + 0.17, ey, ez), 0.1, 0.165, 0.15, "fin", axis=ALONG, edge=0.02)
        m.cone("engines", (ex + 0.255, ey, ez), 0.025, 0.115, 0.115, "dark", axis=ALONG)
        at, flat = (-0.98 * n - 0.08, 0.2, z * 0.34), rotation(roll=z * 86)
        m.prism("tailplane", at, 0.2, 0.1, 0.32 * s["span"], 0.045, "fin", -0.14, 0.035, turn=flat)
    tall = 0.34 * s["fin"]
    at = (-0.96 * n - 0.1, 0.22 + tall, 0)
    m.prism("tail fin", at, 0.3, 0.16, tall, 0.055, "fin", lean=-0.24, edge=0.04)


@object_class(
    "sailboat",
    parts=("hull", "deck", "cabin", "main sail", "jib", "mast", "flag", "rudder"),
    groups={"sails": ("main sail", "jib")},
    shape={
        "mast": (0.85, 1.2), "main": (0.8, 1.2), "jib": (0.7, 1.15), "hull": (0.85, 1.2),
        "cabin": (0.75, 1.25),
    },
    poses=("sails left", "sails right", "reefed"),
    looks={
        "hull": Paint(f"{VIVID} #8a5a33", f"{VIVID} #f1ede2", (*PLAINLY, "grain"), (2.5, 5), 0.5),
        "rim": Paint(f"#f1ede2 #f1ede2 {VIVID}", gloss=0.4),
        "deck": Paint("#c49a62 #d8b47c #a9743f", "#7a5230", ("stripes", "grain"), (7, 10)),
        "sail": Paint(f"{WHITES} {SOFT} {VIVID}", VIVID, ("plain", "plain", "bands", "stripes"), (2.5, 5)),
        "jib": Paint(f"{WHITES} {SOFT} {VIVID}", f"{VIVID} #f6f1e4", ("plain", "plain", "bands"), (3, 5)),
        "mark": Paint(VIVID),
        "wood": Paint(WOODS),
        "glass": GLASS,
    },
)  # fmt: skip
def sailboat(m, s, pose):
    n, wide, high = 1.12 * s["hull"], 0.46, 0.4
    # half an ellipsoid with a flat bottom; a slice of the same one on top is the rim, a smaller one the deck
    m.ellipsoid("hull", (0, high, 0), (n, 0.52, wide), "hull", keep=(-0.4, 0.02))
    m.ellipsoid("hull", (0, high, 0), (n + 0.045, 0.56, wide + 0.045), "rim", keep=(-0.06, 0.035))
    m.limb("hull", (0.62 * n, high - 0.02, 0), (n + 0.16, high + 0.07, 0), 0.13, 0.05, "rim", 0.12)
    m.ellipsoid("deck", (0, high, 0), (n - 0.05, 0.5, wide - 0.04), "deck", keep=(-0.05, 0.055))
    m.box("rudder", (-n - 0.02, high - 0.12, 0), (0.09, 0.3, 0.045), "wood", edge=0.03)
    m.limb("rudder", (-n, high + 0.16, 0), (-n + 0.34, high + 0.2, 0), 0.04, 0.035, "wood")
    c = s["cabin"]
    m.box("cabin", (-0.34 * n, high + 0.15 * c, 0), (0.3 * c, 0.18 * c, 0.25), "rim", edge=0.07)
    m.box("cabin", (-0.34 * n, high + 0.32 * c, 0), (0.33 * c, 0.04, 0.28), "mark", edge=0.035)
    for x in (-0.13, 0.13):
        at = (-0.34 * n + x * c, high + 0.17 * c, 0)
        m.cone("cabin", at, 0.262, 0.075 * c, 0.075 * c, "glass", axis=ACROSS)
    foot, top, boom = 0.16 * n, high + 2.05 * s["mast"], high + 0.5
    m.limb("mast", (foot, high, 0), (foot, top, 0), 0.06, 0.045, "wood")
    # the sails stand at an angle to each other, as before the wind, so that one shows from every side
    swing, jib = {"sails left": (48, -30), "sails right": (-48, 30), "reefed": (18, 50)}[pose]
    share = 0.68 if pose == "reefed" else 1.0
    with m.posed((foot, 0, 0), yaw=-swing):
        half, rise = 0.48 * s["main"] * n, share * (top - boom - 0.1) / 2
        m.limb("mast", (foot, boom - 0.05, 0), (foot - 2 * half - 0.06, boom - 0.05, 0), 0.055, 0.05, "wood")
        at = (foot - half - 0.03, boom + rise, 0)
        m.prism("main sail", at, half, 0.03, rise, 0.055, "sail", lean=half - 0.05, edge=0.04)
        at, r = (foot - 0.62 * half, boom + 0.62 * rise, 0), 0.2 * share * s["main"]
        m.cone("main sail", at, 0.065, r, r, "mark", axis=ACROSS)
        if pose == "reefed":  # the rest of the cloth lies rolled on the boom
            tack, clew = (foot - 0.12, boom + 0.02, 0), (foot - 2 * half + 0.05, boom + 0.02, 0)
            m.limb("main sail", tack, clew, 0.12, 0.09, "sail")
    fore = n + 0.1
    with m.posed((fore, 0, 0), yaw=-jib):
        half, rise = 0.36 * s["jib"] * n, 0.84 * share * (top - high - 0.3) / 2 * (0.7 + 0.3 * s["jib"])
        at = (fore - half, high + 0.22 + rise, 0)
        m.prism("jib", at, half, 0.03, rise, 0.05, "jib", lean=-0.8 * half, edge=0.035)
    at, aft = (foot - 0.24, top - 0.04, 0), rotation(pitch=90)
    m.prism("flag", at, 0.12, 0.02, 0.22, 0.04, "mark", edge=0.02, turn=aft)
