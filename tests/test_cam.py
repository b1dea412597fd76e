"""CAM and Grad-CAM: by hand, against captum, their laws, what they refuse, and that the net stays as it was."""

import warnings
from functools import partial

import pytest
import torch
from torch import nn

from experiments.methods.heatmaps import hires_cam
from lecture_utils.attribution import cam, grad_cam, guided_backprop, guided_grad_cam, upsample
from tests.attribution_nets import random_images, random_net, relative, toy, toy_images
from tests.helpers import refusals, uniform

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # captum always warns
    from captum.attr import LayerAttribution, LayerGradCam

noise = partial(uniform, dtype=torch.float64)


class Tiny(nn.Module):
    """Two channels, 2 x 2 places, mean, one linear layer: all numbers known."""

    def __init__(self):
        super().__init__()
        self.maps, self.relu, self.fc = nn.Conv2d(3, 2, 1, bias=False), nn.ReLU(), nn.Linear(2, 2)
        self.double().eval()
        with torch.no_grad():
            self.maps.weight[:] = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]).view(2, 3, 1, 1)  # red, green
            self.fc.weight[:] = torch.tensor([[2.0, -1.0], [0.0, 4.0]])
            self.fc.bias[:] = torch.tensor([0.5, -0.5])

    def forward(self, images):
        return self.fc(self.relu(self.maps(images)).mean((2, 3)))


RED = torch.tensor([[0.0, 1.0], [0.5, 0.0]]).double()
GREEN = torch.tensor([[1.0, 0.0], [0.25, 0.0]]).double()
PICTURE = torch.stack([RED, GREEN, torch.zeros(2, 2).double()])[None]


def test_cam_by_hand():
    by_hand = torch.tensor([[-1.0, 2.0], [0.75, 0.0]]).double()  # 2 red - green
    assert torch.equal(cam(Tiny(), PICTURE, 0, raw=True)[0], by_hand)
    assert torch.equal(cam(Tiny(), PICTURE, 1, raw=True)[0], 4 * GREEN)
    assert torch.equal(cam(Tiny(), PICTURE, 0)[0], by_hand.clamp(min=0)), "the image is as small as the map"
    both = cam(Tiny(), PICTURE.repeat(2, 1, 1, 1), torch.tensor([1, 0]), raw=True)
    assert torch.equal(both, torch.stack([4 * GREEN, by_hand]))


def test_grad_cam_by_hand():
    by_hand = torch.tensor([[-1.0, 2.0], [0.75, 0.0]]).double() / 4  # the mean spreads the gradient over 4
    assert torch.equal(grad_cam(Tiny(), PICTURE, 0, "relu", raw=True, relu=False)[0], by_hand)
    assert torch.equal(grad_cam(Tiny(), PICTURE, 0, "relu", raw=True)[0], by_hand.clamp(min=0))


def test_grad_cam_averages_and_hires_cam_does_not():
    """A head that counts the right column only: averaged, its weight goes to the left one, too."""
    net = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(12, 2, bias=False)).double()
    with torch.no_grad():
        net[2].weight.zero_()
        net[2].weight[0, [1, 3]] = 1.0  # red: top right, bottom right
    image = torch.tensor([[3.0, 5.0], [1.0, 2.0]]).double().expand(3, 2, 2)[None]
    assert torch.equal(grad_cam(net, image, 0, "0", raw=True)[0], image[0, 0] / 2)
    assert hires_cam(net, image, 0, "0", raw=True)[0].tolist() == [[0, 5], [0, 2]]


def test_a_map_that_is_against_everywhere_is_zero_and_not_nan():
    """ReLU leaves nothing, and scaling nothing to [0, 1] would be 0 / 0."""
    green = torch.stack([torch.zeros(2, 2).double(), GREEN + 1, GREEN])[None]
    for maps in (
        cam(Tiny(), green, 0),
        grad_cam(Tiny(), green, 0, "relu"),
        hires_cam(Tiny(), green, 0, "relu"),
    ):
        assert torch.equal(maps, torch.zeros(1, 2, 2).double())
    assert grad_cam(Tiny(), green, 0, "relu", raw=True, relu=False).max() < 0


def test_upsampling_puts_values_in_the_middle_of_their_cells():
    wide = upsample(torch.tensor([[[0.0, 1.0]]]), (2, 8))
    assert wide.shape == (1, 2, 8)
    assert wide[0, 0].tolist() == [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]


@pytest.mark.parametrize(
    ("name", "last", "head"),
    [
        ("gap", "relu5", "fc"),
        ("resnet18", "layer4", "fc"),
        ("densenet121", "", "classifier"),
        ("squeezenet1_1", "", ""),
    ],
)
def test_cam_is_the_logit_spread_over_the_map_and_grad_cam_there(name, last, head):
    """Of squeezenet, which averages maps of scores, these are the CAM: no bias is left over."""
    net, (images, _) = random_net(name), random_images(name)
    with torch.no_grad():
        logits, targets = net(images).max(1)
    maps = cam(net, images, targets, raw=True)
    bias = net.get_submodule(head).bias.detach()[targets] if head else 0
    torch.testing.assert_close(maps.mean((1, 2)) + bias, logits, rtol=1e-9, atol=1e-9)
    assert maps[0].numel() > 1 and logits.min() > 0
    for method in (grad_cam, hires_cam) if last else ():
        found = method(net, images, targets, last, raw=True, relu=False) * maps[0].numel()
        assert relative(found, maps) < 1e-9


