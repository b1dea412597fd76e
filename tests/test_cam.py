"""CAM and Grad-CAM: by hand, against captum, their laws, what they refuse, and that the net stays as it was."""

import warnings

import pytest
import torch
from torch import nn

from lecture_utils import models
from lecture_utils.attribution import (
    cam,
    grad_cam,
    guided_backprop,
    guided_grad_cam,
    hires_cam,
    upsample,
)
from lecture_utils.models import imagenet

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # captum always warns
    from captum.attr import LayerAttribution, LayerGradCam

LAYERS = {"resnet18": "layer3", "squeezenet1_1": "features.9", "densenet121": "features.transition2.relu"}
SIDE = {"resnet18": 64, "squeezenet1_1": 80, "densenet121": 64}  # px


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def alive(net, images):
    """The net in float64, its norms set to what comes in, so that random weights do not die on the way up."""
    net = net.double().train()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.momentum = 1.0
    with torch.no_grad():
        net(images)
    return net.eval()


@pytest.fixture(scope="module")
def gap():
    return alive(models.build("gap"), noise(8, 3, 112, 112))


@pytest.fixture(scope="module")
def alex():
    return alive(models.build("alex"), noise(8, 3, 112, 112))


@pytest.fixture(scope="module", params=LAYERS)
def second(request):
    """A net of torchvision, images of its size, and one of its layers in the middle."""
    name = request.param
    images = noise(2, 3, SIDE[name], SIDE[name], seed=1)
    return alive(imagenet.build(name), images), images, LAYERS[name]


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


# --- by hand ---


def test_cam_by_hand():
    by_hand = torch.tensor([[-1.0, 2.0], [0.75, 0.0]]).double()  # 2 red - green
    assert torch.equal(cam(Tiny(), PICTURE, 0, raw=True)[0], by_hand)
    assert torch.equal(cam(Tiny(), PICTURE, 1, raw=True)[0], 4 * GREEN)
    assert torch.equal(cam(Tiny(), PICTURE, 0)[0], by_hand.clamp(min=0)), "the image is as small as the map"
    both = cam(Tiny(), PICTURE.repeat(2, 1, 1, 1), torch.tensor([1, 0]), raw=True)
    assert torch.equal(both, torch.stack([4 * GREEN, by_hand]))


def test_grad_cam_by_hand():
    by_hand = (
        torch.tensor([[-1.0, 2.0], [0.75, 0.0]]).double() / 4
    )  # the mean spreads the gradient over 4 places
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
    assert torch.equal(
        hires_cam(net, image, 0, "0", raw=True)[0], torch.tensor([[0.0, 5.0], [0.0, 2.0]]).double()
    )


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
    with pytest.raises(ValueError, match=r"maps: .* of shape \(n, rows, cols\)"):
        upsample(torch.rand(2, 2), (4, 4))


# --- laws ---


def test_cam_is_the_logit_spread_over_the_map(gap):
    images, targets = noise(3, 3, 112, 112, seed=2), torch.tensor([0, 7, 15])
    maps = cam(gap, images, targets, raw=True)
    assert maps.shape == (3, 14, 14) and maps.min() < 0
    with torch.no_grad():
        logits = gap(images).gather(1, targets[:, None])[:, 0]
    torch.testing.assert_close(
        maps.mean((1, 2)) + gap.fc.bias.detach()[targets], logits, rtol=1e-10, atol=1e-10
    )


def test_on_a_gap_net_grad_cam_is_cam(gap):
    images, targets = noise(3, 3, 112, 112, seed=3), torch.tensor([3, 3, 9])
    ours = grad_cam(gap, images, targets, "relu5", raw=True, relu=False) * 14 * 14
    torch.testing.assert_close(ours, cam(gap, images, targets, raw=True), rtol=1e-10, atol=1e-12)
    hires = hires_cam(gap, images, targets, "relu5", raw=True, relu=False) * 14 * 14
    torch.testing.assert_close(hires, ours, rtol=1e-10, atol=1e-12)


