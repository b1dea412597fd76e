"""GANs: the two losses, of logits, and Goodfellow's algorithm 1. Nothing is lost when it is stopped, or diverges.

Ctrl-C (the stop button) ends a training: both nets keep what they have learned. A loss or a gradient of NaN or infinity
ends it: both nets get the last good weights back. Either prints one sentence, as `fit` does.
"""

import copy
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ..checks import check_choice, check_count, check_number, check_seed, check_share, check_tensor
from ._shared import check_model, modes_kept
from .fit import Diverged, copy_tensors, floating_state, run_steps, told, update

KINDS = ("non_saturating", "minimax")
LAZY = 16  # steps from one gradient penalty to the next: Karras et al. (2020), appendix B


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """What the discriminator minimises: -mean log D(real) - mean log(1 - D(fake)), in nats, where D = sigmoid(logit).

    real, fake: floating logits, any shape. Errors: ValueError. Source: Goodfellow et al. (2014), equation 1.
    """
    return _discriminator_loss(check_tensor(real, "real", (...,)), check_tensor(fake, "fake", (...,)))


def generator_loss(fake: Tensor, kind: str = "non_saturating") -> Tensor:
    """What the generator minimises, in nats: -mean log D(fake), or with "minimax" mean log(1 - D(fake)).

    fake: floating logits of what it made, any shape. Both fall as D(fake) rises; they differ in where they are steep.
    Errors: ValueError; KeyError for another kind.
    Source: Goodfellow et al. (2014), equation 1 ("minimax") and section 3.
    """
    return _generator_loss(check_tensor(fake, "fake", (...,)), check_choice(kind, KINDS, "kind"))


def _discriminator_loss(real, fake):
    """With softplus logits of +-100 are harmless: -log D = softplus(-logit), -log(1 - D) = softplus(logit)."""
    return softplus(-real).mean() + softplus(fake).mean()


def _generator_loss(fake, kind):
    return softplus(-fake).mean() if kind == "non_saturating" else -softplus(fake).mean()


def generator_slope(probability: Tensor, kind: str = "non_saturating") -> Tensor:
    """How steep the generator's loss is at D = probability: |d loss / d logit| of one picture, between 0 and 1.

    It is 1 - D, or with "minimax" D: hardly any gradient comes back where D is near 0, as it is early in training.
    Errors: ValueError outside [0, 1]; KeyError for another kind.
    """
    check_tensor(probability, "probability", (...,))
    if probability.min() < 0 or probability.max() > 1:
        raise ValueError("probability: expected values in [0, 1]: of logits take the sigmoid first")
    return 1 - probability if check_choice(kind, KINDS, "kind") == "non_saturating" else probability


class GANHistory(NamedTuple):
    """What happened in each step, float32 (steps done,): both losses in nats, the discriminator's mean probabilities.

    stopped: None, "interrupted" or "diverged".
    """

    discriminator: Tensor
    generator: Tensor
    on_real: Tensor  # mean probability of real, over real images
    on_fake: Tensor  # the same over generated ones
    stopped: str | None = None


