"""Any class, any layer: it shows the package's maps, says what a blank map is, and asks for what the net sees."""

import numpy as np
import pytest
import torch
from torch import nn

from lecture_utils import attribution
from lecture_utils.explorers import ClassAndLayer
from lecture_utils.explorers.class_and_layer import BAR, GAP, HEAD, PANEL

NAMES = ("red", "green", "blue")


class Colours(nn.Module):
    """Each score is the mean of one colour, less the mean of all; two layers that give maps, one that does not."""

    def __init__(self):
        super().__init__()
        self.cells, self.deep, self.mean, self.flat = (
            nn.AvgPool2d(4),
            nn.Identity(),
            nn.AvgPool2d(8),
            nn.Flatten(),
        )

    def forward(self, images):
        maps = self.deep(self.cells(images))
        return 9 * self.flat(self.mean(maps - maps.mean(1, keepdim=True)))


def pictures():
    """The first is plainly red, the second half red, half green."""
    images = torch.zeros(3, 3, 32, 32)
    images[0, 0], images[1, 0, :, :16], images[1, 1, :, 16:] = 1, 1, 0.9
    images[2, 2] = 0.5
    return images


LAYERS = {"cells": "cells", "deep": "deep", "mean": "flat"}


@pytest.fixture(scope="module")
def explorer():
    return ClassAndLayer(Colours(), pictures(), NAMES, LAYERS, ["red", "both", "blue"])


def test_layers_without_a_map_are_left_out(explorer):
    assert explorer.controls["layer"].options == ("cells", "deep")
    with pytest.raises(ValueError, match="layers: expected at least one that gives a map, got mean"):
        ClassAndLayer(Colours(), pictures(), NAMES, {"mean": "flat"})


@pytest.mark.parametrize(("method", "function"), [("Grad-CAM", "grad_cam"), ("HiResCAM", "hires_cam")])
def test_it_shows_the_package_s_maps(explorer, method, function):
    ask = getattr(attribution, function)
    raw, heat = explorer.look(picture=1, asked="green", layer="deep", method=method)
    assert np.allclose(raw, ask(Colours(), pictures()[[1]], 1, "deep", raw=True, relu=False)[0], atol=1e-6)
    assert np.allclose(heat, ask(Colours(), pictures()[[1]], 1, "deep")[0], atol=1e-6)
    assert raw.shape == (8, 8) and heat.shape == (32, 32) and raw.min() < 0 < raw.max()


def test_the_stops_ask_for_what_the_net_sees(explorer):
    stops = list(explorer.stops)
    assert explorer.stop(stops[0]) == {"picture": 1, "asked": "red", "layer": "deep", "method": "Grad-CAM"}
    assert explorer.stop(stops[1])["asked"] == "green", "the second most probable class"
    layers = [explorer.stop(title)["layer"] for title in stops]
    assert layers == ["deep", "deep", "deep", "cells", "cells"]
    assert explorer.stop(stops[-1])["method"] == "HiResCAM"


def test_red_is_for_and_blue_against(explorer):
    """In the middle panel: left half red, right half green, asked for red."""
    sheet = explorer.render(picture=1, asked="red", layer="deep", method="Grad-CAM").astype(int)
    row, start = HEAD + PANEL // 2, PANEL + GAP
    left, right = sheet[row, start + PANEL // 4], sheet[row, start + 3 * PANEL // 4]
    assert left[0] > left[2] + 80 and right[2] > right[0] + 80
    bright, dark = (sheet[row, 2 * (PANEL + GAP) + x].sum() for x in (PANEL // 4, 3 * PANEL // 4))
    assert bright > dark + 150
    assert sheet.shape[1] == 3 * PANEL + 2 * GAP + BAR


def test_a_blank_map_is_said_to_be_blank(explorer):
    values = {"picture": 0, "asked": "green", "layer": "deep", "method": "Grad-CAM"}
    raw, heat = explorer.look(**values)
    assert raw.max() <= 0 and not heat.any()
    assert "nothing speaks for it, so the map on the right is blank" in explorer.describe(**values)
    assert "speak for it" in explorer.describe(**values | {"asked": "red"})
    sheet = explorer.render(**values)
    corner = sheet[HEAD + 10 : HEAD + 50, 2 * (PANEL + GAP) + 10 : 2 * (PANEL + GAP) + 50]
    assert np.ptp(corner.astype(int)) <= 2, "only the grey picture"
