"""Exercise 12.3: two players who take turns, each moving its own parameters only."""

import numpy as np
import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


TURNS = Exercise(
    "12.3",
    "Taking turns",
    difficulty=3,
    minutes=15,
    trains="whose parameters a step moves, against which opponent, and what has to be forgotten between two steps",
    against="the gradients worked out on paper, in numpy",
    praise="Each player moves itself alone, and answers what the other one has just become.",
    hints=(
        "In each turn two steps. First the discriminator: its loss, with the generator's shift held still "
        "((noise + shift).detach()), then weights = weights - lr * gradient.",
        "torch.autograd.grad(loss, weights)[0] gives the gradient to one player alone and leaves nothing behind; with "
        ".backward() both collect gradients, which the next step must not find: zero_grad.",
        "Then the generator, against the *new* weights and with the same noise: softplus(-(noise + shift) @ "
        "weights).mean(), and shift = shift - lr * gradient. The weights stay.",
        "A fresh leaf for each step: shift = shift.detach().clone().requires_grad_(). At the end "
        "torch.stack([shift, weights]).detach().",
    ),
)


@TURNS.stub
def my_turns(shift, weights, real, noise, lr):
    """Both players after all turns, (2, d): the generator's shift, then the discriminator's weights.

    Generator: G(z) = z + shift. Discriminator: logit(x) = x @ weights. A turn: first the discriminator takes one step
    of gradient descent on mean softplus(-logit(real)) + mean softplus(logit(G(noise))); then the generator takes one on
    mean softplus(-logit(G(noise))), against the discriminator as it now is, with the same noise.
    shift, weights: (d,), at the start. real, noise: (turns, n, d). lr: the learning rate of both.
    """
    raise NotImplementedError


@TURNS.solve
def one_after_the_other(shift, weights, real, noise, lr):
    softplus = torch.nn.functional.softplus
    for x, z in zip(real, noise, strict=True):
        weights = weights.detach().clone().requires_grad_()
        loss = softplus(-x @ weights).mean() + softplus((z + shift).detach() @ weights).mean()
        weights = (weights - lr * torch.autograd.grad(loss, weights)[0]).detach()
        shift = shift.detach().clone().requires_grad_()
        loss = softplus(-(z + shift) @ weights).mean()
        shift = (shift - lr * torch.autograd.grad(loss, shift)[0]).detach()
    return torch.stack([shift, weights])


@TURNS.expect
def on_paper(shift, weights, real, noise, lr):
    s, w = shift.double().numpy().copy(), weights.double().numpy().copy()

    def sigmoid(logits):
        return (1 + np.tanh(logits / 2)) / 2

    for x, z in zip(real.double().numpy(), noise.double().numpy(), strict=True):
        made = z + s
        w += lr * (sigmoid(-x @ w) @ x / len(x) - sigmoid(made @ w) @ made / len(z))
        s += lr * sigmoid(-made @ w).mean() * w
    return torch.from_numpy(np.stack([s, w]))


@TURNS.inputs
def some_games():
    tiny = {
        "shift": torch.tensor([0.0]),
        "weights": torch.tensor([0.0]),
        "real": torch.tensor([[[2.0]]]),
        "noise": torch.tensor([[[1.0]]]),
        "lr": 1.0,
    }
    two = {
        "shift": torch.tensor([-1.0]),
        "weights": torch.tensor([0.5]),
        "real": torch.tensor([[[2.0], [3.0]], [[1.0], [2.5]]]),
        "noise": torch.tensor([[[0.5], [-1.0]], [[0.0], [1.5]]]),
        "lr": 0.5,
    }
    more = [
        {
            "shift": _random(d, seed=d),
            "weights": _random(d, seed=d + 10),
            "real": 2 + _random(turns, n, d, seed=d + 20),
            "noise": _random(turns, n, d, seed=d + 30),
            "lr": lr,
        }
        for turns, n, d, lr in ((2, 3, 2, 1.0), (5, 4, 3, 0.3))
    ]
    return [tiny, two, *more]


@TURNS.mistake(
    "both move at once: the generator answers the discriminator of before; it takes its turn after it"
)
def at_the_same_time(shift, weights, real, noise, lr):
    softplus = torch.nn.functional.softplus
    for x, z in zip(real, noise, strict=True):
        s, w = shift.clone().requires_grad_(), weights.clone().requires_grad_()
        judged = softplus(-x @ w).mean() + softplus((z + s) @ w).mean()
        made = softplus(-(z + s) @ w).mean()
        to_weights = torch.autograd.grad(judged, w, retain_graph=True)[0]
        shift, weights = shift - lr * torch.autograd.grad(made, s)[0], weights - lr * to_weights
    return torch.stack([shift, weights])


