"""Other seeds: that the studies measure what the notebooks do, go on where they were cut, and what ships is whole."""

import json
import math

import pytest
import torch

from experiments.studies import class_commitment, digit_seeds, studio_seeds
from experiments.train import studio_pixelcnn, studio_vae
from lecture_utils import datasets, models, results
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


def test_trains_what_is_missing_and_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(studio_seeds, "cache_dir", lambda: tmp_path)
    trainings, pixels = [], datasets.load("studio").test.pixels[:4]

    def train(out, recipe, folder):
        trainings.append((recipe.seed, out == folder == studio_seeds.home("VAE", recipe.seed)))
        return studio_vae._ship(recipe, studio_vae.build(recipe), pixels, [], out, studio_vae.NAMES)

    monkeypatch.setattr(studio_vae, "train", train)
    one, same = studio_seeds.trained("VAE", 1).state_dict(), studio_seeds.trained("VAE", 1).state_dict()
    assert trainings == [(1, True)]
    begun = studio_vae.build(studio_vae.Recipe(seed=1)).state_dict()
    for name, value in one.items():
        assert torch.equal(value, same[name]), name
        assert not value.is_floating_point() or torch.equal(value, begun[name].half().float()), name


def test_purest_axes_of_a_code_that_is_known():
    studio = datasets.load("studio")

    class Known:
        """Two axes: the pitch, and noise with a little of the sun."""

        def encode(self, x):
            at = [int((studio.test.pixels == one).flatten(1).all(1).nonzero()[0]) for one in x[:1]][0]
            rows = slice(at, at + len(x))
            noise = torch.randn(len(x), generator=torch.Generator().manual_seed(at))
            sun = torch.deg2rad(studio.test.factors["sun"][rows]).sin()
            return torch.stack([studio.test.factors["pitch"][rows], noise + sun], 1), None

    found = studio_seeds.purest_axes(Known())
    assert set(found) == set(studio_seeds.KINDS) == set(studio.test.factors)
    assert found["pitch"] == pytest.approx(1) and 0.1 < found["sun"] < 0.6 and found["across"] < 0.05


def test_scenes_are_cut_where_the_thing_begins():
    pixels, classes, tops = class_commitment.scenes(2)
    assert classes.tolist() == [k for k in range(6) for _ in range(2)] and pixels.max() == 7
    for picture, top in zip(pixels, tops, strict=True):
        above, thing = picture[:, : max(1, top - 1)], picture[:, top + 1 : top + 4]  # a pixel is 2 x 2 rays
        assert (above.amax(2) - above.amin(2)).max() <= 1, "nothing but backdrop"
        assert (thing.amax(2) - thing.amin(2)).max() >= 2


def test_what_is_given_whole_stays_what_it_is(monkeypatch):
    borders = []

    def complete(model, given, rows, heat, numbers):
        assert len(given) == len(rows) == len(heat) == len(numbers)
        borders.append(rows)
        yield given, None

    monkeypatch.setattr(class_commitment, "complete", complete)
    found = class_commitment.said(studio_pixelcnn.build(), rows=(0, 4), each=3)
    assert found["each"] == 3 and torch.equal(borders[0] + 4, borders[1])
    assert found["said"] == [(3 * torch.eye(6).int()).tolist()] * 2


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


def test_digit_nets_in_small(tmp_path, monkeypatch):
    monkeypatch.setattr(digit_seeds, "DRAWS", 5)
    one, two = json.loads(digit_seeds.run(tmp_path, (0, 1), steps=0.004).read_text())["rows"]
    assert one["seed"] == 0 and one["nats"] != two["nats"] and one["squared error"] != two["squared error"]
    assert set(one["densities"]) == set(digit_seeds.gaussians())
    assert len(one["alive"]) == len(digit_seeds.SIGMAS)
    again = json.loads(digit_seeds.run(tmp_path, (1,), steps=0.004).read_text())
    assert again["rows"] == [two], "a seed repeats"
