"""Figures that display themselves, with alt text. matplotlib only, without pyplot and without global state.

Every function takes numpy arrays or tensors and returns a `Picture`. Each has a title, and a caption that says what to
look at; the alt text is both together, unless `picture.alt` is set. Figures of what was only measured, such as scores
over many seeds, are in `experiments.figures`.
"""

from .._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "activations": "activation_maps conditionals fields_over_image filter_masks part_overlay "
        "patch_blocks spotlights",
        "charts": "bars climb curves",
        "framed": "boxes",
        "grids": "filter_grid grey_tiles growing_rows image_grid image_rows image_table neighbour_rows noted_rows "
        "picture_map tiles top9_grid",
        "heat": "map_and_image overlay overlays signed_grid",
        "look": "COLOURS DASHES DPI INK LUMINANCE MARKERS MUTED SMALL TEXT TITLE WIDTH rgb",
        "overview": "layer_sizes",
        "pixels": "gradient_pictures",
        "points": "embeddings latent_plane",
        "sheet": "Picture Sheet Table table",
        ".progress": "Live",
    },
)
