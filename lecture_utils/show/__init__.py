"""Figures that display themselves, with alt text. matplotlib only, without pyplot and without global state.

Every function takes numpy arrays or tensors and returns a `Picture`. Each picture has a title, and a
caption that says what to look at; the alt text is both together unless `alt` says more.
"""

from .charts import bars, curves
from .images import (
    filter_grid,
    grey_tiles,
    heat_over_image,
    image_grid,
    mosaic,
    part_overlay,
    signed_colours,
    signed_grid,
    strip,
)
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

__all__ = [
    "COLOURS",
    "DASHES",
    "DPI",
    "INK",
    "LUMINANCE",
    "MARKERS",
    "MUTED",
    "Picture",
    "SMALL",
    "Sheet",
    "TEXT",
    "TITLE",
    "Table",
    "WIDTH",
    "as_array",
    "as_images",
    "bars",
    "curves",
    "filter_grid",
    "grey_tiles",
    "heat_over_image",
    "image_grid",
    "mosaic",
    "part_overlay",
    "rgb",
    "signed_colours",
    "signed_grid",
    "strip",
    "table",
]
