"""Exercises of notebook 12: two losses, a walk through latent space, taking turns, and a distance between two sets."""

from decimal import Decimal, localcontext

import numpy as np
import torch
from scipy.spatial import geometric_slerp
from scipy.special import expit

from .exercise import Exercise, normal


@Exercise("""
12.1 · What each player minimises
against: the formulas as they stand, in numbers of 150 digits
praise: The signs are right, and a discriminator that is quite sure breaks nothing.
hint: D = sigmoid(logit). Written out, -log D = log(1 + exp(-logit)), which is softplus(-logit); and -log(1 - D) =
    softplus(logit). torch.nn.functional.softplus stays right for any logit.
hint: The discriminator: softplus(-real).mean() + softplus(fake).mean(), two means, since there may be more of one
    than of the other.
hint: The generator has only the made ones. Non-saturating: it minimises -log D, softplus(-fake). Minimax: it
    minimises +log(1 - D), which is -softplus(fake), below 0.
wrong: the discriminator's loss is halved, a mean of two; it is the sum of both means
    [discriminator -> [discriminator / 2
wrong: real and made are mixed up for the discriminator: it wants D near 1 on real images
    softplus(-real).mean() + softplus(fake).mean() -> softplus(real).mean() + softplus(-fake).mean()
wrong: minimising your third loss makes D(fake) fall: the minimax one is +log(1 - D), below 0
    -softplus(fake).mean()] -> softplus(fake).mean()]
wrong: the two generator losses have changed places: minimax is the third, and has the 1 - D
    softplus(-fake).mean(), -softplus(fake).mean() -> -softplus(fake).mean(), softplus(-fake).mean()
wrong: a floor such as + 1e-8 inside the log cuts the loss where it should be largest: softplus needs none
    real, fake = torch.sigmoid(real), torch.sigmoid(fake)
    sees_fake = (1 - fake + 1e-8).log().mean()
    return torch.stack([-(real + 1e-8).log().mean() - sees_fake, -(fake + 1e-8).log().mean(), sees_fake])
""")
def my_losses(real, fake):
    """Three losses, each to be minimised by its player, in nats: (3,)."""
    softplus = torch.nn.functional.softplus
    discriminator = softplus(-real).mean() + softplus(fake).mean()
    return torch.stack([discriminator, softplus(-fake).mean(), -softplus(fake).mean()])


def some_answers():
    yield torch.tensor([3.0]).log(), torch.tensor([0.25]).log()
    yield torch.tensor([2.0, -1.0]), torch.tensor([-2.0, 0.5, 1.0])
    yield 2 + 3 * normal(6), 3 * normal(9, seed=1) - 1
    yield torch.tensor([120.0, -120.0, 5.0]), torch.tensor([-300.0, 150.0])


@my_losses.expect(some_answers)
def as_they_stand(real, fake):
    def logs(logits):
        """The means of log D and of log(1 - D)."""
        answers = [1 / (1 + Decimal(-logit).exp()) for logit in logits]
        pairs = [(answer.ln(), (1 - answer).ln()) for answer in answers]
        return [sum(column) / len(pairs) for column in zip(*pairs, strict=True)]

    with localcontext(prec=150):
        (sees_real, _), (fooled, sees_fake) = logs(real), logs(fake)
        return [float(-sees_real - sees_fake), float(-fooled), float(sees_fake)]


@Exercise("""
12.2 · From the blue car to the red one
against: scipy's geometric_slerp on the unit sphere
praise: The walk never leaves the shell, and each of its steps is as long as the next.
hint: The walk begins at blue_cars.mean(dim=0) and ends at red_mugs.mean(dim=0) - blue_mugs.mean(dim=0) +
    blue_cars.mean(dim=0). Only then are both put on the shell: divide by the length, times latent ** 0.5.
hint: The angle between two directions a and b of length 1: angle = (a @ b).clamp(-1, 1).acos().
hint: At the share t of the way, in radians: (sin((1 - t) * angle) * a + sin(t * angle) * b) / sin(angle).
hint: t = torch.linspace(0, 1, steps + 1)[:, None] makes (steps + 1, 1), and all codes come at once.
wrong: the walk is a straight line, which cuts through the inside of the shell, where no code lies
    directions * len -> torch.lerp(a, b, t) * len
wrong: a line that is put on the shell afterwards goes fast in the middle; equal *angles* were asked
    directions * len -> torch.nn.functional.normalize(torch.lerp(a, b, t), dim=1) * len
wrong: the shell has the radius sqrt(latent), as long as a draw from the prior is; yours is the unit sphere
    directions * len(start) ** 0.5 -> directions
wrong: the mugs have changed places: what makes it red is red - blue; this car gets bluer still
    red_mugs.mean(dim=0) - blue_mugs.mean(dim=0) -> blue_mugs.mean(dim=0) - red_mugs.mean(dim=0)
wrong: one code is missing: so many *steps* lead from the start to the end over steps + 1 codes
    steps + 1 -> steps
""")
def my_walk(red_mugs, blue_mugs, blue_cars, steps):
    """The codes of a walk from a blue car to the car that became red, both ends included: (steps + 1, latent)."""
    start = blue_cars.mean(dim=0)
    end = red_mugs.mean(dim=0) - blue_mugs.mean(dim=0) + start
    a, b = start / start.norm(), end / end.norm()
    angle = (a @ b).clamp(-1, 1).acos()
    t = torch.linspace(0, 1, steps + 1)[:, None]
    directions = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    return directions * len(start) ** 0.5


