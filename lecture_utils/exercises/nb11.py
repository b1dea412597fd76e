"""Exercises of notebook 11: the two terms of a VAE's bound, a decoder over levels, and a tighter bound."""

import numpy as np
import torch

from .frame import Exercise
from .importance_bound import BOUND
from .logistic_levels import LEVELS

__all__ = ["BOUND", "GRADIENT", "KL", "LEVELS"]


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


KL = Exercise(
    "11.1",
    "What a code costs",
    difficulty=1,
    minutes=10,
    trains="the KL divergence of two Gaussians, and what an encoder's second output stands for",
    against="the integral of q log(q / p), added up on a fine grid",
    praise="A code that is the prior costs nothing; being sure costs, and being far away does.",
    hints=(
        "The second output is the *logarithm* of the *variance*: variance = log_variance.exp().",
        "For one latent number: KL = (variance + mean^2 - 1 - log_variance) / 2. Try it: mean 0 and log_variance 0 "
        "give 0.",
        "The latent numbers are independent, so an image's cost is the sum over them, dim=1. Not the mean: the "
        "likelihood beside it is a sum, too.",
    ),
)


@KL.stub
def my_kl(mean, log_variance):
    """The KL divergence from each image's code to the prior, KL(q || p), in nats: (n,).

    q: a Gaussian of independent numbers, with these means and variances. p: as many standard normal numbers.
    mean: (n, latent). log_variance: (n, latent), the natural logarithm of the variance.
    """
    raise NotImplementedError


@KL.solve
def sum_over_the_code(mean, log_variance):
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=1)


@KL.expect
def on_a_grid(mean, log_variance):
    m = mean.double().numpy()[..., None]
    deviation = np.exp(log_variance.double().numpy() / 2)[..., None]
    z = m + deviation * np.linspace(-12, 12, 4001)
    log_q = -(((z - m) / deviation) ** 2) / 2 - np.log(deviation * np.sqrt(2 * np.pi))
    log_p = -(z**2) / 2 - np.log(np.sqrt(2 * np.pi))
    return torch.from_numpy(np.trapezoid(np.exp(log_q) * (log_q - log_p), z, axis=-1).sum(-1))


@KL.inputs
def some_codes():
    tiny = {"mean": torch.tensor([[1.0, 0.0]]), "log_variance": torch.tensor([[1.0, 0.2]]).log()}
    few = {
        "mean": torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, -1.0]]),
        "log_variance": torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.5, 0.5]]),
    }
    return [tiny, few, {"mean": _random(6, 8), "log_variance": 2 * _random(6, 8, seed=1) - 1}]


@KL.mistake("the second output is taken for the logarithm of the *standard deviation*; it is the variance's")
def log_of_the_deviation(mean, log_variance):
    return 0.5 * ((2 * log_variance).exp() + mean.square() - 1 - 2 * log_variance).sum(dim=1)


@KL.mistake("the half is missing: both terms of a Gaussian's logarithm have one")
def without_the_half(mean, log_variance):
    return (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=1)


@KL.mistake(
    "this is a mean over the latent numbers; each of them costs, so add them up, as the likelihood is"
)
def mean_over_the_code(mean, log_variance):
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).mean(dim=1)


@KL.mistake("the sign is turned: this is what the bound gains, -KL; a KL divergence is never below 0")
def what_the_bound_gains(mean, log_variance):
    return -0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=1)


@KL.mistake("this is KL(p || q), the other way round: the mean over the *code* is asked, q log(q / p)")
def the_other_way_round(mean, log_variance):
    return 0.5 * ((1 + mean.square()) / log_variance.exp() - 1 + log_variance).sum(dim=1)


@KL.mistake("only the means cost something here; a code that is surer than the prior costs as well")
def the_means_alone(mean, log_variance):
    return 0.5 * mean.square().sum(dim=1)


@KL.mistake("the whole batch has one number, its mean; each image has its own cost")
def one_for_the_batch(mean, log_variance):
    cost = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=1)
    return cost.mean().expand(len(mean))


GRADIENT = Exercise(
    "11.2",
    "The gradient through a draw",
    difficulty=2,
    minutes=12,
    trains="what reparametrisation makes of a draw: a sum and a product, through which a gradient goes",
    against="finite differences: both outputs moved a little, with the same noise",
    praise="The noise stays what it is; the mean shifts the code, the variance stretches it.",
    hints=(
        "A draw is not differentiable, but z = mean + deviation * noise is, and noise does not depend on the net. "
        "deviation = (0.5 * log_variance).exp().",
        "The score of each z: -0.5 * (x - z @ weights.T).square().sum(dim=-1), (draws, n). Take its mean over the "
        "draws, dim=0.",
        "Clone both outputs and .requires_grad_(). Images do not meet each other, so the sum over images is one "
        "number whose gradient has each image's own: torch.autograd.grad(score.sum(), (mean, log_variance)).",
        "torch.stack([to_mean, to_log_variance], dim=1) puts them side by side. By hand: the gradient to z is "
        "(x - z @ weights.T) @ weights; to log_variance it is that times 0.5 * deviation * noise.",
    ),
)


@GRADIENT.stub
def my_gradient(mean, log_variance, noise, weights, x):
    """How each image's score changes with the encoder's two outputs: (n, 2, latent), first mean, then log_variance.

    The codes: Gaussian, drawn with the given noise. Score of an image: the mean over its draws of -1/2 ||x - W z||^2, a
    linear decoder's log-likelihood up to a constant. mean, log_variance: (n, latent), the latter the natural logarithm
    of the variance. noise: (draws, n, latent), standard normal, already drawn. weights W: (d, latent). x: (n, d).
    """
    raise NotImplementedError


