"""Hooks and switches as context managers only: whatever happens inside, the net leaves as it came.

Saliency, for example:

    with frozen(net) as net:                      # evaluation mode, gradients on, nothing of the net changes
        leaf = leaf_of(net, images)               # a copy of the images, on the net's device, that takes a gradient
        score = score_of(logits_of(net, leaf), targets)
        gradient = gradient_of(score, leaf).to(images.device)
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch

from .checks import check_layer, check_net, check_seed, check_targets

OUTPUT = ""  # in dict(net.named_modules()) the net itself has this name


class Activations(dict):
    """{layer: output}. A layer that has not run is an error that says so."""

    def __missing__(self, layer):
        raise KeyError(f"no activations of {layer!r} yet: call net(images) inside the with block")


class Enough(Exception):
    """Raised by a hook when all that is asked is known: the layers above need not run."""


@contextmanager
def activations(net, layers):
    """Yield a dict that the next forward pass fills with {layer: output}.

    net: any nn.Module. layers: one name or several, from dict(net.named_modules()), or such modules; the dict's keys
    are what was given.
    The tensors are part of the graph, so gradients with respect to them exist. Each is the output *of that
    layer*: the layers above receive a copy, so that an in-place ReLU cannot change what is kept. A module
    that runs several times in one pass keeps its last output.
    Errors: KeyError with near misses for a wrong name; ValueError for a layer whose output is not a tensor.

    >>> with activations(net, "conv1") as found:
    ...     logits = net(images)
    >>> found["conv1"].shape
    """
    names = list(layers) if isinstance(layers, Collection) and not isinstance(layers, str) else [layers]
    modules = {name: check_layer(net, name) for name in names}
    found, handles = Activations(), []

    def keep(name):
        def hook(module, inputs, output):
            found[name] = tensor_of(output, name)
            return output.clone()

        return hook

    try:
        for name, module in modules.items():
            handles.append(module.register_forward_hook(keep(name)))
        yield found
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def reading(net: torch.nn.Module, layers: list) -> Iterator[Callable]:
    """Yield read(images) -> {layer: output}: a pass that ends as soon as every layer has run.

    layers: from dict(net.named_modules()), names or modules; OUTPUT is the net's own output. The first pass runs to its
    end and counts: a layer that runs several times gives its last output. What lies above the layers need not even fit
    the images: a net whose fully connected head wants 112 px can be read in its convolutions at any size.
    Errors: KeyError with near misses for a layer; ValueError for one that gives no tensor, does not run, or where the
    images do not fit.
    """
    modules = {name: check_layer(net, name) for name in layers if name != OUTPUT}
    found, runs, wanted = {}, Counter(), Counter()

    def keep(name):
        def hook(module, inputs, output):
            found[name] = tensor_of(output, name)
            runs[name] += 1
            if wanted and runs >= wanted:
                raise Enough
            return output.clone()  # what lies above may change it in place

        return hook

    def read(images):
        found.clear(), runs.clear()
        state = torch.get_rng_state()
        try:
            found[OUTPUT] = net(images.clone())  # a net may begin in place, which a leaf refuses
        except Enough:
            pass
        except RuntimeError as error:
            why = unfitting(error, images)
            if why is error or OUTPUT in layers or len(runs) < len(modules):
                raise why from error
        check_no_draws(state)
        if missing := [name for name in layers if name not in found]:
            raise ValueError(f"layer: {missing[0]!r} did not run")
        if OUTPUT not in layers:
            wanted.update(runs - wanted)
        return {name: found[name] for name in layers}

    with ExitStack() as stack:
        for name, module in modules.items():
            stack.callback(module.register_forward_hook(keep(name)).remove)
        yield read


def tensor_of(output, layer):
    """A layer's output. Errors: ValueError where it is no tensor."""
    if not isinstance(output, torch.Tensor):
        raise ValueError(f"layer: {layer!r} gives a {type(output).__name__}; expected a tensor")
    return output


def maps_of(output, layer, reshape=None):
    """A layer's output as feature maps (n, channels, rows, cols).

    reshape: a function from the output to such maps, for a layer that orders its values in another way: the tokens
    of a vision transformer, or the (n, rows, cols, channels) of Swin.
    Errors: ValueError for what is no such map, or clearly has its channels last.
    """
    if reshape is not None and not callable(reshape):
        raise ValueError(f"reshape: expected a function from the layer's output to maps, got {reshape!r}")
    maps = tensor_of(output if reshape is None else reshape(output), layer)
    shape = tuple(maps.shape)
    last = reshape is None and maps.ndim == 4 and shape[1] == shape[2] != shape[3]
    if maps.ndim != 4 or last:
        cure = (
            "lambda output: output.permute(0, 3, 1, 2)" if last else "a function to (n, channels, rows, cols)"
        )
        what = "channels last" if last else "no maps"
        raise ValueError(
            f"layer: {layer!r} gives {shape}, {what}; expected (n, channels, rows, cols): give reshape={cure}"
        )
    return maps


