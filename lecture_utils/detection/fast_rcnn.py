"""Fast R-CNN: the net sees the image once, and each region is cut out of its features."""

import torch
from torch import Tensor

from ..checks import check_count
from ..hooks import frozen, seeded
from .pooling import roi_align, roi_pool
from .regions import RegionHead, images_of, proposals_of, region_detections, region_loss, sample_regions
from .trunk import Detections, Detector, Trunk

STRIDE = 8  # px of the image for one position of the features


class FastRCNN(Detector):
    """Proposals, one feature map of the image, bins x bins features of each region, a class and a box for each, NMS.

    align: RoI align; False is RoI pooling, as in the paper. count: regions of one image that a step learns from.
    proposals (of both methods): boxes (p, 4) px of each image; None searches them, which takes long.

    Source: Girshick (2015), sections 2 and 3. Differs: RoI align unless asked otherwise; 4 x 4 bins instead of 7 x 7;
    batches of 16 images with 32 regions each instead of 2 with 64; one hidden layer.
    """

    def __init__(
        self,
        classes: int = 16,
        pretrained: bool = True,
        seed: int = 0,
        align: bool = True,
        bins: int = 4,
        count: int = 32,
    ):
        super().__init__(classes)
        self.align, self.bins, self.count = align, check_count(bins, "bins"), check_count(count, "count")
        self.trunk = Trunk(pretrained, seed)
        with seeded(seed):
            self.head = RegionHead(192 * bins * bins, classes)

    def pooled(self, features: Tensor, regions: list) -> Tensor:
        """Features (k, 192, bins, bins) of all regions, image after image."""
        pool = roi_align if self.align else roi_pool
        return pool(features, torch.cat(regions), images_of(regions), self.bins, stride=STRIDE)

    def region_loss(self, features, proposals, boxes, labels) -> dict[str, Tensor]:
        """What the head loses on regions sampled from the proposals of each image."""
        scenes = zip(proposals, boxes, labels, strict=True)
        sampled = [sample_regions(*scene, self.classes, self.count) for scene in scenes]
        regions, wanted, offsets = zip(*sampled, strict=True)
        answer = self.head(self.pooled(features, regions))
        return region_loss(*answer, torch.cat(wanted), torch.cat(offsets))

    def region_detections(self, features, proposals, size, threshold, most, overlap) -> list[Detections]:
        """What the head finds in the proposals of each image of size (h, w)."""
        logits, offsets = self.head(self.pooled(features, proposals))
        counts = [len(regions) for regions in proposals]
        each = zip(logits.split(counts), offsets.split(counts), proposals, strict=True)
        return [region_detections(*answer, size, threshold, most, overlap) for answer in each]

    def loss(self, images, boxes, labels, proposals=None) -> dict[str, Tensor]:
        images = self.check_scenes(images, boxes, labels)
        proposals = proposals_of(images, proposals)
        return self.region_loss(self.trunk(images), proposals, boxes, labels)

    def detect(self, images, threshold=0.05, most=100, proposals=None, overlap=0.3) -> list[Detections]:
        images = self.checked(images)
        with frozen(self), torch.no_grad():
            proposals = proposals_of(images, proposals)
            size, features = images.shape[2:], self.trunk(images)
            return self.region_detections(features, proposals, size, threshold, most, overlap)
