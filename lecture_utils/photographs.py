"""Photographs as a lab's gallery: those that ship, those inside other packages, or a folder of the user's.

Whatever a file holds (any size, palette, grey, 16 bit, CMYK, transparency, turned by its EXIF tag), it becomes a
square of 224 px in [0, 1]. Nothing is downloaded.
"""

import json
import warnings
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from . import store
from .checks import check_choice, check_images
from .progress import progress

SIZE = 224  # px, what ImageNet nets were trained on
FULL = 65535  # white of 16 bits
FEW = 4  # photographs, below which there is little to compare
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # what Pillow raises
ANIMALS = ("cat", "dog", "squirrel", "robin", "butterfly", "raccoon")
THINGS = ("coffee", "orange", "fruits", "flower", "motorcycle", "rocket", "china", "street")
PICTURES = (*ANIMALS, *THINGS, "astronaut", "hopper")  # the gallery of a lab


@dataclass(frozen=True)
class Photographs:
    """Pictures without an answer key, on the CPU: labels, objects, parts and scenes are None.

    images: float32 (n, 3, 224, 224) in [0, 1], or of another size, or (n, 1, size, size) in grey. files: their names.
    table: what is known of each, a dict of texts. skipped: names of the files in the folder that are no images.
    """

    images: torch.Tensor
    table: list[dict[str, str]]
    files: list[str]
    skipped: list[str] = field(default_factory=list)
    labels = objects = parts = scenes = None

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        left_out = f", {len(self.skipped)} files skipped" if self.skipped else ""
        return f"Gallery of {len(self)} photographs of {self.images.shape[2]} px, without an answer key{left_out}"


def table() -> dict[str, dict]:
    """Every photograph of the course by name: what it shows, source, licence; how far from left and top it is cropped
    (`centre`, 0 to 1); its file, and the package that carries it, "" for data/photographs.
    """
    return json.loads(store.read_verified("photographs/photographs.json"))["photographs"]


def shipped(names: tuple[str, ...] = PICTURES, size: int = SIZE, channels: int = 3) -> Photographs:
    """Photographs of `table` by name, each cropped to a square; channels=1: in grey."""
    known, images, rows = table(), [], []
    for name in names:
        image = open_image(shipped_file(name))
        images.append(largest_square(image, known[name]["centre"], size, channels))
        rows.append(_row(name, image) | {key: known[name][key] for key in ("what", "source", "licence")})
    return Photographs(torch.stack(images), rows, list(names))


def square(name: str, size: int = SIZE, channels: int = 3) -> torch.Tensor:
    """A photograph of `table`, cropped as in `shipped`, float32 (channels, size, size) in [0, 1]; channels=1: in grey.

    Errors: KeyError with near misses.
    """
    known = table()
    check_choice(name, known, "photograph")
    return largest_square(open_image(shipped_file(name)), known[name]["centre"], size, channels)


def shipped_file(name: str) -> Path:
    """Where a photograph of `table` is kept. Errors: store.DamagedData for one of ours that is missing or damaged."""
    package, file = (table()[name][key] for key in ("package", "file"))
    if not package:
        return store.verified_path(f"photographs/{file}")
    return Path(find_spec(package).origin).parent / file


def given(images: str | Path | torch.Tensor, size: int = SIZE, channels: int = 3) -> Photographs:
    """Somebody's own: the images of a folder, or a tensor (n, channels, h, w) in [0, 1].

    Errors: as `from_folder`; ValueError for another tensor.
    """
    if not isinstance(images, torch.Tensor):
        return from_folder(images, size, channels)
    images = check_images(images, dtype=torch.float32, range01=True, channels=channels).cpu()
    rows, columns = images.shape[2:]
    files = [f"image {n}" for n in range(len(images))]
    table = [{"file": file, "width": str(columns), "height": str(rows)} for file in files]
    return Photographs(images, table, files)


