"""Figures of what was measured, drawn where a notebook proves; what a lecture draws is in `lecture_utils.plots`."""

from .charts import (
    against_epsilon,
    costs,
    effect_bars,
    effort,
    histograms,
    layer_panels,
    shares,
    single_draws,
    times,
)
from .images import asked_twice, cut_outs, decision_boundaries, method_maps, pointers, sum_of_images, sums
from .occlusion import two_legends, zfnet_panels
from .scores import class_matrix, dot_table, number_matrix, over_depth, score_table, slopes

__all__ = [
    "against_epsilon",
    "asked_twice",
    "class_matrix",
    "costs",
    "cut_outs",
    "decision_boundaries",
    "dot_table",
    "effect_bars",
    "effort",
    "histograms",
    "layer_panels",
    "method_maps",
    "number_matrix",
    "over_depth",
    "pointers",
    "score_table",
    "shares",
    "single_draws",
    "slopes",
    "sum_of_images",
    "sums",
    "times",
    "two_legends",
    "zfnet_panels",
]
