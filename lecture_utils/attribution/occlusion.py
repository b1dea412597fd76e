"""Occlusion: how sure is the net when one square of the image is hidden? The square slides over the whole image."""

from itertools import product
from math import ceil

import torch
from torch import Tensor, nn

from ..checks import check_count, check_images, check_number, check_sides, check_targets, check_tensor
from ..hooks import copy_to, frozen, logits_of
from .gradients import Targets
from .window import first_layers_on_a_window


def occlusion(
    net: nn.Module,
    images: Tensor,
    targets: Targets,
    size: int = 16,
    stride: int = 4,
    fill: float | Tensor = 0.5,
    batch_size: int = 64,
) -> Tensor:
    """Probability of the target class at each position of the mask, (n, rows, cols): low where it hides evidence.

    images: (n, 3, h, w) in [0, 1]. targets: int or LongTensor (n,).
    size: side of the square, px. stride: px from one position to the next. The square of row i and column j begins at
    (i * stride, j * stride); the last ones are clipped at the border: rows = ceil((h - size) / stride) + 1.
    fill: what the square is painted with, a number or a colour (3,). batch_size: occluded images in one pass.
    Errors: ValueError.
    Source: Zeiler, Fergus (2014), section 4.2 and figure 7, who give neither size nor stride nor grey.
    Differs: where the net begins with convolution, ReLU and pooling, these are computed again only on the window
    that the square touches (see `window`). The probabilities are the same.
    """
    check_images(images, net)
    check_window(images.shape[-2:], size, stride)
    check_count(batch_size, "batch_size")
    shape, squares = images.shape[-2:], mask_squares(images.shape[-2:], size, stride)
    jobs = list(product(range(len(images)), squares))  # one queue, so that batches are full
    with frozen(net) as net, torch.no_grad():
        pictures = copy_to(net, images)
        targets = check_targets(targets, len(images), logits_of(net, pictures[:1]).shape[1])
        colour = _colour(fill, pictures)
        logits = first_layers_on_a_window(net, pictures, colour, squares)
        logits = logits or (lambda some: net(occluded(pictures, colour, some)))
        found = []
        for start in range(0, len(jobs), batch_size):
            some = jobs[start : start + batch_size]
            wanted = targets[[n for n, _ in some]].to(pictures.device)
            found.append(logits(some).softmax(1).gather(1, wanted[:, None])[:, 0])
    return torch.cat(found).view(len(images), *grid_shape(shape, size, stride)).to(images.device)


def check_window(shape, size, stride):
    """A square that fits into images of `shape` (h, w), and whose steps leave no pixel out. Errors: ValueError."""
    check_count(size, "size", 1, min(shape))
    check_count(stride, "stride", 1, size)


def occluded(images, colour, jobs):
    """Copies of images (n, 3, h, w), one for each job (number of the image, square), the square painted over."""
    copies = images[[n for n, _ in jobs]]  # indexing copies
    for copy, (_, (top, left, bottom, right)) in zip(copies, jobs, strict=True):
        copy[:, top:bottom, left:right] = colour
    return copies


def grid_shape(shape, size, stride):
    """Rows and columns of mask positions for images of `shape` (h, w)."""
    return tuple(ceil((side - size) / stride) + 1 for side in shape)


def mask_squares(shape: tuple[int, int], size: int, stride: int) -> list[tuple[int, int, int, int]]:
    """All squares (top, left, bottom, right) in px, row by row; the last ones clipped at the border."""
    shape = check_sides(shape, "shape")
    check_count(size, "size", 1, min(shape))
    check_count(stride, "stride")
    (h, w), (rows, cols) = shape, grid_shape(shape, size, stride)
    corners = [(row * stride, col * stride) for row in range(rows) for col in range(cols)]
    return [(top, left, min(top + size, h), min(left + size, w)) for top, left in corners]


def occlusion_heat(
    probabilities: Tensor, before: Tensor, shape: tuple[int, int], size: int, stride: int
) -> Tensor:
    """What each pixel is worth (n, h, w): the mean drop of probability over all squares that cover it.

    probabilities: (n, rows, cols) from `occlusion`. before: (n,), those of the whole images. shape: (h, w).
    Above zero where hiding it makes the net less sure.
    Errors: ValueError, also for probabilities of another grid than this size and stride give.
    """
    shape = check_sides(shape, "shape")
    check_window(shape, size, stride)
    check_tensor(probabilities, "probabilities", ("n", "rows", "cols"))
    check_tensor(before, "before", (len(probabilities),))
    if (grid := tuple(probabilities.shape[1:])) != grid_shape(shape, size, stride):
        rows, cols = grid_shape(shape, size, stride)
        wanted = f"{rows} x {cols}, as size {size} and stride {stride} give"
        raise ValueError(f"probabilities: expected a grid of {wanted}, got {grid}")
    drop = before.to(probabilities)[:, None] - probabilities.flatten(1)  # (n, positions)
    heat, covered = probabilities.new_zeros(len(drop), *shape), probabilities.new_zeros(shape)
    for number, (top, left, bottom, right) in enumerate(mask_squares(shape, size, stride)):
        heat[:, top:bottom, left:right] += drop[:, number, None, None]
        covered[top:bottom, left:right] += 1
    return heat / covered.clamp_min(1)


def _colour(fill, like):
    """(3, 1, 1), or (1, 1, 1) for a number."""
    colours = isinstance(fill, torch.Tensor | list | tuple) and len(torch.as_tensor(fill).shape)
    if not colours:
        check_number(fill.item() if isinstance(fill, torch.Tensor) else fill, "fill", -torch.inf)
    colour = torch.as_tensor(fill, dtype=like.dtype, device=like.device)
    if colours:
        check_tensor(colour, "fill", (like.shape[1],))
    return colour.reshape(-1, 1, 1)