class GANTrainer:
    """Both nets, both optimisers and the source of all draws: `step(real)` is one step of algorithm 1, `fit` many.

    generator: z (n, latent) -> images, with `.latent`. discriminator: images -> logits (n,).
    lr: learning rates of Adam, the generator's and the discriminator's. betas: Adam's two, the same for both nets
    (DCGAN: .5 and .999).
    kind: of the generator's loss. average: the generator's weights are also averaged over the steps, each step keeping
    this share of the average (at first less, so that it moves); `trainer.averaged` is that generator. 0: no average,
    and `averaged` is the generator itself.
    penalty: weight γ of the squared slope of the discriminator's logit at real images, γ/2 E|∇ logit|², added LAZY
    times as strongly at every LAZY-th step.
    Errors: ValueError, KeyError for another kind of loss.
    Source: Goodfellow et al. (2014), algorithm 1; Radford et al. (2016) for rates and betas; Yazıcı et al. (2019) for
    the average; Mescheder et al. (2018), equation 9, for the penalty.
    Differs: the generator is updated through the images that the discriminator has just seen, where algorithm 1 draws
    new ones; Adam; the loss that does not saturate unless `kind` says otherwise.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        lr: tuple[float, float] = (2e-4, 2e-4),
        betas: tuple[float, float] = (0.5, 0.999),
        kind: str = "non_saturating",
        average: float = 0.0,
        penalty: float = 0.0,
        seed: int = 0,
    ):
        self.generator, self.discriminator = generator, check_model(discriminator, "discriminator")
        if not isinstance(getattr(check_model(generator, "generator"), "latent", None), int):
            raise ValueError("generator: expected an attribute `latent`, the number of values in a code")
        self.kind = check_choice(kind, KINDS, "kind")
        self.decay, self.penalty = check_share(average, "average"), check_number(penalty, "penalty")
        if average == 1:
            raise ValueError("average: expected a number below 1, got 1")
        self.device = next(generator.parameters()).device
        self.averaged = copy.deepcopy(generator).eval() if average else generator
        self.g_optimizer, self.d_optimizer = _optimizers(generator, discriminator, lr, betas)
        self.draws = torch.Generator(self.device).manual_seed(check_seed(seed))
        self.steps = 0
        self.good = None  # weights that gave losses which were numbers

    def codes(self, n: int) -> Tensor:
        """z (n, latent) from a standard Gaussian."""
        dtype = next(self.generator.parameters()).dtype
        return torch.randn(n, self.generator.latent, generator=self.draws, device=self.device, dtype=dtype)

    def step(self, real: Tensor) -> tuple[float, float, float, float]:
        """One step on real images (n, ...): a row of `GANHistory`. The nets stay in the mode they are in.

        Errors: ValueError for no image; Diverged: both nets then have their last good weights.
        """
        if not len(real):
            raise ValueError("real: expected at least one image, got none")
        weights = floating_state(self.generator, self.discriminator)
        before = [tensor.clone() for tensor in weights]
        try:
            row = self._algorithm_1(real.to(self.device))
        except Diverged:
            # The weights before this step may have led to it: those of one step earlier are safe.
            copy_tensors(self.good or before, weights)
            raise
        finally:
            self.g_optimizer.zero_grad()
            self.d_optimizer.zero_grad()
        self.good = before
        self.steps += 1
        self._average()
        return row

    def _algorithm_1(self, real):
        fake = self.run(self.generator, self.codes(len(real)))
        of_real = self.run(self.discriminator, real)  # logits
        of_fake = self.run(self.discriminator, fake.detach())  # detach: the generator stays
        loss_d = _discriminator_loss(of_real, of_fake)
        update(self.d_optimizer, self.discriminator, loss_d + self._slope(real))
        # Now the generator, through the discriminator that has just been updated.
        loss_g = _generator_loss(self.run(self.discriminator, fake), self.kind)
        update(self.g_optimizer, self.generator, loss_g)
        return loss_d.item(), loss_g.item(), *(x.sigmoid().mean().item() for x in (of_real, of_fake))

    def fit(
        self,
        images: Tensor,
        steps: int,
        batch: int = 64,
        callback: Callable[[int], None] | None = None,
        every: int | None = None,
        label: str = "training",
    ) -> GANHistory:
        """Train both nets in place for so many steps on images drawn at random. The nets keep their modes.

        images: real ones, any floating tensor (n, ...) that the discriminator takes; each step draws some with
        replacement. batch: images of an update, at least 2. callback, every: as in `generative.fit`, with `averaged`
        in evaluation mode. Errors: ValueError.
        """
        check_tensor(images, "images", ("n", "values", ...))
        steps, batch = check_count(steps, "steps", 0), check_count(batch, "batch", 2)

        def step():
            chosen = torch.randint(len(images), (batch,), generator=self.draws, device=self.device)
            row = self.step(images[chosen.to(images.device)])
            return row, f"losses {row[0]:.2f} and {row[1]:.2f}"

        with modes_kept(self.generator, self.discriminator):
            self.generator.train(), self.discriminator.train()
            rows, why = run_steps(step, steps, callback, every, self.averaged, label)
        good = f"{why} in turn {len(rows) + 1} of {steps}: both nets have their last good weights; "
        kept = f"stopped after {len(rows)} of {steps} turns: both nets keep what they have learned so far."
        stopped = told(why, label, good + "smaller rates may help.", kept)
        return GANHistory(*torch.tensor(rows).reshape(-1, 4).unbind(1), stopped)

    def run(self, net: nn.Module, x: Tensor) -> Tensor:
        """net(x): what a training in another precision overrides."""
        return net(x)

    def _slope(self, real):
        """The penalty, in the steps that have one."""
        if not self.penalty or self.steps % LAZY:
            return 0.0
        x = real.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(self.discriminator(x).sum(), x, create_graph=True)
        return LAZY * self.penalty / 2 * slope.flatten(1).square().sum(1).mean()

    def _average(self):
        if not self.decay:
            return
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))  # at first the average must move
        with torch.no_grad():
            for mean, now in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
            for mean, now in zip(self.averaged.buffers(), self.generator.buffers(), strict=True):
                mean.copy_(now)


def _optimizers(generator, discriminator, lr, betas):
    """Adam for each. Errors: ValueError."""
    for name, pair in (("lr", lr), ("betas", betas)):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(f"{name}: expected two numbers, got {pair!r}")
        for value in pair:
            check_number(value, name, most=1 if name == "betas" else math.inf, above=name == "lr")
    found = zip((generator, discriminator), lr, strict=True)
    return [torch.optim.Adam(net.parameters(), rate, betas=betas, fused=True) for net, rate in found]
