"""Explorers: pictures with sliders. Thin shells; what they show is computed by the functions below them."""

from .base import Choice, Explorer, Slider
from .turntable import Turntable

__all__ = ["Choice", "Explorer", "Slider", "Turntable"]
