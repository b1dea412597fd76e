"""SSD: anchors on maps of four sizes, and the hardest of the backgrounds."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..hooks import seeded
from ._one_stage import Coarser, ask, choose, convolution, total
from .anchoring import anchors, decode_boxes, encode_boxes, match_anchors
from .trunk import Detections, Detector, Trunk

SPREAD = (0.1, 0.1, 0.2, 0.2)  # of encoded boxes: divided by it, all four vary about as much


class SSD(Detector):
    """Fine maps find small objects, coarse maps large ones; softmax over the classes and, last, the background.

    forward: images (n, 3, h, w), sides multiples of 64 px -> logits (n, m, classes + 1), deltas (n, m, 4): one row for
    each of the m anchors, 1360 at 128 px. Maps of stride 8, 16, 32 and 64; an anchor's side is 1.5 strides (12 to
    96 px), at ratios 1/2, 1, 2, and a square between this and the next scale.
    Learned: cross-entropy of anchors that have an object and of three times as many backgrounds, those with the largest
    loss; smooth L1 of the boxes. An image without objects has no part in it. Errors: ValueError.
    Source: Liu et al. (2016), section 2. Differs: four maps where SSD300 has six; four anchors at each position, as
    three of the paper's six maps.
    """

    strides = (8, 16, 32, 64)
    stride = 64

    def __init__(self, classes: int = 16, pretrained: bool = True, seed: int = 0):
        super().__init__(classes)
        with seeded(seed):
            self.trunk, self.coarser = Trunk(pretrained, seed), Coarser(3)
            self.heads = nn.ModuleList(self._head(channels) for channels in (192, 96, 96, 96))

    def _head(self, channels):
        return nn.Sequential(convolution(channels, 96), nn.Conv2d(96, 4 * (self.classes + 5), 1))

    def anchors(self, size: tuple[int, int]) -> Tensor:
        """(m, 4) px, finest map first; then rows, columns, four shapes."""
        found = []
        for stride in self.strides:
            side = 1.5 * stride
            three = anchors(size, stride, (side,), (0.5, 1.0, 2.0)).view(-1, 3, 4)
            between = anchors(size, stride, (side * 2**0.5,), (1.0,)).view(-1, 1, 4)
            found.append(torch.cat([three, between], 1).flatten(0, 1))
        return torch.cat(found)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(images)
        maps = [features, *self.coarser(features)]
        outputs = [head(each).permute(0, 2, 3, 1) for head, each in zip(self.heads, maps, strict=True)]
        rows = [output.reshape(len(images), -1, self.classes + 5) for output in outputs]
        return torch.cat(rows, 1).split([self.classes + 1, 4], 2)

    def loss(self, images: Tensor, boxes: list, labels: list) -> dict[str, Tensor]:
        images = self.check_scenes(images, boxes, labels)
        at = self.anchors(images.shape[2:]).to(images)
        matches = [match_anchors(at, each, high=0.5, low=0.5) for each in boxes]
        outputs = zip(*self(images), matches, boxes, labels, strict=True)
        parts = [self._loss(*each, at) for each in outputs]
        return total(parts, sum(int((match >= 0).sum()) for match in matches))

    def _loss(self, logits, deltas, match, boxes, labels, at):
        found = match >= 0
        targets = torch.full_like(match, self.classes)  # the background
        targets[found] = labels[match[found]]
        cross_entropy = F.cross_entropy(logits, targets, reduction="none")
        counted = found | hard_negatives(cross_entropy.detach(), found)
        wanted = encode_boxes(boxes[match[found]], at[found]) / deltas.new_tensor(SPREAD)
        return {
            "class": cross_entropy[counted].sum(),
            "box": F.smooth_l1_loss(deltas[found], wanted, reduction="sum"),
        }

    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (n, m, 4) px and scores (n, m, classes), the probabilities without that of the background."""
        logits, deltas = self(images)
        at = self.anchors(images.shape[2:]).to(images)
        boxes = [decode_boxes(each * each.new_tensor(SPREAD), at) for each in deltas]
        return torch.stack(boxes), logits.softmax(2)[..., :-1]

    def detect(self, images: Tensor, threshold=0.05, most=100, overlap=0.45) -> list[Detections]:
        found = zip(*ask(self, self.predict, images), strict=True)
        return [choose(*each, images.shape[2:], threshold, most, overlap) for each in found]


def hard_negatives(losses: Tensor, found: Tensor, ratio: int = 3) -> Tensor:
    """Which backgrounds are learned from, bool (m,): those with the largest losses (m,), `ratio` for each found."""
    rest = losses.masked_fill(found, -1)  # a loss is never below 0
    count = min(ratio * int(found.sum()), int((~found).sum()))
    hard = torch.zeros_like(found)
    hard[rest.topk(count).indices] = True
    return hard
