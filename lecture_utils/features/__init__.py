"""Look at what a net has learned. Works on any nn.Module; knows neither the lab nor the world."""

from .._lazy import lazily

# Eagerly, as these names are those of modules, too.
from .extract import extract as extract
from .neighbours import neighbours as neighbours
from .receptive_field import receptive_field as receptive_field

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "embeddings": "pca to_grid",
        "extract": "extract extract_layers strongest top_thresholds",
        "first_layer": "as_pictures best_patches faded first_conv first_layer_filters raw_filters",
        "neighbours": "kept_neighbours nearest neighbours",
        "patches": "Patches TopUnits cut_patches top_patches top_units",
        "invariance": "cka transformed",
        "receptive_field": "Field placed receptive_field",
        "sne": "tsne",
    },
)
