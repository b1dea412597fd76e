"""Exercises of notebook 11: the two terms of a VAE's bound, a decoder over levels, and a tighter bound."""

from decimal import Decimal, localcontext

import numpy as np
import torch
from scipy.special import logsumexp
from scipy.stats import logistic, norm

from .exercise import Exercise, normal


@Exercise("""
11.1 · What a code costs
against: the integral of q log(q / p), added up on a fine grid
praise: A code that is the prior costs nothing; being sure costs, and being far away does.
hint: The second output is the *logarithm* of the *variance*: variance = log_variance.exp().
hint: For one latent number: KL = (variance + mean^2 - 1 - log_variance) / 2. Try it: mean 0 and log_variance 0 give
    0.
hint: The latent numbers are independent, so an image's cost is the sum over them, dim=1. Not the mean: the likelihood
    beside it is a sum, too.
wrong: the second output is taken for the logarithm of the *standard deviation*; it is the variance's
    log_variance. -> (2 * log_variance).
    - log_variance -> - 2 * log_variance
wrong: the half is missing: both terms of a Gaussian's logarithm have one
    0.5 * ->
wrong: this is a mean over the latent numbers; each of them costs, so add them up, as the likelihood is
    .sum(dim=1) -> .mean(dim=1)
wrong: the sign is turned: this is what the bound gains, -KL; a KL divergence is never below 0
    0.5 -> -0.5
wrong: only the means cost something here; a code that is surer than the prior costs as well
    return 0.5 * mean.square().sum(dim=1)
""")
def my_kl(mean, log_variance):
    """The KL divergence from each image's code to the prior, KL(q || p), in nats: (n,)."""
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=1)


def some_codes():
    yield torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.2]]).log()
    yield torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, -1.0]]), torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.5, 0.5]])
    yield normal(6, 8), 2 * normal(6, 8, seed=1) - 1


@my_kl.expect(some_codes)
def on_a_grid(mean, log_variance):
    q = norm(mean[..., None], np.exp(log_variance / 2)[..., None])
    z = q.mean() + q.std() * np.linspace(-12, 12, 4001)
    return np.trapezoid(q.pdf(z) * (q.logpdf(z) - norm.logpdf(z)), z, axis=-1).sum(-1)


@Exercise("""
11.2 · The gradient through a draw
against: finite differences: both outputs moved a little, with the same noise
praise: The noise stays what it is; the mean shifts the code, the variance stretches it.
hint: A draw is not differentiable, but z = mean + deviation * noise is, and noise does not depend on the net.
    deviation = (0.5 * log_variance).exp().
hint: The score of each z: -0.5 * (x - z @ weights.T).square().sum(dim=-1), (draws, n). Take its mean over the draws,
    dim=0.
hint: Clone both outputs and .requires_grad_(). Images do not meet each other, so the sum over images is one number
    whose gradient has each image's own: torch.autograd.grad(score.sum(), (mean, log_variance)).
hint: torch.stack([to_mean, to_log_variance], dim=1) puts them side by side. By hand: the gradient to z is (x - z @
    weights.T) @ weights; to log_variance it is that times 0.5 * deviation * noise.
wrong: the variance takes the place of the standard deviation: z = mean + (log_variance / 2).exp() * noise
    (0.5 * log_variance).exp() -> log_variance.exp()
wrong: the second row is to the standard deviation; log_variance moves it by half of itself: times 0.5 * deviation
    z = mean + (0.5 * log_variance).exp() -> deviation = (0.5 * log_variance).exp(); z = mean + deviation
    score.sum(), (mean, log_variance) -> score.sum(), (mean, deviation)
wrong: this is the gradient at the mean of the code, without noise: a plain autoencoder's
    * noise -> * 0 * noise
wrong: this is the gradient of the loss, downhill; the score itself was asked, which has the other sign
    -0.5 -> 0.5
""")
def my_gradient(mean, log_variance, noise, weights, x):
    """How each image's score changes with the encoder's two outputs: (n, 2, latent), first mean, then log_variance."""
    mean, log_variance = mean.clone().requires_grad_(), log_variance.clone().requires_grad_()
    z = mean + (0.5 * log_variance).exp() * noise  # (draws, n, latent)
    score = -0.5 * (x - z @ weights.T).square().sum(dim=-1).mean(dim=0)  # (n,)
    return torch.stack(torch.autograd.grad(score.sum(), (mean, log_variance)), dim=1)


