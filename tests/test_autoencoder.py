"""Autoencoder, gradients through a draw, what an axis follows, and the study of few labels."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from experiments.studies.gradient_estimators import KINDS, mean_gradients
from experiments.studies.latent_axes import design, explained
from lecture_utils.generative import Autoencoder, fit, squared_error
from tests.helpers import draws, uniform

# --- autoencoder ---


def test_the_squared_error_by_hand():
    def half(images):
        return images / 2

    images = torch.tensor([[[[1.0, 0.0]]], [[[0.5, 1.0]]]])
    assert squared_error(half, images).tolist() == [0.25, 0.0625 + 0.25]


def test_an_autoencoder_learns_to_draw_its_pictures_again():
    images = uniform(32, 1, 1, 1).expand(32, 1, 4, 4).contiguous()  # one number is enough
    model = Autoencoder(4, 1, hidden=16)
    before = squared_error(model, images).mean()
    fit(model, images, squared_error, steps=200, lr=1e-2)
    assert squared_error(model, images).mean() < 0.1 * before
    assert model.encode(images).shape == (32, 1) and model.decode(torch.zeros(2, 1)).shape == (2, 1, 4, 4)


# --- gradients through a draw ---


@pytest.mark.parametrize("kind", KINDS)
def test_every_estimator_is_right_on_average(kind):
    """E z^2 = mean^2 + variance, so the gradient is 2 mean."""
    mean, log_variance = torch.tensor([1.0, -0.5]).double(), torch.tensor([0.25, 0.5]).double().log()
    found = mean_gradients(lambda z: z.square().sum(1), mean, log_variance, 40_000, kind, draws())
    error = found.std(0) / 200
    assert found.shape == (40_000, 2) and ((found.mean(0) - 2 * mean).abs() < 4.5 * error).all()


def test_the_spread_of_a_single_draw_is_as_computed():
    """For z^2 at mean m and variance v, from the moments of a Gaussian."""
    m, v = 1.0, 0.25
    mean, log_variance = torch.tensor([m]).double(), torch.tensor([v]).double().log()
    spread = {
        kind: float(mean_gradients(lambda z: z[:, 0] ** 2, mean, log_variance, 200_000, kind, draws()).std())
        for kind in ("reparametrised", "score")
    }
    assert spread["reparametrised"] == pytest.approx(2 * math.sqrt(v), rel=0.02)
    # E [z^4 e^2] / v with z = m + sqrt(v) e: moments 1, 3, 15, 105 of e
    second = (m**4 + 6 * m**2 * v * 3 + v**2 * 15) / v
    assert spread["score"] == pytest.approx(math.sqrt(second - 4 * m**2), rel=0.02)


@torch.no_grad()
def test_a_baseline_changes_nothing_but_the_spread():
    mean, log_variance = torch.zeros(1).double(), torch.zeros(1).double()

    def high(z):
        return 100 + z[:, 0]

    found = [mean_gradients(high, mean, log_variance, 20_000, k, draws()) for k in KINDS]
    spread = {kind: float(each.std()) for kind, each in zip(KINDS, found, strict=True)}
    assert spread["score, baseline"] < 0.05 * spread["score"] and abs(float(found[2].mean()) - 1) < 0.1
    assert torch.equal(found[0], torch.ones_like(found[0])), "without gradients, too"
    with pytest.raises(KeyError, match="did you mean 'score'"):
        mean_gradients(high, mean, log_variance, 2, "scores")


# --- axes ---


def test_what_an_axis_follows():
    turn = torch.linspace(-80, 80, 200)
    noise = torch.randn(200, generator=draws())
    codes = torch.stack([torch.deg2rad(turn).sin(), noise, torch.zeros(200)], 1)
    found = explained(codes, design(turn, "angle"))
    assert found[0] == pytest.approx(1) and found[1] < 0.05 and found[2] == 0
    assert explained(codes, design(turn, "number"))[0] < 0.995, "a straight line in degrees does not reach it"
    names = torch.arange(200) % 3
    expected = LinearRegression().fit(np.eye(3)[names], noise).score(np.eye(3)[names], noise)
    assert float(explained(codes, design(names, "name"))[1]) == pytest.approx(expected)
    with pytest.raises(ValueError, match="kind: expected"):
        design(turn, "degrees")
