"""Scores against the truth: where a heatmap lies, and whether it says what the net uses.

Needs torch, and a scene handed to it; knows neither the world nor the lab. Heatmaps are (n, h, w), masks (n, h, w).
Beside each score stand baselines (`centre_map`, `sobel_map`, a constant map) and an upper bound (`coarse_mask`).
"""

from .._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "boxes": "box_iou box_of boxes_of_masks",
        "distances": "fid kid",
        "localise": "centre_map coarse_mask iou mass_in_mask pointing_game sobel_map",
        "parts": "effects keeping part_effects players subsets",
        "pixels": "flip_pixels",
        "statistics": "bootstrap hamming_consistency rank_agreement with_interval",
    },
)