def some_walks():
    red_mugs, blue_mugs = torch.tensor([[0.5, 1.0], [0.5, 3.0]]), torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    yield red_mugs, blue_mugs, torch.tensor([[2.0, -1.0], [2.0, 1.0]]), 2
    red_mugs, blue_mugs = torch.tensor([[0.5, 0.0, 2.0]]), torch.tensor([[-1.0, 0.5, 1.0], [0.0, 1.5, 0.0]])
    yield red_mugs, blue_mugs, torch.tensor([[0.0, 1.0, -1.0], [2.0, 1.0, 0.0]]), 3
    for n, latent, steps in (4, 16, 6), (6, 64, 1):
        red_mugs, blue_mugs = normal(n, latent, seed=n), normal(n + 2, latent, seed=n + 10)
        yield red_mugs, blue_mugs, normal(n + 1, latent, seed=n + 20), steps


@my_walk.expect(some_walks)
def by_scipy(red_mugs, blue_mugs, blue_cars, steps):
    red, blue, start = (np.average(codes, 0) for codes in (red_mugs, blue_mugs, blue_cars))
    ends = [way / np.linalg.norm(way) for way in (start, red - blue + start)]
    return np.sqrt(len(start)) * geometric_slerp(*ends, np.linspace(0, 1, steps + 1))


@Exercise("""
12.3 · Taking turns
against: the gradients worked out on paper, in numpy
praise: Each player moves itself alone, and answers what the other one has just become.
hint: In each turn two steps. First the discriminator: its loss, with the generator's shift held still ((noise +
    shift).detach()), then weights = weights - lr * gradient.
hint: torch.autograd.grad(loss, weights)[0] gives the gradient to one player alone and leaves nothing behind; with
    .backward() both collect gradients, which the next step must not find: zero_grad.
hint: Then the generator, against the *new* weights and with the same noise: softplus(-(noise + shift) @
    weights).mean(), and shift = shift - lr * gradient. The weights stay.
hint: A fresh leaf for each step: shift = shift.detach().clone().requires_grad_(). At the end torch.stack([shift,
    weights]).detach().
wrong: both move at once: the generator answers the discriminator of before; it takes its turn after it
    weights = (weights -> before, weights = weights.detach(), (weights
    (z + shift) @ weights).mean() -> (z + shift) @ before).mean()
wrong: the discriminator's loss moves the generator too, which then helps to tell its own images: detach what it made
    weights = weights.detach() -> shift = shift.detach().clone().requires_grad_(); weights = weights.detach()
    (z + shift).detach() -> (z + shift)
    weights = (w -> shift = shift - lr * torch.autograd.grad(loss, shift, retain_graph=True)[0]; weights = (w
wrong: the generator's loss moves the discriminator too, which then lets itself be fooled: only the shift moves there
    shift = shift.detach() -> weights.requires_grad_(); shift = shift.detach()
    shift = (shift -> weights = weights - lr * torch.autograd.grad(loss, weights, retain_graph=True)[0]; shift = (shift
wrong: gradients of the first step are still there in the second and are added to its own: \
zero_grad before each backward
    weights = weights.detach() -> shift = shift.detach().clone().requires_grad_(); weights = weights.detach()
    (z + shift).detach() -> (z + shift)
    weights = (weights -> left = torch.autograd.grad(loss, shift, retain_graph=True)[0]; weights = (weights
    torch.autograd.grad(loss, shift)[0] -> (left + torch.autograd.grad(loss, shift)[0])
wrong: the generator goes the wrong way: with softplus(+logit) it makes its images easier to tell
    softplus(-(z + shift) @ weights) -> softplus((z + shift) @ weights)
""")
def my_turns(shift, weights, real, noise, lr):
    """Both players after all turns, (2, d): the generator's shift, then the discriminator's weights."""
    softplus = torch.nn.functional.softplus
    for x, z in zip(real, noise, strict=True):
        weights = weights.detach().clone().requires_grad_()
        loss = softplus(-x @ weights).mean() + softplus((z + shift).detach() @ weights).mean()
        weights = (weights - lr * torch.autograd.grad(loss, weights)[0]).detach()
        shift = shift.detach().clone().requires_grad_()
        loss = softplus(-(z + shift) @ weights).mean()
        shift = (shift - lr * torch.autograd.grad(loss, shift)[0]).detach()
    return torch.stack([shift, weights])