@contextmanager
def frozen(net):
    """Yield the net in evaluation mode: its parameters ask for no gradient, gradients are on.

    Afterwards gradients, buffers, requires_grad flags, modes, grad mode and the random state (torch's on the CPU and on
    the net's GPUs, numpy's and random's) are as before, also when something raises. Works under torch.no_grad and
    torch.inference_mode. For a pass without gradients: `with frozen(net) as net, torch.no_grad():`.
    Errors: ValueError for what is no net, and for one whose results depend on the batch (see `check_net`).
    """
    net = check_net(net)
    with torch.inference_mode(False), random_state_kept(net.parameters()):
        parameters = [(p, p.grad, p.requires_grad) for p in net.parameters()]
        buffers = [(b, b.detach().clone()) for b in net.buffers()]
        modes = [(module, module.training) for module in net.modules()]
        try:
            for p, *_ in parameters:
                p.grad = None
                p.requires_grad_(False)
            with torch.enable_grad():
                yield net.eval()
        finally:
            for p, grad, flag in parameters:
                p.requires_grad_(flag)
                p.grad = grad
            with torch.no_grad():
                for buffer, before in buffers:
                    if not torch.equal(buffer, before):
                        buffer.copy_(before)
            for module, mode in modes:
                module.training = mode


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, torch's draws on the CPU start from the seed; the global random state stays. Errors: ValueError."""
    seed = check_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def random_state_kept(parameters=()):
    """Afterwards the random state of torch (the CPU's and the parameters' GPUs'), numpy and random is as before."""
    devices = {p.device.index for p in parameters if p.device.type == "cuda"}
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def device_of(net, images=None):
    """Where the net is; where it has no parameters, where the images are."""
    first = next(net.parameters(), images)
    return torch.device("cpu") if first is None else first.device


def copy_to(net, images):
    """A copy of images on the net's device: an ordinary tensor in the usual memory order, without a history."""
    with torch.inference_mode(False):
        return images.detach().to(device_of(net, images)).clone(memory_format=torch.contiguous_format)


def leaf_of(net, images):
    """The same with a gradient: `torch.autograd.grad(score, leaf)` reaches it and no parameter."""
    return copy_to(net, images).requires_grad_()


def in_batches(function, *tensors, size=64):
    """torch.cat of function(*batches): so many rows of all tensors at a time, so that any number fits in the memory.

    tensors: each (n, ...). function: from batches (k, ...) to a tensor (k, ...), or to a tuple of such tensors: then
    the result is a tuple as well. It is on the device of the first tensor.
    """
    home, found = tensors[0].device, []
    for some in zip(*(t.split(size) for t in tensors), strict=True):
        result = function(*some)
        single = isinstance(result, torch.Tensor)
        found.append([each.to(home) for each in ([result] if single else result)])
    joined = tuple(torch.cat(parts) for parts in zip(*found, strict=True))
    return joined[0] if single else joined


def outputs_of(net, images):
    """What a net gives for images (n, 3, h, w): a copy of them on its device. Inside `frozen`.

    Images that ask for a gradient, as `leaf_of` gives them, lie there already, and keep their history.
    Errors: ValueError where the net does not fit the images' size, or draws random numbers.
    """
    state = torch.get_rng_state()
    try:
        # A copy, for a net may begin with an operation in place.
        outputs = net(images.clone() if images.requires_grad else copy_to(net, images))
    except RuntimeError as error:
        raise unfitting(error, images) from error
    check_no_draws(state)
    return outputs


def logits_of(net, images, softmax=True):
    """The scores before softmax, (n, classes), of images (n, 3, h, w). Inside `frozen`.

    softmax: as for `check_logits`. Errors: ValueError as for `outputs_of`, and where the net gives no such table.
    """
    return check_logits(outputs_of(net, images), len(images), softmax)


def check_logits(logits, n=None, softmax=True):
    """A net's output as scores, (n, classes).

    softmax: a softmax or a cross-entropy is to follow: a single score, and probabilities, are refused as well.
    Errors: ValueError.
    """
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or n not in (None, len(logits)):
        what = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ValueError(f"net: expected logits of shape ({'n' if n is None else n}, classes), got {what}")
    if softmax and logits.shape[1] < 2:
        raise ValueError(
            "net: expected logits of two classes at least, got one output s: return torch.cat([0 * s, s], 1)"
        )
    found = logits.detach()
    if softmax and found.amin() >= 0 and (found.sum(1) - 1).abs().amax() < 1e-3:
        raise ValueError(
            "net: expected logits, got rows of numbers that add up to 1, as a softmax gives them: leave out the softmax"
        )
    return logits


def check_no_draws(state):
    """Refuse a net whose pass has moved torch's random state away from `state`. Errors: ValueError."""
    if not torch.equal(state, torch.get_rng_state()):
        raise ValueError(
            "net: it draws random numbers in evaluation mode, so no result can be repeated; is there a dropout without "
            "training=self.training?"
        )


def unfitting(error, images):
    """What to raise for a RuntimeError of a forward pass: a ValueError if the images' size is why, else itself."""
    if not re.search(r"\bsizes?\b|shape|dimension", str(error), re.IGNORECASE):
        return error
    height, width = images.shape[2:]
    why = " ".join(str(error).split())[:200]
    return ValueError(f"images: the net cannot take {height} x {width} px: {why}")


def score_of(logits, targets):
    """Each image's own score, (n,): column targets[n] of the logits (n, classes). Errors: ValueError."""
    targets = check_targets(targets, *logits.shape).to(logits.device).clone()  # perhaps of inference mode
    return logits.gather(1, targets[:, None])[:, 0]


def gradient_of(scores, leaf, again=False):
    """d scores[n] / d images[n] for all n at once, (n, 3, h, w). again: another gradient of this pass is to follow.

    In evaluation mode no image changes another one's score, so the gradient of the sum holds each image's own.
    Errors: ValueError where the scores do not depend on the images in a way that autograd can follow.
    """
    gradient = None
    if scores.requires_grad:
        (gradient,) = torch.autograd.grad(scores.sum(), leaf, retain_graph=again, allow_unused=True)
    if gradient is None:
        why = "does its forward pass use no_grad or detach?"
        raise ValueError(
            f"net: its output does not depend on the images in a way that autograd can follow; {why}"
        )
    return gradient
