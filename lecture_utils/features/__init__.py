"""Look at what a net has learned. Works on any nn.Module; knows neither the lab nor the world."""

from .extract import dead_channels, extract, strongest
from .filters import colours, edges, shuffle_pixels, spectrum_noise
from .first_layer import as_pictures, best_patches, first_conv, first_layer_filters, raw_filters
from .gabor import fit_gabor, split_fit
from .shifts import equivariance_loss

__all__ = [
    "as_pictures",
    "best_patches",
    "colours",
    "dead_channels",
    "edges",
    "equivariance_loss",
    "extract",
    "first_conv",
    "first_layer_filters",
    "fit_gabor",
    "raw_filters",
    "shuffle_pixels",
    "spectrum_noise",
    "split_fit",
    "strongest",
]
