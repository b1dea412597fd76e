"""Explorers of what was measured, for evidence notebooks; what a lecture explores is in `lecture_utils.explorers`."""

from .latent_axes import LatentAxes
from .methods import MethodAgainstMethod

__all__ = ["LatentAxes", "MethodAgainstMethod"]
