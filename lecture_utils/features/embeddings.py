"""Many dimensions in few: PCA, and pictures on a grid."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..checks import check_count
from .neighbours import rows_of


class Axes(NamedTuple):
    """coordinates (n, dimensions); share (dimensions,): of the whole variance, along each axis, falling."""

    coordinates: Tensor
    share: Tensor


def pca(points: Tensor, dimensions: int | None = None) -> Axes:
    """Principal components of points (n, ...): turn the cloud so that it is longest along the first axis, and so on.

    With X the centred points (n, d) and X = U S V^T, the coordinates are U S = X V, the variances S^2 / n. Only the
    rotation is chosen: no point moves nearer to another, so PCA makes no clusters.
    dimensions: how many axes to keep; None keeps all that n points can span, at most n - 1. Then every distance
    between two points is as before (up to rounding): 46,656 activations become 1,199 numbers for nothing.
    An axis may point either way; here each point with the largest |coordinate| lies on the positive side.
    Errors: ValueError.
    Source: Pearson (1901); Eckart & Young (1936). Differs: U and S come from the eigenvalues of X X^T (n, n) where
    d > n, summed in float64 over slices of the dimensions.
    """
    points = rows_of(points, "points")
    n, d = points.shape
    if n < 2:
        raise ValueError(f"points: expected at least 2, got {n}")
    most = min(n - 1, d)
    keep = most if dimensions is None else check_count(dimensions, "dimensions", 1, most)
    if d > n:
        values, u = _falling(_gram(points))  # X X^T = U S^2 U^T
        coordinates = u[:, :keep] * values[:keep].sqrt()
    else:
        centred = points.double() - points.double().mean(0)
        values, v = _falling(centred.T @ centred)  # X^T X = V S^2 V^T
        coordinates = centred @ v[:, :keep]
    side = coordinates.gather(0, coordinates.abs().argmax(0, keepdim=True)).sign()
    share = values[:keep] / values.sum().clamp_min(torch.finfo(torch.float64).tiny)
    return Axes((coordinates * torch.where(side == 0, 1.0, side)).to(points.dtype), share.to(points.dtype))


def _gram(points):
    """X X^T (n, n) in float64 of the centred points (n, d), a slice of the dimensions at a time."""
    gram = torch.zeros(len(points), len(points), dtype=torch.float64, device=points.device)
    for part in points.split(4096, dim=1):
        part = part - part.mean(0)
        gram += part @ part.T
    return gram


def _falling(symmetric):
    """Eigenvalues, the largest first and none below 0, and the eigenvectors as columns."""
    values, vectors = torch.linalg.eigh(symmetric)
    return values.flip(0).clamp_min(0), vectors.flip(1)


def to_grid(positions: Tensor, rows: int, columns: int) -> Tensor:
    """A cell (row, column) for each of n positions in the plane, (n, 2) whole numbers; no two share a cell.

    positions: (n, 2), first right, then up, n <= rows * columns. They are stretched to the grid; then, of all ways to
    give each point a cell of its own, the one with the least sum of squared distances is taken.
    Errors: ValueError. Source: Kuhn (1955), the assignment problem; here scipy's `linear_sum_assignment`.
    """
    from scipy.optimize import linear_sum_assignment  # slow to import

    rows, columns = check_count(rows, "rows"), check_count(columns, "columns")
    positions = rows_of(positions, "positions").double().cpu().numpy()
    if positions.shape[1] != 2 or len(positions) > rows * columns:
        wanted = f"shape (n, 2) with n at most {rows} x {columns}"
        raise ValueError(f"positions: expected {wanted}, got {positions.shape}")
    low, high = positions.min(0), positions.max(0)
    x, y = ((positions - low) / np.where(high > low, high - low, 1)).T
    at = np.stack([(1 - y) * (rows - 1), x * (columns - 1)], 1)  # (n, 2): row from the top, column
    cells = np.stack(np.divmod(np.arange(rows * columns), columns), 1)
    cost = np.square(at[:, None] - cells[None]).sum(2)  # (n, cells)
    _, chosen = linear_sum_assignment(cost)
    return torch.from_numpy(cells[chosen])
