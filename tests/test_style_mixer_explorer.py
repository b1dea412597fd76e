"""The style mixer: its pictures are those that the study makes, its numbers fall and rise as the controls say."""

import numpy as np
import pytest
import torch

from experiments.studies import style_mixer as study
from lecture_utils.explorers import StyleMixer
from lecture_utils.explorers.style_mixer import SIDE, WEIGHTS, photograph

PAIR, ALL = tuple(study.PAIRS)[0], tuple(study.DEPTHS)[-1]


@pytest.fixture(scope="module")
def explorer():
    return StyleMixer()


def test_it_has_all_that_the_study_makes(explorer):
    assert explorer.pairs == {pair: list(names) for pair, names in study.PAIRS.items()}
    assert explorer.depths == list(study.DEPTHS) and SIDE == study.SIDE
    assert [eval(weight) for weight in WEIGHTS] == pytest.approx(study.WEIGHTS)
    for pair in study.PAIRS:
        shape = len(study.DEPTHS), len(study.WEIGHTS), study.SIDE, study.SIDE, 3
        assert explorer.pictures[pair].shape == shape
    assert np.array_equal(photograph("china"), study.photograph("china", SIDE)[0].numpy())


def test_more_weight_buys_style_and_costs_content(explorer):
    for pair in study.PAIRS:
        for depth in study.DEPTHS:
            looks = [explorer.look(pair, depth, weight) for weight in range(1, 6)]
            content, style = ([left[what] for _, left in looks] for what in ("content", "style"))
            assert content == sorted(content) and style[0] > style[2], (pair, depth)


def test_the_study_mixes_as_it_says(monkeypatch):
    """Small and short: both losses are those of the picture, and the style comes nearer."""
    monkeypatch.setitem(study.RECIPE, "steps", 6)
    net = study.usual_net()
    assert not any(isinstance(module, torch.nn.MaxPool2d) for module in net.modules())
    some = study.mixed(net, PAIR, ALL, 1, side=64)
    assert some.images.shape == (1, 3, 64, 64)
    found = study.all_losses(net, some.images, PAIR)
    assert found["content"] == pytest.approx(float(some.losses["content"]), abs=2e-3)
    assert found["style"] == pytest.approx(float(some.losses["style"]), rel=1e-2)
    bare = study.all_losses(net, study.photograph(study.PAIRS[PAIR][0], 64), PAIR)
    assert bare["content"] == 0 and found["style"] < bare["style"]
    little, much = (study.mixed(net, PAIR, ALL, weight, side=64).losses for weight in (1 / 9, 9))
    assert little["content"] < much["content"] and little["style"] > much["style"]
