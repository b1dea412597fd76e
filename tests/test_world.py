"""The toy world: same seed, same pixels; each change of a scene changes that and nothing else; no easy pointers."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage, stats

from lecture_utils.world import CLASSES, render, render_many, sample_cued_scene, sample_scene
from lecture_utils.world.kernel import GROUNDS, TILES, hash3
from lecture_utils.world.render import masks
from lecture_utils.world.splits import SPLITS, split_scene
from tests.helpers import refusals

NAMES = list(CLASSES)


@pytest.fixture(scope="module")
def many():
    """Some 320 normal scenes of all classes with their renderings."""
    scenes = [split_scene("fresh", i) for i in range(320)]
    return scenes, list(render_many(scenes))


def outside(code):
    """What another process prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_same_seed_same_pixels_in_another_process_and_with_other_threads():
    there = outside(
        "import hashlib; from lecture_utils.world import sample_scene, render;"
        "arrays = render(sample_scene('dog', seed=7), size=64, threads=1);"
        "print(hashlib.sha256(b''.join(a.tobytes() for a in arrays)).hexdigest())"
    )
    here = render(sample_scene("dog", seed=7), size=64, threads=3)
    assert hashlib.sha256(b"".join(a.tobytes() for a in here)).hexdigest() == there
    assert not np.array_equal(here.image, render(sample_scene("dog", seed=8), size=64).image)


def test_rendering_has_the_stated_types_and_ranges_and_many_come_in_order():
    picture = render(sample_scene(["dog", "mug"], seed=3), size=50)
    assert picture.image.shape == (3, 50, 50) and picture.image.dtype == np.float32
    assert picture.objects.shape == picture.parts.shape == (50, 50)
    assert picture.objects.dtype == picture.parts.dtype == np.uint8
    assert 0 <= picture.image.min() < 0.3 and 0.6 < picture.image.max() <= 1
    assert set(np.unique(picture.objects)) == {0, 1, 2}
    assert ((picture.objects > 0) == (picture.parts > 0)).all()
    scenes = [sample_scene("mug", seed=i) for i in range(6)]
    for got, scene in zip(render_many(scenes, size=40, threads=3), scenes, strict=True):
        assert np.array_equal(got.image, render(scene, size=40, threads=1).image)


@pytest.mark.parametrize("name", NAMES)
def test_mask_is_what_the_ray_through_the_pixel_centre_hits(name):
    scene = sample_scene(name, seed=11)
    small, large = masks(scene, 60), masks(scene, 180)
    for a, b in zip(small, large, strict=True):
        assert (a == b[1::3, 1::3]).mean() > 0.999


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_renders_after_its_parent_did():
    status = outside(
        "import os; from lecture_utils.world import render, sample_scene\n"
        "s = sample_scene('car', 1); a = render(s, 32); p = os.fork()\n"
        "if p == 0: os._exit(0 if (render(s, 32).image == a.image).all() else 3)\n"
        "print(os.waitpid(p, 0)[1])"
    )
    assert status == "0"


def test_a_read_only_install_without_home_still_imports(tmp_path):
    """numba refuses to cache when no folder can be written; the world then compiles in each process."""
    printed = outside(
        "import numba.core.caching as c\n"
        "for locator in c.CacheImpl._locator_classes: locator.from_function = classmethod(lambda *a, **k: None)\n"
        "import lecture_utils.world.kernel as k; k.ready(); print(type(k.hash3).__name__, k.hash3(1, 2, 3))"
    )
    assert printed == f"CPUDispatcher {hash3(1, 2, 3)}"


