"""Explorers: pictures with sliders. Thin shells; what they show is computed by the functions below them."""

from .attack import Attack
from .base import Choice, Explorer, Latency, Slider
from .channels import Channels
from .class_and_layer import ClassAndLayer
from .class_images import ClassImages
from .embedding import TSNEExplorer
from .filter_at_work import FilterAtWork
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
    "Explorer",
    "FilterAtWork",
    "Latency",
    "MethodAgainstMethod",
    "Occluder",
    "Slider",
    "StyleMixer",
    "TSNEExplorer",
    "Turntable",
]
