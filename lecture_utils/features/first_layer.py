"""The first layer as pictures: its filters, how they are scaled to be shown, and their best inputs."""

from contextlib import ExitStack, suppress
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ..hooks import frozen


def first_conv(net):
    """(name, module) of the first convolution that sees the image.

    net: any nn.Module. The first nn.Conv2d with three input channels, groups=1 and a kernel larger than 1 x
    1 (those that are 1 x 1 or depthwise only mix or normalise colours); a net with several such gets one
    small image to see which runs first.
    Errors: ValueError when there is none.
    """
    if not isinstance(net, nn.Module):
        raise ValueError(f"net: expected a torch.nn.Module, got {type(net).__name__}")
    convs = {name: m for name, m in net.named_modules() if isinstance(m, nn.Conv2d)}
    convs = {name: m for name, m in convs.items() if m.in_channels == 3 and m.groups == 1}
    convs = {name: m for name, m in convs.items() if max(m.kernel_size) > 1} or convs
    if not convs:
        raise ValueError(
            "net: no convolution with 3 input channels; expected a net that looks at colour images"
        )
    name = next(iter(convs)) if len(convs) == 1 else _first_to_run(net, convs)
    return name, convs[name]


def _first_to_run(net, convs):
    order = []
    hooks = [
        m.register_forward_pre_hook(lambda m, args, name=name: order.append(name))
        for name, m in convs.items()
    ]
    parameter = next(net.parameters())
    image = torch.full((1, 3, 64, 64), 0.5, dtype=parameter.dtype, device=parameter.device)
    try:
        with frozen(net) as net, torch.no_grad():
            net(image)
    except RuntimeError:  # the image may be too small for the upper layers; the first conv has run by then
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return (order or list(convs))[0]


def raw_filters(net):
    """The weights of the first convolution, (k, 3, h, w), signed, as stored; detached, not copied."""
    return first_conv(net)[1].weight.detach()


def as_pictures(weights, per_filter=False):
    """Signed weights (k, ...) as pictures in [0, 1]: zero becomes mid-grey, .5, and the largest |weight| 0
    or 1.

    One shared symmetric range for all, so that pictures can be compared: picture = .5 + w / (2 max |w|). With
    per_filter=True each filter has a range of its own: weak ones become visible, and their strength cannot
    be compared.
    Differs: stretching [min, max] to [0, 1] instead, as is often done, moves zero to another grey in every
    filter.
    """
    dims = tuple(range(1, weights.ndim)) if per_filter else tuple(range(weights.ndim))
    largest = weights.abs().amax(dim=dims, keepdim=True)
    return 0.5 + weights / (2 * torch.where(largest > 0, largest, torch.ones_like(largest)))


def first_layer_filters(net, per_filter=False):
    """The filters of the first convolution as pictures, (k, 3, h, w) in [0, 1].

    net: any nn.Module whose first convolution takes 3 channels. The weights are signed; zero is shown as .5
    and all filters share one symmetric range (per_filter=True: each its own). See `as_pictures`.
    Errors: ValueError when no convolution takes 3 channels.
    Source: Krizhevsky et al. 2012, figure 3; Zeiler & Fergus 2014, figure 6.
    """
    return as_pictures(raw_filters(net), per_filter)


def best_patches(weights, among="norm"):
    """For each filter (k, ...) the patch that it answers most strongly, (k, ...).

    among="norm": all patches of length 1. By Cauchy-Schwarz w.x <= |w| |x|, with equality only along w: the
    best patch is the filter itself, w / |w|, and its answer is |w|.
    among="box": all patches with values in [0, 1]. Each pixel is chosen alone: 1 where w > 0, else 0.
    The answer to x = .5 everywhere is .5 sum(w); the box's best is larger by .5 sum |w|.
    """
    if among == "box":
        return (weights > 0).to(weights.dtype)
    if among == "norm":
        return weights / weights.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, *[1] * (weights.ndim - 1))
    raise ValueError(f'among: expected "norm" or "box", got {among!r}')


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
    with ExitStack() as stack:
        net = stack.enter_context(frozen(net))
        stack.enter_context(torch.no_grad())
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
