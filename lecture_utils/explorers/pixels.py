"""Drawing straight into pixels: what a picture under a slider needs, in a few milliseconds and without a figure."""

from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageFont


@lru_cache(maxsize=16)
def font(size, bold=False):
    """The font of the figures, which comes with matplotlib; size in px."""
    file = f"fonts/ttf/DejaVuSans{'-Bold' if bold else ''}.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / file), size)


def enlarged(image, size, smooth=True):
    """An image (3, h, w) in [0, 1] as a Pillow image of `size` (width, height) px; smooth=False keeps its squares."""
    pixels = (np.asarray(image).transpose(1, 2, 0) * 255).round().astype(np.uint8)
    way = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return Image.fromarray(pixels).resize(size, way)


@lru_cache(maxsize=4096)
def fitted(text, width, size, bold=False):
    """The text, cut with an ellipsis where it would be wider than `width` px."""
    if font(size, bold).getlength(text) <= width:
        return text
    while text and font(size, bold).getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def write(draw, x, y, text, size, colour="#1a1a1a", bold=False, anchor="la"):
    """A line of text in a picture; draw: Pillow's. size in px; anchor: which point of the text stands at x, y."""
    draw.text((x, y), text, font=font(size, bold), fill=colour, anchor=anchor)


def coloured(image):
    """A grey image (1, h, w), or one with colours (3, h, w), in [0, 1], as float32 numpy (3, h, w)."""
    image = np.asarray(image, np.float32)
    return np.broadcast_to(image, (3, *image.shape[1:]))
