"""Trained detectors, what they find in the gallery, and detections that need no detector."""

import json
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import torch

from lecture_utils import store
from lecture_utils.detection import Detections, load_detector
from lecture_utils.detection.trunk import DETECTORS
from lecture_utils.progress import progress

from ..files import write_array
from ..train.detection_scenes import fingerprint
from ..train.detectors import SEARCHED, searched, variant


def trained(more: Path | None = None) -> dict[str, dict]:
    """{name: card} of the detectors that ship, in the order of DETECTORS: "RetinaNet", "RetinaNet seed 1", "RetinaNet
    fpn-false", "RetinaNet fpn-false seed 1".

    more: a folder with weights and cards of trainings that do not ship; their cards say so as "folder".
    """
    names = [name for name in store.manifest() if fnmatch(name, "weights/detector-*.json")]
    cards = [json.loads(store.read_verified(name)) for name in names]
    there = {Path(name).name for name in names}
    for path in more.glob("detector-*.json") if more else ():
        if path.name not in there:
            cards.append(json.loads(path.read_text()) | {"folder": more})
    cards.sort(
        key=lambda card: (DETECTORS.index(card["net"]), variant(card["recipe"]), card["recipe"]["seed"])
    )
    return {
        " ".join(filter(None, (card["net"], variant(card["recipe"]), seed(card)))): card for card in cards
    }


def seed(card: dict) -> str:
    """ "seed 1", or nothing for the usual one."""
    return f"seed {card['recipe']['seed']}" if card["recipe"]["seed"] else ""


def loaded(card: dict):
    """The detector of a card."""
    return load_detector(card["net"], variant(card["recipe"]), card["recipe"]["seed"], card.get("folder"))


def proposals(images) -> list[torch.Tensor]:
    """Selective search of the gallery's images (n, 3, h, w), from the cache: boxes (p, 4) px of each."""
    pixels = (images * 255).round().byte().numpy()
    found = searched(pixels, store.cache_dir() / "proposals" / fingerprint() / "detection")
    return [torch.from_numpy(boxes) for boxes in found]


def detections(card: dict, images, regions: list | None) -> list[Detections]:
    """What a detector finds in images, as it answers unless asked otherwise; from the cache, or into it.

    regions: proposals for those that are handed them. In the cache: rows of image, x0, y0, x1, y1, score, label.
    """
    trunk = json.loads(store.read_verified("weights/detection-trunk.json"))["weights"]["sha256"]
    name = f"{trunk[:8]}-{card['weights']['sha256'][:16]}.npy"
    path = store.cache_dir() / "detections" / fingerprint() / name
    if not path.exists():
        net, rows = loaded(card), []
        for n in progress(range(len(images)), f"{card['net']}, scenes"):
            more = {"proposals": regions[n : n + 1]} if card["net"] in SEARCHED else {}
            boxes, scores, labels = net.detect(images[n : n + 1], **more)[0]
            index = torch.full((len(boxes), 1), float(n))
            rows.append(torch.cat([index, boxes, scores[:, None], labels[:, None].float()], 1))
        write_array(path, torch.cat(rows).numpy())
    rows = torch.from_numpy(np.load(path))
    each = [rows[rows[:, 0] == n] for n in range(len(images))]
    return [Detections(some[:, 1:5], some[:, 5], some[:, 6].long()) for some in each]


def references(crowds) -> dict[str, list[Detections]]:
    """Baselines and upper bounds that need no training, all made from the answer key: detections of each image."""
    draws, sizes = torch.Generator().manual_seed(14), torch.tensor([len(own) for own in crowds.labels])
    every, boxes = torch.cat(crowds.labels), torch.cat(crowds.boxes)
    usual, mean = every.bincount().argmax(), boxes.mean(0, keepdim=True)
    shuffled = every[torch.randperm(len(every), generator=draws)].split(sizes.tolist())
    lots = [torch.randint(len(every), (100,), generator=draws) for _ in crowds.labels]
    ones = [torch.ones(len(own)) for own in crowds.labels]
    triples = {
        "answer key": (crowds.boxes, ones, crowds.labels),
        "answer key, amodal boxes": (crowds.amodal, ones, crowds.labels),
        "true boxes, classes shuffled": (crowds.boxes, ones, shuffled),
        "100 boxes of other images": (
            [boxes[some] for some in lots],
            [torch.rand(100, generator=draws) for _ in lots],
            [every[some] for some in lots],
        ),
        "most frequent class, mean box": (
            [mean] * len(ones),
            [one[:1] for one in ones],
            [usual[None]] * len(ones),
        ),
    }
    return {name: [Detections(*each) for each in zip(*some, strict=True)] for name, some in triples.items()}
