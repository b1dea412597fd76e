"""Scores against the truth: where a heatmap lies, and whether it says what the net uses.

Needs torch, and a scene handed to it; knows neither the world nor the lab. Heatmaps are (n, h, w), masks (n, h, w).
Each score has a floor and a ceiling to stand beside it: `centre_map`, `sobel_map`, a constant map; `coarse_mask`.
"""

from .baselines import centre_map, coarse_mask, sobel_map
from .boxes import box_iou, box_of, boxes_of_masks
from .localise import best_iou, iou, mass_in_mask, pointing_game, rank_accuracy
from .parts import effects, keeping, part_effects, part_sums, players, subsets
from .pixels import flip_pixels
from .statistics import bootstrap, log_odds, rank_agreement

__all__ = [
    "best_iou",
    "bootstrap",
    "box_iou",
    "box_of",
    "boxes_of_masks",
    "centre_map",
    "coarse_mask",
    "effects",
    "flip_pixels",
    "iou",
    "keeping",
    "log_odds",
    "mass_in_mask",
    "part_effects",
    "part_sums",
    "players",
    "pointing_game",
    "rank_accuracy",
    "rank_agreement",
    "sobel_map",
    "subsets",
]
