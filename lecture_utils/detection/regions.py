"""What R-CNN, Fast R-CNN and Faster R-CNN share: regions are sampled, each gets a class and a box, and NMS ends it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_count, check_share, check_tensor
from .anchoring import decode_boxes, encode_boxes, match_anchors
from .boxes import batched_nms, check_boxes, clip_boxes
from .proposals import selective_search
from .trunk import Detections, check_list

SPREAD = (0.1, 0.1, 0.2, 0.2)  # offsets of a box are divided by these, so that a usual one is about 1


class RegionHead(nn.Module):
    """Features (k, ...) of k regions -> logits (k, classes + 1), the last one background; offsets (k, classes, 4).

    Source: Girshick (2015), figure 1. Differs: one hidden layer of `width` instead of two of 4096.
    """

    def __init__(self, inputs: int, classes: int, width: int = 128):
        super().__init__()
        self.hidden = nn.Linear(inputs, width)
        self.score, self.offset = nn.Linear(width, classes + 1), nn.Linear(width, 4 * classes)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.hidden(features.flatten(1)).relu()
        return self.score(hidden), self.offset(hidden).unflatten(1, (-1, 4))


def sample_regions(
    proposals: Tensor, boxes: Tensor, labels: Tensor, classes: int, count: int = 32, share: float = 0.25
) -> tuple[Tensor, Tensor, Tensor]:
    """Regions (k, 4) px of one image, k <= count, with what each shall become: labels (k,) and offsets (k, 4).

    Candidates are the proposals (p, 4) and the objects' own boxes (n, 4). From an IoU of .5 on a candidate is its
    object, otherwise background, label `classes`, with offsets 0; at most this share of count are objects. Drawn at
    random, objects first. Source: Girshick (2015), section 2.3.
    Differs: backgrounds have any IoU below .5, as in R-CNN, not only .1 to .5.
    """
    candidates = torch.cat([proposals, boxes])
    match = match_anchors(candidates, boxes, 0.5, 0.5)
    objects = some(match >= 0, int(count * share))
    chosen = torch.cat([objects, some(match < 0, count - len(objects))])
    wanted = torch.full((len(chosen),), classes, device=boxes.device)
    wanted[: len(objects)] = labels[match[objects]]
    offsets = boxes.new_zeros(len(chosen), 4)
    moves = encode_boxes(boxes[match[objects]], candidates[objects])
    offsets[: len(objects)] = moves / boxes.new_tensor(SPREAD)
    return candidates[chosen], wanted, offsets


def some(true: Tensor, count: int) -> Tensor:
    """Where `true` (n,) is, at most `count` indices, drawn at random."""
    where = true.nonzero()[:, 0]
    return where[torch.randperm(len(where), device=where.device)[:count]]


def region_loss(logits: Tensor, offsets: Tensor, labels: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """{"class": cross-entropy in nats, "box": smooth L1 of the offsets of the true class}, both a region.

    As `RegionHead` gives them, and as `sample_regions`. Background has no box. Source: Girshick (2015), equation 1.
    """
    of_class = F.cross_entropy(logits, labels, reduction="sum")
    objects = (labels < logits.shape[1] - 1).nonzero()[:, 0]
    of_box = F.smooth_l1_loss(offsets[objects, labels[objects]], wanted[objects], reduction="sum")
    return {"class": of_class / max(1, len(labels)), "box": of_box / max(1, len(labels))}


def region_detections(
    logits: Tensor,
    offsets: Tensor,
    regions: Tensor,
    size,
    threshold: float,
    most: int,
    overlap=0.3,
    first=400,
) -> Detections:
    """What `RegionHead` says of the regions (k, 4) px of one image of size (h, w): every class moves its own box.

    Scores are probabilities. Of those above the threshold the `first` best are left, then NMS at an IoU of `overlap`
    in each class, then the best `most`. Errors: ValueError.
    """
    check_share(threshold, "threshold"), check_count(most, "most"), check_share(overlap, "overlap")
    scores = check_tensor(logits.softmax(1)[:, :-1], "scores", (len(regions), "classes"), empty=True)
    region, labels = (scores > threshold).nonzero(as_tuple=True)
    best = scores[region, labels].argsort(descending=True, stable=True)[:first]
    region, labels = region[best], labels[best]
    moves = offsets[region, labels] * offsets.new_tensor(SPREAD)
    boxes, scores = clip_boxes(decode_boxes(moves, regions[region]), size), scores[region, labels]
    kept = batched_nms(boxes, scores, labels, overlap)[:most]
    return Detections(boxes[kept], scores[kept], labels[kept])


def images_of(regions: list) -> Tensor:
    """The number of the image (k,) of each region, image after image. regions: (k, 4) of each image."""
    counts = torch.tensor([len(each) for each in regions])
    return torch.arange(len(regions)).repeat_interleave(counts)


def proposals_of(images: Tensor, proposals: list | None) -> list[Tensor]:
    """Boxes (p, 4) px for each image, those given, or else those of `selective_search`. Errors: ValueError."""
    if proposals is None:
        return [selective_search(image[None]) for image in images]
    check_list(proposals, "proposals", len(images))
    return [check_boxes(each, "proposals", positive=True) for each in proposals]
