"""Receptive fields by arithmetic agree with what gradients say: tight where nothing is lost, exactly zero outside."""

import warnings
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from experiments.methods.field_energy import averaging_copy, field_energy, smallest_box
from lecture_utils import models
from lecture_utils.features import Field, receptive_field
from lecture_utils.models import imagenet
from tests.helpers import refusals

# Of published nets, by the usual formula: size, stride, offset.
PUBLISHED = {
    ("alexnet", "features.1"): (11, 4, -2),
    ("alexnet", "features.11"): (163, 16, -66),  # conv5 sees 163 of 224 px
    ("vgg16", "features.29"): (196, 16, -90),
    ("resnet18", "relu"): (7, 2, -3),
    ("resnet18", "layer1.0.relu"): (27, 4, -13),  # runs twice in a pass: the second time counts
    ("resnet18", "layer2.1"): (99, 8, -49),
    ("resnet18", "layer4.1"): (435, 32, -217),
    ("squeezenet1_1", "features.12"): (207, 16, -88),
    ("densenet121", "features.transition1.relu"): (59, 4, -29),
    ("densenet121", "relu5"): (2071, 32, -1021),
}
OURS = {
    "alex": {"conv1": (11, 4, -2), "conv2": (31, 8, -10), "conv3": (47, 8, -18), "conv5": (79, 8, -34)},
    "gap": {"conv1": (7, 2, -3), "conv2": (17, 8, -7), "conv5": (65, 8, -31)},
    "zf": {"conv1": (7, 2, -2), "conv2": (19, 8, -2), "conv5": (67, 8, -26)},
}


@cache
def net_of(name):
    """An untrained net, built once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's own
        return models.build(name) if name in OURS else imagenet.build(name)


def seen(energy):
    """The box x0 y0 x1 y1 around every pixel that is not exactly zero."""
    rows, columns = energy.sum(1).nonzero()[:, 0], energy.sum(0).nonzero()[:, 0]
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def clipped(box, size):
    return [min(max(int(edge), 0), size) for edge in box]


def agrees(net, layer, size, units, channel=None):
    """A unit's gradient fills exactly its field in a net that only averages; the plain net's stays inside.

    units: with a field that ends inside the image. Behind a pooling that leaves a remainder, padding begins before the
    image's right edge does, so there the gradient ends earlier than the arithmetic says.
    """
    field = receptive_field(net, layer)
    white = torch.ones(1, 3, size, size, dtype=torch.double)
    average = averaging_copy(net).double()
    dtype = next(net.parameters()).dtype
    noise = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)).to(dtype)
    for row, column in units:
        box = clipped(field.boxes(torch.tensor([row, column])), size)
        assert seen(field_energy(average, white, layer, row, column, channel)[0]) == box
        energy = field_energy(net, noise, layer, row, column, channel)[0]
        energy[box[1] : box[3], box[0] : box[2]] = 0
        assert torch.count_nonzero(energy) == 0, "outside it is exactly zero"


@pytest.mark.parametrize(("name", "layer"), PUBLISHED, ids=str)
def test_published_nets(name, layer):
    assert receptive_field(net_of(name), layer) == Field(*PUBLISHED[name, layer])


@pytest.mark.parametrize("name", OURS)
def test_our_nets_by_gradients_in_every_layer(name):
    layers = models.layer_names(net_of(name))
    for short, expected in OURS[name].items():
        assert receptive_field(net_of(name), layers[short]) == Field(*expected)
    for short in ("conv1", "conv3", "conv5"):
        agrees(net_of(name), layers[short], 112, [(0, 0), (6, 6), (5, 2)])


class Branches(nn.Module):
    """Everything that is no module: functional ReLU and pooling, a sum, a concatenation, padding, a chunk."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.wide = nn.Conv2d(8, 8, 5, padding="same", dilation=2, bias=False)
        self.narrow = nn.Conv2d(8, 8, 1, bias=False)
        self.last = nn.Conv2d(8, 4, (3, 3), stride=2, bias=False)
        self.out = nn.Identity()

    def forward(self, x):
        x = F.relu(self.first(x))
        x = torch.relu_(self.wide(x)) + self.narrow(x)
        x = F.avg_pool2d(F.pad(x, (1, 0, 1, 0)), 2, ceil_mode=True)
        left, right = x.chunk(2, 1)
        x = torch.cat([right.relu(), left * 0.5], dim=1)
        x = x.view(len(x), 2, 4, *x.shape[2:]).transpose(1, 2).reshape(x.shape)  # shuffled channels
        return self.out(self.last(x)).flatten(1)


