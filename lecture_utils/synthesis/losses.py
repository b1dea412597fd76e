"""What texture, style and inversion minimise: four sums that one can write on a board."""

import torch
from torch import Tensor

from ..checks import check_images, near_miss


def gram_matrix(features: Tensor) -> Tensor:
    """Which channels are active together, wherever that is: (n, c, h, w) to (n, c, c).

        G = F F^T / (h w),     F (c, h w) the feature map with its positions in a row

    So G is the mean over all positions of the outer product of the vector of features there with itself. Shuffle the
    positions and nothing changes: it knows the texture and has forgotten the arrangement.
    Errors: ValueError for what is no feature map.
    Source: Gatys, Ecker, Bethge (2015), equation 1. Differs: divided by the number of positions, so that images of
    different sizes can be compared.
    """
    if not isinstance(features, Tensor) or features.ndim != 4 or not features.numel():
        raise ValueError(f"features: expected maps of shape (n, c, h, w), got {_shape(features)}")
    return gram(check_values(features, "features"))


def total_variation(images: Tensor) -> Tensor:
    """The sum of squared differences between neighbours, both ways and over all colours, (n,).

        sum_ij (x[i + 1, j] - x[i, j])^2 + (x[i, j + 1] - x[i, j])^2

    Errors: ValueError for what is no batch of images (n, c, h, w).
    Source: Mahendran, Vedaldi (2015), section 3, with beta = 2.
    """
    check_images(images, channels="any")
    return images.diff(dim=2).square().sum((1, 2, 3)) + images.diff(dim=3).square().sum((1, 2, 3))


def variation_gradient(images: Tensor) -> tuple[Tensor, Tensor]:
    """`total_variation` (n,) and its gradient, like images: 2 x (sum over the neighbours of own - neighbour's value).

    Written out, because it is asked for in every step: by autograd it takes several times as long.
    """
    down, across = images.diff(dim=2), images.diff(dim=3)
    value = sum(torch.linalg.vector_norm(each, dim=(1, 2, 3)).square() for each in (down, across))
    gradient = torch.zeros_like(images)
    gradient[:, :, 1:] += down
    gradient[:, :, :-1] -= down
    gradient[:, :, :, 1:] += across
    gradient[:, :, :, :-1] -= across
    return value, gradient.mul_(2)


def content_loss(features: Tensor, wanted: Tensor) -> Tensor:
    """sum (F - P)^2 over all channels and positions, (n,). features: (n, ...). wanted: the same, or (1, ...).

    Errors: ValueError where the shapes differ. Source: Gatys, Ecker, Bethge (2016), equation 1. Differs: no factor 1/2.
    """
    check_values(features, "features"), check_values(wanted, "wanted")
    if features.ndim < 2 or features.shape[1:] != wanted.shape[1:] or len(wanted) not in (1, len(features)):
        shapes = f"the shape of the features {_shape(features)}, or one row of it, got {_shape(wanted)}"
        raise ValueError(f"wanted: expected {shapes}")
    return distance(features, wanted)


def style_loss(
    features: dict[str, Tensor], grams: dict[str, Tensor], weights: dict[str, float | Tensor]
) -> Tensor:
    """sum over layers of weight x sum (G - A)^2, (n,).

    features: {layer: (n, c, h, w)}. grams: {layer: A (1 or n, c, c)}, the Gram matrices of the style. weights:
    {layer: number, or (n,)}; its layers are the ones that count.
    Errors: ValueError for a map, or a Gram matrix of another net; KeyError for a layer that is missing.
    Source: Gatys, Ecker, Bethge (2016), equations 4 and 5. Differs: each layer's factor 1 / (4 c^2) is in its weight.
    """
    for name, table in {"weights": weights, "features": features, "grams": grams}.items():
        if not isinstance(table, dict) or not table:
            raise ValueError(
                f"{name}: expected a dict with a layer's name for each entry, got {_shape(table)}"
            )
        if missing := [layer for layer in weights if layer not in table]:
            raise near_miss(missing[0], table, f"layer of {name}")
    losses = [
        weight * content_loss(gram_matrix(features[layer]), grams[layer]) for layer, weight in weights.items()
    ]
    return torch.stack(losses).sum(0)


# What each step of an optimisation computes, where NaN has to come through to end it.


def gram(features: Tensor) -> Tensor:
    """`gram_matrix` without a look at the values."""
    flat = features.flatten(2)  # (n, c, h * w)
    return flat @ flat.transpose(1, 2) / flat.shape[2]  # (n, c, h w) @ (n, h w, c)


def distance(features: Tensor, wanted: Tensor) -> Tensor:
    """`content_loss` without a look at the values."""
    return (features - wanted).square().flatten(1).sum(1)


def check_values(values: Tensor, name: str) -> Tensor:
    """A dense floating tensor of finite numbers. Errors: ValueError."""
    if not isinstance(values, Tensor) or values.layout != torch.strided or values.is_meta:
        what = "a sparse or a meta tensor" if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"{name}: expected a dense tensor with values, got {what}")
    if not values.is_floating_point():
        raise ValueError(f"{name}: expected floating values, got {values.dtype}")
    if not torch.isfinite(values).all():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    return values


def _shape(value):
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
