"""Figures that display themselves, with alt text. matplotlib only, without pyplot and without global state.

Every function takes numpy arrays or tensors and returns a `Picture`. Each picture has a title, and a
caption that says what to look at; the alt text is both together unless `alt` says more.
"""

from .charts import bars, curves, shares
from .heat import cut_outs, few_colours, gradient_pictures, heat_columns, two_legends, zfnet_panels
from .images import (
    Tiles,
    filter_grid,
    grey_tiles,
    heat_over_image,
    image_grid,
    mosaic,
    part_overlay,
    signed_colours,
    signed_grid,
    strip,
    vivid,
)
from .live import Live
from .maps import activation_maps, fields_over_image, patch_blocks, spotlights
from .score_table import score_table
from .sheet import (
    COLOURS,
    DASHES,
    DPI,
    INK,
    LUMINANCE,
    MARKERS,
    MUTED,
    SMALL,
    TEXT,
    TITLE,
    WIDTH,
    Picture,
    Sheet,
    Table,
    as_array,
    as_images,
    rgb,
    table,
)
from .top9_grid import nines

__all__ = [
    "few_colours",
    "nines",
    "COLOURS",
    "DASHES",
    "DPI",
    "INK",
    "LUMINANCE",
    "Live",
    "MARKERS",
    "MUTED",
    "Picture",
    "SMALL",
    "Sheet",
    "TEXT",
    "TITLE",
    "Table",
    "Tiles",
    "WIDTH",
    "activation_maps",
    "as_array",
    "as_images",
    "bars",
    "curves",
    "cut_outs",
    "fields_over_image",
    "filter_grid",
    "gradient_pictures",
    "grey_tiles",
    "heat_columns",
    "heat_over_image",
    "image_grid",
    "mosaic",
    "part_overlay",
    "patch_blocks",
    "rgb",
    "score_table",
    "shares",
    "signed_colours",
    "signed_grid",
    "spotlights",
    "strip",
    "table",
    "two_legends",
    "vivid",
    "zfnet_panels",
]
