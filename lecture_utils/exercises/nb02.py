"""Exercises of notebook 02, the last layer: neighbours, precision@k, PCA, and the perplexity of t-SNE."""

import numpy as np
import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


NEAREST = Exercise(
    "02.1",
    "Nearest neighbours",
    difficulty=1,
    minutes=8,
    trains="distances between all pairs at once, by the expanded square",
    against="scipy.spatial.distance.cdist",
    praise="These are the Euclidean neighbours, the nearest first.",
    hints=(
        "You need one number for each query and each entry of the bank: a table (q, n).",
        "|a - b|² = |a|² + |b|² - 2 a.b, and all the a.b together are queries @ bank.T.",
        "Let each norm run along its own axis: queries.square().sum(1)[:, None] and bank.square().sum(1)[None]. "
        "Then argsort, and keep the first k columns.",
    ),
)


@NEAREST.stub
def my_nearest(bank, queries, k):
    """The k nearest entries of the bank for each query, by Euclidean distance: LongTensor (q, k), nearest first.

    bank: features (n, d). queries: features (q, d). A query that is itself in the bank is its own neighbour.
    """
    raise NotImplementedError


@NEAREST.solve
def by_the_expanded_square(bank, queries, k):
    squares = queries.square().sum(1)[:, None] + bank.square().sum(1)[None] - 2 * queries @ bank.T  # (q, n)
    return squares.argsort(dim=1)[:, :k]


@NEAREST.expect
def by_scipy(bank, queries, k):
    from scipy.spatial.distance import cdist

    distances = cdist(queries.double().numpy(), bank.double().numpy())
    return torch.from_numpy(np.argsort(distances, axis=1, kind="stable")[:, :k])


@NEAREST.inputs
def some_banks():
    line = torch.tensor([[1.0, 0.0], [3.0, 1.0], [4.5, 3.0], [9.0, 2.0]])  # four points, ever farther out
    scales = torch.rand(60, 1, generator=torch.Generator().manual_seed(1)) * 3 + 0.2
    bank = _random(60, 16) * scales
    some = [(line, line[1:2], 2), (line, torch.tensor([[2.5, 2.0]]), 2), (bank, _random(7, 16, seed=2), 5)]
    return [{"bank": b, "queries": q, "k": k} for b, q, k in (*some, (bank, bank[:9], 4))]


@NEAREST.mistake(
    "you rank by the dot product, as -2 a.b alone does too: |b|² is missing, so long vectors win"
)
def largest_dot_product(bank, queries, k):
    return (queries @ bank.T).argsort(dim=1, descending=True)[:, :k]


@NEAREST.mistake(
    "you compare directions (cosines), so a vector of any length counts as near; do not normalise"
)
def largest_cosine(bank, queries, k):
    bank, queries = (torch.nn.functional.normalize(each, dim=1) for each in (bank, queries))
    return (queries @ bank.T).argsort(dim=1, descending=True)[:, :k]


@NEAREST.mistake("these are the farthest entries: a small distance is near, so sort upwards")
def the_farthest(bank, queries, k):
    return torch.cdist(queries, bank).topk(k, dim=1).indices


@NEAREST.mistake("the norms |a| and |b| stand where their squares belong: |a - b|² = |a|² + |b|² - 2 a.b")
def norms_not_squared(bank, queries, k):
    table = queries.norm(dim=1)[:, None] + bank.norm(dim=1)[None] - 2 * queries @ bank.T
    return table.argsort(dim=1)[:, :k]


@NEAREST.mistake("the nearest entry is dropped as if it were the query itself; here nothing is to be removed")
def first_one_dropped(bank, queries, k):
    return torch.cdist(queries, bank).argsort(dim=1)[:, 1 : k + 1]


PRECISION = Exercise(
    "02.2",
    "Precision@k, without the query itself",
    difficulty=2,
    minutes=10,
    trains="a score of neighbourhoods that does not flatter itself",
    against="a loop over the pictures in numpy",
    praise="k others each, nobody counts itself, and the share is a share.",
    hints=(
        "First the distances between all pairs: torch.cdist(features, features), (n, n).",
        "Nobody may find itself. Put infinity on the diagonal, distances.fill_diagonal_(torch.inf): that holds "
        "even where two pictures are identical, and the first neighbour need not be the query.",
        "labels[neighbours] is (n, k). Compare it with labels[:, None], and take one mean over everything.",
    ),
)


