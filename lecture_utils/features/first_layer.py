"""The first layer as pictures: its filters, how they are scaled to be shown, and their best inputs."""

from contextlib import ExitStack, suppress
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..checks import check_choice, check_count, check_net, check_share, check_tensor
from ..hooks import Enough, activations, frozen


def first_conv(net: nn.Module) -> tuple[str, nn.Conv2d]:
    """(name, module) of the first convolution that sees the image.

    The first nn.Conv2d with three input channels, groups=1 and a kernel larger than 1 x 1 (those that are 1 x 1 or
    depthwise only mix or normalise colours); a net with several such gets one small image to see which runs first.
    Errors: ValueError when there is none.
    """
    convs = {name: m for name, m in check_net(net).named_modules() if isinstance(m, nn.Conv2d)}
    convs = {name: m for name, m in convs.items() if m.in_channels == 3 and m.groups == 1}
    convs = {name: m for name, m in convs.items() if max(m.kernel_size) > 1} or convs
    if not convs:
        raise ValueError(
            "net: no convolution with 3 input channels; expected a net that looks at colour images"
        )
    name = next(iter(convs)) if len(convs) == 1 else _first_to_run(net, convs)
    return name, convs[name]


def _first_to_run(net, convs):
    image = torch.full((1, 3, 64, 64), 0.5).to(next(iter(convs.values())).weight)
    with frozen(net) as net, torch.no_grad(), activations(net, convs) as found, suppress(RuntimeError):
        net(image)  # too small for the upper layers, perhaps: the first convolution has run by then
    return next(iter(found or convs))


def raw_filters(net: nn.Module) -> Tensor:
    """The weights of the first convolution, (k, 3, h, w), signed, as stored; detached, not copied."""
    return first_conv(net)[1].weight.detach()


def as_pictures(weights: Tensor, per_filter: bool = False) -> Tensor:
    """Signed weights (k, ...) as pictures in [0, 1], .5 + w / (2 max |w|): zero becomes mid-grey.

    One maximum for all, so that pictures can be compared. With per_filter=True each filter has its own: weak ones
    become visible, and their strength cannot be compared.
    Differs: stretching [min, max] to [0, 1], as is often done, moves zero to another grey in every filter.
    """
    check_tensor(weights, "weights", ("k", "side", ...))
    dims = tuple(range(1 if per_filter else 0, weights.ndim))
    largest = weights.abs().amax(dim=dims, keepdim=True)
    return 0.5 + weights / (2 * torch.where(largest > 0, largest, torch.ones_like(largest)))


def first_layer_filters(net: nn.Module, per_filter: bool = False) -> Tensor:
    """The filters of the first convolution as pictures, (k, 3, h, w) in [0, 1]: see `as_pictures`.

    net: any nn.Module whose first convolution takes 3 channels. Errors: ValueError when there is none.
    Source: Krizhevsky et al. 2012, figure 3; Zeiler & Fergus 2014, figure 6.
    """
    return as_pictures(raw_filters(net), per_filter)


def faded(filters: Tensor, share: float = 0.1) -> Tensor:
    """bool (k,): which filters (k, ...) have lost their weights: their norm is below `share` of the largest."""
    norm = check_tensor(filters, "filters", ("k", "side", ...)).flatten(1).norm(dim=1)
    return norm < check_share(share, "share") * norm.max()


def best_patches(weights: Tensor, among: str = "norm") -> Tensor:
    """For each filter (k, ...) the patch that it answers most strongly, (k, ...).

    among="norm": all patches of norm 1. By Cauchy-Schwarz w.x <= |w| |x|, with equality only along w: the best patch is
    the filter itself, w / |w|, and its answer is |w|.
    among="box": all patches with values in [0, 1]. Each pixel is chosen alone: 1 where w > 0, else 0.
    The answer to x = .5 everywhere is .5 sum(w); the box's best is larger by .5 sum |w|.
    """
    check_tensor(weights, "weights", ("k", "side", ...))
    if check_choice(among, ("norm", "box"), "among") == "box":
        return (weights > 0).to(weights.dtype)
    return weights / weights.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, *[1] * (weights.ndim - 1))


