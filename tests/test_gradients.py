"""Gradients of a score with respect to the image: by hand, against captum, and by their own laws."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lecture_utils import attribution
from lecture_utils.attribution import (
    guided_backprop,
    heat,
    integrated_gradients,
    neuron_saliency,
    relu_rule,
    saliency,
)
from tests.attack_nets import Linear
from tests.attribution_nets import (
    SIDES,
    for_captum,
    random_images,
    random_net,
    relative,
    toy,
    toy_images,
    unchanged,
    unit_on,
    used,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # captum always warns
    import captum.attr as captum

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:captum")  # it announces its hooks


def test_of_a_linear_net_the_saliency_is_the_weights():
    weights = torch.arange(24.0).view(2, 12) - 11
    found = saliency(Linear(weights), torch.rand(2, 3, 2, 2), torch.tensor([1, 0]))
    assert torch.equal(found, weights[[1, 0]].view(2, 3, 2, 2))


def test_one_score_and_probabilities_are_scores_too():
    """A net with one output has a gradient; of a net that ends in a softmax it is that of the probability."""
    weights = torch.linspace(-1, 1, 24).view(2, 12)
    one, images = Linear(weights[:1]), torch.rand(1, 3, 2, 2)
    assert torch.equal(saliency(one, images, 0), weights[:1].view(1, 3, 2, 2))
    torch.testing.assert_close(integrated_gradients(one, images, 0), weights[:1].view(1, 3, 2, 2) * images)
    ends = nn.Sequential(Linear(weights), nn.Softmax(1))
    p = ends(images)[0].detach()
    by_hand = p[1] * p[0] * (weights[1] - weights[0])  # dp1/dx = p1 (1 - p1) (w1 - w0)
    torch.testing.assert_close(saliency(ends, images, 1).flatten(), by_hand)
    for net, why in ((one, "got one output"), (ends, "leave out the softmax")):
        with pytest.raises(ValueError, match=why):
            attribution.occlusion(net, images, 0, 1, 1)


def test_two_layers_by_hand():
    """hidden = relu([x0 - x1, x1 - x0, x0 + x1]), score = hidden . [1, -2, 3], at x0 = 2, x1 = 1."""

    class Net(nn.Module):
        def forward(self, images):
            x0, x1 = images[:, 0, 0, 0], images[:, 1, 0, 0]
            hidden = F.relu(torch.stack([x0 - x1, x1 - x0, x0 + x1], 1))
            return hidden @ torch.tensor([[1.0, 0.0], [-2.0, 0.0], [3.0, 0.0]]) + 0 * images.sum()

    images = torch.tensor([2.0, 1.0, 0.0]).view(1, 3, 1, 1)
    by_rule = {"plain": [4.0, 2.0, 0.0], "guided": [4.0, 2.0, 0.0], "deconvnet": [4.0, 2.0, 0.0]}
    # at x0 = 1, x1 = 2 the second unit is on and the first is off: -2 arrives at it, and 1 at the first
    turned = {"plain": [5.0, 1.0, 0.0], "guided": [3.0, 3.0, 0.0], "deconvnet": [4.0, 2.0, 0.0]}
    for rule in by_rule:
        with relu_rule(rule):
            assert saliency(Net(), images, 0).flatten().tolist() == by_rule[rule]
            assert saliency(Net(), images[:, [1, 0, 2]], 0).flatten().tolist() == turned[rule]
    assert guided_backprop(Net(), images[:, [1, 0, 2]], 0).flatten().tolist() == turned["guided"]


ORACLES = {"plain": captum.Saliency, "guided": captum.GuidedBackprop, "deconvnet": captum.Deconvolution}


@pytest.mark.parametrize("rule", ORACLES)
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", SIDES)
def test_it_is_captums_by_every_rule(name, seed, rule):
    net, (images, targets) = random_net(name, seed), random_images(name, seed)
    signed = {"abs": False} if rule == "plain" else {}
    expected = ORACLES[rule](for_captum(name, seed)).attribute(images.clone(), targets, **signed)
    with unchanged(net), relu_rule(rule):
        found = saliency(net, images, targets)
    assert relative(found, expected) < 1e-6
    if rule == "guided":
        assert torch.equal(guided_backprop(net, images, targets), found)
    if rule != "plain":
        assert relative(found, saliency(net, images, targets)) > 0.1, "the rule must matter"


UNITS = [("alex", "relu4"), ("gap", "conv3"), ("resnet18", "layer3.0")]


@pytest.mark.parametrize(("name", "layer"), UNITS)
def test_the_gradient_of_one_unit_is_captums(name, layer):
    net, (images, _) = random_net(name), random_images(name)
    unit, module = unit_on(net, images, layer), net.get_submodule(layer)
    for rule, oracle in (("plain", captum.NeuronGradient), ("guided", captum.NeuronGuidedBackprop)):
        expected = oracle(net, module).attribute(images.clone(), unit)
        with relu_rule(rule):
            assert relative(neuron_saliency(net, images, layer, *unit), expected) < 1e-6


def test_a_net_without_biases_is_the_sum_of_gradient_times_pixel():
    """Scale the image and the score scales with it (Euler): score = sum of pixel * gradient."""
    net, images = toy("fc"), toy_images(2)
    for module in net.modules():
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)
    nn.init.zeros_(net.norm2.running_mean)
    scores = net(images).detach()[:, 1]
    torch.testing.assert_close((saliency(net, images, 1) * images).sum((1, 2, 3)), scores)


def test_each_image_has_its_own_gradient():
    net, images = toy("fc"), toy_images(3)
    targets = torch.tensor([2, 0, 1])
    for function in (saliency, guided_backprop):
        alone = [function(net, image[None], int(t)) for image, t in zip(images, targets, strict=True)]
        torch.testing.assert_close(function(net, images, targets), torch.cat(alone))
    assert torch.equal(saliency(net, images, 2), saliency(net, images, torch.tensor([2, 2, 2])))
    assert torch.equal(saliency(net, images, 2), saliency(net, images, torch.tensor(2)))


def test_the_strongest_unit_is_taken_for_each_image():
    net, images = toy("gap"), toy_images(3)
    with torch.no_grad():
        maps = net[:7](images)  # relu2: (3, 6, 8, 8)
    for channel in range(6):
        best = maps[:, channel].flatten(1).argmax(1)
        by_hand = [
            neuron_saliency(net, image[None], "relu2", channel, int(b) // 8, int(b) % 8)
            for image, b in zip(images, best, strict=True)
        ]
        torch.testing.assert_close(neuron_saliency(net, images, "relu2", channel), torch.cat(by_hand))


def test_a_unit_of_a_vector_and_of_a_convolution():
    net, images = toy("gap"), toy_images(2)
    assert torch.equal(neuron_saliency(net, images, "fc", 1), saliency(net, images, 1))
    found = neuron_saliency(net, images, "conv1", 2, row=5, column=7)
    assert torch.equal(found[0, :, 4:7, 6:9], net.conv1.weight[2].detach())
    found[:, :, 4:7, 6:9] = 0
    assert not found.any(), "nothing outside the receptive field"


def test_heat_by_hand():
    gradient = torch.tensor([[1.0, -4.0, 2.0], [0.0, -1.0, -2.0]]).view(1, 2, 3).permute(0, 2, 1)[..., None]
    assert gradient.shape == (1, 3, 2, 1)  # two pixels of three colours
    assert heat(gradient).flatten().tolist() == [4.0, 2.0]
    assert heat(gradient, "squared").flatten().tolist() == [21.0, 5.0]
    assert heat(gradient, "positive").flatten().tolist() == [3.0, 0.0]
    assert heat(gradient, "signed").flatten().tolist() == [-1.0, -3.0]
    assert heat(torch.rand(2, 3, 5, 7)).shape == (2, 5, 7)


def test_the_images_stay_as_they_are_also_where_the_net_begins_in_place():
    net = nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(12, 2))
    images = (torch.rand(1, 3, 2, 2) - 0.5).requires_grad_()
    before = images.detach().clone()
    gradient = saliency(net, images, 0)
    assert torch.equal(gradient == 0, before <= 0)
    assert torch.equal(images, before) and images.grad is None and images.is_leaf


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"row": 8, "column": 0}, "row: expected an integer from 0 to 7, got 8"),
        ({"column": 0}, "row, column: give both or neither; got None, 0"),
        ({"row": 0, "column": 0, "layer": "flatten"}, "this layer has no places: leave out row and column"),
    ],
)
@pytest.mark.parametrize("method", [neuron_saliency, attribution.deconvnet])
def test_a_unit_that_is_not_there(method, place, message):
    net = used(toy())
    with unchanged(net), pytest.raises(ValueError, match=message):
        method(net, toy_images(), **({"layer": "relu2", "channel": 0} | place))