def box_middle(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.array([(columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2]) / mask.shape[0]


@pytest.mark.parametrize("name", NAMES)
def test_without_and_only_and_background(name):
    scene = replace(sample_scene(name, seed=5), clutter=())
    whole = masks(scene, 112)[1]
    values, counts = np.unique(whole[whole > 0], return_counts=True)
    part = CLASSES[name].parts[values[counts.argmax()] - 1]
    value = 1 + CLASSES[name].parts.index(part)
    less, alone = masks(scene.without(part), 112)[1], masks(scene.only(part), 112)[1]
    assert value in whole and value not in less
    assert set(np.unique(alone)) == {0, value}
    assert (alone == value).sum() > 0.97 * (whole == value).sum(), "blends with other parts give way"
    bare = masks(scene.background(), 112)
    assert bare[0].max() == bare[1].max() == 0
    assert scene.objects[0].missing == frozenset(), "the scene itself never changes"


def test_background_keeps_every_pixel_far_from_the_object():
    scene = sample_scene("elephant", seed=4)
    full, bare = render(scene), render(scene.background(), shadows_from=scene)
    outside = ~ndimage.binary_dilation(full.objects > 0, iterations=2)
    assert np.array_equal(full.image[:, outside], bare.image[:, outside])


def test_shadows_from_keeps_the_old_shadow_and_nothing_else():
    scene = replace(sample_scene("elephant", seed=4), clutter=())
    gone = scene.background()
    kept, dropped = render(gone, shadows_from=scene), render(gone)
    assert np.array_equal(kept.objects, dropped.objects)
    darker = (dropped.image - kept.image).sum(0) > 0.02
    assert darker.any() and (kept.image <= dropped.image + 1e-6).all()
    assert np.array_equal(render(scene, shadows_from=scene).image, render(scene).image)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shift", [(0.12, 0.0), (-0.1, -0.08), (0.05, 0.1)])
def test_moved_by_fractions_of_the_frame(name, shift):
    scene = replace(sample_scene(name, seed=21), clutter=())
    camera = scene.camera
    wide = replace(camera, zoom=camera.zoom / 2.5, centre=tuple(0.5 + (np.array(camera.centre) - 0.5) / 2.5))
    scene = replace(scene, camera=wide)
    before, after = masks(scene, 224)[0] > 0, masks(scene.moved(*shift), 224)[0] > 0
    if scene.moved(*shift).objects[0].position[1] > scene.objects[0].position[1] + 1e-6:
        pytest.skip("close to the horizon the object floats")
    assert np.allclose(box_middle(after) - box_middle(before), [shift[0], -shift[1]], atol=0.012)
    assert 0.75 < after.sum() / before.sum() < 1.33  # it is seen from a slightly different side


def test_moved_there_and_back_and_scaled_there_and_back():
    scene = sample_scene("teapot", seed=9)
    back = scene.moved(0.1, 0.05).moved(-0.1, -0.05)
    assert np.allclose(back.objects[0].position, scene.objects[0].position, atol=0.02)
    assert np.isclose(scene.scaled(1.7).scaled(1 / 1.7).objects[0].scale, scene.objects[0].scale)
    assert (masks(scene.scaled(0.5))[0] > 0).sum() < 0.4 * (masks(scene)[0] > 0).sum()


def test_turned_once_round_is_the_same_picture_and_at_90_degrees_it_faces_right():
    scene = sample_scene("car", seed=6)
    whole = scene.turned(180).turned(180)
    assert whole.objects[0].azimuth == pytest.approx(scene.objects[0].azimuth)
    assert np.abs(render(whole).image - render(scene).image).max() < 1e-5
    assert np.abs(render(scene.turned(180)).image - render(scene).image).max() > 0.2
    scene = replace(sample_scene("elephant", seed=1), clutter=())
    parts = masks(scene.turned(90 - scene.objects[0].azimuth))[1]
    names = CLASSES["elephant"].parts
    head, legs = (np.nonzero(parts == 1 + names.index(p))[1].mean() for p in ("head", "legs"))
    assert head > legs + 5


def test_background_factors_do_not_depend_on_the_class():
    one, two = sample_scene("dog", seed=17), sample_scene("windmill", seed=17)
    assert one.air == two.air and one.camera.pitch == two.camera.pitch
    assert one.placement == two.placement


def test_pairs_are_in_the_order_asked_for():
    scene = sample_scene(["mug", "dog"], seed=7)
    assert scene.classes == ("mug", "dog")
    seen = []
    for i in range(30):
        objects = render(split_scene("pairs", i), size=56).objects
        seen.append([(objects == n).mean() for n in (1, 2)])
    assert (np.array(seen) > 0.015).mean() > 0.97


def test_hard_scenes_use_unseen_grounds_and_normal_ones_never_do():
    normal = {(s.air.ground, s.air.tile) for s in (split_scene("fresh", i) for i in range(100))}
    assert not {g for g, _ in normal} & {"cobble", "carpet"}
    assert not {t for _, t in normal} & {"dotted", "zigzag"}
    hard = {s.air.ground for s in (split_scene("hard", i) for i in range(60))}
    assert {"cobble", "carpet"} <= hard <= set(GROUNDS)
    assert {t for _, t in normal} <= set(TILES)


def test_scenes_are_values():
    scene = sample_scene("dog", seed=7)
    assert scene == sample_scene("dog", seed=7) != sample_scene("dog", seed=8)
    assert pickle.loads(pickle.dumps(scene)) == scene
    row = json.loads(json.dumps(scene.factors()))
    assert row["class_1"] == "dog" and {"azimuth_1", "u_1", "pose_1", "ground", "sun_height"} <= set(row)


@pytest.mark.slow
def test_split_ranges_never_meet_and_mixed_scenes_lack_parts_and_hold_pairs():
    ranges = sorted((s.first_seed, s.first_seed + s.size) for s in SPLITS.values())
    assert all(stop <= start for (_, stop), (start, _) in zip(ranges, ranges[1:], strict=False))
    scenes = [split_scene("train", i) for i in range(400)]
    lacking = np.mean([any(o.missing for o in s.objects) for s in scenes])
    pairs = np.mean([len(s.objects) == 2 for s in scenes])
    assert 0.18 < lacking < 0.32 and 0.09 < pairs < 0.22
    assert max(len(o.missing) for s in scenes for o in s.objects) == 2
    for split in ("single", "fresh", "hard"):
        assert not any(o.missing for i in range(30) for o in split_scene(split, i).objects)


@pytest.mark.slow
def test_objects_lie_anywhere_in_the_frame_and_are_the_stated_size(many):
    scenes, pictures = many
    uv = np.array([s.placement[0] for s in scenes])
    assert min(stats.kstest(uv[:, axis], "uniform").pvalue for axis in (0, 1)) > 0.01
    assert 0.08 <= np.mean([(p.objects > 0).mean() for p in pictures]) <= 0.14
    for scene in scenes[:60]:
        camera = scene.camera
        wide = replace(camera, zoom=camera.zoom / 2, centre=tuple(0.5 + (np.array(camera.centre) - 0.5) / 2))
        bare = replace(scene, clutter=())
        assert (masks(bare, 112)[0] > 0).sum() >= 0.7 * (masks(replace(bare, camera=wide), 224)[0] > 0).sum()


def test_centre_and_edges_point_badly(many):
    _, pictures = many
    centre, edges = [], []
    for picture in pictures:
        inside = picture.objects > 0
        grey = picture.image.mean(0)
        strength = np.hypot(ndimage.sobel(grey, 0), ndimage.sobel(grey, 1))[1:-1, 1:-1]
        centre.append(inside[56, 56])
        edges.append(inside[1:-1, 1:-1].flat[strength.argmax()])
    assert np.mean(centre) < 0.30
    assert np.mean(edges) < 0.50


DOG = sample_scene("dog", 1)
test_misuse_is_answered_clearly = refusals(
    (lambda: sample_scene("elefant", 1), "did you mean 'elephant'"),
    (lambda: sample_scene(["dog", "mug", "car"], 1), "one class name or a list of two"),
    (lambda: sample_scene("dog", 1, kind="easy"), "normal, hard, studio"),
    (lambda: DOG.without("trunk"), "unknown part of dog 'trunk'"),
    (lambda: DOG.without("tial"), "did you mean 'tail'"),
    (lambda: DOG.turned(10, object=1), "has 1 object"),
    (lambda: DOG.scaled(0), "positive"),
    (lambda: render(DOG, size=0), "size"),
    (lambda: render(DOG, size=11.5), "size"),
    (lambda: sample_cued_scene("dog", 1, strength=2), "strength"),
    (lambda: split_scene("singel", 1), "did you mean 'single'"),
    (lambda: split_scene("single", 1200), "outside 0..1199"),
)
