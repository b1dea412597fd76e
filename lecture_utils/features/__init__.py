"""Look at what a net has learned. Works on any nn.Module; knows neither the lab nor the world."""

from .dissection import (
    Detectors,
    Dissection,
    average_precision,
    coarse,
    detectors,
    dissect,
    placed,
    rotated,
    silenced,
    top_thresholds,
)
from .embeddings import pca, random_projection, to_grid
from .extract import dead_channels, extract, strongest
from .field_energy import averaging_copy, field_energy, smallest_box
from .filters import colours, edges, faded, shuffle_pixels, spectrum_noise
from .first_layer import as_pictures, best_patches, first_conv, first_layer_filters, raw_filters
from .gabor import fit_gabor, split_fit
from .layers import extract_layers
from .naming import Names, name_channels
from .neighbours import kept_neighbours, knn_right, mean_interval, nearest, neighbours, precision_at_k
from .patches import Patches, TopUnits, cut_patches, top_patches, top_units
from .probes import probe
from .receptive_field import Field, receptive_field
from .shifts import equivariance_loss
from .sne import tsne
from .unit_cache import kept_units

__all__ = [
    "Detectors",
    "Dissection",
    "Field",
    "Names",
    "Patches",
    "TopUnits",
    "as_pictures",
    "average_precision",
    "averaging_copy",
    "best_patches",
    "coarse",
    "colours",
    "cut_patches",
    "dead_channels",
    "detectors",
    "dissect",
    "edges",
    "equivariance_loss",
    "extract",
    "extract_layers",
    "faded",
    "field_energy",
    "first_conv",
    "first_layer_filters",
    "fit_gabor",
    "kept_neighbours",
    "kept_units",
    "knn_right",
    "mean_interval",
    "name_channels",
    "nearest",
    "neighbours",
    "pca",
    "placed",
    "precision_at_k",
    "probe",
    "random_projection",
    "raw_filters",
    "receptive_field",
    "rotated",
    "shuffle_pixels",
    "silenced",
    "smallest_box",
    "spectrum_noise",
    "split_fit",
    "strongest",
    "to_grid",
    "top_patches",
    "top_thresholds",
    "top_units",
    "tsne",
]