@GRADIENT.solve
def through_a_sum_and_a_product(mean, log_variance, noise, weights, x):
    mean, log_variance = mean.clone().requires_grad_(), log_variance.clone().requires_grad_()
    z = mean + (0.5 * log_variance).exp() * noise  # (draws, n, latent)
    score = -0.5 * (x - z @ weights.T).square().sum(dim=-1).mean(dim=0)  # (n,)
    return torch.stack(torch.autograd.grad(score.sum(), (mean, log_variance)), dim=1)


@GRADIENT.expect
def by_finite_differences(mean, log_variance, noise, weights, x):
    outputs = np.stack([mean.double().numpy(), log_variance.double().numpy()], 1)  # (n, 2, latent)
    noise, weights, x = (each.double().numpy() for each in (noise, weights, x))

    def score(outputs, image):
        z = outputs[0] + np.sqrt(np.exp(outputs[1])) * noise[:, image]
        return -np.mean(np.linalg.norm(x[image] - z @ weights.T, axis=1) ** 2) / 2

    found, step = np.zeros_like(outputs), 1e-5
    for place in np.ndindex(outputs.shape):
        near = np.zeros_like(outputs)
        near[place] = step
        up, down = ((outputs + sign * near)[place[0]] for sign in (1, -1))
        found[place] = (score(up, place[0]) - score(down, place[0])) / (2 * step)
    return torch.from_numpy(found)


@GRADIENT.inputs
def some_encoders():
    tiny = {
        "mean": torch.tensor([[1.0]]),
        "log_variance": torch.tensor([[0.25]]).log(),
        "noise": torch.tensor([[[1.0]]]),
        "weights": torch.tensor([[1.0]]),
        "x": torch.tensor([[2.5]]),
    }
    few = {
        "mean": torch.tensor([[0.5, -1.0]]),
        "log_variance": torch.tensor([[0.0, 1.0]]),
        "noise": torch.tensor([[[1.0, 0.5]], [[-2.0, 1.5]]]),
        "weights": torch.tensor([[1.0, -0.5], [0.5, 2.0]]),
        "x": torch.tensor([[2.0, -3.0]]),
    }
    more = {
        "mean": _random(5, 4),
        "log_variance": _random(5, 4, seed=1),
        "noise": _random(3, 5, 4, seed=2),
        "weights": _random(6, 4, seed=3),
        "x": 2 * _random(5, 6, seed=4),
    }
    return [tiny, few, more]


@GRADIENT.mistake(
    "the variance takes the place of the standard deviation: z = mean + (log_variance / 2).exp() * noise"
)
def variance_times_noise(mean, log_variance, noise, weights, x):
    mean, log_variance = mean.clone().requires_grad_(), log_variance.clone().requires_grad_()
    z = mean + log_variance.exp() * noise
    score = -0.5 * (x - z @ weights.T).square().sum(dim=-1).mean(dim=0)
    return torch.stack(torch.autograd.grad(score.sum(), (mean, log_variance)), dim=1)


@GRADIENT.mistake(
    "the second row is to the standard deviation; log_variance moves it by half of itself: times 0.5 * deviation"
)
def to_the_deviation(mean, log_variance, noise, weights, x):
    z = mean + (0.5 * log_variance).exp() * noise
    slope = (x - z @ weights.T) @ weights  # to z
    return torch.stack([slope.mean(dim=0), (slope * noise).mean(dim=0)], dim=1)


@GRADIENT.mistake(
    "no gradient reaches log_variance: the stretched noise was drawn as one number; keep deviation * noise apart"
)
def a_draw_is_a_wall(mean, log_variance, noise, weights, x):
    z = mean + (0.5 * log_variance).exp() * noise
    slope = ((x - z @ weights.T) @ weights).mean(dim=0)
    return torch.stack([slope, torch.zeros_like(slope)], dim=1)


@GRADIENT.mistake("this is the gradient at the mean of the code, without noise: a plain autoencoder's")
def at_the_mean(mean, log_variance, noise, weights, x):
    slope = (x - mean @ weights.T) @ weights
    return torch.stack([slope, torch.zeros_like(slope)], dim=1)


@GRADIENT.mistake("the draws are added up; the score is their mean, whatever their number")
def sum_over_the_draws(mean, log_variance, noise, weights, x):
    z = mean + (0.5 * log_variance).exp() * noise
    slope = (x - z @ weights.T) @ weights
    return torch.stack([slope, slope * 0.5 * (0.5 * log_variance).exp() * noise], dim=2).sum(dim=0)


@GRADIENT.mistake(
    "this is the gradient of the loss, downhill; the score itself was asked, which has the other sign"
)
def of_the_loss(mean, log_variance, noise, weights, x):
    z = mean + (0.5 * log_variance).exp() * noise
    slope = (z @ weights.T - x) @ weights
    return torch.stack([slope, slope * 0.5 * (0.5 * log_variance).exp() * noise], dim=2).mean(dim=0)


@GRADIENT.mistake(
    "this is the score times the gradient of log q, the estimate that needs no decoder's gradient; its noise is larger"
)
def score_times_log_q(mean, log_variance, noise, weights, x):
    deviation = (0.5 * log_variance).exp()
    score = -0.5 * (x - (mean + deviation * noise) @ weights.T).square().sum(dim=-1, keepdim=True)
    return torch.stack([score * noise / deviation, score * 0.5 * (noise.square() - 1)], dim=2).mean(dim=0)
