"""The VAE: KL against Monte Carlo, the ELBO against log p by quadrature, importance weighting, seeds, misuse."""

import math

import pytest
import torch

from experiments.studies import marginal_likelihood
from experiments.studies.marginal_likelihood import iwae, log_mean, log_weights, quadrature
from lecture_utils.generative import VAE, elbo_loss, fit, kl_to_standard
from lecture_utils.generative.likelihoods import Gaussian
from lecture_utils.generative.vae import draw_code
from tests.helpers import draws


@pytest.fixture(scope="module")
def trained():
    """A small VAE of 3 x 3 pictures with two bright corners, float64: its ELBO has a gap, and log p is known."""
    z = torch.rand(200, 2, generator=draws())
    x = torch.zeros(200, 1, 3, 3, dtype=torch.long)
    x[:, 0, 0, 0], x[:, 0, 2, 2] = (4 * z[:, 0]).round().long(), (4 * z[:, 1]).round().long()
    vae = VAE(3, 2, "logistic", levels=5, hidden=16).double()
    fit(vae, x, elbo_loss(), steps=300, batch=50, lr=1e-2)
    return vae, x[:12]


def test_kl_by_hand_and_against_monte_carlo_and_torch():
    by_hand = kl_to_standard(torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([[0.0, 0.0, math.log(4.0)]]))
    assert by_hand.tolist()[0] == pytest.approx([0.0, 0.5, 0.5 * (4 - 1 - math.log(4))])
    mean, log_variance = torch.randn(2, 4, 3, dtype=torch.float64, generator=draws())
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    p = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    found = kl_to_standard(mean, log_variance)
    torch.testing.assert_close(found, torch.distributions.kl_divergence(q, p))
    z = draw_code(mean.expand(40_000, 4, 3), log_variance.expand(40_000, 4, 3), draws(1))
    ratio = q.log_prob(z) - p.log_prob(z)
    error = ratio.std(0) / 200
    assert ((ratio.mean(0) - found).abs() < 4.5 * error).all()


def test_a_drawn_code_carries_the_gradient():
    mean, log_variance = torch.zeros(1, 2, requires_grad=True), torch.zeros(1, 2, requires_grad=True)
    noise = torch.randn(1, 2, generator=draws())
    z = draw_code(mean, log_variance, draws())
    z.sum().backward()
    assert mean.grad.tolist() == [[1.0, 1.0]]
    torch.testing.assert_close(log_variance.grad, noise / 2)  # z = mean + e^(l / 2) noise


def test_the_elbo_is_its_two_terms(trained):
    vae, x = trained
    terms = vae.terms(x, 3, draws())
    torch.testing.assert_close(vae.elbo(x, 3, draws()), terms.reconstruction - terms.kl)
    mean, log_variance = vae.encode(x)
    one = [vae.log_likelihood(x, draw_code(mean, log_variance, g)) for g in [draws()] for _ in range(3)]
    torch.testing.assert_close(terms.reconstruction, torch.stack(one).mean(0))
    loss = elbo_loss(2.0)(vae, x, draws())
    torch.testing.assert_close(loss, 2 * terms.kl - vae.terms(x, 1, draws()).reconstruction)


def test_the_bound_lies_below_log_p_and_rises_to_it_with_k(trained):
    vae, x = trained
    with torch.no_grad():
        truth = quadrature(vae, x)
        weights = log_weights(vae, x, 2000, draws())
        elbo = weights.mean(0)  # log p(x, z) - log q(z|x), as a mean: the ELBO with both terms by sampling
        torch.testing.assert_close(elbo, vae.elbo(x, 2000, draws(1)), atol=0.15, rtol=0)
        assert (truth - elbo > 0).all(), "on average the ELBO is a lower bound"
        assert (weights > truth).any(), "one sample of it may lie above"
        groups = [weights.view(-1, k, len(x)).movedim(1, 0) for k in (1, 10, 100, 1000)]
        bounds = torch.stack([log_mean(group).mean(0) for group in groups])
    gaps = (truth - bounds).mean(1)
    assert (gaps.diff() < 0).all() and gaps[0] > 5 * gaps[-1].abs(), gaps


