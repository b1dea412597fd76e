"""Random misuse of every public function: is the answer a sentence, or a crash, or a wrong value without a word?

A call is valid but for one or two arguments, which are replaced (see `MISUSE`). Its verdict:

    sentence    a ValueError or KeyError (a TypeError, for an argument left out) that names a replaced argument
    right       a finite result: where the value is legal in fact, the same one as without the misuse
    deep        any other exception
    silent      a result although the value is illegal, another result where it is legal, NaN, or a trace that is left:
                a changed net, image or random state, or a hook
"""

import importlib
import inspect
import io
import random
import re
import warnings
from contextlib import AbstractContextManager, nullcontext, redirect_stderr, redirect_stdout

import numpy as np
import torch
from torch import nn

from lecture_utils.checks import UnknownName
from lecture_utils.hooks import seeded
from lecture_utils.synthesis import style
from tests.fuzz_values import METHODS, SKIP, Tiny, instances, values
from tests.test_hooks import photograph, same

MODULES = ("attribution", "detection", "synthesis", "features", "generative", "metrics", "plots")
MISSING = object()


class Writer(Tiny):
    """Tiny, but it writes into its input."""

    def forward(self, images):
        return super().forward(images.sub_(0.5) + 0.5)


class Wrapped(nn.Module):
    """As torch.compile wraps a net: the layers have other names."""

    def __init__(self, net):
        super().__init__()
        self._orig_mod = net

    def forward(self, images):
        return self._orig_mod(images)


class Dropping(Tiny):
    """Dropout that stays on in evaluation mode."""

    def forward(self, images):
        return nn.functional.dropout(super().forward(images), 0.5, training=True)


class Ends(Tiny):
    """Tiny with another end: one output, or probabilities."""

    def __init__(self, end):
        super().__init__(1 if end == "one" else 4)
        self.end = end

    def forward(self, images):
        logits = super().forward(images)
        return logits.softmax(1) if self.end == "softmax" else logits


def _no_statistics(net):
    net = Tiny()
    net.relu1 = nn.Sequential(nn.BatchNorm2d(6, track_running_stats=False), nn.ReLU())
    return net


def _sparse(t):
    return t.to_sparse()


def _nan(t):
    return t * torch.nan if t.is_floating_point() else MISSING


def _wide(t):
    """A copy of the same values with another memory order."""
    return t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t.clone()


NOTHING = {"None": None, "text": "3", "class": Tiny}
NO_NUMBER = NOTHING | {"list": [3], "bool": True, "nan": float("nan"), "pair": torch.zeros(2)}
NO_TENSOR = NOTHING | {"dict": {}, "sparse": _sparse, "meta": lambda t: t.to("meta"), "nan": _nan}
NO_WHOLE = NO_NUMBER | {"1.5": 1.5, "infinite": float("inf"), "-1": -1}
NO_NAME = {"None": None, "text": "a", "3": 3}
HUGE, BELOW, TOO_LARGE = {"huge": 2**70}, {"-1": -1}, {"99": 99}
NO_NET = NOTHING | {"list": []}
ODD_NETS = {"no statistics": _no_statistics, "dropout on": Dropping()}
ODD_ENDS = {"softmax": Ends("softmax"), "one output": Ends("one")}
NO_LAYER = {"None": None, "3": 3, "class": Tiny, "list": ["conv3"]}
NO_PLACES = {"one": lambda t: t[0], "channels last": lambda t: t.permute(0, 2, 3, 1), "none": lambda t: t[:0]}
NO_COLOURS = {"infinite": lambda t: t / 0, "0-255": lambda t: t * 255, "uint8": lambda t: (t * 255).byte()}
NO_COLOURS |= {"grey": lambda t: t[:, :1], "bool": lambda t: t > 0.5, "complex": lambda t: t.cfloat()}
NO_CLASSES = {"floats": torch.zeros(2), "negative": torch.tensor([0, -1]), "sparse": _sparse}
NO_CLASSES |= HUGE | {"meta": lambda t: t.to("meta")}
OTHER_CLASSES = TOO_LARGE | {"too many": torch.zeros(3).long()}
NO_BOXES = NO_TENSOR | {"inverted": lambda t: t.flip(1), "three numbers": lambda t: t[:, :3]}
NO_SOLID_BOXES = NO_BOXES | {"without area": lambda t: torch.cat([t[:, :2], t[:, :2]], 1)}
NO_LIST = NO_NAME | {"class": Tiny, "one": lambda each: each[0], "short": lambda each: each[1:]}


def _each(misuses):
    """Misuses of a list: those of what is in it."""
    few = {name: wrong for name, wrong in misuses.items() if inspect.isfunction(wrong)}
    each = {name: lambda values, wrong=wrong: [wrong(v) for v in values] for name, wrong in few.items()}
    return NO_LIST | each | {"texts": lambda values: ["ab"] * len(values)}


