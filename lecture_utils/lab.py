"""`open_lab()`: a net, pictures to try it on, and the answer key where there is one."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from csv import DictReader
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from . import models, photographs, store
from .checks import UnknownName, check_choice, check_count, check_images, check_targets
from .crowds import Crowds, read_crowds
from .hooks import activations, copy_to, device_of, frozen, in_batches
from .models import adapter, imagenet
from .world import CLASSES
from .world.splits import Scenes

# The nets of each lab; the first is the usual one.
NETS = {"toyworld": models.NETS, "photographs": (imagenet.SHIPPED, imagenet.LITE), "imagenet": imagenet.NETS}


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
    has_key = True  # the gallery knows labels, masks and scenes
    batch_size = 200
    size, channels = 112, 3  # of its images

    @property
    def device(self) -> torch.device:
        """Where the net is."""
        return device_of(self.net)

    @cached_property
    def gallery(self) -> Gallery:
        """About 1,200 pictures of one object."""
        return self._pictures("single")

    @cached_property
    def pairs(self) -> Gallery:
        """300 pictures of two objects of different classes."""
        return self._pictures("pairs")

    @cached_property
    def hard(self) -> Gallery:
        """About 300 pictures that are hard: small, occluded, rare views, unseen grounds."""
        return self._pictures("hard")

    @cached_property
    def detection(self) -> Crowds:
        """600 images of 128 px with one to four objects that may overlap, and their boxes."""
        return self._pictures("detection")

    def _pictures(self, split: str) -> Gallery | Crowds:
        return read_crowds() if split == "detection" else _read(split)

    def untrained(self, seed: int = 0) -> torch.nn.Module:
        """The same net as it was before any training, on the same device."""
        return models.build(self.name, seed=seed).to(self.device)

    def claim(self, text: str, holds: bool) -> None:
        """Hold a sentence about this lab's net or pictures to the numbers.

        The course makes its claims about the toy world: there one that fails is an AssertionError. In another lab
        it is a question, and the answer is printed.
        """
        if self.has_key and not holds:
            raise AssertionError(text)
        if not self.has_key:
            print(f"{'holds' if holds else 'does not hold'} here: {text}")

    def logits(self, images: torch.Tensor, batch_size: int | None = None) -> torch.Tensor:
        """Scores before softmax (n, classes), on the images' device. images: (n, 3, h, w) in [0, 1]."""
        images = check_images(images, self.net, range01=True)
        size = check_count(self.batch_size if batch_size is None else batch_size, "batch_size")
        with frozen(self.net) as net, torch.no_grad():
            return in_batches(lambda batch: net(copy_to(net, batch)), images, size=size)

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
        return self.classes.index(check_choice(name, self.classes, "class"))

    def names(self, classes: Sequence[int] | torch.Tensor) -> list[str]:
        """The names of classes given by their indices, such as the labels of images."""
        return [self.classes[k] for k in torch.as_tensor(classes).tolist()]

    def photograph(self, name: str) -> torch.Tensor:
        """One photograph of the course, (1, channels, size, size) in [0, 1], as this lab takes it: "cat", "coffee" ...

        Errors: KeyError with near misses.
        """
        return photographs.square(name, self.size, self.channels)[None]

    def layer(self, name: str) -> str:
        """The module name of a layer's short name: "conv3" -> "relu3". KeyError with near misses."""
        return self.layers[check_choice(name, self.layers, "layer")]

    def module(self, name: str) -> torch.nn.Module:
        """The module itself of a layer's short name, for hooks. KeyError with near misses."""
        return self.net.get_submodule(self.layer(name))

    @cached_property
    def last(self) -> str:
        """The short name of the last layer with feature maps: "conv5" in alex, "fire9" in squeezenet.

        Maps of class scores, as those of squeezenet's conv10, do not count. Errors: ValueError for a net without any.
        """
        blank = torch.zeros(1, self.channels, self.size, self.size)
        with frozen(self.net) as net, torch.no_grad(), activations(net, list(self.layers.values())) as found:
            net(copy_to(net, blank))
        maps = [
            name
            for name, module in self.layers.items()
            if (kept := found[module]).ndim == 4 and kept.shape[-1] > 1 and kept.shape[1] != len(self.classes)
        ]
        if not maps:
            raise ValueError(f"lab.last: no layer of {self.name!r} gives feature maps")
        return maps[-1]

    def __repr__(self) -> str:
        known = f"{len(self.classes)} classes" + ("" if self.has_key else ", no answer key")
        return f"Lab: net {self.name!r} on {self.device}, {known}, layers {', '.join(self.layers)}"


