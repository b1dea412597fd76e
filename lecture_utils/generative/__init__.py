"""Generative models: autoregressive ones, autoencoders, adversarial ones. torch only; they take plain tensors.

Pixels are whole levels 0 .. levels - 1 in a LongTensor (n, c, h, w); likelihoods are in nats for a whole image.
"""

from .._lazy import lazily

# Eagerly, as these names are those of modules, too.
from .fit import fit as fit

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "autoencoder": ("Autoencoder", "squared_error"),
        "autoregressive": ("Autoregressive", "nats"),
        "fit": (
            "History",
            "fit",
            "warm_cosine",
        ),
        "gan": (
            "discriminator_loss",
            "generator_loss",
            "generator_slope",
        ),
        "importance": ("iwae", "log_weights"),
        "likelihoods": (
            "Binomial",
            "Categorical",
            "DiscretisedLogistic",
            "Gaussian",
        ),
        "pixelcnn": ("PixelCNN",),
        "row_lstm": ("RowLSTM",),
        "vae": (
            "VAE",
            "elbo_loss",
            "kl_to_standard",
        ),
    },
)
