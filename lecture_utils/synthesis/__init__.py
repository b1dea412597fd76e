"""Change the image, and the net stays as it is. Works on any nn.Module; knows neither the lab nor the world."""

from .._lazy import lazily

# Eagerly, as these names are those of modules, too.
from .deepfool import deepfool as deepfool
from .dream import dream as dream
from .pgd import pgd as pgd
from .small_steps import small_steps as small_steps

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "ascent": ("ascend", "plain", "rms"),
        "deepfool": ("deepfool",),
        "dream": ("dream",),
        "inversion": ("invert", "psnr"),
        "losses": ("content_loss", "gram_matrix", "style_loss", "total_variation"),
        "objectives": ("channel", "class_score"),
        "perturbation": ("magnified", "noise_like", "norms", "right", "success_rate", "through_png"),
        "pgd": ("fgsm", "pgd"),
        "recipes": ("NATURAL", "YOSINSKI"),
        "regularisers": (
            "Blur",
            "Decay",
            "Jitter",
            "SmallContribution",
            "SmallGradients",
            "SmallNorm",
            "SmallValues",
            "TotalVariation",
        ),
        "small_steps": ("small_steps",),
        "style": ("StyleOptions", "stylize", "texture", "with_average_pooling"),
        "universal": ("add", "universal_perturbation"),
    },
)
