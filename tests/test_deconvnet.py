"""The deconvnet: unpooling with switches, rectified signals, transposed filters, and where it is a gradient."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from experiments.methods.deconvnet_paper import project, reactivation_ratio, unpool
from lecture_utils import features
from lecture_utils.attribution import deconvnet
from tests.attribution_nets import for_captum, random_images, random_net, relative, toy, toy_images, unit_on
from tests.helpers import draws

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # captum always warns
    from captum.attr import NeuronDeconvolution

LAYERS = {
    "alex": "relu5",
    "gap": "relu4",
    "zf": "relu3",
    "resnet18": "layer2.1",
    "squeezenet1_1": "features.6",
    "densenet121": "features.transition2.relu",
}


def test_one_layer_by_hand():
    """A 1 x 2 filter [1, 2], ReLU, 1 x 2 pooling, on one row of pixels.

    pixels  [1, 0, 3, 1, 2]   ->   convolution [1, 6, 5, 5]   ->   pooling [6, 5], from places 1 and 2
    The strongest is 6. Down: unpooled [0, 6, 0, 0]; rectified the same; the filter painted at 1: [0, 6, 12, 0, 0].
    """
    conv = nn.Conv2d(1, 1, (1, 2), bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([1.0, 2.0]).view(1, 1, 1, 2))
    pixels = torch.tensor([1.0, 0.0, 3.0, 1.0, 2.0]).view(1, 1, 1, 5)
    chain = [conv, nn.ReLU(), nn.MaxPool2d((1, 2))]
    assert [int(v) for v in nn.Sequential(*chain)(pixels).flatten()] == [6, 5]
    assert project(chain, pixels, 0).flatten().tolist() == [0, 6, 12, 0, 0]


def test_signals_are_rectified_on_the_way_down():
    """Two layers: the second filter is negative on channel 1, so nothing of it comes down, though it was on."""
    first, second = nn.Conv2d(1, 2, 1, bias=False), nn.Conv2d(2, 1, 1, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([2.0, 3.0]).view(2, 1, 1, 1))
        second.weight.copy_(torch.tensor([4.0, -1.0]).view(1, 2, 1, 1))
    chain = [first, nn.ReLU(), second, nn.ReLU()]  # 1 -> [2, 3] -> 8 - 3 = 5
    found = project(chain, torch.ones(1, 1, 1, 1), 0)
    assert found.item() == 40  # 5 -> [20, -5] -> [20, 0] -> 2 * 20; the gradient would give 5 * (8 - 3) = 25


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "overlap"),
    [
        ((8, 8), 2, 2, 0, False),
        ((9, 7), 3, 3, 1, False),
        ((13, 13), 3, 2, 0, True),
        ((13, 13), 5, 4, 0, True),
        ((9, 9), 3, 1, 1, True),
    ],
)
def test_unpooling_with_switches_is_the_gradient_of_pooling(size, kernel, stride, padding, overlap):
    maps = torch.rand(2, 4, *size, dtype=torch.float64, generator=draws(0)).requires_grad_()
    pooled, switches = F.max_pool2d(maps, kernel, stride, padding, return_indices=True)
    signal = torch.randn(pooled.shape, dtype=torch.float64, generator=draws(1))
    found = unpool(signal, switches, maps.shape)
    torch.testing.assert_close(found, torch.autograd.grad(pooled, maps, signal)[0], rtol=1e-12, atol=1e-12)
    library = F.max_unpool2d(signal, switches, kernel, stride, padding, output_size=size)
    same = torch.equal(found, library)
    assert same is not overlap, "only where windows overlap does torch's unpooling keep one value of several"


@pytest.mark.parametrize("name", ["alex", "gap", "zf"])
def test_the_papers_algorithm_and_the_gradient_with_the_deconvnet_rule_are_one(name):
    net, (images, _) = random_net(name), random_images(name)
    names = [child for child, _ in net.named_children()]
    for layer in ("relu1", "pool1", "conv2", "relu2", "norm3", "relu5"):
        below = list(net)[: names.index(layer) + 1]
        channel = unit_on(net, images, layer)[0]
        walked = project(below, (images - net.mean) / net.std, channel) / net.std
        assert relative(deconvnet(net, images, layer, channel), walked) < 1e-12, layer


@pytest.mark.filterwarnings("ignore::UserWarning:captum")
@pytest.mark.parametrize(("name", "layer"), LAYERS.items(), ids=LAYERS)
def test_it_is_captums_neuron_deconvolution_times_the_activation(name, layer):
    net, (images, _) = random_net(name), random_images(name, seed=1)
    maps, channel = features.extract(net, images, layer), unit_on(net, images, layer)[0]
    cols = maps.shape[3]
    found = deconvnet(net, images, layer, channel)
    other = for_captum(name)
    for image, answer, own in zip(images, maps[:, channel], found, strict=True):
        row, col = divmod(int(answer.argmax()), cols)
        method = NeuronDeconvolution(other, other.get_submodule(layer))
        expected = method.attribute(image[None].clone(), (channel, row, col)) * answer[row, col]
        assert relative(own[None], expected) < 1e-6


def test_a_chosen_place_and_a_silent_one():
    net, images = toy("gap"), toy_images(2)
    maps = features.extract(net, images, "relu2")
    strongest = maps[0, 5].argmax()
    row, col = divmod(int(strongest), 8)
    chosen = deconvnet(net, images[:1], "relu2", 5, row, col)
    torch.testing.assert_close(chosen, deconvnet(net, images[:1], "relu2", 5))
    nn.init.constant_(net.norm2.bias, -1000)
    assert not deconvnet(net, images, "relu2", 5).any(), "a silent channel projects to nothing"
    assert not deconvnet(net, images, "conv2", 2, 0, 0).isnan().any()


def test_what_comes_back_by_hand():
    """One filter that answers the red of a pixel; two images whose strongest red is .8 and .4."""
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]).view(2, 3, 1, 1))
        net[0].bias.zero_()
    images = torch.zeros(2, 3, 2, 2)
    images[0, 0, 1, 1], images[1, 0, 0, 1] = 0.8, 0.4
    projections = deconvnet(net, images, "1", 0)
    assert projections[0, 0, 1, 1] == pytest.approx(0.8) and projections[1, 0, 0, 1] == pytest.approx(0.4)
    found = reactivation_ratio(net, images, projections, "1", 0)
    assert found.tolist() == pytest.approx([1 / 0.8, 1 / 0.4])  # as a picture both are pure red on grey
    grey = reactivation_ratio(net, images, torch.zeros_like(images), "1", 0)
    assert grey.tolist() == pytest.approx([0.5 / 0.8, 0.5 / 0.4])
    assert reactivation_ratio(net, torch.zeros_like(images), images, "1", 0).isnan().all()
    with pytest.raises(ValueError, match=r"projections: .* of shape \(2, 3, 2, 2\)"):
        reactivation_ratio(net, images, projections[:1], "1", 0)
