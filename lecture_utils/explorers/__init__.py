"""Explorers: pictures with sliders. Thin shells; what they show is computed by the functions below them."""

from .base import Choice, Explorer, Latency, Slider
from .channels import Channels
from .class_and_layer import ClassAndLayer
from .embedding import TSNEExplorer
from .filter_at_work import FilterAtWork
from .methods import MethodAgainstMethod
from .occluder import Occluder
from .turntable import Turntable

__all__ = [
    "Channels",
    "Choice",
    "ClassAndLayer",
    "Explorer",
    "FilterAtWork",
    "Latency",
    "MethodAgainstMethod",
    "Occluder",
    "Slider",
    "TSNEExplorer",
    "Turntable",
]
