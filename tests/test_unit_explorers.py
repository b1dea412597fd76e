"""A filter at work and a channel: maps are the net's, each unit stands where it looks, red is for and blue against."""

import numpy as np
import pytest
import torch
from torch import nn

from lecture_utils import features, models
from lecture_utils.explorers import Channels, FilterAtWork, board as ui
from lecture_utils.explorers.units import SIDE
from lecture_utils.features.first_layer import first_answers, unlike
from tests.helpers import blocks, uniform as noise


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (5, 2, 0), (11, 4, 2)])
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


class Counting(nn.Module):
    """It counts how often its upper layer runs."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, affine=False)
        self.relu, self.runs = nn.ReLU(inplace=True), 0

    def forward(self, images):
        maps = self.relu(self.norm(self.conv(images)))
        self.runs += 1
        return maps.mean((2, 3))


def test_after_the_relu_means_the_net_s_own_relu_with_what_lies_between():
    net = Counting()
    net.norm.running_mean.fill_(0.5)
    net.train()
    answers = first_answers(net, noise(3, 20, 20))
    with torch.no_grad():
        signed = net.conv(noise(3, 20, 20)[None])[0]
    assert np.allclose(answers.signed, signed, atol=1e-6), "an in-place ReLU does not reach what is kept"
    assert np.allclose(answers.relu, ((signed - 0.5) / (1 + 1e-5) ** 0.5).clamp(min=0), atol=1e-5)
    assert net.runs == 0, "the upper layers need not run"
    assert net.training and not net.conv._forward_hooks and not net.relu._forward_hooks


def test_the_stops_are_strong_filters_unlike_each_other_and_frames_stand_at_the_extremes():
    filters = torch.zeros(6, 3, 2, 2)
    filters[0, 0, 0, 0], filters[1, 0, 0, 0], filters[2, 1, 0, 0], filters[3, 2, 0, 0] = 5, -4, 3, 2
    filters[4, 0, 1, 1] = filters[5, 1, 1, 1] = 0.1  # unlike all, but weak
    assert unlike(filters, 3) == [0, 2, 1] and len(unlike(noise(4, 3, 2, 2), 6)) == 4
    values, yes, no = FilterAtWork(models.build("alex"), noise(4, 3, 112, 112)).look(filter=3, picture=1)
    assert values[yes] == values.max() > 0 > values.min() == values[no]


def test_channels_show_what_the_functions_below_say():
    net, images = models.build("alex"), noise(12, 3, 112, 112)
    explorer = Channels(net, images, "relu3", [f"thing {n % 4}" for n in range(12)])
    maps = features.extract(net, images, "relu3")
    values, lit, box = explorer.look(5, 3)
    assert torch.equal(values, maps[3, 5])
    field, threshold = features.receptive_field(net, "relu3"), features.top_thresholds(maps)[5]
    assert torch.equal(lit, features.placed(maps[3:4, 5:6], field, (112, 112))[0, 0] > threshold)
    row, column = divmod(int(maps[3, 5].argmax()), 13)
    left, top = field.offset + 8 * column, field.offset + 8 * row
    assert box == [left, top, left + field.size, top + field.size]
    _, heat, _, patches = (np.asarray(tile.shown) for tile in blocks(explorer.board(5, 3), ui.Tile))
    brightest = heat[SIDE // 26 :: SIDE // 13, SIDE // 26 :: SIDE // 13, 1][:13, :13].argmax()
    assert brightest == maps[3, 5].argmax(), "the map is drawn where it stands"
    best = features.top_patches(net, images, "relu3", 5, 9).patches[0].mean((1, 2)).numpy()
    side = (SIDE - 8) // 3
    assert np.abs(patches[:side, :side].mean((0, 1)) / 255 - best).max() < 0.01
    share = maps.amax((2, 3)) / maps.amax((0, 2, 3)).clamp_min(1e-12)
    share[:, features.top_thresholds(maps) <= 0] = 0
    for picture, values in enumerate(explorer.stops.values()):
        assert values == {
            "channel": int(share[picture].argmax()),
            "picture": picture,
            "row": -1,
            "column": -1,
        }
        share[:, values["channel"]] = -1


def test_a_silent_channel_says_so():
    net = models.build("alex")
    with torch.no_grad():
        net.norm3.weight[7], net.norm3.bias[7] = 0, -1
    explorer = Channels(net, noise(12, 3, 112, 112), "relu3")
    assert explorer.look(7, 0)[2] is None and "inactive" in explorer.describe(channel=7, picture=0)
    assert explorer.render(channel=7, picture=0).dtype == np.uint8
    assert all(values["channel"] != 7 for values in explorer.stops.values())
