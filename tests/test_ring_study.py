"""The study of the ring: what it counts, that it repeats, and that its slice is the beginning of the whole."""

import json

import pytest
import torch

from experiments.studies import ring, ring_data as plane
from lecture_utils import results, store


class Perfect(torch.nn.Module):
    """Two runs: the first makes the ring itself, the second only its first mode."""

    latent = 2

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Module()
        self.layers.runs = 2

    def forward(self, z):
        first, second = z.chunk(2)
        centres = plane.centres()[torch.arange(len(first)) % 8]
        return torch.cat([centres + plane.SPREAD * first, plane.centres()[:1] + plane.SPREAD * second])


def test_measured_on_what_is_known():
    found = ring.measured(Perfect())
    assert found["modes"] == [8, 1]
    assert found["on"] == pytest.approx([0.989, 0.989], abs=0.006)
    assert found["divergence"][0] < 2 * ring.floor() < 0.05 < 0.4 < found["divergence"][1]


def test_a_run_in_small(tmp_path, monkeypatch):
    monkeypatch.setattr(ring, "POINTS", 400)
    small = {"seeds": (0, 1), "turns": 4, "every": 2}
    path = ring.run(tmp_path / "a.json", **small)
    found = json.loads(path.read_text())
    assert set(found["games"]) == set(ring.RATES) and found["seeds"] == [0, 1]
    rows = found["games"]["even"]["minimax"]["rows"]
    assert [row["turn"] for row in rows] == [0, 2, 4] and all(len(row["modes"]) == 2 for row in rows)
    assert found["games"]["even"]["minimax"] != found["games"]["even"]["non_saturating"]
    again, _, _ = ring.games("minimax", ring.RATES["even"], (0, 1), 2, 2)
    assert again == rows[:2]  # a slice is the beginning of the whole


def test_the_shipped_results_are_of_this_study():
    if "results/ring.json" not in store.manifest():
        pytest.skip("not shipped yet")
    found = results.load("ring")
    assert found["seeds"] == list(ring.SEEDS)
    assert found["floor"] == pytest.approx(ring.floor(), abs=1e-3)
    for games in found["games"].values():
        for game in games.values():
            assert game["stopped"] is None and game["rows"][-1]["turn"] == ring.TURNS
