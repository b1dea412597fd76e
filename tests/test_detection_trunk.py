"""The trunk that detectors share: what it learns from, by hand; and that its training goes on where it stopped."""

import math

import numpy as np
import pytest
import torch

from experiments.train import detection_trunk, detectors
from experiments.train.detection_trunk import CLASSES, Recipe, four_in_one, targets
from lecture_utils.detection import Trunk
from lecture_utils.models import weights
from tests.test_detectors_two_stage import tiny


def test_each_position_names_the_smallest_object_around_it_and_its_edges():
    boxes = torch.tensor(
        [[0.0, 0, 32, 16], [8, 0, 16, 8], [20.3, 12.3, 27.9, 19.9]]
    )  # the last holds no middle of a cell
    label, edges, counts = targets(boxes, torch.tensor([3, 5, 7]), (32, 32))
    none = CLASSES
    assert label.tolist() == [[3, 5, 3, 3], [3, 3, 3, 3], [none, none, none, 7], [none] * 4]
    seventh = pytest.approx(7**-0.5)
    assert counts.tolist() == [[seventh, 1, seventh, seventh], [seventh] * 4, [1] * 4, [1] * 4]
    assert torch.allclose(
        edges[:, 0, 3], torch.tensor([28.0, 4, 4, 12]).log()
    )  # of the large one, seen from 28, 4
    assert torch.allclose(edges[:, 0, 1], torch.full((4,), math.log(4)))
    assert torch.allclose(edges[:, 2, 3], torch.tensor([7.7, 7.7, 1, 1]).log())
    assert not edges[:, 3].any()
    label, edges, counts = targets(torch.zeros(0, 4), torch.zeros(0).long(), (16, 24))
    assert (label == none).all() and label.shape == (2, 3) and not edges.any() and counts.all()


def test_what_is_too_small_to_ask_for_counts_nothing_and_is_no_background():
    label, _, counts = targets(
        torch.tensor([[8.0, 8, 15.5, 15.4], [16, 8, 23.5, 15.5]]), torch.tensor([3, 5]), (16, 24)
    )
    assert label[1].tolist() == [CLASSES, 3, 5] and counts[1].tolist() == [
        1,
        0,
        1,
    ]  # 7.45 px and 7.5 px a side


def test_four_scenes_in_one_are_halves_and_their_boxes_move_along():
    images = torch.arange(8.0).view(8, 1, 1, 1) + torch.zeros(8, 3, 8, 12)
    images[:, :, :, 6:] += 100
    boxes = [torch.tensor([[2.0, 4, 6, 8]])] * 7 + [torch.zeros(0, 4)]
    shown, moved, labels = four_in_one(images, boxes, [torch.full((len(b),), n) for n, b in enumerate(boxes)])
    assert shown.shape == (2, 3, 8, 12)
    assert shown[1, 2, :, ::3].tolist() == [[4, 104, 5, 105]] * 4 + [[6, 106, 7, 107]] * 4
    assert [each.tolist() for each in labels] == [[0, 1, 2, 3], [4, 5, 6]]
    assert moved[0].tolist() == [[1, 2, 3, 4], [7, 2, 9, 4], [1, 6, 3, 8], [7, 6, 9, 8]]


def trained(folder, **changes):
    recipe = Recipe(**{"epochs": 1, "then": 1, "images": 8, "batch": 4, "tested": 2} | changes)
    return detection_trunk.train(folder, recipe, tiny, folder / "run", threads=1)


def test_the_trunk_goes_on_from_the_last_epoch_and_every_layer_of_it_learns(tmp_path, monkeypatch):
    whole = trained(tmp_path / "a")
    keep = detection_trunk.Run.keep
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(detection_trunk.Run, "keep", lambda run: keep(run) or 1 / 0)
        trained(tmp_path / "b")
    assert trained(tmp_path / "b") == whole and len(whole["epochs"]) == 2
    before, after = Trunk("gap").state_dict(), weights.tensors("detection-trunk", tmp_path / "a/weights")
    assert before.keys() == after.keys()
    assert all(not torch.equal(after[name], before[name]) for name in before if name.endswith("weight"))


def test_objects_and_background_weigh_the_same_and_large_objects_less_than_their_positions():
    run, scene = detection_trunk.Run.__new__(detection_trunk.Run), tiny("train", 4)
    images, boxes, labels = scene[0][:4], scene[1], scene[2]
    run.draws, none = np.random.default_rng(0), np.zeros((0, 4), np.float32)
    run.scenes = [(*each, none) for each in zip(boxes, labels, strict=True)]
    said = torch.zeros(5, CLASSES + 5, 8, 8)
    said[:, CLASSES] = 2  # everywhere: background
    run.net, run.second = lambda images: said[: len(images)], True
    moves = detectors.moves_of(np.random.default_rng(0), 4)
    moved, named, _ = detectors.shifted(run.scenes, moves, (64, 64))
    _, *halved = four_in_one(torch.zeros(4, 3, 64, 64), moved, named)
    off = []  # of each object
    for box, label in zip(moved + halved[0], named + halved[1], strict=True):
        found, edges, counts = targets(box, torch.arange(len(label)), (64, 64))
        for k in range(len(label)):
            off.append((edges[:, found == k].mean(), counts[found == k].sum()))
    off, weights = torch.tensor([pair for pair in off if pair[1] > 0]).T
    missed = math.log(CLASSES + math.exp(2))
    expected = missed + (missed - 2) + 0.1 * ((off * weights).sum() / weights.sum()).item()
    assert run.loss(images, np.arange(4)).item() == pytest.approx(expected, rel=1e-5)
