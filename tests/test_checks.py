"""Bad input is answered clearly: the argument, what came, what was expected."""

import numpy as np
import pytest
import torch
from torch import nn

from lecture_utils.checks import UnknownName, check_images, check_layer, check_targets, near_miss

GOOD = torch.rand(2, 3, 8, 8)


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (GOOD[0].permute(1, 2, 0), {}, "channels last"),
        (GOOD[..., :0], {}, "images without pixels"),
        (GOOD.clone().index_fill_(3, torch.tensor(0), torch.nan), {}, "got 48 NaN or infinite of 384"),
        (GOOD * 1.5, {"range01": True}, r"expected values in \[0, 1\]"),
        (GOOD - 0.5, {"range01": True}, "already normalised"),
        (GOOD.double(), {"dtype": torch.float32}, "expected torch.float32, got torch.float64"),
        (GOOD.double(), {"net": nn.Conv2d(3, 1, 3)}, "the net works in torch.float32, got torch.float64"),
    ],
)
def test_bad_images_that_no_method_is_asked_about(images, options, message):
    with pytest.raises(ValueError, match=f"^images: .*{message}"):
        check_images(images, **options)


def test_good_images_pass_unchanged():
    for images in (GOOD, GOOD.double(), GOOD.bfloat16(), torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)):
        assert check_images(images, range01=True) is images
    toy = torch.randn(4, 3, 5, 5)
    assert check_images(toy) is toy  # toy nets use other ranges
    assert check_images(GOOD[:, :1], channels="any").shape == (2, 1, 8, 8)
    assert check_images(GOOD, net=nn.ReLU()) is GOOD  # a net without parameters has no dtype
    with torch.inference_mode():
        check_images(GOOD * 0.5, net=nn.Conv2d(3, 1, 3), range01=True)


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
