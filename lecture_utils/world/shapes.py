"""Primitives with a named part: what objects and clutter are built from.

A :class:`Model` collects rows for the kernel in the object's own frame: **x forward, y up, z to its right**.
A class's ``build`` function adds primitives; :meth:`Model.finish` normalises the result so that its lowest
point lies at y = 0, its middle over the origin, and its bounding sphere has radius 1.
"""

import math
from contextlib import contextmanager

import numpy as np

from . import kernel as k

# which of a primitive's ten arguments are lengths (the others are sines and cosines)
_LENGTHS = np.ones((7, 10))
_LENGTHS[k.LIMB, 3:5] = 0
_LENGTHS[k.PRISM, 3:7] = 0


def rotation(yaw=0.0, pitch=0.0, roll=0.0):
    """3x3 rotation in degrees: yaw to the left about y, pitch nose-up about z, roll to the right about x."""
    cy, cp, cr = (math.cos(math.radians(angle)) for angle in (yaw, pitch, roll))
    sy, sp, sr = (math.sin(math.radians(angle)) for angle in (yaw, pitch, roll))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cp, -sp, 0], [sp, cp, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    return about_y @ about_z @ about_x


def upright_to(axis):
    """A rotation that takes the y axis to ``axis``."""
    y = np.asarray(axis, float)
    y = y / np.linalg.norm(y)
    side = np.array([1.0, 0, 0]) if abs(y[0]) < 0.9 else np.array([0, 0, 1.0])
    z = np.cross(side, y)
    z /= np.linalg.norm(z)
    return np.stack([np.cross(y, z), y, z], axis=1)


class Model:
    """Rows of primitives under construction. ``parts`` fixes the order of part values (1 + index)."""

    def __init__(self, parts, looks):
        self.parts, self.looks = list(parts), list(looks)
        self.rows = []
        self._frames = [(np.eye(3), np.zeros(3))]

    @contextmanager
    def posed(self, pivot, yaw=0.0, pitch=0.0, roll=0.0):
        """Everything added inside is turned about ``pivot`` (degrees)."""
        turn, shift = self._frames[-1]
        local = rotation(yaw, pitch, roll)
        pivot = np.asarray(pivot, float)
        self._frames.append((turn @ local, shift + turn @ (pivot - local @ pivot)))
        yield
        self._frames.pop()

    def _add(self, kind, part, at, args, look, bound, blend=0.0, turn=None, edge=0.0):
        frame, shift = self._frames[-1]
        row = np.zeros(k.PRIM)
        row[k.TYPE] = kind
        row[k.CX : k.CX + 3] = frame @ np.asarray(at, float) + shift
        row[k.ROT : k.ROT + 9] = (frame @ (np.eye(3) if turn is None else turn)).T.ravel()
        row[k.ARG : k.ARG + len(args)] = args
        row[k.ROUND], row[k.BLEND], row[k.BOUND] = edge, blend, bound + edge
        row[k.PART] = 1 + self.parts.index(part)
        row[k.LOOK_ID] = self.looks.index(look)
        self.rows.append(row)

    def ellipsoid(self, part, at, radii, look, blend=0.0, turn=None, keep=(-9.0, 9.0), shell=0.0):
        """Ellipsoid with three radii; ``keep`` cuts it to low <= y <= high in its own frame; ``shell`` hollows it."""
        radii = np.broadcast_to(np.asarray(radii, float), 3)
        self._add(k.ELLIPSOID, part, at, [*radii, *keep, shell], look, max(radii) + shell, blend, turn)

    def box(self, part, at, half, look, edge=0.0, turn=None):
        """Box with half sides (x, y, z); ``edge`` rounds it within those sides."""
        inner = np.maximum(np.asarray(half, float) - edge, 1e-3)
        self._add(k.BOX, part, at, inner, look, float(np.linalg.norm(inner)), turn=turn, edge=edge)

    def limb(self, part, start, end, r0, r1, look, blend=0.0):
        """Round cone from ``start`` (radius r0) to ``end`` (radius r1)."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        length = max(float(np.linalg.norm(end - start)), 1e-6)
        length = max(length, abs(r0 - r1) * 1.02)
        sine = (r0 - r1) / length
        args = [length, r0, r1, sine, math.sqrt(1 - sine * sine)]
        middle = start + (end - start) / np.linalg.norm(end - start) * length / 2
        self._add(k.LIMB, part, middle, args, look, length / 2 + max(r0, r1), blend, upright_to(end - start))

    def tube(self, part, points, radii, look, blend=0.02):
        """A chain of limbs through ``points``; ``radii`` one per point or a pair (first, last)."""
        if len(radii) != len(points):
            radii = np.linspace(radii[0], radii[-1], len(points))
        for a, b, ra, rb in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
            self.limb(part, a, b, ra, rb, look, blend)

    def cone(self, part, at, half_height, r0, r1, look, axis=(0, 1, 0), edge=0.0, blend=0.0):
        """Cylinder or truncated cone centred at ``at``: radius r0 at its bottom, r1 at its top."""
        edge = min(edge, 0.95 * half_height, 0.95 * max(r0, r1))
        args = [half_height - edge, max(r0 - edge, 0.0), max(r1 - edge, 0.0)]
        bound = math.hypot(half_height - edge, max(args[1:]))
        self._add(k.CONE, part, at, args, look, bound, blend, upright_to(axis), edge)

    def torus(self, part, at, radius, tube, look, axis=(0, 1, 0), stretch=0.0, blend=0.0):
        """Ring of ``radius`` and tube radius ``tube`` round ``axis``; ``stretch`` makes it a stadium."""
        args, bound = [radius, tube, stretch], radius + tube + stretch
        self._add(k.TORUS, part, at, args, look, bound, blend, upright_to(axis))

    def prism(self, part, at, bottom, top, half_height, half_thickness, look, lean=0.0, edge=0.0, turn=None):
        """Plate in the x-y plane: half widths ``bottom`` and ``top``, the top shifted by ``lean``; thick along z.

        ``top=0`` makes a triangle (roof, sail, fin).
        """
        h, t = half_height - edge, max(half_thickness - edge, 1e-3)
        bottom, top = max(bottom - edge, 1e-3), max(top - edge, 0.0)
        left, right = lean - top + bottom, lean + top - bottom  # run of each side line over the height 2h
        ln, rn = math.hypot(2 * h, left), math.hypot(2 * h, right)
        args = [bottom, h, t, 2 * h / ln, left / ln, 2 * h / rn, -right / rn]
        far = math.hypot(max(bottom, abs(lean) + top), h, t)
        self._add(k.PRISM, part, at, args, look, far, turn=turn, edge=edge)

    def cup(self, part, at, half_height, r0, r1, wall, look):
        """Hollow truncated cone open at the top (radius r0 at the bottom, r1 at the rim)."""
        args = [half_height, r0, r1, wall]
        self._add(k.CUP, part, at, args, look, math.hypot(half_height, max(r0, r1)))

    def finish(self, lift=0.0):
        """Rows (n, PRIM) normalised: lowest point at y = ``lift``, centred over the origin, bounding radius 1."""
        rows = np.array(self.rows)
        points, radii = _hull(rows)
        low, high = (points - radii).min(0), (points + radii).max(0)
        middle = (low + high) / 2
        far = (np.linalg.norm(points - middle, axis=1) + radii[:, 0]).max()
        shift = -middle * [1, 0, 1] / far - [0, low[1] / far, 0] + [0, lift, 0]
        return placed(rows, np.eye(3), shift, 1 / far)


def _hull(rows):
    """Points (m, 3) and radii (m, 1) of spheres that together hold the primitives closely."""
    points, radii = [], []
    rim = [(math.cos(w), math.sin(w)) for w in np.linspace(0, 2 * math.pi, 12, endpoint=False)]
    for row in rows:
        at, turn = row[k.CX : k.CX + 3], row[k.ROT : k.ROT + 9].reshape(3, 3).T
        a, b, c, e, f = row[k.ARG : k.ARG + 5]
        kind = int(row[k.TYPE])
        if kind == k.ELLIPSOID:
            ends = [(a, 0, 0), (0, max(-b, e), 0), (0, min(b, f), 0), (0, 0, c)]
            corners = [[s * x, y, t * z] for s in (-1, 1) for t in (-1, 1) for x, y, z in ends]
            r = 0.0
        elif kind == k.LIMB:
            points += [at - turn[:, 1] * a / 2, at + turn[:, 1] * a / 2]
            radii += [b, c]
            continue
        elif kind in (k.CONE, k.CUP):
            corners = [[b * x, -a, b * z] for x, z in rim] + [[c * x, a, c * z] for x, z in rim]
            r = row[k.ROUND]
        elif kind == k.TORUS:
            corners, r = [[a * x + math.copysign(c, x), 0, a * z] for x, z in rim], b
        elif kind == k.PRISM:
            left, right = -a + 2 * b * f / e, a - 2 * b * row[k.ARG + 6] / row[k.ARG + 5]
            corners = [[x, y, z] for z in (-c, c) for x, y in [(-a, -b), (a, -b), (left, b), (right, b)]]
            r = row[k.ROUND]
        else:
            corners, r = [[x, y, z] for x in (-a, a) for y in (-b, b) for z in (-c, c)], row[k.ROUND]
        points += [at + turn @ corner for corner in np.array(corners)]
        radii += [r] * len(corners)
    return np.array(points), np.array(radii)[:, None]


def reach(rows, middle):
    """The radius of the sphere about ``middle`` that holds all primitives with their blends."""
    offset = np.linalg.norm(rows[:, k.CX : k.CX + 3] - middle, axis=1)
    return float((offset + rows[:, k.BOUND] + rows[:, k.BLEND]).max())


def group_row(middle, radius, origin, turn, scale):
    """The kernel's row of a group: its bounding sphere, and its own frame for patterns."""
    row = np.zeros(k.GROUP)
    row[k.G_CENTRE : k.G_CENTRE + 3], row[k.G_RADIUS] = middle, radius
    row[k.G_ORIGIN : k.G_ORIGIN + 3], row[k.G_SCALE] = origin, scale
    row[k.G_ROT : k.G_ROT + 9] = turn.T.ravel()
    return row


def placed(rows, turn, shift, scale=1.0):
    """The same primitives scaled, then turned (3x3), then shifted."""
    rows = rows.copy()
    rows[:, k.CX : k.CX + 3] = scale * rows[:, k.CX : k.CX + 3] @ turn.T + shift
    local = rows[:, k.ROT : k.ROT + 9].reshape(-1, 3, 3)
    rows[:, k.ROT : k.ROT + 9] = (local @ turn.T).reshape(-1, 9)
    lengths = _LENGTHS[rows[:, k.TYPE].astype(int)]
    rows[:, k.ARG : k.ARG + 10] *= np.where(lengths > 0, scale, 1.0)
    rows[:, k.ROUND : k.BOUND + 1] *= scale
    return rows
