"""The renderer's compiled core: a signed-distance ray marcher on flat float64 arrays.

Everything that numba compiles lives in this one file, because numba's cache does not see edits elsewhere.
The kernels release the GIL and write only into the arrays they are given, so plain Python threads may run
them side by side. All arithmetic is float64: pixels do not depend on whether the CPU fuses multiply-adds.

Source: Hart, *Sphere tracing* (1996); the distance functions follow Quilez, *Distance functions* (2008 on).

Arrays (one row each)
    prims   (n, PRIM)   primitives in world coordinates, sorted by group
    groups  (g, GROUP)  one row for an object or a piece of clutter: bounding sphere, slice of prims, own frame
    looks   (m, LOOK)   materials
    camera  (CAM,)      eye, right, up, forward, zoom, principal point
    air     (AIR,)      light, sky, ground
"""

import math
from threading import Lock

import numpy as np

# columns of prims
TYPE, CX, ROT, ARG, ROUND, BLEND, BOUND, OBJECT, PART = 0, 1, 4, 13, 23, 24, 25, 26, 27
LOOK_ID, GROUP_ID, PRIM = 28, 29, 30
# columns of groups
G_CENTRE, G_RADIUS, G_START, G_END, G_ORIGIN, G_ROT, G_SCALE = 0, 3, 4, 5, 6, 9, 18
GROUP = 19
# columns of looks: two colours, pattern, its scale, gloss, a phase that makes patterns differ
L_ONE, L_TWO, L_PATTERN, L_SCALE, L_GLOSS, L_PHASE = 0, 3, 6, 7, 8, 9
LOOK = 10
# columns of camera
EYE, RIGHT, UP, FORWARD, ZOOM, CENTRE_U, CENTRE_V = 0, 3, 6, 9, 12, 13, 14
CAM = 15
# columns of air
SUN, SUN_COLOUR, AMBIENT, ZENITH, HORIZON, CLOUDS, CLOUD_SCALE, SKY_SEED = 0, 3, 6, 9, 12, 15, 16, 17
SKYLINE, SKYLINE_HEIGHT, SKYLINE_COLOUR = 18, 19, 20
GROUND, G_ONE, G_TWO, G_THREE, TILE, TILE_SCALE, G_ANGLE, TEXTURE_SCALE = 23, 24, 27, 30, 33, 34, 35, 36
FOG, EXPOSURE, STUDIO, G_SEED, SOFTNESS = 37, 38, 39, 40, 41
AIR = 42

ELLIPSOID, BOX, LIMB, CONE, TORUS, PRISM, CUP = 0, 1, 2, 3, 4, 5, 6
PATTERNS = {"plain": 0, "stripes": 1, "spots": 2, "checks": 3, "patches": 4, "grain": 5, "bands": 6, "fur": 7}
PATTERNS |= {"hub": 10, "bricks": 11, "tiles": 12, "sectors": 13}  # from 10 on in the primitive's own frame
GROUNDS = ("grass", "sand", "water", "asphalt", "wood", "cobble", "snow", "carpet")
TILES = ("plain", "checked", "striped", "dotted", "zigzag")
SKYLINES = ("none", "hills", "town", "trees")

FAR = 1e9
MAX_ACTIVE = 192


PLAIN, ONE_AT_A_TIME = [], Lock()  # what is not compiled yet


def compiled(function):
    """Mark a function for `ready`."""
    PLAIN.append(function)
    return function


def ready():
    """Let numba compile what is marked. It is imported only now: who renders nothing saves its memory."""
    with ONE_AT_A_TIME:
        if PLAIN:
            from numba import njit
        while PLAIN:
            function = PLAIN.pop()
            try:
                done = njit(cache=True, nogil=True, error_model="numpy")(function)
            except RuntimeError:  # read-only install without a writable home: compile anew in each process
                done = njit(nogil=True, error_model="numpy")(function)
            globals()[function.__name__] = done