def from_folder(folder: str | Path, size: int = SIZE, channels: int = 3) -> Photographs:
    """The images of a folder (not of folders inside it), in the order of their names; channels=1: in grey.

    Files that are no images are skipped; one printed sentence and `.skipped` name them.
    Errors: FileNotFoundError, NotADirectoryError; ValueError when the folder holds no image.
    """
    folder = check_folder(folder)
    paths = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    images, table, skipped = [], [], []
    for path in progress(paths, "reading photographs"):
        try:
            image = open_image(path)
        except UNREADABLE:
            skipped.append(path.name)
        else:
            images.append(largest_square(image, size=size, channels=channels))
            table.append(_row(path.name, image))
    if not images:
        inside = (
            f"none of its {len(paths)} files is one ({_some(skipped)}){heic_hint(skipped)}"
            if paths
            else "it is empty"
        )
        deeper = "; folders inside it are not searched" if any(p.is_dir() for p in folder.iterdir()) else ""
        raise ValueError(f"images: expected a folder with images, got {str(folder)!r}: {inside}{deeper}")
    if skipped:
        print(
            f"Skipped {len(skipped)} of {len(paths)} files that are no images: {_some(skipped)}{heic_hint(skipped)}."
        )
    if len(images) < FEW:
        print(f"Only {len(images)} here: what compares photographs needs {FEW} or more, of several classes.")
    return Photographs(torch.stack(images), table, [row["file"] for row in table], skipped)


def open_image(path: str | Path) -> Image.Image:
    """Any image file as RGB of 8 bits: upright, the first frame, what is transparent on white.

    Grey of more than 8 bits is scaled: black is 0, and white the smallest of 255, 4095 and 65535 (of 8, 12 and 16 bits)
    that no value exceeds, of floating values also 1.
    Errors: OSError or ValueError for what is no image, or only half of one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of strange EXIF tags and large files; what fails, raises
        with Image.open(path) as image:
            image.load()
            image = ImageOps.exif_transpose(image)
    if image.mode[0] in "IF" or image.mode == "1":
        return _from_grey(np.asarray(image, np.float64), image.mode)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa", "RGBX") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def _from_grey(values: np.ndarray, mode: str) -> Image.Image:
    """Grey of 1, 16 or 32 bits, or floating, (h, w), as RGB. Pillow's own conversion cuts at 255 instead of scaling."""
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError("values that are no brightness")
    ranges = {"1": (1,), "F": (1, 255, 4095, FULL)}.get(mode, (255, 4095, FULL))
    white = next((top for top in ranges if values.max() <= top), values.max())
    return Image.fromarray((values / white * 255).round().astype(np.uint8)).convert("RGB")


def heic_hint(names: list[str]) -> str:
    """A phone's format, which Pillow does not read, deserves a word."""
    phone = any(name.lower().endswith((".heic", ".heif")) for name in names)
    return "; HEIC, in which phones save photographs, is not read: save them as JPEG" if phone else ""


def check_folder(folder: str | Path) -> Path:
    """The folder, which is there."""
    folder = Path(folder).expanduser()
    if not folder.exists():
        raise FileNotFoundError(
            f"images: there is no folder {str(folder)!r}; it was looked for in {Path.cwd()}"
        )
    if not folder.is_dir():
        raise NotADirectoryError(f"images: expected a folder, got the file {str(folder)!r}: name its folder")
    return folder


def largest_square(
    image: Image.Image, centre=(0.5, 0.5), size: int = SIZE, channels: int = 3
) -> torch.Tensor:
    """The largest square of an image, float32 (channels, size, size) in [0, 1]; Pillow averages where it shrinks."""
    square = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC, centering=centre)
    pixels = np.array(square if channels == 3 else square.convert("L")).reshape(size, size, channels)
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous().float().div_(255)


def _row(name: str, image: Image.Image) -> dict[str, str]:
    return {"file": name, "width": str(image.width), "height": str(image.height)}


def _some(names: list[str], most: int = 5) -> str:
    """a.txt, b.csv and 3 more"""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
