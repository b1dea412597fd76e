"""Crowds: boxes as their masks say, a moved object moves its box alone, same seeds, and the gallery that ships."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from experiments.train.data import world_fingerprint
from experiments.train.gallery import to_pixels
from lecture_utils import crowds, open_lab
from lecture_utils.world import CLASSES, boxes, crowd as module, render, sample_crowd
from lecture_utils.world.splits import SPLITS, split_scene

FIRST = SPLITS["detection tune"].first_seed


@pytest.fixture(scope="module")
def some():
    """Ten crowds."""
    return [sample_crowd(FIRST + n) for n in range(10)]


@pytest.fixture(scope="module")
def shipped():
    return open_lab().detection


def test_boxes_are_those_of_the_masks_by_hand(some):
    scene = max(some, key=lambda scene: len(scene.objects))
    seen, found = render(scene, size=64, threads=1).objects, boxes(scene, 64)
    for n in range(len(scene.objects)):
        at = [(row, column) for row in range(64) for column in range(64) if seen[row, column] == n + 1]
        rows, columns = [row for row, _ in at], [column for _, column in at]
        corners = [min(columns), min(rows), max(columns) + 1, max(rows) + 1]
        assert found.visible[n].tolist() == corners and found.pixels[n] == len(at)
        assert found.visible.dtype == found.amodal.dtype == found.share.dtype == np.float32


def test_boxes_of_masks_drawn_by_hand(monkeypatch):
    front, behind = np.zeros((2, 8, 8), np.uint8)
    front[2:6, 3:5], behind[1:3, 0:6] = 1, 1  # the front one hides 2 of the 12 px of the one behind
    both = np.where(front > 0, 1, 2 * behind).astype(np.uint8)
    views = iter([both, front, behind])
    monkeypatch.setattr(module, "masks", lambda scene, size: (next(views), None))
    found = boxes(sample_crowd_of_two(), 8)
    assert found.visible.tolist() == [[3, 2, 5, 6], [0, 1, 6, 3]] == found.amodal.tolist()
    assert found.share.tolist() == pytest.approx([1, 10 / 12]) and found.pixels.tolist() == [8, 10]


def sample_crowd_of_two():
    """Two objects on an empty ground; boxes are drawn by hand above."""
    return split_scene("pairs", 0)


def test_what_is_hidden_or_outside_is_known(some):
    for scene in some:
        visible, amodal, share, pixels = boxes(scene)
        assert (amodal[:, :2] <= visible[:, :2]).all() and (amodal[:, 2:] >= visible[:, 2:]).all()
        assert (share >= module.SEEN).all() and (share <= 1).all() and (pixels >= module.PIXELS).all()
        assert 1 <= len(scene.objects) <= 4
    gone = boxes(some[0].moved(5, 0))
    assert gone.visible[0].tolist() == [0] * 4 and gone.pixels[0] == gone.share[0] == 0
    assert all(array.shape[0] == 0 for array in boxes(some[0].background()))


def test_alone_an_object_is_seen_whole_and_its_amodal_box_was_right(some):
    hidden = 0
    for scene in some:
        before = boxes(scene)
        for n, thing in enumerate(scene.objects):
            alone = boxes(replace(scene, objects=(thing,), clutter=()))
            assert np.array_equal(alone.visible, alone.amodal) and alone.share == 1
            assert np.abs(alone.amodal[0] - before.amodal[n]).max() <= 1  # px: a ray that only just hits
            hidden += before.share[n] < 0.75
    assert hidden >= 2, "no scene in which the test could fail"


def test_a_moved_object_moves_its_box_and_no_other(some):
    tried = 0
    for scene in some:
        scene = replace(scene, clutter=())
        before, after = boxes(scene).amodal, boxes(scene.moved(0.125, 0.0)).amodal
        assert np.array_equal(before[1:], after[1:])
        if before[0].min() > 0 and before[0].max() < module.SIDE - 20:  # else the frame cuts the box
            assert np.abs(after[0] - before[0] - [16, 0, 16, 0]).max() <= 2, (
                "px: perspective turns it a little"
            )
            tried += len(scene.objects) > 1
    assert tried


def test_the_same_seed_gives_the_same_scene_and_others_others(some):
    assert all(sample_crowd(FIRST + n) == scene for n, scene in enumerate(some[:3]))
    assert split_scene("detection tune", 2) == some[2] != some[3]
    assert sample_crowd(-3) != sample_crowd(3)


def test_no_two_objects_touch(some):
    thing = some[0].objects[0]
    assert module._touch(thing, replace(thing, azimuth=thing.azimuth + 30))
    for scene in some:
        for n, thing in enumerate(scene.objects):
            assert not any(module._touch(thing, other) for other in scene.objects[:n])


def test_the_seeds_of_crowds_are_their_own_and_all_other_scenes_are_as_they_were():
    ours = [split for name, split in SPLITS.items() if name.startswith("detection")]
    assert [len(split) for split in ours] == [600, 100_000, 10_000]
    for split in ours:
        rest = [other for other in SPLITS.values() if other is not split]
        assert all(set(range(s.first_seed, s.first_seed + s.size)).isdisjoint(_range(split)) for s in rest)
    assert world_fingerprint() == "d3a23dfcfecd"


def _range(split):
    return range(split.first_seed, split.first_seed + split.size)


def test_the_gallery_is_what_its_seeds_render(shipped):
    for n in (0, 299, 599):
        scene = shipped.scenes[n]
        again, found = render(scene, size=128), boxes(scene)
        assert [list(CLASSES)[k] for k in shipped.labels[n]] == list(scene.classes)
        assert shipped.boxes[n].tolist() == found.visible.tolist()
        assert shipped.amodal[n].tolist() == found.amodal.tolist()
        assert np.allclose(shipped.shares[n], found.share, atol=1e-4)
        pixels = (shipped.images[n] * 255).permute(1, 2, 0).numpy()
        assert np.abs(pixels - to_pixels(again.image)).mean() < 6, "more than JPEG takes"


def test_the_gallery_is_crowded_as_promised(shipped):
    assert repr(shipped).startswith("Crowds: 600 images") and shipped.images.shape == (600, 3, 128, 128)
    sizes, shares = torch.cat(shipped.sizes), torch.cat(shipped.shares)
    assert 0.28 < (sizes == 0).float().mean() < 0.4 and crowds.SIZES[0] == "small"
    assert shares.min() >= 0.25 and 0.15 < (shares < 0.75).float().mean() < 0.4
    wide = [boxes[:, 2:] - boxes[:, :2] for boxes in shipped.boxes]
    assert all(torch.equal(s == 0, w.prod(1) < 256) for s, w in zip(shipped.sizes, wide, strict=True))
    assert np.mean([_largest_iou(boxes) >= 0.5 for boxes in shipped.boxes]) >= 0.1
    counts = torch.cat(shipped.labels).bincount(minlength=16)
    assert len(counts) == 16 and counts.min() > 50


def _largest_iou(boxes):
    """Of any two boxes (k, 4), in plain loops."""
    best = 0.0
    for n, (a, b, c, d) in enumerate(boxes.tolist()):
        for e, f, g, h in boxes[:n].tolist():
            inter = max(min(c, g) - max(a, e), 0) * max(min(d, h) - max(b, f), 0)
            best = max(best, inter / ((c - a) * (d - b) + (g - e) * (h - f) - inter))
    return best
