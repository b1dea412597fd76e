"""An autoencoder draws a picture again from a few numbers; in a variational one any such numbers become a picture."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..checks import check_count, check_images, check_number, check_size, check_tensor
from ..hooks import seeded
from ._shared import Draws, Placed, Size, check_model, source
from .likelihoods import Likelihood, check_pixels, likelihood_of


class Autoencoder(Placed):
    """Images (n, c, h, w) in [0, 1] -> codes (n, latent) -> images again.

    size: of the images, px: a number or (h, w). latent: numbers in a code. hidden: width of the two hidden layers.
    seed: of the weights. What comes out is not cut to [0, 1]. Errors: ValueError.
    Source: Hinton, Salakhutdinov (2006). Differs: three layers each way, trained at once.
    """

    def __init__(self, size: Size, latent: int, channels: int = 1, hidden: int = 256, seed: int = 0):
        super().__init__()
        self.shape = (check_count(channels, "channels"), *check_size(size))
        self.latent, values = check_count(latent, "latent"), math.prod(self.shape)
        with seeded(seed):
            self.encoder, self.decoder = layers(values, hidden, latent), layers(latent, hidden, values)

    def encode(self, images: Tensor) -> Tensor:
        """Codes (n, latent) of images (n, c, h, w). Errors: ValueError."""
        check_images(images, net=self, channels=self.shape[0])
        check_tensor(images, "images", ("n", *self.shape))
        return self.encoder(2 * images.to(self.device) - 1).to(images.device)

    def decode(self, codes: Tensor) -> Tensor:
        """Images (n, c, h, w) of codes (n, latent). Errors: ValueError."""
        return self._decode(check_tensor(codes, "codes", ("n", self.latent)))

    def forward(self, images: Tensor) -> Tensor:
        """What comes back of each image."""
        return self._decode(self.encode(images))

    def _decode(self, codes):
        values = self.decoder(codes.to(self.device, self.dtype))
        return 0.5 + values.view(len(codes), *self.shape).to(codes.device)


def squared_error(model: Callable[[Tensor], Tensor], images: Tensor, generator: Draws = None) -> Tensor:
    """The loss for `fit`: sum of squared differences of each image and what comes back, (n,); nothing is drawn."""
    if not callable(model):
        raise ValueError(f"model: expected a function from images to images, got {type(model).__name__}")
    source(generator)
    return (model(images) - images).square().flatten(1).sum(1)


class Terms(NamedTuple):
    """reconstruction: E_q log p(x|z), (n,) nats. kl: KL(q(z|x) || p(z)), (n,) nats. The ELBO is their difference."""

    reconstruction: Tensor
    kl: Tensor


class VAE(Placed):
    """A code z ~ N(0, I) decides the distribution p(x|z) of an image; an encoder guesses q(z|x) = N(mean, diagonal).

        log p(x) = E_q log p(x|z) - KL(q(z|x) || p(z)) + KL(q(z|x) || p(z|x)) >= E_q log p(x|z) - KL(q(z|x) || p(z))

    size: of the images, px: a number or (h, w). latent: numbers in a code. likelihood: "binomial", "logistic" or
    "gaussian", or one of `generative.likelihoods` (its x are levels, or images for the Gaussian).
    hidden: width of the two hidden layers. encoder, decoder: other nets, images (n, c, h, w) in [-1, 1] ->
    (n, 2 latent), and codes (n, latent) -> (n, likelihood.numbers * c, h, w). seed: of the weights.
    All methods: x (n, c, h, w), z (n, latent); errors: ValueError, KeyError. What draws takes a `generator`; without
    one the draws are new each time.
    Source: Kingma, Welling (2014), equations 3 and 7; Rezende, Mohamed, Wierstra (2014).
    """

    def __init__(
        self,
        size: Size,
        latent: int,
        likelihood: str | Likelihood = "binomial",
        levels: int = 17,
        channels: int = 1,
        hidden: int = 256,
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.shape = (check_count(channels, "channels"), *check_size(size))
        self.latent, self.levels = check_count(latent, "latent"), check_count(levels, "levels", 2)
        self.likelihood = likelihood_of(likelihood, levels)
        values, numbers = math.prod(self.shape), self.likelihood.numbers
        with seeded(seed):
            self.encoder = layers(values, hidden, 2 * latent) if encoder is None else encoder
            self.decoder = layers(latent, hidden, numbers * values) if decoder is None else decoder
        check_model(self.encoder, "encoder")
        check_model(self.decoder, "decoder")

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), both (n, latent)."""
        return self._encode(check_pixels(x, self))

    def decode(self, z: Tensor) -> Tensor:
        """What the decoder says of p(x|z): (n, numbers, c, h, w)."""
        return self._decode(check_tensor(z, "z", ("n", self.latent)))

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) of each image with the code in the same row, (n,) nats."""
        x = check_pixels(x, self)
        return self._log_likelihood(x, check_tensor(z, "z", (len(x), self.latent)))

    def log_likelihood_table(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) of every image with every code, (n, m) nats: each code is decoded once."""
        x, said = check_pixels(x, self), self.decode(z).to(x.device)
        rows = [self.likelihood.log_p(said, image.expand(len(z), -1, -1, -1)) for image in x]
        return torch.stack([row.flatten(1).sum(1) for row in rows])

    def terms(self, x: Tensor, samples: int = 1, generator: Draws = None) -> Terms:
        """The two terms of the ELBO: the first as a mean over `samples` codes of each image, the second exact."""
        x, samples = check_pixels(x, self), check_count(samples, "samples")
        mean, log_variance = self._encode(x)
        codes = (draw_code(mean, log_variance, generator) for _ in range(samples))
        found = [self._log_likelihood(x, z) for z in codes]
        return Terms(torch.stack(found).mean(0), _kl(mean, log_variance).sum(1))

    def elbo(self, x: Tensor, samples: int = 1, generator: Draws = None) -> Tensor:
        """A lower bound on log p(x), (n,) nats, larger is better; an estimate, unbiased, which may lie above."""
        terms = self.terms(x, samples, generator)
        return terms.reconstruction - terms.kl

    def codes(self, n: int, generator: Draws = None) -> Tensor:
        """n codes from the prior, (n, latent)."""
        draws, form = source(generator), (check_count(n, "n"), self.latent)
        return torch.randn(form, generator=draws, dtype=self.dtype, device=draws.device)

    @torch.no_grad()
    def sample(self, n: int, generator: Draws = None) -> Tensor:
        """n images: a code from the prior, then each value from p(x|z). Levels, or floating values (Gaussian)."""
        draws = source(generator, self.device)
        return self.likelihood.sample(self.decode(self.codes(n, draws)), draws)

    @torch.no_grad()
    def mean_image(self, z: Tensor) -> Tensor:
        """The decoder's picture of each code: the middle of p(x|z), (n, c, h, w) in [0, 1], without its noise."""
        return self.likelihood.mean(self.decode(z))

    def _encode(self, x):
        values = x if self.likelihood.density else x.to(self.dtype) / (self.levels - 1)
        mean, log_variance = self.encoder(2 * values.to(self.device) - 1).chunk(2, dim=1)  # (n, 2 latent)
        return mean.to(x.device, self.dtype), log_variance.to(x.device, self.dtype)

    def _decode(self, z):
        numbers = self.decoder(z.to(self.device, self.dtype)).view(len(z), -1, *self.shape)
        return numbers.to(z.device, self.dtype)  # under autocast too: log p is a sum of many small terms

    def _log_likelihood(self, x, z):
        return self.likelihood.log_p(self._decode(z), x).flatten(1).sum(1)


