"""What a layer ignores: images shifted, scaled and turned; and how alike two layers see the same images (CKA)."""

import math

import torch
from torch import Tensor

from ..checks import check_choice, check_images, check_number, check_tensor

BORDERS = {"grey": "zeros", "edge": "border"}  # what comes in from outside, and grid_sample's word for it


def transformed(
    images: Tensor, up: float = 0.0, scale: float = 1.0, degrees: float = 0.0, border: str = "grey"
) -> Tensor:
    """Images turned counter-clockwise by `degrees`, enlarged `scale` times about their centre, shifted `up` by px.

    images: square (n, c, h, h) in [0, 1], and so the result, interpolated bilinearly. border: what is seen beyond the
    image: "grey" (.5), or "edge", its outermost pixels repeated. Errors: ValueError; KeyError for a border.
    Source: Zeiler, Fergus (2014), figure 5. Differs: the paper does not say how it fills the border.
    """
    check_images(images, channels="any")
    if images.shape[2] != images.shape[3]:
        raise ValueError(f"images: expected square ones, got {tuple(images.shape)}")
    check_number(up, "up", -math.inf), check_number(degrees, "degrees", -math.inf)
    check_number(scale, "scale", 0, above=True), check_choice(border, BORDERS, "border")
    c, s = (f(math.radians(degrees)) / scale for f in (math.cos, math.sin))
    y = 2 * up / images.shape[2]  # the frame reaches from -1 to 1, downwards
    back = images.new_tensor([[c, -s, -s * y], [s, c, c * y]])  # where each pixel of the result comes from
    grid = torch.nn.functional.affine_grid(back.expand(len(images), 2, 3), images.shape, align_corners=False)
    look = {"padding_mode": BORDERS[border], "align_corners": False}
    return (torch.nn.functional.grid_sample(images - 0.5, grid, **look) + 0.5).clamp(0, 1)


def cka(x: Tensor, y: Tensor) -> float:
    """Linear CKA, debiased: do two layers, or two nets, find the same pairs of images alike?

    x, y: features (n, ...) of the same n >= 4 images, flattened. 1: alike up to rotation and scale. Near 0: no more
    than chance; it may be negative. It is the cosine between both tables of inner products (n, n), each without its
    diagonal and centred so that every row sums to 0. Errors: ValueError, also where all images are alike.
    Source: Kornblith, Norouzi, Lee, Hinton (2019), section 3; the unbiased HSIC: Song et al. (2012), equation 5;
    Nguyen, Raghu, Kornblith (2021). The plain estimate of 1,000 random features of 100 images is .91, this one 0.
    """
    check_tensor(x, "x", ("n", ...)), check_tensor(y, "y", (len(x), ...))
    if len(x) < 4:
        raise ValueError(f"x: expected features of at least 4 images, got {len(x)}")
    a, b = _centred_products(x), _centred_products(y)
    for name, values in (("x", a), ("y", b)):
        if not values.any():
            raise ValueError(f"{name}: all images have the same features, so there is nothing to compare")
    return float((a * b).sum() / (a.norm() * b.norm()))


def _centred_products(x):
    """Inner products (n, n) of all pairs, float64, diagonal 0, each row and column summing to 0."""
    x = x.detach().flatten(1).double()
    x = x - x.mean(0)  # changes nothing below, and keeps large numbers from cancelling
    products = (x @ x.T).fill_diagonal_(0)
    means = products.sum(0) / (len(x) - 2)
    means = means - means.sum() / (2 * (len(x) - 1))
    return (products - means[:, None] - means).fill_diagonal_(0)
