"""A linear VAE: every number the ELBO is about, known exactly."""

import pytest
import torch
from sklearn.decomposition import PCA

from experiments.studies.linear_vae import LinearVAE, Normal, kl_normals
from experiments.studies.marginal_likelihood import iwae, quadrature

D, K = 5, 2


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


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


def test_no_other_diagonal_q_is_better(model, x):
    mixed = torch.tensor([[1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    model = LinearVAE(model.weights @ mixed, model.bias, model.sigma)  # columns far from orthogonal
    best = model.best_diagonal(x)
    top = model.elbo(x, best).mean()
    for axis in range(K):
        for sign in (-1, 1):  # a step either way, of one mean or of one variance
            step = 0.02 * sign * torch.eye(K, dtype=torch.float64)[axis]
            assert model.elbo(x, Normal(best.mean + step, best.covariance)).mean() < top
            assert model.elbo(x, Normal(best.mean, best.covariance * (1 + step).diag())).mean() < top


def test_the_elbo_against_monte_carlo(model, x):
    q = Normal(model.posterior(x).mean + 0.2, torch.diag(torch.tensor([0.2, 0.4]).double()))
    codes = (
        q.mean
        + torch.randn(20_000, 20, K, dtype=torch.float64, generator=draws()) * q.covariance.diagonal().sqrt()
    )
    ratio = torch.distributions.MultivariateNormal(q.mean, q.covariance).log_prob(codes)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(codes).sum(2)
    joint = torch.stack([model.log_likelihood(x, z) for z in codes]) + prior - ratio
    error = joint.std(0) / 20_000**0.5
    assert ((joint.mean(0) - model.elbo(x, q)).abs() < 4.5 * error).all()
    assert (joint > model.log_prob(x)).any(), "a one-sample ELBO may exceed log p"


def test_one_sample_of_the_exact_posterior_has_no_variance(model, x):
    """p(x, z) / p(z|x) = p(x) whatever z is; iwae can be told such a q when it is diagonal."""
    directions, lengths, _ = torch.linalg.svd(model.weights, full_matrices=False)
    straight = LinearVAE(directions * lengths, model.bias, model.sigma)
    q = straight.best_diagonal(x)
    told = q.mean, q.covariance.diagonal().log().expand(20, K)
    torch.testing.assert_close(iwae(straight, x, 1, draws(), told), model.log_prob(x), atol=1e-9, rtol=0)
    prior = torch.zeros(20, K).double(), torch.zeros(20, K).double()
    few, many = (iwae(model, x, k, draws(), prior).mean() for k in (1, 3000))
    assert few < many - 1 and abs(many - model.log_prob(x).mean()) < 0.3


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


def test_kl_is_torchs():
    a, b = (torch.randn(3, K, K, dtype=torch.float64, generator=draws(s)) for s in (0, 1))
    means = torch.randn(2, 3, K, dtype=torch.float64, generator=draws(2))
    q = Normal(means[0], a @ a.mT + torch.eye(K))
    p = Normal(means[1], b @ b.mT + torch.eye(K))
    expected = torch.distributions.kl_divergence(
        *(torch.distributions.MultivariateNormal(n.mean, n.covariance) for n in (q, p))
    )
    torch.testing.assert_close(kl_normals(q, p), expected)


def test_seeds_repeat_and_misuse(model):
    assert torch.equal(model.sample(3, draws(5)), model.sample(3, draws(5)))
    with pytest.raises(ValueError, match="sigma: expected a number above 0, got 0"):
        LinearVAE(model.weights, model.bias, 0)
    with pytest.raises(ValueError, match=r"weights \(d, k\) and bias \(d,\)"):
        LinearVAE(model.weights, model.bias[:3], 1.0)
    for latent in (-1, 0, 4, 1.5):
        with pytest.raises(ValueError, match="latent: expected a whole number of at least 1 and at most 3"):
            LinearVAE.fit(torch.rand(9, 4).double(), latent)