class Answers(NamedTuple):
    """What the first layer says to one image: signed, and after the ReLU (None where the net has no ReLU module).

    Both (k, rows, columns). A position is a square of `step` px of the image; the first one begins `start` px from
    the left and from the top (row, column each).
    """

    signed: np.ndarray
    relu: np.ndarray | None
    start: tuple[float, float]
    step: tuple[float, float]

    def box(self, place, size):
        """(left, top, right, bottom), px of the image: `size` (rows, columns) px around the middle of a position."""
        middle = [self.start[i] + (place[i] + 0.5) * self.step[i] for i in (0, 1)]
        (top, bottom), (left, right) = ((m - s / 2, m + s / 2) for m, s in zip(middle, size, strict=True))
        return left, top, right, bottom


def first_answers(net: nn.Module, image: Tensor) -> Answers:
    """The `Answers` of a net's first layer to one image (3, h, w) in [0, 1].

    Runs the net only as far as the first ReLU. Errors: ValueError for a net without a convolution of 3 channels.
    """
    _, conv = first_conv(net)
    found = {}

    def after_conv(module, inputs, output):
        found["size"], found["signed"] = inputs[0].shape[-2:], output.clone()  # a ReLU may work in place

    def after_relu(module, inputs, output):
        if "signed" in found and output.shape == found["signed"].shape:
            found["relu"] = output.clone()
            raise Enough

    relus = [module for module in net.modules() if isinstance(module, nn.ReLU)]
    with ExitStack() as stack:
        net = stack.enter_context(frozen(net))
        stack.enter_context(torch.no_grad())
        stack.callback(conv.register_forward_hook(after_conv).remove)
        for module in relus:
            stack.callback(module.register_forward_hook(after_relu).remove)
        with suppress(Enough):
            net(image[None].to(conv.weight.device))
    signed, relu = (None if found.get(k) is None else found[k][0].cpu().numpy() for k in ("signed", "relu"))
    scale = [image.shape[1 + i] / found["size"][i] for i in (0, 1)]  # a net may resize what it is given
    start = [s * _first_place(conv, i) for i, s in enumerate(scale)]
    return Answers(signed, relu, tuple(start), tuple(s * conv.stride[i] for i, s in enumerate(scale)))


def _first_place(conv, i):
    """Where the square of unit 0 begins, px: its field's middle, less half a stride. i: 0 rows, 1 columns."""
    reach = conv.dilation[i] * (conv.kernel_size[i] - 1)
    if isinstance(conv.padding, str):
        padding = {"same": reach // 2, "valid": 0}[conv.padding]
    else:
        padding = conv.padding[i]
    return (reach + 1) / 2 - padding - conv.stride[i] / 2


def unlike(filters: Tensor, count: int) -> list[int]:
    """Indices of `count` filters (k, ...) that are strong and unlike each other, by a rule and not by eye.

    The one of the largest norm comes first. Each next one, of the stronger half, has the smallest |cosine| to its most
    similar forerunner.
    """
    flat = check_tensor(filters, "filters", ("k", "side", ...)).flatten(1)
    norm, count = flat.norm(dim=1), check_count(count, "count")
    order = norm.argsort(descending=True, stable=True)
    strong = order[: max(count, len(order) // 2)]
    unit = flat[strong] / norm[strong, None].clamp_min(1e-12)
    like = (unit @ unit.T).abs()
    chosen = [0]
    while len(chosen) < min(count, len(strong)):
        nearest = like[:, chosen].amax(1)
        nearest[chosen] = 2.0
        chosen.append(int(nearest.argmin()))
    return strong[chosen].tolist()
