"""The judges of class images that had no part: their counting by hand, floors of a known score, and what ships."""

import pytest
import torch

from experiments.studies import class_image_judges as study
from lecture_utils import results


def test_ranks_by_hand():
    logits = torch.tensor([[3.0, 1.0, 2.0], [0.0, 0.0, 0.0], [1.0, 5.0, 2.0]])
    assert study.ranks(logits, torch.tensor([2, 1, 1])) == [2, 3, 1], (
        "a judge that knows nothing puts it last"
    )


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
    targets, wanted = (
        torch.tensor([0, 1]),
        {"soon": torch.tensor([0.55, 1.2]), "never": torch.tensor([9.0, 9.0])},
    )
    found = study.without_rules(Sum(), targets, wanted, side=16, most=8)
    images, scores = found["soon"]
    assert (scores >= wanted["soon"]).all() and (scores < wanted["soon"] + 0.1).all(), "as soon as it has it"
    assert torch.allclose(Sum()(images).gather(1, targets[:, None])[:, 0], scores)
    assert torch.equal(found["never"][0], found[study.BARE][0])


def test_what_ships_adds_up():
    table = results.load("class_image_judges")
    for part, bare in zip(study.PARTS, ("first", "ranks"), strict=True):
        assert {study.BARE, study.MIXED, study.ADVERSARIAL} <= set(table[part]["rows"]) and bare in table[
            "about"
        ]
    toy = table["toy world"]
    assert set(toy["judges"]) == set(study.JUDGES)
    for row in toy["rows"].values():
        for judge, places in row["ranks"].items():
            count = 16 * len(toy["starts"]) - len(toy["starts"]) * (judge in study.UNKNOWN)
            assert len(places) == count and row["first"][judge] == study.share(places)
    for row in table["photographs"]["rows"].values():
        assert len(row["ranks"]) == len(study.SHOWN) and row["median rank"] == study.median(row["ranks"])


def test_a_real_picture_is_read_by_every_judge():
    for judge, facts in results.load("class_image_judges")["toy world"]["judges"].items():
        assert facts["right about real pictures"][0] > 0.6, judge
