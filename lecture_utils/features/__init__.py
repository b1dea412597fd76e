"""Look at what a net has learned. Works on any nn.Module; knows neither the lab nor the world."""

from .embeddings import pca, random_projection, to_grid
from .extract import dead_channels, extract, strongest
from .filters import colours, edges, faded, shuffle_pixels, spectrum_noise
from .first_layer import as_pictures, best_patches, first_conv, first_layer_filters, raw_filters
from .gabor import fit_gabor, split_fit
from .layers import extract_layers
from .neighbours import kept_neighbours, knn_right, mean_interval, nearest, neighbours, precision_at_k
from .probes import probe
from .shifts import equivariance_loss
from .sne import tsne

__all__ = [
    "as_pictures",
    "best_patches",
    "colours",
    "dead_channels",
    "edges",
    "equivariance_loss",
    "extract",
    "extract_layers",
    "faded",
    "first_conv",
    "first_layer_filters",
    "fit_gabor",
    "kept_neighbours",
    "knn_right",
    "mean_interval",
    "nearest",
    "neighbours",
    "pca",
    "precision_at_k",
    "probe",
    "random_projection",
    "raw_filters",
    "shuffle_pixels",
    "spectrum_noise",
    "split_fit",
    "strongest",
    "to_grid",
    "tsne",
]
