"""The net that paints in one pass: its loss is that of stylize, its training goes on where it stopped."""

import json

import numpy as np
import pytest
import torch

from experiments.train import fast_style_net
from experiments.train.fast_style_net import CONTENT_LAYER, STYLE_LAYERS, Losses, Recipe
from lecture_utils import models
from lecture_utils.hooks import frozen
from lecture_utils.models import style_net
from lecture_utils.synthesis import stylize, total_variation
from lecture_utils.synthesis.feature_extractor import reading

SCENES = np.random.default_rng(0).integers(0, 256, (5, 3, 112, 112), dtype=np.uint8)
TINY = Recipe(steps=4, images=5, batch=2, crop=32)


@pytest.fixture(scope="module")
def judge():
    return fast_style_net.judge_net()


def test_the_loss_is_that_of_stylize(judge):
    content, style = fast_style_net.photograph("cat", 64), fast_style_net.photograph("brick", 64)
    weights = dict.fromkeys(STYLE_LAYERS, 1.0)
    styled = stylize(judge, content, style, CONTENT_LAYER, weights, steps=2, octaves=1)
    with frozen(judge), reading(judge, [CONTENT_LAYER, *STYLE_LAYERS]) as read:
        found = Losses(read, style)(styled.images, content)
        own = Losses(read, style)(style, style)
    for name in ("content", "style"):
        assert torch.allclose(found[name], styled.losses[name], rtol=1e-4)
        assert own[name].abs() < 1e-6, "the style itself has its own content and style"


def test_the_shipped_net_paints_what_it_never_saw_nearly_as_well_as_its_card_says(judge):
    net, card = models.load("fast-style"), models.card("fast-style")
    assert not set(fast_style_net.JUDGED) & {*fast_style_net.SURFACES, fast_style_net.STYLE}
    with frozen(judge), reading(judge, [CONTENT_LAYER, *STYLE_LAYERS]) as read:
        losses = Losses(read, fast_style_net.photograph(fast_style_net.STYLE))
        for name in fast_style_net.JUDGED[:2]:
            image = fast_style_net.photograph(name)
            painted = style_net.paint(net, image)
            assert painted.shape == image.shape and painted.min() >= 0 and painted.max() <= 1
            found, before = losses(painted, image), losses(image, image)
            for kind, value in card["judged"][name].items():
                assert float(found[kind]) == pytest.approx(value, abs=2e-3)
            assert found["style"] < 0.5 * before["style"]


@pytest.mark.parametrize("sides", [(17, 17), (33, 50), (112, 112)])
def test_any_size_comes_back_as_it_was(sides):
    net = style_net.build()
    images = torch.rand(2, 3, *sides)
    painted = style_net.paint(net, images)
    assert painted.shape == images.shape and not painted.requires_grad
    alone = style_net.paint(net, images[1:])
    assert torch.allclose(painted[1:], alone, atol=1e-5), "one image does not depend on the others"


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (torch.rand(1, 3, 12, 40), "sides from 17 px"),
        (torch.rand(1, 4, 32, 32), "4"),
        (torch.full((1, 3, 32, 32), 9.0), "0, 1"),
    ],
)
def test_what_it_refuses(images, says):
    with pytest.raises(ValueError, match=says):
        style_net.paint(style_net.build(), images)


def test_a_step_learns_from_pieces_that_depend_on_seed_and_step_alone():
    surfaces = torch.rand(2, 3, 64, 64)
    one = fast_style_net.batch(TINY, 3, SCENES, surfaces)
    assert one.shape == (2, 3, 32, 32) and one.min() >= 0 and one.max() <= 1
    assert torch.equal(one, fast_style_net.batch(TINY, 3, SCENES, surfaces))
    assert not torch.equal(one, fast_style_net.batch(TINY, 4, SCENES, surfaces))


def test_a_training_goes_on_where_it_stopped_and_ends_the_same(judge, tmp_path, monkeypatch):
    monkeypatch.setattr(fast_style_net, "KEPT", 2)
    monkeypatch.setattr(fast_style_net, "JUDGED", ("cat",))
    monkeypatch.setattr(fast_style_net, "SIDE", 64)
    whole = fast_style_net.train(TINY, judge, SCENES, tmp_path / "whole", tmp_path / "a")
    half, count = fast_style_net._loss, []

    def stops(*given):
        count.append(1)
        if len(count) == 4:
            raise KeyboardInterrupt
        return half(*given)

    monkeypatch.setattr(fast_style_net, "_loss", stops)
    with pytest.raises(KeyboardInterrupt):
        fast_style_net.train(TINY, judge, SCENES, tmp_path / "half", tmp_path / "b")
    assert (
        fast_style_net.train(TINY, judge, SCENES, tmp_path / "half", tmp_path / "b")["loss"] == whole["loss"]
    )
    read = [(tmp_path / each / "fast-style.safetensors").read_bytes() for each in ("whole", "half")]
    assert read[0] == read[1]
    assert json.loads((tmp_path / "half" / "fast-style.json").read_text())["weights"] == whole["weights"]
    with pytest.raises(ValueError, match="--restart"):
        fast_style_net.train(
            Recipe(steps=6, images=5, batch=2, crop=32), judge, SCENES, tmp_path, tmp_path / "b"
        )


def test_training_lowers_the_loss_and_leaves_the_judge_alone(judge, tmp_path, monkeypatch):
    monkeypatch.setattr(fast_style_net, "KEPT", 8)
    monkeypatch.setattr(fast_style_net, "JUDGED", ())
    before = {name: tensor.clone() for name, tensor in judge.state_dict().items()}
    log = fast_style_net.train(
        Recipe(steps=32, images=5, batch=2, crop=32), judge, SCENES, tmp_path, tmp_path
    )["loss"]
    assert log[-1] < 0.6 * log[0]
    assert all(torch.equal(tensor, before[name]) for name, tensor in judge.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in judge.parameters())


def test_no_grid_is_left():
    """The spectrum's peaks at the strides of the painter and the judge stay under twice their neighbours."""
    painted = style_net.paint(models.load("fast-style"), fast_style_net.photograph("coffee"))
    power = torch.fft.fft2(painted.mean(1)[0] - painted.mean()).abs().square()
    profile = power.sum(0) + power.sum(1)
    for stride in (2, 4):
        peak = 256 // stride
        around = torch.cat([profile[peak - 9 : peak - 1], profile[peak + 2 : peak + 10]])
        assert profile[peak] < 2 * around.median(), f"a grid of {stride} px"
    assert float(total_variation(painted)) > 0