@compiled
def hash3(x, y, z):
    """A repeatable pseudo-random number in [0, 1) for an integer lattice point."""
    n = (x * 374761393 + y * 668265263 + z * 1274126177) & 0xFFFFFFFF
    n = ((n ^ (n >> 13)) * 1274126177) & 0xFFFFFFFF
    n = ((n ^ (n >> 16)) * 2246822519) & 0xFFFFFFFF
    return (n ^ (n >> 15)) / 4294967296.0


@compiled
def noise3(x, y, z):
    """Value noise in [0, 1), smooth, lattice spacing 1."""
    fx, fy, fz = math.floor(x), math.floor(y), math.floor(z)
    i, j, k = int(fx), int(fy), int(fz)
    x, y, z = x - fx, y - fy, z - fz
    x, y, z = x * x * (3 - 2 * x), y * y * (3 - 2 * y), z * z * (3 - 2 * z)
    low = (hash3(i, j, k) * (1 - x) + hash3(i + 1, j, k) * x) * (1 - y)
    low += (hash3(i, j + 1, k) * (1 - x) + hash3(i + 1, j + 1, k) * x) * y
    if z == 0.0:
        return low
    high = (hash3(i, j, k + 1) * (1 - x) + hash3(i + 1, j, k + 1) * x) * (1 - y)
    high += (hash3(i, j + 1, k + 1) * (1 - x) + hash3(i + 1, j + 1, k + 1) * x) * y
    return low * (1 - z) + high * z


@compiled
def noise2(x, y, seed):
    return noise3(x, y, float(math.floor(seed)))


@compiled
def cells2(x, y, seed):
    """Worley noise in the plane: (nearest, second nearest) distance to jittered lattice points."""
    i, j, s = int(math.floor(x)), int(math.floor(y)), int(seed)
    first = second = 9.0
    for a in range(-1, 2):
        for b in range(-1, 2):
            dx = i + a + 0.15 + 0.7 * hash3(i + a, j + b, s) - x
            dy = j + b + 0.15 + 0.7 * hash3(i + a, j + b, s + 7) - y
            d = math.sqrt(dx * dx + dy * dy)
            if d < first:
                first, second = d, first
            elif d < second:
                second = d
    return first, second


@compiled
def cells3(x, y, z, seed):
    """Worley noise in space over the eight nearest lattice points: (nearest, second nearest) distance."""
    i, j, k, s = int(math.floor(x - 0.5)), int(math.floor(y - 0.5)), int(math.floor(z - 0.5)), int(seed)
    first = second = 9.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                dx = i + a + 0.3 + 0.4 * hash3(i + a, j + b, k + c + s) - x
                dy = j + b + 0.3 + 0.4 * hash3(i + a, j + b, k + c + s + 31) - y
                dz = k + c + 0.3 + 0.4 * hash3(i + a, j + b, k + c + s + 77) - z
                d = math.sqrt(dx * dx + dy * dy + dz * dz)
                if d < first:
                    first, second = d, first
                elif d < second:
                    second = d
    return first, second


@compiled
def box_outline(dx, dy):
    """Distance from signed excesses over two bounds (negative inside)."""
    ax, ay = max(dx, 0.0), max(dy, 0.0)
    return math.sqrt(ax * ax + ay * ay) + min(max(dx, dy), 0.0)


@compiled
def cone_distance(x, y, z, h, r1, r2):
    """Upright truncated cone, half height h, radius r1 at the bottom and r2 at the top (a lower bound)."""
    rho = math.sqrt(x * x + z * z)
    slope = (r2 - r1) / (2 * h)
    side = (rho - (r1 + slope * (y + h))) / math.sqrt(1 + slope * slope)
    return box_outline(side, abs(y) - h)


