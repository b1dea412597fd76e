"""The style mixer: its pictures are those that the study makes, its numbers fall and rise as the controls say."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from boards import blocks
from PIL import Image

from experiments.studies import style_mixer as study
from lecture_utils.explorers import StyleMixer, board as ui
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
    for name in ("china", "flower"):
        assert np.array_equal(photograph(name), study.photograph(name, SIDE)[0].numpy())


def test_more_weight_buys_style_and_costs_content(explorer):
    for pair, (name, _) in study.PAIRS.items():
        for depth in study.DEPTHS:
            looks = [explorer.look(pair, depth, weight) for weight in range(1, 6)]
            content, style = ([left[what] for _, left in looks] for what in ("content", "style"))
            assert content == sorted(content) and style[0] > style[2], (pair, depth)
            own = explorer.photographs[name].transpose(1, 2, 0)
            little, *_, much = (np.abs(picture / 255 - own).mean() for picture, _ in looks)
            assert little < much, (pair, depth)


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


def test_what_is_made_is_kept_and_collected(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "usual_net", lambda: None)
    monkeypatch.setattr(study, "PAIRS", {PAIR: study.PAIRS[PAIR]})
    monkeypatch.setattr(study, "DEPTHS", {"1": ("relu1",)})
    monkeypatch.setattr(study, "WEIGHTS", (1, 3))
    monkeypatch.setattr(study, "all_losses", lambda net, image, pair: {"content": 0.5, "style": 0.1})
    mixed, styled = [], SimpleNamespace(images=torch.full((1, 3, 32, 32), 0.2))
    monkeypatch.setattr(study, "mixed", lambda net, *asked: mixed.append(asked) or styled)
    folder = tmp_path / "cache"
    folder.mkdir()
    study.make(folder)
    study.make(folder)
    assert mixed == [(PAIR, "1", 1), (PAIR, "1", 3)], "what is there is not made again"
    found = study.collect(folder, tmp_path / "data")
    assert found == {
        "losses": {PAIR: {"1": [{"content": 0.5, "style": 0.1}] * 2}},
        "photographs": {PAIR: {"content": 0.5, "style": 0.1}},
    }
    (file,) = (tmp_path / "data" / study.FOLDER).iterdir()
    with Image.open(file) as sheet:
        assert sheet.size == (2 * study.SIDE, study.SIDE) and np.abs(np.asarray(sheet) - 51.0).max() < 3


def test_the_picture_shows_what_was_chosen(explorer):
    state = {"pair": PAIR, "depth": ALL, "weight": 4}
    tiles = blocks(explorer.board(**state), ui.Tile)
    middle = np.asarray(tiles[1].shown)[::2, ::2].astype(int)
    assert np.abs(middle - explorer.pictures[PAIR][-1, 3]).mean() < 12
    assert [bool(tile.frame) for tile in tiles[2:]] == [n == 3 * 5 + 3 for n in range(20)]
    assert "layers 1 to 4 with weight 3:" in explorer.describe(**state)
    assert "layer 1 alone with weight 1/9:" in explorer.describe(**state | {"depth": "1", "weight": 1})
