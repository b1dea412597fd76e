"""Hooks and switches as context managers only: whatever happens inside, the net leaves as it came."""

import random
from contextlib import contextmanager

import numpy as np
import torch

from .checks import check_layer


class Activations(dict):
    """{layer: output}. A layer that has not run is an error that says so."""

    def __missing__(self, layer):
        raise KeyError(f"no activations of {layer!r} yet: call net(images) inside the with block")


@contextmanager
def activations(net, layers):
    """Yield a dict that the next forward pass fills with {layer: output}.

    net: any nn.Module. layers: one name or several, from dict(net.named_modules()).
    The tensors are part of the graph, so gradients with respect to them exist. Each is the output *of that
    layer*: the layers above receive a copy, so that an in-place ReLU cannot change what is kept. A module
    that runs several times in one pass keeps its last output.
    Errors: KeyError with near misses for a wrong name; ValueError for a layer whose output is not a tensor.

    >>> with activations(net, "conv1") as found:
    ...     logits = net(images)
    >>> found["conv1"].shape
    """
    names = [layers] if isinstance(layers, str) else list(layers)
    modules = {name: check_layer(net, name) for name in names}
    found, handles = Activations(), []

    def keep(name):
        def hook(module, inputs, output):
            if not isinstance(output, torch.Tensor):
                raise ValueError(f"layer {name!r} gives a {type(output).__name__}; expected a tensor")
            found[name] = output
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
def eval_mode(net):
    """Evaluation mode inside; afterwards each submodule has its own mode again (not one mode for all)."""
    modes = [(module, module.training) for module in net.modules()]
    try:
        yield net.eval()
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def preserved(net):
    """Afterwards gradients, buffers, requires_grad flags, modes, grad mode and the random state are as
    before.

    Inside, every parameter's `.grad` starts as None, so a backward pass cannot add to the caller's gradients.
    The random state is that of torch (the CPU and the net's GPUs), numpy and random.
    Parameters are not copied: whoever trains inside keeps the training.
    """
    parameters = [(p, p.grad, p.requires_grad) for p in net.parameters()]
    buffers = [(b, b.detach().clone()) for b in net.buffers()]
    modes = [(module, module.training) for module in net.modules()]
    devices = {p.device.index for p, *_ in parameters if p.device.type == "cuda"}
    grad_mode, states = torch.is_grad_enabled(), (random.getstate(), np.random.get_state())
    try:
        with torch.random.fork_rng(devices):
            for p, *_ in parameters:
                p.grad = None
            yield net
    finally:
        torch.set_grad_enabled(grad_mode)
        random.setstate(states[0])
        np.random.set_state(states[1])
        for p, grad, flag in parameters:
            p.grad = grad
            if p.requires_grad != flag:
                p.requires_grad_(flag)
        with torch.no_grad():
            for buffer, before in buffers:
                if not torch.equal(buffer, before):
                    buffer.copy_(before)
        for module, mode in modes:
            module.training = mode
