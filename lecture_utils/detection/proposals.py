"""Selective search: boxes that may hold an object, found by merging similar neighbouring regions."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2hsv
from skimage.segmentation import felzenszwalb
from torch import Tensor

from ..checks import check_choice, check_count, check_images, check_number

SIMILARITIES = ("colour", "texture", "size", "fill")


def selective_search(
    images: Tensor, scale: float = 100, sigma: float = 0.8, least: int = 20, use: tuple = SIMILARITIES
) -> Tensor:
    """Boxes (k, 4) in px of all regions of a hierarchy, the last merged (the whole image) first, each box once.

    images: one, (1, 3, h, w) in [0, 1]. scale, sigma, least: of the first regions (Felzenszwalb, Huttenlocher): a
    preference for large ones, the blur in px, the fewest px. use: the similarities that are added up.
    Again and again the two most similar neighbours become one region. Errors: ValueError, UnknownName.
    Source: Uijlings et al. (2013), section 3: its single strategy, in HSV. Differs: boxes are in the order of the
    hierarchy; the paper shuffles them a little, and joins the boxes of many strategies.
    """
    if len(check_images(images, range01=True, channels=3)) != 1:
        raise ValueError(f"images: expected one image (1, 3, h, w), got {len(images)}")
    check_number(scale, "scale", above=True), check_number(sigma, "sigma"), check_count(least, "least")
    if not isinstance(use, tuple | list):
        raise ValueError(f"use: expected names of similarities in a tuple, got {use!r}")
    [check_choice(name, SIMILARITIES, "similarity") for name in use]
    image = rgb2hsv(images[0].detach().cpu().permute(1, 2, 0).double().numpy())
    labels = felzenszwalb(image, scale=scale, sigma=sigma, min_size=least)
    boxes = [region["box"] for region in merge_regions(first_regions(image, labels), neighbours(labels), use)]
    return torch.tensor(list(dict.fromkeys(boxes[::-1])), dtype=images.dtype, device=images.device)


def merge_regions(regions: list, pairs: list, use: tuple = SIMILARITIES) -> list:
    """All regions of the hierarchy, those given first, then each one that two became, in order."""
    whole = sum(region["size"] for region in regions)
    similar = {(a, b): similarity(regions[a], regions[b], whole, use) for a, b in pairs}
    while similar:
        a, b = max(similar, key=similar.get)  # of equal ones the oldest pair
        new = len(regions)
        regions = [*regions, merged(regions[a], regions[b])]
        touching = {n for pair in similar if a in pair or b in pair for n in pair} - {a, b}
        similar = {pair: value for pair, value in similar.items() if a not in pair and b not in pair}
        for n in sorted(touching):
            similar[n, new] = similarity(regions[n], regions[new], whole, use)
    return regions


def similarity(a: dict, b: dict, whole: int, use: tuple = SIMILARITIES) -> float:
    """How much two regions belong together, in [0, len(use)]. whole: px of the image."""
    x0, y0, x1, y1 = merged(a, b)["box"]
    both = a["size"] + b["size"]
    values = {
        "colour": np.minimum(a["colour"], b["colour"]).sum(),
        "texture": np.minimum(a["texture"], b["texture"]).sum(),
        "size": 1 - both / whole,  # small regions first
        "fill": 1 - ((x1 - x0) * (y1 - y0) - both) / whole,  # those that fit into each other
    }
    return float(sum(values[name] for name in use))


def merged(a: dict, b: dict) -> dict:
    """The region that two regions become: histograms are means, weighted by size."""
    size = a["size"] + b["size"]
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a["box"], b["box"]
    histograms = {name: (a["size"] * a[name] + b["size"] * b[name]) / size for name in ("colour", "texture")}
    return {"size": size, "box": (min(ax0, bx0), min(ay0, by0), max(ax1, bx1), max(ay1, by1)), **histograms}


def first_regions(image: np.ndarray, labels: np.ndarray) -> list:
    """For each label its size in px, its box, and histograms of colour (75,) and texture (240,), each of sum 1."""
    slopes = [gaussian_filter(image, 1.0, order=order, axes=(0, 1)) for order in ((1, 0), (0, 1))]
    angles = np.arange(8) * np.pi / 4  # the slopes go down and to the right
    texture = [np.maximum(np.sin(t) * slopes[0] + np.cos(t) * slopes[1], 0) for t in angles]
    texture = np.concatenate(texture, 2) / max(1e-12, np.max(texture))  # (h, w, 24) in [0, 1]
    regions = []
    for label in range(labels.max() + 1):
        rows, columns = np.nonzero(labels == label)
        box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
        regions.append({"size": len(rows), "box": box})
        regions[-1]["colour"] = _histograms(image[rows, columns], 25)
        regions[-1]["texture"] = _histograms(texture[rows, columns], 10)
    return regions


def neighbours(labels: np.ndarray) -> list:
    """Pairs (a, b), a < b, of labels that touch along an edge of a pixel, in the order of b."""
    below = np.stack([labels[1:], labels[:-1]]).reshape(2, -1)
    beside = np.stack([labels[:, 1:], labels[:, :-1]]).reshape(2, -1)
    pairs = np.unique(np.sort(np.concatenate([below, beside], 1), axis=0), axis=1).T.tolist()
    return sorted(((a, b) for a, b in pairs if a != b), key=lambda pair: pair[::-1])


def _histograms(values, bins):
    """One histogram over [0, 1] for each column of values (n, c), one after the other: (c * bins,) of sum 1."""
    index = np.minimum((values * bins).astype(int), bins - 1) + np.arange(values.shape[1]) * bins
    return np.bincount(index.ravel(), minlength=values.shape[1] * bins) / values.size