def _detected(change):
    return lambda scenes: [change(*each) for each in scenes]


# {kind: {misuse: value, or a function of the valid one}}: ILLEGAL must be refused, LEGAL changes nothing; of the rest
# either is right, a sentence or a finite result.
ILLEGAL = (
    {
        "net": NO_NET | ODD_NETS | ODD_ENDS,
        # whose raw scores or inner layers are read: one score or probabilities will do
        "inner net": NO_NET | ODD_NETS,
        "copied net": NO_NET,  # that is copied, or whose layers are only looked at
        "images": NO_TENSOR | NO_PLACES | NO_COLOURS | {"list": [1], "numpy": lambda t: t.numpy()},
        "targets": NO_WHOLE | NO_CLASSES | OTHER_CLASSES,
        "later targets": NO_WHOLE | NO_CLASSES,  # what is compared with a net only later
        "class": TOO_LARGE | BELOW | HUGE | {"text": "3", "class": Tiny, "bool": True, "1.5": 1.5},
        "layer": NO_LAYER | {"wrong": "conv3", "empty": "", "other": nn.ReLU()},
        "later layer": NO_LAYER,
        "layers": {"None": None, "3": 3, "wrong": ["conv3"], "class": Tiny, "other": [nn.ReLU()]},
        "count": NO_WHOLE,
        "odd": NO_WHOLE | {"4": 4},
        "least0": NO_NUMBER | BELOW,
        "index": NO_WHOLE | TOO_LARGE | HUGE,
        "seed": NO_WHOLE | HUGE,
        "number": NO_NUMBER,
        "positive": NO_NUMBER | {"-1": -1.0, "infinite": float("inf")},
        "share": NO_NUMBER | {"-.1": -0.1, "1.1": 1.1, "255": 255},
        "share or none": {
            "class": Tiny,
            "list": [3],
            "nan": float("nan"),
            "-.1": -0.1,
            "255": 255,
            "bool": True,
        },
        "choice": {"None": None, "text": "zzz", "3": 3, "list": [], "class": Tiny, "bool": True},
        "tensor": NO_TENSOR,
        "pair": NOTHING | {"text": "ab", "three": (4, 4, 4), "negative": (-4, 4), "halves": (4.5, 4.5)},
        "function": NO_NAME,
        "generator": {"text": "g", "3": 3, "class": Tiny},
        "weights": {"None": None, "3": 3, "wrong": {"conv3": 1.0}, "text": {"conv1": "a"}},
        "names": {"None": None, "3": 3},
        "numbers": {"None": None, "text": "ab", "nan": [float("nan")]},
        "objective": NOTHING,
        "nets": {"None": None, "text": "a", "names": {"a": "b"}},
        "modules": NO_NAME | {"classes": [nn.ReLU]},
        "path": {"None": None, "3": 3},
        "boxes": NO_BOXES,
        "solid boxes": NO_SOLID_BOXES,
        "boxes of images": _each(NO_SOLID_BOXES),
        "labels of images": _each(
            {"float": lambda t: t.float(), "99": lambda t: t + 99, "negative": lambda t: t - 9}
        )
        | {"longer": lambda values: [each.repeat(2) for each in values]},
        "detections": NO_LIST
        | {
            "pairs": _detected(lambda boxes, *more: (boxes, more[-1])[: len(more)]),
            "inverted": _detected(lambda boxes, *more: (boxes.flip(1), *more)),
            "NaN": _detected(lambda boxes, *more: (boxes * torch.nan, *more)),
            "text": _detected(lambda *parts: ("a",) * len(parts)),
            "numbers": _detected(lambda *parts: 3),
        },
        "span": NOTHING
        | {"three": (4, 4, 4), "negative": (-4, 4), "upside down": (9, 1), "nan": (0, float("nan"))},
        "three": NOTHING | {"two": (1, 2), "texts": ("a", "b", "c"), "nan": (1, float("nan"), 2)},
        "sides": NO_NAME | {"none": (), "texts": ("a",), "zero": (0,), "nan": (float("nan"),)},
        "free": {"class": MISSING},
        "flag": {"class": MISSING},
    }
    | dict.fromkeys(("dict", "model", "object"), NO_NAME)
)
LEGAL = {
    "net": {
        "writes": lambda n: Writer(),
        "compiled": lambda n: Wrapped(Tiny()),
        "training": lambda n: Tiny().train(),
        "channels_last": lambda n: Tiny().to(memory_format=torch.channels_last),
    },
    "images": {
        "channels_last": _wide,
        "rounding": lambda t: (t + 0).clamp(0, 1),
        "leaf": lambda t: t.clone().requires_grad_(),
        "strided": lambda t: t.flip(3).flip(3),
    },
    "targets": {"int32": lambda t: t.int()},
    "layer": {"module": lambda name: name},
    "count": {"numpy": np.int64},
    "index": {"numpy": np.int64},
    "seed": {"numpy": np.int64},
    "tensor": {"memory": _wide},
}
LEGAL["inner net"] = LEGAL["net"]
EITHER = {
    "inner net": ODD_ENDS,
    "images": {
        "double": lambda t: t.double(),
        "half": lambda t: t.half(),
        "1 x 1": lambda t: t[..., :1, :1],
        "normalised": lambda t: t * 2 - 1,
    },
    "targets": {"list": [1, 2], "numpy": np.array([1, 2])},
    "count": {"0": 0, "large": 300},
    "share": {"0": 0, "1": 1},
    "positive": {"0": 0},
    "tensor": {
        "list": lambda t: t.tolist(),
        "rank": lambda t: t[0],
        "empty": lambda t: t[:0],
        "uint8": lambda t: t.byte(),
        "double": lambda t: t.double(),
    },
    "free": {"3": 3, "text": "a", "list": [], "-1": -1},
    "dict": {"empty": {}},
    "names": {"wrong": ["heed"]},
    "pair": {"zero": (0, 4)},
}