@compiled
def primitive(prims, i, px, py, pz):
    """Distance from a world point to primitive i (exact, or a bound from below)."""
    p = prims[i]
    dx, dy, dz = px - p[1], py - p[2], pz - p[3]
    x = p[4] * dx + p[5] * dy + p[6] * dz
    y = p[7] * dx + p[8] * dy + p[9] * dz
    z = p[10] * dx + p[11] * dy + p[12] * dz
    kind = int(p[0])
    a, b, c, e, f = p[13], p[14], p[15], p[16], p[17]
    if kind == 0:  # ellipsoid: radii a b c; keeps e <= y <= f; shell of thickness p[18] if positive
        k0 = math.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
        k1 = math.sqrt((x / (a * a)) ** 2 + (y / (b * b)) ** 2 + (z / (c * c)) ** 2)
        d = k0 * (k0 - 1.0) / k1 if k1 > 1e-9 else -min(a, b, c)
        if p[18] > 0.0:
            d = abs(d) - p[18]
        d = max(d, e - y, y - f)
    elif kind == 1:  # box: half sides a b c
        qx, qy, qz = abs(x) - a, abs(y) - b, abs(z) - c
        ax, ay, az = max(qx, 0.0), max(qy, 0.0), max(qz, 0.0)
        d = math.sqrt(ax * ax + ay * ay + az * az) + min(max(qx, qy, qz), 0.0)
    elif kind == 2:  # limb (round cone): length a along y, radii b then c; sine e, cosine f of its slope
        rho = math.sqrt(x * x + z * z)
        y += 0.5 * a
        k = -e * rho + f * y
        if k < 0.0:
            d = math.sqrt(rho * rho + y * y) - b
        elif k > f * a:
            d = math.sqrt(rho * rho + (y - a) ** 2) - c
        else:
            d = rho * f + y * e - b
    elif kind == 3:
        d = cone_distance(x, y, z, a, b, c)
    elif kind == 4:  # torus round the y axis: radius a, tube b, stretched by c along x
        x = max(abs(x) - c, 0.0)
        q = math.sqrt(x * x + z * z) - a
        d = math.sqrt(q * q + y * y) - b
    elif kind == 5:  # prism: half height b, half thickness c; side lines with unit normals (e, f), (p18, p19)
        left = -e * (x + a) + f * (y + b)
        right = p[18] * (x - a) + p[19] * (y + b)
        d = box_outline(max(left, right, abs(y) - b), abs(z) - c)
    else:  # cup: truncated cone a b c with a hollow open at the top, wall e
        d = cone_distance(x, y, z, a, b, c)
        rho = math.sqrt(x * x + z * z)
        hollow = max(-a + e - y, rho - (b - e + (c - b) * (y + a) / (2 * a)))
        d = max(d, -hollow)
    return d - p[23]


@compiled
def distance(prims, active, count, px, py, pz):
    """Distance to the union of the active primitives, blended within a group; and the nearest primitive."""
    best = group_best = nearest_d = FAR
    nearest, group = -1, -1.0
    for s in range(count):
        i = active[s]
        if prims[i, 29] != group:
            best, group_best, group = min(best, group_best), FAR, prims[i, 29]
        k = prims[i, 24]
        dx, dy, dz = px - prims[i, 1], py - prims[i, 2], pz - prims[i, 3]
        reach = prims[i, 25] + min(best, group_best) + k
        if dx * dx + dy * dy + dz * dz > reach * reach:
            continue
        d = primitive(prims, i, px, py, pz)
        if d < nearest_d:
            nearest_d, nearest = d, i
        if k > 0.0 and group_best < FAR:
            h = max(k - abs(group_best - d), 0.0) / k
            group_best = min(group_best, d) - h * h * k * 0.25
        else:
            group_best = min(group_best, d)
    return min(best, group_best), nearest


@compiled
def gather(prims, groups, ox, oy, oz, dx, dy, dz, spread, active):
    """Primitives whose bounding spheres the (unit) ray may touch: (count, nearest entry, farthest exit).

    ``spread`` widens the ray into a cone (its radius at distance 1), so that one list serves a whole pixel.
    """
    count = 0
    enter, leave = FAR, 0.0
    for g in range(groups.shape[0]):
        cx, cy, cz = groups[g, 0] - ox, groups[g, 1] - oy, groups[g, 2] - oz
        along = cx * dx + cy * dy + cz * dz
        r = groups[g, 3] + spread * abs(along)
        off = cx * cx + cy * cy + cz * cz - along * along
        if off > r * r or along < -r:
            continue
        for i in range(int(groups[g, 4]), int(groups[g, 5])):
            cx, cy, cz = prims[i, 1] - ox, prims[i, 2] - oy, prims[i, 3] - oz
            along = cx * dx + cy * dy + cz * dz
            r = prims[i, 25] + prims[i, 24] + spread * abs(along)
            off = cx * cx + cy * cy + cz * cz - along * along
            if off > r * r or along < -r or count >= MAX_ACTIVE:
                continue
            half = math.sqrt(r * r - off)
            enter = min(enter, along - half)
            leave = max(leave, along + half)
            active[count] = i
            count += 1
    return count, max(enter, 0.0), leave


