"""Which pixels can a unit see? By arithmetic, for any net.

A layer's units stand on a grid. One layer up, a unit sees k neighbours of that grid, so its field grows by k - 1
steps of the grid; a stride makes the steps of the next grid longer; padding moves the first unit to the left.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..checks import check_count, check_layer, check_sides, check_tensor, net_dtype
from ..hooks import activations, device_of, frozen

WHOLE = (
    "from {!r} on each of its units sees the whole image; ask for a layer before that, with rows and columns"
)
STRANGE = "after {!r} it is not known which pixels a unit sees; ask for a layer before that"


class Field(NamedTuple):
    """What the units of a layer see, in px: a square of `size`; the next unit's lies `stride` px further.

    offset: the left (and upper) edge of unit 0's field; negative where the net pads.
    """

    size: int = 1
    stride: int = 1
    offset: int = 0

    def through(self, kernel, stride=1, padding=0, dilation=1):
        """The Field one layer up: behind a convolution or a pooling with this kernel.

        >>> Field().through(11, 4, 2).through(2, 2)  # conv1 and pool1 of alex
        Field(size=15, stride=8, offset=-2)
        """
        return Field(
            self.size + dilation * (kernel - 1) * self.stride,
            self.stride * stride,
            self.offset - padding * self.stride,
        )

    def joined(self, other):
        """The Field of a sum or a concatenation: from the leftmost edge to the rightmost. Strides must agree."""
        left = min(self.offset, other.offset)
        right = max(self.offset + self.size, other.offset + other.size)
        return Field(right - left, self.stride, left)

    def boxes(self, units):
        """The pixels of units (..., 2), row and column, as boxes (..., 4): x0 y0 x1 y1, x1 and y1 not included.

        Not clipped: a box reaches over the border where the unit sees padding.
        """
        corner = self.offset + self.stride * torch.as_tensor(units).flip(-1)  # (..., 2): x0, y0
        return torch.cat([corner, corner + self.size], -1)

    def centres(self, count):
        """Where the middles of the first `count` fields of a row lie, in px from the image's left edge: (count,)."""
        return self.offset + self.size / 2 + self.stride * torch.arange(count)


def receptive_field(net: nn.Module, layer: str | nn.Module, image_size: int = 224) -> Field:
    """The Field of a layer's units: how large, how far apart, and where the first one begins.

    net: any nn.Module that takes images (n, channels, h, w). It is run once on a black image of `image_size` px, to see
    which functions lie on the way to the layer; the fully connected layers above may want another size.
    layer: a name from dict(net.named_modules()). Where branches meet (sums, concatenations) the largest path counts.
    A module that runs several times counts with its last time, as in `extract`.
    Errors: KeyError (with near misses) for a layer; ValueError for one whose units have no place of their own, such
    as a fully connected one, or that lies behind a function which moves pixels in a way not known here.
    Source: Araujo, Norris, Sim (2019), "Computing receptive fields of convolutional neural networks".
    """
    check_layer(net, layer)
    fields = _fields(net, layer, check_count(image_size, "image_size"))
    if isinstance(fields, str):
        raise ValueError(f"layer: {layer!r} has no receptive field: {fields}")
    rows, columns = fields
    if rows != columns:
        raise ValueError(f"layer: {layer!r} sees oblong fields: {rows} of its rows, {columns} of its columns")
    return columns


def _fields(net, layer, side):
    """The Fields (rows, columns) of a layer, or the sentence that says why there are none."""
    channels = next((m.in_channels for m in net.modules() if isinstance(m, nn.Conv2d)), 3)
    image = torch.zeros(1, channels, side, side, dtype=net_dtype(net), device=device_of(net))
    tracer = _Tracer(image)
    with frozen(net) as net, torch.no_grad(), activations(net, layer) as found, tracer:
        try:
            net(image)
        except Exception as error:  # the upper layers may want another size of image
            if layer not in found and tracer.lost:
                return tracer.lost
            if layer not in found:
                why = f"the net fails on {side} px before {layer!r}: {error}"
                raise ValueError(f"image_size: {why}") from error
    if layer not in found:
        raise ValueError(f"layer: {layer!r} does not run when the net looks at an image")
    return tracer.of(found[layer])


