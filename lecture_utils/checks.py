"""The one boundary for bad input: each error names the argument, what came, and what was expected.

A check returns what it was given, ready to use: `images = check_images(images, net)`.
"""

import math
import operator
from difflib import get_close_matches
from typing import SupportsFloat

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


ROUNDING = 1e-5  # so far outside [0, 1] a resized image may lie: it is clamped


def check_choice(value, options, name):
    """One of the names `options`. Errors: UnknownName (a KeyError) with the near misses."""
    if not isinstance(value, str) or value not in options:
        raise near_miss(value, options, name)
    return value


def check_count(value, name, least=1, most=None):
    """A whole number from `least` to `most`, as an int. Errors: ValueError."""
    high, number = "" if most is None else f" and at most {most}", _whole(value)
    if number is None or number < least or (most is not None and number > most):
        raise ValueError(f"{name}: expected a whole number of at least {least}{high}, got {_short(value)}")
    return number


def _whole(value):
    """The int that a value is; None for what is none."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def check_seed(seed, name="seed"):
    """A seed: a whole number from 0 to 2^63 - 1. Errors: ValueError."""
    return check_count(seed, name, 0, 2**63 - 1)


def check_index(index, size, name):
    """A position in a list of `size`: a whole number from 0 to size - 1. Errors: ValueError."""
    try:
        return check_count(index, name, 0, size - 1)
    except ValueError:
        raise ValueError(f"{name}: expected an integer from 0 to {size - 1}, got {_short(index)}") from None


def check_number(value, name, least=0.0, most=math.inf, above=False):
    """A finite number from `least` (or above it) to `most`. Errors: ValueError."""
    number = not isinstance(value, bool) and isinstance(value, SupportsFloat) and not _is_array(value)
    if not number or not math.isfinite(value) or not least <= value <= most or (above and value == least):
        low = "" if least == -math.inf else f" above {least:g}" if above else f" of at least {least:g}"
        high = "" if most == math.inf else f"{' and' if low else ' of'} at most {most:g}"
        raise ValueError(f"{name}: expected a number{low}{high}, got {_short(value)}")
    return value


def check_share(value, name, above=False):
    """A number from 0 (or above it) to 1. Errors: ValueError."""
    return check_number(value, name, 0, 1, above)


KINDS = {
    "floating": torch.Tensor.is_floating_point,
    "integer": lambda t: not (t.is_floating_point() or t.is_complex() or t.dtype == torch.bool),
    "bool": lambda t: t.dtype == torch.bool,
    "any": lambda t: not t.is_complex(),
}


def check_tensor(values, name, shape, kind="floating", empty=False):
    """A dense tensor of a certain shape with finite values, and at least one (unless `empty`).

    shape: its sides, each a number, or a word for any; `...` at the end stands for any number of sides.
    kind: "floating", "integer" (bool not included), "bool", or "any".
    Errors: ValueError.
    """
    _check_dense(values, name)
    if not KINDS[kind](values) or not _fits(values.shape, shape):
        words = ", ".join("..." if side is ... else str(side) for side in shape)
        words = f"({words},)" if len(shape) == 1 else f"({words})"
        what = "tensor" if kind == "any" else f"{kind} tensor"
        found = f"{values.dtype} of shape {tuple(values.shape)}"
        raise ValueError(f"{name}: expected a {what} of shape {words}, got {found}")
    if values.numel() == 0 and not empty:
        raise ValueError(f"{name}: expected at least one value, got shape {tuple(values.shape)}")
    if values.is_floating_point() and not torch.isfinite(values).all():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    return values


def _check_dense(values, name):
    if not isinstance(values, torch.Tensor):
        raise ValueError(f"{name}: expected a torch tensor, got {_short(values)}")
    if values.layout != torch.strided or values.is_meta:
        raise ValueError(f"{name}: expected a dense tensor with values, got a sparse or a meta tensor")


def _fits(sides, wanted):
    open_end = wanted[-1] is ...
    wanted = wanted[:-1] if open_end else wanted
    enough = len(sides) >= len(wanted) if open_end else len(sides) == len(wanted)
    return enough and all(isinstance(w, str) or w == n for w, n in zip(wanted, sides, strict=False))


def check_size(size, name="size"):
    """(h, w) in px, of two whole numbers or of one for both. Errors: ValueError."""
    return check_sides(size if isinstance(size, tuple | list) else (size, size), name)


def check_sides(shape, name):
    """Two sides (h, w) in px, as ints. Errors: ValueError."""
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise ValueError(f"{name}: expected two whole numbers (h, w), got {_short(shape)}")
    return tuple(check_count(side, name) for side in shape)


def check_place(channel, row, column, shape):
    """A unit of maps (n, channels, rows, columns) or vectors (n, channels); row and column may both be None.

    Errors: ValueError.
    """
    channel = check_index(channel, shape[1], "channel")
    if row is None and column is None:
        return channel, None, None
    if len(shape) == 2:
        raise ValueError(
            f"row, column: this layer has no places: leave out row and column; got {row}, {column}"
        )
    if row is None or column is None:
        raise ValueError(f"row, column: give both or neither; got {row}, {column}")
    return channel, check_index(row, shape[2], "row"), check_index(column, shape[3], "column")


def _is_array(value):
    return hasattr(value, "shape") and tuple(value.shape) != ()


def _short(value):
    """What came, in a few words."""
    if _is_array(value):
        return f"{type(value).__name__} of shape {tuple(value.shape)}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def check_net(net):
    """A net whose results for one image do not depend on the others in the batch; of a compiled one its own net.

    Errors: ValueError for what is no torch.nn.Module, and for a BatchNorm that keeps no running statistics.
    """
    return _net_and_modules(net)[0]


def _net_and_modules(net):
    """`check_net`, and {name: module} of all its modules, the net itself as ""; all in one walk."""
    if not isinstance(net, nn.Module):
        what = f"the class {net.__name__}: call it first" if isinstance(net, type) else type(net).__name__
        raise ValueError(f"net: expected a torch.nn.Module, got {what}")
    net = getattr(net, "_orig_mod", net)  # torch.compile hides the layers from hooks
    modules = dict(net.named_modules(remove_duplicate=False))
    for name, module in modules.items():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
            raise ValueError(
                f"net: {name or 'it'} is a BatchNorm without running statistics, so each image's result would depend "
                "on the others in its batch: expected one with track_running_stats=True"
            )
    return net, modules


def check_layer(net, layer, name="layer"):
    """The module that `layer` is, a name in `dict(net.named_modules())` or such a module itself.

    Errors: UnknownName (a KeyError) with the near misses; ValueError for what is no net, or no layer of it.
    """
    return _layer(net, layer, name)[1]


def layer_name(net, layer, name="layer"):
    """The name of a layer that is given by its name, or as a module. Errors: as `check_layer`."""
    return _layer(net, layer, name)[0]


def _layer(net, layer, name):
    modules = _net_and_modules(net)[1]
    modules.pop("", None)  # the net itself is not a layer
    if isinstance(layer, nn.Module):
        found = next((pair for pair in modules.items() if pair[1] is layer), None)
        if found is None:
            raise ValueError(f"{name}: this {type(layer).__name__} is no layer of the net")
        return found
    if not isinstance(layer, str):
        raise ValueError(f"{name}: expected a name from dict(net.named_modules()), got {_short(layer)}")
    return check_choice(layer, modules, name), modules[layer]


def net_dtype(net):
    """The dtype of a net's parameters; None for a net without any."""
    return next((p.dtype for p in net.parameters() if p.is_floating_point()), None)


