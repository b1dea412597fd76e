"""The study of heads: its scores on maps that are known, its bookkeeping, and a run on few scenes."""

import pytest
import torch

from experiments.methods.path_cam import path_cams
from experiments.studies import heads
from lecture_utils import attribution, models

pytestmark = pytest.mark.slow


def test_scores_of_known_maps():
    masks = torch.zeros(4, 8, 8, dtype=torch.bool)
    masks[:, :, :4] = True  # the left half
    maps = torch.zeros(4, 4, 4)
    maps[0, 1:3, 1] = 1.0  # inside, not at the border
    maps[1, 0, 3] = 2.0  # a corner, outside
    maps[3] = maps[0] + maps[1]  # half inside, half in the corner
    found = heads.place_scores(maps, masks)
    assert found["border"].tolist() == [0, 1, 0, 0.5]
    assert found["pointing"].tolist() == [1, 0, 0, 0], "a blank map points nowhere"
    assert found["mass"][0] > 0.8 and found["mass"][1] == 0 == found["mass"][2]
    inside = float(found["mass"][0])
    assert found["inside"].tolist() == pytest.approx([inside, 0, 0, inside])
    assert found["mass"][3] < found["inside"][3] - 0.3


def bent(name):
    """An untrained net whose head has offsets: without them its slope would be the same along the whole path."""
    net, draw = models.build(name), torch.Generator().manual_seed(3)
    for module in net:
        if isinstance(module, torch.nn.BatchNorm1d):
            module.bias.data = torch.randn(module.bias.shape, generator=draw)
    return net


@pytest.mark.parametrize("name", ["alex", "gap"])
def test_maps_along_the_path_are_those_of_captum(name):
    from captum.attr import IntegratedGradients

    net = bent(name).double()
    images = torch.rand(3, 3, 112, 112, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    targets = torch.tensor([3, 5, 3])
    averaged, own = path_cams(net, images, targets, "relu5", steps=5)
    maps, _ = attribution.layer_gradient(net, images, targets, "relu5")
    names = list(dict(net.named_children()))
    above = torch.nn.Sequential(*list(net)[names.index("relu5") + 1 :])
    how = {"n_steps": 5, "method": "riemann_middle"}
    theirs = IntegratedGradients(above).attribute(maps, torch.zeros_like(maps), targets, **how)
    assert torch.allclose(own, theirs.sum(1), rtol=1e-6, atol=1e-12)
    assert torch.allclose(averaged, own) == (name == "gap"), "there the slope is the same at all places"
