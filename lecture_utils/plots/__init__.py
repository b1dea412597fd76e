"""Figures that display themselves, with alt text. matplotlib only, without pyplot and without global state.

Every function takes numpy arrays or tensors and returns a `Picture`. Each has a title, and a caption that says what to
look at; the alt text is both together, unless `picture.alt` is set.
"""

from types import ModuleType as _Module

from ..progress import Live
from .activations import (
    activation_maps,
    conditionals,
    dependence_maps,
    fields_over_image,
    filter_masks,
    part_overlay,
    patch_blocks,
    spotlights,
)
from .bars import bars, costs, effect_bars, histograms, shares, single_draws
from .curves import against_epsilon, climb, curve_panels, curves, effort, layer_panels, learning, times
from .grids import (
    filter_grid,
    grey_tiles,
    growing_rows,
    image_grid,
    image_rows,
    image_table,
    neighbour_rows,
    noted_rows,
    painted,
    picture_map,
    sum_of_images,
    sums,
    tiles,
    top9_grid,
)
from .heat import (
    asked_twice,
    heat_columns,
    heat_over_image,
    layer_sweep,
    map_and_image,
    method_maps,
    signed_grid,
    two_legends,
)
from .look import COLOURS, DASHES, DPI, INK, LUMINANCE, MARKERS, MUTED, SMALL, TEXT, TITLE, WIDTH, rgb
from .overview import taxonomy
from .pixels import gradient_pictures
from .points import decision_boundaries, embeddings, latent_plane, number_matrix, point_clouds
from .sheet import Picture, Sheet, Table, few_colours, table, vivid

__all__ = [
    name for name, value in list(globals().items()) if name[0] != "_" and not isinstance(value, _Module)
]
