"""The training loop of the generative models: it learns, repeats, stops cleanly and loses nothing."""

import math

import pytest
import torch
from torch import nn

from lecture_utils.generative import fit, warm_cosine

X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))


def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.1), nn.BatchNorm1d(8), nn.Linear(8, 1))


def error(model, x, generator):
    return (model(x)[:, 0] - x.sum(1)) ** 2


def test_it_learns_and_says_how_it_went():
    looked = []
    model = net()
    history = fit(model, X, error, steps=100, batch=20, lr=0.02, callback=looked.append, every=30)
    assert history.losses.shape == (100,) and history.stopped is None
    assert history.losses[-10:].mean() < 0.5 * history.losses[:10].mean()
    assert looked == [30, 60, 90, 100]


def test_the_same_seed_gives_the_same_weights_and_leaves_the_random_state():
    models, before = [net(), net(), net()], torch.get_rng_state()
    for model, seed in zip(models, (1, 1, 2), strict=True):
        fit(model, X, error, steps=8, batch=20, seed=seed)
    one, same, other = ([p.detach() for p in model.parameters()] for model in models)
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_modes_gradients_and_grad_mode_are_as_before():
    model, seen = net().eval(), []
    model[1].train()
    with torch.no_grad():
        fit(model, X, error, 2, callback=lambda step: seen.append((model.training, torch.is_grad_enabled())))
        assert not torch.is_grad_enabled()
    assert seen == [(False, False)] * 2, "looked at in evaluation mode, without gradients"
    assert [m.training for m in model] == [False, True, False, False]
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_nan_ends_it_with_the_last_good_weights(where, capsys):
    model, steps = net(), []

    def loss(model, x, generator):
        steps.append([p.detach().clone() for p in model.parameters()])
        value = error(model, x, generator)
        if len(steps) == 5:
            value = value * math.nan if where == "loss" else value + (value * 0).sqrt()
        return value

    history = fit(model, X, loss, steps=9, batch=20)
    assert history.stopped == "diverged" and len(history.losses) == 4
    good = steps[4 if where == "gradient" else 3]  # those that gave the last finite loss
    assert all(torch.equal(p, g) for p, g in zip(model.parameters(), good, strict=True))
    assert "step 5 of 9" in capsys.readouterr().out


def test_ctrl_c_keeps_what_is_learned(capsys):
    def stop(step):
        if step == 3:
            raise KeyboardInterrupt

    model = net()
    history = fit(model, X, error, steps=9, callback=stop, every=1)
    assert history.stopped == "interrupted" and len(history.losses) == 3
    assert "3 of 9" in capsys.readouterr().out
    assert model.training and all(p.grad is None for p in model.parameters())


def test_an_epoch_goes_through_everything_once():
    seen = []

    def loss(model, x, generator):
        seen.extend(x[:, 0].tolist())
        return error(model, x, generator)

    fit(net(), X, loss, steps=5, batch=10)
    assert sorted(seen) == sorted(X[:, 0].tolist())


def test_the_rate_goes_up_and_down():
    rates = [warm_cosine(step, 100, 2.0) for step in range(100)]
    assert rates[:5] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0]) and max(rates) == 2.0
    assert 0 < rates[-1] < 0.01 and rates[52] == pytest.approx(1.0, abs=0.05)
