"""The study of the planted cue: its bookkeeping on known numbers, and what ships against a slice made again."""

import pytest
import torch
from torch import nn

from experiments.studies import spurious_cue
from experiments.train import cue_study
from lecture_utils import results


class SeesRed(nn.Module):
    """Says "dog" (and nothing else) as strongly as the picture is red."""

    def forward(self, images):
        logits = torch.zeros(len(images), 16)
        logits[:, spurious_cue.DOG] = images[:, 0].mean((1, 2)) * 10 - 5
        return logits


@pytest.fixture(scope="module")
def pictures():
    return spurious_cue.rendered(2)


def test_what_is_left_of_a_scene(pictures):
    kinds = spurious_cue.scenes(3)
    for kind, classes in zip(kinds, [("dog", "person"), ("dog",), ("person",), ()], strict=True):
        assert [scene.classes for scene in kinds[kind]] == [classes] * 3
        assert [scene.camera for scene in kinds[kind]] == [scene.camera for scene in kinds["dog"]]
    changed = (pictures["dog and person"] != pictures["dog"]).any(1).double().mean((1, 2))
    assert ((changed > 0.01) & (changed < 0.5)).all(), "only the person goes"


def test_causal_numbers_are_paired_changes_of_log_odds():
    levels = {"dog and person": 0.9, "dog": 0.6, "person": 0.8, "neither": 0.1}
    pictures = {kind: torch.full((4, 3, 8, 8), level) for kind, level in levels.items()}
    found = spurious_cue.causal(SeesRed(), pictures)
    for name, change in (("person removed", -3), ("dog removed", -1), ("person alone", 7), ("dog alone", 5)):
        assert found[name] == pytest.approx([change] * 3, abs=1e-3)
    assert [found[f"{kind}: called dog"] for kind in spurious_cue.KINDS] == [1, 1, 1, 0]


def test_gains_are_paired_by_start_and_seed():
    rows = [
        {"strength": strength, "seed": seed, "evidence": [10.0 * seed + rise, 100 * seed + 2 * rise]}
        for seed in (0, 1)
        for strength, rise in ((1.0, 3), (0.5, 0))
    ]
    mean, low, high = spurious_cue.gains(rows)[1.0]
    assert mean == 4.5 and 3 <= low <= mean <= high <= 6
    assert list(spurious_cue.gains(rows)) == [1.0]


def test_evidence_rises_with_a_person(pictures):
    change = spurious_cue.evidence(pictures["dog and person"]) - spurious_cue.evidence(pictures["dog"])
    assert change.shape == (2,) and (change > 0).all()
    assert spurious_cue.beside_a_person(pictures["dog and person"], pictures) == [1, 1]
    assert spurious_cue.beside_a_person(pictures["dog"], pictures) == [0, 0]


def test_what_ships_is_whole():
    facts = results.load("spurious_cue")
    nets = [(seed, strength) for seed in cue_study.SEEDS for strength in cue_study.STRENGTHS]
    assert [(row["seed"], row["strength"]) for row in facts["rows"]] == nets
    again = spurious_cue.gains(facts["rows"])
    assert {str(strength): found for strength, found in again.items()} == facts["gains"]


def test_a_slice_made_again_agrees():
    """The first scenes of the shipped nets: what a net calls them is in its row, for all scenes together."""
    facts = results.load("spurious_cue")
    for strength in cue_study.SHIPPED:
        scores = spurious_cue.scores(cue_study.load(strength), spurious_cue.pictures_of(strength))
        (row,) = [row for row in facts["rows"] if (row["strength"], row["seed"]) == (strength, 0)]
        called = (scores.argmax(1) == spurious_cue.DOG).double().mean()
        assert abs(float(called) - row["called dog"]) <= 0.25, "JPEG may turn one or the other"