def public(module):
    """{name: callable} of a package's public functions, classes, and the methods of some models."""
    package = importlib.import_module(f"lecture_utils.{module}")
    found = {n: getattr(package, n) for n in package.__all__ if n not in SKIP[module]}
    found = {n: f for n, f in found.items() if callable(f)}
    for n, model in instances(module).items():
        found |= {f"{n}.{m}": getattr(model, m) for m in METHODS[n].split() if hasattr(model, m)}
    return found


def parameters_of(function):
    """{name: parameter}; for the further options of `stylize` and `texture` those of the loop of both."""
    found = dict(inspect.signature(function).parameters)
    if found.get("options") and found["options"].kind is inspect.Parameter.VAR_KEYWORD:
        del found["options"]
    if function in (style.stylize, style.texture):
        more = inspect.signature(style._optimised).parameters.values()
        found |= {each.name: each.replace(default=None) for each in more if each.kind is each.KEYWORD_ONLY}
    return found


def kinds_and_values(module, name, function, table):
    """{argument: (kind, value)} of a valid call. Errors: LookupError for an argument that the table does not know."""
    given = {}
    for argument, parameter in parameters_of(function).items():
        keys = (f"{module}.{name}.{argument}", f"{module}.{argument}", argument)
        key = next((key for key in keys if key in table), None)
        if key is not None:
            given[argument] = table[key]
        elif parameter.default is inspect.Parameter.empty:
            raise LookupError(f"tests/fuzz_values.py knows no valid value for {keys[0]}")
    return given


def spoil(draws, kind, value, default):
    """(verdict that is due, name of the misuse, the value) for one argument."""
    due = draws.choices(("illegal", "legal", "either"), (6, 1, 2))[0]
    choices = {"illegal": ILLEGAL, "legal": LEGAL, "either": EITHER}[due].get(kind, {})
    if not choices:
        due, choices = "illegal", ILLEGAL[kind]
    name = draws.choice(sorted(choices))
    wrong = choices[name]
    wrong = made(wrong, value)
    if wrong is MISSING and default is not inspect.Parameter.empty or (wrong is None and default is None):
        return None
    return due, name, wrong


def made(wrong, value):
    """The value of a misuse: itself, or what a function makes of the valid value; MISSING where it cannot."""
    if inspect.isfunction(wrong) or wrong is np.int64:
        try:
            return wrong(value)
        except Exception:  # not for such a value
            return MISSING
    return wrong


def run(function, arguments):
    """The result, with what it leaves open done: a context manager's block, an iterator's items; draws start anew."""
    for each in arguments.values():
        if isinstance(each, torch.Generator):
            each.manual_seed(0)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        may_draw = getattr(function, "__name__", "") in ("loss", "FPN")  # as dropout and a layer of torch do
        with seeded(0) if may_draw else nullcontext():
            result = function(**arguments)
        if isinstance(result, AbstractContextManager):
            with result:
                return torch.relu(torch.ones(1))
        return list(result) if inspect.isgenerator(result) else result


def numbers(result):
    """All numbers in a result, as one list of float64 arrays."""
    if isinstance(result, torch.Tensor):
        odd = result.is_complex() or result.is_meta or result.layout != torch.strided
        return [] if odd else [result.detach().double().numpy()]
    if isinstance(result, np.ndarray | float | int | bool | np.number):
        return [np.asarray(result, float)] if np.asarray(result).dtype != object else []
    if isinstance(result, dict):
        result = list(result.values())
    return [n for each in result for n in numbers(each)] if isinstance(result, list | tuple) else []