def test_cam_of_the_second_lab(second):
    net, images, _ = second
    if type(net).__name__ == "SqueezeNet":
        with torch.no_grad():
            logits = net(images)[:, 5]
        maps = cam(net, images, 5, raw=True)  # it averages maps of scores: these are the CAM
        assert maps.shape[1:] != (1, 1)
        torch.testing.assert_close(maps.mean((1, 2)), logits, rtol=1e-9, atol=1e-9)
        return
    bias = dict(net.named_modules())["fc" if hasattr(net, "fc") else "classifier"].bias.detach()
    with torch.no_grad():
        logits = net(images)[:, 5]
    maps = cam(net, images, 5, raw=True)
    assert maps.shape == (2, 2, 2)
    torch.testing.assert_close(maps.mean((1, 2)) + bias[5], logits, rtol=1e-9, atol=1e-9)
    last = "layer4" if hasattr(net, "layer4") else "relu5"
    torch.testing.assert_close(
        4 * grad_cam(net, images, 5, last, raw=True, relu=False), maps, rtol=1e-9, atol=1e-9
    )


def test_guided_grad_cam_is_a_product(gap):
    images = noise(2, 3, 112, 112, seed=4)
    product = guided_backprop(gap, images, 2) * grad_cam(gap, images, 2, "relu4")[:, None]
    assert torch.equal(guided_grad_cam(gap, images, 2, "relu4"), product) and product.abs().max() > 0


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


# --- captum ---


def captums(net, images, targets, layer, relu):
    module = dict(net.named_modules())[layer]
    found = LayerGradCam(net, module).attribute(images, target=targets, relu_attributions=relu)
    return found.detach()[:, 0]


@pytest.mark.parametrize("layer", ["conv2", "relu3", "relu5", "pool5"])
@pytest.mark.parametrize("relu", [True, False])
def test_captum_agrees_on_alex(alex, layer, relu):
    images, targets = noise(3, 3, 112, 112, seed=6), torch.tensor([1, 12, 4])
    expected = captums(alex, images, targets, layer, relu)
    ours = grad_cam(alex, images, targets, layer, raw=True, relu=relu)
    assert expected.abs().max() > 1e-9
    torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-6 * float(expected.abs().max()))


def test_captum_agrees_on_the_second_lab(second):
    net, images, layer = second
    targets = torch.tensor([999, 3])
    expected = captums(net, images, targets, layer, False)
    ours = grad_cam(net, images, targets, layer, raw=True, relu=False)
    assert expected.shape[1] > 2 and expected.abs().max() > 1e-12
    torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-6 * float(expected.abs().max()))
    large = LayerAttribution.interpolate(expected.clamp(min=0)[:, None], images.shape[-2:], "bilinear")[:, 0]
    torch.testing.assert_close(grad_cam(net, images, targets, layer), large, rtol=1e-6, atol=1e-15)


# --- what is refused ---


def test_cam_says_which_nets_it_is_for(alex):
    with pytest.raises(
        ValueError, match="as gap, resnet18 and densenet121 do; this Net ends otherwise: use grad_cam"
    ):
        cam(alex, noise(1, 3, 112, 112), 0)


@pytest.mark.parametrize(
    "pooling",
    [[nn.AdaptiveMaxPool2d(1)], [nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4)], [nn.LPPool2d(2, 8)]],
    ids=["max", "a norm after the pooling", "root mean square"],
)
def test_a_net_that_pools_otherwise_has_no_cam(pooling):
    net = (
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), *pooling, nn.Flatten(), nn.Linear(4, 3)).double().eval()
    )
    with torch.no_grad():
        for norm in (m for m in net if isinstance(m, nn.BatchNorm2d)):
            norm.running_mean.fill_(0.3)
    with pytest.raises(ValueError, match="net: CAM needs one that ends in a map"):
        cam(net, noise(2, 3, 8, 8), 1)


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


@pytest.mark.parametrize("function", [grad_cam, hires_cam, guided_grad_cam])
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


def test_a_layer_without_influence():
    class Side(nn.Module):
        def __init__(self):
            super().__init__()
            self.main, self.side = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

        def forward(self, images):
            self.side(images)
            return self.main(images).mean((2, 3))

    with pytest.raises(ValueError, match="layer: the scores of this net do not depend on 'side'"):
        grad_cam(Side().double(), noise(1, 3, 8, 8), 0, "side")