@compiled
def march(prims, active, count, ox, oy, oz, dx, dy, dz, start, stop):
    """Walk along a unit ray; returns (distance, primitive) of the first hit, or (FAR, -1)."""
    t = start
    for _ in range(72):
        d, i = distance(prims, active, count, ox + t * dx, oy + t * dy, oz + t * dz)
        if d < 0.0004 * t:  # settle: the same point whatever steps led here
            for _ in range(3):
                t += d
                d, i = distance(prims, active, count, ox + t * dx, oy + t * dy, oz + t * dz)
            return t, i
        t += 0.92 * d
        if t > stop:
            break
    return FAR, -1


@compiled
def shadow(prims, groups, px, py, pz, nx, ny, nz, air, scratch):
    """(share of the sun that arrives, share of the sky that arrives), both in [0, 1]."""
    ox, oy, oz = px + 0.006 * nx, py + 0.006 * ny, pz + 0.006 * nz
    dx, dy, dz = air[0], air[1], air[2]
    sun = 1.0
    if nx * dx + ny * dy + nz * dz > 0.0:
        count, t, stop = gather(prims, groups, ox, oy, oz, dx, dy, dz, 0.03, scratch)
        if count > 0:
            t = max(t, 0.01)
            for _ in range(32):
                d, i = distance(prims, scratch, count, ox + t * dx, oy + t * dy, oz + t * dz)
                sun = min(sun, air[41] * d / t)
                if sun < 0.01:
                    break
                t += max(0.9 * d, 0.006 + 0.003 * t)
                if t > stop:
                    break
            sun = max(sun, 0.0)
            sun = sun * sun * (3 - 2 * sun)
    sky = 1.0
    for g in range(groups.shape[0]):
        cx, cy, cz = groups[g, 0] - px, groups[g, 1] - py, groups[g, 2] - pz
        far = 3.0 * groups[g, 3]
        if cx * cx + cy * cy + cz * cz > far * far:
            continue
        for i in range(int(groups[g, 4]), int(groups[g, 5])):
            cx, cy, cz = prims[i, 1] - px, prims[i, 2] - py, prims[i, 3] - pz
            dd = cx * cx + cy * cy + cz * cz
            r = 0.6 * prims[i, 25]
            if dd > 9.0 * r * r or dd < 1e-9:
                continue
            facing = (cx * nx + cy * ny + cz * nz) / math.sqrt(dd)
            if facing > 0.0 and dd > r * r:
                sky *= 1.0 - 0.75 * facing * min(r * r / dd, 1.0) * (1.0 - dd / (9.0 * r * r))
            elif facing > 0.0:
                sky *= 1.0 - 0.55 * facing
    return sun, max(sky, 0.25)


@compiled
def normal(prims, active, count, x, y, z):
    """Unit gradient of the distance, from four evaluations at the corners of a tetrahedron."""
    e = 0.0015
    a, _ = distance(prims, active, count, x + e, y - e, z - e)
    b, _ = distance(prims, active, count, x - e, y - e, z + e)
    c, _ = distance(prims, active, count, x - e, y + e, z - e)
    d, _ = distance(prims, active, count, x + e, y + e, z + e)
    nx, ny, nz = a - b - c + d, -a - b + c + d, -a + b - c + d
    size = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
    return nx / size, ny / size, nz / size