def equal(one, other):
    one, other = numbers(one), numbers(other)
    return len(one) == len(other) and all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True)
        for a, b in zip(one, other, strict=True)
    )


def judge(function, given, spoilt):
    """(verdict, what was found) of one call. given: {argument: valid value}, spoilt: {argument: (due, name, value)}."""
    arguments = given | {n: v for n, (_, _, v) in spoilt.items()}
    arguments = {n: v for n, v in arguments.items() if v is not MISSING}
    nets = [v for v in arguments.values() if isinstance(v, nn.Module)]
    kept = {n: v.clone() for n, v in arguments.items() if isinstance(v, torch.Tensor) and not v.is_meta}
    before = [photograph(net) for net in nets] or [photograph(nn.Identity())]
    try:
        result = run(function, arguments)
    except Exception as error:
        named = any(re.search(rf"\b{re.escape(n)}\b", str(error)) for n in spoilt)
        # Of two faults either may be answered, and one that is not illegal by the name of what it does not fit.
        either = any(due != "illegal" for due, *_ in spoilt.values())
        loose = either and re.search(r"^\w+(\[.*\])?[:,] ", str(error))
        missing = isinstance(error, TypeError) and "missing" in str(error)
        clear = isinstance(error, ValueError | UnknownName) and len(str(error)) > 20 or missing
        verdict = "sentence" if clear and (named or loose) else "deep"
        what = f"{type(error).__name__}: {error}"[:150]
        if verdict == "sentence" and all(due == "legal" for due, *_ in spoilt.values()):
            verdict = "deep"  # what is legal must not be refused
    else:
        dues = {due for due, *_ in spoilt.values()}
        finite = all(np.isfinite(n).all() for n in numbers(result))
        verdict, what = "right", "a result"
        # Where no net asks for colours, images that are all grey fit each other.
        all_grey = not nets and len(spoilt) > 1 and {misuse for _, misuse, _ in spoilt.values()} == {"grey"}
        if "illegal" in dues and not all_grey:
            verdict, what = "silent", f"a result: {result!r}"[:150]
        elif dues <= {"legal"} and not equal(result, plain := run(function, given)):
            verdict, what = "silent", f"another result: {result!r}, not {plain!r}"[:150]
        elif not finite and all(np.isfinite(n).all() for n in numbers(run(function, given))):
            verdict, what = "silent", "NaN or infinity"
    after = [photograph(net) for net in nets] or [photograph(nn.Identity())]
    if not all(map(same, before, after)) or any(not _unchanged(arguments[n], v) for n, v in kept.items()):
        verdict, what = "silent", f"a trace: the net, an argument or the random state has changed ({what})"
    return verdict, what


def _unchanged(one, other):
    return one.layout != torch.strided or torch.equal(one.nan_to_num(7.0), other.nan_to_num(7.0))


def calls(module, seed, count):
    """Yield (function, spoilt arguments in words, verdict, what was found) for `count` random calls."""
    draws, table, functions = random.Random(f"{module} {seed}"), values(), public(module)
    names = sorted(functions)
    done = 0
    while done < count:
        name = draws.choice(names)
        function = functions[name]
        kinds = kinds_and_values(module, name, function, table)
        parameters, spoilt = parameters_of(function), {}
        for argument in draws.sample(sorted(kinds), min(len(kinds), draws.choice((1, 1, 1, 2)))):
            found = spoil(draws, *kinds[argument], parameters[argument].default)
            if found:
                spoilt[argument] = found
        for argument, (due, misuse, value) in list(spoilt.items()):
            if misuse == "module":  # the layer itself instead of its name
                spoilt[argument] = due, misuse, table["net"][1].get_submodule(value)
                spoilt.pop("net", None)  # of another net it would be no layer
        if not spoilt:
            names = [n for n in names if n != name] if not kinds else names
            continue
        verdict, what = judge(function, {n: v for n, (_, v) in kinds.items()}, spoilt)
        if "trace" in what:
            table, functions = values(), public(module)
        done += 1
        yield name, ", ".join(f"{n}={misuse!r}" for n, (_, misuse, _) in spoilt.items()), verdict, what


def broken(module):
    """The valid calls that do not succeed, as sentences: a table that no longer fits the functions."""
    table, found = values(), []
    for name, function in public(module).items():
        try:
            run(function, {n: v for n, (_, v) in kinds_and_values(module, name, function, table).items()})
        except Exception as error:
            found.append(f"{module}.{name}: {type(error).__name__}: {error}"[:300])
    return found
