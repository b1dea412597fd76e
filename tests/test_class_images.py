"""The study of regularisers: the judge against distances computed one by one, a short run, and the shipped rows."""

from types import SimpleNamespace

import pytest
import torch

from experiments.studies import class_images
from lecture_utils import features, open_lab


@pytest.fixture(scope="module")
def lab():
    """The judge's lab with 160 real pictures instead of 1,200."""
    whole = open_lab(net=class_images.JUDGE, device="cpu")
    some = SimpleNamespace(images=whole.gallery.images[:160], labels=whole.gallery.labels[:160])
    return SimpleNamespace(net=whole.net, gallery=some, layers=whole.layers, logits=whole.logits)


@pytest.fixture(scope="module")
def judge(lab):
    return class_images.Judge(lab)


def far(lab, image, others):
    """Distances from one image to some real ones, one pair at a time."""
    layer = lab.layers[class_images.LAYER]
    one = features.extract(lab.net, image[None], layer)[0].double()
    bank = features.extract(lab.net, lab.gallery.images[others], layer).double()
    return torch.stack([(one - other).square().sum().sqrt() for other in bank])


def test_distances_are_those_to_the_nearest_real_picture(lab, judge):
    image = 0.7 * lab.gallery.images[3] + 0.15
    nearest, own = judge.distances(image[None], torch.tensor([5]))
    assert nearest.item() == pytest.approx(
        far(lab, image, list(range(160))).min().item() / judge.unit, rel=1e-4
    )
    fives = (lab.gallery.labels == 5).nonzero()[:, 0].tolist()
    assert own.item() == pytest.approx(far(lab, image, fives).min().item() / judge.unit, rel=1e-4)


def test_a_picture_that_does_not_count_is_left_out(lab, judge):
    images, labels = lab.gallery.images[:4], lab.gallery.labels[:4]
    assert judge.distances(images, labels)[0].max() < 1e-3, "each finds itself"
    alone, _ = judge.distances(images, labels, torch.arange(4))
    others = [i for i in range(160) if i != 2]
    assert alone[2].item() == pytest.approx(far(lab, images[2], others).min().item() / judge.unit, rel=1e-4)


def test_likeness_is_the_largest_cosine(lab, judge):
    layer, images = lab.layers[class_images.LIKENESS], lab.gallery.images
    one = features.extract(lab.net, images[4:5], layer).flatten().double()
    bank = features.extract(lab.net, images[:160], layer).flatten(1).double()
    by_hand = [float(one @ row / (one.norm() * row.norm())) for row in bank]
    assert judge.likeness(images[4:5]).item() == pytest.approx(1, abs=1e-5)
    alone = judge.likeness(images[4:5], torch.tensor([4])).item()
    assert alone == pytest.approx(max(by_hand[:4] + by_hand[5:]), abs=1e-5)