def image_channels(net):
    """How many channels the net's images have: what its first convolution takes, where that is 1, 3 or 4; else 3."""
    first = next((m.in_channels for m in net.modules() if isinstance(m, nn.Conv2d)), 3)
    return first if first in (1, 4) else 3


def check_images(images, net=None, dtype=None, range01=False, channels=None, name="images"):
    """A batch of images; values that rounding has brought a little outside [0, 1] are clamped where range01 is set.

    images: floating tensor (n, channels, h, w), n >= 1, finite. channels: None takes what the net's first convolution
    takes, or 3; "any" accepts any number.
    net, dtype: refuse images whose dtype is not the net's (or not this one).
    range01: refuse values outside [0, 1]. Without it only what is plainly 0-255 is refused.
    name: what the caller calls this argument, for the message.
    Errors: ValueError.
    """
    net = None if net is None else check_net(net)
    _check_dense(images, name)
    if channels is None:
        channels = 3 if net is None else image_channels(net)
    _check_shape(images, None if channels == "any" else channels, name)
    if not images.is_floating_point():
        hint = "use images.float() / 255" if images.dtype == torch.uint8 else "use images.float()"
        raise ValueError(f"{name}: expected floating values in [0, 1], got {images.dtype}: {hint}")
    expected = dtype if dtype is not None else net_dtype(net) if net is not None else None
    if expected is not None and images.dtype != expected:
        whose = "expected" if dtype is not None else "the net works in"
        raise ValueError(f"{name}: {whose} {expected}, got {images.dtype}: use images.to({expected})")
    return _check_values(images, range01, name)


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
    if not (math.isfinite(low) and math.isfinite(high)):  # aminmax carries NaN on
        bad = int((~torch.isfinite(images)).sum())
        raise ValueError(f"{name}: expected finite values, got {bad} NaN or infinite of {images.numel()}")
    found = f"{name}: expected values in [0, 1], got [{low:.3g}, {high:.3g}]"
    if low >= 0 and high > 20:
        raise ValueError(f"{found}: looks like 0-255: divide by 255")
    if not range01 or (low >= 0 and high <= 1):
        return images
    if low < -ROUNDING or high > 1 + ROUNDING:
        hint = "already normalised? nets here take [0, 1] and normalise inside" if low < 0 else "clamp(0, 1)?"
        raise ValueError(f"{found}: {hint}")
    return images.clamp(0, 1)


def check_targets(targets, n, classes=None, name="targets"):
    """The target classes as a LongTensor (n,).

    targets: an int (the same class for all n images) or an integer tensor (n,); each in 0 .. classes - 1.
    classes: how many there are; None, when it is not known yet.
    name: what the caller calls this argument, for the message.
    Errors: ValueError.
    """
    wanted = f"{name}: expected an int or an integer tensor of shape ({n},), got"
    known = "classes from 0" if classes is None else f"classes 0 .. {classes - 1}"
    most = 2**31 if classes is None else classes
    if isinstance(targets, torch.Tensor):
        _check_dense(targets, name)
        if not KINDS["integer"](targets):
            raise ValueError(f"{wanted} a tensor of {targets.dtype}")
        if targets.ndim > 1 or (targets.ndim == 1 and len(targets) != n):
            raise ValueError(f"{wanted} shape {tuple(targets.shape)}")
        low, high = int(targets.min()), int(targets.max())
    else:
        low = high = _whole(targets)
    if low is None:
        hint = ": use classes.index(name)" if isinstance(targets, str) else ""
        raise ValueError(f"{wanted} {_short(targets)}{hint}")
    if low < 0 or high >= most:
        raise ValueError(f"{name}: expected {known}, got {_short(low if low < 0 else high)}")
    return targets.long().expand(n) if isinstance(targets, torch.Tensor) else torch.full((n,), low)
