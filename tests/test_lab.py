"""The lab: what it opens, what it refuses; and the gallery's files."""

import os
import pickle
import shutil

import numpy as np
import pytest
import torch

from experiments import manifest
from experiments.train import gallery as rendered
from experiments.training import save
from lecture_utils import models, open_lab, store
from lecture_utils.lab import from_mask_png, usual_device
from lecture_utils.world import CLASSES
from lecture_utils.world.splits import split_scene

CLASSES_IN_ORDER = list(CLASSES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data folder with a few pictures and untrained weights."""
    folder = tmp_path_factory.mktemp("data")
    rendered.write(folder, count=3, threads=1)
    for name in ("alex", "gap"):
        save(models.build(name).state_dict(), folder / f"weights/{name}.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INSIDE_CONVNETS_DATA", str(folder))
        manifest.write()
    return folder


@pytest.fixture
def lab(folder, monkeypatch):
    monkeypatch.setenv("INSIDE_CONVNETS_DATA", str(folder))
    return open_lab(device="cpu")


def test_lab_has_a_net_in_eval_mode_its_classes_and_layers(lab):
    assert not lab.net.training and lab.classes == tuple(CLASSES)
    assert lab.layers["conv5"] == "relu5" == lab.layer("conv5")
    assert lab.label("elephant") == list(CLASSES).index("elephant")
    assert open_lab(net="gap", device="cpu").layers["fc"] == "fc"


def test_what_a_lecture_asks_of_a_lab(lab):
    assert lab.module("conv5") is lab.net.get_submodule("relu5") and lab.last == "conv5"
    assert lab.names(torch.tensor([1, 0])) == [CLASSES_IN_ORDER[1], CLASSES_IN_ORDER[0]]
    with pytest.raises(KeyError, match="conv6.*conv5"):
        lab.module("conv6")


def test_gallery_is_what_was_rendered(lab):
    found = lab.gallery
    assert found.images.shape == (3, 3, 112, 112) and found.images.dtype == torch.float32
    assert found.images.min() >= 0 and found.images.max() <= 1
    assert found.labels.tolist() == [0, 1, 2] and found.labels.dtype == torch.int64
    for n, scene in enumerate(found.scenes):
        assert scene == split_scene("single", n)
        rendering = scene.render()
        assert np.array_equal(found.objects[n], rendering.objects)
        assert np.array_equal(found.parts[n], rendering.parts)
        assert np.abs(found.images[n].numpy() - rendering.image).mean() < 0.02  # JPEG
        assert found.table[n]["class_1"] == scene.classes[0]
    assert found is lab.gallery  # read once


def test_pairs_have_two_labels_and_two_objects(lab):
    assert lab.pairs.labels.shape == (3, 2)
    for n, scene in enumerate(lab.pairs.scenes[:2]):
        assert [lab.classes[i] for i in lab.pairs.labels[n]] == list(scene.classes)
        rendering = scene.render()
        assert np.array_equal(lab.pairs.objects[n], rendering.objects)
        assert np.array_equal(lab.pairs.parts[n], rendering.parts)
    assert lab.hard.labels.shape == (3,) and lab.hard.scenes[-1].kind == "hard"


def test_masks_survive_their_file():
    draws = np.random.default_rng(0)
    objects = draws.integers(0, 3, (112, 112), dtype=np.uint8)
    parts = np.where(objects > 0, draws.integers(1, 16, (112, 112)), 0).astype(np.uint8)
    found = from_mask_png(rendered.to_mask_png(objects, parts))
    assert np.array_equal(found[0], objects) and np.array_equal(found[1], parts)
    assert max(len(cls.parts) for cls in CLASSES.values()) <= 15  # what a mask file can hold


def test_predict_and_score_agree_with_the_net(lab):
    images = lab.gallery.images
    names, probabilities = lab.predict(images)
    assert torch.allclose(probabilities.sum(1), torch.ones(3))
    with torch.no_grad():
        assert torch.equal(lab.net(images), lab.logits(images))
    assert [lab.classes[i] for i in probabilities.argmax(1)] == names
    assert torch.equal(lab.score(images, 4), probabilities[:, 4])
    assert torch.equal(lab.score(images, lab.gallery.labels), probabilities[[0, 1, 2], lab.gallery.labels])


def test_it_has_the_key_and_holds_claims_to_it(lab, capsys):
    assert lab.has_key is True and "no answer key" not in repr(lab)
    lab.claim("one is less than two", torch.tensor(1 < 2))
    with pytest.raises(AssertionError, match="^the net is always right$"):
        lab.claim("the net is always right", np.bool_(False))
    assert capsys.readouterr().out == ""  # only a lab without the key has to say how it went


def test_the_lab_is_where_its_net_is(lab):
    lab.net.to("meta")
    assert lab.device == torch.device("meta") and "on meta" in repr(lab)


def test_bad_names_and_targets_are_refused(lab):
    with pytest.raises(KeyError, match="did you mean 'alex'"):
        open_lab(net="alexx")
    with pytest.raises(KeyError, match="did you mean 'elephant'"):
        lab.label("elefant")
    with pytest.raises(KeyError, match="did you mean 'conv5'"):
        lab.layer("convv5")
    with pytest.raises(ValueError, match="classes 0 .. 15"):
        lab.score(lab.gallery.images, 16)


def test_a_damaged_picture_is_named(folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path / "data")
    monkeypatch.setenv("INSIDE_CONVNETS_DATA", str(tmp_path / "data"))
    picture = next((tmp_path / "data/toyworld/single").glob("*/0001.jpg"))
    picture.write_bytes(picture.read_bytes()[:500])
    lab = open_lab(device="cpu")
    with pytest.raises(store.DamagedData, match=r"0001\.jpg has 500 bytes"):
        lab.gallery  # noqa: B018


def test_shipped_gallery_is_what_the_world_draws_today():
    lab = open_lab(device="cpu")
    for split in (lab.gallery, lab.hard, lab.pairs):
        for n in (0, len(split) // 2, len(split) - 1):
            rendering = split.scenes[n].render()
            assert np.array_equal(split.parts[n], rendering.parts)
            assert np.abs(split.images[n].numpy() - rendering.image).mean() < 0.02


def test_a_lab_and_its_net_can_be_stored(lab, tmp_path):
    images = lab.gallery.images
    again = pickle.loads(pickle.dumps(lab))
    assert torch.equal(again.logits(images), lab.logits(images)) and again.gallery.files == lab.gallery.files
    torch.save(lab.net, tmp_path / "net.pt")
    assert torch.equal(torch.load(tmp_path / "net.pt", weights_only=False)(images), lab.net(images))


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(1, 1, "cuda"), (0, 1, "mps"), (0, 0, "cpu")])
def test_a_gpu_is_used_when_there_is_one_also_a_macs(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: bool(mps))
    assert usual_device() == expected
    assert os.environ["PYTORCH_ENABLE_MPS_FALLBACK"] == "1"
