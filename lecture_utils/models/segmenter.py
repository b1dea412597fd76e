"""A small net that was shown the masks: what supervision buys, beside a heatmap's cut-out."""

import torch
from torch import nn

from ..checks import check_count, check_images
from ..hooks import copy_to, frozen, in_batches
from .architectures import MEAN, STD


class Segmenter(nn.Module):
    """Images (n, 3, h, w) in [0, 1] -> logits (n, h, w): above 0, the pixel is an object's. h, w: multiples of 8.

    Down to an eighth of the side, where a unit sees most of the image, and up again; on the way up each step is given
    the map of its own size from the way down, so that the outline stays sharp.
    Source: Ronneberger, Fischer, Brox (2015), figure 1.
    Differs: strides instead of pooling, three steps instead of four, 8 to 64 channels.
    """

    def __init__(self):
        super().__init__()
        self.down1 = _block(3, 16, 2)  # 16 x 56 x 56
        self.down2 = _block(16, 32, 2)  # 32 x 28 x 28
        self.down3 = nn.Sequential(_block(32, 64, 2), _block(64, 64), _block(64, 64))  # 64 x 14 x 14
        self.up2 = _block(64 + 32, 32)
        self.up1 = _block(32 + 16, 16)
        self.up0 = _block(16 + 3, 8)
        self.out = nn.Conv2d(8, 1, 1)
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).reshape(1, 3, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        full = (images - self.mean) / self.std
        half = self.down1(full)
        quarter = self.down2(half)
        x = self.down3(quarter)
        for skipped, step in ((quarter, self.up2), (half, self.up1), (full, self.up0)):
            x = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
            x = step(torch.cat([x, skipped], 1))
        return self.out(x)[:, 0]


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def build(seed: int = 0) -> Segmenter:
    """An untrained one in eval mode, the same for the same seed; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Segmenter().eval()


def segment(net: nn.Module, images: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """The masks (n, h, w), bool, that a segmenter finds in images (n, 3, h, w) in [0, 1]; h, w: multiples of 8.

    They lie on the images' device. Errors: ValueError.

    >>> segment(models.load("segmenter"), lab.gallery.images[:8]).shape
    """
    images, size = check_images(images, net=net, range01=True), check_count(batch_size, "batch_size")
    if images.shape[2] % 8 or images.shape[3] % 8:
        raise ValueError(f"images: expected sides that are multiples of 8, got {tuple(images.shape[2:])}")
    with frozen(net) as net, torch.no_grad():
        return in_batches(lambda batch: net(copy_to(net, batch)) > 0, images, size=size)
