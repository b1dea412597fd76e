"""The shipped PixelCNN: its training can be cut, refuses what does not belong, and can be read back."""

import json
import math

import numpy as np
import pytest
import torch

from experiments.train import studio_pixelcnn
from lecture_utils import datasets, models, store

TINY = studio_pixelcnn.Recipe(images=12, steps=4, batch=4, width=6, kernel=3, dilations=(1, 2))


def data(split, count):
    seed = ("studio", "studio test").index(split)
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), {}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(studio_pixelcnn, "KEPT", 2)
    monkeypatch.setattr(studio_pixelcnn, "TESTED", 3)
    monkeypatch.setattr(studio_pixelcnn, "fast_bfloat16", lambda device: False)


def trained(folder, recipe=TINY, **options):
    return studio_pixelcnn.train(recipe, data, out=folder / "weights", folder=folder / "run", **options)


def test_a_training_cut_in_two_is_the_training(tmp_path, monkeypatch):
    whole, batch = trained(tmp_path / "a"), studio_pixelcnn._batch

    def cut(pixels, recipe, step):
        if step == 3:
            raise KeyboardInterrupt
        return batch(pixels, recipe, step)

    monkeypatch.setattr(studio_pixelcnn, "_batch", cut)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "b")
    monkeypatch.setattr(studio_pixelcnn, "_batch", batch)
    assert trained(tmp_path / "b") == whole and len(whole["bits/dim while training"]) == 2
    files = [tmp_path / name / "weights/studio-pixelcnn.safetensors" for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()
    with pytest.raises(ValueError, match="of another training"):
        trained(tmp_path / "b", studio_pixelcnn.Recipe(**{**vars(TINY), "rate": 1.0}))
    trained(tmp_path / "b", restart=True)


def test_what_is_written_can_be_read(tmp_path, monkeypatch):
    facts = trained(tmp_path)
    monkeypatch.setenv("INSIDE_CONVNETS_DATA", str(tmp_path))
    store.write_manifest()
    assert models.card("studio-pixelcnn") == json.loads(json.dumps(facts))
    net = models.load("studio-pixelcnn")
    x = datasets.quantised(torch.from_numpy(data("studio test", 3)[0]), 8)
    with torch.no_grad():
        nats = -net.log_prob(x).mean()
    assert float(nats) == pytest.approx(facts["tested"]["nats"], abs=0.1)
    assert float(nats) / 3072 / math.log(2) == pytest.approx(facts["tested"]["bits/dim"], abs=1e-3)
    again = models.load("studio-pixelcnn", folder=tmp_path / "weights").state_dict()  # by folder
    assert all(torch.equal(value, again[name]) for name, value in net.state_dict().items())
    with open(tmp_path / "weights/studio-pixelcnn.safetensors", "r+b") as file:
        file.truncate(500)
    with pytest.raises(store.DamagedData):
        models.load("studio-pixelcnn")


def test_nan_ends_a_training_and_leaves_the_checkpoint(tmp_path):
    with pytest.raises(FloatingPointError, match="the last checkpoint is good"):
        trained(tmp_path, studio_pixelcnn.Recipe(**{**vars(TINY), "rate": math.inf}))


def test_every_epoch_goes_through_all_pictures():
    pixels = torch.arange(12)
    seen = torch.cat([studio_pixelcnn._batch(pixels, TINY, step) for step in range(3)])
    assert sorted(seen.tolist()) == list(range(12))


def test_the_shipped_one_knows_the_studio_as_well_as_its_card_says():
    net, card = models.load("studio-pixelcnn"), models.card("studio-pixelcnn")
    some = datasets.quantised(datasets.load("studio").test.pixels[:24], net.levels)
    with torch.no_grad():
        found = net.bits_per_dim(some)
        odd = net.bits_per_dim(some[:4].flip(2))  # upside down
    assert float(found.mean()) == pytest.approx(card["tested"]["bits/dim"], rel=0.15)
    assert odd.mean() > 1.2 * found[:4].mean()
