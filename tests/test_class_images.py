"""The studies of class images: distances one by one, ranks and floors of a known score, and what ships."""

from types import SimpleNamespace

import pytest
import torch

from experiments.studies import class_image_judges as study, class_images
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
    every = far(lab, image, list(range(160)))
    assert nearest.item() == pytest.approx(every.min().item() / judge.unit, rel=1e-4)
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


def test_ranks_by_hand():
    logits = torch.tensor([[3.0, 1.0, 2.0], [0.0, 0.0, 0.0], [1.0, 5.0, 2.0]])
    assert study.ranks(logits, torch.tensor([2, 1, 1])) == [2, 3, 1], "who knows nothing puts it last"


def test_shares_gains_and_medians_by_hand():
    assert study.share([1, 3, 1, 9])[0] == 0.5 and study.share([1, 3, 1, 9], 5)[0] == 0.75
    assert study.gain([1, 1, 1], [1, 7, 2])[0] == pytest.approx(2 / 3, abs=1e-4)
    assert study.median([4, 4, 4]) == [4, 4, 4] and study.median([1, 2, 30])[0] == 2


def test_a_judge_is_not_asked_what_it_was_never_taught():
    labels = torch.arange(16)
    assert study.known("zf", labels).all()
    assert [list(study.WORLD)[k] for k in labels[~study.known("alex-cued-50", labels)]] == ["person"]


class Sum(torch.nn.Module):
    """Score k is k + 1 times the mean pixel."""

    def forward(self, images):
        return images.mean((1, 2, 3))[:, None] * torch.tensor([1.0, 2.0])


def test_a_floor_has_the_score_that_was_asked_for():
    targets = torch.tensor([0, 1])
    wanted = {"soon": torch.tensor([0.55, 1.2]), "never": torch.tensor([9.0, 9.0])}
    found = study.without_rules(Sum(), targets, wanted, side=16, most=8)
    images, scores = found["soon"]
    assert (scores >= wanted["soon"]).all() and (scores < wanted["soon"] + 0.1).all(), "as soon as it has it"
    assert torch.allclose(Sum()(images).gather(1, targets[:, None])[:, 0], scores)
    assert torch.equal(found["never"][0], found[study.BARE][0])


def test_what_ships_adds_up():
    table = results.load("class_image_judges")
    for part, bare in zip(study.PARTS[:2], ("first", "ranks"), strict=True):
        assert {study.BARE, study.MIXED, study.ADVERSARIAL} <= set(table[part]["rows"])
        assert bare in table["about"]
    toy = table["toy world"]
    assert set(toy["judges"]) == set(study.JUDGES)
    for row in toy["rows"].values():
        for judge, places in row["ranks"].items():
            count = 16 * len(toy["starts"]) - len(toy["starts"]) * (judge in study.UNKNOWN)
            assert len(places) == count and row["first"][judge] == study.share(places)
    others, bare = table["recipes and nets"]["rows"], toy["rows"][study.BARE]["ranks"]
    assert list(others) == study.OTHERS
    for name, row in others.items():
        base = others[name.replace(", attacked", "")]["ranks"] if name.startswith("gap") else bare
        for judge, places in row["ranks"].items():
            assert len(places) == len(bare[judge]) and row["first"][judge] == study.share(places)
            assert "gain" not in row or row["gain"][judge] == study.gain(places, base[judge])
    for row in table["photographs"]["rows"].values():
        assert len(row["ranks"]) == len(study.SHOWN) and row["median rank"] == study.median(row["ranks"])


def test_a_real_picture_is_read_by_every_judge():
    for judge, facts in results.load("class_image_judges")["toy world"]["judges"].items():
        assert facts["right about real pictures"][0] > 0.6, judge
