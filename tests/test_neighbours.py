"""Neighbours, precision and intervals: by hand, against scikit-learn, and what they refuse."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from experiments.methods.probes import precision_at_k
from lecture_utils import features
from lecture_utils.features import kept_neighbours, nearest, neighbours
from tests.helpers import normal
from tests.test_features import small_net
from tests.test_hooks import photograph, same

cloud = partial(normal, dtype=torch.float64)


def test_nearest_by_hand_ties_by_lower_index_self_not_removed():
    bank = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 5.0], [1.0, 0.0]])
    assert nearest(bank, torch.zeros(1, 2), 4).tolist() == [[0, 3, 1, 2]], "of two at 5 the lower first"
    assert nearest(bank, bank, 1).flatten().tolist() == [0, 1, 2, 3]
    assert neighbours(bank, 2).tolist() == [[3, 1], [2, 3], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("n", "q", "d", "k"), [(60, 9, 3, 5), (300, 700, 40, 10), (30, 30, 5000, 30), (7, 1, 1, 1)]
)
def test_nearest_against_scikit_learn(n, q, d, k):
    bank, queries = cloud(n, d), cloud(q, d, seed=1)
    oracle = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(bank)
    assert np.array_equal(nearest(bank, queries, k), oracle.kneighbors(queries, return_distance=False))


def test_ties_on_a_grid_go_to_the_lower_index():
    """Small whole numbers tie all the time, and their distances are exact."""
    draws = torch.Generator().manual_seed(3)
    bank = torch.randint(0, 3, (200, 4), generator=draws).float()
    queries = torch.randint(0, 3, (50, 4), generator=draws).float()
    exact = (queries[:, None] - bank).square().sum(2).numpy()
    oracle = np.lexsort((np.broadcast_to(np.arange(200), exact.shape), exact), axis=1)[:, :12]
    assert np.array_equal(nearest(bank, queries, 12).numpy(), oracle)
    same_everywhere = torch.full((40, 3), 0.1)
    assert nearest(same_everywhere, same_everywhere[:2], 5).tolist() == [[0, 1, 2, 3, 4]] * 2


def test_far_from_zero_nothing_is_lost():
    """|x|^2 + |y|^2 - 2 x.y in float32 would see nothing but rounding here."""
    bank = normal(80, 6) / 8 + 4000
    oracle = (bank.double()[:, None] - bank.double()).square().sum(2).argsort(dim=1, stable=True)[:, :6]
    assert torch.equal(nearest(bank, bank, 6), oracle)
    line = torch.tensor([[4096.0], [4096.5], [4097.0]])
    assert nearest(line, torch.tensor([[4096.75]]), 2).tolist() == [[1, 2]]


def test_neighbours_of_copies_are_others():
    bank = torch.tensor([[1.0]] * 5 + [[2.0]])
    assert neighbours(bank, 2).tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]


def test_precision_by_hand_and_its_chance():
    found = torch.tensor([[0, 1], [2, 3], [4, 0]])
    answer = precision_at_k(found, torch.tensor([7, 7, 8, 7, 9]), torch.tensor([7, 7, 8]))
    assert answer.tolist() == [1, 0.5, 0]
    labels = torch.arange(400) % 4
    noise = precision_at_k(neighbours(cloud(400, 20), 10), labels, labels)
    assert noise.mean() == pytest.approx(0.25, abs=0.03)


def test_kept_neighbours():
    points = cloud(100, 8)
    assert kept_neighbours(points, 3 * points + 1).min() == 1, "shape, not size"
    assert kept_neighbours(points, -points[:, [1, 0, *range(2, 8)]]).min() == 1, "turning keeps neighbours"
    shuffled = points[torch.randperm(100, generator=torch.Generator().manual_seed(1))]
    assert kept_neighbours(points, shuffled, 10).mean() == pytest.approx(10 / 99, abs=0.04)
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert kept_neighbours(line, torch.tensor([[0.0], [9.0], [3.0], [7.0]]), 1).tolist() == [0, 0, 0, 0]


def test_extract_layers_equals_extract_and_leaves_the_net():
    net, images = small_net().train(), torch.rand(5, 3, 8, 8)
    before = photograph(net)
    found = features.extract_layers(net, images, {"first": "relu1", "last": "fc"}, batch_size=2)
    assert list(found) == ["first", "last"] and same(photograph(net), before)
    assert torch.equal(found["first"], features.extract(net, images, "relu1", 2))
    assert torch.equal(features.extract_layers(net, images, ["fc"], 2)["fc"], found["last"])