def test_guided_grad_cam_is_a_product():
    net, images = toy(), toy_images()
    product = guided_backprop(net, images, 2) * grad_cam(net, images, 2, "relu2")[:, None]
    assert torch.equal(guided_grad_cam(net, images, 2, "relu2"), product) and product.abs().max() > 0


def test_hires_cam_of_a_linear_end_sums_to_the_logit():
    """Flatten and one linear layer on a map: no ReLU between, so nothing is lost."""
    draws = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5)).double()
    images = torch.rand(3, 3, 8, 8, generator=draws, dtype=torch.float64)
    maps = hires_cam(net, images, 2, "1", raw=True, relu=False)
    with torch.no_grad():
        expected = net(images)[:, 2] - net[3].bias[2]
    torch.testing.assert_close(maps.sum((1, 2)), expected, rtol=1e-9, atol=1e-12)
    assert not torch.allclose(grad_cam(net, images, 2, "1", raw=True, relu=False).sum((1, 2)), expected)


LAYERS = [("alex", layer) for layer in ("conv2", "relu3", "relu5", "pool5")]
LAYERS += [
    ("resnet18", "layer3"),
    ("squeezenet1_1", "features.9"),
    ("densenet121", "features.transition2.relu"),
]


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_captum_agrees(name, layer, relu):
    net, (images, targets) = random_net(name), random_images(name)
    oracle = LayerGradCam(net, net.get_submodule(layer))
    expected = oracle.attribute(images, targets, relu_attributions=relu).detach()
    assert relative(grad_cam(net, images, targets, layer, raw=True, relu=relu), expected[:, 0]) < 1e-6
    large = LayerAttribution.interpolate(expected.clamp(min=0), images.shape[-2:], "bilinear")[:, 0]
    assert relative(grad_cam(net, images, targets, layer), large) < 1e-6


def pooled(*pooling):
    """A net that does not end in the mean of a map and one linear layer."""
    net = (
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), *pooling, nn.Flatten(), nn.Linear(4, 3)).double().eval()
    )
    for norm in (m for m in net if isinstance(m, nn.BatchNorm2d)):
        norm.running_mean.fill_(0.3)
    return net


class Side(nn.Module):
    """A layer without influence."""

    def __init__(self):
        super().__init__()
        self.main, self.side = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

    def forward(self, images):
        self.side(images)
        return self.main(images).mean((2, 3))


OTHER, AVERAGE = "net: CAM needs one that ends in a map", nn.AdaptiveAvgPool2d(1)
ENDS = "as gap, resnet18 and densenet121 do; this Net ends otherwise: use grad_cam"
test_what_is_refused = refusals(
    (lambda: cam(random_net("alex"), random_images("alex")[0], 0), ENDS),
    (lambda: cam(pooled(nn.AdaptiveMaxPool2d(1)), noise(2, 3, 8, 8), 1), OTHER),
    (lambda: cam(pooled(AVERAGE, nn.BatchNorm2d(4)), noise(2, 3, 8, 8), 1), OTHER),
    (lambda: cam(pooled(nn.LPPool2d(2, 8)), noise(2, 3, 8, 8), 1), OTHER),
    (
        lambda: grad_cam(Side().double(), noise(1, 3, 8, 8), 0, "side"),
        "layer: the scores .* do not depend on 'side'",
    ),
    (lambda: upsample(torch.rand(2, 2), (4, 4)), r"maps: .* of shape \(n, rows, cols\)"),
)


class Last(nn.Module):
    """A net whose middle layer gives (n, rows, cols, channels), as Swin's do, or tokens (n, rows * cols, channels)."""

    def __init__(self, order):
        super().__init__()
        self.conv, self.mid, self.fc, self.order = nn.Conv2d(3, 6, 3), nn.Identity(), nn.Linear(6, 3), order

    def forward(self, images):
        maps = self.conv(images).relu()
        if self.order == "last":
            return self.fc(self.mid(maps.permute(0, 2, 3, 1)).square().mean((1, 2)))
        if self.order == "tokens":
            return self.fc(self.mid(maps.flatten(2).mT).square().mean(1))
        return self.fc(self.mid(maps).square().mean((2, 3)))


@pytest.mark.parametrize("function", [grad_cam, guided_grad_cam])
def test_layers_in_another_order_need_reshape_and_give_the_same(function):
    first = Last("first").double()
    first.fc.weight.data.abs_()  # else the map may be below zero everywhere, and say nothing
    expected = function(first, noise(2, 3, 9, 9), 1, "mid")
    orders = {
        "last": (
            lambda output: output.permute(0, 3, 1, 2),
            r"\(2, 7, 7, 6\), channels last.*permute\(0, 3, 1, 2\)",
        ),
        "tokens": (lambda output: output.mT.unflatten(2, (7, 7)), r"\(2, 49, 6\), no maps.*give reshape"),
    }
    for order, (reshape, message) in orders.items():
        net = Last(order).double()
        net.load_state_dict(first.state_dict())
        with pytest.raises(ValueError, match=message):
            function(net, noise(2, 3, 9, 9), 1, "mid")
        found = function(net, noise(2, 3, 9, 9), 1, net.mid, reshape=reshape)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    assert expected.abs().max() > 0
