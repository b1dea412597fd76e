"""The study of first layers: reproducible, resumable, and it stores what it says."""

import json

import numpy as np
import pytest
import torch

from experiments import runner
from experiments.train import filter_study
from lecture_utils import models, store


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """Striped images, upright or lying, instead of the world; two settings, one seed."""

    def crops(split, count):
        rng, x = np.random.default_rng(len(split)), np.arange(filter_study.ROOM)
        labels = rng.integers(0, 2, count)
        wave = (127 + 100 * np.sin(0.9 * x + rng.uniform(0, 6, (count, 1)))).astype(np.uint8)
        images = np.broadcast_to(wave[:, None, None, :], (count, 3, len(x), len(x))).copy()
        images[labels == 1] = images[labels == 1].swapaxes(2, 3)
        return images, labels

    monkeypatch.setenv("INSIDE_CONVNETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(filter_study, "crops", crops)
    monkeypatch.setattr(filter_study, "world_fingerprint", lambda: "toy")
    monkeypatch.setattr(filter_study, "SEEDS", (0,))
    some = ("11/4", "7/4")
    monkeypatch.setattr(filter_study, "SETTINGS", {name: filter_study.SETTINGS[name] for name in some})
    return tmp_path


@pytest.mark.parametrize("name", filter_study.SETTINGS)
def test_every_setting_makes_a_net(name):
    setting = filter_study.SETTINGS[name]
    net = filter_study.small_net(setting.conv1)
    kernel, stride = map(int, setting.conv1.split("/"))
    assert net.conv1.weight.shape == (32, 3, kernel, kernel) and net.conv1.stride == (stride, stride)
    assert net[:3](torch.rand(2, 3, 64, 64)).shape == (2, 32, 8, 8), "what follows conv1 is the same for all"
    assert net(torch.rand(2, 3, 64, 64)).shape == (2, 16)


def test_a_training_learns_and_repeats_itself(toy):
    def train(seed):
        return filter_study.train_one(filter_study.Setting(), seed, *data, epochs=4)

    data, state = (filter_study.crops("train", 128), filter_study.crops("tune", 40)), torch.get_rng_state()
    (one, numbers), (again, _), (other, _) = train(3), train(3), train(4)
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)
    assert numbers["accuracy"] > 0.8, "upright and lying stripes are easily told apart"


def test_the_study_resumes_and_stores(toy, monkeypatch, capsys):
    command = ["filter_study", "--images", "64", "--epochs", "1", "--out", str(toy)]
    train_one, calls = filter_study.train_one, []

    def interrupted(setting, *rest):
        calls.append(setting)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train_one(setting, *rest)

    monkeypatch.setattr(filter_study, "train_one", interrupted)
    assert runner.main(command) == 130
    assert not (toy / "weights/filter_study.json").exists()
    assert runner.main(command) == 0
    assert [c.conv1 for c in calls] == ["11/4", "7/4", "7/4"], "the finished one is not trained again"
    card = json.loads((toy / "weights/filter_study.json").read_text())
    assert [(run["setting"], run["seed"]) for run in card["runs"]] == [("11/4", 0), ("7/4", 0)]
    assert "goes on with what is missing" in capsys.readouterr().err

    monkeypatch.setattr(store, "read_verified", lambda name: (toy / name).read_bytes())
    stored = filter_study.shipped()
    assert [tuple(w.shape) for (w,) in stored.values()] == [(32, 3, 11, 11), (32, 3, 7, 7)]
    assert all(w.dtype == torch.float32 for (w,) in stored.values())
    assert models.card("filter_study") == card


def test_batches_are_cut_within_the_room():
    images = np.arange(80 * 80 * 3, dtype=np.int64).reshape(1, 3, 80, 80).repeat(3, 0) % 200
    found = filter_study.batch(images.astype(np.uint8), np.random.default_rng(0))
    assert found.shape == (3, 3, 64, 64) and found.dtype == torch.float32
    assert found.min() >= 0 and found.max() <= 1 and not torch.equal(found[0], found[1])
    assert torch.equal(found, filter_study.batch(images.astype(np.uint8), np.random.default_rng(0)))


def test_crops_lie_round_the_object(monkeypatch, tmp_path):
    """The pixel under the object's middle is in the crop, at the middle unless the frame's border is near."""
    from types import SimpleNamespace

    import lecture_utils.world.splits as splits

    picture = np.arange(112 * 112, dtype=np.int64).reshape(112, 112)
    places = [(0.5, 0.5), (0.02, 0.9)]
    monkeypatch.setenv("INSIDE_CONVNETS_CACHE", str(tmp_path))
    monkeypatch.setattr(filter_study, "world_fingerprint", lambda: "toy")
    (tmp_path / "world-toy").mkdir()
    images = np.stack([np.stack([picture] * 3)] * 2)
    monkeypatch.setattr(filter_study, "world_split", lambda split, n: (images, np.array([[4, -1], [5, 2]])))
    scenes = [SimpleNamespace(factors=lambda u=u, v=v: {"u_1": u, "v_1": v}) for u, v in places]
    monkeypatch.setattr(splits, "split_scene", lambda split, i: scenes[i])
    for _ in range(2):  # made, then read from the cache
        cut, labels = filter_study.crops("train", 2)
        assert cut.shape == (2, 3, 80, 80) and labels.tolist() == [4, 5]
        assert cut[0, 0, 40, 40] == picture[56, 56] and cut[1, 0, 0, 0] == picture[32, 0]