@compiled
def pattern_mix(look, prims, groups, i, px, py, pz):
    """Share of the second colour in [0, 1] at a world point on primitive i."""
    kind, scale, phase = int(look[6]), look[7], look[9]
    g = groups[int(prims[i, 29])]
    if kind >= 10:  # in the primitive's own frame
        p = prims[i]
        dx, dy, dz = px - p[1], py - p[2], pz - p[3]
        x = p[4] * dx + p[5] * dy + p[6] * dz
        y = p[7] * dx + p[8] * dy + p[9] * dz
        z = p[10] * dx + p[11] * dy + p[12] * dz
        if kind == 10:  # hub of a wheel: inner disc
            rho = math.sqrt(x * x + z * z) / max(p[14], 1e-9)
            return 1.0 if rho < scale else 0.0
        if kind == 13:  # sectors round the primitive's y axis
            turn = (math.atan2(z, x) / (2 * math.pi) + 0.5) * scale
            return 1.0 if int(math.floor(turn)) % 2 == 0 else 0.0
        x, y, z = x / g[18], y / g[18], z / g[18]
        u = x + z
        row = math.floor(y * scale)
        v = y * scale - row
        if kind == 12:  # roof tiles: rows with a dark lower edge
            w = u * scale * 0.8 + 0.5 * (row % 2)
            edge = 1.0 if (v < 0.18 or w - math.floor(w) < 0.12) else 0.0
            return 0.6 * edge + 0.25 * hash3(int(math.floor(w)), int(row), int(phase))
        w = u * scale * 0.5 + 0.5 * (row % 2)  # bricks
        return 1.0 if v < 0.16 or w - math.floor(w) < 0.08 else 0.0
    dx, dy, dz = (px - g[6]) / g[18], (py - g[7]) / g[18], (pz - g[8]) / g[18]
    x = g[9] * dx + g[10] * dy + g[11] * dz
    y = g[12] * dx + g[13] * dy + g[14] * dz
    z = g[15] * dx + g[16] * dy + g[17] * dz
    if kind == 1 or kind == 6:  # stripes; bands
        u = (x + 0.15 * z) * scale + phase if kind == 1 else y * scale + phase
        return 1.0 if u - math.floor(u) < 0.5 else 0.0
    if kind == 2:  # spots
        first, _ = cells3(x * scale + phase, y * scale, z * scale, phase)
        return min(max((0.36 - first) * 12.0, 0.0), 1.0)
    if kind == 3:  # checks
        s = math.floor(x * scale + phase) + math.floor(y * scale) + math.floor(z * scale)
        return 1.0 if int(s) % 2 == 0 else 0.0
    if kind == 4:  # patches
        first, second = cells3(x * scale + phase, y * scale, z * scale, phase)
        return min(max((0.14 - (second - first)) * 14.0, 0.0), 1.0)
    if kind == 5:  # grain
        u = noise3(x * scale * 0.35 + phase, y * scale, z * scale * 1.4) * 5.0
        return 0.7 * (u - math.floor(u))

    if kind == 7:  # fur
        n = noise3(x * scale + phase, y * scale, z * scale)
        return min(max((n - 0.52) * 9.0, 0.0), 1.0)
    return 0.0


