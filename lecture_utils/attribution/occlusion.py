"""Occlusion: how sure is the net when one square of the image is hidden? The square slides over the whole image."""

from math import ceil

import torch

from ..checks import check_images, check_targets
from ..hooks import eval_mode, logits_of
from .window import first_layers_on_a_window


def occlusion(net, images, targets, size=16, stride=4, fill=0.5, batch_size=64):
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
    _check(net, images, size, stride, batch_size)
    targets = check_targets(targets, len(images), _classes(net, images))
    device = next(net.parameters(), images).device
    colour = _colour(fill, images.dtype, device)
    pictures, squares = images.to(device), mask_squares(images.shape[-2:], size, stride)
    # All images in one queue, so that batches are full.
    jobs = [(n, square) for n in range(len(images)) for square in squares]
    found = []
    with torch.no_grad(), eval_mode(net):
        answer = first_layers_on_a_window(net, pictures, colour, squares)
        answer = answer or (lambda some: net(occluded(pictures, colour, some)))
        for start in range(0, len(jobs), batch_size):
            some = jobs[start : start + batch_size]
            wanted = targets[[n for n, _ in some]].to(device)
            found.append(answer(some).softmax(1).gather(1, wanted[:, None])[:, 0])
    return torch.cat(found).view(len(images), *grid_shape(images.shape[-2:], size, stride)).to(images.device)


def occluded(images, colour, jobs):
    """Copies of images (n, 3, h, w), one for each job (number of the image, square), the square painted over."""
    copies = images[[n for n, _ in jobs]]  # indexing copies
    for copy, (_, (top, left, bottom, right)) in zip(copies, jobs, strict=True):
        copy[:, top:bottom, left:right] = colour
    return copies


def grid_shape(shape, size, stride):
    """Rows and columns of mask positions for images of `shape` (h, w)."""
    return tuple(ceil((side - size) / stride) + 1 for side in shape)


def mask_squares(shape, size, stride):
    """All squares (top, left, bottom, right) in px, row by row; the last ones clipped at the border."""
    (h, w), (rows, cols) = shape, grid_shape(shape, size, stride)
    corners = [(row * stride, col * stride) for row in range(rows) for col in range(cols)]
    return [(top, left, min(top + size, h), min(left + size, w)) for top, left in corners]


def occlusion_heat(probabilities, before, shape, size, stride):
    """What each pixel is worth (n, h, w): the mean drop of probability over all squares that cover it.

    probabilities: (n, rows, cols) from `occlusion`. before: (n,), those of the whole images. shape: (h, w).
    Above zero where hiding it makes the net less sure.
    """
    drop = before.to(probabilities)[:, None] - probabilities.flatten(1)  # (n, positions)
    heat, covered = probabilities.new_zeros(len(drop), *shape), probabilities.new_zeros(shape)
    for number, (top, left, bottom, right) in enumerate(mask_squares(shape, size, stride)):
        heat[:, top:bottom, left:right] += drop[:, number, None, None]
        covered[top:bottom, left:right] += 1
    return heat / covered.clamp_min(1)


def _colour(fill, dtype, device):
    """(3, 1, 1), or (1, 1, 1) for a number."""
    colour = torch.as_tensor(fill, dtype=dtype, device=device)
    if colour.shape not in ((), (3,)) or not torch.isfinite(colour).all():
        raise ValueError(f"fill: expected a finite number or a colour (3,), got {fill!r}")
    return colour.reshape(-1, 1, 1)


def _classes(net, images):
    """How many scores the net gives."""
    with torch.no_grad(), eval_mode(net):
        return logits_of(net, images[:1].to(next(net.parameters(), images).device)).shape[1]


def _check(net, images, size, stride, batch_size):
    check_images(images, net=net)
    side = min(images.shape[-2:])
    numbers = {"size": (size, side), "stride": (stride, size), "batch_size": (batch_size, None)}
    for name, (value, most) in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1 or (most and value > most):
            why = {"size": ", the side of the images", "stride": ", the size of the square"}.get(name, "")
            wanted = f"from 1 to {most}{why}" if most else "of at least 1"
            raise ValueError(f"{name}: expected a whole number {wanted}, got {value!r}")