@PRECISION.stub
def my_precision(features, labels, k):
    """Of the k nearest *other* pictures, what share has the picture's own class? Mean over pictures, in [0, 1].

    features: (n, d). labels: (n,) whole numbers. Euclidean distance. Two pictures may be identical.
    """
    raise NotImplementedError


@PRECISION.solve
def infinity_on_the_diagonal(features, labels, k):
    distances = torch.cdist(features, features)  # (n, n)
    distances.fill_diagonal_(torch.inf)
    neighbours = distances.argsort(dim=1)[:, :k]
    return (labels[neighbours] == labels[:, None]).float().mean()


@PRECISION.expect
def one_picture_at_a_time(features, labels, k):
    points, labels, shares = features.double().numpy(), labels.numpy(), []
    for n in range(len(points)):
        others, classes = np.delete(points, n, axis=0), np.delete(labels, n)
        nearest = np.argsort(np.linalg.norm(others - points[n], axis=1), kind="stable")[:k]
        shares.append(np.mean(classes[nearest] == labels[n]))
    return float(np.mean(shares))


@PRECISION.inputs
def some_classes():
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0], [7.5]])
    twins = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [5.0, 5.0], [5.0, 5.0], [5.0, 7.0]])
    labels = torch.arange(80) % 4
    cloud = _random(80, 6) + 1.5 * _random(4, 6, seed=1)[labels]
    return [
        {"features": line, "labels": torch.tensor([0, 0, 1, 1, 0]), "k": 2},
        {"features": line, "labels": torch.tensor([0, 0, 1, 1, 0]), "k": 1},
        {"features": twins, "labels": torch.tensor([0, 1, 1, 2, 3, 2]), "k": 1},
        {"features": cloud, "labels": labels, "k": 5},
    ]


@PRECISION.mistake("each picture finds itself first, and that free hit is counted; leave it out")
def itself_included(features, labels, k):
    neighbours = torch.cdist(features, features).topk(k, largest=False).indices
    return (labels[neighbours] == labels[:, None]).float().mean()


@PRECISION.mistake(
    "the query is taken out of its k neighbours, so that k - 1 are left but k divide; ask for k + 1"
)
def one_too_few(features, labels, k):
    neighbours = torch.cdist(features, features).argsort(dim=1, stable=True)[:, 1:k]
    return (labels[neighbours] == labels[:, None]).sum(dim=1).div(k).mean()


@PRECISION.mistake(
    "a picture scores 1 as soon as any neighbour has its class; count what share of the k does"
)
def any_hit(features, labels, k):
    distances = torch.cdist(features, features)
    distances.fill_diagonal_(torch.inf)
    neighbours = distances.topk(k, largest=False).indices
    return (labels[neighbours] == labels[:, None]).any(dim=1).float().mean()


@PRECISION.mistake("the first neighbour is dropped, but it is not the query where two pictures are identical")
def first_column_dropped(features, labels, k):
    neighbours = torch.cdist(features, features).argsort(dim=1, stable=True)[:, 1 : k + 1]
    return (labels[neighbours] == labels[:, None]).float().mean()


@PRECISION.mistake("this is k-NN accuracy, a vote of the neighbours; precision@k counts each neighbour")
def majority_vote(features, labels, k):
    distances = torch.cdist(features, features)
    distances.fill_diagonal_(torch.inf)
    voted = labels[distances.argsort(dim=1)[:, :k]].mode(dim=1).values
    return (voted == labels).float().mean()


PCA = Exercise(
    "02.3",
    "PCA to the plane",
    difficulty=3,
    minutes=15,
    trains="what a singular value decomposition holds, and which of its parts to use",
    against="eigenvectors of the covariance matrix",
    praise="Centred, and seen from the two directions of largest variance; signs are free.",
    hints=(
        "PCA speaks of variance, so of differences from the mean: subtract features.mean(dim=0) first.",
        "u, s, vh = torch.linalg.svd(centred, full_matrices=False). The directions are the rows of vh, "
        "the most important first.",
        "A position in the plane is a dot product with each of the first two directions: centred @ vh[:2].T.",
    ),
    tolerance=1e-3,
    signs=True,
)


