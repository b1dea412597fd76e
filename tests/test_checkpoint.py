"""Checkpoints: what is kept comes back bit for bit, and what does not belong is refused in a sentence."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from experiments.checkpoint import Checkpoint


@dataclass(frozen=True)
class Recipe:
    seed: int = 0
    widths: tuple = (6, 3)


def step(net, optimiser, generator, draws):
    x = torch.randn(4, 3, generator=generator) + float(draws.random())
    loss = nn.functional.dropout(net(x), 0.5).square().mean()  # torch's own random state counts
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


def begun(path, settings=Recipe()):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    draws = torch.Generator().manual_seed(5), np.random.default_rng(1)
    parts = net, torch.optim.Adam(net.parameters(), 0.1), *draws
    names = ("net", "optimiser", "generator", "draws")
    return parts, Checkpoint(path, settings, **dict(zip(names, parts, strict=True)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deeper/checkpoint.pt"


def test_a_training_cut_in_two_is_the_training(path):
    parts, checkpoint = begun(path)
    assert checkpoint.resume() == {}
    losses = [step(*parts) for _ in range(3)]
    checkpoint.keep(log=losses, mean=torch.ones(2))
    rest = [step(*parts) for _ in range(3)]
    again, checkpoint = begun(path)
    facts = checkpoint.resume()
    assert facts["log"] == losses and torch.equal(facts["mean"], torch.ones(2))
    assert [step(*again) for _ in range(3)] == rest
    for name, value in parts[0].state_dict().items():
        assert torch.equal(value, again[0].state_dict()[name]), name
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [(Recipe(seed=1), r"seed 0, now 1"), ({"seed": 0}, r"widths \[6, 3\], now None")],
)
def test_another_training_is_refused_and_nothing_is_touched(path, settings, said):
    begun(path)[1].keep()
    (net, *_), checkpoint = begun(path, settings)
    net[0].weight.data.zero_()
    with pytest.raises(ValueError, match=rf"of another training \({said}\): add --restart"):
        checkpoint.resume()
    assert not net[0].weight.any()
    assert checkpoint.resume(restart=True) == {} and not path.exists()


def test_facts_come_back_as_plain_ones_and_settings_in_any_order(path):
    log = [np.float64(0.5), {"loss": np.float32(0.25)}]
    Checkpoint(path, {"widths": (6, 3), "seed": 0}).keep(log=log, n=np.int64(3))
    found = Checkpoint(path, Recipe()).resume()
    assert found == {"log": [0.5, {"loss": 0.25}], "n": 3} and type(found["log"][0]) is float


def test_a_damaged_checkpoint_and_a_missing_part(path):
    parts, _ = begun(path)
    Checkpoint(path, Recipe(), net=parts[0]).keep()
    with pytest.raises(ValueError, match="it has no optimiser"):
        Checkpoint(path, Recipe(), net=parts[0], optimiser=parts[1]).resume()
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="is damaged: add --restart"):
        Checkpoint(path, Recipe(), net=parts[0]).resume()


def test_a_write_that_fails_leaves_the_old_one(path):
    checkpoint = Checkpoint(path, Recipe())
    checkpoint.keep(log=[1.0])
    with pytest.raises((AttributeError, RuntimeError, TypeError)):
        checkpoint.keep(log=lambda: 0)  # cannot be written
    assert checkpoint.resume() == {"log": [1.0]} and len(list(path.parent.iterdir())) == 1
