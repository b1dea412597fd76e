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
from .heat import dependence_maps, heat_columns, heat_over_image, two_legends
from .images import (
    asked_twice,
    decision_boundaries,
    method_maps,
    painted,
    point_clouds,
    pointers,
    sum_of_images,
    sums,
)
from .overview import taxonomy
from .scores import class_matrix, dot_table, number_matrix, over_depth, score_table, slopes

__all__ = [
    "against_epsilon",
    "asked_twice",
    "class_matrix",
    "costs",
    "curve_panels",
    "decision_boundaries",
    "dependence_maps",
    "dot_table",
    "effect_bars",
    "effort",
    "heat_columns",
    "heat_over_image",
    "histograms",
    "layer_panels",
    "method_maps",
    "number_matrix",
    "over_depth",
    "painted",
    "point_clouds",
    "pointers",
    "score_table",
    "shares",
    "single_draws",
    "slopes",
    "sum_of_images",
    "sums",
    "taxonomy",
    "times",
    "two_legends",
]
