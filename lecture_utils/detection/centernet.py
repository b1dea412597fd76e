"""CenterNet: an object is a point, the peak of its class's heatmap, and its size is read off there."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_count, check_share
from ..hooks import seeded
from ._one_stage import Coarser, ask, convolution
from .boxes import area, clip_boxes
from .focal import center_focal_loss
from .points import center_decode, center_heatmap, center_regression
from .trunk import Detections, Detector, Trunk

WIDTH = 64


class CenterNet(Detector):
    """No anchors and no NMS: at stride 4 a heatmap for each class, and at each position an offset and a size.

    forward: images (n, 3, h, w), sides multiples of 32 px -> logits (n, classes, h / 4, w / 4) of the heatmaps, and
    (n, 4, h / 4, w / 4): x and y from the position to the centre, width and height, all in positions of 4 px.
    Learned: the heatmap by `center_focal_loss`; offset and size by L1 at the centres alone, the size with weight .1.
    Two objects of a class with their centres in one position are one. Errors: ValueError.
    Source: Zhou, Wang, Kraehenbuehl (2019), sections 3 and 4.
    Differs: the way back to stride 4 is enlargement and addition, as in a feature pyramid, where the paper's ResNet has
    deconvolutions.
    """

    stride = 32

    def __init__(self, classes: int = 16, pretrained: bool = True, seed: int = 0):
        super().__init__(classes)
        with seeded(seed):
            self.trunk, self.coarser = Trunk(pretrained, seed), Coarser(2)
            self.laterals = nn.ModuleList(nn.Conv2d(channels, WIDTH, 1) for channels in (32, 192, 96, 96))
            self.mixed = nn.Sequential(convolution(WIDTH, WIDTH), convolution(WIDTH, WIDTH))
            self.heatmap, self.regression = nn.Conv2d(WIDTH, classes, 1), nn.Conv2d(WIDTH, 4, 1)
        nn.init.constant_(self.heatmap.bias, -2.19)  # probability .1

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.trunk.levels(images)
        maps = [maps[4], maps[8], *self.coarser(maps[8])]
        merged = self.laterals[-1](maps[-1])
        for lateral, each in zip(self.laterals[-2::-1], maps[-2::-1], strict=True):  # from coarse to fine
            merged = lateral(each) + F.interpolate(merged, each.shape[2:], mode="nearest")
        features = self.mixed(merged)
        return self.heatmap(features), self.regression(features)

    def loss(self, images: Tensor, boxes: list, labels: list) -> dict[str, Tensor]:
        images = self.check_scenes(images, boxes, labels)
        size = images.shape[2:]
        logits, said = self(images)
        heatmaps = [center_heatmap(*each, size, self.classes) for each in zip(boxes, labels, strict=True)]
        wanted = torch.stack([center_regression(each, size) for each in boxes])  # sizes in px
        wanted[:, 2:] /= 4
        there = (wanted[:, 2] > 0)[:, None]  # (n, 1, h / 4, w / 4)
        error = ((said - wanted).abs() * there).sum((0, 2, 3)) / max(1, int(there.sum()))  # (4,)
        heatmap = center_focal_loss(logits, torch.stack(heatmaps))
        return {"heatmap": heatmap, "offset": error[:2].sum(), "size": 0.1 * error[2:].sum()}

    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Heatmaps (n, classes, h / 4, w / 4), probabilities, and regressions as `center_decode` takes them."""
        logits, said = self(images)
        return logits.sigmoid(), torch.cat([said[:, :2], 4 * said[:, 2:]], 1)

    def detect(self, images: Tensor, threshold: float = 0.05, most: int = 100) -> list[Detections]:
        check_share(threshold, "threshold"), check_count(most, "most")
        found = []
        for heatmap, regression in zip(*ask(self, self.predict, images), strict=True):
            boxes, scores, labels = center_decode(heatmap, regression, 4, most)
            boxes = clip_boxes(boxes, images.shape[2:])
            kept = (scores > threshold) & (area(boxes) > 0)
            found.append(Detections(boxes[kept], scores[kept], labels[kept]))
        return found
