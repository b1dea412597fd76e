"""`open_lab()`: a net, pictures to try it on, and the answer key."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from csv import DictReader
from dataclasses import dataclass
from functools import cached_property
from io import StringIO

import numpy as np
import torch

from . import nets, store
from .checks import check_images, check_targets, near_miss
from .hooks import eval_mode
from .world import CLASSES, gallery
from .world.splits import split_scene

KINDS = ("toyworld",)


class Scenes(Sequence):
    """The scenes of a split, made again from their seeds when asked for: `scenes[3]`, `scenes[:10]`."""

    def __init__(self, split: str, indices: list[int]):
        self.split, self.indices = split, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Scenes(self.split, self.indices[index])
        return split_scene(self.split, self.indices[int(index)])


@dataclass(frozen=True)
class Gallery:
    """Pictures with their answer key, on the CPU.

    images: float32 (n, 3, 112, 112) in [0, 1]. labels: LongTensor (n,), of pairs (n, 2).
    objects, parts: masks uint8 (n, 112, 112), 0 = background; objects count from 1, a part is 1 + its
    index in CLASSES[...].parts of its object's class.
    scenes: what was rendered. table: each picture's row of scenes.csv, a dict of texts. files: their names.
    """

    images: torch.Tensor
    labels: torch.Tensor
    objects: torch.Tensor
    parts: torch.Tensor
    scenes: Scenes
    table: list[dict[str, str]]
    files: list[str]

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"Gallery of {len(self)} pictures ({self.scenes.split})"


@dataclass(frozen=True, eq=False)
class Lab:
    """What `open_lab` gives: net, classes (names), layers (short name -> module name), and the pictures."""

    net: torch.nn.Module
    name: str
    classes: tuple[str, ...]
    layers: dict[str, str]
    device: torch.device

    @cached_property
    def gallery(self) -> Gallery:
        """About 1,200 pictures of one object."""
        return _read("single")

    @cached_property
    def pairs(self) -> Gallery:
        """300 pictures of two objects of different classes."""
        return _read("pairs")

    @cached_property
    def hard(self) -> Gallery:
        """About 300 pictures that are hard: small, occluded, rare views, unseen grounds."""
        return _read("hard")

    def logits(self, images: torch.Tensor, batch_size: int = 200) -> torch.Tensor:
        """Scores before softmax (n, classes), on the images' device. images: (n, 3, h, w) in [0, 1]."""
        check_images(images, self.net, range01=True)
        with eval_mode(self.net), torch.no_grad():
            parts = [self.net(batch.to(self.device)) for batch in images.split(batch_size)]
        return torch.cat(parts).to(images.device)

    def score(self, images: torch.Tensor, targets: int | torch.Tensor) -> torch.Tensor:
        """Probability (n,) of each image's target class, an int or LongTensor (n,)."""
        probabilities = self.logits(images).softmax(1)
        targets = check_targets(targets, len(images), len(self.classes)).to(probabilities.device)
        return probabilities.gather(1, targets[:, None])[:, 0]

    def predict(self, images: torch.Tensor) -> tuple[list[str], torch.Tensor]:
        """Names of the best classes, and the probabilities (n, classes) of all."""
        probabilities = self.logits(images).softmax(1)
        return [self.classes[best] for best in probabilities.argmax(1).tolist()], probabilities

    def label(self, name: str) -> int:
        """The index of a class. KeyError with near misses."""
        if name not in self.classes:
            raise near_miss(name, self.classes, "class")
        return self.classes.index(name)

    def layer(self, name: str) -> str:
        """The module name of a layer's short name: "conv3" -> "relu3". KeyError with near misses."""
        if name not in self.layers:
            raise near_miss(name, self.layers, "layer")
        return self.layers[name]

    def __repr__(self) -> str:
        layers = ", ".join(self.layers)
        return f"Lab: net {self.name!r} on {self.device}, {len(self.classes)} classes, layers {layers}"


def open_lab(kind: str = "toyworld", net: str = "alex", device: str | None = None) -> Lab:
    """Open the toy world's lab with a trained net: "alex", "gap" or "zf".

    device: None takes a GPU when there is one. The pictures stay on the CPU and are read, and checked against
    data/MANIFEST.json, when they are first asked for.
    Errors: ValueError for an unknown kind, KeyError for an unknown net, store.DamagedData for a damaged file.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r}: the labs that exist are {', '.join(map(repr, KINDS))}")
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    model = nets.load(net).to(where)
    return Lab(model, net, tuple(CLASSES), nets.layer_names(model), where)


def _read(split: str) -> Gallery:
    """A split of the gallery from data/toyworld, each file checked."""
    table = store.read_verified("toyworld/scenes.csv").decode("utf-8")
    rows = [row for row in DictReader(StringIO(table)) if row["split"] == split]
    files = [row["file"] for row in rows]

    def picture(file: str):
        mask = "toyworld/masks/" + file.removesuffix(".jpg") + ".png"
        pixels = gallery.from_jpeg(store.read_verified("toyworld/" + file))
        return pixels, *gallery.from_mask_png(store.read_verified(mask))

    with ThreadPoolExecutor() as pool:
        images, objects, parts = (np.stack(arrays) for arrays in zip(*pool.map(picture, files), strict=True))
    names = list(CLASSES)
    labels = [[names.index(row[f"class_{n}"]) for n in (1, 2) if row.get(f"class_{n}")] for row in rows]
    return Gallery(
        images=torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float().div_(255),
        labels=torch.tensor(labels).squeeze(1),
        objects=torch.from_numpy(objects),
        parts=torch.from_numpy(parts),
        scenes=Scenes(split, [int(row["index"]) for row in rows]),
        table=rows,
        files=files,
    )
