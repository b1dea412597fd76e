"""A filter at work: its map is the net's first layer, each unit stands where it looks, red is for and blue against."""

import numpy as np
import pytest
import torch
from torch import nn

from lecture_utils import models
from lecture_utils.explorers import FilterAtWork
from lecture_utils.explorers.filter_at_work import HEAD, PANEL, RELU, SIGNED, THIRD
from lecture_utils.features.first_layer import first_answers, unlike


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (5, 2, 0), (7, 4, 2), (11, 4, 2)])
def test_a_place_is_where_the_filter_looks(kernel, stride, padding):
    """One bright pixel: the units that answer are those whose box holds it."""
    conv = nn.Conv2d(3, 2, kernel, stride, padding, bias=False)
    nn.init.ones_(conv.weight)
    image = torch.zeros(3, 40, 32)
    image[:, 17, 12] = 1
    answers = first_answers(nn.Sequential(conv, nn.ReLU()), image)
    for row, column in np.ndindex(answers.signed.shape[1:]):
        left, top, right, bottom = answers.box((row, column), (kernel, kernel))
        inside = left <= 12 and right >= 13 and top <= 17 and bottom >= 18
        assert (answers.signed[0, row, column] > 0.5) == inside


def test_the_answers_are_those_of_the_net_s_first_layer():
    net, image = models.build("alex"), noise(3, 112, 112)
    answers, normal = first_answers(net, image), ((image - net.mean) / net.std)
    with torch.no_grad():
        expected = net.conv1(normal)[0]
    assert np.allclose(answers.signed, expected, atol=1e-5)
    assert np.allclose(answers.relu, expected.clamp(min=0), atol=1e-5)


class Functional(nn.Module):
    """Its ReLU is no module; it counts how often its upper layer runs."""

    def __init__(self, relu):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, affine=False)
        self.relu, self.runs = relu, 0

    def forward(self, images):
        maps = self.relu(self.norm(self.conv(images)))
        self.runs += 1
        return maps.mean((2, 3))


def test_after_the_relu_means_the_net_s_own_relu_with_what_lies_between():
    net = Functional(nn.ReLU(inplace=True))
    net.norm.running_mean.fill_(0.5)
    net.train()
    answers = first_answers(net, noise(3, 20, 20))
    with torch.no_grad():
        signed = net.conv(noise(3, 20, 20)[None])[0]
    assert np.allclose(answers.signed, signed, atol=1e-6), "an in-place ReLU does not reach what is kept"
    assert np.allclose(answers.relu, ((signed - 0.5) / (1 + 1e-5) ** 0.5).clamp(min=0), atol=1e-5)
    assert net.runs == 0, "the upper layers need not run"
    assert net.training and not net.conv._forward_hooks and not net.relu._forward_hooks


def test_a_net_without_relu_modules_has_no_such_view():
    explorer = FilterAtWork(Functional(torch.relu), noise(3, 3, 20, 24))
    assert list(explorer.controls) == ["filter", "picture"] and len(explorer.stops) == 6
    assert explorer.render(**explorer.stop(next(iter(explorer.stops)))).dtype == np.uint8
    with pytest.raises(KeyError, match="unknown control 'view'"):
        explorer.render(filter=0, picture=0, view=RELU)


def test_red_is_yes_and_blue_the_opposite():
    net = nn.Sequential(nn.Conv2d(3, 2, 4, 4, bias=False), nn.ReLU())
    with torch.no_grad():
        net[0].weight[:] = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
    explorer = FilterAtWork(net, torch.stack([torch.ones(3, 40, 40), torch.zeros(3, 40, 40)]))
    spot = HEAD + PANEL // 2 + 5, THIRD + PANEL // 2 + 5
    red, _, blue = (int(value) for value in explorer.render(filter=0, picture=0, view=SIGNED)[spot])
    assert red > blue + 100
    red, _, blue = (int(value) for value in explorer.render(filter=1, picture=0, view=SIGNED)[spot])
    assert blue > red + 100
    red, _, blue = (int(value) for value in explorer.render(filter=1, picture=0, view=RELU)[spot])
    assert abs(red - blue) < 5
    assert "nowhere" in explorer.describe(filter=1, picture=0, view=SIGNED)
    assert explorer.limit == pytest.approx(48 / 2, rel=0.01)  # the mean over both pictures


def test_stops_are_strong_filters_unlike_each_other():
    filters = torch.zeros(6, 3, 2, 2)
    filters[0, 0, 0, 0], filters[1, 0, 0, 0], filters[2, 1, 0, 0], filters[3, 2, 0, 0] = 5, -4, 3, 2
    filters[4, 0, 1, 1] = filters[5, 1, 1, 1] = 0.1  # unlike all, but weak
    assert unlike(filters, 3) == [0, 2, 1]
    assert len(unlike(noise(4, 3, 2, 2), 6)) == 4


def test_the_frames_stand_at_the_largest_and_the_smallest_answer():
    values, yes, no = FilterAtWork(models.build("alex"), noise(4, 3, 112, 112)).look(filter=3, picture=1)
    assert values[yes] == values.max() > 0 > values.min() == values[no]
