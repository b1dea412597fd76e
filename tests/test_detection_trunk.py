"""The trunk that detectors share: what it learns from, by hand; and that its training goes on where it stopped."""

import math

import numpy as np
import pytest
import torch

from experiments.train import detection_trunk, detectors
from experiments.train.detection_trunk import CLASSES, Recipe, targets
from lecture_utils.detection import Trunk
from lecture_utils.models import weights
from tests.test_detectors_two_stage import tiny


def test_each_position_names_the_smallest_object_around_it_and_its_edges():
    boxes = torch.tensor(
        [[0.0, 0, 32, 16], [8, 0, 16, 8], [25, 17, 29, 19]]
    )  # the last holds no middle of a cell
    label, edges = targets(boxes, torch.tensor([3, 5, 7]), (32, 32))
    none = CLASSES
    assert label.tolist() == [[3, 5, 3, 3], [3, 3, 3, 3], [none, none, none, 7], [none] * 4]
    assert torch.allclose(
        edges[:, 0, 3], torch.tensor([28.0, 4, 4, 12]).log()
    )  # of the large one, seen from 28, 4
    assert torch.allclose(edges[:, 0, 1], torch.full((4,), math.log(4)))
    assert torch.allclose(edges[:, 2, 3], torch.tensor([3.0, 3, 1, 1]).clamp(min=1).log())  # right: 1 px
    assert not edges[:, 3].any()
    label, edges = targets(torch.zeros(0, 4), torch.zeros(0).long(), (16, 24))
    assert (label == none).all() and label.shape == (2, 3) and not edges.any()


def trained(folder, **changes):
    recipe = Recipe(**{"epochs": 2, "images": 6, "batch": 3, "tested": 2} | changes)
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


def test_objects_and_background_weigh_the_same_however_many_positions_they_have():
    run, scene = detection_trunk.Run.__new__(detection_trunk.Run), tiny("train", 1)
    images, boxes, labels = scene[0], scene[1][0], scene[2][0]
    run.draws, run.scenes = np.random.default_rng(0), [(boxes, labels, np.zeros((0, 4), np.float32))]
    said = torch.zeros(1, CLASSES + 5, 8, 8)
    said[:, CLASSES] = 2  # everywhere: background
    run.net = lambda images: said
    moves = detectors.moves_of(np.random.default_rng(0), 1)
    (moved,), (named,), _ = detectors.shifted(run.scenes, moves, (64, 64))
    label, edges = targets(moved, named, (64, 64))
    missed = math.log(CLASSES + math.exp(2))
    expected = missed + (missed - 2) + 0.1 * edges[:, label < CLASSES].mean().item()
    assert run.loss(images, np.array([0])).item() == pytest.approx(expected, rel=1e-5)
