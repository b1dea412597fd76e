"""Three ways back through a ReLU, and one switch that changes them all: plain, deconvnet, guided.

Forward every rule computes y = max(x, 0). They differ in what they let back, given the gradient g that arrives:

    plain       g where x > 0, else 0              the derivative
    deconvnet   g where g > 0, else 0              a ReLU for the way back; x plays no part
    guided      g where x > 0 and g > 0, else 0    both
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from ..checks import check_choice

aten = torch.ops.aten
# gradient: what arrives from above. output: what the ReLU gave, above 0 exactly where its input was.
# threshold_backward(gradient, output, 0) is the gradient where output > 0, else 0, in one pass.
RULES = {
    "plain": lambda gradient, output: aten.threshold_backward(gradient, output, 0),
    "deconvnet": lambda gradient, output: gradient.clamp(min=0),
    "guided": lambda gradient, output: aten.threshold_backward(gradient.clamp(min=0), output, 0),
}

RELUS = {F.relu, torch.relu, torch.Tensor.relu, aten.relu, aten.relu.default}  # nn.ReLU calls F.relu
RELUS_IN_PLACE = {torch.relu_, torch.Tensor.relu_, aten.relu_, aten.relu_.default}  # F.relu_ is torch.relu_
# Others with a flat part or a kink, and where their argument "inplace" stands.
BENT = {"relu6": 1, "hardtanh": 3, "leaky_relu": 2}
THRESHOLDS = {F.threshold: False, torch.threshold: False, torch.threshold_: True}  # True: in place
OTHERS = {"celu", "elu", "gelu", "hardsigmoid", "hardswish", "mish", "prelu", "rrelu", "selu"}
OTHERS |= {"sigmoid", "silu", "softplus", "tanh"}


class ReLU(torch.autograd.Function):
    """y = max(x, 0), with one of the RULES on the way back."""

    @staticmethod
    def forward(ctx, x, rule, in_place):
        ctx.rule = rule
        if in_place:
            ctx.mark_dirty(x)
        output = x.clamp_(min=0) if in_place else x.clamp(min=0)  # a relu() here would meet the switch again
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx, gradient):
        (output,) = ctx.saved_tensors
        return RULES[ctx.rule](gradient, output), None, None


class Bent(torch.autograd.Function):
    """`output`, on the way back what is positive and `on`: for ReLU6, Hardtanh and LeakyReLU."""

    @staticmethod
    def forward(ctx, x, output, on, in_place):
        ctx.save_for_backward(on)
        if in_place:
            ctx.mark_dirty(x)
        return x.copy_(output) if in_place else output.clone()

    @staticmethod
    def backward(ctx, gradient):
        (on,) = ctx.saved_tensors
        return gradient.clamp(min=0) * on, None, None, None


def _bent(rule, function, x, args, kwargs):
    """Such a function's value, with the deconvnet or the guided rule on the way back."""
    name = function.__name__
    asked = kwargs.get("inplace") or args[BENT[name.strip("_")] - 1 :][:1] == (True,)
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        output = function(leaf.clone(), *args, **kwargs)
    (slope,) = torch.autograd.grad(output.sum(), leaf)
    on = slope != 0 if rule == "guided" else torch.ones_like(slope)
    return Bent.apply(x, output.detach(), on, name.endswith("_") or bool(asked))


class _Switch(TorchFunctionMode):
    """Sees each call of torch made from Python. It answers those of ReLU itself, and counts."""

    def __init__(self, rule):
        super().__init__()
        self.rule, self.count, self.others = rule, 0, Counter()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        in_place = _relu_in_place(function, args, kwargs)
        if in_place is None:
            name = getattr(function, "__name__", "").strip("_")
            if name in BENT and self.rule != "plain":
                self.count += 1
                x, rest = (args[0], args[1:]) if args else (kwargs.pop("input"), ())
                return _bent(self.rule, function, x, rest, kwargs)
            if name in OTHERS:
                self.others[name] += 1
            return function(*args, **kwargs)
        self.count += 1
        return ReLU.apply(args[0] if args else kwargs["input"], self.rule, in_place)


def _relu_in_place(function, args, kwargs):
    """Is this call a ReLU? None: no. False: yes. True: yes, and it changes its input."""
    if function in RELUS:
        return bool(kwargs.get("inplace") or args[1:2] == (True,))
    if function in RELUS_IN_PLACE:
        return True
    if function in THRESHOLDS:
        named = dict(zip(("input", "threshold", "value", "inplace"), args, strict=False)) | kwargs
        if named["threshold"] == 0 and named["value"] == 0:
            return THRESHOLDS[function] or bool(named.get("inplace"))
    return None


@contextmanager
def relu_rule(rule: str) -> Iterator["_Switch"]:
    """Inside the block, every ReLU of every net uses this backward rule: "plain", "deconvnet" or "guided".

    A forward pass made inside keeps its rule also when its backward pass comes later. Modules, functions and methods
    count, in place, reused or not, and so do thresholds at 0: nn.ReLU, F.relu, torch.relu, x.relu(), x.relu_(),
    F.threshold(x, 0, 0). No hook is set and no net is changed. Of two blocks, one in the other, the inner one holds.
    Yields an object with `.count`, the ReLUs called so far, and `.others`, {name: count} of other non-linearities.
    ReLU6, Hardtanh and LeakyReLU count, too: "deconvnet" lets back what is positive, "guided" what is positive where
    their derivative is not zero. Other non-linearities (GELU, SiLU, Hardswish, sigmoid ...) and a ReLU that is spelled
    clamp(min=0) or maximum(x, 0) keep their own derivative.
    Errors: KeyError for an unknown rule; ValueError at the end of a "deconvnet" or "guided" block that changed nothing,
    as no ReLU was called (a scripted net hides its ReLUs).
    Source: Zeiler, Fergus (2014), section 2.1; Springenberg, Dosovitskiy, Brox, Riedmiller (2015), figure 1.
    Differs: the papers know ReLUs only; for LeakyReLU, whose derivative is never zero, both rules are the same.
    >>> with relu_rule("guided"):
    ...     gradient = saliency(net, images, targets)  # this is guided backprop
    """
    check_choice(rule, RULES, "rule")
    switch = _Switch(rule)
    with switch:
        yield switch
    if rule != "plain" and not switch.count:
        found = ", ".join(f"{name} ({count} times)" for name, count in switch.others.items())
        why = "would change nothing; other non-linearities keep their own derivative"
        raise ValueError(f"net: no ReLU was called, so the {rule} rule {why}. Found: {found or 'none'}")
