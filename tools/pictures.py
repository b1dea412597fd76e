"""Draw the README's pictures again:  python tools/pictures.py

docs/banner.png shows one scene, what the world knows of it, the same scene changed in one thing, and every class.
docs/00.png, docs/01.png ... are figures of the stored notebooks.
"""

import base64
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from lecture_utils.world import CLASSES, render, sample_scene

ROOT = Path(__file__).resolve().parents[1]
COLOURS = np.array(
    [
        (230, 159, 0),
        (86, 180, 233),
        (0, 158, 115),
        (240, 228, 66),
        (0, 114, 178),
        (213, 94, 0),
        (204, 121, 167),
    ]
)  # Okabe and Ito (2008): told apart by colour-blind readers
SIZE, GAP = 288, 8


def pixels(rendering):
    return (rendering.image.transpose(1, 2, 0) * 255).round().astype(np.uint8)


def with_parts(rendering):
    """The picture in grey, each part in a colour of its own."""
    grey = np.repeat(pixels(rendering).mean(2, keepdims=True), 3, 2) * 0.75 + 60
    tint = COLOURS[(rendering.parts.astype(int) - 1) % len(COLOURS)]
    inside = rendering.parts[..., None] > 0
    return np.where(inside, 0.35 * grey + 0.65 * tint, grey).clip(0, 255).astype(np.uint8)


def banner():
    scene = sample_scene("elephant", seed=4)
    changes = [
        ("a scene", pixels(render(scene, SIZE))),
        ("its parts", with_parts(render(scene, SIZE))),
        ("without the trunk", pixels(render(scene.without("trunk"), SIZE))),
        ("turned", pixels(render(scene.turned(-60), SIZE))),
        ("moved", pixels(render(scene.moved(-0.22, -0.02), SIZE))),
        ("without the elephant", pixels(render(scene.background(), SIZE))),
    ]
    width = len(changes) * (SIZE + GAP) - GAP
    small = (width + GAP) // 8 - GAP
    page = Image.new("RGB", (width, SIZE + 24 + 2 * (small + GAP) + GAP), "white")
    draw = ImageDraw.Draw(page)
    for n, (words, picture) in enumerate(changes):
        page.paste(Image.fromarray(picture), (n * (SIZE + GAP), 0))
        draw.text((n * (SIZE + GAP) + 2, SIZE + 2), words, fill="#222222", font_size=17)
    for n, name in enumerate(CLASSES):
        picture = Image.fromarray(pixels(render(sample_scene(name, seed=30 + n), small)))
        page.paste(picture, ((n % 8) * (small + GAP), SIZE + 24 + GAP + (n // 8) * (small + GAP)))
    return page.resize((page.width * 2 // 3, page.height * 2 // 3), Image.LANCZOS)


def figure_of(notebook, tag):
    """The figure of the cell tagged ``tag`` in a stored notebook, as an image."""
    cells = json.loads((ROOT / "notebooks" / notebook).read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if tag in cell["metadata"].get("tags", []):
            for output in cell["outputs"]:
                for kind in ("image/png", "image/jpeg"):
                    if kind in output.get("data", {}):
                        return Image.open(io.BytesIO(base64.b64decode(output["data"][kind])))
    raise ValueError(f"{notebook} has no stored figure in a cell tagged {tag!r}: run make notebooks first")


def main():
    docs = ROOT / "docs"
    docs.mkdir(exist_ok=True)
    banner().quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(docs / "banner.png", optimize=True)
    for notebook in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        figure = figure_of(notebook.name, "readme").convert("RGB")
        figure.thumbnail((640, 640))  # the README shows it 240 px wide
        figure.quantize(256, dither=Image.Dither.NONE).save(docs / f"{notebook.name[:2]}.png", optimize=True)


if __name__ == "__main__":
    main()