@compiled
def sky_colour(dx, dy, dz, air, out):
    """Colour of the sky (and of the far skyline) in a unit direction."""
    if air[39] > 0.0:  # studio: one backdrop
        for c in range(3):
            out[c] = air[12 + c]
        return
    up = max(dy, 0.0)
    blend = 1.0 - math.exp(-3.2 * up)
    cloud = 0.0
    if air[15] > 0.0 and dy > 0.01:
        s = air[16] / (dy + 0.12)
        u, v = dx * s + air[17], dz * s
        n = 0.55 * noise2(u, v, air[17]) + 0.3 * noise2(2.1 * u, 2.1 * v, air[17] + 3)
        n += 0.15 * noise2(4.3 * u, 4.3 * v, air[17] + 5)
        cloud = min(max((n - 0.62 + 0.3 * air[15]) * 5.0, 0.0), 1.0) * min(dy * 12.0, 1.0)
    glow = max(dx * air[0] + dy * air[1] + dz * air[2], 0.0) ** 24
    for c in range(3):
        base = air[12 + c] * (1 - blend) + air[9 + c] * blend
        base = base * (1 - cloud) + cloud * (0.35 * base + 0.62 * (0.75 + 0.25 * air[3 + c] / 1.6))
        out[c] = base + 0.25 * glow * air[3 + c]
    if air[18] > 0.0:
        turn = math.atan2(dx, -dz) * 6.0 + air[17] * 1.7
        if air[18] < 1.5:  # hills
            high = air[19] * (0.25 + noise2(turn, 0.5, air[17]) + 0.4 * noise2(3.1 * turn, 1.5, air[17]))
        elif air[18] < 2.5:  # town blocks
            high = air[19] * (0.3 + 1.5 * hash3(int(math.floor(turn * 2.2)), 3, int(air[17])))
        else:  # tree line
            high = 0.6 + 0.5 * noise2(6.0 * turn, 0.5, air[17]) + 0.4 * noise2(19.0 * turn, 1.5, air[17])
            high *= air[19]
        if dy < high:
            for c in range(3):
                out[c] = 0.72 * air[20 + c] + 0.28 * air[12 + c]


@compiled
def fade(frequency, footprint):
    """How much of a texture of this frequency survives the size of a pixel on the ground."""
    q = 2.2 * frequency * footprint
    return math.exp(-q * q)


@compiled
def ground_colour(x, z, footprint, air, out):
    """Albedo of the ground at a point; texture finer than ``footprint`` fades to its mean."""
    ca, sa = math.cos(air[35]), math.sin(air[35])
    s = air[36]
    u, v = (ca * x + sa * z) * s, (-sa * x + ca * z) * s
    fp = footprint * s
    kind, seed = int(air[23]), air[40]
    broad = noise2(0.8 * u, 0.8 * v, seed) - 0.5
    mix, bright = 0.5, 1.0 + 0.25 * broad
    if kind == 0:  # grass: blades
        mix += 0.9 * (noise2(9 * u, 4 * v, seed + 1) - 0.5) * fade(9.0, fp)
        mix += 0.9 * (noise2(23 * u, 9 * v, seed + 2) - 0.5) * fade(23.0, fp) + 0.7 * broad
    elif kind == 1:  # sand: ripples
        w = v * 7 + 2.5 * noise2(1.7 * u, 1.7 * v, seed + 1)
        grains = 0.5 * (noise2(30 * u, 30 * v, seed + 2) - 0.5) * fade(30.0, fp)
        mix += 0.38 * math.sin(2 * w) * fade(2.5, fp) + grains
    elif kind == 2:  # water: crossing waves
        w = math.sin(9 * v + 3.0 * noise2(2.2 * u, 2.2 * v, seed))
        w += 0.7 * math.sin(6 * u + 7 * v + 4.0 * noise2(2.9 * u, 3.3 * v, seed + 1))
        mix += 0.36 * w * fade(1.6, fp)
        if w > 1.15:
            bright += 0.55 * fade(3.0, fp)
    elif kind == 3:  # asphalt: speckle
        mix += 1.5 * (noise2(26 * u, 26 * v, seed + 1) - 0.5) * fade(26.0, fp) + 0.3 * broad
    elif kind == 4:  # wooden planks
        row = math.floor(v * 2.2)
        w = u * 0.5 + 0.37 * row
        n = noise2(1.3 * u + 5 * row, 22 * v, seed + 1)
        mix += 0.6 * (hash3(int(row), int(math.floor(w)), int(seed)) - 0.5) + 0.7 * (n - 0.5) * fade(12.0, fp)
        edge = v * 2.2 - row
        if edge < 0.07 or w - math.floor(w) < 0.03:
            bright *= 1.0 - 0.55 * fade(1.6, fp)
    elif kind == 5:  # cobbles
        first, second = cells2(2.4 * u, 2.4 * v, seed)
        gap = min(max((0.18 - (second - first)) * 9.0, 0.0), 1.0) * fade(1.5, fp)
        bright *= 1.0 - 0.6 * gap
        mix += 0.8 * (hash3(int(second * 977), int(first * 13), int(seed)) - 0.5) * 0.2 + 0.3 * broad
    elif kind == 6:  # snow: soft drifts
        mix += 0.8 * broad + 0.4 * (noise2(3 * u, 3 * v, seed + 1) - 0.5) * fade(3.0, fp)
    else:  # carpet: woven diamonds
        a, b = u * 3.0, v * 3.0
        d = abs(a - math.floor(a) - 0.5) + abs(b - math.floor(b) - 0.5)
        fibres = 0.6 * (noise2(40 * u, 40 * v, seed) - 0.5) * fade(40.0, fp)
        mix += (0.5 if d < 0.33 else -0.35) * fade(2.0, fp) + fibres
    mix = min(max(mix, 0.0), 1.0)
    tile = 0.0
    if air[33] > 0.0:
        q = air[34]
        a, b = u * q, v * q
        keep = fade(0.7 * q, fp)
        if air[33] < 1.5:
            tile = 1.0 if int(math.floor(a) + math.floor(b)) % 2 == 0 else 0.0
        elif air[33] < 2.5:
            tile = 1.0 if a - math.floor(a) < 0.5 else 0.0
        elif air[33] < 3.5:
            ra, rb = a - math.floor(a) - 0.5, b - math.floor(b) - 0.5
            tile = 1.0 if ra * ra + rb * rb < 0.09 else 0.0
        else:
            w = a + abs(b - math.floor(b) - 0.5) * 1.2
            tile = 1.0 if w - math.floor(w) < 0.5 else 0.0
        tile = 0.8 * (0.45 * (1 - keep) + tile * keep)
    for c in range(3):
        base = air[24 + c] * (1 - mix) + air[27 + c] * mix
        out[c] = (base * (1 - tile) + air[30 + c] * tile * (0.8 + 0.4 * mix)) * bright


