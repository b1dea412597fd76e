"""How much a map has changed, for the sanity check: rank correlations."""

import numpy as np
from scipy.stats import rankdata


def correlations(before, after):
    """{method: {"signed": [rank correlation of each image], "absolute": [...]}} of two {method: maps (n, values)}."""
    found = {}
    for name in before:
        pair = before[name], after[name]
        found[name] = {
            "signed": spearman(*pair),
            "absolute": spearman(*(values.abs() for values in pair)),
        }
    return found


def spearman(a, b):
    """Rank correlation of each row of (n, k) with the same row of the other; 0 where a row is constant.

    Errors: ValueError for NaN or infinity: a dead net must not pass as a changed map.
    """
    a, b = (np.asarray(values.double()) for values in (a, b))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a map holds NaN or infinity")
    a, b = (rankdata(values, axis=1) for values in (a, b))
    a, b = (values - values.mean(1, keepdims=True) for values in (a, b))
    length = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return ((a * b).sum(1) / np.where(length > 0, length, 1)).tolist()
