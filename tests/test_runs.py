"""Checkpoints: what is kept comes back bit for bit, and what does not belong is refused in a sentence."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from experiments.train import runs


@dataclass(frozen=True)
class Recipe:
    seed: int = 0
    steps: int = 6


def step(net, optimiser, generator):
    loss = net(torch.randn(4, 3, generator=generator)).square().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


def begun():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    return net, torch.optim.Adam(net.parameters(), 0.1), torch.Generator().manual_seed(5)


def test_a_training_cut_in_two_is_the_training(tmp_path):
    path = tmp_path / "deeper" / "checkpoint.pt"
    net, optimiser, generator = begun()
    losses = [step(net, optimiser, generator) for _ in range(3)]
    runs.keep(path, Recipe(), net=net, optimiser=optimiser, draws=generator, log=losses, mean=torch.ones(2))
    whole = losses + [step(net, optimiser, generator) for _ in range(3)]

    other, optimiser, generator = begun()
    rest = runs.resume(path, Recipe(), net=other, optimiser=optimiser, draws=generator)
    assert rest["log"] == losses and torch.equal(rest["mean"], torch.ones(2)) and set(rest) == {"log", "mean"}
    assert rest["log"] + [step(other, optimiser, generator) for _ in range(3)] == whole
    for name, value in net.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint.pt"]


def test_no_checkpoint_is_none(tmp_path):
    assert runs.resume(tmp_path / "checkpoint.pt", Recipe()) is None


@pytest.mark.parametrize("settings", [Recipe(seed=1), {"seed": 0}])
def test_another_training_is_refused(tmp_path, settings):
    net, optimiser, _ = begun()
    path = tmp_path / "checkpoint.pt"
    runs.keep(path, Recipe(), net=net)
    before = net[0].weight.clone()
    with pytest.raises(ValueError, match="of another training: add --restart"):
        runs.resume(path, settings, net=net)
    assert torch.equal(net[0].weight, before)


def test_settings_may_be_a_dict_in_any_order(tmp_path):
    path = tmp_path / "checkpoint.pt"
    runs.keep(path, {"steps": 6, "seed": 0}, log=[1.0])
    assert runs.resume(path, Recipe()) == {"log": [1.0]}


def test_numbers_of_numpy_come_back_as_plain_ones(tmp_path):
    path = tmp_path / "checkpoint.pt"
    runs.keep(path, Recipe(), log=[np.float64(0.5), {"loss": np.float32(0.25)}], step=np.int64(3))
    found = runs.resume(path, Recipe())
    assert found == {"log": [0.5, {"loss": 0.25}], "step": 3} and type(found["log"][0]) is float


def test_a_damaged_checkpoint_and_a_missing_part(tmp_path):
    net, optimiser, _ = begun()
    path = tmp_path / "checkpoint.pt"
    runs.keep(path, Recipe(), net=net)
    with pytest.raises(ValueError, match="has no optimiser"):
        runs.resume(path, Recipe(), net=net, optimiser=optimiser)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="is damaged: add --restart"):
        runs.resume(path, Recipe(), net=net)


def test_a_write_that_fails_leaves_the_old_one(tmp_path):
    path = tmp_path / "checkpoint.pt"
    runs.keep(path, Recipe(), log=[1.0])
    with pytest.raises((AttributeError, RuntimeError, TypeError)):
        runs.keep(path, Recipe(), log=lambda: 0)  # cannot be written
    assert runs.resume(path, Recipe()) == {"log": [1.0]}


def test_place(tmp_path):
    assert runs.place("studio-gan", tmp_path) == tmp_path / "checkpoint.pt"
    assert runs.place("studio-gan").parts[-3:] == ("runs", "studio-gan", "checkpoint.pt")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "the same command goes on"),
        (ValueError("add --restart"), 2, "add --restart"),
        (FloatingPointError("the loss is NaN"), 2, "the loss is NaN"),
        (None, 0, "store --write"),
    ],
)
def test_the_command(tmp_path, capsys, error, status, said):
    called = {}

    def train(out, restart):
        called.update(out=out, restart=restart)
        if error:
            raise error
        return {"loss": 0.25}

    argv = ["--out", str(tmp_path), "--restart"]
    report = lambda card: print("loss", card["loss"])  # noqa: E731
    assert runs.command(argv, "python -m x", "About.\n\nMore.", train, report) == status
    assert called == {"out": tmp_path, "restart": True}
    out, err = capsys.readouterr()
    assert said in (err if error else out)
    assert ("loss 0.25" in out) == (error is None)


@pytest.mark.parametrize("at_once", [1, 2])
def test_jobs_side_by_side(tmp_path, at_once):
    runs.side_by_side(Path.write_text, [(tmp_path / name, name) for name in "abc"], at_once, "writing")
    assert sorted(file.read_text() for file in tmp_path.iterdir()) == ["a", "b", "c"]
    with pytest.raises(FileNotFoundError):
        runs.side_by_side(Path.read_text, [(tmp_path / "d",), (tmp_path / "a",)], at_once, "reading")
