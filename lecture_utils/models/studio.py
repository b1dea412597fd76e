"""The generative models of the studio scenes (32 px, in colour): how each is built, and how the GAN was trained."""

import io

import numpy as np
import torch
from PIL import Image

from .. import store
from ..generative import VAE, DiscretisedLogistic, PixelCNN, dcgan
from ..generative.conv_vae import ConvDecoder, ConvEncoder
from ..generative.vae import draw_code, kl_to_standard

SIDE = 32  # px
PIXELCNN_LEVELS = 8  # of each colour
VAE_LEVELS = 256
SHOWN = 24  # codes that the GAN made again at each kept turn
EVERY = 500  # turns of the GAN's training, of which a row of its log is the mean


def pixelcnn(
    seed: int = 0, width: int = 60, kernel: int = 5, dilations: tuple[int, ...] = (1, 2, 4, 8, 2, 1)
) -> PixelCNN:
    """An untrained one in eval mode: a gated net whose layers see all that is above and to the left of a value."""
    return PixelCNN(
        PIXELCNN_LEVELS,
        (SIDE, SIDE),
        3,
        len(dilations),
        width,
        kernel=kernel,
        dilations=tuple(dilations),
        seed=seed,
    ).eval()


def vae(seed: int = 0, latent: int = 16, widths: tuple[int, ...] = (32, 64, 96)) -> VAE:
    """An untrained one in eval mode, with a discretised logistic whose one scale is learned.

    widths: channels at 16 x 16, 8 x 8 and 4 x 4.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        likelihood = DiscretisedLogistic(VAE_LEVELS, "one")
        encoder = ConvEncoder(SIDE, latent, tuple(widths))
        decoder = ConvDecoder(SIDE, latent, 3 * likelihood.numbers, tuple(widths)[::-1])
        net = VAE(SIDE, latent, likelihood, VAE_LEVELS, 3, encoder=encoder, decoder=decoder)
    return net.eval()


def generator(latent: int, channels: int) -> dcgan.Generator:
    """Codes z (n, latent) -> images (n, 3, 32, 32) in [0, 1]; untrained, in eval mode."""
    return dcgan.nets(0, latent, channels)[0].eval()


def discriminator(channels: int, norm: str) -> dcgan.Discriminator:
    """Images -> logits (n,): above 0 it believes them real; untrained, in eval mode."""
    return dcgan.nets(0, 1, channels, norm=norm)[1].eval()


def coarse_elbo(
    vae: VAE,
    pixels: torch.Tensor,
    levels: int = PIXELCNN_LEVELS,
    samples: int = 1,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """The ELBO of the same pictures with fewer levels, (n,) nats: a bound on the probability of a coarser picture.

    Equal bins of levels merge and their probabilities add up, given the code; and a code may be guessed from the fine
    picture, since the bound holds for any guess. pixels: LongTensor (n, 3, 32, 32), 0 .. 255.
    """
    coarse, merged, found = vae.likelihood.coarser(levels), pixels // (VAE_LEVELS // levels), []
    mean, log_variance = vae.encode(pixels)
    for _ in range(samples):
        z = draw_code(mean, log_variance, generator)
        found.append(coarse.log_prob(vae.decode(z), merged).flatten(1).sum(1))
    return torch.stack(found).mean(0) - kl_to_standard(mean, log_variance).sum(1)


def gan_history() -> dict:
    """The GAN's training, to be watched again: {"turns": (k,), "images": (k, 24, 3, 32, 32) in [0, 1], "codes":
    (24, 64), "every": turns from one row of the log to the next, "discriminator", "generator", "on_real", "on_fake":
    (rows,)}.

    The images were made by the averaged generator of that turn, and seen through JPEG. The losses are in nats.
    """
    from .weights import card

    facts = card("studio-gan")
    sheet = np.asarray(Image.open(io.BytesIO(store.read_verified("weights/studio-gan-history.jpg"))))
    tiles = sheet.reshape(len(facts["frames"]), SIDE, SHOWN, SIDE, 3).transpose(0, 2, 4, 1, 3)
    log = torch.tensor(facts["log"]).T
    return {
        "turns": torch.tensor(facts["frames"]),
        "images": torch.from_numpy(tiles.copy()).float() / 255,
        "codes": shown_codes(facts["recipe"]["latent"]),
        "every": EVERY,
        **dict(zip(("discriminator", "generator", "on_real", "on_fake"), log, strict=True)),
    }


def shown_codes(latent: int) -> torch.Tensor:
    """The codes of the history, (24, latent)."""
    return torch.randn(SHOWN, latent, generator=torch.Generator().manual_seed(24))
