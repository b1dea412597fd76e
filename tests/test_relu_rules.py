"""Three ways back through a ReLU: a table computed by hand, for every way to write a ReLU."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lecture_utils.attribution import guided_backprop, relu_rule, saliency
from lecture_utils.attribution.relu_rules import RULES
from tests.attribution_nets import Raised, unchanged

INPUTS = [-2.0, -1.0, 0.5, 3.0, 0.0, 2.0, -1.0, 4.0]
ARRIVES = [-3.0, 4.0, -5.0, 6.0, 7.0, 0.0, 0.0, -8.0]
TABLE = {  # what goes on below the ReLU
    "plain": [0.0, 0.0, -5.0, 6.0, 0.0, 0.0, 0.0, -8.0],
    "deconvnet": [0.0, 4.0, 0.0, 6.0, 7.0, 0.0, 0.0, 0.0],
    "guided": [0.0, 0.0, 0.0, 6.0, 0.0, 0.0, 0.0, 0.0],
}


def statement(x):
    """In place, and what it returns is not used."""
    F.relu_(x)
    return x


WAYS = {
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU in place": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "F.relu in place by position": lambda x: F.relu(x, True),
    "F.relu by name": lambda x: F.relu(input=x),
    "F.relu_": F.relu_,
    "F.relu_ as a statement": statement,
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "x.relu": lambda x: x.relu(),
    "x.relu_": lambda x: x.relu_(),
    "nn.Threshold": nn.Threshold(0, 0),
    "nn.Threshold in place": nn.Threshold(0, 0, inplace=True),
    "F.threshold": lambda x: F.threshold(x, 0, 0),
    "F.threshold by name": lambda x: F.threshold(x, threshold=0.0, value=0.0),
    "torch.threshold": lambda x: torch.threshold(x, 0, 0),
    "torch.threshold_": lambda x: torch.threshold_(x, 0, 0),
    "aten": torch.ops.aten.relu,
    "aten in place": torch.ops.aten.relu_.default,
    "a view in place": lambda x: F.relu(x.view(2, 4), inplace=True).view(8),
    "half of it, then the other": lambda x: torch.cat([x[:4].relu_(), F.relu(x[4:])]),
}


def way_back(relu, rule, inputs=INPUTS):
    """What reaches x when ARRIVES comes to relu(x), and what relu gave."""
    x = torch.tensor(inputs, dtype=torch.float64, requires_grad=True)
    with relu_rule(rule):
        y = relu(x * 1)
    return torch.autograd.grad(y, x, torch.tensor(ARRIVES, dtype=torch.float64))[0].tolist(), y.tolist()


@pytest.mark.parametrize("rule", TABLE)
@pytest.mark.parametrize("relu", WAYS.values(), ids=WAYS)
def test_the_table_by_hand_however_the_relu_is_written(relu, rule):
    back, forward = way_back(relu, rule)
    assert back == TABLE[rule]
    assert forward == [0.0, 0.0, 0.5, 3.0, 0.0, 2.0, 0.0, 4.0]


def test_each_call_is_counted_also_of_a_module_that_is_used_again():
    relu = nn.ReLU()
    net = nn.Sequential(nn.Conv2d(3, 3, 1), relu, nn.Conv2d(3, 3, 1), relu, nn.GELU(), relu)
    with relu_rule("guided") as switch:
        net(torch.rand(1, 3, 4, 4))
    assert switch.count == 3 and dict(switch.others) == {"gelu": 1}


def test_the_rule_of_the_forward_pass_holds_also_when_the_block_is_over():
    x = torch.tensor(INPUTS, requires_grad=True)
    with relu_rule("guided"):
        y = F.relu(x)
    z = F.relu(x)
    arrives = torch.tensor(ARRIVES)
    assert torch.autograd.grad(y, x, arrives)[0].tolist() == TABLE["guided"]
    assert torch.autograd.grad(z, x, arrives)[0].tolist() == TABLE["plain"]
    with relu_rule("deconvnet"):
        F.relu(torch.ones(1))
        y = x.relu()
    with relu_rule("guided"):
        F.relu(torch.ones(1))
        assert torch.autograd.grad(y, x, arrives)[0].tolist() == TABLE["deconvnet"]


@pytest.mark.parametrize("outer", RULES)
@pytest.mark.parametrize("inner", RULES)
@pytest.mark.parametrize("relu", [F.relu, F.relu_])
def test_of_two_blocks_the_inner_one_holds(outer, inner, relu):
    x = torch.tensor(INPUTS, requires_grad=True)
    with relu_rule(outer):
        with relu_rule(inner):
            y = relu(x * 1)
        z = relu(x * 1)
    arrives = torch.tensor(ARRIVES)
    assert torch.autograd.grad(y, x, arrives)[0].tolist() == TABLE[inner]
    assert torch.autograd.grad(z, x, arrives)[0].tolist() == TABLE[outer]


def test_after_an_exception_everything_is_plain_again():
    with pytest.raises(Raised), relu_rule("guided"):
        raise Raised
    with pytest.raises(Raised), relu_rule("guided"):
        F.relu(torch.ones(1))
        raise Raised
    x = torch.tensor(INPUTS, requires_grad=True)
    assert torch.autograd.grad(F.relu(x), x, torch.tensor(ARRIVES))[0].tolist() == TABLE["plain"]
    assert torch._C._len_torch_function_stack() == 0


BENT = {
    "ReLU6": nn.ReLU6(),
    "ReLU6 in place": nn.ReLU6(inplace=True),
    "Hardtanh": nn.Hardtanh(0, 6, inplace=True),
    "LeakyReLU": nn.LeakyReLU(0.1),
    "LeakyReLU in place": nn.LeakyReLU(0.1, inplace=True),
    "function": lambda x: F.leaky_relu_(x, 0.1),
}


@pytest.mark.parametrize("name", BENT)
def test_what_is_bent_lets_back_what_is_positive_where_its_slope_is_not_zero(name):
    """Four values and what arrives at them: by hand."""
    slopes = [0.1, 0.1, 1, 1, 1] if "eaky" in name or name == "function" else [0, 0, 1, 1, 0]
    arrives = torch.tensor([1.0, -2.0, 3.0, -4.0, 5.0], dtype=torch.float64)
    for rule in ("plain", "deconvnet", "guided"):
        x = torch.tensor([-1.0, -2.0, 2.0, 3.0, 7.0], dtype=torch.float64, requires_grad=True)
        with relu_rule(rule) as switch:
            F.relu(x)
            y = BENT[name](x * 1)
        assert torch.equal(y, BENT[name](x.detach() * 1)) and switch.count == (1 if rule == "plain" else 2)
        expected = {
            "plain": [slope * g for slope, g in zip(slopes, arrives.tolist(), strict=True)],
            "deconvnet": [1, 0, 3, 0, 5],
            "guided": [g * (slope != 0) for slope, g in zip(slopes, [1, 0, 3, 0, 5], strict=True)],
        }[rule]
        assert torch.autograd.grad(y, x, arrives)[0].tolist() == pytest.approx(expected)


OTHERS = {
    "elu": nn.ELU(),
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
    "hardswish": nn.Hardswish(),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "softplus": nn.Softplus(),
    "threshold at 1": nn.Threshold(1, 0),
    "clamp": lambda x: x.clamp(min=0),
    "maximum": lambda x: torch.maximum(x, torch.zeros((), dtype=x.dtype)),
}


@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
@pytest.mark.parametrize("function", OTHERS.values(), ids=OTHERS)
def test_other_non_linearities_keep_their_derivative(function, rule):
    expected, _ = way_back(lambda x: (F.relu(torch.ones(1)), function(x))[1], "plain")
    found, _ = way_back(lambda x: (F.relu(torch.ones(1)), function(x))[1], rule)
    assert found == expected and min(found) < 0


@pytest.mark.parametrize("name", ["gelu", "silu", "clamp"])
def test_a_net_without_a_relu_is_refused_and_stays_as_it_was(name):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(48, 2).double()

        def forward(self, images):
            return self.fc(OTHERS[name](images.flatten(1) - 0.5))

    net, images = Net(), torch.rand(1, 3, 4, 4, dtype=torch.float64)
    found = {"clamp": "none"}.get(name, name)
    with unchanged(net):
        with pytest.raises(ValueError, match=f"no ReLU was called, so the guided rule .* Found: {found}"):
            guided_backprop(net, images, 0)
        with (
            pytest.raises(ValueError, match="the deconvnet rule would change nothing"),
            relu_rule("deconvnet"),
        ):
            saliency(net, images, 0)
        with relu_rule("plain"):
            assert torch.equal(saliency(net, images, 0), saliency(net, images, 0))
