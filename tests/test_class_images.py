"""The study of regularisers: the judge against distances computed one by one, a short run, and the shipped rows."""

from types import SimpleNamespace

import pytest
import torch

from experiments.studies import class_images
from lecture_utils import features, open_lab, results


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


def test_the_unit_is_the_real_pictures_own(lab, judge):
    alone, _ = judge.distances(lab.gallery.images, lab.gallery.labels, torch.arange(160))
    assert alone.median().item() == pytest.approx(1, rel=1e-6)


def test_a_row_holds_what_was_measured(lab, judge):
    images, labels = lab.gallery.images[:3], lab.gallery.labels[:3]
    row = judge.row(images, torch.tensor([1.0, 2.0, 3.0]), (labels + torch.tensor([0, 1, 0])) % 16)
    assert row["score"] == [1, 2, 3] and row["judge"] == [1, 0, 1]
    by_hand = [
        (i[:, 1:] - i[:, :-1]).square().sum() + (i[:, :, 1:] - i[:, :, :-1]).square().sum() for i in images
    ]
    assert row["variation"] == pytest.approx([v.item() / 112**2 for v in by_hand], abs=1e-4)


def test_attacked_is_another_net():
    plain, attacked = (class_images.net_of(name).fc.weight for name in ("gap", "gap, attacked"))
    assert plain.shape == attacked.shape and not torch.equal(plain, attacked)


def test_the_shipped_rows_are_whole():
    facts = results.load("class_images")
    rows, count = facts["rows"], 2 * class_images.CLASSES
    usual = {"score", "variation", "distance", "to its class", "judge"}
    assert len(class_images.STARTS) == len(class_images.LATER) == 2
    assert set(class_images.settings()) | {f"{name}, later" for name in class_images.AGAIN} < set(rows)
    for name, row in rows.items():
        assert set(row) - {"likeness"} == usual and ("likeness" in row or not name.endswith("later"))
        assert all(len(values) == count for values in row.values())
        assert all(near <= own + 1e-9 for near, own in zip(row["distance"], row["to its class"], strict=True))
    assert facts["starts"] == list(class_images.STARTS)
