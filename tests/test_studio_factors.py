"""The judge of studio pictures: what it says, how it is trained, and that the shipped one reads what its card says."""

import numpy as np
import pytest
import torch

from experiments.train import studio_factors as judge
from lecture_utils import datasets, models
from lecture_utils.models import studio_factors


def made(split, count):
    """Pictures of one flat colour each, and factors that fit in form."""
    draws = np.random.default_rng(count)
    rows = np.arange(count)
    images = np.repeat(draws.integers(0, 256, (count, 3, 1, 1), np.uint8), 32, 2).repeat(32, 3)
    factors = {name: np.array(names)[rows % 6] for name, names in studio_factors.NAMES.items()}
    factors |= {name: draws.uniform(-80, 80, count) for name in studio_factors.ANGLES}
    return images, factors | {
        name: np.full(count, middle) for name, (middle, _) in studio_factors.NUMBERS.items()
    }


def test_the_loss_by_hand():
    said = {name: torch.zeros(2, 6) for name in studio_factors.NAMES}
    said |= {name: torch.zeros(2, 2) for name in studio_factors.ANGLES}
    said |= {name: torch.full((2,), middle) for name, (middle, _) in studio_factors.NUMBERS.items()}
    factors = {"class": np.array(["mug", "mushroom"]), "colour": np.array(["red", "blue"])}
    factors |= {name: np.array([0.0, 90.0]) for name in studio_factors.ANGLES}
    factors |= {name: np.full(2, middle + scale) for name, (middle, scale) in studio_factors.NUMBERS.items()}
    value = judge.loss(said, judge.targets(factors))
    # two choices among six; sine and cosine 1 off for one mug and for two suns; four numbers one scale off
    assert float(value) == pytest.approx(2 * np.log(6) + 1 + 1 + 4, rel=1e-5)
    factors["class"] = np.array(["mushroom", "mushroom"])
    assert float(judge.loss(said, judge.targets(factors))) == pytest.approx(
        2 * np.log(6) + 0 + 1 + 4, rel=1e-5
    )


def test_half_of_a_batch_has_eight_levels():
    images = np.random.default_rng(0).integers(0, 256, (200, 3, 32, 32), np.uint8)
    found = judge.batch(images, np.random.default_rng(1))
    few = torch.tensor([len(picture.unique()) <= judge.LEVELS for picture in found])
    assert 70 < few.sum() < 130
    torch.testing.assert_close(found[~few], torch.from_numpy(images).float()[~few] / 255)
    wanted = datasets.quantised(torch.from_numpy(images), judge.LEVELS) / (judge.LEVELS - 1)
    torch.testing.assert_close(found[few], wanted[few])