def test_branches_and_functions_without_modules():
    torch.manual_seed(0)
    net = Branches().double()
    by_hand = Field().through(3, 1, 1).through(5, 1, 4, dilation=2)  # the wide branch is the largest path
    by_hand = by_hand._replace(offset=by_hand.offset - 1).through(2, 2).through(3, 2)
    assert receptive_field(net, "out", image_size=40) == by_hand == Field(16, 4, -6)
    agrees(net, "out", 40, [(0, 0), (3, 4)])


@pytest.mark.parametrize("seed", range(6))
def test_any_chain(seed):
    draws = torch.Generator().manual_seed(seed)
    layers, channels, field = [], 3, Field()
    for _ in range(4):
        ranges = ((1, 5), (1, 3), (0, 2), (1, 3))
        kernel, stride, padding, dilation = (
            int(torch.randint(*ends, (), generator=draws)) for ends in ranges
        )
        if torch.rand((), generator=draws) < 0.3:
            padding = min(padding, kernel // 2)
            layers.append(nn.MaxPool2d(kernel, stride, padding))
            dilation = 1
        else:
            layers += [nn.Conv2d(channels, 4, kernel, stride, padding, dilation), nn.ReLU()]
            channels = 4
        field = field.through(kernel, stride, padding, dilation)
    net = nn.Sequential(*layers).double()
    assert receptive_field(net, str(len(layers) - 1), image_size=90) == field
    first = -(field.offset // field.stride)  # whose field begins inside: kernels with gaps skip borders
    agrees(net, str(len(layers) - 1), 90, [(first, first + 1)])


def test_boxes_and_centres():
    field = Field(79, 8, -34)
    assert field.boxes(torch.tensor([[0, 0], [2, 12]])).tolist() == [[-34, -34, 45, 45], [62, -18, 141, 61]]
    assert field.centres(3).tolist() == [5.5, 13.5, 21.5]
    assert Field().through(11, 4, 2).through(2, 2) == Field(15, 8, -2)
    assert Field(3, 1, -1).joined(Field(5, 1, -1)) == Field(5, 1, -1)
    assert Field(3, 1, -2).joined(Field(5, 1, -1)) == Field(6, 1, -2)


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def asked(layer, *modules, of=None):
    net = of or nn.Sequential(nn.Conv2d(3, 4, 3), *modules)
    return lambda: receptive_field(net, layer, image_size=34)


WHOLE, UNKNOWN, MEAN = "on each of its units sees the whole image", "it is not known", nn.AdaptiveAvgPool2d(1)
CIRCULAR = nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular")
test_a_layer_without_places_is_an_error_that_says_why = refusals(
    (asked("2", nn.Flatten(), nn.ReLU()), f"'flatten' {WHOLE}"),
    (asked("1", MEAN), f"'adaptive_avg_pool2d' {WHOLE}"),
    (asked("3", MEAN, nn.Conv2d(4, 4, 1), nn.ReLU()), "sees the whole image"),
    (asked("1", nn.GroupNorm(2, 4)), f"'group_norm' {WHOLE}"),
    (asked("1", Function(lambda x: x.mean((2, 3), keepdim=True) * x)), "whole image"),
    (asked("1", nn.AdaptiveAvgPool2d(5)), "not known which pixels"),
    (asked("1", Function(lambda x: x.roll(1, 3))), f"after 'roll' {UNKNOWN}"),
    (asked("1", Function(lambda x: x.transpose(2, 3))), f"after 'transpose' {UNKNOWN}"),
    (asked("1", Function(lambda x: torch.cat([x, x], 3))), "cat along rows or columns"),
    (asked("1", CIRCULAR), f"after 'pad' {UNKNOWN}"),
    (asked("1", nn.Upsample(scale_factor=2)), f"after 'interpolate' {UNKNOWN}"),
    (asked("1", of=nn.Sequential(nn.Conv2d(3, 4, (1, 7)), nn.ReLU())), "oblong"),
)


def by_trying_all(energy, share):
    """The smallest area that any box with that share has."""
    h, w = energy.shape
    return min(
        (y1 - y0) * (x1 - x0)
        for y0 in range(h)
        for y1 in range(y0 + 1, h + 1)
        for x0 in range(w)
        for x1 in range(x0 + 1, w + 1)
        if energy[y0:y1, x0:x1].sum() >= share * energy.sum() - 1e-9
    )


@pytest.mark.parametrize("seed", range(4))
def test_smallest_box_against_all_boxes(seed):
    energy = torch.rand(7, 9, generator=torch.Generator().manual_seed(seed), dtype=torch.double) ** 6
    for share in (0.3, 0.9, 1.0):
        x0, y0, x1, y1 = smallest_box(energy, share)
        assert energy[y0:y1, x0:x1].sum() >= share * energy.sum() - 1e-9
        assert (y1 - y0) * (x1 - x0) == by_trying_all(energy, share)
