"""RetinaNet: anchors on a feature pyramid, and a loss that thousands of easy backgrounds cannot fill."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_count, check_number, check_share, check_tensor
from ..hooks import seeded
from ._one_stage import Coarser, ask, choose, convolution, total
from .anchoring import IGNORED, anchors, decode_boxes, encode_boxes, match_anchors
from .focal import sigmoid_focal_loss
from .trunk import Detections, Detector, Trunk

WIDTH = 48  # channels of the pyramid and of the towers


class FPN(nn.Module):
    """Maps of several sizes, each with its own number of channels, become maps of the same sizes with `width` channels.

    channels: of each map, the finest first. Forward: a list of maps (n, c, h, w), the finest first, to a list as long.
    Each map passes a 1 x 1 convolution (lateral), the coarser result is enlarged to its size and added (top-down), and
    a 3 x 3 convolution ends it. Errors: ValueError. Source: Lin et al. (2017), Feature Pyramid Networks, section 3.
    """

    def __init__(self, channels: list[int], width: int = 256):
        super().__init__()
        if not isinstance(channels, tuple | list) or not channels:
            raise ValueError(f"channels: expected a number for each map in a list, got {channels!r}")
        channels = [check_count(c, "channels") for c in channels]
        self.laterals = nn.ModuleList(nn.Conv2d(c, check_count(width, "width"), 1) for c in channels)
        self.outputs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        if len(maps) != len(self.laterals):
            raise ValueError(f"maps: expected {len(self.laterals)} of them, got {len(maps)}")
        for each, lateral in zip(maps, self.laterals, strict=True):
            check_tensor(each, "maps", ("n", lateral.in_channels, "h", "w"))
        merged = [lateral(each) for lateral, each in zip(self.laterals, maps, strict=True)]
        for level in range(len(merged) - 2, -1, -1):  # from coarse to fine
            coarse = F.interpolate(merged[level + 1], merged[level].shape[2:], mode="nearest")
            merged[level] = merged[level] + coarse
        return [output(each) for output, each in zip(self.outputs, merged, strict=True)]


class RetinaNet(Detector):
    """One sigmoid for each class and anchor, from two small towers that all levels of a feature pyramid share.

    forward: images (n, 3, h, w), sides multiples of 32 px -> logits (n, m, classes), deltas (n, m, 4): one row for each
    of the m anchors, 4080 at 128 px. Levels of stride 4, 8, 16 and 32; an anchor's side is 3 strides (12 to 96 px), at
    ratios 1/2, 1, 2.
    gamma, alpha: of the focal loss; gamma 0 with alpha None is cross-entropy. prior: the probability that every anchor
    gives every class before training; .5 is the usual initialisation. fpn=False: the same layers, without the way from
    coarse to fine. The loss is divided by the number of anchors that have an object. Errors: ValueError.
    Source: Lin, Goyal, Girshick, He, Dollar (2017), Focal Loss, sections 3 and 4.
    Differs: levels 4 to 32 where the paper has 8 to 128; one scale a level instead of three; towers of two layers, with
    normalisation; an object that no anchor overlaps by half gets its best one, as in the authors' code.
    """

    strides = (4, 8, 16, 32)
    stride = 32

    def __init__(
        self,
        classes: int = 16,
        fpn: bool = True,
        gamma: float = 2,
        alpha: float | None = 0.25,
        prior: float = 0.01,
        pretrained: bool = True,
        seed: int = 0,
    ):
        super().__init__(classes)
        check_number(gamma, "gamma"), check_number(prior, "prior", 1e-6, 1 - 1e-6)
        if alpha is not None:
            check_share(alpha, "alpha")
        self.top_down, self.gamma, self.alpha = fpn, gamma, alpha
        with seeded(seed):
            self.trunk, self.coarser = Trunk(pretrained, seed), Coarser(2)
            self.fpn = FPN([32, 192, 96, 96], WIDTH)
            self.class_tower, self.box_tower = _tower(3 * classes), _tower(3 * 4)
        nn.init.constant_(self.class_tower[-1].bias, -math.log((1 - prior) / prior))

    def anchors(self, size: tuple[int, int]) -> Tensor:
        """(m, 4) px, finest level first; then rows, columns, three ratios."""
        return torch.cat([anchors(size, stride, (3 * stride,)) for stride in self.strides])

    def levels(self, images: Tensor) -> list[Tensor]:
        """The pyramid: (n, 48, h / 4, w / 4), (n, 48, h / 8, w / 8), ..."""
        maps = self.trunk.levels(images)
        maps = [maps[4], maps[8], *self.coarser(maps[8])]
        if self.top_down:
            return self.fpn(maps)
        layers = zip(self.fpn.outputs, self.fpn.laterals, maps, strict=True)
        return [output(lateral(each)) for output, lateral, each in layers]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        levels, n = self.levels(images), len(images)
        logits = [
            self.class_tower(level).permute(0, 2, 3, 1).reshape(n, -1, self.classes) for level in levels
        ]
        deltas = [self.box_tower(level).permute(0, 2, 3, 1).reshape(n, -1, 4) for level in levels]
        return torch.cat(logits, 1), torch.cat(deltas, 1)

    def loss(self, images: Tensor, boxes: list, labels: list) -> dict[str, Tensor]:
        images = self.check_scenes(images, boxes, labels)
        at = self.anchors(images.shape[2:]).to(images)
        matches = [match_anchors(at, each, high=0.5, low=0.4) for each in boxes]
        outputs = zip(*self(images), matches, boxes, labels, strict=True)
        parts = [self._loss(*each, at) for each in outputs]
        return total(parts, sum(int((match >= 0).sum()) for match in matches))

    def _loss(self, logits, deltas, match, boxes, labels, at):
        found, counted = match >= 0, match != IGNORED
        targets = torch.zeros_like(logits)
        targets[found, labels[match[found]]] = 1  # a row of zeros is the background
        focal = sigmoid_focal_loss(logits[counted], targets[counted], self.alpha, self.gamma)
        wanted = encode_boxes(boxes[match[found]], at[found])
        return {"class": focal.sum(), "box": F.smooth_l1_loss(deltas[found], wanted, reduction="sum")}

    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (n, m, 4) px and scores (n, m, classes); the scores of one box need not add up to 1."""
        logits, deltas = self(images)
        at = self.anchors(images.shape[2:]).to(images)
        return torch.stack([decode_boxes(each, at) for each in deltas]), logits.sigmoid()

    def detect(self, images: Tensor, threshold=0.05, most=100, overlap=0.5) -> list[Detections]:
        found = zip(*ask(self, self.predict, images), strict=True)
        return [choose(*each, images.shape[2:], threshold, most, overlap) for each in found]


def _tower(outputs):
    return nn.Sequential(convolution(WIDTH, WIDTH), convolution(WIDTH, WIDTH), nn.Conv2d(WIDTH, outputs, 1))