def some_encoders():
    one = torch.ones(1, 1)
    yield one, torch.tensor([[0.25]]).log(), one[None], one, torch.tensor([[2.5]])
    mean, log_variance = torch.tensor([[0.5, -1.0]]), torch.tensor([[0.0, 1.0]])
    noise, weights = torch.tensor([[[1.0, 0.5]], [[-2.0, 1.5]]]), torch.tensor([[1.0, -0.5], [0.5, 2.0]])
    yield mean, log_variance, noise, weights, torch.tensor([[2.0, -3.0]])
    mean, log_variance, noise = normal(5, 4), normal(5, 4, seed=1), normal(3, 5, 4, seed=2)
    yield mean, log_variance, noise, normal(6, 4, seed=3), 2 * normal(5, 6, seed=4)


@my_gradient.expect(some_encoders)
def by_finite_differences(mean, log_variance, noise, weights, x):
    outputs = np.stack([mean, log_variance], 1)  # (n, 2, latent)

    def score(outputs, image):
        z = outputs[0] + np.sqrt(np.exp(outputs[1])) * noise[:, image]
        return -np.mean(np.linalg.norm(x[image] - z @ weights.T, axis=1) ** 2) / 2

    found, step = np.zeros_like(outputs), 1e-5
    for place in np.ndindex(outputs.shape):
        near = np.zeros_like(outputs)
        near[place] = step
        up, down = ((outputs + sign * near)[place[0]] for sign in (1, -1))
        found[place] = (score(up, place[0]) - score(down, place[0])) / (2 * step)
    return found


@Exercise("""
11.3 · A bell over levels
against: scipy's logistic density, added up over each level
praise: The levels' probabilities add up to 1, and no level is impossible.
hint: Level k gathers what lies between k - 1/2 and k + 1/2: sigmoid(upper) - sigmoid(lower), where upper = (k + 0.5 -
    mean) / scale and lower = (k - 0.5 - mean) / scale.
hint: The ends are open: level 0 gathers all below 1/2, sigmoid(upper), and the last one all above its lower edge, 1 -
    sigmoid(lower) = sigmoid(-lower). torch.where(pixels == 0, ..., ...).
hint: Far from the mean both sigmoids are 0, or both 1, and the log of their difference is minus infinity. But
    sigmoid(a) - sigmoid(b) = sigmoid(a) * sigmoid(-b) * (1 - exp(b - a)): multiply it out.
hint: In logs, with a - b = 1 / scale: logsigmoid(upper) + logsigmoid(-lower) + log1p(-exp(-1 / scale)). At the ends
    only one of the first two remains. torch.nn.functional.logsigmoid.
wrong: the ends are treated like the rest; level 0 gathers all below it, the last one all above it
    torch.where(pixels == 0, below, torch.where(pixels == levels - 1, above, between)) -> between
wrong: this is the density at the level, which may exceed 1; a probability gathers a whole step of it
    away, logsigmoid = (pixels - mean) / log_scale.exp(), torch.nn.functional.logsigmoid
    return logsigmoid(away) + logsigmoid(-away) - log_scale
wrong: a level gathers from itself to the next one; rounding gathers half a step on either side
    pixels + 0.5 -> pixels + 1
    pixels - 0.5 -> pixels
wrong: far from the mean the sigmoids' difference is 0, and your floor stands in for it: work in logs from the start
    below = torch.sigmoid((pixels + 0.5 - mean) / log_scale.exp()).masked_fill(pixels == levels - 1, 1.0)
    under = torch.sigmoid((pixels - 0.5 - mean) / log_scale.exp()).masked_fill(pixels == 0, 0.0)
    return (below - under).clamp(min=1e-12).log()
""")
def my_log_levels(pixels, mean, log_scale, levels):
    """The log-probability of each pixel's level in nats, in the shape of `pixels`; finite for every level."""
    logsigmoid, scale = torch.nn.functional.logsigmoid, log_scale.exp()
    below = logsigmoid((pixels + 0.5 - mean) / scale)  # log of what lies below the upper edge
    above = logsigmoid(-(pixels - 0.5 - mean) / scale)
    between = below + above + torch.log1p(-torch.exp(-1 / scale))
    return torch.where(pixels == 0, below, torch.where(pixels == levels - 1, above, between))


