"""The outputs of some layers, again and again while the image changes, without running what lies above them."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..checks import check_layer
from ..hooks import check_no_draws, tensor_of, unfitting

OUTPUT = ""  # in dict(net.named_modules()) the net itself has this name


class _Enough(Exception):
    """All layers have run: the pass may end."""


@contextmanager
def reading(net: nn.Module, layers: list[str | nn.Module]) -> Iterator[Callable]:
    """Yield read(images) -> {layer: output}: a pass that ends as soon as every layer has run.

    layers: from dict(net.named_modules()), names or modules; OUTPUT is the net's own output. The first pass runs to its
    end and counts: a layer that runs several times gives its last output. What lies above the layers need not even fit
    the images: a net whose fully connected head wants 112 px can be read in its convolutions at any size.
    Errors: KeyError with near misses for a layer; ValueError for one that gives no tensor, does not run, or where the
    images do not fit.
    """
    modules = {name: check_layer(net, name) for name in layers if name != OUTPUT}
    found, versions, runs, wanted, handles = {}, {}, Counter(), {}, []
    copied = set()  # layers whose output is changed in place by what lies above

    def keep(name):
        def hook(module, inputs, output):
            found[name], versions[name] = tensor_of(output, name), _version(output)
            runs[name] += 1
            if OUTPUT not in layers and wanted and all(runs[each] >= wanted[each] for each in wanted):
                raise _Enough
            return output.clone() if name in copied or output.is_inference() else None

        return hook

    def read(images):
        found.clear(), runs.clear()
        state = torch.get_rng_state()
        try:
            found[OUTPUT] = net(images.clone())  # a net may begin in place, which a leaf refuses
        except _Enough:
            pass
        except RuntimeError as error:
            why = unfitting(error, images)
            if why is error or OUTPUT in layers or len(runs) < len(modules):
                raise why from error
        check_no_draws(state)
        if missing := [name for name in layers if name not in found]:
            raise ValueError(f"layer: {missing[0]!r} did not run")
        wanted.update(runs)
        changed = {name for name in modules if _version(found[name]) != versions[name]}
        if changed:  # once: from now on they are copied
            copied.update(changed)
            return read(images)
        return {name: found[name] for name in layers}

    try:
        for name, module in modules.items():
            handles.append(module.register_forward_hook(keep(name)))
        yield read
    finally:
        for handle in handles:
            handle.remove()


def _version(tensor):
    """How often it has been changed in place; 0 for an inference tensor, which does not count."""
    return 0 if tensor.is_inference() else tensor._version


def energy(features: Tensor, layer: str) -> Tensor:
    """sum F^2, (n,), to divide by: the error is then a share. Errors: ValueError where all features are 0."""
    size = features.square().flatten(1).sum(1)
    if not (size > 0).all():
        raise ValueError(f"layer: {layer!r} is 0 everywhere for {int((size == 0).sum())} of the images")
    return size
