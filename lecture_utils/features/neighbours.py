"""Nearest neighbours in any space, and how often they are of the right kind."""

import torch

from ..metrics.statistics import bootstrap


def nearest(bank, queries, k):
    """Indices (q, k) of the k rows of the bank that lie nearest to each query, the nearest first.

    bank: floating (n, ...), queries: (q, ...) of the same dtype and width; each item is flattened to one vector.
    Distances are Euclidean: d(x, y)^2 = sum_i (x_i - y_i)^2. Ties go to the lower index. A query that lies in the
    bank finds itself: nothing is removed (see `neighbours`). The result lies on the bank's device.
    Errors: ValueError.
    Differs: |x|^2 + |y|^2 - 2 x.y is fast but rounds. Where it leaves no doubt about the order it decides; elsewhere it
    only makes a short list, whose distances are summed as they are written, in float64: equal ones come out equal.
    """
    bank, queries = _rows(bank, "bank"), _rows(queries, "queries")
    if bank.shape[1] != queries.shape[1] or bank.dtype != queries.dtype:
        raise ValueError(
            f"queries: expected {bank.dtype} of width {bank.shape[1]} as in the bank, got "
            f"{queries.dtype} of width {queries.shape[1]}"
        )
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= len(bank):
        raise ValueError(f"k: expected an integer from 1 to {len(bank)}, the size of the bank, got {k!r}")
    centre, slack = bank.mean(0), 64 * torch.finfo(bank.dtype).eps
    moved = bank - centre  # closer to zero: less to round
    length = moved.square().sum(1)
    found = []
    for original in queries.to(bank.device).split(512):
        some = original - centre  # (c, d)
        own = some.square().sum(1, keepdim=True)
        squared = own + length - 2 * some @ moved.T  # (c, n), rounded
        doubt = slack * (
            own + length.max()
        )  # (c, 1): two distances that differ by less may be the other way round
        best = squared.topk(min(k + 1, len(bank)), largest=False)
        chosen = best.indices[:, :k]
        unsure = (best.values.diff(dim=1) <= doubt).any(1)
        if unsure.any():
            limit = best.values[:, k - 1 : k] + doubt
            count = int((squared <= limit)[unsure].sum(1).max())
            short = (
                squared[unsure].topk(count, largest=False).indices.sort(dim=1).values
            )  # (u, count), by index
            chosen[unsure] = _in_order(bank, original[unsure], short)[:, :k]
        found.append(chosen)
    return torch.cat(found)


def _in_order(bank, queries, short):
    """The short lists (c, m), sorted by exact distance; a stable sort leaves ties in the order of their index."""
    step = max(1, 2**23 // (short.shape[1] * bank.shape[1]))
    ordered = []
    for some, listed in zip(queries.split(step), short.split(step), strict=True):
        exact = (bank[listed].double() - some.double()[:, None]).square().sum(2)  # (step, m, d) -> (step, m)
        ordered.append(listed.gather(1, exact.argsort(dim=1, stable=True)))
    return torch.cat(ordered)


def neighbours(bank, k):
    """For each row of the bank (n, ...) the k nearest *others*, (n, k). Otherwise as `nearest`."""
    bank = _rows(bank, "bank")
    if isinstance(k, int) and k >= len(bank):
        raise ValueError(f"k: expected less than {len(bank)}, the size of the bank, got {k}")
    found = nearest(bank, bank, k + 1)
    other = found != torch.arange(len(bank), device=found.device)[:, None]
    other[other.all(1), -1] = False  # k + 1 or more copies of itself may push a row out of its own list
    return found[other].view(len(bank), k)


def precision_at_k(found, bank_labels, query_labels):
    """Share (q,) of each query's neighbours found (q, k) that carry the query's own label.

    bank_labels (n,), query_labels (q,): integers. Of all labels equally often, chance is 1 / labels.
    """
    if found.ndim != 2 or len(found) != len(query_labels):
        raise ValueError(f"found: expected shape ({len(query_labels)}, k), got {tuple(found.shape)}")
    return (bank_labels[found] == query_labels[:, None]).double().mean(1)


def kept_neighbours(before, after, k=10):
    """Share (n,) of each point's k nearest others in `before` (n, ...) that are still among them in `after` (n, ...).

    A random arrangement keeps k / (n - 1) of them. Errors: ValueError.
    """
    if len(before) != len(after):
        raise ValueError(f"after: expected {len(before)} points as in before, got {len(after)}")
    old, new = neighbours(before, k), neighbours(after, k)
    return (old[:, :, None] == new[:, None, :]).any(2).double().mean(1)


def knn_right(points, labels, k=5):
    """bool (n,): is each point's label the commonest among its k nearest others? Ties go to the lower label."""
    votes = torch.nn.functional.one_hot(labels[neighbours(points, k)]).sum(1)  # (n, labels)
    lower_first = torch.arange(votes.shape[1], 0, -1, device=votes.device)
    return (votes * (votes.shape[1] + 1) + lower_first).argmax(1) == labels


def mean_interval(values, draws=2000, seed=0, level=0.95):
    """Bootstrap interval (low, high) of the mean of values (n,): the middle `level` of the means of new samples.

    Source: Efron (1979), the percentile interval.
    """
    return bootstrap(values, seed, draws, level)[1:]


def _rows(values, name):
    """Any floating (n, ...) as (n, d)."""
    if not isinstance(values, torch.Tensor) or not values.is_floating_point():
        kind = values.dtype if isinstance(values, torch.Tensor) else type(values).__name__
        raise ValueError(f"{name}: expected a floating tensor (n, ...), got {kind}")
    if values.ndim < 2 or values.numel() == 0:
        raise ValueError(f"{name}: expected shape (n, ...) with n >= 1, got {tuple(values.shape)}")
    if not torch.isfinite(values).all():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    return values.detach().flatten(1)
