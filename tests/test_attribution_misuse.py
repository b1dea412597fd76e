"""Bad input to every method of attribution: a clear error, and the net as it was, bit for bit."""

import inspect
import random
import re
import sys

import numpy as np
import pytest
import torch
from torch import nn

from lecture_utils import attribution as a
from tests.attribution_nets import Raised, failing, toy, toy_images, unchanged, used
from tools import bench_attribution

IMAGES = toy_images()
MAPS = torch.zeros_like(IMAGES)
METHODS = {  # one call of each, of (net, images, targets, layer)
    "activation_returned": lambda n, x, t, y: a.activation_returned(n, x, MAPS.to(x), y, 5),
    "cam": lambda n, x, t, y: a.cam(n, x, t),
    "completeness_gap": lambda n, x, t, y: a.completeness_gap(n, x, t, MAPS),
    "deconvnet": lambda n, x, t, y: a.deconvnet(n, x, y, 5),
    "grad_cam": lambda n, x, t, y: a.grad_cam(n, x, t, y),
    "guided_backprop": lambda n, x, t, y: a.guided_backprop(n, x, t),
    "guided_grad_cam": lambda n, x, t, y: a.guided_grad_cam(n, x, t, y),
    "hires_cam": lambda n, x, t, y: a.hires_cam(n, x, t, y),
    "integrated_gradients": lambda n, x, t, y: a.integrated_gradients(n, x, t, steps=3),
    "last_map": lambda n, x, t, y: a.last_map(n, x),
    "layer_gradient": lambda n, x, t, y: a.layer_gradient(n, x, t, y),
    "neuron_saliency": lambda n, x, t, y: a.neuron_saliency(n, x, y, 5),
    "occlusion": lambda n, x, t, y: a.occlusion(n, x, t, size=8, stride=4),
    "saliency": lambda n, x, t, y: a.saliency(n, x, t),
    "smooth_grad": lambda n, x, t, y: a.smooth_grad(n, x, t, samples=3),
}
BACKWARD = [
    "deconvnet",
    "grad_cam",
    "guided_backprop",
    "guided_grad_cam",
    "hires_cam",
    "integrated_gradients",
    "layer_gradient",
    "neuron_saliency",
    "saliency",
    "smooth_grad",
]
ONLY_GAP = {"cam", "last_map"}  # these refuse any other net
every_method = pytest.mark.parametrize("name", METHODS)


def asks_for(word):
    """The methods that take an argument of this name."""
    return [name for name in METHODS if word in inspect.signature(getattr(a, name)).parameters]


def refused(name, message, net=None, images=IMAGES, targets=1, layer="relu2", error=ValueError):
    """Call a method on a net in use: it must raise this, and the net and the images must stay as they were."""
    net, kept, state = used(net or toy()), images.clone(), _random_state()
    with unchanged(net), pytest.raises(error, match=message):
        METHODS[name](net, images, targets, layer)
    assert images.equal(kept) or kept.isnan().any()
    assert images.grad is None and _random_state() == state


def _random_state():
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()


