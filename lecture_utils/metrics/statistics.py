"""Agreement of ranks and of signs, and intervals."""

from collections.abc import Sequence

import torch
from scipy.stats import spearmanr
from torch import Tensor

from ..checks import check_count, check_number, check_seed, check_tensor

Numbers = Tensor | Sequence[float]


def rank_agreement(a: Numbers | dict, b: Numbers | dict) -> float:
    """Spearman's rank correlation of two lists of numbers, in [-1, 1].

    a, b: tensors (k,), sequences, or dicts with the same keys; k >= 2. Ties take the mean of their ranks. Where one
    list is constant there is no order to agree with: 0, not NaN, so that no scene drops out of a mean.
    Errors: ValueError. Source: Spearman (1904).
    """
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys():
            raise ValueError(f"b: expected the keys {list(a)}, got {list(b)}")
        a, b = list(a.values()), [b[key] for key in a]
    a, b = _numbers(a, "a", 2), _numbers(b, "b", 2)
    if len(a) != len(b):
        raise ValueError(f"b: expected {len(a)} numbers as in a, got {len(b)}")
    constant = (a == a[0]).all() or (b == b[0]).all()
    return 0.0 if constant else float(spearmanr(a.numpy(), b.numpy()).statistic)


def hamming_consistency(differences: Tensor) -> float:
    """Does a change do the same to many images? The share of units, over all pairs of images, whose signs disagree.

    differences: (n, ...), n >= 2, features before minus after, a row each. Signs are -1, 0 or 1, so two zeros agree:
    the more zeros, the lower. 0: all alike; signs at random give 0.5 without zeros. Errors: ValueError.
    Source: Zeiler, Fergus (2014), section 4.3. Differs: a mean where the formula has a sum (table 1 prints a mean).
    """
    signs = check_tensor(differences, "differences", ("n", "units", ...)).sign().flatten(1)
    n = check_count(len(signs), "images in differences", 2)
    alike = sum((signs == sign).sum(0).double().square() for sign in (-1, 0, 1))
    return float((n * n - alike).mean() / (n * (n - 1)))  # of ordered pairs


def _numbers(values, name, least=1):
    """A list of finite numbers as float64 (k,) on the CPU. Errors: ValueError."""
    try:
        values = torch.as_tensor(values).detach()
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name}: expected a list of numbers, got {type(values).__name__}") from None
    if values.ndim != 1 or len(values) < least:
        raise ValueError(f"{name}: expected k >= {least} numbers (k,), got shape {tuple(values.shape)}")
    return check_tensor(values, name, ("k",), "any").double().cpu()


def bootstrap(
    values: Numbers, seed: int = 0, draws: int = 2000, level: float = 0.95
) -> tuple[float, float, float]:
    """(mean, low, high) of values (n,): the mean, and the middle `level` of the means of new samples of them.

    values: n >= 1 finite numbers. level: above 0, at most 1. For a comparison give it the paired differences.
    Errors: ValueError. Source: Efron (1979), the percentile interval.
    Differs: its own draws, not scipy.stats.bootstrap's: an interval is the same in every version of the libraries.
    """
    values, draws = _numbers(values, "values"), check_count(draws, "draws")
    check_number(level, "level", 0, 1, above=True)
    source = torch.Generator().manual_seed(check_seed(seed))
    chosen = torch.randint(len(values), (draws, len(values)), generator=source)
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = values[chosen].mean(1).quantile(ends).tolist()
    return float(values.mean()), low, high


def with_interval(found: tuple[float, float, float], form: str = ".2f") -> str:
    """(mean, low, high), as `bootstrap` gives them, as text.

    >>> with_interval((0.5, 0.25, 0.75), "+.0%")
    '+50% [+25%, +75%]'
    """
    return "{:{form}} [{:{form}}, {:{form}}]".format(*found[:3], form=form)
