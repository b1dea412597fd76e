"""A VAE whose decoder is a matrix: everything that is intractable elsewhere has a formula here.

    z ~ N(0, I),   x | z ~ N(W z + b, sigma^2 I)

So x ~ N(b, W W^T + sigma^2 I), and the posterior of z is Gaussian too: what the ELBO misses can be looked up. All are
densities, in nats; use float64.
"""

import math
from typing import NamedTuple

import torch

from lecture_utils.checks import check_count


class Normal(NamedTuple):
    """Normal distributions: mean (n, k); covariance (k, k), the same for all, or (n, k, k)."""

    mean: torch.Tensor
    covariance: torch.Tensor


class LinearVAE:
    """weights W: (d, k). bias b: (d,). sigma: the noise, a number above 0. Errors: ValueError.

    Source: Tipping, Bishop (1999), section 3: probabilistic PCA; Lucas et al. (2019) for its ELBO.
    """

    def __init__(self, weights, bias, sigma):
        if weights.ndim != 2 or bias.shape != weights.shape[:1]:
            raise ValueError(
                f"expected weights (d, k) and bias (d,), got {tuple(weights.shape)} and {tuple(bias.shape)}"
            )
        if not sigma > 0:
            raise ValueError(f"sigma: expected a number above 0, got {sigma!r}")
        self.weights, self.bias, self.sigma = weights, bias, float(sigma)
        self.latent, self.dtype = weights.shape[1], weights.dtype

    @classmethod
    def fit(cls, x, latent):
        """The one that makes x (n, d) most probable, in closed form; its columns are orthogonal.

        The directions of PCA, each as long as its variance above the noise; the noise is the mean of the other
        variances. Source: Tipping, Bishop (1999), equations 7 and 8.
        """
        check_count(latent, "latent", 1, x.shape[1] - 1)  # one variance at least is left for the noise
        bias = x.mean(0)
        variances, directions = torch.linalg.eigh((x - bias).T @ (x - bias) / len(x))  # ascending
        noise = variances[:-latent].mean()
        lengths = (variances[-latent:] - noise).clamp(min=0).sqrt()
        return cls((directions[:, -latent:] * lengths).flip(1), bias, noise.sqrt())

    def rotated(self, rotation):
        """The same distribution of x with other axes of z: W R for an orthogonal R (k, k)."""
        return LinearVAE(self.weights @ rotation, self.bias, self.sigma)

    def log_prob(self, x):
        """log p(x), exact, (n,). x: (n, d)."""
        d = len(self.bias)
        covariance = self.weights @ self.weights.T + self.sigma**2 * torch.eye(d, dtype=x.dtype)
        factor = torch.linalg.cholesky(covariance)
        white = torch.linalg.solve_triangular(factor, (x - self.bias).T, upper=False)  # (d, n)
        return -0.5 * white.square().sum(0) - factor.diagonal().log().sum() - 0.5 * d * math.log(2 * math.pi)

    def log_likelihood(self, x, z):
        """log p(x|z) of each row with the code in the same row, (n,)."""
        error = (x - self.bias - z @ self.weights.T).square().sum(1)
        return -0.5 * error / self.sigma**2 - self._constant()

    def log_likelihood_table(self, x, z):
        """log p(x|z) of every x (n, d) with every code (m, k), (n, m)."""
        error = torch.cdist(x, z @ self.weights.T + self.bias, compute_mode="donot_use_mm_for_euclid_dist")
        return -0.5 * error.square() / self.sigma**2 - self._constant()

    def posterior(self, x):
        """p(z|x), exact: a Normal whose covariance is the same for every x."""
        precision = self._precision(x.dtype)
        mean = torch.linalg.solve(precision, self.weights.T @ (x - self.bias).T / self.sigma**2).T
        return Normal(mean, torch.linalg.inv(precision))

    def best_diagonal(self, x):
        """The best q(z|x) whose axes are independent, as encoders have it: the mean of the posterior, and for each
        axis its variance when all other axes are known. Source: Bishop (2006), section 10.1.2.
        """
        variances = 1 / self._precision(x.dtype).diagonal()
        return Normal(self.posterior(x).mean, variances.diag())

    def elbo(self, x, q):
        """E_q log p(x|z) - KL(q || p(z)), exact, (n,). q: a Normal."""
        covariance = q.covariance.expand(len(x), -1, -1)
        spread = torch.einsum("dk,nkl,dl->n", self.weights, covariance, self.weights)  # trace of W S W^T
        error = (x - self.bias - q.mean @ self.weights.T).square().sum(1)
        reconstruction = -0.5 * (error + spread) / self.sigma**2 - self._constant()
        eye = torch.eye(self.latent, dtype=x.dtype)
        return reconstruction - kl_normals(q, Normal(torch.zeros_like(q.mean), eye))

    def sample(self, n, generator):
        """n draws of x, (n, d)."""
        z = torch.randn(n, self.latent, dtype=self.bias.dtype, generator=generator)
        noise = torch.randn(n, len(self.bias), dtype=self.bias.dtype, generator=generator)
        return z @ self.weights.T + self.bias + self.sigma * noise

    def _precision(self, dtype):
        return torch.eye(self.latent, dtype=dtype) + self.weights.T @ self.weights / self.sigma**2

    def _constant(self):
        return 0.5 * len(self.bias) * math.log(2 * math.pi * self.sigma**2)


def kl_normals(q, p):
    """KL(q || p) of two Normals, (n,), in nats.

    1/2 (trace(P^-1 S) + (m - u)^T P^-1 (m - u) - k + log det P - log det S),   q = N(m, S), p = N(u, P)
    """
    n, k = q.mean.shape
    s, p_covariance = (c.expand(n, k, k) for c in (q.covariance, p.covariance))
    away = (p.mean - q.mean)[..., None]  # (n, k, 1)
    trace = torch.linalg.solve(p_covariance, s).diagonal(dim1=1, dim2=2).sum(1)
    distance = (away * torch.linalg.solve(p_covariance, away)).sum((1, 2))
    return 0.5 * (trace + distance - k + torch.logdet(p_covariance) - torch.logdet(s))
