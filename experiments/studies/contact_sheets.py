"""The pictures of a study in one JPEG file: rows and columns of the same size, without gaps."""

import torch
from PIL import Image

from lecture_utils import results

QUALITY = 88


def save(tiles, path, **options):
    """Pictures (rows, columns, 3, h, w) in [0, 1] as one file; its folder is made. options: of Pillow's JPEG."""
    rows, columns, _, h, w = tiles.shape
    sheet = tiles.permute(0, 3, 1, 4, 2).reshape(rows * h, columns * w, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (sheet * 255).round().byte().numpy()
    Image.fromarray(pixels).save(path, "JPEG", optimize=True, **{"quality": QUALITY} | options)


def read(name, rows=1, columns=1):
    """A file of the data folder as pictures (rows, columns, 3, h, w) in [0, 1]. Errors: store.DamagedData."""
    return torch.from_numpy(results.sheet(name, rows, columns)).permute(0, 1, 4, 2, 3).float() / 255