def test_training_stops_and_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    recipe = judge.Recipe(images=12, epochs=2, batch=4)
    monkeypatch.setattr(judge, "TESTED", 6)
    whole = judge.train(recipe, made, tmp_path / "a", tmp_path / "a")
    keep, kept = judge.runs.keep, []

    def interrupted(*args, **kwargs):
        keep(*args, **kwargs)
        kept.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(judge.runs, "keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        judge.train(recipe, made, tmp_path / "b", tmp_path / "b")
    monkeypatch.setattr(judge.runs, "keep", keep)
    assert len(kept) == 1 and not (tmp_path / "b/studio-factors.json").exists()
    again = judge.train(recipe, made, tmp_path / "b", tmp_path / "b")
    assert again["weights"]["sha256"] == whole["weights"]["sha256"] and again["loss"] == whole["loss"]
    with pytest.raises(ValueError, match="--restart"):
        judge.train(judge.Recipe(images=12, epochs=3, batch=4), made, tmp_path / "b", tmp_path / "b")


def test_what_it_says_has_units_and_leaves_the_net_alone():
    net = studio_factors.build().train()
    images = datasets.load("studio").test.images[:3]
    said = studio_factors.read(net, images)
    assert net.training and said["class"].shape == (3, 6) and said["azimuth"].shape == (3,)
    torch.testing.assert_close(said["colour"].sum(1), torch.ones(3))
    assert studio_factors.features(net, images).shape == (3, 128)
    for wrong, message in (
        (torch.rand(2, 3, 28, 28), "32 x 32"),
        (torch.rand(2, 1, 32, 32), "3 channels"),
        (torch.rand(2, 3, 32, 32) + 1, r"\[0, 1\]"),
    ):
        with pytest.raises(ValueError, match=message):
            studio_factors.read(net, wrong)


def test_the_shipped_one_reads_what_its_card_says():
    net, part, card = (
        models.load("studio-factors"),
        datasets.load("studio").test,
        models.card("studio-factors"),
    )
    for levels, images in (
        ("256 levels", part.images),
        (f"{judge.LEVELS} levels", datasets.quantised(part.pixels, judge.LEVELS) / (judge.LEVELS - 1)),
    ):
        said, stated = studio_factors.read(net, images), card["tested"][levels]
        for name in studio_factors.NAMES:
            right = said[name].argmax(1).eq(part.factors[name]).float().mean()
            assert float(right) == pytest.approx(stated[f"{name}: right"], abs=0.004) and right > 0.97
        sure = float((said["class"].amax(1) > 0.9).float().mean())
        assert sure == pytest.approx(stated["class: over .9 sure"], abs=0.01)
        apart = ((said["azimuth"] - part.factors["azimuth"] + 180) % 360 - 180).abs()
        turns = part.labels != datasets.load("studio").classes.index("mushroom")
        assert float(apart[turns].median()) == pytest.approx(
            stated["azimuth: median error, degrees"], abs=0.3
        )
    colourless = part.images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    grey = studio_factors.read(net, colourless)["colour"].argmax(1).eq(part.factors["colour"]).float().mean()
    assert grey < 0.6, "it looks at the colour"


def test_histograms_count_names_and_bins():
    kinds = torch.tensor([0, 1, 2, 4, 4])  # elephant, duck, car, two mushrooms
    said = {"class": torch.eye(6)[kinds], "colour": torch.eye(6)[[0, 0, 0, 5, 5]]}
    said |= {
        "azimuth": torch.tensor([-89.0, 10, 200, 45, 45]),
        "sun": torch.tensor([-50.0, -50, 10, 70, -90]),
    }
    said |= {"across": torch.full((5,), 0.5), "down": torch.full((5,), 0.4)}
    said |= {"pitch": torch.tensor([0.0, 11, 15, 19, 40]), "backdrop": torch.full((5,), 2.0)}
    found = studio_factors.histograms(said)
    for labels, often in found.values():
        assert len(labels) == len(often) and float(often.sum()) == pytest.approx(1)
    assert found["class"][1].tolist() == pytest.approx([0.2, 0.2, 0.2, 0, 0.4, 0])
    assert found["colour"][0][5] == "purple" and found["colour"][1].tolist() == pytest.approx(
        [0.6, 0, 0, 0, 0, 0.4]
    )
    labels, often = found["azimuth, degrees"]  # without the mushrooms; what lies beyond is in the last bin
    assert labels == ["-75", "-45", "-15", "15", "45", "75"]
    assert often.tolist() == pytest.approx([1 / 3, 0, 0, 1 / 3, 0, 1 / 3])
    assert found["sun, degrees"][1].tolist() == pytest.approx([0.6, 0, 0, 0.2, 0, 0.2])
    assert found["pitch, degrees"][1].tolist() == pytest.approx([0.4, 0.2, 0.2, 0.2])
    assert found["backdrop, linear light"][1].tolist() == [0, 0, 0, 0, 0, 1]
    none = studio_factors.histograms({name: values[3:] for name, values in said.items()})
    assert not none["azimuth, degrees"][1].any(), "nothing but mushrooms"


def test_the_bins_hold_the_studio():
    factors = datasets.load("studio").train.factors
    for name, (_, borders) in studio_factors.BINS.items():
        inside = (factors[name] >= borders[0]) & (factors[name] <= borders[-1])
        assert inside.float().mean() > 0.99, name
