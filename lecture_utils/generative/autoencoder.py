"""The autoencoder: a few numbers must suffice to draw the picture again. No probabilities yet."""

import torch
from torch import nn

from ..checks import check_images
from ._shared import check_codes
from .vae import layers


class Autoencoder(nn.Module):
    """Images (n, c, h, w) in [0, 1] -> codes (n, latent) -> images again.

    size: of the images, px: a number or (h, w). latent: numbers in a code. hidden: width of the two hidden layers.
    seed: of the weights. What comes out is not cut to [0, 1].
    Source: Hinton, Salakhutdinov (2006). Differs: three layers each way, trained at once.
    """

    def __init__(self, size, latent, channels=1, hidden=256, seed=0):
        super().__init__()
        height, width = (size, size) if isinstance(size, int) else size
        self.shape, self.latent = (channels, height, width), latent
        values = channels * height * width
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.encoder, self.decoder = layers(values, hidden, latent), layers(latent, hidden, values)

    def encode(self, images):
        """Codes (n, latent) of images (n, c, h, w). Errors: ValueError."""
        check_images(images, net=self, channels=self.shape[0])
        if tuple(images.shape[1:]) != self.shape:
            wanted = ", ".join(map(str, self.shape))
            raise ValueError(
                f"images: the model knows pictures of shape (n, {wanted}), got {tuple(images.shape)}"
            )
        device = next(self.parameters()).device
        return self.encoder(2 * images.to(device) - 1).to(images.device)

    def decode(self, codes):
        """Images (n, c, h, w) of codes (n, latent). Errors: ValueError."""
        check_codes(codes, self.latent, "codes")
        device = next(self.parameters()).device
        return 0.5 + self.decoder(codes.to(device)).view(len(codes), *self.shape).to(codes.device)

    def forward(self, images):
        return self.decode(self.encode(images))


def squared_error(model, images, generator=None):
    """The loss for `fit`: sum of squared differences of each image and what comes back, (n,)."""
    return (model(images) - images).square().flatten(1).sum(1)
