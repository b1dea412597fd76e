"""The strongest patches: the same as by looking at everything at once, cut where the unit looks."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lecture_utils import features, models
from lecture_utils.features import top_patches, top_units


@pytest.fixture(scope="module")
def net():
    return models.build("alex")


@pytest.fixture(scope="module")
def images():
    return torch.rand(23, 3, 112, 112, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def tiny():
    """One filter that answers with the brightness of a pixel's 3 x 3 neighbourhood."""
    net = nn.Sequential(nn.Conv2d(3, 1, 3, padding=1, bias=False), nn.ReLU())
    nn.init.ones_(net[0].weight)
    return net


def test_by_hand(tiny):
    images = torch.zeros(3, 3, 5, 5)
    images[0, :, 0, 0] = 0.5  # seen by unit (0, 0) first
    images[1, :, 4, 2] = 1
    images[2, :, 2, 2] = 1
    found = top_patches(tiny, images, "1", 0, 3)
    assert found.images.tolist() == [1, 2, 0] and found.scores.tolist() == [3, 3, 1.5]
    assert found.units.tolist() == [[3, 1], [1, 1], [0, 0]]  # the first of the units that see it, row by row
    assert found.boxes.tolist() == [[0, 2, 3, 5], [0, 0, 3, 3], [-1, -1, 2, 2]]
    patch = torch.full((3, 3, 3), 0.5)
    patch[:, 1:, 1:] = 0
    patch[:, 1, 1] = 0.5
    assert torch.equal(found.patches[2], patch)
    assert torch.equal(found.patches[1], images[2, :, :3, :3])


def test_against_everything_at_once(net, images):
    maps = features.extract(net, images, "relu3")
    field = features.receptive_field(net, "relu3")
    for channel in (0, 17):
        found = top_patches(net, images, "relu3", channel, 9, batch_size=5)
        peaks, places = maps[:, channel].flatten(1).max(1)
        order = peaks.argsort(descending=True, stable=True)[:9]
        assert torch.equal(found.images, order)
        torch.testing.assert_close(found.scores, peaks[order])
        assert torch.equal(found.units[:, 0] * 13 + found.units[:, 1], places[order])
        assert torch.equal(found.boxes, field.boxes(found.units))
        wide = F.pad(images, (60, 60, 60, 60), value=0.5)
        for patch, index, (x0, y0, x1, y1) in zip(found.patches, order, found.boxes.tolist(), strict=True):
            assert torch.equal(patch, wide[index, :, y0 + 60 : y1 + 60, x0 + 60 : x1 + 60])
        assert found.patches.shape == (9, 3, 47, 47)


def test_equally_strong_ones_come_by_index(tiny):
    images = torch.full((7, 3, 6, 6), 0.25)
    found = top_patches(tiny, images, "1", 0, 5, batch_size=2)
    assert found.images.tolist() == [0, 1, 2, 3, 4] and found.units.tolist() == [[1, 1]] * 5


def test_the_net_runs_only_as_far_as_the_layer(net, images):
    calls = []
    handle = net.fc8.register_forward_hook(lambda *_: calls.append(1))
    try:
        top_units(net, images, "relu3", 2, batch_size=4)
    finally:
        handle.remove()
    assert len(calls) == 1, "once, to see how often the layer runs; not for the other five batches"


class Twice(nn.Module):
    """One ReLU module that runs twice, in place."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.relu = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.b(self.relu(self.a(x)))).add_(100).mean((2, 3))


def test_a_module_that_runs_twice_counts_with_its_last_time(images):
    torch.manual_seed(0)
    net = Twice()
    found = top_patches(net, images, "relu", 1, 3, batch_size=5)
    maps = features.extract(net, images, "relu")[:, 1].flatten(1).amax(1)
    torch.testing.assert_close(found.scores, maps.sort(descending=True).values[:3])
    assert found.patches.shape[-1] == 5
