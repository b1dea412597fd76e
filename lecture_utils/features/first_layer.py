"""The first layer as pictures: its filters, how they are scaled to be shown, and their best inputs."""

import torch
from torch import nn

from ..hooks import eval_mode


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
        with eval_mode(net), torch.no_grad():
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