@compiled
def tone(x, exposure):
    """Linear light to a display value in [0, 1]: soft shoulder, then gamma."""
    x = max(x * exposure, 0.0)
    x = x * (1.0 + x * 0.16) / (1.0 + 0.72 * x)
    return min(x, 1.0) ** (1.0 / 2.2)


@compiled
def pixel_ray(camera, u, v):
    """Unit direction through frame position (u, v), both in [0, 1], v downwards."""
    a, b = (u - camera[13]) / camera[12], (camera[14] - v) / camera[12]
    dx = camera[9] + a * camera[3] + b * camera[6]
    dy = camera[10] + a * camera[4] + b * camera[7]
    dz = camera[11] + a * camera[5] + b * camera[8]
    size = math.sqrt(dx * dx + dy * dy + dz * dz)
    return dx / size, dy / size, dz / size


@compiled
def mask_rows(first, last, camera, prims, groups, objects, parts):
    """The object and part hit by the ray through each pixel's centre, for rows first..last-1."""
    size = objects.shape[1]
    active = np.empty(MAX_ACTIVE, np.int64)
    ox, oy, oz = camera[0], camera[1], camera[2]
    for row in range(first, last):
        for column in range(size):
            dx, dy, dz = pixel_ray(camera, (column + 0.5) / size, (row + 0.5) / objects.shape[0])
            count, start, stop = gather(prims, groups, ox, oy, oz, dx, dy, dz, 0.0, active)
            objects[row, column] = 0
            parts[row, column] = 0
            if count == 0:
                continue
            t, i = march(prims, active, count, ox, oy, oz, dx, dy, dz, start, stop)
            if i >= 0 and (dy >= 0.0 or t < -oy / dy):
                objects[row, column] = int(prims[i, 26])
                parts[row, column] = int(prims[i, 27])


