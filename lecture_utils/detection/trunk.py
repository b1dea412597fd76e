"""What all detectors share: the trunk, how a detector is asked and answers, and the trained ones by name."""

import json
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from .. import store
from ..checks import check_choice, check_count, check_images
from ..models import weights
from .boxes import check_boxes, check_labels

DETECTORS = ("HOGSVM", "RCNN", "FastRCNN", "FasterRCNN", "YOLO", "SSD", "RetinaNet", "CenterNet", "DETR")


class Detections(NamedTuple):
    """What was found in one image, the surest first: boxes (n, 4) in px, scores (n,) in [0, 1], labels (n,)."""

    boxes: torch.Tensor
    scores: torch.Tensor
    labels: torch.Tensor


class Trunk(nn.Module):
    """The convolutions of `gap`, conv1 to relu5: images (n, 3, h, w) -> features (n, 192, h / 8, w / 8).

    `levels(images)` gives {4: (n, 32, h / 4, w / 4), 8: (n, 192, h / 8, w / 8)}, by stride.
    pretrained: as it was trained on the scenes for detectors, before any of them; it stays so, whatever learns behind
    it. "gap": as the classifier has it; False: untrained. Both of these learn along.
    """

    channels = {4: 32, 8: 192}

    def __init__(self, pretrained: bool | str = True, seed: int = 0):
        super().__init__()
        net = weights.load("gap") if pretrained == "gap" else weights.build("gap", seed=seed)
        names = [name for name, _ in net.named_children()]
        layers = list(net.children())[: names.index("pool")]
        cut = names.index("pool1") + 1
        self.early, self.late = nn.Sequential(*layers[:cut]), nn.Sequential(*layers[cut:])
        self.register_buffer("mean", net.mean), self.register_buffer("std", net.std)
        self.fixed = pretrained is True
        if self.fixed:
            self.load_state_dict(weights.tensors("detection-trunk"))
            self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Trunk":
        return super().train(mode and not self.fixed)

    def levels(self, images: torch.Tensor) -> dict[int, torch.Tensor]:
        early = self.early((images - self.mean) / self.std)
        return {4: early, 8: self.late(early)}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.levels(images)[8]


class Detector(nn.Module):
    """A detector of `classes` classes. Each kind says what it learns from and how it answers.

    loss(images, boxes, labels): images (n, 3, h, w) in [0, 1]; lists with boxes (k, 4) in px and LongTensor labels (k,)
    of each image, k may be 0 -> {name of a part: scalar tensor}; what is minimised is their sum.
    detect(images, threshold=.05, most=100): a list of `Detections`, one an image, in eval mode and without gradients.
    Where NMS ends it, overlap: the IoU above which a box goes; 1 keeps all.
    """

    stride = 1  # px: the sides of images are multiples of it

    def __init__(self, classes: int = 16):
        super().__init__()
        self.classes = check_count(classes, "classes")

    def checked(self, images) -> torch.Tensor:
        """Images in [0, 1], at least 3 px a side, of the net's dtype and stride. Errors: ValueError."""
        dtype = next(value.dtype for value in self.state_dict().values() if value.is_floating_point())
        images = check_images(images, dtype=dtype, range01=True, channels=3)
        height, width = images.shape[2:]
        if height % self.stride or width % self.stride or min(height, width) < 3:
            wanted = f"multiples of {self.stride} px, at least 3"
            raise ValueError(f"images: expected sides that are {wanted}, got {height} x {width}")
        return images

    def check_scenes(self, images, boxes, labels) -> torch.Tensor:
        """Images as `loss` takes them, when boxes and labels fit them as well. Errors: ValueError."""
        images = self.checked(images)
        check_list(boxes, "boxes", len(images)), check_list(labels, "labels", len(images))
        for some, of in zip(boxes, labels, strict=True):
            check_boxes(some, "boxes", positive=True), check_labels(of, "labels", some, self.classes)
        return images

    def loss(self, images, boxes, labels) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def detect(self, images, threshold: float = 0.05, most: int = 100) -> list[Detections]:
        raise NotImplementedError


def check_list(tensors: list, name: str, count: int) -> None:
    """One tensor for each of so many images. Errors: ValueError."""
    if not isinstance(tensors, list | tuple) or len(tensors) != count:
        what = len(tensors) if isinstance(tensors, list | tuple) else type(tensors).__name__
        raise ValueError(f"{name}: expected a list with one tensor for each of {count} images, got {what}")


def build_detector(name: str, pretrained: bool = True, seed: int = 0, **options) -> Detector:
    """A detector that has learned nothing yet, in eval mode. name: one of DETECTORS. Errors: UnknownName (a KeyError).

    pretrained: of its trunk, see `Trunk` (without meaning for HOGSVM). options: of its class.
    """
    if check_choice(name, DETECTORS, "detector name") != "HOGSVM":
        options |= {"pretrained": pretrained, "seed": seed}
    return getattr(import_module(__package__), name)(**options).eval()


def load_detector(name: str, variant: str = "", seed: int = 0, folder: Path | None = None) -> Detector:
    """A trained detector in eval mode. variant: of a training with options, such as "fpn-false".

    folder: where weights and card of another training lie. Errors: UnknownName (a KeyError); store.DamagedData;
    FileNotFoundError in a folder.
    """
    stem = detector_tag(check_choice(name, DETECTORS, "detector name"), variant, seed)
    file = f"{stem}.json"
    text = store.read_verified(f"weights/{file}") if folder is None else (folder / file).read_bytes()
    net = build_detector(name, **json.loads(text)["recipe"]["options"])
    trunk = {name: tensor for name, tensor in net.state_dict().items() if name.startswith("trunk.")}
    net.load_state_dict(
        trunk | weights.tensors(stem, folder)
    )  # the trunk is one for all, in a file of its own
    return net


def detector_tag(name: str, variant: str = "", seed: int = 0) -> str:
    """The stem of a training's files: "detector-retinanet-fpn-false-seed1"."""
    return weights.tag(f"detector-{name.lower()}", seed, variant)
