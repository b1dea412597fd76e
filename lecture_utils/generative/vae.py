"""The variational autoencoder: a picture becomes a little cloud of codes, and any code becomes a picture."""

from typing import NamedTuple

import torch
from torch import nn

from ..checks import check_count
from ._shared import check_codes, source
from .likelihoods import check_pixels, likelihood_of


class Terms(NamedTuple):
    """reconstruction: E_q log p(x|z), (n,) nats. kl: KL(q(z|x) || p(z)), (n,) nats. The ELBO is their difference."""

    reconstruction: torch.Tensor
    kl: torch.Tensor


class VAE(nn.Module):
    """A code z ~ N(0, I) decides the distribution p(x|z) of an image; an encoder guesses q(z|x) = N(mean, diagonal).

        log p(x) = E_q log p(x|z) - KL(q(z|x) || p(z)) + KL(q(z|x) || p(z|x)) >= E_q log p(x|z) - KL(q(z|x) || p(z))

    size: of the images, px: a number or (h, w). latent: numbers in a code. likelihood: "categorical", "binomial",
    "logistic" or "gaussian", or one of `generative.likelihoods` (its x are levels, or images for the Gaussian).
    hidden: width of the two hidden layers. encoder, decoder: other nets, images (n, c, h, w) in [-1, 1] ->
    (n, 2 latent), and codes (n, latent) -> (n, likelihood.numbers * c, h, w). seed: of the weights.
    Errors: ValueError, KeyError.
    Source: Kingma, Welling (2014), equations 3 and 7; Rezende, Mohamed, Wierstra (2014).
    """

    def __init__(
        self,
        size,
        latent,
        likelihood="binomial",
        levels=17,
        channels=1,
        hidden=256,
        encoder=None,
        decoder=None,
        seed=0,
    ):
        super().__init__()
        height, width = (size, size) if isinstance(size, int) else size
        self.shape, self.latent, self.levels = (channels, height, width), latent, levels
        self.likelihood = likelihood_of(likelihood, levels)
        values = channels * height * width
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.encoder = encoder or layers(values, hidden, 2 * latent)
            self.decoder = decoder or layers(latent, hidden, self.likelihood.numbers * values)

    def encode(self, x):
        """Mean and log-variance of q(z|x), both (n, latent)."""
        check_pixels(x, self)
        values = x if self.likelihood.density else x.to(self.dtype) / (self.levels - 1)
        mean, log_variance = self.encoder(2 * values.to(self.device) - 1).chunk(2, dim=1)  # (n, 2 latent)
        return mean.to(x.device, self.dtype), log_variance.to(x.device, self.dtype)

    def decode(self, z):
        """What the decoder says of p(x|z): (n, numbers, c, h, w). z: (n, latent)."""
        check_codes(z, self.latent)
        numbers = self.decoder(z.to(self.device)).view(len(z), -1, *self.shape)
        return numbers.to(
            z.device, self.dtype
        )  # under autocast too: likelihoods are sums of many small terms

    def log_likelihood(self, x, z):
        """log p(x|z) of each image with the code in the same row, (n,) nats."""
        check_pixels(x, self)
        return self.likelihood.log_prob(self.decode(z), x).flatten(1).sum(1)

    def log_likelihood_table(self, x, z):
        """log p(x|z) of every image with every code, (n, m) nats: each code is decoded once."""
        check_pixels(x, self)
        said = self.decode(z).to(x.device)
        rows = [self.likelihood.log_prob(said, image.expand(len(z), -1, -1, -1)) for image in x]
        return torch.stack([row.flatten(1).sum(1) for row in rows])

    def terms(self, x, samples=1, generator=None):
        """The two terms of the ELBO, (n,) each: the first as a mean over `samples` codes of each image, the second
        exact. generator: of the codes; without one they are new each time.
        """
        check_count(samples, "samples")
        mean, log_variance = self.encode(x)
        found = [self.log_likelihood(x, draw_code(mean, log_variance, generator)) for _ in range(samples)]
        return Terms(torch.stack(found).mean(0), kl_to_standard(mean, log_variance).sum(1))

    def elbo(self, x, samples=1, generator=None):
        """A lower bound on log p(x), (n,) nats, larger is better; an estimate, unbiased, which may lie above."""
        terms = self.terms(x, samples, generator)
        return terms.reconstruction - terms.kl

    def codes(self, n, generator=None):
        """n codes from the prior, (n, latent)."""
        draws = source(generator, "cpu")
        return torch.randn(n, self.latent, generator=draws, dtype=self.dtype, device=draws.device)

    @torch.no_grad()
    def sample(self, n, generator=None):
        """n images: a code from the prior, then each value from p(x|z). Levels, or floating values (Gaussian)."""
        draws = source(generator, self.device)
        return self.likelihood.sample(self.decode(self.codes(n, draws)), draws)

    @torch.no_grad()
    def mean_image(self, z):
        """The decoder's picture of each code: the middle of p(x|z), (n, c, h, w) in [0, 1], without its noise."""
        return self.likelihood.mean(self.decode(z))

    @property
    def device(self):
        return next(self.parameters()).device

    @property
    def dtype(self):
        return next(self.parameters()).dtype


def layers(inputs, hidden, outputs):
    """Two hidden layers, from whatever has `inputs` values to (n, outputs)."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(inputs, hidden),
        nn.SiLU(),
        nn.Linear(hidden, hidden),
        nn.SiLU(),
        nn.Linear(hidden, outputs),
    )


def draw_code(mean, log_variance, generator=None):
    """z = mean + standard deviation * noise: a draw from q that has a gradient with respect to both.

    The draw is in the noise, which depends on nothing; the code is a plain function of mean, deviation and noise.
    Source: Kingma, Welling (2014), section 2.4: the reparametrisation.
    """
    noise = torch.randn(
        mean.shape, generator=source(generator, mean.device), dtype=mean.dtype, device=mean.device
    )
    return mean + (0.5 * log_variance).exp() * noise


def kl_to_standard(mean, log_variance):
    """KL(N(mean, exp(log_variance)) || N(0, 1)) of each axis, (n, latent), in nats.

        1/2 (mean^2 + variance - 1 - log variance)

    Source: Kingma, Welling (2014), appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def elbo_loss(beta=1.0):
    """The loss for `fit`: minus reconstruction plus beta times KL, (n,) nats. beta = 1 is minus the ELBO.

    Source: Higgins et al. (2017), equation 4, for another beta: then it is no bound on log p(x).
    """

    def loss(model, x, generator):
        terms = model.terms(x, generator=generator)
        return beta * terms.kl - terms.reconstruction

    return loss
