"""A scene: objects, clutter, camera, light, sky and ground, all as plain values; and new scenes made from it.

A scene never changes: every method returns another scene that differs in one thing, so that the same picture
can be rendered again with one part removed, one object turned, and everything else equal. (Where a ray only just
misses what was removed, the marcher takes other steps, so that a few pixels in ten thousand may differ a little.)
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from . import kernel as k
from .model import CLASSES, rgb
from .shapes import group_row, reach, rotation


@dataclass(frozen=True)
class Camera:
    """Eye above the ground, looking down the -z axis by ``pitch`` degrees.

    zoom: focal length in frame widths. centre: where the optical axis meets the frame, (u, v) in fractions of the
    frame, v downwards; a centre other than (.5, .5) is a shifted lens, which moves the picture without turning it.
    roll: degrees about that axis; the picture turns counter-clockwise.
    """

    eye: tuple
    pitch: float
    zoom: float
    centre: tuple = (0.5, 0.5)
    roll: float = 0.0

    def axes(self):
        """Unit vectors right, up, forward."""
        c, s = math.cos(math.radians(self.pitch)), math.sin(math.radians(self.pitch))
        right, up, forward = np.array([1.0, 0, 0]), np.array([0, c, -s]), np.array([0, -s, -c])
        if not self.roll:
            return right, up, forward
        c, s = math.cos(math.radians(self.roll)), math.sin(math.radians(self.roll))
        return c * right - s * up, s * right + c * up, forward

    def row(self):
        return np.array([*self.eye, *np.concatenate(self.axes()), self.zoom, *self.centre])

    def project(self, point):
        """Frame position (u, v) and depth of a world point."""
        right, up, forward = self.axes()
        d = np.asarray(point) - self.eye
        across, above, depth = float(d @ right), float(d @ up), float(d @ forward)
        u, v = self.centre
        return u + self.zoom * across / depth, v - self.zoom * above / depth, depth

    def ray(self, u, v):
        """Direction through frame position (u, v), of unit depth."""
        right, up, forward = self.axes()
        return forward + (u - self.centre[0]) / self.zoom * right + (self.centre[1] - v) / self.zoom * up

    def ground(self, u, v):
        """World point where the ray through (u, v) meets the ground, and its depth; None above the horizon."""
        ray = self.ray(u, v)
        if ray[1] > -1e-3:
            return None
        depth = -self.eye[1] / ray[1]
        return np.array(self.eye) + depth * ray, float(depth)


@dataclass(frozen=True)
class Air:
    """Light, sky and ground, by default those of a studio. Colours are linear; angles in degrees.

    sun: (azimuth, height); azimuth 0 is behind the camera, 90 to its right.
    """

    sun: tuple = (35.0, 50.0)
    sun_colour: tuple = (1.5, 1.42, 1.3)
    ambient: tuple = (0.55, 0.58, 0.62)
    sky: str = "studio"
    zenith: tuple = rgb("#d5dade")
    horizon: tuple = rgb("#d5dade")
    clouds: float = 0.0
    cloud_scale: float = 1.0
    skyline: str = "none"
    skyline_height: float = 0.0
    skyline_colour: tuple = (0.5, 0.5, 0.5)
    ground: str = "snow"
    ground_colours: tuple = (rgb("#d5dade"),) * 3
    tile: str = "plain"
    tile_scale: float = 1.0
    ground_angle: float = 0.0
    texture_scale: float = 1.0
    fog: float = 0.02
    exposure: float = 1.05
    seed: int = 1
    softness: float = 9.0
    studio: bool = True

    def row(self):
        a, h = math.radians(self.sun[0]), math.radians(self.sun[1])
        sun = [math.sin(a) * math.cos(h), math.sin(h), math.cos(a) * math.cos(h)]
        one, two, three = self.ground_colours
        return np.array([
            *sun, *self.sun_colour, *self.ambient, *self.zenith, *self.horizon, self.clouds, self.cloud_scale,
            self.seed % 991 + 0.5, k.SKYLINES.index(self.skyline), self.skyline_height, *self.skyline_colour,
            k.GROUNDS.index(self.ground), *one, *two, *three, k.TILES.index(self.tile), self.tile_scale,
            math.radians(self.ground_angle), self.texture_scale, self.fog, self.exposure, float(self.studio),
            self.seed % 877, self.softness,
        ])  # fmt: skip


@dataclass(frozen=True)
class Clutter:
    """A thing of no class: a few primitives in world coordinates (rows as nested tuples, so that scenes compare)."""

    kind: str
    rows: tuple
    looks: tuple
    position: tuple
    scale: float
    yaw: float

    def arrays(self):
        """As those of an object."""
        rows = np.array(self.rows)
        middle = rows[:, k.CX : k.CX + 3].mean(0)
        group = group_row(middle, reach(rows, middle), self.position, rotation(yaw=self.yaw), self.scale)
        return rows, np.array([look.row() for look in self.looks]), group


@dataclass(frozen=True)
class Scene:
    """See the module. ``objects`` come first to last as 1, 2 in the masks."""

    objects: tuple
    camera: Camera
    air: Air
    clutter: tuple = ()
    kind: str = "normal"
    seed: int = 0

    placement: tuple = field(default=(), compare=False)  # (u, v) drawn in [0, 1] of the room each object had

    # -- the same scene with one thing changed -------------------------------------------------------------------

    def without(self, part, object=0):
        """The scene with one part (or group of parts, such as "ears") of an object removed."""
        thing = self._object(object)
        gone = CLASSES[thing.cls].members(part)
        return self._with(object, missing=thing.missing | frozenset(gone))

    def only(self, part, object=0):
        """The scene with only one part (or group) of an object kept."""
        spec = CLASSES[self._object(object).cls]
        return self._with(object, missing=frozenset(spec.parts) - frozenset(spec.members(part)))

    def background(self):
        """The scene without its objects; clutter, ground, light and sky stay."""
        return replace(self, objects=())

    def turned(self, degrees, object=0):
        """The object turned about its vertical axis; positive turns a side that faces us to the right."""
        azimuth = self._object(object).azimuth + float(degrees)
        return self._with(object, azimuth=(azimuth + 180) % 360 - 180)

    def moved(self, right, up, object=0):
        """The object shifted in the frame by fractions of it, its picture otherwise the same.

        It is shifted parallel to the image plane (so perspective shows it from a slightly different side), then slid
        towards or from the eye, scaled in proportion, which leaves its outline as it is, until it stands on the
        ground again; only close to the horizon it floats.
        """
        thing = self._object(object)
        side, top, _ = self.camera.axes()
        depth = self.camera.project(thing.middle())[2]
        eye = np.array(self.camera.eye)
        place = np.array(thing.position) + (right * side + up * top) * depth / self.camera.zoom
        slide = eye[1] / (eye[1] - min(place[1], 0.75 * eye[1]))
        place = eye + slide * (place - eye)
        return self._with(object, position=tuple(map(float, place)), scale=thing.scale * slide)

    def scaled(self, factor, object=0):
        """The object grown or shrunk on the spot where it stands."""
        if not (math.isfinite(factor) and factor > 0):
            raise ValueError(f"factor must be a positive number, got {factor!r}")
        return self._with(object, scale=self._object(object).scale * float(factor))

    def framed(self, up=0.0, zoom=1.0, roll=0.0):
        """The world unchanged, the frame moved: what it shows is turned by `roll` degrees counter-clockwise about the
        frame's centre, enlarged `zoom` times, and shifted up by `up` heights of the frame. It has no border to fill.
        """
        c, s = math.cos(math.radians(roll)), math.sin(math.radians(roll))
        x, y = self.camera.centre[0] - 0.5, self.camera.centre[1] - 0.5
        centre = 0.5 + zoom * (c * x + s * y), 0.5 + zoom * (c * y - s * x) - up
        look = {"zoom": self.camera.zoom * zoom, "centre": centre, "roll": self.camera.roll + roll}
        return replace(self, camera=replace(self.camera, **look))

    def render(self, size=112, shadows_from=None):
        """See :func:`lecture_utils.world.render`."""
        from .render import render

        return render(self, size=size, shadows_from=shadows_from)

    # -- what a scene knows --------------------------------------------------------------------------------------

    @property
    def classes(self):
        return tuple(thing.cls for thing in self.objects)

    def factors(self):
        """A flat dictionary of everything that was drawn, ready for a table row."""
        a, camera = self.air, self.camera
        row = {"kind": self.kind, "seed": self.seed}
        row |= {"ground": a.ground, "tile": a.tile, "sky": a.sky, "skyline": a.skyline, "clouds": a.clouds}
        row |= {"sun_azimuth": a.sun[0], "sun_height": a.sun[1], "pitch": camera.pitch, "zoom": camera.zoom}
        row["clutter"] = len(self.clutter)
        for n, thing in enumerate(self.objects, start=1):
            u, v, _ = camera.project(thing.middle())
            looks = zip(CLASSES[thing.cls].looks, thing.looks, strict=True)
            known = {"class": thing.cls, "azimuth": thing.azimuth, "u": u, "v": v, "pose": thing.pose}
            known |= {"missing": "+".join(sorted(thing.missing)), "scale": thing.scale}
            known["shape"] = " ".join(f"{key}={value}" for key, value in thing.shape)
            known["looks"] = " ".join(f"{slot}={look.name}/{look.pattern}" for slot, look in looks)
            row |= {f"{key}_{n}": value for key, value in known.items()}
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}

    def arrays(self):
        """What the kernel eats: prims, groups, looks."""
        prims, groups, looks = [np.zeros((0, k.PRIM))], [], [np.zeros((0, k.LOOK))]
        start = shift = 0
        for n, thing in enumerate([*self.objects, *self.clutter], start=1):
            rows, table, group = thing.arrays()
            if len(rows) == 0:
                continue
            rows = rows.copy()
            rows[:, k.OBJECT] = n
            if n > len(self.objects):  # clutter
                rows[:, k.OBJECT : k.PART + 1] = 0
            rows[:, k.LOOK_ID] += shift
            rows[:, k.GROUP_ID] = len(groups)
            group[k.G_START], group[k.G_END] = start, start + len(rows)
            start, shift = start + len(rows), shift + len(table)
            prims.append(rows), groups.append(group), looks.append(table)
        return np.concatenate(prims), np.array(groups).reshape(-1, k.GROUP), np.concatenate(looks)

    def _object(self, index):
        if not 0 <= index < len(self.objects):
            raise ValueError(f"object={index}: this scene has {len(self.objects)} object(s), counted from 0")
        return self.objects[index]

    def _with(self, index, **changes):
        things = list(self.objects)
        things[index] = replace(things[index], **changes)
        return replace(self, objects=tuple(things))
