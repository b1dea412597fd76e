"""Change the image, and the net stays as it is. Works on any nn.Module; knows neither the lab nor the world."""

from .ascent import ascend, plain, rms
from .deepfool import deepfool
from .dream import dream
from .inversion import invert, psnr, relative_error
from .losses import content_loss, gram_matrix, style_loss, total_variation
from .objectives import channel, class_score
from .perturbation import magnified, noise_like, norms, right, success_rate, through_png
from .pgd import fgsm, pgd
from .recipes import NATURAL, YOSINSKI
from .regularisers import (
    Blur,
    Decay,
    Jitter,
    SmallContribution,
    SmallGradients,
    SmallNorm,
    SmallValues,
    TotalVariation,
)
from .small_steps import small_steps
from .style import StyleOptions, stylize, texture, with_average_pooling
from .universal import add, universal_perturbation

__all__ = [
    "NATURAL",
    "YOSINSKI",
    "Blur",
    "Decay",
    "Jitter",
    "SmallContribution",
    "SmallGradients",
    "SmallNorm",
    "SmallValues",
    "StyleOptions",
    "TotalVariation",
    "add",
    "ascend",
    "channel",
    "class_score",
    "content_loss",
    "deepfool",
    "dream",
    "fgsm",
    "gram_matrix",
    "invert",
    "magnified",
    "noise_like",
    "norms",
    "pgd",
    "plain",
    "psnr",
    "relative_error",
    "right",
    "rms",
    "small_steps",
    "style_loss",
    "stylize",
    "success_rate",
    "texture",
    "through_png",
    "total_variation",
    "universal_perturbation",
    "with_average_pooling",
]