class _Tracer(TorchFunctionMode):
    """Follows an image through a net: beside each tensor that comes of it the Fields of its rows and columns.

    Or a sentence, where they are lost. It sees functions, not modules, so that a ReLU or a pooling which a net calls
    without a module is followed too, and so are the `+` and `cat` of branches.
    """

    def __init__(self, image):
        super().__init__()
        self.known = {id(image): (image, (Field(), Field()))}  # the tensor is kept: its id stays taken
        self.lost = None  # why, where the first tensor lost its places

    def of(self, tensor):
        return self.known.get(
            id(tensor), (None, "its input is hidden from here (a compiled module, or one behind reshape=?)")
        )[1]

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        inputs = [t for t in _tensors([args, kwargs]) if id(t) in self.known]
        # What a function changes in place keeps its shape, so the shapes may be read before or after.
        fields, shapes = [self.of(t) for t in inputs], [t.shape for t in inputs]
        output = func(*args, **kwargs)
        for tensor in _tensors(output) if inputs else ():
            behind = _behind(func.__name__, args, kwargs, fields, shapes, tensor.shape)
            self.known[id(tensor)] = (tensor, behind)
            self.lost = self.lost or (behind if isinstance(behind, str) else None)
        return output


def _tensors(value):
    """All tensors in nested lists, tuples and dicts."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _tensors(each)


POINTWISE = """
    add sub mul div iadd isub imul itruediv truediv radd rsub rmul rtruediv neg pow abs clamp clip where maximum minimum
    relu relu6 leaky_relu prelu rrelu elu selu celu gelu silu mish softplus sigmoid hardsigmoid hardswish hardtanh tanh
    logsigmoid exp log sqrt square dropout dropout2d alpha_dropout feature_dropout feature_alpha_dropout
    local_response_norm clone contiguous detach to type float double half bfloat16 cuda cpu requires_grad
