"""A net that finds the object in an image, taught with masks: what supervision buys."""

import json

import torch
from torch import nn
from torch.nn.functional import interpolate

from lecture_utils import store
from lecture_utils.checks import check_count, check_images
from lecture_utils.hooks import copy_to, frozen, in_batches
from lecture_utils.models.architectures import normalising, seeded_net
from lecture_utils.models.weights import tensors


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
        normalising(self)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        full = (images - self.mean) / self.std
        half = self.down1(full)
        quarter = self.down2(half)
        x = self.down3(quarter)
        for skipped, step in ((quarter, self.up2), (half, self.up1), (full, self.up0)):
            x = interpolate(x, scale_factor=2, mode="nearest")
            x = step(torch.cat([x, skipped], 1))
        return self.out(x)[:, 0]


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def segment(net: nn.Module, images: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """The masks (n, h, w), bool, that a segmenter finds in images (n, 3, h, w) in [0, 1]; h, w: multiples of 8.

    They lie on the images' device. Errors: ValueError.

    >>> segment(trained(), lab.gallery.images[:8]).shape
    """
    images, size = check_images(images, net=net, range01=True), check_count(batch_size, "batch_size")
    if images.shape[2] % 8 or images.shape[3] % 8:
        raise ValueError(f"images: expected sides that are multiples of 8, got {tuple(images.shape[2:])}")
    with frozen(net) as net, torch.no_grad():
        return in_batches(lambda batch: net(copy_to(net, batch)) > 0, images, size=size)


def trained() -> Segmenter:
    """The one that ships, in evaluation mode. Errors: store.DamagedData."""
    net = seeded_net(Segmenter, 0)
    net.load_state_dict(tensors("segmenter"))
    return net


def card() -> dict:
    """What is known about its training."""
    return json.loads(store.read_verified("weights/segmenter.json"))