@dataclass(frozen=True, eq=False, repr=False)
class PhotographLab(Lab):
    """A net trained on ImageNet, or the reader's own, and photographs of which nothing is known.

    own: the user's photographs; None takes those of the course.
    """

    own: photographs.Photographs | None = None
    size: int = photographs.SIZE
    channels: int = 3
    has_key = False
    batch_size = 16  # 224 px: four times the pixels, and wider layers

    def _pictures(self, split: str) -> photographs.Photographs:
        if split != "single":
            hint = f"photographs have no answer key; the toy world has one: open_lab().{split}"
            raise ValueError(f"lab.{split}: {hint}")
        return self.own or photographs.shipped(size=self.size, channels=self.channels)

    def untrained(self, seed: int = 0) -> torch.nn.Module:
        own = isinstance(self.net, adapter.Adapted)
        net = adapter.reinitialised(self.net, seed) if own else imagenet.build(self.name, seed)
        return net.to(self.device)


def open_lab(
    kind: str = "toyworld",
    net: str | torch.nn.Module | None = None,
    images: str | Path | torch.Tensor | None = None,
    device: str | None = None,
    **own,
) -> Lab:
    """Open a lab: a trained net and pictures to try it on.

    kind, net: "toyworld" (the usual one) has "alex", "gap" and "zf", and pictures with an answer key. "photographs" has
    "squeezenet", trained on ImageNet, which ships, "efficientnet_lite0", of two optional packages, and photographs
    without a key. "imagenet" has "alexnet", "vgg16", "resnet18", "densenet121" and "squeezenet1_1", whose weights are
    downloaded once. None takes the lab's first net. The last two also take a net of your own: see `own_lab`.
    images: a folder of your own photographs, or a tensor (n, channels, h, w) in [0, 1], for the labs without a key;
    None takes the course's.
    device: None takes a GPU when there is one, also a Mac's ("mps"); a net of your own stays where it is. The pictures
    stay on the CPU. Those of the toy world are read, and checked against data/MANIFEST.json, when first asked for.
    Errors: ValueError for an unknown kind, a folder without images, or a net that does not fit; KeyError for an unknown
    net; FileNotFoundError for a folder; store.DamagedData, imagenet.MissingWeights and imagenet.DamagedWeights (all
    OSErrors) for a file that is missing or damaged.
    """
    if net is not None and not isinstance(net, str):
        if kind not in ("photographs", "imagenet"):
            raise ValueError(f"kind={kind!r}: a net of your own opens with open_lab('photographs', net=...)")
        return own_lab(net, images, device, **own)
    net = _check_names(kind, net)
    if own:
        raise ValueError(f"{', '.join(own)}: for a net of your own; {net!r} has its own")
    where = device or usual_device()
    if net == imagenet.LITE:
        lite, facts = imagenet.efficientnet_lite0(), {"classes": imagenet.classes(net), "name": net}
        return own_lab(lite, images, where, **facts, **imagenet.LITE_COLOURS)
    if kind != "toyworld":
        given = None if images is None else photographs.given(images)
        model = (imagenet if kind == "imagenet" else models).load(net).to(where)
        return PhotographLab(model, net, imagenet.classes(net), imagenet.layer_names(net), given)
    if images is not None:
        hint = "the toy world takes no folder: open_lab('photographs', images=...)"
        raise ValueError(f"images={str(images)!r}: {hint}")
    model = models.load(net).to(where)
    return Lab(model, net, tuple(CLASSES), models.layer_names(model))


