"""The t-SNE explorer: pure, honest about its numbers, quick; and the figures of neighbours and embeddings."""

import pytest
import torch

from lecture_utils import features
from lecture_utils.explorers import TSNEExplorer
from lecture_utils.features import sne

NAMES = [f"class {i}" for i in range(10)]
LABELS = torch.arange(80) % 10
POINTS = torch.randn(80, 6, generator=torch.Generator().manual_seed(0)) + 5 * torch.eye(10)[LABELS][:, :6]


@pytest.fixture(scope="module")
def explorer():
    return TSNEExplorer(POINTS, LABELS, NAMES, count=60)


def test_it_says_what_was_computed(explorer):
    state = {"points": "features", "perplexity": 12, "seed": 3, "steps": 150}
    found = sne.tsne(POINTS[:60], 12, iterations=150, seed=3)
    kept = float(features.kept_neighbours(POINTS[:60], found.positions, 10).mean())
    sentence = explorer.describe(**state)
    assert (
        f"divergence {found.divergence:.2f} nats, {kept:.0%} of the 10" in sentence
        and f"({10 / 59:.0%} by chance)" in sentence
    )
    assert "noise" in explorer.describe(**state | {"points": "noise"})


def test_the_control_has_no_structure(explorer):
    noise = explorer.clouds["noise"]
    assert noise.shape == (60, 6) and abs(noise.mean()) < 0.15 and noise.std() == pytest.approx(1, abs=0.1)
    lengths = torch.cov(noise.T).diagonal()
    assert lengths.min() > 0.4 and lengths.max() < 1.8, "no direction is special"
