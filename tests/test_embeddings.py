"""PCA, t-SNE, the grid and linear probes: by hand, against scikit-learn, and their own laws."""

import itertools
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.manifold import TSNE
from sklearn.manifold._t_sne import _joint_probabilities

from experiments.methods.probes import STRENGTHS, knn_right, probe
from lecture_utils.features import pca, sne, to_grid
from tests.helpers import normal

cloud = partial(normal, dtype=torch.float64)


def test_pca_by_hand():
    found = pca(torch.tensor([[1.0, 1.0], [3.0, 3.0], [2.0, 2.5], [2.0, 1.5]]), 2)
    assert found.coordinates[:2, 0].abs().tolist() == pytest.approx([2**0.5] * 2, abs=0.2)
    line = pca(torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]), 1)
    assert line.coordinates.abs().flatten().tolist() == pytest.approx([5, 0, 5], abs=1e-6)
    assert line.share.tolist() == pytest.approx([1])


@pytest.mark.parametrize(("n", "d"), [(50, 7), (20, 300), (30, 30), (12, 9000)])
def test_pca_against_scikit_learn(n, d):
    points = cloud(n, d) * torch.linspace(3, 0.2, d, dtype=torch.float64) + 5
    oracle, found = PCA(4).fit(points), pca(points, 4)
    np.testing.assert_allclose(
        found.coordinates.abs(), np.abs(oracle.transform(points)), atol=1e-6, rtol=1e-6
    )
    torch.testing.assert_close(found.share, torch.tensor(oracle.explained_variance_ratio_))


@pytest.mark.parametrize("shape", [(40, 6), (25, 3, 20, 20)])
def test_all_axes_keep_every_distance(shape):
    points = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    found = pca(points)
    assert found.coordinates.shape[1] == min(shape[0] - 1, points[0].numel())
    assert found.coordinates.dtype == points.dtype
    wide = points.flatten(1).double()
    turned = found.coordinates.double()
    torch.testing.assert_close(torch.cdist(turned, turned), torch.cdist(wide, wide), atol=1e-4, rtol=1e-4)
    assert found.share.sum() == pytest.approx(1, abs=1e-5)
    assert torch.equal(pca(points, 2).coordinates, found.coordinates[:, :2])
    largest = found.coordinates.gather(0, found.coordinates.abs().argmax(0, keepdim=True))
    assert (largest >= 0).all()


def test_grid_by_hand_and_best_of_all():
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert to_grid(corners, 2, 2).tolist() == [[1, 0], [0, 0], [1, 1], [0, 1]], "up is up on the grid"
    points = torch.rand(5, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    cells = [(r, c) for r in range(2) for c in range(3)]
    low, high = points.min(0).values, points.max(0).values
    x, y = ((points - low) / (high - low)).T
    at = torch.stack([(1 - y) * 1, x * 2], 1)
    cost = lambda chosen: sum((at[i] - torch.tensor(c)).square().sum() for i, c in enumerate(chosen))  # noqa: E731
    best = min(itertools.permutations(cells, 5), key=cost)
    assert to_grid(points, 2, 3).tolist() == [list(c) for c in best]


@pytest.mark.parametrize("perplexity", [2, 5.5, 30, 90])
def test_every_row_has_the_perplexity(perplexity):
    p = sne.conditional(sne.squared_distances(cloud(120, 20).numpy()), perplexity)
    entropy = -(p * np.log2(np.where(p > 0, p, 1))).sum(1)
    assert 2**entropy == pytest.approx(perplexity, rel=1e-5)
    assert p.sum(1) == pytest.approx(1) and not p.diagonal().any()


@pytest.mark.parametrize("perplexity", [3, 20])
def test_joint_equals_scikit_learns(perplexity):
    points = cloud(80, 12)
    squared = sne.squared_distances(points.numpy()).astype(np.float32)
    oracle = _joint_probabilities(squared, perplexity, 0)  # condensed: p_ij for i < j
    ours = sne.joint(points, perplexity)
    assert ours[np.triu_indices(80, 1)] == pytest.approx(oracle, abs=2e-6)
    assert ours.sum() == pytest.approx(1) and np.array_equal(ours, ours.T)


def test_descent_follows_the_gradient():
    """One step from a known place equals minus the rate times the numerical gradient of the divergence."""
    p, y = sne.joint(cloud(9, 4), 3), np.random.default_rng(0).normal(0, 1, (9, 2))
    numeric, eps = np.zeros_like(y), 1e-5
    for i, j in np.ndindex(*y.shape):
        up, down = y.copy(), y.copy()
        up[i, j] += eps
        down[i, j] -= eps
        numeric[i, j] = (sne.divergence(p, up) - sne.divergence(p, down)) / (2 * eps)
    w = 1 / (1 + sne.squared_distances(y))
    np.fill_diagonal(w, 0)
    m = (p - w / w.sum()) * w
    by_equation = 4 * (m.sum(1)[:, None] * y - m @ y)  # equation 5
    assert by_equation == pytest.approx(numeric, abs=1e-6)
    assert sne.gradient(p.astype(np.float32), y.astype(np.float32)) == pytest.approx(by_equation, abs=1e-5)


@pytest.mark.parametrize("perplexity", [5, 30])
def test_the_divergence_is_as_low_as_scikit_learns(perplexity):
    labels = torch.arange(120) % 6
    points = cloud(120, 30) + 4 * cloud(6, 30, seed=1)[labels]
    ours = min(sne.tsne(points, perplexity, seed=seed).divergence for seed in range(3))
    oracle = TSNE(perplexity=perplexity, method="exact", init="random", random_state=0).fit(points)
    assert ours < oracle.kl_divergence_ + 0.05
    mine = sne.divergence(sne.joint(points, perplexity), oracle.embedding_)
    assert mine == pytest.approx(oracle.kl_divergence_, rel=0.15), (
        "the same thing; theirs stops a step earlier"
    )
    assert knn_right(sne.tsne(points, perplexity).positions, labels).double().mean() > 0.9


def test_tsne_is_seeded_and_leaves_the_global_state():
    points, state = normal(40, 5), (np.random.get_state()[1].copy(), torch.get_rng_state())
    one = sne.tsne(points, 8, iterations=50, seed=3)
    assert torch.equal(one.positions, sne.tsne(points, 8, iterations=50, seed=3).positions)
    assert not torch.equal(one.positions, sne.tsne(points, 8, iterations=50, seed=4).positions)
    assert one.positions.dtype == torch.float32 and one.positions.shape == (40, 2)
    assert sne.tsne(points, 8, iterations=0).positions.abs().max() < 1e-3, "the random start"
    assert np.array_equal(state[0], np.random.get_state()[1]) and torch.equal(state[1], torch.get_rng_state())


def test_probe_equals_ridge_by_hand_and_nan_leaves_out():
    points, train = cloud(60, 5), np.arange(60) < 40
    values = points[:, 0] + cloud(60, 1, seed=2)[:, 0]
    values[::7] = torch.nan
    found = probe(points, {"v": values}, train)["v"]
    x = (points - points[:40].mean(0)).numpy()
    x /= np.sqrt(np.square(x[:40]).sum(1).mean())
    use = np.isfinite(values.numpy())
    fit = RidgeCV(STRENGTHS).fit(x[use & train], values.numpy()[use & train])
    wanted = values.numpy()[use & ~train]
    error, blind = wanted - fit.predict(x[use & ~train]), wanted - values.numpy()[use & train].mean()
    assert found.skill == pytest.approx(1 - np.square(error).sum() / np.square(blind).sum())
    assert len(found.loss) == (use & ~train).sum()
