"""The gallery that the course ships: pictures, masks and one table, in data/toyworld. Never filtered.

toyworld/single/<class>/0017.jpg    single objects, 112 px; the number is the scene's index in its split
toyworld/pairs/0017.jpg             two objects of different classes
toyworld/hard/<class>/0017.jpg      small, occluded, rare views, unseen grounds
toyworld/masks/<as above>.png       16 * (object - 1) + part value, 0 = background
toyworld/scenes.csv                 a row for each picture: file, split, index, and every factor
"""

import io

import numpy as np
from PIL import Image

QUALITY = 90  # JPEG, with full-size colour: 6 kB a picture
# Of the mask files, for whoever opens one: a colour for each part, paler for the second object.
PALETTE = bytes.fromhex(
    "000000 e6194b 3cb44b ffe119 0082c8 f58230 911eb4 46f0f0 "
    "f032e6 d2f53c fabed4 008080 dcbeff aa6e28 fffac8 800000"
)


def to_pixels(image: np.ndarray) -> np.ndarray:
    """float (3, h, w) in [0, 1] -> uint8 (h, w, 3)."""
    return np.round(image.transpose(1, 2, 0) * 255).clip(0, 255).astype(np.uint8)


def to_jpeg(pixels: np.ndarray) -> bytes:
    """uint8 (h, w, 3) -> the bytes of a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return file.getvalue()


def from_jpeg(content: bytes) -> np.ndarray:
    """The bytes of a JPEG file -> uint8 (h, w, 3)."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def to_mask_png(objects: np.ndarray, parts: np.ndarray) -> bytes:
    """Masks uint8 (h, w) -> the bytes of a palette PNG that holds both."""
    values = np.where(objects > 0, 16 * (objects.astype(int) - 1) + parts, 0).astype(np.uint8)
    image = Image.frombytes("P", values.shape[::-1], values.tobytes())
    paler = [(channel + 255) // 2 for channel in PALETTE]
    image.putpalette(PALETTE + bytes(paler))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def from_mask_png(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of a mask file -> objects, parts, uint8 (h, w) each."""
    with Image.open(io.BytesIO(content)) as image:
        values = np.asarray(image)
    objects = np.where(values > 0, 1 + values // 16, 0).astype(np.uint8)
    return objects, (values % 16).astype(np.uint8)


def file_name(split: str, index: int, classes: tuple[str, ...]) -> str:
    """The picture of a scene, relative to data/toyworld, without its suffix."""
    return f"{split}/{index:04d}" if len(classes) > 1 else f"{split}/{classes[0]}/{index:04d}"
