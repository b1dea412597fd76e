"""The studies of first layers and of heads: what differs between their nets and scenes, and what does not."""

import numpy as np
import pytest
import torch

from experiments.train import filter_study, head_study
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


def test_centred_scenes_are_the_same_scenes_with_the_object_in_the_middle():
    for index in range(40, 48):
        there, here = (scene_of(split, index).factors() for split in ("train", "train centred"))
        assert (here["u_1"], here["v_1"]) == pytest.approx((0.5, 0.5), abs=1e-3)
        moved = {key for key in here if here[key] != there[key]}
        assert moved <= {"u_1", "v_1", "scale_1"}


@pytest.mark.parametrize("name", filter_study.SETTINGS)
def test_every_setting_makes_a_net(name):
    setting = filter_study.SETTINGS[name]
    net = filter_study.small_net(setting.conv1)
    kernel, stride = map(int, setting.conv1.split("/"))
    assert net.conv1.weight.shape == (32, 3, kernel, kernel) and net.conv1.stride == (stride, stride)
    assert net[:3](torch.rand(2, 3, 64, 64)).shape == (2, 32, 8, 8), "what follows conv1 is the same for all"
    assert net(torch.rand(2, 3, 64, 64)).shape == (2, 16)


def test_batches_are_cut_within_the_room():
    images = np.arange(80 * 80 * 3, dtype=np.int64).reshape(1, 3, 80, 80).repeat(3, 0) % 200
    found = filter_study.batch(images.astype(np.uint8), np.random.default_rng(0))
    assert found.shape == (3, 3, 64, 64) and found.dtype == torch.float32
    assert found.min() >= 0 and found.max() <= 1 and not torch.equal(found[0], found[1])
    assert torch.equal(found, filter_study.batch(images.astype(np.uint8), np.random.default_rng(0)))
