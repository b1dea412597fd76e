"""Any class at any layer; method against method: maps are the package's, effects those of rendering without a part."""

import numpy as np
import pytest
import torch
from torch import nn

from experiments.explorers import MethodAgainstMethod
from experiments.methods.heatmaps import hires_cam
from lecture_utils import metrics, open_lab
from lecture_utils.attribution import grad_cam
from lecture_utils.explorers import ClassAndLayer, board as ui
from lecture_utils.world import render
from tests.helpers import blocks

NAMES = ("red", "green", "blue")


class Colours(nn.Module):
    """Each score is the mean of one colour, less the mean of all; two layers that give maps, one that does not."""

    def __init__(self):
        super().__init__()
        self.cells, self.deep = nn.AvgPool2d(4), nn.Identity()
        self.mean, self.flat = nn.AvgPool2d(8), nn.Flatten()

    def forward(self, images):
        maps = self.deep(self.cells(images))
        return 9 * self.flat(self.mean(maps - maps.mean(1, keepdim=True)))


def pictures():
    """The first is plainly red, the second half red, half green."""
    images = torch.zeros(3, 3, 32, 32)
    images[0, 0], images[1, 0, :, :16], images[1, 1, :, 16:] = 1, 1, 0.9
    images[2, 2] = 0.5
    return images


@pytest.fixture(scope="module")
def any_class():
    layers = {"cells": "cells", "deep": "deep", "mean": "flat"}
    return ClassAndLayer(Colours(), pictures(), NAMES, layers, ["red", "both", "blue"])


@pytest.mark.parametrize(("method", "ask"), [("Grad-CAM", grad_cam), ("HiResCAM", hires_cam)])
def test_it_shows_the_package_s_maps(any_class, method, ask):
    raw, heat = any_class.look(picture=1, asked="green", layer="deep", method=method)
    assert np.allclose(raw, ask(Colours(), pictures()[[1]], 1, "deep", raw=True, relu=False)[0], atol=1e-6)
    assert np.allclose(heat, ask(Colours(), pictures()[[1]], 1, "deep")[0], atol=1e-6)
    assert raw.shape == (8, 8) and heat.shape == (32, 32) and raw.min() < 0 < raw.max()


def test_a_blank_map_is_said_to_be_blank(any_class):
    """The first is plainly red; it is asked for green."""
    blank = {"picture": 0, "asked": "green", "layer": "deep", "method": "Grad-CAM"}
    raw, heat = any_class.look(**blank)
    assert raw.max() <= 0 and not heat.any()
    assert "the map on the right is blank" in any_class.describe(**blank)


@pytest.fixture(scope="module")
def duel():
    return MethodAgainstMethod(open_lab(net="gap", device="cpu"), scenes=1)


def test_effects_are_differences_of_rendered_scenes(duel):
    it = duel.scenes[0]
    scene = duel.lab.gallery.scenes[it.index]

    def logit(scene):
        return float(duel.lab.logits(torch.from_numpy(render(scene, 112).image)[None])[0, it.label])

    bare = metrics.keeping(scene, ())
    for n, (name, some) in enumerate(it.parts.items()):
        others = {part for each in it.parts.values() for part in each} - set(some)
        for question, expected in (
            ("remove", logit(scene) - logit(metrics.keeping(scene, others))),
            ("keep", logit(metrics.keeping(scene, some)) - logit(bare)),
        ):
            *_, effects = duel.look(0, "guided backprop", question)
            assert effects[n] == pytest.approx(expected, abs=1e-3), (name, question)


def test_a_look_is_what_the_answer_key_says(duel):
    it, heat = duel.scenes[0], duel.heat["guided backprop"]
    mass, agree, sums, effects = duel.look(0, "guided backprop", "keep")
    assert mass == pytest.approx(float(metrics.mass_in_mask(heat, it.mask[None])[0]), abs=1e-5)
    assert sum(it.shown) >= 4 and it.masks.any(0)[it.mask].float().mean() > 0.9
    assert agree == pytest.approx(metrics.rank_agreement(sums[it.shown].tolist(), effects[it.shown].tolist()))
    _, _, area, _ = duel.look(0, "constant map", "remove")
    assert area.tolist() == it.masks.sum((1, 2)).tolist()
    state = {"scene": 0, "first": "guided backprop", "second": "Grad-CAM", "question": "keep"}
    shown, *_ = blocks(duel.board(**state), ui.Bars)
    assert [bar.value for bar in shown.bars] == pytest.approx((effects / np.abs(effects).max()).tolist())