def some_games():
    zero = torch.zeros(1)
    yield zero, zero, torch.tensor([[[2.0]]]), torch.tensor([[[1.0]]]), 1.0
    real, noise = torch.tensor([[2.0, 3.0, 1.0, 2.5], [0.5, -1.0, 0.0, 1.5]]).view(2, 2, 2, 1)
    yield torch.tensor([-1.0]), torch.tensor([0.5]), real, noise, 0.5
    for turns, n, d, lr in (2, 3, 2, 1.0), (5, 4, 3, 0.3):
        real, noise = 2 + normal(turns, n, d, seed=d + 20), normal(turns, n, d, seed=d + 30)
        yield normal(d, seed=d), normal(d, seed=d + 10), real, noise, lr


@my_turns.expect(some_games)
def on_paper(shift, weights, real, noise, lr):
    for x, z in zip(real, noise, strict=True):
        made = z + shift
        weights = weights + lr * (expit(-x @ weights) @ x / len(x) - expit(made @ weights) @ made / len(z))
        shift = shift + lr * expit(-made @ weights).mean() * weights
    return [shift, weights]


@Exercise("""
12.4 · A distance that does not flatter
against: the kernel's own feature space, written out with all its products of three, in numpy
praise: Two samples of one kind are 0 apart on average, and a single value may well lie below 0.
hint: One kernel for all pairs at once: k(a, b) = (a @ b.T / d + 1) ** 3 is (n, m), with d = a.shape[1].
hint: Three means: within a, within b, and across; KID = within + within - 2 * across.
hint: Across, all n * m pairs count. Within a set a picture paired with itself says nothing about others: leave the n
    pairs out of the sum *and* of the count, n * (n - 1) remain.
hint: (own.sum() - own.diagonal().sum()) / (n * (n - 1)) is the mean over the others. No root, and no clamp at 0.
wrong: each picture is compared with itself, too: then even two samples of one kind are apart (biased)
    (own.sum() - own.diagonal().sum()) / (len(x) * (len(x) - 1)) -> own.mean()
wrong: the pairs of a picture with itself are gone from the sum, but not from the count: n * (n - 1) remain
    (len(x) * (len(x) - 1)) -> len(x) ** 2
wrong: the dot product is not divided by d, so a longer feature vector alone makes the distance larger
    / x.shape[1] ->
wrong: what goes across counts once; it counts twice, as in (x - y)^2, or equal sets are not 0 apart
    2 * kernel -> kernel
""")
def my_kid(a, b):
    """The kernel inception distance of two sets of features, a number: the unbiased estimate of MMD^2."""

    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def among_others(x):
        own = kernel(x, x)
        return (own.sum() - own.diagonal().sum()) / (len(x) * (len(x) - 1))

    return among_others(a) + among_others(b) - 2 * kernel(a, b).mean()


def some_features():
    base = torch.tensor([[1.0], [2.0]])
    yield base, base - 1
    for n, m, d, far, wide in (3, 4, 2, 1.0, 1.0), (12, 9, 5, 0.0, 1.0), (10, 20, 8, 0.5, 2.0):
        yield normal(n, d, seed=d) + far, wide * normal(m, d, seed=d + 1)


@my_kid.expect(some_features)
def in_the_feature_space(a, b):
    """(x . y / d + 1)^3 is the dot product of all products of three of the numbers (x / sqrt(d), 1)."""

    def products(x):
        x = np.column_stack([x / np.sqrt(x.shape[1]), np.ones(len(x))])
        return np.einsum("ni,nj,nk->nijk", x, x, x).reshape(len(x), -1)

    def within(x):
        return (np.square(x.sum(0)).sum() - np.square(x).sum()) / (len(x) * (len(x) - 1))

    a, b = products(a), products(b)
    return within(a) + within(b) - 2 * a.mean(0) @ b.mean(0)