def test_the_table_has_every_method():
    takes_a_net = {
        name
        for name in a.__all__
        if callable(getattr(a, name))
        and next(iter(inspect.signature(getattr(a, name)).parameters), "") == "net"
    }
    assert takes_a_net == set(METHODS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_method
def test_good_input_leaves_everything_as_it_was(name, dtype):
    """Parameters, buffers, modes, flags, gradients, hooks, the random state: after success."""
    net, images, state = used(toy(dtype=dtype)), IMAGES.to(dtype), _random_state()
    with unchanged(net):
        METHODS[name](net, images, torch.tensor([0, 2]), "relu2")
    assert _random_state() == state and images.equal(IMAGES.to(dtype))


@every_method
def test_a_net_in_training_is_asked_in_evaluation_mode(name):
    """Dropout would draw, BatchNorm would count."""
    found, expected = (METHODS[name](net, IMAGES, 1, "relu2") for net in (toy().train(), toy()))
    pairs = zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
    for one, other in pairs:
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else type(one) is type(other)


@pytest.mark.parametrize("name", BACKWARD)
def test_an_exception_on_the_way_back(name):
    refused(name, "on the way back", failing("backward"), error=Raised)


@every_method
def test_an_exception_on_the_way_there(name):
    refused(name, "on the way there", failing("forward"), error=Raised)


def test_the_other_methods_never_go_back():
    for name in set(METHODS) - set(BACKWARD):
        METHODS[name](failing("backward"), IMAGES, 1, "relu2")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES.index_fill(3, torch.tensor(5), torch.nan), "images: expected finite values, got 96 NaN"),
        (IMAGES / 0, "images: expected finite values"),
        (IMAGES[0], r"one image\? use image\[None\]"),
        (IMAGES.permute(0, 2, 3, 1), "looks like channels last"),
        (IMAGES[:, :1], "expected 3 channels, got 1"),
        (IMAGES[:0], "an empty batch"),
        (IMAGES * 255, "looks like 0-255: divide by 255"),
        ((IMAGES * 255).byte(), "expected floating values"),
        (IMAGES.float(), "the net works in torch.float64, got torch.float32"),
    ],
    ids=["nan", "infinity", "one", "channels last", "grey", "none", "0-255", "integers", "dtype"],
)
@every_method
def test_bad_images(name, images, message):
    refused(name, message, images=images)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (3, r"targets: expected classes 0 \.\. 2, got 3"),
        (-1, r"targets: expected classes 0 \.\. 2, got -1"),
        (torch.tensor([0, 7]), r"targets: expected classes 0 \.\. 2, got 7"),
        (torch.tensor([0, 1, 2]), r"got shape \(3,\)"),
        (torch.tensor([0.0, 1.0]), "got a tensor of torch.float32"),
        ("dog", r"got 'dog': use classes.index\(name\)"),
        (None, "got None"),
        (True, "got True"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", asks_for("targets"))
def test_bad_targets(name, targets, message):
    refused(name, message, targets=targets)


@pytest.mark.parametrize("name", asks_for("layer"))
def test_an_unknown_layer(name):
    refused(name, "unknown layer 'rleu2'; did you mean 'relu2'", layer="rleu2", error=KeyError)
    refused(name, "unknown layer ''", layer="", error=KeyError)


@pytest.mark.parametrize("name", ["grad_cam", "guided_grad_cam", "hires_cam", "layer_gradient"])
def test_a_layer_without_rows_and_columns(name):
    refused(name, r"layer: 'flatten' gives \(2, 6\), without rows and columns", layer="flatten")


@pytest.mark.parametrize("name", sorted(ONLY_GAP))
def test_a_net_without_global_average_pooling(name):
    refused(name, "CAM needs one that ends in a map, global average pooling and one linear layer", toy("fc"))


@pytest.mark.parametrize("size", [(20, 20), (16, 18), (8, 8), (1, 1)], ids=str)
@every_method
def test_images_of_another_size(name, size):
    images = torch.rand(2, 3, *size, dtype=torch.float64)
    refused(name, _of_size(name, size), toy("fc"), images=images)


def _of_size(name, size):
    if name == "occlusion" and min(size) < 8:
        return "size: expected a whole number from 1 to 1"
    if name in ("completeness_gap", "activation_returned"):
        return rf"images: the net cannot take {size[0]} x {size[1]} px|expected shape"
    return f"images: the net cannot take {size[0]} x {size[1]} px"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 17}, "size: expected a whole number from 1 to 16, the side of the images, got 17"),
        ({"size": 0}, "size: expected a whole number"),
        ({"size": 4.0}, "size: expected a whole number .* got 4.0"),
        ({"stride": 0}, "stride: expected a whole number"),
        ({"size": 4, "stride": 5}, "stride: expected a whole number from 1 to 4"),
        ({"fill": torch.nan}, "fill: expected a finite number or a colour"),
        ({"fill": torch.zeros(2)}, "fill: expected a finite number or a colour"),
        ({"batch_size": 0}, "batch_size: expected a whole number of at least 1"),
    ],
    ids=str,
)
def test_bad_squares(options, message):
    net = used(toy())
    with unchanged(net), pytest.raises(ValueError, match=message):
        a.occlusion(net, IMAGES, 1, **({"size": 8, "stride": 4} | options))


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"channel": 6}, "channel: expected an integer from 0 to 5, got 6"),
        ({"channel": -1}, "channel: expected an integer from 0 to 5, got -1"),
        ({"channel": 1.0}, "channel: expected an integer from 0 to 5, got 1.0"),
        ({"channel": True}, "channel: expected an integer"),
        ({"channel": 0, "row": 8, "column": 0}, "row: expected an integer from 0 to 7, got 8"),
        ({"channel": 0, "row": 0, "column": -1}, "column: expected an integer from 0 to 7, got -1"),
        ({"channel": 0, "row": 0}, "row, column: give both or neither; got 0, None"),
        ({"channel": 0, "column": 0}, "row, column: give both or neither; got None, 0"),
        (
            {"channel": 0, "row": 0, "column": 0, "layer": "flatten"},
            "this layer has no places: leave out row and column",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", [a.neuron_saliency, a.deconvnet])
def test_a_unit_that_is_not_there(method, place, message):
    net = used(toy())
    with unchanged(net), pytest.raises(ValueError, match=message):
        method(net, IMAGES, **({"layer": "relu2"} | place))


# --- nets that are no such nets ---


class Odd(nn.Module):
    """A net whose forward pass ends in something unusual."""

    def __init__(self, end):
        super().__init__()
        self.toy, self.end = toy(), end

    def forward(self, images):
        return self.end(self.toy(images))


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (lambda y: (y, y), "net: expected logits of shape .* got tuple"),
        (lambda y: {"out": y}, "net: expected logits of shape .* got dict"),
        (lambda y: y[..., None], r"net: expected logits of shape \(\d+, classes\), got \(\d+, 3, 1\)"),
        (lambda y: y.sum(0), r"net: expected logits of shape .* got \(3,\)"),
    ],
    ids=["tuple", "dict", "one too many", "no batch"],
)
@every_method
def test_nets_that_give_no_table_of_scores(name, end, message):
    net = Odd(end)
    with unchanged(net), pytest.raises(ValueError, match=message):
        METHODS[name](net, IMAGES, 1, "toy.relu2")


