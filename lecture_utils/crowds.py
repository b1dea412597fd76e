"""The gallery for detection: images with one to four objects that may overlap, and a box around each."""

from csv import reader
from dataclasses import dataclass
from io import StringIO

import numpy as np
import torch
from PIL import Image

from . import store
from .world.crowd import SIDE
from .world.splits import Scenes

SIZES = ("small", "medium", "large")  # a box's area: below 16 x 16 px, below 32 x 32 px, and more
COLUMNS, SHEET = 10, 100  # tiles in a row, and in all, of each shipped sheet


@dataclass(frozen=True)
class Crowds:
    """Images with the answer key for detection, on the CPU; lists have an entry for each image, of its k objects.

    images: float32 (n, 3, 128, 128) in [0, 1]. labels: LongTensors (k,).
    boxes: float32 (k, 4), x0 y0 x1 y1 in px, around what is visible of each object, from edge to edge of the pixels;
    amodal: the same around all of it within the frame, the hidden part included. Of every object in an image at least
    a quarter and 20 px are visible, and it is in the lists. shares: float32 (k,), that share of its px.
    scenes: what was rendered.
    """

    images: torch.Tensor
    labels: list[torch.Tensor]
    boxes: list[torch.Tensor]
    amodal: list[torch.Tensor]
    shares: list[torch.Tensor]
    scenes: Scenes

    @property
    def sizes(self) -> list[torch.Tensor]:
        """LongTensors (k,), by the area of the visible boxes: 0 small, 1 medium, 2 large (`crowds.SIZES`)."""
        sides = [(boxes[:, 2:] - boxes[:, :2]).prod(1).sqrt() for boxes in self.boxes]
        return [(side >= 16).long() + (side >= 32) for side in sides]

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"Crowds: {len(self)} images with {sum(map(len, self.labels))} objects"


def read_crowds() -> Crowds:
    """The gallery in data/detection, each file checked. Errors: store.DamagedData."""
    _, *rows = reader(StringIO(store.read_verified("detection/objects.csv").decode("utf-8")))
    rows = torch.tensor([[float(value) for value in row] for row in rows])
    n = int(rows[-1, 0]) + 1
    each = [rows[rows[:, 0] == image] for image in range(n)]
    tiles = []
    for sheet in range(-(-n // SHEET)):
        with Image.open(store.verified_path(f"detection/{sheet}.jpg")) as image:
            pixels = torch.from_numpy(np.array(image)).view(-1, SIDE, COLUMNS, SIDE, 3)
        tiles.append(pixels.permute(0, 2, 4, 1, 3).flatten(0, 1))
    return Crowds(
        images=torch.cat(tiles)[:n].float().div_(255),
        labels=[rows[:, 1].long() for rows in each],
        boxes=[rows[:, 2:6] for rows in each],
        amodal=[rows[:, 6:10] for rows in each],
        shares=[rows[:, 10] for rows in each],
        scenes=Scenes("detection", list(range(n))),
    )