"""
GLOBAL = "flatten linear mean sum amax amin max matmul bmm group_norm instance_norm layer_norm"
RESHAPING = "view reshape chunk split getitem unsqueeze squeeze expand unbind narrow"
SAME_PLACE, EVERYWHERE, SAME_GRID = set(POINTWISE.split()), set(GLOBAL.split()), set(RESHAPING.split())
ARGUMENTS = {  # of the functions that move places, in their order
    "conv2d": "input weight bias stride padding dilation groups",
    "max_pool2d": "input kernel_size stride padding dilation ceil_mode return_indices",
    "avg_pool2d": "input kernel_size stride padding ceil_mode count_include_pad divisor_override",
    "adaptive_avg_pool2d": "input output_size",
    "adaptive_max_pool2d": "input output_size return_indices",
    "pad": "input pad mode value",
    "batch_norm": "input running_mean running_var weight bias training momentum eps",
    "cat": "tensors dim",
    "transpose": "input dim0 dim1",
}


def _behind(function, args, kwargs, fields, shapes, after):
    """The Fields (rows, columns) behind a function, or the sentence that says why there are none."""
    name = function.strip("_")
    name = {"concat": "cat", "concatenate": "cat", "max_pool2d_with_indices": "max_pool2d"}.get(name, name)
    lost = next((each for each in fields if isinstance(each, str)), None)
    given = dict(zip(ARGUMENTS.get(name, "").split(), args, strict=False)) | kwargs
    if lost or name in EVERYWHERE:
        return lost or WHOLE.format(name)
    if name == "batch_norm":
        return WHOLE.format(name) if given.get("training") else fields[0]
    if name == "transpose":
        spatial = {given["dim0"] % len(after), given["dim1"] % len(after)} & {len(after) - 1, len(after) - 2}
        return STRANGE.format(name) if spatial else fields[0]
    if name == "cat" and given.get("dim", 0) % len(after) >= len(after) - 2:
        return STRANGE.format("cat along rows or columns")
    if name in SAME_PLACE or name == "cat":
        return _meet(name, fields, shapes)
    if name in SAME_GRID:
        return fields[0] if after[-2:] == shapes[0][-2:] else WHOLE.format(name)
    if name not in ARGUMENTS:
        return STRANGE.format(name)
    axes = [_along(name, given, axis, shapes[0][axis - 2]) for axis in (0, 1)]
    if None in axes:
        return STRANGE.format(name)
    if "all" in axes:
        return WHOLE.format(name)
    return tuple(field.through(*step) for field, step in zip(fields[0], axes, strict=True))


def _meet(name, fields, shapes):
    """Where branches meet: the largest path. Broadcasting constants is no branch; a map of one place is seen by all."""
    if any(shape[-2:] != shapes[0][-2:] for shape in shapes):
        return WHOLE.format(f"{name} of maps of different sizes")
    rows, columns = fields[0]
    for other_rows, other_columns in fields[1:]:
        if (other_rows.stride, other_columns.stride) != (rows.stride, columns.stride):
            return STRANGE.format(f"{name} of maps of different strides")
        rows, columns = rows.joined(other_rows), columns.joined(other_columns)
    return rows, columns


def _along(name, given, axis, length):
    """(kernel, stride, padding, dilation) along an axis (0 rows, 1 columns) of `length` places; "all", or None."""

    def number(key, default):
        value = given.get(key, default)
        value = default if value is None or value == [] else value
        return value if isinstance(value, int) else value[axis % len(value)]

    if name.startswith("adaptive"):
        size = given["output_size"]
        wanted = size if isinstance(size, int) else size[axis]
        if wanted is None or wanted == length:
            return 1, 1, 0, 1
        return "all" if wanted == 1 else (length // wanted,) * 2 + (0, 1) if length % wanted == 0 else None
    if name == "pad":
        before = (list(given["pad"]) + [0, 0])[2 * (1 - axis)]  # left right top bottom
        return None if given.get("mode") == "circular" or len(given["pad"]) > 4 else (1, 1, before, 1)
    kernel = given["weight"].shape[2 + axis] if name == "conv2d" else number("kernel_size", None)
    dilation = number("dilation", 1)
    if isinstance(given.get("padding"), str):
        padding = {"same": dilation * (kernel - 1) // 2, "valid": 0}[given["padding"]]
    else:
        padding = number("padding", 0)
    return kernel, number("stride", 1 if name == "conv2d" else kernel), padding, dilation


def placed(maps: Tensor, field: Field, size: tuple[int, int], step: int = 1) -> Tensor:
    """Maps (n, c, rows, columns) enlarged to every step-th pixel of images of `size` (h, w).

    Each value lies where its unit looks: linear between the middles of the units' fields; beyond the outermost ones
    their value goes on. Errors: ValueError.
    """
    check_tensor(maps, "maps", ("n", "channels", "rows", "columns"))
    check_field(field)
    size = check_sides(size, "size")
    check_count(step, "step", 1, min(size))
    down, across = (_weights(field, maps.shape[2 + i], size[i], step).to(maps) for i in (0, 1))
    return down @ maps @ across.T


def _weights(field, count, length, step):
    """(pixels, count): how much of each unit's value each pixel gets."""
    pixels = torch.arange(step // 2, length, step) + 0.5  # the middles of the pixels
    at = ((pixels - field.centres(count)[0]) / field.stride).clamp(0, count - 1)
    return (1 - (at[:, None] - torch.arange(count)).abs()).clamp_min(0)


def check_field(field: Field) -> Field:
    """A layer's Field. Errors: ValueError."""
    if not isinstance(field, Field):
        raise ValueError(f"field: expected a Field, as receptive_field gives it, got {type(field).__name__}")
    return field