@pytest.mark.parametrize("name", ["guided_backprop", "saliency", "integrated_gradients", "smooth_grad"])
def test_nets_that_hide_from_autograd(name):
    for end, message in (
        (torch.Tensor.detach, "net: .*no_grad or detach"),
        (
            lambda y: torch.ones_like(y, requires_grad=True) * 2,
            "net: its output does not depend on the images",
        ),
    ):
        net = Odd(end)
        with unchanged(net), pytest.raises(ValueError, match=message):
            METHODS[name](net, IMAGES, 1, None)


@every_method
def test_something_else_than_a_net(name):
    with pytest.raises((ValueError, AttributeError), match=re.compile("net: expected|has no attribute")):
        METHODS[name]("alex", IMAGES, 1, "relu2")


def test_the_benchmark_says_what_it_needs(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "captum", None)
    assert list(bench_attribution.rows(quick=True)) == []
    assert "attribution is compared with captum: pip install captum" in capsys.readouterr().err


def test_the_benchmark_compares_in_turns():
    order = []
    what, percent, unit, target = bench_attribution.compared(
        "a", lambda: order.append("ours"), lambda: order.append("theirs"), True, "at most 110"
    )
    assert order == ["ours", "theirs"] * 6 and (what, unit, target) == ("a / captum", "%", "at most 110")
    assert percent > 0
