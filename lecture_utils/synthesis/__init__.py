"""Change the image, and the net stays as it is. Works on any nn.Module; knows neither the lab nor the world."""

from .._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "ascent": ("ascend", "plain", "rms"),
        "attack": ("deepfool", "fgsm", "pgd"),
        "deepdream": ("dream",),
        "inversion": ("invert", "psnr"),
        "losses": ("gram_matrix", "total_variation"),
        "objectives": ("channel", "class_score"),
        "perturbation": ("magnified", "noise_like", "norms", "through_png"),
        "regularisers": (
            "NATURAL",
            "Blur",
            "Decay",
            "Jitter",
            "SmallContribution",
            "SmallGradients",
            "SmallNorm",
            "SmallValues",
            "TotalVariation",
        ),
        "style": ("stylize", "texture"),
    },
)
