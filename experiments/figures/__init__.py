"""Figures of what was measured, drawn where a notebook proves; what a lecture draws is in `lecture_utils.plots`."""

from .charts import (
    against_epsilon,
    costs,
    curve_panels,
    effect_bars,
    effort,
    histograms,
    layer_panels,
    shares,
    single_draws,
    times,
)
from .heat import dependence_maps, heat_over_image, layer_sweep, two_legends, zfnet_panels
from .images import (
    asked_twice,
    cut_outs,
    decision_boundaries,
    method_maps,
    point_clouds,
    pointers,
    sum_of_images,
    sums,
)
from .overview import methods_map, taxonomy, thumbnails
from .scores import class_matrix, dot_table, number_matrix, over_depth, score_table, slopes

__all__ = [
    "against_epsilon",
    "asked_twice",
    "class_matrix",
    "costs",
    "curve_panels",
    "cut_outs",
    "decision_boundaries",
    "dependence_maps",
    "dot_table",
    "effect_bars",
    "effort",
    "heat_over_image",
    "histograms",
    "layer_panels",
    "layer_sweep",
    "method_maps",
    "methods_map",
    "number_matrix",
    "over_depth",
    "point_clouds",
    "pointers",
    "score_table",
    "shares",
    "single_draws",
    "slopes",
    "sum_of_images",
    "sums",
    "taxonomy",
    "thumbnails",
    "times",
    "two_legends",
    "zfnet_panels",
]
