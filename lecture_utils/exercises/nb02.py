"""Exercises of notebook 02, the last layer: neighbours, precision@k, PCA, and the perplexity of t-SNE."""

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from scipy.special import softmax
from scipy.stats import entropy

from .exercise import Exercise, normal, uniform


@Exercise("""
02.1 · Nearest neighbours
against: scipy.spatial.distance.cdist
praise: These are the Euclidean neighbours, the nearest first.
hint: You need one number for each query and each entry of the bank: a table (q, n).
hint: |a - b|² = |a|² + |b|² - 2 a.b, and all the a.b together are queries @ bank.T.
hint: Let each norm run along its own axis: queries.square().sum(1)[:, None] and bank.square().sum(1)[None]. Then
    argsort, and keep the first k columns.
wrong: you rank by the dot product, as -2 a.b alone does too: |b|² is missing, so long vectors win
    return (queries @ bank.T).argsort(dim=1, descending=True)[:, :k]
wrong: you compare directions (cosines), so a vector of any length counts as near; do not normalise
    bank, queries = (torch.nn.functional.normalize(each, dim=1) for each in (bank, queries))
    return (queries @ bank.T).argsort(dim=1, descending=True)[:, :k]
wrong: these are the farthest entries: a small distance is near, so sort upwards
    squares.argsort(dim=1) -> squares.argsort(dim=1, descending=True)
wrong: the norms |a| and |b| stand where their squares belong: |a - b|² = |a|² + |b|² - 2 a.b
    .square().sum(1) -> .norm(dim=1)
wrong: the nearest entry is dropped as if it were the query itself; here nothing is to be removed
    [:, :k] -> [:, 1 : k + 1]
""")
def my_nearest(bank, queries, k):
    """The k nearest entries of the bank for each query, by Euclidean distance: LongTensor (q, k), nearest first."""
    squares = queries.square().sum(1)[:, None] + bank.square().sum(1)[None] - 2 * queries @ bank.T  # (q, n)
    return squares.argsort(dim=1)[:, :k]


def some_banks():
    line = torch.tensor([[1.0, 0.0], [3.0, 1.0], [4.5, 3.0], [9.0, 2.0]])  # four points, ever farther out
    yield line, line[1:2], 2
    yield line, torch.tensor([[2.5, 2.0]]), 2
    bank = normal(60, 16) * (uniform(60, 1, seed=1) * 3 + 0.2)
    yield bank, normal(7, 16, seed=2), 5
    yield bank, bank[:9], 4


@my_nearest.expect(some_banks)
def by_scipy(bank, queries, k):
    return np.argsort(cdist(queries, bank), axis=1, kind="stable")[:, :k]


@Exercise("""
02.2 · Precision@k, without the query itself
against: a loop over the pictures in numpy
praise: k others each, nobody counts itself, and the share is a share.
hint: First the distances between all pairs: torch.cdist(features, features), (n, n).
hint: Nobody may find itself. Put infinity on the diagonal, distances.fill_diagonal_(torch.inf): that holds even where
    two pictures are identical, and the first neighbour need not be the query.
hint: labels[neighbours] is (n, k). Compare it with labels[:, None], and take one mean over everything.
wrong: each picture finds itself first, and that free hit is counted; leave it out
    distances.fill_diagonal_(torch.inf) ->
    distances.argsort(dim=1)[:, :k] -> distances.topk(k, largest=False).indices
wrong: the query is taken out of its k neighbours, so that k - 1 are left but k divide; ask for k + 1
    distances.fill_diagonal_(torch.inf) ->
    distances.argsort(dim=1)[:, :k] -> distances.argsort(dim=1, stable=True)[:, 1:k]
    .float().mean() -> .sum(dim=1).div(k).mean()
wrong: a picture scores 1 as soon as any neighbour has its class; count what share of the k does
    .float().mean() -> .any(dim=1).float().mean()
wrong: the first neighbour is dropped, but it is not the query where two pictures are identical
    distances.fill_diagonal_(torch.inf) ->
    distances.argsort(dim=1)[:, :k] -> distances.argsort(dim=1, stable=True)[:, 1 : k + 1]
wrong: this is k-NN accuracy, a vote of the neighbours; precision@k counts each neighbour
    (labels[neighbours] == labels[:, None]) -> (labels[neighbours].mode(dim=1).values == labels)
""")
def my_precision(features, labels, k):
    """Of the k nearest *other* pictures, what share has the picture's own class? Mean over pictures, in [0, 1]."""
    distances = torch.cdist(features, features)  # (n, n)
    distances.fill_diagonal_(torch.inf)
    neighbours = distances.argsort(dim=1)[:, :k]
    return (labels[neighbours] == labels[:, None]).float().mean()


def some_classes():
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0], [7.5]])
    for k in 2, 1:
        yield line, torch.tensor([0, 0, 1, 1, 0]), k
    twins = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [5.0, 5.0], [5.0, 5.0], [5.0, 7.0]])
    yield twins, torch.tensor([0, 1, 1, 2, 3, 2]), 1
    labels = torch.arange(80) % 4
    yield normal(80, 6) + 1.5 * normal(4, 6, seed=1)[labels], labels, 5


@my_precision.expect(some_classes)
def one_picture_at_a_time(features, labels, k):
    shares = []
    for n, point in enumerate(features):
        others, classes = np.delete(features, n, axis=0), np.delete(labels, n)
        nearest = np.argsort(np.linalg.norm(others - point, axis=1), kind="stable")[:k]
        shares.append(np.mean(classes[nearest] == labels[n]))
    return np.mean(shares)


