"""A net from an image to an image: it paints in a style (`paint`)."""

import torch
from torch import nn
from torch.nn.functional import interpolate, pad

from ..checks import check_images
from ..hooks import copy_to, frozen
from .architectures import normalising

STEP = 4  # sides of FastStyle's maps are halved twice
MARGIN = 16  # px around an image, painted and cut off


class FastStyle(nn.Module):
    """Images (n, 3, h, w) in [0, 1] -> the same in the style it was trained for, also in [0, 1]. Sides from 16 px.

    Down to a quarter of the side, five residual blocks, up again.
    Source: Johnson, Alahi, Fei-Fei (2016), section 3.1 and supplement; Ulyanov, Vedaldi, Lempitsky (2016): instance
    normalisation; Odena, Dumoulin, Olah (2016): resize, then convolve, or a grid stays.
    Differs: 16 to 48 channels instead of 32 to 128; the last layer is a sigmoid.
    """

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(_layer(3, 16, 9), _layer(16, 32, 3, 2), _layer(32, 48, 3, 2))
        self.blocks = nn.ModuleList(nn.Sequential(_layer(48, 48, 3), _layer(48, 48, 3)[:2]) for _ in range(5))
        self.up = nn.Sequential(_Larger(), _layer(48, 32, 3), _Larger(), _layer(32, 16, 3))
        self.out = nn.Conv2d(16, 3, 9, padding=4, padding_mode="reflect")
        normalising(self)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        height, width = images.shape[2:]
        more = (0, -width % STEP, 0, -height % STEP)  # to sides that can be halved twice
        x = self.down(pad((images - self.mean) / self.std, more, mode="reflect"))
        for block in self.blocks:
            x = x + block(x)
        return self.out(self.up(x)).sigmoid()[..., :height, :width]


class _Larger(nn.Module):
    def forward(self, x):
        return interpolate(x, scale_factor=2, mode="nearest")


def _layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, padding_mode="reflect")
    return nn.Sequential(convolution, nn.InstanceNorm2d(outputs, affine=True), nn.ReLU())


def paint(net: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Images (n, 3, h, w) in [0, 1], sides from 17 px, in the net's style, on their device. Errors: ValueError.

    They are painted with a mirrored margin, which is then cut off: at a border the net draws dark lines.

    >>> paint(models.load("fast-style"), photographs.square("cat", 256)[None])
    """
    images = check_images(images, net=net, range01=True)
    if min(images.shape[2:]) <= MARGIN:
        raise ValueError(f"images: expected sides from {MARGIN + 1} px, got {tuple(images.shape[2:])}")
    inside = slice(MARGIN, -MARGIN)
    with frozen(net) as net, torch.no_grad():
        wider = pad(copy_to(net, images), (MARGIN,) * 4, mode="reflect")
        return net(wider)[..., inside, inside].to(images.device)
