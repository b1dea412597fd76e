"""Faster R-CNN: the net proposes the regions itself, from the features that it has anyway."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..hooks import frozen, seeded
from .anchoring import BACKGROUND, anchors, decode_boxes, encode_boxes, match_anchors
from .boxes import clip_boxes, nms
from .fast_rcnn import STRIDE, FastRCNN
from .regions import SPREAD, some
from .trunk import Detections

SCALES, RATIOS = (12, 25, 52), (0.5, 1.0, 2.0)  # px: middles of thirds of 8 to 76 px, on a log scale
SAMPLED = 64  # anchors of an image to learn from
LEARNING, ASKED = (400, 200), (100, 40)  # proposals of an image before NMS and after it


class RPN(nn.Module):
    """Region proposal network: features (n, c, h, w) -> scores (n, a, 2), offsets (n, a, 4) of a = h w k anchors.

    One 3 x 3 convolution, then 2 k scores (background, object) and 4 k offsets at each position, in the order of
    `anchors`. Source: Ren et al. (2015), section 3.1.
    """

    def __init__(self, channels: int, k: int = 9, width: int = 128):
        super().__init__()
        self.hidden = nn.Conv2d(channels, width, 3, padding=1)
        self.score, self.offset = nn.Conv2d(width, 2 * k, 1), nn.Conv2d(width, 4 * k, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.hidden(features).relu()
        scores, offsets = (layer(hidden).permute(0, 2, 3, 1) for layer in (self.score, self.offset))
        return scores.reshape(len(features), -1, 2), offsets.reshape(len(features), -1, 4)


class FasterRCNN(FastRCNN):
    """A region proposal network on the features of the trunk; its proposals go to Fast R-CNN's head.

    Source: Ren, He, Girshick, Sun (2015), section 3. Differs: both learn at once, in one step, not in turns; strides of
    8 px, anchors of 12, 25 and 52 px; 64 anchors of each image instead of 256; 200 proposals to learn from and 40 to
    answer with, instead of 2000 and 300.
    """

    def __init__(self, classes: int = 16, pretrained: bool = True, seed: int = 0, align: bool = True):
        super().__init__(classes, pretrained, seed, align)
        with seeded(seed):
            self.rpn = RPN(192, len(SCALES) * len(RATIOS))

    def proposals(self, images: Tensor) -> list[Tensor]:
        """Boxes (p, 4) px of each image, the surest first. Errors: ValueError."""
        images = self.checked(images)
        with frozen(self), torch.no_grad():
            return self._proposed(*self.rpn(self.trunk(images)), images.shape[2:], *ASKED)[0]

    def loss(self, images, boxes, labels) -> dict[str, Tensor]:
        images = self.check_scenes(images, boxes, labels)
        features = self.trunk(images)
        scores, offsets = self.rpn(features)
        proposals, around = self._proposed(scores.detach(), offsets.detach(), images.shape[2:], *LEARNING)
        parts = [
            rpn_loss(*each, around, images.shape[2:]) for each in zip(scores, offsets, boxes, strict=True)
        ]
        proposing = {f"rpn {part}": torch.stack([each[part] for each in parts]).mean() for part in parts[0]}
        return proposing | self.region_loss(features, proposals, boxes, labels)

    def detect(self, images, threshold=0.05, most=100, overlap=0.3) -> list[Detections]:
        images = self.checked(images)
        with frozen(self), torch.no_grad():
            features = self.trunk(images)
            size = images.shape[2:]
            proposals, _ = self._proposed(*self.rpn(features), size, *ASKED)
            return self.region_detections(features, proposals, size, threshold, most, overlap)

    def _proposed(self, scores, offsets, size, before, after):
        """Proposals of each image, and the anchors (a, 4): the surest move, are clipped, and NMS at .7 thins them."""
        around, found = anchors(size, STRIDE, SCALES, RATIOS).to(scores), []
        for score, offset in zip(scores.softmax(2)[..., 1], offsets, strict=True):
            best = score.topk(min(before, len(score))).indices
            boxes = clip_boxes(decode_boxes(offset[best] * offset.new_tensor(SPREAD), around[best]), size)
            solid = ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(1)
            boxes, best = boxes[solid], best[solid]
            found.append(boxes[nms(boxes, score[best], 0.7)[:after]])
        return found, around


def rpn_loss(
    scores: Tensor, offsets: Tensor, boxes: Tensor, around: Tensor, size: tuple
) -> dict[str, Tensor]:
    """{"class", "box"} of one image: scores (a, 2), offsets (a, 4), objects (n, 4) px, anchors (a, 4) px.

    Of the anchors that lie inside the image, SAMPLED are drawn, at most half of them objects (IoU from .7 on, or the
    best of an object), the others background (below .3). Both are means over what is drawn.
    Source: Ren et al. (2015), section 3.1.2 and equation 1. Differs: both parts weigh the same (there 10 / 2400 of
    an anchor's position, which is about the same).
    """
    inside = (clip_boxes(around, size) == around).all(1).nonzero()[:, 0]
    match = match_anchors(around[inside], boxes, 0.7, 0.3)
    objects = some(match >= 0, SAMPLED // 2)
    background = some(match == BACKGROUND, SAMPLED - len(objects))
    drawn = inside[torch.cat([objects, background])]
    kinds = (torch.arange(len(drawn), device=scores.device) < len(objects)).long()
    of_class = F.cross_entropy(scores[drawn], kinds, reduction="sum")
    wanted = encode_boxes(boxes[match[objects]], around[inside[objects]]) / boxes.new_tensor(SPREAD)
    of_box = F.smooth_l1_loss(offsets[inside[objects]], wanted, reduction="sum")
    return {"class": of_class / max(1, len(drawn)), "box": of_box / max(1, len(drawn))}