def draw_code(mean: Tensor, log_variance: Tensor, generator: Draws = None) -> Tensor:
    """z = mean + standard deviation * noise: a draw from q that has a gradient with respect to both.

    The draw is in the noise, which depends on nothing; the code is a plain function of mean, deviation and noise.
    Source: Kingma, Welling (2014), section 2.4: the reparametrisation.
    """
    draws = source(generator, mean.device)
    noise = torch.randn(mean.shape, generator=draws, dtype=mean.dtype, device=mean.device)
    return mean + (0.5 * log_variance).exp() * noise


def kl_to_standard(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)) of each axis, (n, latent), in nats.

        1/2 (mean^2 + variance - 1 - log variance)

    Errors: ValueError. Source: Kingma, Welling (2014), appendix B.
    """
    check_tensor(mean, "mean", ("n", "latent"))
    return _kl(mean, check_tensor(log_variance, "log_variance", mean.shape))


def _kl(mean, log_variance):
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def elbo_loss(beta: float = 1.0) -> Callable[[VAE, Tensor, torch.Generator], Tensor]:
    """The loss for `fit`: minus reconstruction plus beta times KL, (n,) nats. beta = 1 is minus the ELBO.

    Errors: ValueError.
    Source: Higgins et al. (2017), equation 4, for another beta: then it is no bound on log p(x).
    """
    check_number(beta, "beta")

    def loss(model, x, generator):
        terms = model.terms(x, generator=generator)
        return beta * terms.kl - terms.reconstruction

    return loss


def layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two hidden layers, from whatever has `inputs` values to (n, outputs)."""
    hidden = check_count(hidden, "hidden")
    first, second, last = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, outputs)
    return nn.Sequential(nn.Flatten(), first, nn.SiLU(), second, nn.SiLU(), last)
