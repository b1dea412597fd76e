"""The small nets: `build` an untrained one, `load` a trained one, read its `card`. Train one: see `train`."""

from .architectures import Net, layer_names
from .weights import NETS, build, card, first_layer, load, variants

__all__ = ["NETS", "Net", "build", "card", "first_layer", "layer_names", "load", "variants"]
