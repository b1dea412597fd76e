"""Beta chosen on scenes of its own: they are no others' scenes, the rule by hand, a small training, and what ships."""

import pytest

from experiments.studies import studio_beta
from experiments.train import studio_vae
from lecture_utils import models, results
from lecture_utils.world.splits import SPLITS


def test_nobody_learns_from_the_validation_scenes_and_nobody_is_tested_on_them():
    assert studio_beta.VALIDATION[0] >= studio_vae.Recipe.images and len(studio_beta.VALIDATION) == 1_000
    assert studio_beta.VALIDATION[-1] < len(SPLITS["studio"]), "the test scenes are another split"


def test_as_good_means_two_standard_errors_of_the_difference():
    rows = [{"beta": 1, "kid": [9, 0.3]}, {"beta": 5, "kid": [7, 0.3]}, {"beta": 15, "kid": [7.8, 0.3]}]
    assert studio_beta.as_good(rows) == (5, [5, 15])
    rows[2]["kid"] = [7.9, 0.3]
    assert studio_beta.as_good(rows) == (5, [5])


def test_what_ships_follows_its_rule():
    table = results.load("studio_beta")
    assert [row["beta"] for row in table["rows"]] == list(studio_beta.BETAS)
    assert [table["best"], table["as good"]] == list(studio_beta.as_good(table["rows"]))
    for name, row in table["shipped"].items():
        assert table["weights"][name] == models.card(name)["weights"]["sha256"]
        assert row["elbo"] == pytest.approx(models.card(name)["held out"]["elbo"], rel=0.01)
        assert row["kid"][0] > table["floor"][0] + 5 * row["kid"][1]
