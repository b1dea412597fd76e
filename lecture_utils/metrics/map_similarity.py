"""How much a map has changed, for the sanity check: rank correlations."""

from torch import Tensor

from .statistics import rank_agreement


def correlations(before: dict[str, Tensor], after: dict[str, Tensor]) -> dict:
    """{method: {"signed": [rank correlation of each image], "absolute": [...]}} of two {method: maps (n, values)}."""
    found = {}
    for name in before:
        pair = before[name], after[name]
        found[name] = {
            "signed": spearman(*pair),
            "absolute": spearman(*(values.abs() for values in pair)),
        }
    return found


def spearman(a: Tensor, b: Tensor) -> list[float]:
    """Rank correlation of each row of (n, k) with the same row of the other; 0 where a row is constant.

    Errors: ValueError for NaN or infinity: a dead net must not pass as a changed map.
    """
    return [rank_agreement(one, other) for one, other in zip(a, b, strict=True)]
