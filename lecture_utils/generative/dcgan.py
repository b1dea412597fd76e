"""DCGAN for images of 32 or 28 px: a code becomes an image through strided convolutions, an image becomes a logit."""

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..checks import check_choice, check_count, check_tensor
from ..hooks import seeded

SIDE = 32  # px
DOUBLINGS = {32: 3, 28: 2}  # side: how often maps double, from 4 x 4 or 7 x 7 on
NORMS = ("spectral", "batch", "none")


class Generator(nn.Module):
    """Codes z (n, latent), drawn from a standard Gaussian -> images (n, colours, side, side) in [0, 1].

    4 x 4 maps, then twice as large three times, with half the channels each time; for 28 px 7 x 7, then twice.
    Source: Radford, Metz, Chintala (2016), section 3 and figure 1.
    Differs: 32 px and fewer channels; a sigmoid instead of tanh, because our images lie in [0, 1].
    """

    def __init__(self, latent: int = 64, channels: int = 48, colours: int = 3, side: int = SIDE):
        super().__init__()
        self.latent = check_count(latent, "latent")
        widths = [channels << k for k in reversed(range(_doublings(side)))]  # 4c, 2c, c
        self.first = _larger(latent, widths[0], side >> len(widths), 1, 0)  # 1 x 1 -> 4 x 4
        self.second = _larger(widths[0], widths[1], 4, 2, 1)  # 8 x 8
        self.third = _larger(*widths[1:], 4, 2, 1) if widths[2:] else nn.Identity()  # 16 x 16
        self.last = nn.ConvTranspose2d(channels, colours, 4, 2, 1)  # 32 x 32
        self.apply(_small_weights)

    def forward(self, z: Tensor) -> Tensor:
        check_tensor(z, "z", ("n", self.latent))
        maps = self.third(self.second(self.first(z[:, :, None, None])))
        return self.last(maps).sigmoid()


class Discriminator(nn.Module):
    """Images (n, colours, side, side) in [0, 1] -> logits (n,): above 0 it believes them real.

    norm: "spectral" divides each layer's weights by their largest singular value, so that no step of the net can
    be arbitrarily steep; "batch" is DCGAN's own; "none".
    Source: Radford, Metz, Chintala (2016), section 3; Miyato et al. (2018) for the spectral norm.
    """

    def __init__(self, channels: int = 48, colours: int = 3, norm: str = "spectral", side: int = SIDE):
        super().__init__()
        check_choice(norm, NORMS, "norm")
        self.shape, steps = (colours, side, side), range(_doublings(side))
        widths = [colours, *(channels << k for k in steps)]  # 16 x 16, 8 x 8, 4 x 4
        layers = []
        for i in steps:
            layers.append(nn.Conv2d(widths[i], widths[i + 1], 4, 2, 1, bias=norm != "batch" or i == 0))
            if norm == "batch" and i > 0:
                layers.append(nn.BatchNorm2d(widths[i + 1]))
            layers.append(nn.LeakyReLU(0.2))
        layers.append(nn.Conv2d(widths[-1], 1, side >> len(steps)))  # 1 x 1
        self.layers = nn.Sequential(*layers).apply(_small_weights)
        if norm == "spectral":
            for layer in self.layers:
                if isinstance(layer, nn.Conv2d):
                    spectral_norm(layer)

    def forward(self, images: Tensor) -> Tensor:
        check_tensor(images, "images", ("n", *self.shape))
        return self.layers(2 * images - 1).flatten()


def _doublings(side: int) -> int:
    if side not in DOUBLINGS:
        raise ValueError(f"side: expected one of {', '.join(map(str, DOUBLINGS))} px, got {side!r}")
    return DOUBLINGS[side]


def _larger(inputs, outputs, kernel, stride, padding):
    """Each value spreads over kernel x kernel px, so far apart; with 4, 2, 1 the side is doubled."""
    convolution = nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def _small_weights(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def nets(
    seed: int = 0,
    latent: int = 64,
    channels: int = 48,
    colours: int = 3,
    norm: str = "spectral",
    side: int = SIDE,
) -> tuple[Generator, Discriminator]:
    """An untrained pair, the same for the same seed; the global random state is left as it was."""
    with seeded(seed):
        return Generator(latent, channels, colours, side), Discriminator(channels, colours, norm, side)
