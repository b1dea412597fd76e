"""Explorers: pictures with sliders. Thin shells; what they show is computed by the functions below them."""

from .base import Choice, Explorer, Latency, Slider
from .embedding import TSNEExplorer
from .filter_at_work import FilterAtWork
from .turntable import Turntable

__all__ = ["Choice", "Explorer", "FilterAtWork", "Latency", "Slider", "TSNEExplorer", "Turntable"]
