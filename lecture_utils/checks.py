"""Clear errors for bad input: each names the argument, what came, and what was expected."""

import operator
from difflib import get_close_matches

import torch
from torch import nn


class UnknownName(KeyError):
    """A KeyError whose message is printed as it is (a plain KeyError prints it in quotes)."""

    def __str__(self):
        return str(self.args[0])


def near_miss(name, options, what):
    """The KeyError to raise for a name that is not among `options`, with the nearest ones.

    >>> raise near_miss("elefant", ["dog", "elephant"], "class")
    UnknownName: unknown class 'elefant'; did you mean 'elephant'?
    """
    options = [str(option) for option in options]
    lower = {option.lower(): option for option in options}
    close = [lower[match] for match in get_close_matches(str(name).lower(), lower, n=3, cutoff=0.6)]
    if close:
        return UnknownName(f"unknown {what} {name!r}; did you mean {' or '.join(map(repr, close))}?")
    listed = ", ".join(options[:20]) + (f", ... ({len(options)} in all)" if len(options) > 20 else "")
    return UnknownName(f"unknown {what} {name!r}; expected one of: {listed or '(there are none)'}")


def net_dtype(net):
    """The dtype of a net's parameters; None for a net without any."""
    return next((p.dtype for p in net.parameters() if p.is_floating_point()), None)


def check_images(images, net=None, dtype=None, range01=False, channels=3, name="images"):
    """Refuse what is not a batch of images; return the batch unchanged.

    images: floating tensor (n, channels, h, w), n >= 1, finite. channels=None accepts any number.
    net, dtype: refuse images whose dtype is not the net's (or not this one).
    range01: refuse values outside [0, 1]. Without it only what is plainly 0-255 is refused.
    name: what the caller calls this argument, for the message.
    Errors: ValueError.
    """
    if not isinstance(images, torch.Tensor):
        raise ValueError(f"{name}: expected a torch tensor, got {type(images).__name__}")
    _check_shape(images, channels, name)
    if not images.is_floating_point():
        hint = "use images.float() / 255" if images.dtype == torch.uint8 else "use images.float()"
        raise ValueError(f"{name}: expected floating values in [0, 1], got {images.dtype}: {hint}")
    expected = dtype if dtype is not None else net_dtype(net) if net is not None else None
    if expected is not None and images.dtype != expected:
        whose = "expected" if dtype is not None else "the net works in"
        raise ValueError(f"{name}: {whose} {expected}, got {images.dtype}: use images.to({expected})")
    _check_values(images, range01, name)
    return images


def _check_shape(images, channels, name):
    shape = tuple(images.shape)
    wanted = f"(n, {channels or 'channels'}, h, w)"
    if images.ndim == 3:
        last = channels and shape[-1] == channels and shape[0] != channels
        hint = (
            "one image, channels last: use image.permute(2, 0, 1)[None]"
            if last
            else "one image? use image[None]"
        )
        raise ValueError(f"{name}: expected shape {wanted}, got {shape}: {hint}")
    if images.ndim != 4:
        raise ValueError(f"{name}: expected shape {wanted}, got {shape}")
    if channels and shape[1] != channels:
        last = "looks like channels last: permute(0, 3, 1, 2)" if shape[3] == channels else ""
        few = {1: ": grey? use .expand(-1, 3, -1, -1)", 4: ": RGBA? use [:, :3]"} if channels == 3 else {}
        hint = last or f"expected {channels} channels, got {shape[1]}" + few.get(shape[1], "")
        raise ValueError(f"{name}: expected shape {wanted}, got {shape}: {hint}")
    if images.numel() == 0:
        what = "an empty batch" if shape[0] == 0 else "images without pixels"
        raise ValueError(f"{name}: expected at least one image of shape {wanted}, got {what} {shape}")


def _check_values(images, range01, name):
    low, high = (value.item() for value in images.detach().aminmax())
    if not torch.isfinite(torch.tensor([low, high])).all():  # aminmax carries NaN on
        bad = int((~torch.isfinite(images)).sum())
        raise ValueError(f"{name}: expected finite values, got {bad} NaN or infinite of {images.numel()}")
    found = f"{name}: expected values in [0, 1], got [{low:.3g}, {high:.3g}]"
    if low >= 0 and high > 20:
        raise ValueError(f"{found}: looks like 0-255: divide by 255")
    if range01 and (low < 0 or high > 1):
        hint = "already normalised? nets here take [0, 1] and normalise inside" if low < 0 else "clamp(0, 1)?"
        raise ValueError(f"{found}: {hint}")


def check_targets(targets, n, classes, name="targets"):
    """The target classes as a LongTensor (n,).

    targets: an int (the same class for all n images) or an integer tensor (n,); each in 0 .. classes - 1.
    name: what the caller calls this argument, for the message.
    Errors: ValueError.
    """
    wanted = f"an int or an integer tensor of shape ({n},)"
    if isinstance(targets, torch.Tensor):
        if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
            raise ValueError(f"{name}: expected {wanted}, got a tensor of {targets.dtype}")
        if targets.ndim > 1 or (targets.ndim == 1 and len(targets) != n):
            raise ValueError(f"{name}: expected {wanted}, got shape {tuple(targets.shape)}")
        targets = targets.long().expand(n) if targets.ndim == 0 else targets.long()
    else:
        try:
            if isinstance(targets, bool):
                raise TypeError
            targets = torch.full((n,), operator.index(targets), dtype=torch.long)
        except TypeError:
            hint = ": use classes.index(name)" if isinstance(targets, str) else ""
            raise ValueError(f"{name}: expected {wanted}, got {targets!r}{hint}") from None
    low, high = int(targets.min()), int(targets.max())
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        raise ValueError(f"{name}: expected classes 0 .. {classes - 1}, got {wrong}")
    return targets


def check_layer(net, layer):
    """The module that `layer` names in `dict(net.named_modules())`.

    Errors: UnknownName (a KeyError) with the near misses; ValueError when `net` is no module.
    """
    if not isinstance(net, nn.Module):
        raise ValueError(f"net: expected a torch.nn.Module, got {type(net).__name__}")
    modules = dict(net.named_modules())
    modules.pop("", None)  # the net itself is not a layer
    if layer not in modules:
        raise near_miss(layer, modules, "layer")
    return modules[layer]