@TURNS.mistake(
    "the discriminator's loss moves the generator too, which then helps to tell its own images: detach what it made"
)
def the_generator_helps(shift, weights, real, noise, lr):
    softplus = torch.nn.functional.softplus
    for x, z in zip(real, noise, strict=True):
        s, w = shift.clone().requires_grad_(), weights.clone().requires_grad_()
        loss = softplus(-x @ w).mean() + softplus((z + s) @ w).mean()
        slopes = torch.autograd.grad(loss, (s, w))
        shift, weights = shift - lr * slopes[0], weights - lr * slopes[1]
        s = shift.clone().requires_grad_()
        shift = shift - lr * torch.autograd.grad(softplus(-(z + s) @ weights).mean(), s)[0]
    return torch.stack([shift, weights])


@TURNS.mistake(
    "the generator's loss moves the discriminator too, which then lets itself be fooled: only the shift moves there"
)
def the_discriminator_gives_in(shift, weights, real, noise, lr):
    softplus = torch.nn.functional.softplus
    for x, z in zip(real, noise, strict=True):
        w = weights.clone().requires_grad_()
        loss = softplus(-x @ w).mean() + softplus((z + shift) @ w).mean()
        weights = weights - lr * torch.autograd.grad(loss, w)[0]
        s, w = shift.clone().requires_grad_(), weights.clone().requires_grad_()
        slopes = torch.autograd.grad(softplus(-(z + s) @ w).mean(), (s, w))
        shift, weights = shift - lr * slopes[0], weights - lr * slopes[1]
    return torch.stack([shift, weights])


@TURNS.mistake(
    "gradients of the first step are still there in the second and are added to its own: zero_grad before each backward"
)
def gradients_left_over(shift, weights, real, noise, lr):
    softplus = torch.nn.functional.softplus
    s, w = shift.clone().requires_grad_(), weights.clone().requires_grad_()
    for x, z in zip(real, noise, strict=True):
        s.grad, w.grad = None, None
        (softplus(-x @ w).mean() + softplus((z + s) @ w).mean()).backward()
        w.data -= lr * w.grad
        softplus(-(z + s) @ w).mean().backward()
        s.data -= lr * s.grad
    return torch.stack([s, w]).detach()


@TURNS.mistake(
    "the generator begins, against a discriminator that has not yet looked: the discriminator goes first"
)
def the_generator_begins(shift, weights, real, noise, lr):
    softplus = torch.nn.functional.softplus
    for x, z in zip(real, noise, strict=True):
        s = shift.clone().requires_grad_()
        shift = shift - lr * torch.autograd.grad(softplus(-(z + s) @ weights).mean(), s)[0]
        w = weights.clone().requires_grad_()
        loss = softplus(-x @ w).mean() + softplus((z + shift) @ w).mean()
        weights = weights - lr * torch.autograd.grad(loss, w)[0]
    return torch.stack([shift, weights])


@TURNS.mistake(
    "the generator's loss is the minimax one, mean log(1 - D): less steep where the discriminator is sure"
)
def by_minimax(shift, weights, real, noise, lr):
    softplus = torch.nn.functional.softplus
    for x, z in zip(real, noise, strict=True):
        w = weights.clone().requires_grad_()
        loss = softplus(-x @ w).mean() + softplus((z + shift) @ w).mean()
        weights = weights - lr * torch.autograd.grad(loss, w)[0]
        s = shift.clone().requires_grad_()
        shift = shift - lr * torch.autograd.grad(-softplus((z + s) @ weights).mean(), s)[0]
    return torch.stack([shift, weights])


@TURNS.mistake("the generator goes the wrong way: with softplus(+logit) it makes its images easier to tell")
def easier_to_tell(shift, weights, real, noise, lr):
    softplus = torch.nn.functional.softplus
    for x, z in zip(real, noise, strict=True):
        w = weights.clone().requires_grad_()
        loss = softplus(-x @ w).mean() + softplus((z + shift) @ w).mean()
        weights = weights - lr * torch.autograd.grad(loss, w)[0]
        s = shift.clone().requires_grad_()
        shift = shift - lr * torch.autograd.grad(softplus((z + s) @ weights).mean(), s)[0]
    return torch.stack([shift, weights])
