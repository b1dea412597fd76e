"""Other seeds: that the studies measure what the notebooks do, and that what ships is whole."""

import json
import math

import pytest

from experiments.studies import studio_seeds
from lecture_utils import models, results
from lecture_utils.models import studio

pytestmark = pytest.mark.slow


def test_scenes_described_beside_themselves():
    judge, coarse = models.load("studio-factors"), studio_seeds.scenes("test", 8, 200)
    assert len(coarse.unique()) <= 8 and coarse.shape == (200, 3, 32, 32)
    found = studio_seeds.described(judge, coarse, coarse)
    assert found["sure"] > 0.95 and found["fid"] == pytest.approx(0, abs=1e-2) and found["kid"][0] <= 0
    damaged = studio_seeds.described(judge, coarse.roll(1, 1), coarse)  # red becomes green
    assert damaged["fid"] > 5 and damaged["kid"][0] > 1
    for shares in found["factors"].values():
        assert sum(shares) == pytest.approx(1, abs=1e-3)


def test_summaries_by_hand():
    even = {"class": [1 / 6] * 6, "pitch, degrees": [0.25] * 4}
    factors = {"class": [0.5, 0, 0.1, 0.1, 0.1, 0.2], "pitch, degrees": [0, 0, 0, 1]}
    row, scenes = {"seed": 7, "sure": 0.9, "factors": factors}, {"test": {"factors": even}}
    (short,) = studio_seeds.summaries("VAE", {"nets": {"VAE": [row]}, "scenes": scenes})
    assert short["rarest"] == ("duck", 0) and short["commonest"] == ("elephant", 0.5) and short["seed"] == 7
    assert short["apart"] == pytest.approx({"pitch, degrees": 0.75, "class": 1 / 3 + 1 / 30})
    found = {"scenes": scenes | {"train": {"factors": factors}}}
    assert studio_seeds.floor(found=found) == pytest.approx(short["apart"])
    assert studio_seeds.fair(1_000) == pytest.approx(6 / 2 * (2 / math.pi * 5 / 36 / 1_000) ** 0.5, rel=0.05)


def test_the_shipped_rows_are_of_the_shipped_nets():
    found, judge = results.load("studio_seeds"), models.load("studio-factors")
    for name, rows in found["nets"].items():
        assert [row["seed"] for row in rows] == list(studio_seeds.SEEDS), name
        assert len({json.dumps(row["factors"]) for row in rows}) == len(rows), "other seeds, other pictures"
    said = studio.read(judge, studio_seeds.samples("GAN", models.load("studio-gan"), 200))
    share = float((said["class"].amax(1) > 0.9).double().mean())
    assert share == pytest.approx(found["nets"]["GAN"][0]["sure"], abs=0.08)
    bits = models.card("studio-pixelcnn")["tested"]["bits/dim"]
    assert found["nets"]["PixelCNN"][0]["bits/dim"] == pytest.approx(bits, abs=1e-3)
    again = studio_seeds.described(judge, studio_seeds.scenes("train"), studio_seeds.scenes("test"))
    assert again["sure"] == found["scenes"]["train"]["sure"]
    assert again["kid"] == pytest.approx(found["scenes"]["train"]["kid"], abs=1e-2)
