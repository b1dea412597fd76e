"""Goodfellow's algorithm 1: two nets are trained against each other. Nothing is lost when it is stopped, or diverges.

Ctrl-C (the stop button) ends it: both nets keep what they have learned. A loss or a gradient of NaN or infinity ends
it: both nets get the last good weights back. Either prints one sentence, as `fit` does.
"""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..checks import check_count, check_number, check_seed, check_share
from ..hooks import frozen
from ..progress import progress
from ._shared import check_model, copy_tensors, modes_kept
from .gan import discriminator_loss, generator_loss

LAZY = 16  # steps from one gradient penalty to the next: Karras et al. (2020), appendix B


class Diverged(FloatingPointError):
    """A loss or a gradient was NaN or infinite."""


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
    lr: learning rates of Adam, generator's and discriminator's; betas: of both (DCGAN: .5 and .999).
    kind: of the generator's loss. real_label: see `discriminator_loss`. n_critic: updates of the discriminator a step.
    average: the generator's weights are also averaged over the steps, each step keeping this share of the average (at
    first less, so that it moves); `trainer.averaged` is that generator. 0: no average, and `averaged` is the generator
    itself.
    penalty: weight γ of the squared slope of the discriminator's logit at real images, γ/2 E|∇ logit|², added LAZY
    times as strongly at every LAZY-th step.
    low_precision: convolutions and linear layers in bfloat16.
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
        real_label: float = 1.0,
        n_critic: int = 1,
        average: float = 0.0,
        penalty: float = 0.0,
        seed: int = 0,
        low_precision: bool = False,
    ):
        _check(generator, discriminator, lr, betas, average, penalty)
        probe = torch.zeros(1)
        (
            generator_loss(probe, kind),
            discriminator_loss(probe, probe, real_label),
        )  # refuse what they do not know
        self.generator, self.discriminator = generator, discriminator
        self.kind, self.real_label, self.n_critic = kind, real_label, check_count(n_critic, "n_critic")
        self.decay, self.penalty, self.low_precision = average, penalty, low_precision
        self.device = next(generator.parameters()).device
        self.averaged = copy.deepcopy(generator).eval() if average else generator
        self.g_optimizer = torch.optim.Adam(generator.parameters(), lr[0], betas=betas, fused=True)
        self.d_optimizer = torch.optim.Adam(discriminator.parameters(), lr[1], betas=betas, fused=True)
        self.draws = torch.Generator(self.device).manual_seed(check_seed(seed))
        self.steps = 0
        self._good = self._start = None

    def codes(self, n: int) -> Tensor:
        """z (n, latent) from a standard Gaussian."""
        dtype = next(self.generator.parameters()).dtype
        return torch.randn(n, self.generator.latent, generator=self.draws, device=self.device, dtype=dtype)

    def step(self, real: Tensor) -> tuple[float, float, float, float]:
        """One step on real images (n_critic * n, ...): a row of `GANHistory`.

        Errors: Diverged; both nets then have their last good weights.
        """
        with self._good_weights_kept():
            for some in real.to(self.device).chunk(self.n_critic):  # "for k steps": the discriminator
                fake = self._run(self.generator, self.codes(len(some)))
                on_real = self._run(self.discriminator, some)
                on_fake = self._run(self.discriminator, fake.detach())  # detach: the generator stays
                loss_d = discriminator_loss(on_real, on_fake, self.real_label)
                self._update(self.d_optimizer, self.discriminator, loss_d + self._slope(some))
            self.discriminator.requires_grad_(False)  # now the generator, through what has just been updated
            loss_g = generator_loss(self._run(self.discriminator, fake), self.kind)
            self._update(self.g_optimizer, self.generator, loss_g)
        self.steps += 1
        self._average()
        return loss_d.item(), loss_g.item(), *(x.sigmoid().mean().item() for x in (on_real, on_fake))

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
        replacement. batch: images of an update, at least 2.
        callback: None, or a function (steps done) called after every `every` steps (a tenth of all unless given) and
        after the last, with `averaged` in evaluation mode and without gradients: the place to draw an image that
        improves. Errors: ValueError.
        """
        _check_real(images)
        steps, batch = check_count(steps, "steps", 0), check_count(batch, "batch", 2)
        every = max(1, steps // 10) if every is None else check_count(every, "every")
        rows, stopped = [], None
        try:
            with modes_kept(self.generator, self.discriminator), progress(label=label, total=steps) as bar:
                self.generator.train(), self.discriminator.train()
                for done in range(1, steps + 1):
                    rows.append(self.step(self._drawn(images, batch * self.n_critic)))
                    bar.update()
                    bar.note(f"losses {rows[-1][0]:.2f} and {rows[-1][1]:.2f}")
                    if callback is not None and (done % every == 0 or done == steps):
                        with frozen(self.averaged), torch.no_grad():
                            callback(done)
        except (KeyboardInterrupt, Diverged) as why:
            stopped = "diverged" if isinstance(why, Diverged) else "interrupted"
            print(f"{label}: {_told(why, len(rows), steps)}")
        return GANHistory(*torch.tensor(rows).reshape(-1, 4).unbind(1), stopped)

    def parts(self) -> dict:
        """What a checkpoint must hold to go on, beside `steps`."""
        nets = {"generator": self.generator, "discriminator": self.discriminator, "averaged": self.averaged}
        optimizers = {"g_optimizer": self.g_optimizer, "d_optimizer": self.d_optimizer}
        return nets | optimizers | {"draws": self.draws}

    def _drawn(self, images, count):
        """So many of the images, with replacement."""
        chosen = torch.randint(len(images), (count,), generator=self.draws, device=self.device)
        return images[chosen.to(images.device)]

    def _run(self, net, x):
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.low_precision):
            found = net(x)
        return found.float() if self.low_precision else found

    def _update(self, optimizer, net, loss):
        """One update of one net. Errors: Diverged."""
        if not math.isfinite(loss.item()):
            raise Diverged("a loss is NaN or infinite")
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.get_total_norm([p.grad for p in net.parameters() if p.grad is not None])
        if not math.isfinite(norm):
            raise Diverged("a gradient is NaN or infinite")
        optimizer.step()

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

    @contextmanager
    def _good_weights_kept(self) -> Iterator[None]:
        """Where a step diverges, the weights before it are not the good ones, but those before the step before:
        they gave losses that were numbers.
        """
        if self._good is None:  # only now: a checkpoint may have been read since the trainer was made
            self._good, self._start = ([t.clone() for t in self._weights()] for _ in range(2))
        copy_tensors(self._weights(), self._start)
        try:
            yield
        except Diverged:
            copy_tensors(self._good, self._weights())
            raise
        finally:
            self.discriminator.requires_grad_(True)
            self.g_optimizer.zero_grad(), self.d_optimizer.zero_grad()
        self._start, self._good = self._good, self._start

    def _weights(self):
        found = [t for net in (self.generator, self.discriminator) for t in net.state_dict().values()]
        return [t for t in found if t.is_floating_point()]


def _told(why, done, steps):
    if isinstance(why, Diverged):
        return (
            f"{why} in turn {done + 1} of {steps}: both nets have their last good weights; "
            "smaller rates may help."
        )
    return f"stopped after {done} of {steps} turns: both nets keep what they have learned so far."


def _check_real(images):
    floating = isinstance(images, Tensor) and images.is_floating_point()
    if not floating or images.ndim < 2 or not len(images):
        raise ValueError("images: expected a floating tensor (n, ...) with at least one image")


def _check(generator, discriminator, lr, betas, average, penalty):
    for name, net in (("generator", generator), ("discriminator", discriminator)):
        check_model(net, name)
    if not isinstance(getattr(generator, "latent", None), int):
        raise ValueError("generator: expected an attribute `latent`, the number of values in a code")
    for name, pair in (("lr", lr), ("betas", betas)):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(f"{name}: expected two numbers, got {pair!r}")
    for value in lr:
        check_number(value, "lr", above=True)
    for value in betas:
        check_share(value, "betas")
    check_number(average, "average", most=1)
    if average == 1:
        raise ValueError("average: expected a number below 1, got 1")
    check_number(penalty, "penalty")