def usual_device() -> str:
    """Where nets are put if nothing is said: "cuda", "mps" (a Mac's graphics processor) or "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def own_lab(
    net: torch.nn.Module,
    images: str | Path | torch.Tensor | None = None,
    device: str | None = None,
    classes: Sequence[str] | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    size: int = photographs.SIZE,
    reshape: Callable | None = None,
    name: str = "",
) -> PhotographLab:
    """A lab with a net of your own: `open_lab("photographs", net=...)`.

    net: any nn.Module from images (n, 3, size, size), normalised by mean and std, to logits (n, classes); from
    (n, 1, size, size) the photographs are grey. It is `lab.net.net`, put into evaluation mode and moved where a device
    is given; one that is compiled is taken without, one of another precision than float32 as a copy in float32.
    classes: their names, in the order of the logits; None calls them "class 0", "class 1" ...
    mean, std: of values in [0, 1], a number or one for each channel; None leaves the images as they are.
    reshape: for layers that give no maps by themselves, as in `hooks.maps_of`; they are then reached as maps.
    lab.layers: the outermost blocks that give maps, at most 12, after their activation where that is a module, then
    what gives the logits, by their own names. lab.untrained(): a copy whose modules have drawn new weights.
    Errors: ValueError.
    """
    whole, layers, count = adapter.adapted(net, mean, std, check_count(size, "size"), reshape)
    classes = [f"class {k}" for k in range(count)] if classes is None else classes
    names = tuple(classes) if isinstance(classes, list | tuple) else (classes,)
    if len(names) != count or not all(isinstance(each, str) for each in names):
        raise ValueError(
            f"classes: expected a list of {count} names, the net's outputs, got {len(names)}: {names[:3]}"
        )
    if len(set(names)) < count:
        raise ValueError(f"classes: {max(names, key=names.count)!r} stands for more than one class")
    channels = whole.mean.shape[1]
    given = None if images is None else photographs.given(images, size, channels)
    whole = whole if device is None else whole.to(device)
    return PhotographLab(whole, name or type(whole.net).__name__, names, layers, given, size, channels)


def _check_names(kind: str, net: str | None) -> str:
    """The net's name, when that lab and that net exist."""
    if kind not in NETS:
        home = next((lab for lab, names in NETS.items() if kind in names), None)
        hint = f"; {kind!r} is a net: open_lab({home!r}, net={kind!r})" if home else ""
        raise ValueError(f"kind={kind!r}: the labs that exist are {', '.join(map(repr, NETS))}{hint}")
    if net is None:
        return NETS[kind][0]
    for other, names in NETS.items():
        if other != kind and net in names:
            raise UnknownName(f"{net} is in the other lab: open_lab({other!r}, net={net!r})")
    return check_choice(net, NETS[kind], "net")


def _read(split: str) -> Gallery:
    """A split of the gallery from data/toyworld, each file checked."""
    table = store.read_verified("toyworld/scenes.csv").decode("utf-8")
    rows = [row for row in DictReader(StringIO(table)) if row["split"] == split]
    files = [row["file"] for row in rows]

    def picture(file: str):
        pixels = from_jpeg(store.read_verified(f"toyworld/{file}"))
        masks = store.read_verified(f"toyworld/masks/{file.removesuffix('.jpg')}.png")
        return pixels, *from_mask_png(masks)

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


def from_jpeg(content: bytes) -> np.ndarray:
    """The bytes of a JPEG file -> uint8 (h, w, 3)."""
    with Image.open(BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def from_mask_png(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of a mask file -> objects, parts, uint8 (h, w) each."""
    with Image.open(BytesIO(content)) as image:
        values = np.asarray(image)
    objects = np.where(values > 0, 1 + values // 16, 0).astype(np.uint8)
    return objects, (values % 16).astype(np.uint8)
