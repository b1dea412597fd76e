"""YOLO: one look at the image, one vector for each cell of a grid."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_count
from ..hooks import seeded
from ._one_stage import ask, choose, convolution, total
from .boxes import box_iou
from .grid import yolo_decode, yolo_targets
from .trunk import Detections, Detector, Trunk


class YOLO(Detector):
    """Each cell of 16 x 16 px says B boxes with a confidence each, and once for all of them the class.

    forward: images (n, 3, h, w), sides multiples of 16 px -> (n, S, S, 5 B + classes), S = h / 16, h = w: 8 at 128 px.
    There are no anchors: x, y in the cell, sqrt(w), sqrt(h) and all else are learned by squared error. The object of a
    cell is learned by one of its B boxes, the one that has the largest IoU with it now: it is responsible.
    Two objects with their centres in one cell cannot both be found. Errors: ValueError.
    Source: Redmon, Divvala, Girshick, Farhadi (2016), section 2 and equation 3.
    Differs: three convolutions in place of 20, two of them and two fully connected layers after; their grid is 7 x 7.
    """

    stride = 16

    def __init__(self, classes: int = 16, boxes: int = 2, pretrained: bool = True, seed: int = 0):
        super().__init__(classes)
        self.boxes = check_count(boxes, "boxes")
        with seeded(seed):
            self.trunk = Trunk(pretrained, seed)
            self.head = nn.Sequential(
                convolution(192, 128, stride=2), convolution(128, 128), convolution(128, 128)
            )
            self.output = nn.Conv2d(128, 5 * boxes + classes, 1)
        with torch.no_grad():  # a box begins in the middle of its cell, with a quarter of the image's sides
            self.output.bias[: 5 * boxes] = torch.tensor([0.5, 0.5, 0.5, 0.5, 0.0]).repeat(boxes)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.head(self.trunk(images))).permute(0, 2, 3, 1)

    def loss(self, images: Tensor, boxes: list, labels: list) -> dict[str, Tensor]:
        images = self.check_scenes(images, boxes, labels)
        parts = [
            self._loss(*each, images.shape[2:]) for each in zip(self(images), boxes, labels, strict=True)
        ]
        return total(parts, len(images))

    def _loss(self, output, boxes, labels, size):
        targets = yolo_targets(boxes, labels, size, self.classes, len(output))  # (S, S, 5 + classes)
        there = targets[..., 4] == 1  # cells with an object
        said, classes = output[..., : 5 * self.boxes].unflatten(2, (-1, 5)), output[..., 5 * self.boxes :]
        iou = self._iou(output.detach(), targets, size)  # (S, S, B)
        responsible = F.one_hot(iou.argmax(2), self.boxes).bool() & there[..., None]
        mine, truth = said[responsible], targets[there]  # (objects, 5), (objects, 5 + classes)
        return {
            "centre": 5 * (mine[:, :2] - truth[:, :2]).square().sum(),
            "size": 5
            * (mine[:, 2:4] - truth[:, 2:4]).square().sum(),  # of square roots: a px of a small box counts
            "object": (mine[:, 4] - iou[responsible]).square().sum(),
            "no object": 0.5 * said[~responsible][:, 4].square().sum(),
            "class": (classes[there] - truth[:, 5:]).square().sum(),
        }

    def _iou(self, output, targets, size):
        """Of each box of each cell with the object of the cell, (S, S, B); 0 where there is none."""
        boxes, _ = yolo_decode(output, size, self.boxes)
        objects, _ = yolo_decode(targets, size, 1)
        iou = box_iou(boxes, objects).unflatten(0, (-1, self.boxes))  # (S * S, B, S * S)
        return iou.diagonal(dim1=0, dim2=2).T.unflatten(0, output.shape[:2])

    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (n, S * S * B, 4) px and scores (n, S * S * B, classes): confidence times the class's share."""
        found = []
        for output in self(images):
            boxes = output[..., : 5 * self.boxes].unflatten(2, (-1, 5))
            boxes = torch.cat([boxes[..., :4], boxes[..., 4:].clamp(0, 1)], 3).flatten(2)
            classes = output[..., 5 * self.boxes :].clamp(0, 1)  # two negatives make no object
            found.append(yolo_decode(torch.cat([boxes, classes], 2), images.shape[2:], self.boxes))
        boxes, scores = zip(*found, strict=True)
        return torch.stack(boxes), torch.stack(scores)

    def detect(self, images: Tensor, threshold=0.05, most=100, overlap=0.5) -> list[Detections]:
        found = zip(*ask(self, self.predict, images), strict=True)
        return [choose(*each, images.shape[2:], threshold, most, overlap) for each in found]
