"""Explorers: pictures with sliders. Thin shells; what they show is computed by the functions below them."""

from .._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "attack": "Attack",
        "base": "Choice Explorer Slider",
        "box_sources": "Anchors QueryPicker",
        "class_and_layer": "ClassAndLayer",
        "class_images": "ClassImages",
        "completion": "Completion",
        "detection": "ScoreThreshold Suppression",
        "gan": "GanHistory",
        "planes": "LatentPlane TSNEExplorer",
        "probing": "Occluder Turntable",
        "style_mixer": "StyleMixer",
        "units": "Channels FilterAtWork",
        "zfnet": "Atlas Invariance",
    },
)
