"""Ranks, intervals, odds."""

import torch


def rank_agreement(a, b):
    """Spearman's rank correlation of two lists of numbers, in [-1, 1]: a float.

    a, b: tensors (k,), sequences, or dicts with the same keys; k >= 2. Ties take the mean of their ranks. Where one
    list is constant there is no order to agree with: 0, not NaN, so that no scene drops out of a mean.
    Errors: ValueError. Source: Spearman (1904).
    """
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys():
            raise ValueError(f"b: expected the keys {list(a)}, got {list(b)}")
        a, b = list(a.values()), [b[key] for key in a]
    a, b = (torch.as_tensor(values).detach().double().cpu() for values in (a, b))
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise ValueError(
            f"a, b: expected two lists of k >= 2 numbers, got shapes {tuple(a.shape)}, {tuple(b.shape)}"
        )
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise ValueError("a, b: expected finite numbers, got NaN or infinity")
    a, b = (_ranks(values) for values in (a, b))
    a, b = a - a.mean(), b - b.mean()
    length = (a.square().sum() * b.square().sum()).sqrt()
    return float((a * b).sum() / length) if length > 0 else 0.0


def _ranks(values):
    """Ranks (k,) from 0; equal values share the mean of their ranks."""
    below = (values[:, None] > values).sum(1)
    equal = (values[:, None] == values).sum(1)
    return below + (equal - 1) / 2


def bootstrap(values, seed=0, draws=2000, level=0.95):
    """(mean, low, high) of values (n,): the mean, and the middle `level` of the means of new samples of them.

    For a comparison give it the paired differences. Source: Efron (1979), the percentile interval.
    """
    values = torch.as_tensor(values).detach().double().cpu()
    if values.ndim != 1 or not len(values) or not torch.isfinite(values).all():
        raise ValueError(f"values: expected n >= 1 finite numbers (n,), got shape {tuple(values.shape)}")
    chosen = torch.randint(len(values), (draws, len(values)), generator=torch.Generator().manual_seed(seed))
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = values[chosen].mean(1).quantile(ends).tolist()
    return float(values.mean()), low, high


def log_odds(logits, targets):
    """ln(p / (1 - p)) (n,) of each target class, from logits (n, classes): unlike a logit it sees the other classes."""
    targets = torch.as_tensor(targets, device=logits.device).expand(len(logits))[:, None]
    others = logits.scatter(1, targets, -torch.inf).logsumexp(1)
    return logits.gather(1, targets)[:, 0] - others
