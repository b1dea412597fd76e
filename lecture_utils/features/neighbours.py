"""Nearest neighbours in any space, and how often they are of the right kind."""

import torch
from torch import Tensor

from ..checks import check_count, check_tensor


def nearest(bank: Tensor, queries: Tensor, k: int) -> Tensor:
    """Indices (q, k) of the k rows of the bank that lie nearest to each query, the nearest first.

    bank: floating (n, ...), queries: (q, ...) of the same dtype and width; each item is flattened to one vector.
    Distances are Euclidean: d(x, y)^2 = sum_i (x_i - y_i)^2. Ties go to the lower index. A query that lies in the
    bank finds itself: nothing is removed (see `neighbours`). The result lies on the bank's device.
    Errors: ValueError.
    Differs: |x|^2 + |y|^2 - 2 x.y is fast but rounds. Where it leaves no doubt about the order it decides; elsewhere it
    only makes a short list, whose distances are summed as they are written, in float64: equal ones come out equal.
    """
    bank, queries = rows_of(bank, "bank"), rows_of(queries, "queries")
    if bank.shape[1] != queries.shape[1] or bank.dtype != queries.dtype:
        wanted, got = (f"{rows.dtype} of width {rows.shape[1]}" for rows in (bank, queries))
        raise ValueError(f"queries: expected {wanted} as in the bank, got {got}")
    k = check_count(k, "k", 1, len(bank))
    centre = bank.mean(0)
    moved = bank - centre  # closer to zero: less to round
    norms = moved.square().sum(1)
    parts = queries.to(bank.device).split(512)
    return torch.cat([_nearest(bank, moved, norms, some, some - centre, k) for some in parts])


def _nearest(bank, moved, norms, original, queries, k):
    """`nearest` of some queries. moved, queries: both less the bank's mean; norms: squared, of moved."""
    own = queries.square().sum(1, keepdim=True)
    squared = own + norms - 2 * queries @ moved.T  # (c, n), rounded
    # Two distances that differ by less than the doubt may be the other way round.
    doubt = 64 * torch.finfo(bank.dtype).eps * (own + norms.max())  # (c, 1)
    best = squared.topk(min(k + 1, len(bank)), largest=False)
    chosen = best.indices[:, :k]
    unsure = (best.values.diff(dim=1) <= doubt).any(1)
    if unsure.any():
        limit = best.values[:, k - 1 : k] + doubt
        count = int((squared <= limit)[unsure].sum(1).max())
        short = squared[unsure].topk(count, largest=False).indices.sort(dim=1).values  # (u, count), by index
        chosen[unsure] = _in_order(bank, original[unsure], short)[:, :k]
    return chosen


def _in_order(bank, queries, short):
    """The short lists (c, m), sorted by exact distance; a stable sort leaves ties in the order of their index."""
    step = max(1, 2**23 // (short.shape[1] * bank.shape[1]))
    ordered = []
    for some, listed in zip(queries.split(step), short.split(step), strict=True):
        exact = (bank[listed].double() - some.double()[:, None]).square().sum(2)  # (step, m, d) -> (step, m)
        ordered.append(listed.gather(1, exact.argsort(dim=1, stable=True)))
    return torch.cat(ordered)


def neighbours(bank: Tensor, k: int) -> Tensor:
    """For each row of the bank (n, ...) the k nearest *others*, (n, k). Otherwise as `nearest`."""
    bank = rows_of(bank, "bank")
    k = check_count(k, "k", 1, len(bank) - 1)
    found = nearest(bank, bank, k + 1)
    other = found != torch.arange(len(bank), device=found.device)[:, None]
    other[other.all(1), -1] = False  # k + 1 or more copies of itself may push a row out of its own list
    return found[other].view(len(bank), k)


def kept_neighbours(before: Tensor, after: Tensor, k: int = 10) -> Tensor:
    """Share (n,) of each point's k nearest others in `before` (n, ...) that are still among them in `after` (n, ...).

    A random arrangement keeps k / (n - 1) of them. Errors: ValueError.
    """
    before, after = rows_of(before, "before"), rows_of(after, "after")
    if len(before) != len(after):
        raise ValueError(f"after: expected {len(before)} points as in before, got {len(after)}")
    old, new = neighbours(before, k), neighbours(after, k)
    return (old[:, :, None] == new[:, None, :]).any(2).double().mean(1)


def rows_of(values: Tensor, name: str) -> Tensor:
    """Any floating (n, ...) as (n, d), without its history. Errors: ValueError."""
    return check_tensor(values, name, ("n", "d", ...)).detach().flatten(1)
