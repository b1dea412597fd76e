"""The models of the studio scenes (32 px, in colour) and of Fashion-MNIST (28 px, grey): the generative ones; and the
net that reads every factor of a studio scene.

That net is the evaluation network: it names class and colour, and says azimuth, place, pitch, light and backdrop. It
reads all of them because a classifier that may ignore the colour could not see colours vanish.
"""

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import interpolate, silu

from .. import store
from ..checks import check_count, check_images
from ..generative import VAE, DiscretisedLogistic, PixelCNN, dcgan
from ..hooks import copy_to, frozen, in_batches
from .architectures import seeded_net

SIDE = 32  # px
PIXELCNN_LEVELS = 8  # of each colour
VAE_LEVELS = 256
SHOWN = 24  # codes that the GAN made again at each kept turn
EVERY = 500  # turns of the GAN's training, of which a row of its log is the mean
FEATURES = 128  # numbers an image, to compare sets by
NAMES = {
    "class": ("elephant", "duck", "car", "mug", "mushroom", "house"),
    "colour": ("red", "orange", "yellow", "green", "blue", "purple"),
}
# What is read as numbers: (middle, scale) of the factor, so that the net's own number lies about between -1 and 1.
NUMBERS = {"across": (0.5, 0.1), "down": (0.5, 0.1), "pitch": (18.0, 8.0), "backdrop": (0.65, 0.15)}
ANGLES = ("azimuth", "sun")  # degrees
SYMMETRIC = ("mushroom",)  # looks the same from all sides: its azimuth is neither learned nor asked


def pixelcnn(
    seed: int = 0,
    width: int = 60,
    kernel: int = 5,
    dilations: tuple[int, ...] = (1, 2, 4, 8, 2, 1),
    shape: tuple[int, int] = (3, SIDE),
    levels: int = PIXELCNN_LEVELS,
) -> PixelCNN:
    """An untrained one in eval mode: a gated net whose layers see all that is above and to the left of a value.

    shape: colours and side of the pictures, as of the others here.
    """
    (colours, side), layers, dilations = shape, len(dilations), tuple(dilations)
    net = PixelCNN(levels, side, colours, layers, width, kernel=kernel, dilations=dilations, seed=seed)
    return net.eval()


def vae(
    seed: int = 0,
    latent: int = 16,
    widths: tuple[int, ...] = (32, 64, 96),
    shape: tuple[int, int] = (3, SIDE),
) -> VAE:
    """An untrained one in eval mode, with a discretised logistic whose one scale is learned.

    widths: channels at 16 x 16, 8 x 8 and 4 x 4; the side is halved as often as there are widths.
    """
    (colours, side), widths = shape, tuple(widths)

    def make():
        likelihood = DiscretisedLogistic(VAE_LEVELS, "one")
        encoder = ConvEncoder(side, latent, widths, colours)
        decoder = ConvDecoder(side, latent, colours * likelihood.numbers, widths[::-1])
        return VAE(side, latent, likelihood, VAE_LEVELS, colours, encoder=encoder, decoder=decoder)

    return seeded_net(make, seed)


def generator(latent: int, channels: int, shape: tuple[int, int] = (3, SIDE)) -> dcgan.Generator:
    """Codes z (n, latent) -> images (n, 3, 32, 32) in [0, 1]; untrained, in eval mode."""
    colours, side = shape
    return dcgan.nets(0, latent, channels, colours, side=side)[0].eval()


def discriminator(channels: int, norm: str, shape: tuple[int, int] = (3, SIDE)) -> dcgan.Discriminator:
    """Images -> logits (n,): above 0 it believes them real; untrained, in eval mode."""
    colours, side = shape
    return dcgan.nets(0, 1, channels, colours, norm, side)[1].eval()


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


# --- the net that reads factors ---


class ConvEncoder(nn.Module):
    """Images (n, colours, side, side) in [-1, 1] -> (n, 2 * latent): means and log-variances.

    The side is halved as often as there are widths.
    """

    def __init__(self, side: int, latent: int, widths: tuple[int, ...] = (32, 64, 96), colours: int = 3):
        super().__init__()
        pairs = zip((colours, *widths), widths, strict=False)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairs)
        self.blocks = nn.ModuleList(_Block(width) for width in widths[1:])
        self.out = nn.Linear(widths[-1] * (side >> len(widths)) ** 2, 2 * latent)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = silu(self.down[0](images))  # (n, 32, h / 2, w / 2)
        for step, block in zip(self.down[1:], self.blocks, strict=True):
            x = block(silu(step(x)))
        return self.out(x.flatten(1))


