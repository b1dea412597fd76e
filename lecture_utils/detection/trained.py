"""The detectors that were trained here, by name."""

import json
from importlib import import_module
from pathlib import Path

from .. import store
from ..checks import check_choice
from ..models import weights
from .trunk import Detector

DETECTORS = ("HOGSVM", "RCNN", "FastRCNN", "FasterRCNN", "YOLO", "SSD", "RetinaNet", "CenterNet", "DETR")


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
