"""Explorers: pictures with sliders. Thin shells; what they show is computed by the functions below them."""

from .._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "attack": "Attack",
        "base": "Choice Explorer Slider",
        "class_and_layer": "ClassAndLayer",
        "class_images": "ClassImages",
        "completion": "Completion",
        "gan": "GanHistory",
        "planes": "LatentPlane TSNEExplorer",
        "probing": "Occluder Turntable",
        "style_mixer": "StyleMixer",
        "units": "Channels FilterAtWork",
        "zfnet": "Atlas Invariance",
    },
)