@PCA.stub
def my_pca(features):
    """The features (n, d) seen from their two directions of largest variance: positions (n, 2).

    The mean of the positions is 0. The sign of each column is free.
    """
    raise NotImplementedError


@PCA.solve
def by_svd(features):
    centred = features - features.mean(dim=0)
    _, _, vh = torch.linalg.svd(centred, full_matrices=False)
    return centred @ vh[:2].T


@PCA.expect
def by_covariance(features):
    points = features.double().numpy()
    _, vectors = np.linalg.eigh(np.cov(points.T))  # the smallest eigenvalue first
    positions = (points - points.mean(axis=0)) @ vectors[:, :-3:-1]  # (n, 2)
    farthest = positions[np.abs(positions).argmax(axis=0), [0, 1]]
    return torch.from_numpy(positions * np.sign(farthest))  # the same signs on every machine


@PCA.inputs
def some_clouds():
    square = torch.tensor([[3.0, 1.0], [6.0, 5.0], [1.0, 2.0], [2.0, 4.0]])
    scales = torch.tensor([3.0, 0.5, 1.6, 0.2, 1.0])
    turn = torch.linalg.qr(_random(5, 5, seed=1)).Q
    cloud = (_random(40, 5) * scales) @ turn + torch.tensor([4.0, -3.0, 0.0, 2.0, 1.0])
    return [{"features": features} for features in (square, square * 3, cloud, cloud[:12])]


@PCA.mistake("the features are not centred: the first direction points from 0 to the mean of the cloud")
def not_centred(features):
    _, _, vh = torch.linalg.svd(features, full_matrices=False)
    return features @ vh[:2].T


@PCA.mistake(
    "these are columns of U: both axes have length 1, so the spread is lost; multiply by s, or project on vh"
)
def columns_of_u(features):
    u, _, _ = torch.linalg.svd(features - features.mean(dim=0), full_matrices=False)
    return u[:, :2]


@PCA.mistake("the directions are the rows of vh, not its columns: project with vh[:2].T")
def columns_of_vh(features):
    centred = features - features.mean(dim=0)
    _, _, vh = torch.linalg.svd(centred, full_matrices=False)
    return centred @ vh[:, :2]


@PCA.mistake("the projection already holds the singular values, and here they come in twice")
def scaled_twice(features):
    centred = features - features.mean(dim=0)
    _, s, vh = torch.linalg.svd(centred, full_matrices=False)
    return centred @ vh[:2].T * s[:2]


@PCA.mistake("these are the directions of smallest variance: eigh sorts its eigenvalues upwards")
def smallest_first(features):
    centred = features - features.mean(dim=0)
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    return centred @ vectors[:, :2]


PERPLEXITY = Exercise(
    "02.4",
    "The perplexity of t-SNE",
    difficulty=4,
    minutes=20,
    trains="entropy, its unit, and bisection",
    against="Brent's method (scipy.optimize.brentq)",
    praise="With your sigma each point has exactly the number of neighbours that was asked for.",
    hints=(
        "First a function of sigma alone: weights exp(-squared / (2 sigma²)) of the others, divided by their "
        "sum. torch.softmax(-others / (2 * sigma**2), dim=0) does both and never divides by 0.",
        "Entropy in nats is H = -sum p ln p, and then the perplexity is e^H. Use torch.special.entr(p).sum(): "
        "it knows that 0 ln 0 = 0.",
        "A larger sigma always gives a larger perplexity. So start with low = 1e-3, high = 1e3, "
        "and halve: if the perplexity in the middle is too small, low = middle, else high = middle.",
        "60 halvings are plenty. The middle of two sizes is sqrt(low * high), which is fair to small sigmas.",
    ),
    tolerance=2e-3,
)


@PERPLEXITY.stub
def my_sigma(squared, own, perplexity):
    """The width sigma of the Gaussian around point `own` that gives it this perplexity: a number.

    squared: (n,) *squared* distances from the point to all n points, itself included, at index own.
    p_j = exp(-squared_j / (2 sigma²)), divided by the sum over the others; p_own = 0.
    perplexity: 2^H with H in bits (or e^H with H in nats), between 1 and n - 1. 0.001 < sigma < 1000.
    """
    raise NotImplementedError


