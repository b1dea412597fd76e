"""The deconvnet as the paper writes it, step by step, and how much of an activation its image brings back.

Source: Zeiler, Fergus (2014), section 2.1. `attribution.deconvnet` does the same by one backward pass.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.attribution.gradients import unit
from lecture_utils.checks import check_images, check_index, check_layer, check_tensor
from lecture_utils.hooks import activations, frozen, logits_of


def project(modules: Iterable[nn.Module], inputs: Tensor, channel: int) -> Tensor:
    """The paper's algorithm for a plain chain: forward with switches, then unpool, rectify, filter. Like `inputs`.

    modules: Conv2d, ReLU, MaxPool2d, BatchNorm2d (as in evaluation), Dropout, in order; the unit is in the last one's
    output. inputs: (n, c, h, w), what the first of them receives. channel: int, its strongest unit is projected.
    Errors: ValueError for another kind of module.

    >>> below = list(lab.net)[: list(dict(lab.net.named_children())).index("relu5") + 1]
    >>> project(below, (images - lab.net.mean) / lab.net.std, channel)
    """
    check_images(inputs, channels="any", name="inputs")
    with torch.no_grad():
        maps, seen = inputs, []  # seen: for each module its input's shape, and the switches of a pooling
        for module in _chain(modules):
            shape = maps.shape
            maps, switches = _forward(module, maps)
            seen.append((module, shape, switches))
        flat = maps[:, check_index(channel, maps.shape[1], "channel")].flatten(1)  # (n, rows * cols)
        top, place = flat.max(1, keepdim=True)
        signal = torch.zeros_like(maps)
        signal[:, channel] = torch.zeros_like(flat).scatter(1, place, top.clamp(min=0)).view(maps[:, 0].shape)
        for module, shape, switches in reversed(seen):
            signal = _backward(module, signal, shape, switches)
        return signal


def unpool(signal: Tensor, switches: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Each value of maps (n, c, rows, cols) back at the place its maximum came from, in zeros of `shape`.

    switches: indices of the same shape as the signal, as max_pool2d gives them. Values for one place are added.
    """
    check_tensor(signal, "signal", ("n", "c", "rows", "cols"))
    check_tensor(switches, "switches", signal.shape, "integer")
    if not isinstance(shape, tuple | list) or len(shape) != 4:
        raise ValueError(f"shape: expected (n, c, rows, cols), got {shape!r}")
    if switches.min() < 0 or switches.max() >= shape[2] * shape[3]:
        last = shape[2] * shape[3] - 1
        raise ValueError(
            f"switches: expected places 0 .. {last}, got {int(switches.min())} .. {int(switches.max())}"
        )
    flat = signal.new_zeros(*shape[:2], shape[2] * shape[3])
    return flat.scatter_add_(2, switches.flatten(2), signal.flatten(2)).view(shape)


def _chain(modules):
    """The modules, each of a kind that `project` knows. Errors: ValueError."""
    known = nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.BatchNorm2d, nn.Dropout, nn.Dropout2d, nn.Identity
    modules = list(modules) if isinstance(modules, Iterable) else [modules]
    odd = [module for module in modules if not isinstance(module, known)]
    if odd or not modules:
        what = "empty chain" if not modules else type(odd[0]).__name__
        raise ValueError(f"modules: project knows no {what}; deconvnet takes any net")
    return modules


def _forward(module, maps):
    """The module's output, and of a pooling the switches."""
    if isinstance(module, nn.MaxPool2d):
        window = module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode
        return F.max_pool2d(maps, *window, return_indices=True)
    if isinstance(module, nn.Conv2d):
        maps = module(maps)
    if isinstance(module, nn.ReLU):
        maps = maps.clamp(min=0)
    if isinstance(module, nn.BatchNorm2d):
        statistics = module.running_mean, module.running_var, module.weight, module.bias
        maps = F.batch_norm(maps, *statistics, eps=module.eps)
    return maps, None


def _backward(module, signal, shape, switches):
    if isinstance(module, nn.MaxPool2d):
        return unpool(signal, switches, shape)
    if isinstance(module, nn.ReLU):
        return signal.clamp(min=0)
    if isinstance(module, nn.BatchNorm2d):
        scale = (module.running_var + module.eps).rsqrt()
        scale = scale if module.weight is None else scale * module.weight
        return signal * scale.view(1, -1, 1, 1)
    if isinstance(module, nn.Conv2d):
        return _transposed(module, signal, shape)
    return signal


def _transposed(conv, signal, shape):
    """The transposed convolution: each value of the signal paints its filter where the filter had looked."""
    if isinstance(conv.padding, str) or conv.padding_mode != "zeros":
        raise ValueError(
            "modules: project knows convolutions padded with zeros, by a number; deconvnet takes any"
        )
    strides, pads = conv.stride, conv.padding
    reach = [d * (k - 1) + 1 for d, k in zip(conv.dilation, conv.kernel_size, strict=True)]
    rest = [
        size - ((rows - 1) * stride - 2 * pad + span)
        for size, rows, stride, pad, span in zip(
            shape[2:], signal.shape[2:], strides, pads, reach, strict=True
        )
    ]  # px at the lower and right edge that no filter saw
    return F.conv_transpose2d(signal, conv.weight, None, strides, pads, rest, conv.groups, conv.dilation)


def reactivation_ratio(
    net: nn.Module, images: Tensor, projections: Tensor, layer: str | nn.Module, channel: int
) -> Tensor:
    """Seen again as an image, how much of the activation does a projection bring back? A share (n,).

    images: (n, 3, h, w) in [0, 1]. projections: the same shape, of these images. Each becomes the image that one
    looks at: grey .5 is zero, the largest |value| is black or white. The share is the channel's strongest activation
    on that image over its strongest on the original; NaN where the channel is inactive on the original.
    """
    check_images(images, net)
    check_layer(net, layer)
    check_tensor(projections, "projections", images.shape)
    peaks = []
    with frozen(net) as net, torch.no_grad():
        for batch in (images, _pictures(projections)):
            with activations(net, layer) as found:
                logits_of(net, batch)
            peaks.append(unit(found[layer], channel).to(images.device))
    before, after = peaks
    return torch.where(before > 0, after / before, torch.nan)


def _pictures(projections):
    """Signed (n, 3, h, w) as pictures in [0, 1]: zero is grey, each one's largest |value| is black or white."""
    largest = projections.abs().amax(dim=(1, 2, 3), keepdim=True)
    return 0.5 + projections / (2 * largest).clamp(min=torch.finfo(projections.dtype).tiny)
