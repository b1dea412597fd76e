"""Change the image, and the net stays as it is. Works on any nn.Module; knows neither the lab nor the world.

What all have in common: the net takes images (n, 3, h, w) in [0, 1] and is not changed. One image never depends on the
others. Results lie on the device of the images that were given, else on the CPU. A seed repeats a result to the last
bit. Ctrl-C, or a step that gives no number, ends the loop with the last good images (see `optimise.iterate`, also for
`callback`). Errors: KeyError with near misses for a layer or another name; ValueError for the rest.
"""

from .._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "ascent": "ascend plain rms",
        "attack": "deepfool fgsm pgd",
        "deepdream": "dream",
        "inversion": "invert",
        "losses": "gram_matrix total_variation",
        "objectives": "channel class_score",
        "perturbation": "magnified noise_like norms",
        "regularisers": "NATURAL Blur Decay Jitter SmallGradients SmallNorm SmallValues TotalVariation",
        "style": "stylize texture",
    },
)
