"""Look at what a net has learned. Works on any nn.Module; knows neither the lab nor the world."""

from .._lazy import lazily

# Eagerly, as these names are those of modules, too.
from .extract import extract as extract
from .field_energy import field_energy as field_energy
from .neighbours import neighbours as neighbours
from .receptive_field import receptive_field as receptive_field

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "dissection": (
            "Detectors",
            "Dissection",
            "average_precision",
            "coarse",
            "detectors",
            "dissect",
            "placed",
            "rotated",
            "silenced",
            "top_thresholds",
        ),
        "embeddings": (
            "pca",
            "random_projection",
            "to_grid",
        ),
        "extract": (
            "dead_channels",
            "extract",
            "strongest",
        ),
        "field_energy": (
            "averaging_copy",
            "field_energy",
            "smallest_box",
        ),
        "filters": (
            "colours",
            "edges",
            "faded",
            "shuffle_pixels",
            "spectrum_noise",
        ),
        "first_layer": (
            "as_pictures",
            "best_patches",
            "first_conv",
            "first_layer_filters",
            "raw_filters",
        ),
        "gabor": (
            "fit_gabor",
            "split_fit",
        ),
        "layers": ("extract_layers",),
        "naming": (
            "Names",
            "name_channels",
        ),
        "neighbours": (
            "kept_neighbours",
            "knn_right",
            "mean_interval",
            "nearest",
            "neighbours",
            "precision_at_k",
        ),
        "patches": (
            "Patches",
            "TopUnits",
            "cut_patches",
            "top_patches",
            "top_units",
        ),
        "probes": ("probe",),
        "receptive_field": (
            "Field",
            "receptive_field",
        ),
        "shifts": ("equivariance_loss",),
        "sne": ("tsne",),
        "unit_cache": ("kept_units",),
    },
)
