"""Explorers: pictures with sliders. Thin shells; what they show is computed by the functions below them."""

from .attack import Attack
from .base import Choice, Explorer, Latency, Slider
from .channels import Channels
from .class_and_layer import ClassAndLayer
from .class_images import ClassImages
from .completion import Completion
from .embedding import TSNEExplorer
from .filter_at_work import FilterAtWork
from .gan_history import GanHistory
from .gan_walk import GanWalk
from .latent_axes import LatentAxes
from .latent_plane import LatentPlane
from .methods import MethodAgainstMethod
from .occluder import Occluder
from .style_mixer import StyleMixer
from .turntable import Turntable

__all__ = [
    "Attack",
    "Channels",
    "Choice",
    "ClassAndLayer",
    "ClassImages",
    "Completion",
    "Explorer",
    "FilterAtWork",
    "GanHistory",
    "GanWalk",
    "Latency",
    "LatentAxes",
    "LatentPlane",
    "MethodAgainstMethod",
    "Occluder",
    "Slider",
    "StyleMixer",
    "TSNEExplorer",
    "Turntable",
]
