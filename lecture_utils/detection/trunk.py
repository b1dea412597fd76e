"""What all detectors share: the trunk of `gap`, how a detector is asked and answers, and the trained ones by name."""

import json
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from .. import store
from ..checks import check_choice, check_images
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
    pretrained: start from the shipped classifier, otherwise untrained.
    """

    channels = {4: 32, 8: 192}

    def __init__(self, pretrained: bool = True, seed: int = 0):
        super().__init__()
        net = weights.load("gap") if pretrained else weights.build("gap", seed=seed)
        names = [name for name, _ in net.named_children()]
        layers = list(net.children())[: names.index("pool")]
        cut = names.index("pool1") + 1
        self.early, self.late = nn.Sequential(*layers[:cut]), nn.Sequential(*layers[cut:])
        self.register_buffer("mean", net.mean), self.register_buffer("std", net.std)

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

    def __init__(self, classes: int = 16):
        super().__init__()
        self.classes = classes

    def loss(self, images, boxes, labels) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def detect(self, images, threshold: float = 0.05, most: int = 100) -> list[Detections]:
        raise NotImplementedError


def check_scenes(
    images: torch.Tensor, boxes: list, labels: list, classes: int, stride: int = 1
) -> tuple[int, int]:
    """(h, w) of images (n, 3, h, w) that have boxes (k, 4) px and labels (k,) each. Errors: ValueError."""
    size = check_sides(images, stride)
    for name, each in (("boxes", boxes), ("labels", labels)):
        if not isinstance(each, list | tuple) or len(each) != len(images):
            what = len(each) if isinstance(each, list | tuple) else type(each).__name__
            raise ValueError(
                f"{name}: expected a list with one tensor for each of {len(images)} images, got {what}"
            )
    for some, of in zip(boxes, labels, strict=True):
        check_boxes(some, "boxes", positive=True), check_labels(of, "labels", some, classes)
    return size


def check_sides(images: torch.Tensor, stride: int) -> tuple[int, int]:
    """(h, w) of images in [0, 1], both multiples of the coarsest stride. Errors: ValueError."""
    height, width = check_images(images, range01=True, channels=3).shape[2:]
    if height % stride or width % stride:
        raise ValueError(f"images: expected sides that are multiples of {stride} px, got {height} x {width}")
    return height, width


def build_detector(name: str, pretrained: bool = True, seed: int = 0, **options) -> Detector:
    """A detector that has learned nothing yet, in eval mode. name: one of DETECTORS. Errors: UnknownName (a KeyError).

    pretrained: its trunk is that of `gap`, otherwise untrained (without meaning for HOGSVM). options: of its class.
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
    net = build_detector(name, pretrained=False, **json.loads(text)["recipe"]["options"])
    net.load_state_dict(weights.tensors(stem, folder))
    return net


def detector_tag(name: str, variant: str = "", seed: int = 0) -> str:
    """The stem of a training's files: "detector-retinanet-fpn-false-seed1"."""
    return weights.tag(f"detector-{name.lower()}", seed, variant)
