"""The small nets: `build` one, `load` a trained one, read its `card`. They are trained in `experiments`."""

from .architectures import Net, layer_names
from .weights import NETS, build, card, first_layer, load, names

__all__ = ["NETS", "Net", "build", "card", "first_layer", "layer_names", "load", "names"]
