"""The pictures of a study in one JPEG file: rows and columns of the same size, without gaps."""

import numpy as np
import torch
from PIL import Image

from lecture_utils import store

QUALITY = 88


def save(tiles, path, **options):
    """Pictures (rows, columns, 3, h, w) in [0, 1] as one file; its folder is made. options: of Pillow's JPEG."""
    rows, columns, _, h, w = tiles.shape
    sheet = tiles.permute(0, 3, 1, 4, 2).reshape(rows * h, columns * w, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (sheet * 255).round().byte().numpy()
    Image.fromarray(pixels).save(path, "JPEG", optimize=True, **{"quality": QUALITY} | options)


def pixels(name, rows=1, columns=1):
    """A file of the data folder as it was saved, uint8 (rows, columns, h, w, 3). Errors: store.DamagedData."""
    with Image.open(store.verified_path(name)) as image:
        sheet = np.array(image)
    h, w = sheet.shape[0] // rows, sheet.shape[1] // columns
    return sheet.reshape(rows, h, columns, w, 3).swapaxes(1, 2)


def read(name, rows=1, columns=1):
    """The same as pictures (rows, columns, 3, h, w) in [0, 1]."""
    return torch.from_numpy(pixels(name, rows, columns)).permute(0, 1, 4, 2, 3).float() / 255
