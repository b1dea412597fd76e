"""What holds for every public method alike: bad input, and the state of the net and of everything else.

The bad values and the valid ones are the tables of `tests.fuzz`; here each stands once in every call.
"""

import inspect

import pytest
import torch
from torch import nn

from tests import fuzz
from tests.attribution_nets import Raised, failing, toy, toy_images, unchanged, used
from tests.fuzz_values import Tiny, values

MODULES = ("attribution", "detection", "features", "generative", "metrics", "synthesis")
CASES = [(module, name) for module in MODULES for name in sorted(fuzz.public(module))]
every_function = pytest.mark.parametrize(("module", "name"), CASES, ids=[".".join(case) for case in CASES])


def call(module, name):
    """(function, {argument: (kind, value)}) of the valid call."""
    function = fuzz.public(module)[name]
    return function, fuzz.kinds_and_values(module, name, function, values())


def offences(module, name, table, good):
    """The calls whose verdict is not the one that is due."""
    function, given = call(module, name)
    found, net = [], values()["net"][1]
    for argument, (kind, value) in given.items():
        default = fuzz.parameters_of(function)[argument].default
        for misuse, wrong in table.get(kind, {}).items():
            if misuse == "module":
                wrong = net.get_submodule(value)
                given["net"] = "net", net
            wrong = fuzz.made(wrong, value)
            if wrong is fuzz.MISSING or (wrong is None and default is None):
                continue
            spoilt = {argument: ("legal" if table is fuzz.LEGAL else "illegal", misuse, wrong)}
            verdict, what = fuzz.judge(function, {n: v for n, (_, v) in given.items()}, spoilt)
            if verdict != good:
                found.append(f"{verdict} {name}({argument}={misuse}): {what}")
    return found


@every_function
def test_every_bad_value_is_answered_by_a_sentence_that_names_the_argument(module, name):
    assert not offences(module, name, fuzz.ILLEGAL, "sentence")


@every_function
def test_what_is_legal_changes_nothing(module, name):
    """Memory order, a layer given as a module, numpy's integers, a compiled net, one that writes into its input."""
    assert not offences(module, name, fuzz.LEGAL, "right")


NETS = [case for case in CASES if "net" in inspect.signature(call(*case)[0]).parameters]
ASKS = [case for case in NETS if case[0] == "synthesis" or "images" in call(*case)[1]]
every_method = pytest.mark.parametrize(("module", "name"), ASKS, ids=[".".join(case) for case in ASKS])


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@every_method
def test_it_works_wherever_it_is_called(module, name, context):
    function, given = call(module, name)
    arguments = {n: v for n, (_, v) in given.items()}
    plain = fuzz.run(function, arguments)
    with context():
        inside = fuzz.run(function, arguments)
    assert fuzz.equal(inside, plain)


@every_method
def test_results_come_in_the_dtype_of_the_images(module, name):
    function, given = call(module, name)
    floats = {n: v for n, (_, v) in given.items() if torch.is_tensor(v) and v.is_floating_point()}
    arguments = {n: v for n, (_, v) in given.items()} | {n: v.double() for n, v in floats.items()}
    result = fuzz.run(function, arguments | {"net": Tiny().double()})
    parts = result.values() if isinstance(result, dict) else result if isinstance(result, tuple) else [result]
    for part in parts:
        assert not torch.is_tensor(part) or not part.is_floating_point() or part.dtype == torch.float64


def in_use(module, name, net, layer="relu2"):
    """The valid call on the toy net, which someone was training."""
    function, given = call(module, name)
    arguments = {n: toy_images(len(v)) if kind == "images" else v for n, (kind, v) in given.items()}
    here = {"net": net, "layer": layer, "layers": [layer], "style_weights": {layer: 1.0}}
    return lambda: fuzz.run(function, arguments | {n: v for n, v in here.items() if n in arguments})


@every_method
def test_a_net_in_training_stays_as_it_was_and_is_asked_in_evaluation_mode(module, name):
    """Parameters, buffers, modes, flags, gradients, hooks, the random state; dropout would draw."""
    net = used(toy())
    method = in_use(module, name, net)
    with unchanged(net):
        found = method()
    assert fuzz.equal(found, in_use(module, name, toy())())


@pytest.mark.parametrize("when", ["forward", "backward"])
@every_method
def test_an_exception_halfway_leaves_everything_as_it_was(module, name, when):
    net = used(failing(when))
    method = in_use(module, name, net, "relu2" if module == "synthesis" else "conv1")
    with unchanged(net):
        try:
            method()
        except Raised:
            pass
        else:
            assert when == "backward" or name in STOPS_BELOW, "it never came to where the net fails"


STOPS_BELOW = ("first_conv", "top_units", "top_patches", "cut_patches")  # run only up to the layer


class Odd(nn.Module):
    """A net whose forward pass ends in something unusual."""

    def __init__(self, end):
        super().__init__()
        self.toy, self.end = toy(), end

    def forward(self, images):
        return self.end(self.toy(images))


ENDS = {
    "tuple": lambda y: (y, y),
    "dict": lambda y: {"out": y},
    "one side too many": lambda y: y[..., None],
    "no batch": lambda y: y.sum(0),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", [name for module, name in ASKS if module == "attribution"])
def test_a_net_that_gives_no_table_of_scores(name, end):
    net = Odd(ENDS[end])
    method = in_use("attribution", name, net, "toy.relu2")
    with unchanged(net), pytest.raises(ValueError, match="net: expected logits of shape"):
        method()


FOLLOWED = [
    (m, n) for m, n in ASKS if n in ("guided_backprop", "saliency", "integrated_gradients", "smooth_grad")
]
FOLLOWED += [("synthesis", name) for name in ("ascend", "fgsm", "pgd", "deepfool")]


@pytest.mark.parametrize(("module", "name"), FOLLOWED)
@pytest.mark.parametrize("end", [torch.Tensor.detach, lambda y: torch.ones_like(y, requires_grad=True) * 2])
def test_a_net_that_hides_from_autograd(module, name, end):
    net = Odd(end)
    method = in_use(module, name, net)
    with unchanged(net), pytest.raises(ValueError, match="net: .*does not depend on the image"):
        method()


@pytest.mark.parametrize("name", [name for module, name in ASKS if module == "attribution" and name != "cam"])
def test_images_of_a_size_that_the_net_cannot_take(name):
    net = used(toy("fc", size=20))
    method = in_use("attribution", name, net)
    with unchanged(net), pytest.raises(ValueError, match="images: the net cannot take 16 x 16 px"):
        method()
