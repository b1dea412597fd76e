"""Three pmfs over levels and one density: sums to one, against scipy, stable far out, and sampled as they say."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from experiments.train.studio_vae import Merged
from lecture_utils.generative import VAE, likelihoods
from lecture_utils.generative.likelihoods import Binomial, DiscretisedLogistic, Gaussian
from tests.helpers import normal, refusals, uniform

LEVELS = 7
LEVEL_X = torch.zeros(2, 1, 4, 4, dtype=torch.long)
ONE = (1, 1, 1)  # one value: (n, c, h, w) = (n, 1, 1, 1)


def numbers(count, n=5, seed=0, scale=2.0):
    return scale * normal(n, count, *ONE, seed=seed, dtype=torch.float64)


def every_level(likelihood, parameters):
    """log p of each level, (n, levels)."""
    n, levels = len(parameters), likelihood.levels
    rows = [likelihood.log_prob(parameters, torch.full((n, *ONE), x)) for x in range(levels)]
    return torch.stack(rows, 1).flatten(1)


PMFS = {
    "binomial": lambda: Binomial(LEVELS),
    "logistic": lambda: DiscretisedLogistic(LEVELS),
    "logistic, fixed": lambda: DiscretisedLogistic(LEVELS, "fixed", 0.3),
    "logistic, pixel": lambda: DiscretisedLogistic(LEVELS, "pixel", floor=0.01),
}


@pytest.mark.parametrize("name", PMFS)
@pytest.mark.parametrize("scale", [0.2, 2.0, 40.0])
@torch.no_grad()
def test_a_pmf_sums_to_one(name, scale):
    likelihood = PMFS[name]().double()
    found = every_level(likelihood, numbers(likelihood.numbers, scale=scale))
    assert (found <= 1e-12).all(), "a probability is at most 1"
    torch.testing.assert_close(found.logsumexp(1), torch.zeros(5, dtype=torch.float64), atol=1e-10, rtol=0)


def test_the_binomial_is_scipys():
    parameters = numbers(1)
    expected = stats.binom.logpmf(np.arange(LEVELS), LEVELS - 1, parameters.sigmoid().numpy().reshape(-1, 1))
    np.testing.assert_allclose(every_level(Binomial(LEVELS), parameters), expected, rtol=1e-12)


@torch.no_grad()
def test_the_logistic_is_a_difference_of_scipys_cdf():
    likelihood, parameters = DiscretisedLogistic(LEVELS, "pixel", 1.0, 0.05).double(), numbers(2, scale=0.5)
    middle, scale = 0.5 + parameters[:, 0].flatten(), 0.05 + parameters[:, 1].flatten().exp()
    edges = np.r_[-np.inf, (np.arange(1, LEVELS) - 0.5) / (LEVELS - 1), np.inf]
    below = stats.logistic.cdf(edges, middle.numpy()[:, None], scale.numpy()[:, None])
    np.testing.assert_allclose(every_level(likelihood, parameters).exp(), np.diff(below, axis=1), rtol=1e-9)


@torch.no_grad()
def test_the_gaussian_is_scipys_density():
    likelihood, parameters = Gaussian("pixel", 1.0, 0.05).double(), numbers(2, scale=0.5)
    x = uniform(5, *ONE, seed=1, dtype=torch.float64)
    sigma = 0.05 + parameters[:, 1].exp()
    expected = stats.norm.logpdf(x, 0.5 + parameters[:, 0], sigma)
    np.testing.assert_allclose(likelihood.log_prob(parameters, x), expected, rtol=1e-12)


def test_squared_error_is_a_gaussian_of_fixed_sigma():
    sigma, parameters = 0.1, numbers(1, scale=0.3)
    x = uniform(5, *ONE, seed=1, dtype=torch.float64)
    error = (x - 0.5 - parameters[:, 0]) ** 2 / (2 * sigma**2)
    gap = Gaussian("fixed", sigma).double().log_prob(parameters, x) + error
    constant = -math.log(sigma * math.sqrt(2 * math.pi))
    torch.testing.assert_close(gap, torch.full_like(gap, constant), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["binomial", "logistic", "logistic, pixel"])
def test_far_out_nothing_is_infinite(name):
    likelihood = PMFS[name]()
    for far in (-100.0, 100.0):
        parameters = torch.full((1, likelihood.numbers, *ONE), far)
        if likelihood.numbers == 2:
            parameters[:, 1] = -2.0
        parameters.requires_grad_()
        found = every_level(likelihood, parameters)
        found.sum().backward()
        assert torch.isfinite(found).all() and torch.isfinite(parameters.grad).all(), (name, far)


@torch.no_grad()
def test_merged_levels_add_up():
    fine = DiscretisedLogistic(24, "pixel", 0.05, 0.01).double()
    parameters = numbers(2, scale=0.5)
    every = every_level(fine, parameters).exp()
    for levels in (6, 3):
        merged = every_level(Merged(fine, levels), parameters).exp()
        torch.testing.assert_close(merged, every.view(5, levels, -1).sum(2), rtol=1e-9, atol=1e-14)
    assert Merged(fine, 6).log_scale is fine.log_scale, "the scale stays one and the same"
    with pytest.raises(ValueError, match="24 levels do not merge into 5"):
        Merged(fine, 5)


@pytest.mark.parametrize("name", PMFS)
@torch.no_grad()
def test_samples_follow_the_pmf(name):
    likelihood, count = PMFS[name]().double(), 20_000
    parameters = numbers(likelihood.numbers, 1, seed=3, scale=0.7)
    draws = likelihood.sample(parameters.expand(count, -1, -1, -1, -1), torch.Generator().manual_seed(0))
    expected = every_level(likelihood, parameters)[0].exp() * count
    assert draws.dtype == torch.long and int(draws.min()) >= 0 and int(draws.max()) < LEVELS
    seen = torch.bincount(draws.flatten(), minlength=LEVELS).double()
    likely = expected > 5
    chi = ((seen - expected)[likely].square() / expected[likely]).sum()
    assert stats.chi2.sf(float(chi), int(likely.sum()) - 1) > 1e-3, (seen, expected)


def test_the_mean_is_the_expected_level():
    likelihood, parameters = Binomial(LEVELS).double(), numbers(1)
    expected = (every_level(likelihood, parameters).exp() * torch.arange(LEVELS)).sum(1) / (LEVELS - 1)
    torch.testing.assert_close(likelihood.mean(parameters).flatten(), expected)


def test_scales_are_learned_where_they_should_be():
    def learned(spread):
        return [name for name, _ in Gaussian(spread).named_parameters()]

    assert (learned("fixed"), learned("one"), learned("pixel")) == ([], ["log_scale"], [])
    assert (Gaussian("one").numbers, Gaussian("pixel").numbers) == (1, 2)
    parameters = torch.full((1, 2, *ONE), -200.0)
    assert float(DiscretisedLogistic(17, "pixel", floor=0.02).scale(parameters)) == pytest.approx(0.02)


of, LOW = likelihoods.likelihood_of, torch.full((1, *ONE), -1)
test_misuse = refusals(
    (lambda: of("binomal", 17), "did you mean 'binomial'"),
    (lambda: of(Binomial(8), 17), "the likelihood has 8, the model 17"),
    (lambda: Binomial(4).log_prob(torch.zeros(1, 1, *ONE), LOW), "got -1 .. -1"),
    (lambda: VAE(4, 2, levels=17, hidden=4).elbo(LEVEL_X + 17), "0 .. 16, got 17 .. 17: quantise"),
    (lambda: VAE(4, 2, "gaussian", hidden=4).elbo(LEVEL_X), "takes floating images in .* got levels"),
)
