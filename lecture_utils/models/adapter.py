"""A net from elsewhere in this course: it takes images in [0, 1], its layers have names, and it can forget."""

import copy
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial

import torch
from torch import nn

from ..checks import check_net, check_number, image_channels, net_dtype
from ..hooks import check_logits, frozen, logits_of, maps_of
from .architectures import normalising, seeded_net

MOST, ENOUGH = 12, 5  # layers of maps that get a name, and from how many on no deeper ones are looked for
NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm)


class Adapted(nn.Module):
    """A net from elsewhere, `.net`, that takes images (n, channels, h, w) in [0, 1]: it first normalises them.

    The layers of the net named in `tokens` order their values otherwise than as maps: what `reshape` makes of them
    passes through the modules "maps.0", "maps.1" ... on the way to the scores, so that every method finds maps there.
    """

    def __init__(self, net: nn.Module, mean: Sequence[float], std: Sequence[float], reshape=None):
        super().__init__()
        self.net, self.reshape = net, reshape
        self.tokens, self.maps = [], nn.ModuleList()
        normalising(self, mean, std)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        with ExitStack() as stack:
            for name, maps in zip(self.tokens, self.maps, strict=True):
                through = partial(self._through, maps)
                stack.callback(self.net.get_submodule(name).register_forward_hook(through).remove)
            return self.net((images - self.mean) / self.std)

    def _through(self, identity, module, inputs, output):
        """The output plus what changes in its maps: nothing by itself, yet the scores depend on the maps."""
        maps, back = torch.func.vjp(self.reshape, output)
        return output + back(identity(maps) - maps)[0]


def adapted(net: nn.Module, mean=None, std=None, size: int = 224, reshape: Callable | None = None):
    """(the net as `Adapted`, {short name: module name} of its layers, how many classes it tells apart).

    What is taken, and how the layers are found, says `lab.own_lab`. Errors: ValueError.
    """
    net = check_net(net)
    if net_dtype(net) not in (None, torch.float32):
        net = copy.deepcopy(net).float()
    channels = image_channels(net)
    if reshape is not None and not callable(reshape):
        raise ValueError(f"reshape: expected a function from a layer's output to maps, got {reshape!r}")
    if channels == 4:
        raise ValueError("net: its first convolution takes 4 channels; photographs have 3, or 1 in grey")
    mean = _for_each_channel(mean, 0.0, "mean", channels)
    std = _for_each_channel(std, 1.0, "std", channels)
    whole = Adapted(net, mean, std, reshape).eval()
    images = torch.rand(2, channels, size, size, generator=torch.Generator().manual_seed(0))
    logits, seen = _look(whole, images)
    return whole, _layers(whole, logits, seen), logits.shape[1]


def reinitialised(net: Adapted, seed: int = 0) -> Adapted:
    """A copy of the net, on the CPU, with weights as before any training, the same for the same seed.

    Each module draws its own (`reset_parameters`); a parameter of a module that cannot has its values shuffled.
    """
    fresh = copy.deepcopy(net).cpu()

    def draw():
        for module in fresh.net.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
                continue
            for parameter in module.parameters(recurse=False):
                shuffled = parameter.flatten()[torch.randperm(parameter.numel())]
                parameter.copy_(shuffled.view_as(parameter))
        return fresh

    with torch.no_grad():
        return seeded_net(draw, seed)


def _for_each_channel(values, usual, name, channels):
    """Such a number for each channel."""
    values = usual if values is None else values
    values = list(values) if isinstance(values, Iterable) else [values] * channels
    if len(values) != channels:
        raise ValueError(
            f"{name}: expected a number for each of the net's channels ({channels}), got {len(values)}"
        )
    return [
        float(check_number(each, f"{name} (of values in [0, 1])", 0, 1, name == "std")) for each in values
    ]


def _look(net, images):
    """The logits of images, and {module name: output} of all modules of its net that gave a tensor, as they ended."""
    seen = {}

    def keep(name, module, inputs, output):
        seen.pop(name, None)
        if isinstance(output, torch.Tensor) and len(output) == len(images):
            seen[name] = output.clone()

    with frozen(net) as net, torch.no_grad(), ExitStack() as stack:
        try:
            check_logits(net(images[:1]), 1)
            for name, module in net.net.named_modules():
                stack.callback(module.register_forward_hook(partial(keep, name)).remove)
            return logits_of(net, images), seen
        except Exception as error:  # whatever somebody's net raises
            if str(error).startswith("net:"):
                raise
            why = " ".join(str(error).split())[:200]
            raise ValueError(
                f"net: {type(net.net).__name__} cannot look at images {tuple(images.shape)}: {why}; does it want "
                "another size=?"
            ) from error


def _layers(whole, logits, seen):
    """{short name: module name}: layers that give maps, and the one that gives the logits."""
    modules = dict(whole.net.named_modules())
    found, tokens = {}, set()
    for name, output in seen.items():
        maps = _maps(output, None)
        if maps is None and whole.reshape is not None:
            maps = _maps(output, whole.reshape)
            tokens |= {name} if maps is not None else set()
        if name and maps is not None and maps[0, 0].numel() > 1:
            found[name] = modules[name]
    if whole.reshape is not None and not tokens:
        raise ValueError("reshape: it makes maps (n, channels, rows, cols) of no layer's output")
    layers = {}
    for name in _thinned(_stages(found)):
        layers[name] = f"maps.{len(whole.maps)}" if name in tokens else f"net.{name}"
        if name in tokens:
            whole.tokens.append(name)
            whole.maps.append(nn.Identity())
    last = [name for name, output in seen.items() if name and output.shape == logits.shape]
    last = [name for name in last if torch.equal(seen[name], logits)]
    return layers | {name: f"net.{name}" for name in last[:1]}


def _maps(output, reshape):
    """The output as maps, or None."""
    try:
        return maps_of(output, "", reshape)
    except Exception:  # reshape was made for other outputs
        return None


def _stages(found):
    """The names of blocks at the smallest depth that has enough of them, in the order in which they run."""
    best = []
    for depth in range(1 + max((name.count(".") for name in found), default=0)):
        here = [name for name, module in found.items() if _at(name, module, depth)]
        nexts = [found[name] for name in here[1:]] + [None]
        names = [name for name, after in zip(here, nexts, strict=True) if _counts(found[name], after)]
        best = max(best, names, key=len)
        if len(best) >= ENOUGH:
            break
    return best


def _at(name, module, depth):
    return name.count(".") == depth or (name.count(".") < depth and not list(module.children()))


def _counts(module, after):
    """Is this a layer of its own? No pooling, no padding, nothing that a normalisation or an activation follows."""
    kind, following = (type(m).__module__.rpartition(".")[2] for m in (module, after))
    if kind in ("pooling", "dropout", "padding") or isinstance(module, nn.Identity):
        return False
    bare = isinstance(module, (nn.Conv2d, *NORMS))
    return not (bare and (following == "activation" or isinstance(after, NORMS)))


def _thinned(names):
    """At most MOST of the names, evenly spaced, with the first and the last."""
    if len(names) <= MOST:
        return names
    return [names[round(k * (len(names) - 1) / (MOST - 1))] for k in range(MOST)]
