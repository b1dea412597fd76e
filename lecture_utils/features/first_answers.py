"""What the first layer answers to one picture, before and after its ReLU, and where in the picture."""

from contextlib import ExitStack, suppress
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ..hooks import eval_mode
from .first_layer import first_conv


class Answers(NamedTuple):
    """What the first layer says to one picture: signed, and after the ReLU (None where the net has no ReLU module).

    Both (k, rows, columns). A place is a square of `step` px of the picture; the first one begins `start` px from
    the left and from the top (row, column each).
    """

    signed: np.ndarray
    relu: np.ndarray | None
    start: tuple[float, float]
    step: tuple[float, float]

    def box(self, place, size):
        """(left, top, right, bottom), px of the picture: `size` (rows, columns) px around the middle of a place."""
        middle = [self.start[i] + (place[i] + 0.5) * self.step[i] for i in (0, 1)]
        (top, bottom), (left, right) = ((m - s / 2, m + s / 2) for m, s in zip(middle, size, strict=True))
        return left, top, right, bottom


class _Enough(Exception):
    """Raised by a hook when all is known: the upper layers need not run."""


def first_answers(net, image):
    """The `Answers` of a net's first layer to one image (3, h, w) in [0, 1].

    net: any nn.Module. Runs it only as far as the first ReLU, in evaluation mode and without gradients.
    Errors: ValueError for a net without a convolution of 3 channels.
    """
    _, conv = first_conv(net)
    found = {}

    def after_conv(module, inputs, output):
        found["size"], found["signed"] = inputs[0].shape[-2:], output.clone()  # a ReLU may work in place

    def after_relu(module, inputs, output):
        if "signed" in found and output.shape == found["signed"].shape:
            found["relu"] = output.clone()
            raise _Enough

    relus = [module for module in net.modules() if isinstance(module, nn.ReLU)]
    with ExitStack() as stack, torch.no_grad():
        stack.enter_context(eval_mode(net))
        stack.callback(conv.register_forward_hook(after_conv).remove)
        for module in relus:
            stack.callback(module.register_forward_hook(after_relu).remove)
        with suppress(_Enough):
            net(image[None].to(conv.weight.device))
    signed, relu = (None if found.get(k) is None else found[k][0].cpu().numpy() for k in ("signed", "relu"))
    scale = [image.shape[1 + i] / found["size"][i] for i in (0, 1)]  # a net may resize what it is given
    start = [s * _first_place(conv, i) for i, s in enumerate(scale)]
    return Answers(signed, relu, tuple(start), tuple(s * conv.stride[i] for i, s in enumerate(scale)))


def _first_place(conv, i):
    """Where the square of unit 0 begins, px: its field's middle, less half a stride. i: 0 rows, 1 columns."""
    reach = conv.dilation[i] * (conv.kernel_size[i] - 1)
    padding = (
        {"same": reach // 2, "valid": 0}.get(conv.padding)
        if isinstance(conv.padding, str)
        else conv.padding[i]
    )
    return (reach + 1) / 2 - padding - conv.stride[i] / 2


def unlike(filters, count):
    """Indices of `count` filters (k, ...) that are strong and unlike each other, by a rule and not by eye.

    The longest comes first. Each next one, of the longer half, has the smallest |cosine| to its most similar
    forerunner.
    """
    flat = filters.flatten(1)
    length = flat.norm(dim=1)
    order = length.argsort(descending=True, stable=True)
    strong = order[: max(count, len(order) // 2)]
    unit = flat[strong] / length[strong, None].clamp_min(1e-12)
    like = (unit @ unit.T).abs()
    chosen = [0]
    while len(chosen) < min(count, len(strong)):
        nearest = like[:, chosen].amax(1)
        nearest[chosen] = 2.0
        chosen.append(int(nearest.argmin()))
    return strong[chosen].tolist()
