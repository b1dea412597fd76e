"""Digits and studio are what they say; the downloads are read from small files made here, and damage has a sentence."""

import hashlib
import pickle
import struct

import numpy as np
import pytest
import torch
import torchvision

from experiments import downloads, manifest
from experiments.studio_scenes import COLOURS, POSES, studio_scene, studio_split
from experiments.train import studio
from lecture_utils import datasets, store
from lecture_utils.world import render
from tests.helpers import refusals


def test_digits():
    digits = datasets.load("digits")
    assert (len(digits.train), len(digits.test), digits.levels) == (1297, 500, 17)
    assert digits.train.pixels.shape == (1297, 1, 8, 8) and digits.train.pixels.dtype == torch.int64
    assert digits.train.pixels.aminmax() == (0, 16)
    torch.testing.assert_close(digits.train.images, digits.train.pixels.float() / 16)
    shares = digits.test.labels.bincount() / 500 - digits.train.labels.bincount() / 1297
    assert shares.abs().max() < 0.002, "each digit as often in the test part"
    assert torch.equal(digits.test.pixels, datasets.load("digits").test.pixels)


def test_fashion_is_the_beginning_of_fashion_mnist():
    fashion = datasets.load("fashion")
    for part, count in ((fashion.train, 6000), (fashion.test, 1000)):
        assert part.pixels.shape == (count, 1, 28, 28) and part.pixels.dtype == torch.int64
        assert part.pixels.aminmax() == (0, 255) and part.labels.bincount().min() > 0.085 * count
    # The first ten labels of Fashion-MNIST's two files, and a sum of its first image.
    assert fashion.train.labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert fashion.test.labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert fashion.train.pixels[0].sum() == 76247
    # Labels belong to their images: of all nearest neighbours in pixels, four in five are of the same class.
    near = torch.cdist(fashion.test.images.flatten(1), fashion.train.images.flatten(1)).argmin(1)
    assert (fashion.train.labels[near] == fashion.test.labels).float().mean() > 0.78


def test_the_studio_is_what_its_scenes_render_to():
    found = datasets.load("studio")
    assert found.names == {"class": tuple(POSES), "colour": tuple(COLOURS)} and found.classes == tuple(POSES)
    for split, part in (("studio", found.train), ("studio test", found.test)):
        assert part.pixels.shape == (1000, 3, 32, 32) and part.levels == 256
        for index in (0, 41, 999):
            scene, colour = studio_split(split, index)
            pixels = torch.from_numpy((render(scene, size=32).image * 255).round()).long()
            assert (part.pixels[index] - pixels).abs().max() <= 1  # the same picture, on any machine
            assert found.names["colour"][part.factors["colour"][index]] == colour
            assert found.classes[part.labels[index]] == scene.objects[0].cls
            assert float(part.factors["azimuth"][index]) == pytest.approx(scene.objects[0].azimuth, abs=1e-3)
    factors = found.train.factors
    pairs = (6 * factors["class"] + factors["colour"]).bincount(minlength=36)
    assert pairs.min() >= 27 and pairs.max() <= 28, "class and colour are independent"
    assert factors["azimuth"].abs().max() <= 80


def test_only_the_colour_changes_when_the_colour_does():
    red, blue = (studio_scene("mug", colour, 5) for colour in ("red", "blue"))
    assert red.objects[0].azimuth == blue.objects[0].azimuth and red.camera == blue.camera
    assert np.array_equal(render(red, size=32).objects, render(blue, size=32).objects)
    assert not np.array_equal(render(red, size=32).image, render(blue, size=32).image)


def test_a_sheet_comes_back_as_it_was(tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (80, 3, 32, 32), np.uint8)
    monkeypatch.setenv("INSIDE_CONVNETS_DATA", str(tmp_path))
    (tmp_path / "studio").mkdir()
    (tmp_path / "studio/train.png").write_bytes(studio.sheet(images))
    manifest.write()
    assert torch.equal(datasets._tiles("studio/train.png", 32), torch.from_numpy(images).long())
    (tmp_path / "studio/train.png").write_bytes(studio.sheet(images)[:-40])
    with pytest.raises(store.DamagedData, match="python -m experiments studio"):
        datasets._tiles("studio/train.png", 32)


