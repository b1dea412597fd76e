"""YOLO's grid: the cell in which an object's centre lies answers for it."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_count, check_size, check_tensor
from .boxes import check_boxes, check_labels


def yolo_targets(
    boxes: Tensor, labels: Tensor, size: int | tuple[int, int], classes: int, cells: int = 7
) -> Tensor:
    """What the grid of one image shall say: (cells, cells, 5 + classes), rows first.

    boxes: (n, 4) px, none empty, centres inside the image. labels: integer (n,). size: (h, w) of the image, px.
    A cell with an object holds x, y (its centre, in cells from the cell's upper left corner), sqrt(w), sqrt(h) (shares
    of the image), 1, and its class one-hot; all others are 0. A cell has room for one object: of several the first.
    Errors: ValueError. Source: Redmon et al. (2016), section 2.
    """
    at, size_root = _in_cells(boxes, size, check_count(cells, "cells"))
    labels = check_labels(labels, "labels", boxes, check_count(classes, "classes"))
    targets = boxes.new_zeros(cells, cells, 5 + classes)
    for n, (column, row) in enumerate(at.long().tolist()):
        if targets[row, column, 4] == 0:
            one_hot = F.one_hot(labels[n], classes)
            targets[row, column] = torch.cat([at[n] % 1, size_root[n], one_hot.new_ones(1), one_hot])
    return targets


def yolo_decode(output: Tensor, size: int | tuple[int, int], per_cell: int = 2) -> tuple[Tensor, Tensor]:
    """Boxes (cells * cells * B, 4) px and their scores (the same, classes) from a net's output for one image.

    output: (cells, cells, B * 5 + classes): x, y, sqrt(w), sqrt(h), confidence for each of the B = per_cell boxes of a
    cell, then the probabilities of the classes, which its boxes share. A score is confidence times probability.
    Order: rows, columns, boxes. Errors: ValueError. Source: Redmon et al. (2016), equation 1.
    """
    per_cell = check_count(per_cell, "per_cell")
    cells = check_tensor(output, "output", ("cells", "cells", "values")).shape[0]
    if output.shape[1] != cells or output.shape[2] <= 5 * per_cell:
        wanted = f"(cells, cells, {per_cell} * 5 + classes)"
        raise ValueError(f"output: expected shape {wanted}, got {tuple(output.shape)}")
    whole = output.new_tensor(check_size(size)[::-1])  # w, h
    each = output[..., : 5 * per_cell].reshape(cells, cells, per_cell, 5)
    row, column = torch.meshgrid(*[torch.arange(cells, device=output.device)] * 2, indexing="ij")
    corner = torch.stack([column, row], 2)[:, :, None]  # (cells, cells, 1, 2)
    centre = (corner + each[..., :2]) / cells * whole
    half = each[..., 2:4].square() * whole / 2
    scores = each[..., 4:] * output[:, :, None, 5 * per_cell :]
    return torch.cat([centre - half, centre + half], 3).reshape(-1, 4), scores.flatten(0, 2)


def _in_cells(boxes, size, cells):
    """Centres (n, 2) as x, y in cells, and the roots of width and height (n, 2) as shares of the image."""
    check_boxes(boxes, "boxes", positive=True)
    whole = boxes.new_tensor(check_size(size)[::-1])
    at = boxes.unflatten(1, (2, 2)).mean(1) / whole * cells
    if ((at < 0) | (at >= cells)).any():
        raise ValueError(f"boxes: expected centres inside the image of {size} px: see clip_boxes")
    return at, ((boxes[:, 2:] - boxes[:, :2]) / whole).sqrt()
