"""The classes of the toy world: enough parts, shapes and poses; masks and removals mean what they say."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from scipy import ndimage

from lecture_utils.metrics.parts import keeping
from lecture_utils.world import CLASSES, kernel as k, render, sample_scene
from lecture_utils.world.render import masks

NAMES = list(CLASSES)
SEEN = 12  # px: what a part must cover at 112 px to count as seen

each_class = pytest.mark.parametrize("name", NAMES)


@lru_cache
def forty(name):
    """Object and part masks of 40 normal scenes: two uint8 arrays (40, 112, 112)."""
    pairs = [masks(sample_scene(name, seed=i), 112) for i in range(40)]
    return tuple(np.array(stack) for stack in zip(*pairs, strict=True))


@each_class
def test_every_mask_value_is_a_part_that_occurs_and_at_least_four_are_often_seen(name):
    objects, parts = forty(name)
    assert set(np.unique(objects)) == {0, 1} and np.array_equal(objects > 0, parts > 0)
    assert set(np.unique(parts)) == set(range(len(CLASSES[name].parts) + 1))
    seen = [((parts == v).sum((1, 2)) >= SEEN).mean() for v in range(1, len(CLASSES[name].parts) + 1)]
    assert sum(share >= 0.3 for share in seen) >= 4, seen


@each_class
def test_shape_parameters_span_a_range_and_each_changes_the_object(name):
    shape = CLASSES[name].shape
    assert sum(high / low >= 1.25 for low, high in shape.values()) >= 3
    thing = sample_scene(name, seed=0).objects[0]
    middle = {key: (low + high) / 2 for key, (low, high) in shape.items()}

    def rows(pose, **change):
        return replace(thing, pose=pose, shape=tuple((middle | change).items())).arrays()[0]

    for key, (low, high) in shape.items():
        pairs = ((rows(pose, **{key: low}), rows(pose, **{key: high})) for pose in CLASSES[name].poses)
        assert any(a.shape != b.shape or not np.allclose(a, b) for a, b in pairs), f"{key} changes nothing"


def removed_rows(scene, part):
    """The primitives (n, PRIM) that ``without(part)`` takes away."""
    thing = scene.objects[0]
    rows, gone = thing.arrays()[0], CLASSES[thing.cls].members(part)
    return rows[np.isin(rows[:, k.PART], [1 + thing.parts.index(name) for name in gone])]


def may_meet(scene, rows, size):
    """bool (size, size): pixels whose ray cone meets a bounding sphere of ``rows``."""
    camera = scene.camera.row()
    at = (np.arange(size) + 0.5) / size
    right, up = (at - camera[13])[None, :, None], (camera[14] - at)[:, None, None]
    rays = camera[9:12] + (right * camera[3:6] + up * camera[6:9]) / camera[12]
    rays /= np.linalg.norm(rays, axis=2, keepdims=True)
    centres = rows[:, k.CX : k.CX + 3] - camera[:3]
    along = rays @ centres.T
    off = (centres**2).sum(1) - along**2
    reach = rows[:, k.BOUND] + rows[:, k.BLEND] + np.abs(along) / (camera[12] * size) + 1e-6
    return (off <= reach**2).any(2)


def neighbourhood(scene, part, size):
    """bool (size, size): the part's outline, seen or hidden, widened by the reach of blends."""
    outline = masks(keeping(replace(scene, clutter=()), {part}), size)[0] > 0
    if not outline.any():
        return outline
    thing = scene.objects[0]
    depth = scene.camera.project(thing.middle())[2] - thing.scale
    blend = thing.arrays()[0][:, k.BLEND].max() * scene.camera.zoom / depth * size
    return ndimage.distance_transform_edt(~outline) <= blend + 1.5


@each_class
def test_without_removes_that_value_and_leaves_the_rest_of_the_mask(name):
    scene = sample_scene(name, seed=22)
    whole = masks(scene, 112)[1]
    for value, part in enumerate(CLASSES[name].parts, start=1):
        less = masks(scene.without(part), 112)[1]
        assert value not in less
        assert set(np.unique(less)) <= set(range(len(CLASSES[name].parts) + 1)) - {value}
        elsewhere = ~neighbourhood(scene, part, 112)
        # a ray that only grazes a surface may stop a step earlier or later: a pixel or two
        assert (whole != less)[elsewhere].sum() <= 3, part


@each_class
def test_without_keeps_the_picture_elsewhere(name):
    """With the old shadow, every pixel is the same to the last bit where no ray comes near the removed part.

    Nearer, rays step along other points and stop within the marcher's tolerance: only single pixels on edges
    of a pattern may change visibly outside the part's neighbourhood.
    """
    size = 56
    scene = sample_scene(name, seed=7)
    full = render(scene, size, threads=1).image
    for part in CLASSES[name].parts:
        less = render(scene.without(part), size, shadows_from=scene, threads=1).image
        change = np.abs(less - full).max(0)
        assert (change[~may_meet(scene, removed_rows(scene, part), size)] == 0).all(), part
        assert (change[~neighbourhood(scene, part, size)] > 0.02).mean() < 0.005, part


@each_class
def test_group_names_resolve_to_parts(name):
    spec = CLASSES[name]
    assert not set(spec.groups) & set(spec.parts)
    assert len(set(spec.parts)) == len(spec.parts) >= 5
    scene = sample_scene(name, seed=2)
    for group, members in spec.groups.items():
        assert spec.members(group) == tuple(members) and set(members) <= set(spec.parts) and len(members) >= 2
        assert scene.without(group).objects[0].missing == frozenset(members)
