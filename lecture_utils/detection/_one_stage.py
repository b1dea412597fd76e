"""What the detectors without proposals share: how they are asked, coarser maps, and what is kept in the end."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..checks import check_count, check_share, check_tensor
from ..hooks import copy_to, frozen, in_batches
from .boxes import area, batched_nms, clip_boxes
from .trunk import Detections, Detector


def ask(net: Detector, function: Callable, images: Tensor) -> tuple:
    """function(images), a tuple of tensors (n, ...), in eval mode and without gradients; the net stays as it was."""
    images = net.checked(images)
    with frozen(net), torch.no_grad():
        return in_batches(lambda some: function(copy_to(net, some)), images, size=16)


def choose(
    boxes: Tensor, scores: Tensor, size: tuple, threshold: float, most: int, overlap: float, first: int = 400
) -> Detections:
    """`Detections` of one image: each box with each class of which it is sure enough, less what NMS takes away.

    boxes: (n, 4) px, cut off at the image of size (h, w); scores: (n, classes). threshold: a score must be above it.
    most: so many stay. overlap: IoU above which NMS, in each class by itself, drops the lower score. Only the `first`
    best reach NMS. Errors: ValueError.
    """
    check_share(threshold, "threshold"), check_count(most, "most"), check_share(overlap, "overlap")
    check_tensor(scores, "scores", (len(boxes), "classes"), empty=True)  # NaN, above no threshold, would hide
    boxes = clip_boxes(boxes, size)
    box, label = ((scores > threshold) & (area(boxes) > 0)[:, None]).nonzero(as_tuple=True)
    order = scores[box, label].argsort(descending=True, stable=True)[:first]
    box, label = box[order], label[order]
    kept = batched_nms(boxes[box], scores[box, label], label, overlap)[:most]
    return Detections(boxes[box[kept]], scores[box[kept], label[kept]], label[kept])


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3 x 3, its normalisation (of each image by itself: a batch of 16 scenes is small) and its ReLU."""
    layer = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return nn.Sequential(layer, nn.GroupNorm(8, outputs), nn.ReLU())


class Coarser(nn.Module):
    """Maps of half the size, again and again: features (n, 192, h, w) -> [(n, width, h / 2, w / 2), ...]."""

    def __init__(self, count: int, width: int = 96):
        super().__init__()
        self.layers = nn.ModuleList(convolution(192 if n == 0 else width, width, 2) for n in range(count))

    def forward(self, features: Tensor) -> list[Tensor]:
        maps = []
        for layer in self.layers:
            features = layer(features)
            maps.append(features)
        return maps


def total(parts: list[dict], count: int) -> dict[str, Tensor]:
    """The sum of each part over the images, divided by `count` (or by 1, if it is 0)."""
    return {name: torch.stack([part[name] for part in parts]).sum() / max(count, 1) for name in parts[0]}
