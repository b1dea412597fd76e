"""HOG and a linear SVM for each class, slid over a pyramid of images: detection before features were learned."""

import torch
from sklearn.svm import LinearSVC
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_count, check_seed, check_share
from ..hooks import frozen
from ..progress import progress
from .boxes import batched_nms, box_iou, clip_boxes
from .histograms import hog
from .pooling import roi_align
from .trunk import Detections, Detector

CELL, CELLS = 4, 6  # px of a cell at every level; sqrt of the number of cells that an object fills
MARGIN, MOST = 1, 12  # cells around an object in its window; cells on a window's longest side
LEVELS = [3 * 2 ** (-k / 3) for k in range(11)]  # enlargements: at the first objects have 8 px, then up to 80


class HOGSVM(Detector):
    """A window of HOG cells for each class; its SVM's weights are a filter, so sliding it is a convolution. Then NMS.

    It learns by `fit`, not by steps down a loss. Scores are sigmoid(margin of the SVM): not probabilities.

    Source: Dalal, Triggs (2005). Differs: many classes, each with a window as wide and high as its mean object; cells
    of 4 px; false positives count as such after NMS and below an IoU of .3; objects and others weigh the same, C = 1.
    """

    def __init__(self, classes: int = 16):
        super().__init__(classes)
        self.register_buffer("shape", torch.full((classes, 2), CELLS + 2 * MARGIN))  # rows, columns in cells
        self.register_buffer("weight", torch.zeros(classes, 36, MOST - 1, MOST - 1))  # 36: a block's values
        self.register_buffer("bias", torch.full((classes,), -20.0))  # without examples: never found

    @torch.no_grad()
    def fit(self, images, boxes, labels, negatives: int = 4, mined: int = 400, seed: int = 0) -> "HOGSVM":
        """Learn from scenes as `loss` takes them: objects against windows at random, then against false positives too.

        negatives: windows at random in an image for each class. mined: these, and the false positives, come from so
        many images, the first ones. Errors: ValueError.
        """
        images = self.check_scenes(images, boxes, labels)
        check_count(negatives, "negatives"), check_count(mined, "mined")
        draws = torch.Generator().manual_seed(check_seed(seed))
        scenes = list(zip(boxes, labels, strict=True))
        own = {
            label: [b[named == label] for b, named in scenes] for label in torch.cat(labels).unique().tolist()
        }
        other = {}
        for label in progress(own, "a window for each class"):
            self.shape[label] = _window(torch.cat(own[label]))
            other[label] = [self._at_random(b, label, images, negatives, draws) for b in own[label][:mined]]
            self._separate(label, images, own[label], other[label])
        shown = progress(images[:mined], "windows, and what is taken for an object")
        found = [self._thinned(self.windows(image[None], 0.27), 200) for image in shown]  # a margin of -1
        for label in progress(own, "against what was taken for each class"):
            of_class = [each.boxes[each.labels == label] for each in found]
            false = [_apart(b, objects) for b, objects in zip(of_class, own[label][:mined], strict=True)]
            more = [torch.cat(pair) for pair in zip(other[label], false, strict=True)]
            self._separate(label, images, own[label], more)
        return self

    def windows(self, image: Tensor, threshold: float = 0.05) -> Detections:
        """All windows of one image (1, 3, h, w) with a score above the threshold, in no order, before NMS."""
        check_share(threshold, "threshold")
        rows, columns = self.shape.amax(0).tolist()
        weight, found = self.weight[:, :, : rows - 1, : columns - 1], []
        for level in LEVELS:
            size = [round(side * level) for side in image.shape[2:]]
            small = F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)
            outside = [CELL, CELL * columns, CELL, CELL * rows]  # windows reach so far
            small = F.pad(small, outside, mode="replicate")
            blocks = hog(small, cell=CELL).flatten(3).permute(0, 3, 1, 2)  # (1, 36, rows, columns)
            scores = F.conv2d(blocks, weight, self.bias)[0].sigmoid()
            label, y, x = (scores > threshold).nonzero(as_tuple=True)
            corner = torch.stack([x, y], 1) + (MARGIN - 1)  # the first cell lies outside the image
            inner = (self.shape[label] - 2 * MARGIN).flip(1)
            boxes = clip_boxes(torch.cat([corner, corner + inner], 1) * (CELL / level), image.shape[2:])
            solid = (boxes[:, 2:] > boxes[:, :2]).all(1)
            found.append((boxes[solid], scores[label, y, x][solid], label[solid]))
        return Detections(*(torch.cat(each) for each in zip(*found, strict=True)))

    def detect(self, images, threshold=0.05, most=100, overlap=0.3) -> list[Detections]:
        images = self.checked(images)
        with frozen(self), torch.no_grad():
            return [self._thinned(self.windows(image[None], threshold), most, overlap) for image in images]

    def _thinned(self, found, most, overlap=0.3):
        check_share(overlap, "overlap")
        best = found.scores.argsort(descending=True)[: 20 * check_count(most, "most")]
        boxes, scores, labels = (each[best] for each in found)
        kept = batched_nms(boxes, scores, labels, overlap)[:most]
        return Detections(boxes[kept], scores[kept], labels[kept])

    def _separate(self, label, images, own, other):
        """The SVM of one class: its objects' boxes in each image against other boxes."""
        of_objects, of_others = self._features(label, images, own), self._features(label, images, other)
        values = torch.cat([of_objects, of_others]).flatten(1).double().numpy()
        kinds = [1] * len(of_objects) + [0] * len(of_others)
        svm = LinearSVC(C=1.0, class_weight="balanced", dual="auto", random_state=0, max_iter=10_000)
        svm.fit(values, kinds)
        rows, columns = (self.shape[label] - 1).tolist()
        self.weight[label] = 0
        self.weight[label, :, :rows, :columns] = (
            torch.tensor(svm.coef_).view(rows, columns, 36).permute(2, 0, 1)
        )
        self.bias[label] = float(svm.intercept_[0])

    def _features(self, label, images, boxes):
        """HOG (k, rows, columns, 36) of boxes of each image, each with its margin warped to the window of a class."""
        shape, crops = self.shape[label], []
        side, grow = (shape * CELL).tolist(), (shape / (shape - 2 * MARGIN)).flip(0)
        pad = max(images.shape[2:]) // 2
        for image, some in zip(images, boxes, strict=False):
            if not len(some):
                continue
            low, high = some.split(2, dim=1)
            centre, half = (low + high) / 2 + pad, (high - low) / 2 * grow
            around = torch.cat([centre - half, centre + half], 1)
            wide = F.pad(image[None], [pad] * 4, mode="replicate")
            crops.append(
                roi_align(wide, around, torch.zeros(len(some)).long(), side, stride=1, sampling_ratio=0)
            )
        return hog(torch.cat(crops), cell=CELL).flatten(3)

    def _at_random(self, own, label, images, count, draws):
        """Boxes of the class's shape in one image, at random, that overlap no object of the class."""
        height, width = images.shape[2:]
        unit = (self.shape[label] - 2 * MARGIN).flip(0) / CELLS  # width, height of a box of area 1
        size = 8 * 10 ** torch.rand(count, 1, generator=draws) * unit
        low = torch.rand(count, 2, generator=draws) * (torch.tensor([width, height]) - size).clamp(min=0)
        return _apart(clip_boxes(torch.cat([low, low + size], 1), (height, width)), own)


def _window(boxes):
    """Rows and columns, in cells, of the window for a class with these boxes (n, 4)."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    root = (height / width).log().mean().div(2).exp()  # sqrt(h / w)
    inner = (CELLS * torch.stack([root, 1 / root])).round().clamp(max=MOST - 2 * MARGIN)
    return inner.clamp(min=2).long() + 2 * MARGIN


def _apart(boxes, objects, most=0.3):
    """Those of the boxes (n, 4) whose IoU with every object is below `most`."""
    return boxes[(box_iou(boxes, objects) < most).all(1)]
