"""Generative models: autoregressive ones, autoencoders, adversarial ones. torch only; they take plain tensors.

Pixels are whole levels 0 .. levels - 1 in a LongTensor (n, c, h, w); likelihoods are in nats for a whole image.
"""

from .._lazy import lazily

# Eagerly, as this name is that of a module, too.
from .fit import fit as fit

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "autoregressive": "Autoregressive nats",
        "fit": "History fit warm_cosine",
        "gan_trainer": "discriminator_loss generator_loss generator_slope",
        "likelihoods": "Binomial DiscretisedLogistic Gaussian",
        "pixelcnn": "PixelCNN",
        "vae": "Autoencoder VAE elbo_loss kl_to_standard squared_error",
    },
)