@compiled
def render_rows(first, last, fine, camera, prims, groups, looks, dark_prims, dark_groups, air, image):
    """Colours for rows first..last-1 of ``image`` (3, h, w), the mean of ``fine`` x ``fine`` rays a pixel.

    Light is blocked by ``dark_prims`` (usually the same primitives). Where several rays of a pixel meet the
    same surface they share one shadow ray.
    """
    height, width = image.shape[1], image.shape[2]
    active, scratch = np.empty(MAX_ACTIVE, np.int64), np.empty(MAX_ACTIVE, np.int64)
    colour, back, total = np.empty(3), np.empty(3), np.empty(3)
    known, known_sun, known_sky = np.empty(9), np.empty(9), np.empty(9)
    ox, oy, oz = camera[0], camera[1], camera[2]
    pixel = 1.0 / (camera[12] * width)
    for row in range(first, last):
        for column in range(width):
            dx, dy, dz = pixel_ray(camera, (column + 0.5) / width, (row + 0.5) / height)
            count, start, stop = gather(prims, groups, ox, oy, oz, dx, dy, dz, pixel, active)
            total[:] = 0.0
            n_known = 0
            for sample in range(fine * fine):
                u = (column + (sample % fine + 0.5) / fine) / width
                v = (row + (sample // fine + 0.5) / fine) / height
                dx, dy, dz = pixel_ray(camera, u, v)
                ground = -oy / dy if dy < -1e-6 else FAR
                t, i = FAR, -1
                if count > 0 and start < ground:
                    t, i = march(prims, active, count, ox, oy, oz, dx, dy, dz, start, min(stop, ground))
                sky_colour(dx, dy, dz, air, back)
                if i < 0 and ground > 400.0:
                    for c in range(3):
                        total[c] += back[c]
                    continue
                gloss = 0.0
                if i >= 0:
                    px, py, pz = ox + t * dx, oy + t * dy, oz + t * dz
                    nx, ny, nz = normal(prims, active, count, px, py, pz)
                    look = looks[int(prims[i, 28])]
                    mix = pattern_mix(look, prims, groups, i, px, py, pz)
                    for c in range(3):
                        colour[c] = look[c] * (1 - mix) + look[3 + c] * mix
                    gloss = look[8]
                    surface = float(i)
                else:
                    t = ground
                    px, py, pz = ox + t * dx, 0.0, oz + t * dz
                    nx, ny, nz = 0.0, 1.0, 0.0
                    ground_colour(px, pz, t * pixel / math.sqrt(max(-dy, 0.02)), air, colour)
                    surface = -1.0
                slot = -1
                for s in range(n_known):
                    if known[s] == surface:
                        slot = s
                if slot < 0:
                    slot = n_known
                    known[slot] = surface
                    light = shadow(dark_prims, dark_groups, px, py, pz, nx, ny, nz, air, scratch)
                    known_sun[slot], known_sky[slot] = light
                    n_known += 1
                facing = max(nx * air[0] + ny * air[1] + nz * air[2], 0.0) * known_sun[slot]
                sky = (0.55 + 0.45 * ny) * known_sky[slot]
                bounce = 0.18 * (1.0 - ny) * known_sky[slot]
                shine = rim = 0.0
                if gloss > 0.0:
                    hx, hy, hz = air[0] - dx, air[1] - dy, air[2] - dz
                    size = math.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
                    shine = gloss * max((nx * hx + ny * hy + nz * hz) / size, 0.0) ** 40 * known_sun[slot]
                    rim = gloss * 0.35 * (1.0 - max(-(nx * dx + ny * dy + nz * dz), 0.0)) ** 3
                haze = 1.0 - math.exp(-air[37] * max(t - 6.0, 0.0))
                if i < 0 and int(air[23]) == 2:  # water mirrors the sky at grazing angles
                    glance = 0.65 * (1.0 + dy) ** 4
                    for c in range(3):
                        colour[c] = colour[c] * (1 - glance) + glance * air[12 + c]
                for c in range(3):
                    lit = facing * air[3 + c] + sky * air[6 + c] + bounce * air[24 + c]
                    value = colour[c] * lit + shine * air[3 + c] + rim * air[12 + c]
                    total[c] += value * (1 - haze) + back[c] * haze
            for c in range(3):
                image[c, row, column] = tone(total[c] * (1.0 / (fine * fine)), air[38])
