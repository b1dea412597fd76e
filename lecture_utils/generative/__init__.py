"""Generative models: autoregressive ones, autoencoders, adversarial ones. torch only; they take plain tensors.

Pixels are whole levels 0 .. levels - 1 in a LongTensor (n, c, h, w); likelihoods are in nats for a whole image.
"""

from .autoencoder import Autoencoder, squared_error
from .autoregressive import Autoregressive, nats
from .baselines import DequantisedGaussian, Independent, Kernels, Mixture
from .estimators import mean_gradients
from .fit import History, fit, warm_cosine
from .gan import discriminator_loss, generator_loss, generator_slope
from .importance import iwae, log_weights, quadrature
from .likelihoods import Binomial, Categorical, DiscretisedLogistic, Gaussian
from .linear_vae import LinearVAE, kl_normals
from .pixelcnn import PixelCNN
from .row_lstm import RowLSTM
from .vae import VAE, elbo_loss, kl_to_standard

__all__ = [
    "Autoencoder",
    "squared_error",
    "mean_gradients",
    "Autoregressive",
    "Binomial",
    "Categorical",
    "DequantisedGaussian",
    "DiscretisedLogistic",
    "Gaussian",
    "History",
    "Independent",
    "Kernels",
    "LinearVAE",
    "Mixture",
    "PixelCNN",
    "RowLSTM",
    "VAE",
    "discriminator_loss",
    "elbo_loss",
    "fit",
    "generator_loss",
    "generator_slope",
    "iwae",
    "kl_normals",
    "kl_to_standard",
    "log_weights",
    "nats",
    "quadrature",
    "warm_cosine",
]
