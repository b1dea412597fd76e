"""Explorers: pictures with sliders. Thin shells; what they show is computed by the functions below them."""

from .._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "attack": ("Attack",),
        "base": (
            "Choice",
            "Explorer",
            "Latency",
            "Slider",
        ),
        "channels": ("Channels",),
        "class_and_layer": ("ClassAndLayer",),
        "class_images": ("ClassImages",),
        "completion": ("Completion",),
        "embedding": ("TSNEExplorer",),
        "filter_at_work": ("FilterAtWork",),
        "gan_history": ("GanHistory",),
        "gan_walk": ("GanWalk",),
        "latent_axes": ("LatentAxes",),
        "latent_plane": ("LatentPlane",),
        "methods": ("MethodAgainstMethod",),
        "occluder": ("Occluder",),
        "style_mixer": ("StyleMixer",),
        "turntable": ("Turntable",),
    },
)