def test_every_picture_of_a_tiny_vae_sums_to_one():
    vae = VAE((1, 2), 2, "binomial", levels=3, hidden=8).double()
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.mul_(3)
    x = torch.cartesian_prod(torch.arange(3), torch.arange(3)).view(9, 1, 1, 2)
    assert float(quadrature(vae, x, points=61).exp().sum()) == pytest.approx(1, abs=1e-9)


def test_quadrature_is_right_where_log_p_is_known():
    """A linear Gaussian decoder: x ~ N(1/2 + b, W W^T + sigma^2)."""
    decoder = torch.nn.Linear(2, 3)
    vae = VAE((1, 3), 2, Gaussian("fixed", 0.3), decoder=decoder, hidden=4).double()
    x = torch.rand(6, 1, 1, 3, dtype=torch.float64, generator=draws())
    covariance = decoder.weight @ decoder.weight.T + 0.3**2 * torch.eye(3)
    expected = torch.distributions.MultivariateNormal(0.5 + decoder.bias, covariance).log_prob(x.view(6, 3))
    with torch.no_grad():
        torch.testing.assert_close(quadrature(vae, x, 161, reach=7.0), expected, atol=1e-4, rtol=0)
        torch.testing.assert_close(iwae(vae, x, 3_000, draws()), expected, atol=0.2, rtol=0)


def test_log_mean_does_not_overflow():
    weights = torch.tensor([[1000.0], [1000.0 + math.log(3)]])
    assert float(log_mean(weights)) == pytest.approx(1000 + math.log(2))
    first = marginal_likelihood.log_mean_of_first
    assert first(weights, [1, 2]).flatten().tolist() == pytest.approx([1000, 1000 + math.log(2)])
    assert float(marginal_likelihood.log_normal(torch.zeros(1, 2))) == pytest.approx(-math.log(2 * math.pi))


def test_the_table_is_every_pair(trained):
    vae, x = trained
    z = vae.codes(5, draws())
    pairs = torch.stack([vae.log_likelihood(x, code.expand(len(x), 2)) for code in z], 1)
    torch.testing.assert_close(vae.log_likelihood_table(x, z), pairs)


def test_seeds_repeat_and_the_global_state_stays(trained):
    vae, x = trained
    before = torch.get_rng_state()
    assert torch.equal(vae.elbo(x, 2, draws(3)), vae.elbo(x, 2, draws(3)))
    assert not torch.equal(vae.elbo(x), vae.elbo(x)), "without a generator the codes are new each time"
    assert torch.equal(vae.sample(4, draws(3)), vae.sample(4, draws(3)))
    assert torch.equal(iwae(vae, x, 2, draws(3)), iwae(vae, x, 2, draws(3)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("likelihood", ["binomial", "logistic", "gaussian"])
def test_training_helps_and_samples_have_the_right_form(likelihood):
    x = torch.randint(0, 2, (64, 1, 4, 4), generator=draws()) * torch.tensor([[0, 4, 0, 4]] * 4)
    data = x / 4 if likelihood == "gaussian" else x
    vae = VAE(4, 2, likelihood, levels=5, hidden=16)
    with torch.no_grad():
        before = vae.elbo(data, 4, draws()).mean()
        fit(vae, data, elbo_loss(), steps=60, lr=1e-2)
        assert vae.elbo(data, 4, draws()).mean() > before + 3
    sample, picture = vae.sample(3, draws()), vae.mean_image(vae.codes(3, draws()))
    assert sample.shape == picture.shape == (3, 1, 4, 4) and picture.min() >= 0 and picture.max() <= 1
    assert sample.dtype == (torch.float32 if likelihood == "gaussian" else torch.long)
