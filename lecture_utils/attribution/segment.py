"""From a heatmap to the outline of an object, with colours but without any further training."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import cv2
import numpy as np
import torch
from torch import Tensor

from ..checks import check_count, check_images, check_number, check_share, check_tensor


def grabcut_from_heatmap(
    images: Tensor,
    heatmaps: Tensor,
    foreground: float = 0.95,
    background: float = 0.3,
    smooth: float = 0.0,
    iterations: int = 5,
) -> Tensor:
    """Masks bool (n, h, w): the object that a heatmap points at, cut out along the image's colours.

    images: (n, 3, h, w) in [0, 1]. heatmaps: (n, h, w), absolute: large where the object is thought to be.
    The hottest pixels, above the quantile `foreground` of their map, are seeds of the object; those up to the quantile
    `background` are seeds of what is not. GrabCut fits five Gaussians to the colours of each side and cuts where
    neighbours differ in colour; it decides the pixels between the seeds. smooth: px, the standard deviation of a
    Gaussian that blurs the map first. iterations: how often Gaussians and cut are made anew.
    A map without seeds of both kinds (a constant one) cuts out nothing. The same input gives the same masks: OpenCV's
    own random state is set anew for each image.
    Errors: ValueError.
    Source: Simonyan, Vedaldi, Zisserman (2013), section 3.2; Rother, Kolmogorov, Blake (2004).
    Differs: GrabCut instead of one graph cut (Boykov, Jolly 2001), so the mixtures are fitted again after each cut. The
    default quantiles are the paper's, as reported in notes on it.
    """
    check_images(images, range01=True)
    check_tensor(heatmaps, "heatmaps", (len(images), *images.shape[2:]))
    if heatmaps.min() < 0:
        low = heatmaps.min()
        raise ValueError(f"heatmaps: expected values of at least 0, got {low:.3g}: take heat(...) first")
    if not 0 < check_share(background, "background") < check_share(foreground, "foreground") < 1:
        found = f"{foreground}, {background}"
        raise ValueError(f"foreground, background: expected 0 < background < foreground < 1, got {found}")
    check_number(smooth, "smooth"), check_count(iterations, "iterations")
    pixels = (images.detach().cpu().permute(0, 2, 3, 1) * 255).round().byte().numpy()
    heat = heatmaps.detach().cpu().double().numpy()
    shares = {"foreground": foreground, "background": background, "smooth": smooth}
    cut = partial(_cut, iterations=iterations, **shares)
    with ThreadPoolExecutor() as pool:  # GrabCut lets other threads work, and each has its own random state
        found = list(pool.map(cut, pixels, heat))
    return torch.from_numpy(np.stack(found)).to(images.device)


def seeds(heat, foreground=0.95, background=0.3, smooth=0.0):
    """bool (h, w), bool (h, w): the seeds of the object and of what is not, from one heatmap (h, w), numpy."""
    if smooth > 0:
        heat = cv2.GaussianBlur(heat, (0, 0), smooth, borderType=cv2.BORDER_REFLECT)
    low, high = np.quantile(heat, [background, foreground])
    return (heat >= high) & (heat > low), heat <= low


def _cut(pixels, heat, iterations, **shares):
    inside, outside = seeds(heat, **shares)
    if not (inside.any() and outside.any()):
        return np.zeros(heat.shape, bool)
    labels = np.full(heat.shape, cv2.GC_PR_BGD, np.uint8)
    labels[inside], labels[outside] = cv2.GC_FGD, cv2.GC_BGD
    cv2.setRNGSeed(0)  # its mixtures start at random
    cv2.grabCut(pixels, labels, None, None, None, iterations, cv2.GC_INIT_WITH_MASK)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