def test_quantised():
    pixels = torch.arange(256)
    few = datasets.quantised(pixels, 8)
    assert few.bincount().tolist() == [32] * 8 and few.tolist() == sorted(few.tolist())
    assert torch.equal(datasets.quantised(pixels, 256), pixels)


PIXELS = torch.arange(256)
test_what_is_refused = refusals(
    (lambda: datasets.quantised(PIXELS / 255, 8), "pixels: expected"),
    (lambda: datasets.quantised(PIXELS - 1, 8), "-1 .. 254"),
    (lambda: datasets.quantised(PIXELS + 1, 8), "1 .. 256"),
    (lambda: datasets.quantised(PIXELS, 1), "levels"),
    (lambda: datasets.quantised(PIXELS, 257), "levels"),
    (lambda: downloads.load("mnst", "."), "did you mean 'mnist'"),
    (lambda: studio_scene("mugg", "red", 1), "did you mean 'mug'"),
    (lambda: studio_scene("mug", "redd", 1), "did you mean 'red'"),
    (lambda: studio.pictures("train", 4), "'studio', 'studio test'"),
    (lambda: studio.pictures("studio test", 0), "1 to 10000"),
)


def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(head + array.tobytes())


def make_mnist(root, kind):
    draws = np.random.default_rng(1)
    for stem, count in (("train", 5), ("t10k", 3)):
        file = root / kind / f"raw/{stem}-images-idx3-ubyte"
        write_idx(file, draws.integers(0, 256, (count, 28, 28), np.uint8))
        labels = draws.integers(0, 10, count).astype(np.uint8)
        write_idx(file.with_name(f"{stem}-labels-idx1-ubyte"), labels)


def make_cifar(root, monkeypatch):
    folder, draws, cifar = (
        root / "cifar-10-batches-py",
        np.random.default_rng(2),
        torchvision.datasets.CIFAR10,
    )
    folder.mkdir(parents=True)

    def put(name, data):
        (folder / name).write_bytes(pickle.dumps(data))
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    parts = {"train_list": [f"data_batch_{i}" for i in range(1, 6)], "test_list": ["test_batch"]}
    for which, names in parts.items():
        images = [draws.integers(0, 256, (2, 3072), np.uint8) for _ in names]
        batches = [(n, {"data": some, "labels": [3, 7]}) for n, some in zip(names, images, strict=True)]
        monkeypatch.setattr(cifar, which, [[name, put(name, data)] for name, data in batches])
    meta = put("batches.meta", {"label_names": [f"thing {i}" for i in range(10)]})
    monkeypatch.setattr(cifar, "meta", {"filename": "batches.meta", "key": "label_names", "md5": meta})


@pytest.mark.parametrize(("name", "kind"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_mnist_from_a_folder(name, kind, tmp_path):
    make_mnist(tmp_path, kind)
    found = downloads.load(name, root=tmp_path)
    assert (len(found.train), len(found.test), found.levels, len(found.classes)) == (5, 3, 256, 10)
    raw = np.frombuffer((tmp_path / kind / "raw/train-images-idx3-ubyte").read_bytes()[16:], np.uint8)
    assert np.array_equal(found.train.pixels, raw.reshape(5, 1, 28, 28)) and found.train.images.max() <= 1


def test_cifar_from_a_folder(tmp_path, monkeypatch):
    make_cifar(tmp_path, monkeypatch)
    found = downloads.load("cifar10", root=str(tmp_path))
    assert found.train.pixels.shape == (10, 3, 32, 32) and found.classes[3] == "thing 3"
    assert found.test.labels.tolist() == [3, 7] and found.train.factors is None
    with open(tmp_path / "cifar-10-batches-py/data_batch_2", "ab") as file:
        file.write(b"x")
    with pytest.raises(FileNotFoundError, match="not whole.*download=True"):
        downloads.load("cifar10", root=tmp_path)


def test_a_folder_that_is_missing_or_half_there_has_a_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not there.*download=True"):
        downloads.load("mnist", root=tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists(), "nothing is made"
    make_mnist(tmp_path, "MNIST")
    file = tmp_path / "MNIST/raw/train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(FileNotFoundError, match="not whole"):
        downloads.load("mnist", root=tmp_path)
    make_mnist(tmp_path, "MNIST")
    write_idx(file.with_name("train-labels-idx1-ubyte"), np.zeros(4, np.uint8))
    with pytest.raises(FileNotFoundError, match="5 pictures and 4 labels"):
        downloads.load("mnist", root=tmp_path)
