"""The planted cue: a person beside the dog, in the stated share of the scenes, and nowhere a label."""

import json
from functools import partial

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


@pytest.mark.parametrize("strength", cue_study.SHIPPED)
def test_the_shipped_nets_are_what_their_cards_say(strength):
    net, gallery = cue_study.load(strength), open_lab(device=torch.device("cpu")).gallery
    card = json.loads(store.read_verified(f"weights/{cue_study.CueRecipe(strength=strength).tag}.json"))
    dogs = gallery.labels == NAMES.index("dog")
    right = (net(gallery.images[dogs]).argmax(1) == gallery.labels[dogs]).double().mean()
    assert abs(right - card["fresh"]["dog with no person: right"]) < 0.12, "75 dogs: two standard errors"
