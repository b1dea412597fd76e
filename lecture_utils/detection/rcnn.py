"""R-CNN: every region is cut out, warped to one size, and shown to the net."""

import torch
from torch import Tensor, nn

from ..checks import check_count
from ..hooks import frozen, seeded
from .pooling import roi_align
from .regions import RegionHead, images_of, proposals_of, region_detections, region_loss, sample_regions
from .trunk import Detections, Detector, Trunk


class RCNN(Detector):
    """Proposals, a crop of each with some context, the trunk on every crop, a class and a box for each, NMS.

    side: px of a crop. context: px of it, on each side, that lie around the region. count: regions of one image that a
    step learns from. proposals (of both methods): boxes (p, 4) px of each image; None searches them, which takes long.

    Source: Girshick, Donahue, Darrell, Malik (2014), section 2 and appendix A.
    Differs: crops of 64 px with 4 px of context instead of 227 with 16; a softmax with background instead of an SVM for
    each class, and the regressor beside it on the same features: all learn in one go, not in three stages.
    """

    def __init__(
        self,
        classes: int = 16,
        pretrained: bool = True,
        seed: int = 0,
        side: int = 64,
        context: int = 4,
        count: int = 8,
    ):
        super().__init__(classes)
        self.context, self.side = (
            check_count(context, "context", 0),
            check_count(side, "side", 2 * context + 8),
        )
        self.count = check_count(count, "count")
        self.trunk, self.pool = Trunk(pretrained, seed), nn.AdaptiveMaxPool2d(4)
        with seeded(seed):
            self.head = RegionHead(192 * 4 * 4, classes)

    def crops(self, images: Tensor, regions: list) -> Tensor:
        """Each region of each image, warped: (k, 3, side, side). What lies outside an image has the mean colour."""
        low, high = torch.cat(regions).split(2, dim=1)
        centre, half = (low + high) / 2, (high - low) / 2 * self.side / (self.side - 2 * self.context)
        around, mean = torch.cat([centre - half, centre + half], 1), self.trunk.mean
        return roi_align(images - mean, around, images_of(regions), self.side, 1, sampling_ratio=0) + mean

    def forward(self, images: Tensor, regions: list) -> tuple[Tensor, Tensor]:
        """Logits (k, classes + 1) and offsets (k, classes, 4) of all regions, image after image."""
        return self.head(self.pool(self.trunk(self.crops(images, regions))))

    def loss(self, images, boxes, labels, proposals=None) -> dict[str, Tensor]:
        images = self.check_scenes(images, boxes, labels)
        proposals = proposals_of(images, proposals)
        sampled = [
            sample_regions(*each, self.classes, self.count)
            for each in zip(proposals, boxes, labels, strict=True)
        ]
        regions, wanted, offsets = zip(*sampled, strict=True)
        return region_loss(*self(images, regions), torch.cat(wanted), torch.cat(offsets))

    def detect(self, images, threshold=0.05, most=100, proposals=None, overlap=0.3) -> list[Detections]:
        images = self.checked(images)
        found = []
        with frozen(self), torch.no_grad():
            for image, regions in zip(images, proposals_of(images, proposals), strict=True):
                answer = self(image[None], [regions])
                found.append(region_detections(*answer, regions, image.shape[1:], threshold, most, overlap))
        return found