@PERPLEXITY.solve
def by_bisection(squared, own, perplexity):
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


@PERPLEXITY.expect
def by_brent(squared, own, perplexity):
    from scipy.optimize import brentq

    others = np.delete(squared.double().numpy(), own)
    others = others - others.min()  # the same p, and the nearest never underflows

    def bits_missing(log_sigma):
        exponents = others / (2 * np.exp(2 * log_sigma))
        weights = np.exp(-exponents)
        nats = np.log(weights.sum()) + (weights * exponents).sum() / weights.sum()  # entropy, without p ln p
        return nats / np.log(2) - np.log2(perplexity)

    return float(np.exp(brentq(bits_missing, np.log(1e-3), np.log(1e3), xtol=1e-10)))


@PERPLEXITY.inputs
def some_rows():
    tiny = torch.tensor([0.0, 1.0, 4.0, 9.0])
    rows = torch.cdist(_random(50, 10), _random(50, 10)).square()
    rows.fill_diagonal_(0)
    return [
        {"squared": tiny, "own": 0, "perplexity": 2.0},
        {"squared": tiny[[1, 2, 0, 3]], "own": 2, "perplexity": 2.0},
        {"squared": tiny * 25, "own": 0, "perplexity": 1.5},
        {"squared": rows[0], "own": 0, "perplexity": 8.0},
        {"squared": rows[7], "own": 7, "perplexity": 12.0},
    ]


@PERPLEXITY.mistake(
    "two units of entropy are mixed: with the natural logarithm it is e^H, with log2 it is 2^H"
)
def two_to_the_nats(squared, own, perplexity):
    others = torch.cat([squared[:own], squared[own + 1 :]]).double()
    low, high = 1e-3, 1e3
    for _ in range(100):
        sigma = (low + high) / 2
        p = torch.softmax(-others / (2 * sigma**2), dim=0)
        low, high = (sigma, high) if 2 ** torch.special.entr(p).sum() < perplexity else (low, sigma)
    return sigma


@PERPLEXITY.mistake(
    "the point counts as its own neighbour, the nearest of all; leave entry own out of the sum"
)
def itself_a_neighbour(squared, own, perplexity):
    low, high = 1e-3, 1e3
    for _ in range(100):
        sigma = (low + high) / 2
        p = torch.softmax(-squared.double() / (2 * sigma**2), dim=0)
        low, high = (sigma, high) if torch.special.entr(p).sum().exp() < perplexity else (low, sigma)
    return sigma


@PERPLEXITY.mistake("what you return is the variance, sigma², and sigma was asked for")
def the_variance(squared, own, perplexity):
    others = torch.cat([squared[:own], squared[own + 1 :]]).double()
    low, high = 1e-6, 1e6
    for _ in range(100):
        variance = (low + high) / 2
        p = torch.softmax(-others / (2 * variance), dim=0)
        low, high = (variance, high) if torch.special.entr(p).sum().exp() < perplexity else (low, variance)
    return variance


@PERPLEXITY.mistake("the 2 is missing in exp(-squared / (2 sigma²)), so sigma comes out too large by sqrt(2)")
def without_the_two(squared, own, perplexity):
    others = torch.cat([squared[:own], squared[own + 1 :]]).double()
    low, high = 1e-3, 1e3
    for _ in range(100):
        sigma = (low + high) / 2
        p = torch.softmax(-others / sigma**2, dim=0)
        low, high = (sigma, high) if torch.special.entr(p).sum().exp() < perplexity else (low, sigma)
    return sigma


@PERPLEXITY.mistake("the distances are squared already, and here they are squared once more")
def squared_again(squared, own, perplexity):
    others = torch.cat([squared[:own], squared[own + 1 :]]).double()
    low, high = 1e-3, 1e3
    for _ in range(100):
        sigma = (low + high) / 2
        p = torch.softmax(-(others**2) / (2 * sigma**2), dim=0)
        low, high = (sigma, high) if torch.special.entr(p).sum().exp() < perplexity else (low, sigma)
    return sigma
