"""What texture, style and inversion minimise: sums that one can write on a board."""

import torch
from torch import Tensor

from ..checks import check_images, check_tensor


def gram_matrix(features: Tensor) -> Tensor:
    """Which channels are active together, wherever that is: (n, c, h, w) to (n, c, c).

        G = F F^T / (h w),     F (c, h w) the feature map with its positions in a row

    So G is the mean over all positions of the outer product of the vector of features there with itself. Shuffle the
    positions and nothing changes: it knows the texture and has forgotten the arrangement.
    Source: Gatys, Ecker, Bethge (2015), equation 1. Differs: divided by the number of positions, so that images of
    different sizes can be compared.
    """
    return gram(check_tensor(features, "features", ("n", "c", "h", "w")))


def total_variation(images: Tensor) -> Tensor:
    """The sum of squared differences between neighbours, both ways and over all colours, (n,).

        sum_ij (x[i + 1, j] - x[i, j])^2 + (x[i, j + 1] - x[i, j])^2

    Source: Mahendran, Vedaldi (2015), section 3, with beta = 2.
    """
    check_images(images, channels="any")
    return images.diff(dim=2).square().sum((1, 2, 3)) + images.diff(dim=3).square().sum((1, 2, 3))


# What each step of an optimisation computes: without a look at the values, as NaN has to come through to end it.


def gram(features: Tensor) -> Tensor:
    """The Gram matrices of features (n, c, h, w)."""
    flat = features.flatten(2)  # (n, c, h * w)
    return flat @ flat.transpose(1, 2) / flat.shape[2]  # (n, c, h w) @ (n, h w, c)


def distance(features: Tensor, wanted: Tensor) -> Tensor:
    """sum (F - P)^2 over all but the first side, (n,)."""
    return (features - wanted).square().flatten(1).sum(1)


def energy(features: Tensor, layer: str) -> Tensor:
    """sum F^2, (n,), to divide by: a distance is then a share. Errors: ValueError where all features are 0."""
    size = features.square().flatten(1).sum(1)
    if not (size > 0).all():
        raise ValueError(f"layer: {layer!r} is 0 everywhere for {int((size == 0).sum())} of the images")
    return size


def variation_gradient(images: Tensor) -> tuple[Tensor, Tensor]:
    """`total_variation` (n,) and its gradient, like images: 2 x (sum over the neighbours of own - neighbour's value).

    Written out, because by autograd it takes several times as long.
    """
    down, across = images.diff(dim=2), images.diff(dim=3)
    value = sum(torch.linalg.vector_norm(each, dim=(1, 2, 3)).square() for each in (down, across))
    gradient = torch.zeros_like(images)
    gradient[:, :, 1:] += down
    gradient[:, :, :-1] -= down
    gradient[:, :, :, 1:] += across
    gradient[:, :, :, :-1] -= across
    return value, gradient.mul_(2)
