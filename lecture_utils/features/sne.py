"""t-SNE, exact and short enough to read. For many points take scikit-learn's; it is faster from about 500 on.

Source: van der Maaten & Hinton (2008), *Visualizing Data using t-SNE*. The equation numbers are theirs.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..checks import check_count, check_number, check_seed
from .neighbours import rows_of


class Arrangement(NamedTuple):
    """positions: tensor (n, 2). divergence: KL(P || Q) in nats, which t-SNE made small; 0 would be perfect."""

    positions: Tensor
    divergence: float


def squared_distances(points):
    """All squared Euclidean distances (n, n) between points (n, d), numpy; exactly 0 on the diagonal."""
    length = np.square(points).sum(1)
    squared = np.maximum(length[:, None] + length - 2 * points @ points.T, 0)
    np.fill_diagonal(squared, 0)
    return squared


def conditional(squared, perplexity, steps=40):
    """p(j | i), numpy (n, n): how probable point i would pick j as its neighbour. Rows sum to 1, the diagonal is 0.

    p(j | i) = exp(-b_i d_ij^2) / sum over k != i of exp(-b_i d_ik^2)                                     (eq. 1)
    Each b_i = 1 / (2 sigma_i^2) is found by halving, so that row i has the wanted perplexity
    Perp = 2 ** H, H = -sum over j of p(j | i) log2 p(j | i),
    the number of neighbours that an equally uncertain fair choice would have.
    squared: (n, n) squared distances. perplexity: from 1 to n - 1, both excluded.
    """
    n = len(squared)
    if not 1 < perplexity < n - 1:
        wanted = f"more than 1 and less than {n - 1} for {n} points"
        raise ValueError(f"perplexity: expected {wanted}, got {perplexity}")
    squared = squared.astype(np.float64)
    np.fill_diagonal(squared, np.inf)
    squared -= squared.min(1, keepdims=True)  # the same p, without underflow of whole rows
    np.fill_diagonal(squared, 0)
    scale = np.maximum(squared.sum(1) / (n - 1), 1e-300)
    low, high = np.log(1e-6 / scale), np.log(1e9 / scale)  # of log b_i
    for _ in range(steps):
        middle = (low + high) / 2
        p = np.exp(-np.exp(middle)[:, None] * squared)
        np.fill_diagonal(p, 0)
        p /= p.sum(1, keepdims=True)
        entropy = -(p * np.log(np.where(p > 0, p, 1))).sum(1)  # nats
        wide = entropy > np.log(perplexity)  # too many neighbours: a larger b
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return p


def joint(points, perplexity):
    """p_ij = (p(j | i) + p(i | j)) / 2n, numpy (n, n), symmetric, sums to 1. points: tensor (n, ...)."""
    p = conditional(squared_distances(rows_of(points, "points").double().cpu().numpy()), perplexity)
    return (p + p.T) / (2 * len(p))


def tsne(points: Tensor, perplexity: float = 30.0, iterations: int = 400, seed: int = 0) -> Arrangement:
    """Arrange points (n, ...) in the plane so that neighbours stay neighbours. The same arguments give the same result.

    q_ij = (1 + |y_i - y_j|^2)^-1 / sum over k != l of (1 + |y_k - y_l|^2)^-1                             (eq. 4)
    C = KL(P || Q) = sum over i, j of p_ij log(p_ij / q_ij)                                               (eq. 2)
    dC/dy_i = 4 sum over j of (p_ij - q_ij) (y_i - y_j) (1 + |y_i - y_j|^2)^-1                            (eq. 5)
    C weighs only pairs that *were* near: nothing holds distant groups at their true distance.
    iterations: steps of gradient descent with momentum; 0 gives the random start. The start is Gaussian, sd 1e-4.
    """
    if bool((rows_of(points, "points") == points[:1].flatten(1)).all()):
        raise ValueError("points: expected at least two different points, got equal ones")
    check_number(perplexity, "perplexity", 1)
    return descend(joint(points, perplexity), check_count(iterations, "iterations", 0), seed, like=points)


def descend(p, iterations=400, seed=0, like=None):
    """The gradient descent of `tsne`, from p_ij, numpy (n, n). like: a tensor whose dtype the positions take.

    Differs: p is exaggerated 4 times (section 3.4) for the first fifth of the steps, at most 100; the learning rate is
    n / 4, at least 20, and each coordinate adapts its own (Jacobs 1988), as the paper does. float32.
    """
    n = len(p)
    y = np.random.default_rng(check_seed(seed)).normal(0, 1e-4, (n, 2)).astype(np.float32)
    step, gains = np.zeros_like(y), np.ones_like(y)
    target, rate = p.astype(np.float32), np.float32(max(n / 4, 20.0))
    early = min(100, iterations // 5)
    for i in range(iterations):
        slope = gradient(target * np.float32(4) if i < early else target, y)
        same = (slope > 0) == (step > 0)  # the step so far went uphill
        gains = np.maximum(np.where(same, gains * 0.8, gains + 0.2), 0.01).astype(np.float32)
        step = np.float32(0.5 if i < early else 0.8) * step - rate * gains * slope
        y = y + step
        y -= y.mean(0)
    positions = torch.from_numpy(y.astype(np.float64)).to(like.dtype if like is not None else torch.float32)
    return Arrangement(positions, divergence(p, y))


def gradient(p, y):
    """dC/dy (n, 2) by equation 5, for p (n, n) and y (n, 2), numpy; float32 is enough, and twice as fast."""
    ones, length = np.ones_like(y[:, :1]), np.square(y).sum(1, keepdims=True)
    # 1 + |y_i - y_j|^2 in one product
    w = np.hstack([y, length, ones]) @ np.hstack([-2 * y, ones, length + 1]).T
    np.reciprocal(w, out=w)
    np.fill_diagonal(w, 0)
    m = p - w / w.sum()
    m *= w  # (p_ij - q_ij) / (1 + |y_i - y_j|^2)
    sums = m @ np.hstack([y, ones])  # sum over j of m_ij y_j, and of m_ij
    return 4 * (sums[:, 2:] * y - sums[:, :2])


def divergence(p, y):
    """KL(P || Q) in nats of an arrangement y, numpy (n, 2), for p (n, n)."""
    w = 1 / (1 + squared_distances(y.astype(np.float64)))
    np.fill_diagonal(w, 0)
    q = w / w.sum()
    near = p > 0
    return float((p[near] * np.log(p[near] / np.maximum(q[near], 1e-300))).sum())
