"""The study of heads: the same trunk, the same scenes, only the head or the place of the object differs."""

import numpy as np
import pytest
import torch

from experiments.train import head_study
from experiments.train.data import scene_of
from lecture_utils import models


def test_the_trunk_is_that_of_alex_with_either_head():
    fc, gap, alex = head_study.build("fc"), head_study.build("gap"), models.build("alex")
    below = [name for name, _ in alex.named_children()]
    below = below[: below.index("pool5")]
    assert [name for name, _ in fc.named_children()] == [name for name, _ in alex.named_children()]
    assert [name for name, _ in gap.named_children()] == [*below, "pool", "flatten", "fc"]
    for name in below:
        assert str(fc.get_submodule(name)) == str(gap.get_submodule(name))
    images = torch.rand(2, 3, 112, 112)
    assert gap(images).shape == (2, 16) and gap[: len(below)](images).shape == (2, 128, 13, 13)


@pytest.mark.parametrize("head", head_study.HEADS)
def test_a_seed_gives_a_net_and_leaves_the_random_state_alone(head):
    before = torch.get_rng_state()
    one, same, other = (head_study.build(head, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["conv3.weight"], other["conv3.weight"])


def test_centred_scenes_are_the_same_scenes_with_the_object_in_the_middle():
    for index in range(40, 48):
        there, here = (scene_of(split, index).factors() for split in ("train", "train centred"))
        assert (here["u_1"], here["v_1"]) == pytest.approx((0.5, 0.5), abs=1e-3)
        moved = {key for key in here if here[key] != there[key]}
        assert moved <= {"u_1", "v_1", "scale_1"}


def test_a_training_writes_what_load_reads(tmp_path, monkeypatch):
    draws = np.random.default_rng(0)
    blobs = (
        draws.integers(0, 256, (64, 3, 112, 112), dtype=np.uint8),
        np.array([[n % 16, -1] for n in range(64)]),
    )
    monkeypatch.setattr(head_study, "single", lambda split, count, placed: blobs)
    monkeypatch.setattr(head_study, "EPOCHS", 1)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    found = head_study.train_one("gap", "centred", 2, tmp_path, device=torch.device("cpu"))
    assert head_study.numbers(tmp_path) == [found] and set(found) >= {"accuracy_anywhere", "accuracy_centred"}
    net = head_study.load("gap", "centred", 2, tmp_path)
    assert not torch.equal(net.conv3.weight, head_study.build("gap", 2).conv3.weight) and not net.training
    with pytest.raises(FileNotFoundError, match=r"python -m experiments head_study"):
        head_study.load("fc", "centred", 2, tmp_path)