@Exercise("""
02.3 · PCA to the plane
against: eigenvectors of the covariance matrix
praise: Centred, and seen from the two directions of largest variance; signs are free.
tolerance: 0.001
signs: free
hint: PCA speaks of variance, so of differences from the mean: subtract features.mean(dim=0) first.
hint: u, s, vh = torch.linalg.svd(centred, full_matrices=False). The directions are the rows of vh, the most important
    first.
hint: A position in the plane is a dot product with each of the first two directions: centred @ vh[:2].T.
wrong: the features are not centred: the first direction points from 0 to the mean of the cloud
    features - features.mean(dim=0) -> features
wrong: these are columns of U: both axes have length 1, so the spread is lost; multiply by s, or project on vh
    _, _, vh -> u, _, vh
    centred @ vh[:2].T -> u[:, :2]
wrong: the directions are the rows of vh, not its columns: project with vh[:2].T
    vh[:2].T -> vh[:, :2]
wrong: the projection already holds the singular values, and here they come in twice
    _, _, vh -> _, s, vh
    vh[:2].T -> vh[:2].T * s[:2]
wrong: these are the directions of smallest variance: eigh sorts its eigenvalues upwards
    centred = features - features.mean(dim=0)
    return centred @ torch.linalg.eigh(centred.T @ centred).eigenvectors[:, :2]
""")
def my_pca(features):
    """The features (n, d) seen from their two directions of largest variance: positions (n, 2)."""
    centred = features - features.mean(dim=0)
    _, _, vh = torch.linalg.svd(centred, full_matrices=False)
    return centred @ vh[:2].T


def some_clouds():
    square = torch.tensor([[3.0, 1.0], [6.0, 5.0], [1.0, 2.0], [2.0, 4.0]])
    scales = torch.tensor([3.0, 0.5, 1.6, 0.2, 1.0])
    turn = torch.linalg.qr(normal(5, 5, seed=1)).Q
    cloud = (normal(40, 5) * scales) @ turn + torch.tensor([4.0, -3.0, 0.0, 2.0, 1.0])
    return [square, square * 3, cloud, cloud[:12]]


@my_pca.expect(some_clouds)
def by_covariance(features):
    _, vectors = np.linalg.eigh(np.cov(features.T))  # the smallest eigenvalue first
    positions = (features - features.mean(axis=0)) @ vectors[:, :-3:-1]  # (n, 2)
    farthest = positions[np.abs(positions).argmax(axis=0), [0, 1]]
    return positions * np.sign(farthest)  # the same signs on every machine


@Exercise("""
02.4 · The perplexity of t-SNE
against: Brent's method (scipy.optimize.brentq)
praise: With your sigma each point has exactly the number of neighbours that was asked for.
tolerance: 0.002
hint: First a function of sigma alone: weights exp(-squared / (2 sigma²)) of the others, divided by their sum.
    torch.softmax(-others / (2 * sigma**2), dim=0) does both and never divides by 0.
hint: Entropy in nats is H = -sum p ln p, and then the perplexity is e^H. Use torch.special.entr(p).sum(): it knows
    that 0 ln 0 = 0.
hint: A larger sigma always gives a larger perplexity. So start with low = 1e-3, high = 1e3, and halve: if the
    perplexity in the middle is too small, low = middle, else high = middle.
hint: 60 halvings are plenty. The middle of two sizes is sqrt(low * high), which is fair to small sigmas.
wrong: two units of entropy are mixed: with the natural logarithm it is e^H, with log2 it is 2^H
    torch.special.entr(p).sum().exp() -> 2 ** torch.special.entr(p).sum()
wrong: the point counts as its own neighbour, the nearest of all; leave entry own out of the sum
    torch.cat([squared[:own], squared[own + 1 :]]).double() -> squared.double()
wrong: what you return is the variance, sigma², and sigma was asked for
    return sigma -> return sigma**2
wrong: the 2 is missing in exp(-squared / (2 sigma²)), so sigma comes out too large by sqrt(2)
    (2 * sigma**2) -> sigma**2
wrong: the distances are squared already, and here they are squared once more
    -others / -> -(others**2) /
""")
def my_sigma(squared, own, perplexity):
    """The width sigma of the Gaussian around point `own` that gives it this perplexity: a number."""
    others = torch.cat([squared[:own], squared[own + 1 :]]).double()
    low, high = 1e-3, 1e3
    for _ in range(60):
        sigma = (low * high) ** 0.5
        p = torch.softmax(-others / (2 * sigma**2), dim=0)
        if torch.special.entr(p).sum().exp() < perplexity:
            low = sigma
        else:
            high = sigma
    return sigma


def some_rows():
    tiny = torch.tensor([0.0, 1.0, 4.0, 9.0])
    yield tiny, 0, 2.0
    yield tiny[[1, 2, 0, 3]], 2, 2.0
    yield tiny * 25, 0, 1.5
    rows = torch.cdist(normal(50, 10), normal(50, 10)).square()
    rows.fill_diagonal_(0)
    yield rows[0], 0, 8.0
    yield rows[7], 7, 12.0


@my_sigma.expect(some_rows)
def by_brent(squared, own, perplexity):
    others = np.delete(squared, own)

    def bits_missing(log_sigma):
        p = softmax(-others / (2 * np.exp(2 * log_sigma)))
        return entropy(p, base=2) - np.log2(perplexity)

    return np.exp(brentq(bits_missing, np.log(1e-3), np.log(1e3), xtol=1e-10))
