"""Studio scenes: one painted object on a plain ground, in few classes and poses, for the generative models.

Few enough things vary for a small model to learn them all: class, colour, azimuth, shape, light, backdrop and a little
the place in the frame. Class and colour are independent, so "a red mug is to a blue mug as a red car to a blue car"
has an answer. Every one of them is known.
"""

from dataclasses import replace

import numpy as np

from lecture_utils.world import CLASSES, sample_scene
from lecture_utils.world.model import misspelled, rgb
from lecture_utils.world.splits import SPLITS

COLOURS = {
    "red": "#c8352e",
    "orange": "#e68a2a",
    "yellow": "#f0d02f",
    "green": "#3f9d4f",
    "blue": "#2f5fb3",
    "purple": "#7a4aa8",
}
SIDE = 32  # px
# Of each class: its pose, what is painted, what is left out; the roof of a house is always slate.
POSES = {
    "elephant": ("standing", ("skin",), ()),
    "duck": ("swimming", ("body", "head", "wing"), ("ring",)),
    "car": ("saloon", ("paint", "roof"), ()),
    "mug": ("round handle", ("glaze", "band"), ("saucer", "spoon")),
    "mushroom": ("round cap", ("cap",), ("baby",)),
    "house": ("cottage", ("wall",), ()),
}
TURN = 80.0  # degrees, the largest azimuth either way: 0 faces us


def studio_scene(name, colour, seed):
    """The scene of one object of a class of POSES, painted in a colour of COLOURS. Errors: KeyError."""
    if name not in POSES:
        raise KeyError(misspelled(name, POSES, "class of the studio"))
    if colour not in COLOURS:
        raise KeyError(misspelled(colour, COLOURS, "colour"))
    pose, painted, missing = POSES[name]
    rng = np.random.default_rng([int(seed), 32])
    scene = sample_scene(name, seed, kind="studio", pose=pose, azimuth=float(rng.uniform(-TURN, TURN)))
    code = COLOURS[colour]
    paint = tuple(np.clip(np.array(rgb(code)) * rng.uniform(0.9, 1.1), 0, 1).tolist())
    thing = scene.objects[0]
    looks = []
    for slot, look in zip(CLASSES[name].looks, thing.looks, strict=True):
        if slot in painted:
            look = look._replace(one=paint, two=paint, pattern="plain", name=code)
        elif slot in ("tiles", "brick"):
            look = look._replace(one=rgb("#4a4a52"), two=rgb("#3a3a40"), pattern="plain", name="#4a4a52")
        looks.append(look)
    thing = replace(thing, looks=tuple(looks), missing=frozenset(missing))
    return replace(scene, objects=(thing,), air=replace(scene.air, texture_scale=0.0))


def studio_split(split, index):
    """The scene ``index`` of "studio" or "studio test", and its colour. Classes and colours take turns."""
    names, colours = list(POSES), list(COLOURS)
    seed = SPLITS[split].seed(index)
    colour = colours[index // len(names) % len(colours)]
    return studio_scene(names[index % len(names)], colour, seed), colour


def studio_factors(scene, colour):
    """What is known about a studio scene, as a flat row: numbers, and names for class and colour."""
    seen = scene.factors()
    return {
        "class": seen["class_1"],
        "colour": colour,
        "azimuth": seen["azimuth_1"],  # degrees
        "across": seen["u_1"],  # of the object's middle, fractions of the frame
        "down": seen["v_1"],
        "pitch": seen["pitch"],  # degrees
        "sun": seen["sun_azimuth"],  # degrees
        "backdrop": float(np.mean(scene.air.horizon)),  # linear light
    }
