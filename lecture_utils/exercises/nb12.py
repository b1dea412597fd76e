"""Exercises of notebook 12: two losses, a walk through latent space, taking turns, and a distance between two sets."""

from decimal import Decimal, localcontext

import torch

from .frame import Exercise
from .kernel_distance import KID
from .latent_walk import WALK
from .taking_turns import TURNS

__all__ = ["KID", "LOSSES", "TURNS", "WALK"]


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


LOSSES = Exercise(
    "12.1",
    "What each player minimises",
    difficulty=1,
    minutes=10,
    trains="three losses, their signs, and logs of probabilities that are as good as 0",
    against="the formulas as they stand, in numbers of 150 digits",
    praise="The signs are right, and a discriminator that is quite sure breaks nothing.",
    hints=(
        "D = sigmoid(logit). Written out, -log D = log(1 + exp(-logit)), which is softplus(-logit); and "
        "-log(1 - D) = softplus(logit). torch.nn.functional.softplus stays right for any logit.",
        "The discriminator: softplus(-real).mean() + softplus(fake).mean(), two means, since there may be more of one "
        "than of the other.",
        "The generator has only the made ones. Non-saturating: it minimises -log D, softplus(-fake). Minimax: it "
        "minimises +log(1 - D), which is -softplus(fake), below 0.",
    ),
)


@LOSSES.stub
def my_losses(real, fake):
    """Three losses, each to be minimised by its player, in nats: (3,).

    With D = sigmoid(logit): the discriminator's, -mean log D(real) - mean log(1 - D(fake)); the generator's that does
    not saturate, -mean log D(fake); the generator's of the minimax game, mean log(1 - D(fake)).
    real: (n,), the discriminator's logits of real images. fake: (m,), of made ones. Logits of 300 are possible.
    """
    raise NotImplementedError


@LOSSES.solve
def by_softplus(real, fake):
    softplus = torch.nn.functional.softplus
    discriminator = softplus(-real).mean() + softplus(fake).mean()
    return torch.stack([discriminator, softplus(-fake).mean(), -softplus(fake).mean()])


@LOSSES.expect
def as_they_stand(real, fake):
    with localcontext(prec=150):

        def logs(logits):
            """The means of log D and of log(1 - D)."""
            answers = [1 / (1 + Decimal(-logit).exp()) for logit in logits.double().tolist()]
            pairs = [(answer.ln(), (1 - answer).ln()) for answer in answers]
            return [sum(column) / len(pairs) for column in zip(*pairs, strict=True)]

        (sees_real, _), (fooled, sees_fake) = logs(real), logs(fake)
        return torch.tensor([float(-sees_real - sees_fake), float(-fooled), float(sees_fake)]).double()


@LOSSES.inputs
def some_answers():
    return [
        {"real": torch.tensor([3.0]).log(), "fake": torch.tensor([0.25]).log()},
        {"real": torch.tensor([2.0, -1.0]), "fake": torch.tensor([-2.0, 0.5, 1.0])},
        {"real": 2 + 3 * _random(6), "fake": 3 * _random(9, seed=1) - 1},
        {"real": torch.tensor([120.0, -120.0, 5.0]), "fake": torch.tensor([-300.0, 150.0])},
    ]


@LOSSES.mistake("the discriminator's loss is halved, a mean of two; it is the sum of both means")
def half_for_the_discriminator(real, fake):
    softplus = torch.nn.functional.softplus
    discriminator = (softplus(-real).mean() + softplus(fake).mean()) / 2
    return torch.stack([discriminator, softplus(-fake).mean(), -softplus(fake).mean()])


@LOSSES.mistake(
    "one mean is taken over real and made ones together; each kind has its own, however many there are"
)
def one_mean_for_both(real, fake):
    softplus = torch.nn.functional.softplus
    discriminator = 2 * softplus(torch.cat([-real, fake])).mean()
    return torch.stack([discriminator, softplus(-fake).mean(), -softplus(fake).mean()])


@LOSSES.mistake("real and made are mixed up for the discriminator: it wants D near 1 on real images")
def labels_mixed_up(real, fake):
    softplus = torch.nn.functional.softplus
    discriminator = softplus(real).mean() + softplus(-fake).mean()
    return torch.stack([discriminator, softplus(-fake).mean(), -softplus(fake).mean()])


@LOSSES.mistake("minimising your third loss makes D(fake) fall: the minimax one is +log(1 - D), below 0")
def minimax_turned_round(real, fake):
    softplus = torch.nn.functional.softplus
    discriminator = softplus(-real).mean() + softplus(fake).mean()
    return torch.stack([discriminator, softplus(-fake).mean(), softplus(fake).mean()])


@LOSSES.mistake("the two generator losses have changed places: minimax is the third, and has the 1 - D")
def generators_changed(real, fake):
    softplus = torch.nn.functional.softplus
    discriminator = softplus(-real).mean() + softplus(fake).mean()
    return torch.stack([discriminator, -softplus(fake).mean(), softplus(-fake).mean()])


@LOSSES.mistake(
    "a floor such as + 1e-8 inside the log cuts the loss where it should be largest: softplus needs none"
)
def with_a_floor(real, fake):
    real, fake = torch.sigmoid(real), torch.sigmoid(fake)
    sees_fake = (1 - fake + 1e-8).log().mean()
    return torch.stack([-(real + 1e-8).log().mean() - sees_fake, -(fake + 1e-8).log().mean(), sees_fake])


@LOSSES.mistake(
    "binary_cross_entropy of probabilities ends at 100, for a sigmoid that has become 0 or 1: give it the logits"
)
def cross_entropy_of_probabilities(real, fake):
    entropy, real, fake = torch.nn.functional.binary_cross_entropy, torch.sigmoid(real), torch.sigmoid(fake)
    sees_fake = entropy(fake, torch.zeros_like(fake))
    discriminator = entropy(real, torch.ones_like(real)) + sees_fake
    return torch.stack([discriminator, entropy(fake, torch.ones_like(fake)), -sees_fake])


@LOSSES.mistake(
    "these are differences of logits, a critic's loss (Wasserstein); here log-probabilities are asked"
)
def a_critic(real, fake):
    return torch.stack([fake.mean() - real.mean(), -fake.mean(), -fake.mean()])