class ConvDecoder(nn.Module):
    """Codes (n, latent) -> (n, numbers, side, side), doubled as often as there are widths."""

    def __init__(self, side: int, latent: int, numbers: int = 3, widths: tuple[int, ...] = (96, 64, 32)):
        super().__init__()
        self.start = (widths[0], side >> len(widths), side >> len(widths))
        self.first = nn.Linear(latent, math.prod(self.start))
        self.blocks = nn.ModuleList(_Block(width) for width in widths)
        pairs = zip(widths, (*widths[1:], widths[-1]), strict=True)
        self.up = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairs)
        self.out = nn.Conv2d(widths[-1], numbers, 3, padding=1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = silu(self.first(z)).view(-1, *self.start)  # (n, 96, h / 8, w / 8)
        for block, up in zip(self.blocks, self.up, strict=True):
            larger = interpolate(block(x), scale_factor=2, mode="nearest")
            x = silu(up(larger))  # resize, then convolve: no grid
        return self.out(x)


class _Block(nn.Module):
    """x + what two convolutions make of it; it begins as x alone."""

    def __init__(self, width: int):
        super().__init__()
        self.one, self.two = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        nn.init.zeros_(self.two.weight)
        nn.init.zeros_(self.two.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return silu(x + self.two(silu(self.one(x))))


class FactorNet(nn.Module):
    """Images (n, 3, 32, 32) in [0, 1] -> {"class": logits (n, 6), "colour": logits (n, 6), "azimuth" and "sun":
    (n, 2) sine and cosine, "across", "down", "pitch", "backdrop": (n,) in the factor's own unit}.
    """

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            _layer(3, 32),
            _layer(32, 32),
            nn.MaxPool2d(2),
            _layer(32, 64),
            _layer(64, 64),
            nn.MaxPool2d(2),
            _layer(64, 128),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(128 * 16, FEATURES),
            nn.ReLU(),
        )
        outputs = {name: len(names) for name, names in NAMES.items()} | dict.fromkeys(ANGLES, 2)
        self.heads = nn.ModuleDict({name: nn.Linear(FEATURES, count) for name, count in outputs.items()})
        self.numbers = nn.Linear(FEATURES, len(NUMBERS))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Features (n, 128) to compare sets of pictures by. images: (n, 3, 32, 32) in [0, 1]."""
        return self.trunk(images - 0.5)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        features = self.features(images)
        said = {name: head(features) for name, head in self.heads.items()}
        numbers = self.numbers(features).unbind(1)
        return said | {
            name: middle + scale * number
            for (name, (middle, scale)), number in zip(NUMBERS.items(), numbers, strict=True)
        }


def _layer(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def read(net: FactorNet, images: torch.Tensor, batch_size: int = 200) -> dict[str, torch.Tensor]:
    """What the net says of pictures (n, 3, 32, 32) in [0, 1]: as `FactorNet`, but "class" and "colour" are
    probabilities (n, 6) and angles are degrees (n,). On the images' device. Errors: ValueError.

    >>> read(models.load("studio-factors"), images)["class"].argmax(1)
    """
    images, size = _checked(net, images), check_count(batch_size, "batch_size")
    with frozen(net) as net, torch.no_grad():
        parts = [net(copy_to(net, batch)) for batch in images.split(size)]
    said = {name: torch.cat([part[name] for part in parts]).to(images.device) for name in parts[0]}
    said |= {name: said[name].softmax(1) for name in NAMES}
    return said | {name: torch.rad2deg(torch.atan2(*said[name].unbind(1))) for name in ANGLES}


def features(net: FactorNet, images: torch.Tensor, batch_size: int = 200) -> torch.Tensor:
    """Features (n, 128) of pictures (n, 3, 32, 32) in [0, 1], without gradient, on their device. Errors: ValueError."""
    images, size = _checked(net, images), check_count(batch_size, "batch_size")
    with frozen(net) as net, torch.no_grad():
        return in_batches(lambda batch: net.features(copy_to(net, batch)), images, size=size)


def _checked(net: nn.Module, images: torch.Tensor) -> torch.Tensor:
    images = check_images(images, net=net, range01=True)
    if images.shape[2:] != (SIDE, SIDE):
        raise ValueError(f"images: expected {SIDE} x {SIDE} px, got {tuple(images.shape[2:])}")
    return images
