"""Bad input is answered clearly: the argument, what came, what was expected."""

import numpy as np
import pytest
import torch
from torch import nn

from lecture_utils.checks import UnknownName, check_images, check_layer, check_targets, near_miss

GOOD = torch.rand(2, 3, 8, 8)

BAD_IMAGES = {
    "numpy": (GOOD.numpy(), {}, "got ndarray"),
    "integers": ((GOOD * 255).byte(), {}, r"got torch.uint8: use images.float\(\) / 255"),
    "long": (GOOD.long(), {}, "got torch.int64"),
    "one image": (GOOD[0], {}, r"one image\? use image\[None\]"),
    "one image, channels last": (GOOD[0].permute(1, 2, 0), {}, "channels last"),
    "two dimensions": (GOOD[0, 0], {}, r"got \(8, 8\)"),
    "channels last": (GOOD.permute(0, 2, 3, 1), {}, r"looks like channels last: permute\(0, 3, 1, 2\)"),
    "grey": (GOOD[:, :1], {}, "expected 3 channels, got 1"),
    "empty": (GOOD[:0], {}, "an empty batch"),
    "no pixels": (GOOD[..., :0], {}, "images without pixels"),
    "nan": (GOOD.clone().index_fill_(3, torch.tensor(0), torch.nan), {}, "got 48 NaN or infinite of 384"),
    "infinite": (GOOD / 0, {}, "NaN or infinite"),
    "minus infinite": (-GOOD / 0, {}, "NaN or infinite"),
    "0-255": (GOOD * 255, {}, "looks like 0-255: divide by 255"),
    "above one": (GOOD * 1.5, {"range01": True}, r"expected values in \[0, 1\]"),
    "normalised": (GOOD - 0.5, {"range01": True}, "already normalised"),
    "dtype": (GOOD.double(), {"dtype": torch.float32}, "expected torch.float32, got torch.float64"),
    "net": (GOOD.double(), {"net": nn.Conv2d(3, 1, 3)}, "the net works in torch.float32, got torch.float64"),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_bad_images_are_refused(case):
    images, options, message = BAD_IMAGES[case]
    with pytest.raises(ValueError, match=message) as error:
        check_images(images, **options)
    assert str(error.value).startswith("images: ")


def test_good_images_pass_unchanged():
    for images in (GOOD, GOOD.double(), GOOD.bfloat16(), torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)):
        assert check_images(images, range01=True) is images
    toy = torch.randn(4, 3, 5, 5)
    assert check_images(toy) is toy  # toy nets use other ranges
    assert check_images(GOOD[:, :1], channels="any").shape == (2, 1, 8, 8)
    assert check_images(GOOD, net=nn.ReLU()) is GOOD  # a net without parameters has no dtype
    with torch.inference_mode():
        check_images(GOOD * 0.5, net=nn.Conv2d(3, 1, 3), range01=True)


BAD_TARGETS = {
    "float": (torch.zeros(2), "got a tensor of torch.float32"),
    "bool": (torch.zeros(2, dtype=torch.bool), "got a tensor of torch.bool"),
    "one bool": (True, "got True"),
    "too many": (torch.zeros(3, dtype=torch.long), r"shape \(2,\), got shape \(3,\)"),
    "one-hot": (torch.zeros(2, 5, dtype=torch.long), r"got shape \(2, 5\)"),
    "name": ("dog", r"got 'dog': use classes.index\(name\)"),
    "too large": (5, r"expected classes 0 .. 4, got 5"),
    "negative": (torch.tensor([0, -1]), r"expected classes 0 .. 4, got -1"),
    "number": (1.0, "got 1.0"),
}


@pytest.mark.parametrize("case", BAD_TARGETS)
def test_bad_targets_are_refused(case):
    targets, message = BAD_TARGETS[case]
    with pytest.raises(ValueError, match=message) as error:
        check_targets(targets, 2, 5)
    assert str(error.value).startswith("targets: ")


@pytest.mark.parametrize(
    "targets", [4, np.int64(4), torch.tensor(4), torch.tensor([4, 4], dtype=torch.int32)]
)
def test_good_targets(targets):
    found = check_targets(targets, 2, 5)
    assert found.dtype == torch.long and found.tolist() == [4, 4]


def test_unknown_layer_names_the_near_misses():
    net = nn.Sequential()
    net.add_module("conv1", nn.Conv2d(3, 4, 3))
    net.add_module("relu1", nn.ReLU())
    assert check_layer(net, "conv1") is net[0]
    with pytest.raises(KeyError, match="unknown layer 'Conv_1'; did you mean 'conv1'?"):
        check_layer(net, "Conv_1")
    with pytest.raises(KeyError, match="expected one of: conv1, relu1"):
        check_layer(net, "")
    with pytest.raises(ValueError, match="net: expected a torch.nn.Module, got str"):
        check_layer("alex", "conv1")


def test_near_miss_prints_plainly():
    error = near_miss("elefant", ["dog", "elephant"], "class")
    assert isinstance(error, KeyError) and isinstance(error, UnknownName)
    assert str(error) == "unknown class 'elefant'; did you mean 'elephant'?"
    assert "(30 in all)" in str(near_miss("x", range(30), "layer"))
