"""The outputs of some layers, again and again while the image changes, without running what lies above them."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from ..checks import check_layer
from ..hooks import Enough, check_no_draws, tensor_of, unfitting

OUTPUT = ""  # in dict(net.named_modules()) the net itself has this name


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
