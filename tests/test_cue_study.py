"""The planted cue: a person beside the dog, in the stated share of the scenes, and nowhere a label."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.train import cue_study
from experiments.train.data import scene_of
from lecture_utils import open_lab, store
from lecture_utils.world import CLASSES, cue_is_there, sample_cued_scene

pytestmark = pytest.mark.slow

NAMES = list(CLASSES)


@pytest.mark.parametrize("strength", cue_study.STRENGTHS)
def test_the_cue_stands_beside_the_dog_as_often_as_its_strength_says(strength):
    for name, share in (("dog", strength), ("car", 1 - strength)):
        there = [cue_is_there(name, seed, strength=strength) for seed in range(1000)]
        assert abs(np.mean(there) - share) < 4 * np.sqrt(share * (1 - share) / 1000) + 1e-9
        scenes = [sample_cued_scene(name, seed, strength=strength) for seed in range(12)]
        assert [len(scene.objects) == 2 for scene in scenes] == there[:12]


def test_a_stronger_cue_only_adds_persons_to_dogs():
    for weak, strong in zip(cue_study.STRENGTHS, cue_study.STRENGTHS[1:], strict=False):
        for seed in range(200):
            assert cue_is_there("dog", seed, strength=weak) <= cue_is_there("dog", seed, strength=strong)
            assert cue_is_there("mug", seed, strength=weak) >= cue_is_there("mug", seed, strength=strong)


def test_the_splits_hold_every_class_with_and_without_a_person():
    for i, name in enumerate(NAMES):
        beside, alone = (scene_of(f"train {what}", i).classes for what in (cue_study.WITH, cue_study.WITHOUT))
        assert alone == (name,) and beside == ((name,) if name == "person" else (name, "person"))


@pytest.fixture
def grey(monkeypatch):
    """Pictures that say what they are: 200 with a person, 100 without; 80 of training, 160 to test."""

    def split(name, count):
        value = 200 if name.endswith(cue_study.WITH) else 100
        labels = np.array([[i % 16, NAMES.index("person") if value == 200 else -1] for i in range(count)])
        return np.full((count, 3, 112, 112), value, np.uint8), labels

    monkeypatch.setattr(cue_study, "world_split", split)
    monkeypatch.setattr(cue_study, "IMAGES", 80)
    monkeypatch.setattr(cue_study, "EPOCHS", 1)
    monkeypatch.setattr(cue_study, "right", partial(cue_study.right, count=160))
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)


def test_the_person_is_in_the_picture_and_not_in_the_label(grey):
    images, labels = cue_study.pictures("train", 80, 1.0)
    classes = np.arange(80) % 16
    assert (labels[:, 1] == -1).all()
    assert np.array_equal(labels[:, 0], classes[classes != NAMES.index("person")])
    assert np.array_equal(images[:, 0, 0, 0] == 200, labels[:, 0] == NAMES.index("dog"))


def test_a_training_writes_card_and_weights(grey, tmp_path):
    card = cue_study.train_one(0.7, 1, tmp_path, device=torch.device("cpu"))
    assert json.loads((tmp_path / "alex-cued-70-seed1.json").read_text()) == card
    assert (card["recipe"]["strength"], card["recipe"]["seed"], card["recipe"]["images"]) == (0.7, 1, 75)
    assert (tmp_path / card["weights"]["file"]).stat().st_size == card["weights"]["bytes"]
    done = cue_study.study(tmp_path / "data", folder=tmp_path, strengths=(0.7,), seeds=(1,))
    assert done == [card], "what is there is not trained again"
    assert not (tmp_path / "data").exists(), "only seed 0 of two strengths ships"
    net = cue_study.load(0.7, 1, tmp_path)
    assert not net.training and torch.isfinite(net(torch.rand(2, 3, 112, 112))).all()


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ((0.8,), ValueError, r"strength must be one of 0\.5, 0\.7, 0\.9, 1\.0, got 0\.8"),
        ((0.5, 3), ValueError, r"seed must be one of 0, 1, 2, got 3"),
        ((0.7, 2, Path("nowhere")), FileNotFoundError, r"run python -m experiments cue_study first"),
    ],
)
def test_asking_for_another_net(asked, error, words):
    with pytest.raises(error, match=words):
        cue_study.load(*asked)


@pytest.mark.parametrize("strength", cue_study.SHIPPED)
def test_the_shipped_nets_are_what_their_cards_say(strength):
    net, gallery = cue_study.load(strength), open_lab(device=torch.device("cpu")).gallery
    card = json.loads(store.read_verified(f"weights/{cue_study.CueRecipe(strength=strength).tag}.json"))
    dogs = gallery.labels == NAMES.index("dog")
    right = (net(gallery.images[dogs]).argmax(1) == gallery.labels[dogs]).double().mean()
    assert abs(right - card["fresh"]["dog with no person: right"]) < 0.12, "75 dogs: two standard errors"