def some_pixels():
    def alike(pixels, mean, scale, levels):
        pixels = torch.tensor(pixels)
        return pixels, torch.full(pixels.shape, mean), torch.full(pixels.shape, scale).log(), levels

    yield alike([0, 1, 2], 0.5, 1.0, 3)
    yield alike([0, 1, 2, 3], 0.5, 2.0, 4)
    yield alike([0, 1, 2, 3], -1.0, 0.7, 4)
    pixels = torch.randint(17, (4, 1, 5, 6), generator=torch.Generator().manual_seed(1))
    pixels[0, 0, 0, :4] = torch.tensor([0, 16, 0, 16])
    yield pixels, 8 + 5 * normal(4, 1, 5, 6, seed=2), 0.5 * normal(4, 1, 5, 6, seed=3), 17
    yield alike([0, 1, 100], 250.0, 1.5, 256)
    yield alike([150, 254, 255], 5.0, 1.5, 256)


@my_log_levels.expect(some_pixels)
def added_up_by_scipy(pixels, mean, log_scale, levels):
    scale = np.exp(log_scale)
    nodes, shares = np.polynomial.legendre.leggauss(60)  # of [-1, 1]; a level is half as wide
    inside = logistic.logpdf(pixels[..., None] + nodes / 2, mean[..., None], scale[..., None])
    found = logsumexp(inside, b=shares / 2, axis=-1)
    found = np.where(pixels == 0, logistic.logcdf(0.5, mean, scale), found)
    return np.where(pixels == levels - 1, logistic.logsf(levels - 1.5, mean, scale), found)


@Exercise("""
11.4 · A tighter bound
against: the weights themselves, added up in numbers of 50 digits
praise: k = 1 is the ELBO, a larger k comes nearer to log p(x), and nothing vanishes on the way.
hint: A draw's weight is p(x, z) / q(z): how probable the pair is beside how often z is drawn. Its logarithm is a
    difference: log_joint - log_code.
hint: Cut the draws into groups of k: .view(n, -1, k). A group's estimate of p(x) is the *mean* of its weights; the
    bound is the logarithm of that.
hint: exp(-1000) is 0 in any float. torch.logsumexp(w, dim=2) takes the largest out first; a mean instead of a sum is
    log(k) less: - torch.log(torch.tensor(float(k))).
hint: Every group gives one value of the bound. Their mean, over dim=1, is the answer: outside of the logarithm.
wrong: this is the ELBO whatever k is: the mean of the logs; within a group the mean comes first, then log
    return (log_joint - log_code).mean(dim=1)
wrong: the weights of a group are added up; their mean is asked, log(k) less, or the bound grows with k for nothing
    - torch.log(torch.tensor(float(k))) ->
wrong: all draws make one group here; each k of them give one bound, whose mean comes last, outside the log
    w = -> k = log_joint.shape[1]; w =
wrong: log q is left out: z was drawn from q, not evenly, so each draw counts 1 / q(z)
    log_joint - log_code -> log_joint
""")
def my_bound(log_joint, log_code, k):
    """The importance-weighted bound L_k of each image, in nats: (n,), an estimate of a number at most log p(x)."""
    w = (log_joint - log_code).view(len(log_joint), -1, k)  # (n, groups, k)
    return (w.logsumexp(dim=2) - torch.log(torch.tensor(float(k)))).mean(dim=1)


def some_draws():
    yield torch.tensor([[1.0, 3.0, 4.0, 2.0]]).log(), torch.tensor([[1.0, 1.0, 2.0, 0.5]]).log(), 2
    log_joint = torch.tensor([[-2.0, -4.0, -3.0, -1.0, -2.5, -5.0]])
    yield log_joint, torch.tensor([[-1.0, -0.5, -2.0, -3.0, -1.0, -0.5]]), 3
    for n, draws, k, far in (3, 8, 1, -20.0), (4, 12, 3, -1000.0), (3, 10, 10, 300.0):
        apart = torch.linspace(0.5, 3.0, n)[:, None]  # how much the draws of an image differ
        log_joint = far + 60 * torch.arange(n)[:, None] + apart * normal(n, draws, seed=n)
        yield log_joint, -4 + apart * normal(n, draws, seed=n + 1), k


@my_bound.expect(some_draws)
def in_fifty_digits(log_joint, log_code, k):
    found = []
    with localcontext(prec=50):
        for joint, code in zip(log_joint, log_code, strict=True):
            weights = [Decimal(p).exp() / Decimal(q).exp() for p, q in zip(joint, code, strict=True)]
            means = [sum(weights[first : first + k]) / k for first in range(0, len(weights), k)]
            found.append(float(sum(mean.ln() for mean in means) / len(means)))
    return found
