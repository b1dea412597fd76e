"""Convolutional encoder and decoder for a VAE of small colour pictures: halve the side three times, and back."""

import torch
from torch import nn
from torch.nn.functional import interpolate, silu


class ConvEncoder(nn.Module):
    """Images (n, colours, h, w) in [-1, 1], sides in multiples of 8 px -> (n, 2 * latent): means and log-variances."""

    def __init__(self, side: int, latent: int, widths=(32, 64, 96), colours: int = 3):
        super().__init__()
        steps = [nn.Conv2d(a, b, 4, 2, 1) for a, b in zip((colours, *widths), widths, strict=False)]
        self.down = nn.ModuleList(steps)
        self.blocks = nn.ModuleList(Block(width) for width in widths[1:])
        self.out = nn.Linear(widths[-1] * (side // 8) ** 2, 2 * latent)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = silu(self.down[0](images))  # (n, 32, h / 2, w / 2)
        for step, block in zip(self.down[1:], self.blocks, strict=True):
            x = block(silu(step(x)))
        return self.out(x.flatten(1))


class ConvDecoder(nn.Module):
    """Codes (n, latent) -> (n, numbers, side, side), from maps of an eighth of the side."""

    def __init__(self, side: int, latent: int, numbers: int = 3, widths=(96, 64, 32)):
        super().__init__()
        self.start = (widths[0], side // 8, side // 8)
        self.first = nn.Linear(latent, widths[0] * (side // 8) ** 2)
        self.blocks = nn.ModuleList(Block(width) for width in widths)
        pairs = zip(widths, (*widths[1:], widths[-1]), strict=True)
        self.up = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairs)
        self.out = nn.Conv2d(widths[-1], numbers, 3, padding=1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = silu(self.first(z)).view(-1, *self.start)  # (n, 96, h / 8, w / 8)
        for block, up in zip(self.blocks, self.up, strict=True):
            x = silu(
                up(interpolate(block(x), scale_factor=2, mode="nearest"))
            )  # resize, then convolve: no grid
        return self.out(x)


class Block(nn.Module):
    """x + what two convolutions make of it; it begins as x alone."""

    def __init__(self, width: int):
        super().__init__()
        self.one, self.two = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        nn.init.zeros_(self.two.weight)
        nn.init.zeros_(self.two.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return silu(x + self.two(silu(self.one(x))))
