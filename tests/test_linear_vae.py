"""A linear VAE: every number the ELBO is about, known exactly."""

import pytest
import torch
from sklearn.decomposition import PCA

from experiments.studies.linear_vae import LinearVAE, Normal, kl_normals
from experiments.studies.marginal_likelihood import quadrature
from tests.helpers import draws, normal

D, K = 5, 2


@pytest.fixture(scope="module")
def model():
    weights = torch.randn(D, K, dtype=torch.float64, generator=draws())
    return LinearVAE(weights, torch.randn(D, dtype=torch.float64, generator=draws(1)), 0.5)


@pytest.fixture(scope="module")
def x(model):
    return model.sample(20, draws(2))


def orthogonal(k, seed=0):
    return torch.linalg.qr(torch.randn(k, k, dtype=torch.float64, generator=draws(seed)))[0]


def test_log_prob_is_torchs_and_quadrature_finds_it(model, x):
    covariance = model.weights @ model.weights.T + model.sigma**2 * torch.eye(D)
    expected = torch.distributions.MultivariateNormal(model.bias, covariance).log_prob(x)
    torch.testing.assert_close(model.log_prob(x), expected)
    torch.testing.assert_close(quadrature(model, x, 201, reach=6.0), model.log_prob(x), atol=2e-3, rtol=0)


def test_the_posterior_obeys_bayes(model, x):
    """log p(x) = log p(x|z) + log p(z) - log p(z|x), for any z."""
    z = torch.randn(20, K, dtype=torch.float64, generator=draws(3))
    q = model.posterior(x)
    prior = torch.distributions.MultivariateNormal(torch.zeros(K).double(), torch.eye(K).double()).log_prob(z)
    after = torch.distributions.MultivariateNormal(q.mean, q.covariance).log_prob(z)
    torch.testing.assert_close(model.log_likelihood(x, z) + prior - after, model.log_prob(x))
    torch.testing.assert_close(model.log_likelihood_table(x, z).diagonal(), model.log_likelihood(x, z))


def test_a_wrong_q_misses_its_kl_to_the_posterior(model, x):
    exact = model.posterior(x)
    assert (model.elbo(x, exact) - model.log_prob(x)).abs().max() < 1e-9
    away = Normal(exact.mean + 0.7, torch.diag(torch.tensor([0.3, 2.0]).double()))
    gap = model.log_prob(x) - model.elbo(x, away)
    assert (gap - kl_normals(away, exact)).abs().max() < 1e-9 and gap.min() > 0.1


def test_a_diagonal_q_keeps_a_gap_unless_the_columns_are_orthogonal(model, x):
    gap = model.log_prob(x) - model.elbo(x, model.best_diagonal(x))
    assert gap.min() > 1e-3
    directions, lengths, _ = torch.linalg.svd(model.weights, full_matrices=False)
    straight = LinearVAE(directions * lengths, model.bias, model.sigma)  # the same p(x)
    torch.testing.assert_close(straight.log_prob(x), model.log_prob(x))
    assert (straight.log_prob(x) - straight.elbo(x, straight.best_diagonal(x))).abs().max() < 1e-9
    turned = straight.rotated(orthogonal(K))
    torch.testing.assert_close(turned.log_prob(x), model.log_prob(x))
    assert (turned.log_prob(x) - turned.elbo(x, turned.best_diagonal(x))).min() > 1e-3


def test_the_elbo_against_monte_carlo(model, x):
    q = Normal(model.posterior(x).mean + 0.2, torch.diag(torch.tensor([0.2, 0.4]).double()))
    codes = q.mean + normal(20_000, 20, K, dtype=torch.float64) * q.covariance.diagonal().sqrt()
    ratio = torch.distributions.MultivariateNormal(q.mean, q.covariance).log_prob(codes)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(codes).sum(2)
    joint = torch.stack([model.log_likelihood(x, z) for z in codes]) + prior - ratio
    error = joint.std(0) / 20_000**0.5
    assert ((joint.mean(0) - model.elbo(x, q)).abs() < 4.5 * error).all()
    assert (joint > model.log_prob(x)).any(), "a one-sample ELBO may exceed log p"


def test_the_fit_is_the_best_and_is_pca():
    rows = LinearVAE(torch.randn(6, 3, dtype=torch.float64, generator=draws()), torch.zeros(6).double(), 0.3)
    data = rows.sample(400, draws(1))
    fitted = LinearVAE.fit(data, 2)
    gram = fitted.weights.T @ fitted.weights
    assert abs(float(gram[0, 1])) < 1e-9 and gram[0, 0] > gram[1, 1], "orthogonal columns, the longest first"
    assert float(fitted.log_prob(data).mean()) == pytest.approx(PCA(2).fit(data).score(data), abs=0.02)
    model = fitted.weights @ fitted.weights.T + fitted.sigma**2 * torch.eye(6)
    found, variances = torch.linalg.eigvalsh(model), torch.linalg.eigvalsh(data.T.cov(correction=0))
    torch.testing.assert_close(
        found[-2:], variances[-2:]
    )  # the largest are the data's own, the rest their mean
    torch.testing.assert_close(found[:4], variances[:4].mean().expand(4))
    best = fitted.log_prob(data).mean()
    for seed in range(10):
        noise = 0.05 * torch.randn(6, 2, dtype=torch.float64, generator=draws(seed))
        assert LinearVAE(fitted.weights + noise, fitted.bias, fitted.sigma).log_prob(data).mean() < best
