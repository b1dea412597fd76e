"""The simple distributions: sums to 1, numbers by hand, and what a lower bound is."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from experiments.studies import exhaustive_check
from experiments.studies.density_baselines import DequantisedGaussian, Independent, Kernels, Mixture
from tests.helpers import draws

EVERY = exhaustive_check.every_picture(3, (2, 2))
X = EVERY[torch.tensor([0, 5, 5, 17, 40, 40, 41, 80, 79, 3])]


@pytest.mark.parametrize(
    "make",
    [lambda: Independent(X, 3), lambda: Mixture(X, 3, 3), lambda: Kernels(X, 3)],
    ids=["table", "EM", "kernels"],
)
def test_a_distribution_over_all_pictures_and_its_sampler(make):
    model = make()
    wanted = model.log_prob(EVERY).exp()
    assert float(wanted.sum()) == pytest.approx(1, abs=1e-9) and (wanted > 0).all()
    found = exhaustive_check.code(model.sample(50_000, draws()), 3).bincount(minlength=81)
    assert exhaustive_check.chi_squared(wanted, found)[2] > 1e-4
    with pytest.raises(ValueError, match=r"levels 0 \.\. 2"):
        model.log_prob(EVERY + 1)


def test_em_never_falls_and_finds_two_kinds_of_pictures():
    a, b = torch.tensor([0, 0, 2, 2]), torch.tensor([2, 2, 0, 0])
    x = torch.stack([a, b] * 20).view(-1, 1, 2, 2)
    found = Mixture(x, 3, 2, prior=1e-6, rounds=60)
    assert np.diff(found.history).min() > -1e-6
    assert float(found.log_prob(x).mean()) == pytest.approx(-math.log(2), abs=1e-2)
    assert float(Independent(x, 3).log_prob(x).mean()) < -2.5
    assert torch.equal(Mixture(x, 3, 2, prior=1e-6, rounds=60).logp, found.logp)


def test_kernels_remember_their_pictures_unless_they_are_left_out():
    found = Kernels(X, 3, width=0.3, floor=0.05)
    new = torch.cat([EVERY[:1] + 1, EVERY[30:34]])
    assert found.log_prob(X).mean() > found.log_prob(new).mean() + 1
    left_out = found._left_out(0.3, 0.05)
    alone = torch.tensor([0, 3])  # pictures that no other one resembles
    assert (left_out[alone] < found.log_prob(X[alone]) - 1).all(), "a picture must not be its own kernel"
    chosen = Kernels(X, 3)
    assert chosen.width in Kernels.widths and chosen.floor in Kernels.floors


def test_the_dequantised_gaussian_is_a_lower_bound():
    """One pixel: the probability of a level is the integral of the density over its box, known from the normal CDF."""
    x = torch.tensor([0, 1, 1, 2, 4]).view(5, 1, 1, 1)
    found = DequantisedGaussian(x)
    sd = float(found.covariance.sqrt())
    ends = norm(float(found.mean), sd).cdf(np.arange(6))
    assert (found.log_prob(x).numpy() < np.log(np.diff(ends))[x.flatten()]).all()
    u = torch.rand(200_000, dtype=torch.float64, generator=draws())
    log_density = torch.distributions.Normal(found.mean, sd).log_prob(1 + u)
    assert float(log_density.mean()) == pytest.approx(float(found.log_prob(x[1:2])), abs=0.01)
