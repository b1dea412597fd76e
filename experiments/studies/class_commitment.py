"""When does a drawn picture become a thing of its class? A part of `studies.studio_seeds`.

Test scenes of the studio are cut some rows below the top of the thing, which the renderer knows, and the PixelCNN draws
the rest. With no row of the thing there is nothing but backdrop and a place to begin; row by row less is left to
decide. If draws are of another class than the scene, it is here that they turn.
"""

import numpy as np
import torch

from lecture_utils import datasets, models
from lecture_utils.generative.completion import complete
from lecture_utils.models import studio
from lecture_utils.progress import progress
from lecture_utils.world import render

from ..studio_scenes import studio_split

ROWS = (0, 1, 2, 3, 4, 6, 8)  # of the thing
EACH = 40  # scenes of each class


def scenes(each: int = EACH, levels: int = 8) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The first test scenes of each class: pixels LongTensor (6 each, 3, 32, 32), classes and the thing's first row."""
    test = datasets.load("studio").test
    chosen = torch.cat([(test.labels == k).nonzero()[:each, 0] for k in range(6)])
    tops = [_top(int(index)) for index in progress(chosen, "looking for the thing")]
    return datasets.quantised(test.pixels[chosen], levels), test.labels[chosen], torch.tensor(tops)


def _top(index: int) -> int:
    """The first row of a test scene in which the renderer sees the object."""
    scene, _ = studio_split("studio test", index)
    return int(np.flatnonzero((render(scene, size=32).objects > 0).any(1))[0])


def said(model, rows=ROWS, each: int = EACH, seed: int = 0) -> dict:
    """{"rows", "each", "said": for each number of rows a table (6, 6): how many scenes of class i were drawn as j}."""
    judge = models.load("studio-factors")
    pixels, classes, tops = scenes(each, model.levels)
    draws = torch.Generator().manual_seed(seed)
    tables, heat = [], torch.ones(len(pixels), dtype=torch.float64)
    for more in progress(rows, "drawing the rest"):
        numbers = torch.rand(pixels.shape, generator=draws, dtype=torch.float64)
        *_, (made, _) = complete(model, pixels, tops + more, heat, numbers)
        found = studio.read(judge, made / (model.levels - 1))["class"].argmax(1)
        tables.append(torch.bincount(6 * classes + found, minlength=36).view(6, 6).tolist())
    return {"rows": rows, "each": each, "said": tables}
