"""The loop that trains two nets against each other; nothing is lost when it is stopped, or when it diverges.

Ctrl-C (the stop button) ends it: both nets keep what they have learned. A loss or a gradient of NaN or infinity ends
it: both nets get the last good weights back. Either prints one sentence, as `fit` does.
"""

import copy
import math
from typing import NamedTuple

import torch
from torch import nn

from ..hooks import eval_mode
from ..progress import progress
from .gan import discriminator_loss, generator_loss

LAZY = 16  # turns from one gradient penalty to the next: Karras et al. (2020), appendix B


class Diverged(FloatingPointError):
    """A loss or a gradient was NaN or infinite."""


class Duel(NamedTuple):
    """What happened in each turn, float32 (turns done,): both losses in nats, the discriminator's mean answers.

    stopped: None, "interrupted" or "diverged".
    """

    discriminator: torch.Tensor
    generator: torch.Tensor
    on_real: torch.Tensor  # mean probability of real, over real images
    on_fake: torch.Tensor  # the same over made ones
    stopped: str | None = None


class Game:
    """Both nets, both optimisers and the source of all draws: `turn(real)` is one step of each.

    generator: z (n, latent) -> images, with `.latent`. discriminator: images -> logits (n,).
    rates: learning rates of Adam, generator's and discriminator's; betas: of both (DCGAN: .5 and .999).
    kind: of the generator's loss. sure: see `discriminator_loss`. answers: steps of the discriminator in each turn.
    average: the generator's weights are also averaged over the turns, each turn keeping this share of the average;
    `game.averaged` is that generator. 0: no average, and `averaged` is the generator itself.
    penalty: weight γ of the squared slope of the discriminator at real images, γ/2 E|∇D|², every LAZY turns.
    low_precision: convolutions in bfloat16.
    Errors: ValueError, KeyError for another kind of loss.
    Source: Goodfellow et al. (2014), algorithm 1; Radford et al. (2016) for rates and betas; Yazıcı et al. (2019) for
    the average; Mescheder et al. (2018), equation 9, for the penalty.
    """

    def __init__(
        self,
        generator,
        discriminator,
        rates=(2e-4, 2e-4),
        betas=(0.5, 0.999),
        kind="non_saturating",
        sure=1.0,
        answers=1,
        average=0.0,
        penalty=0.0,
        seed=0,
        low_precision=False,
    ):
        _check(generator, discriminator, rates, answers, average, penalty)
        generator_loss(torch.zeros(1), kind)  # refuses another kind
        self.generator, self.discriminator = generator, discriminator
        self.kind, self.sure, self.answers, self.decay, self.penalty = kind, sure, answers, average, penalty
        self.device = next(generator.parameters()).device
        self.low_precision = low_precision
        self.averaged = copy.deepcopy(generator).eval() if average else generator
        self.makes = torch.optim.Adam(generator.parameters(), rates[0], betas=betas, fused=True)
        self.judges = torch.optim.Adam(discriminator.parameters(), rates[1], betas=betas, fused=True)
        self.draws = torch.Generator(self.device).manual_seed(seed)
        self.turns = 0
        self._good, self._start = self._weights(copies=True), self._weights(copies=True)

    def codes(self, n: int) -> torch.Tensor:
        """z (n, latent) from a standard Gaussian."""
        return torch.randn(
            n,
            self.generator.latent,
            generator=self.draws,
            device=self.device,
            dtype=next(self.generator.parameters()).dtype,
        )

    def turn(self, real: torch.Tensor) -> tuple[float, float, float, float]:
        """One turn on real images (answers * n, ...): a row of `Duel`. Errors: Diverged; the weights are then good."""
        _copy(self._weights(), self._start)
        try:
            for some in real.to(self.device).chunk(self.answers):
                fake = self._run(self.generator, self.codes(len(some)))
                on_real = self._run(self.discriminator, some)
                on_fake = self._run(self.discriminator, fake.detach())
                loss_d = discriminator_loss(on_real, on_fake, self.sure)
                extra = self._slope(some) if self.penalty and self.turns % LAZY == 0 else 0.0
                self._step(self.judges, self.discriminator, loss_d + extra)
            self.discriminator.requires_grad_(False)
            loss_g = generator_loss(self._run(self.discriminator, fake), self.kind)
            self._step(self.makes, self.generator, loss_g)
        except Diverged:
            _copy(self._good, self._weights())
            raise
        finally:
            self.discriminator.requires_grad_(True)
            self.makes.zero_grad(), self.judges.zero_grad()
        self._start, self._good = self._good, self._start  # these gave numbers
        self.turns += 1
        self._average()
        return loss_d.item(), loss_g.item(), *(x.sigmoid().mean().item() for x in (on_real, on_fake))

    def parts(self) -> dict:
        """What a checkpoint must hold to go on, beside `turns`."""
        nets = {"generator": self.generator, "discriminator": self.discriminator, "averaged": self.averaged}
        return nets | {"makes": self.makes, "judges": self.judges, "draws": self.draws}

    def _run(self, net, x):
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.low_precision):
            found = net(x)
        return found.float() if self.low_precision else found

    def _step(self, optimiser, net, loss):
        if not math.isfinite(loss.item()):
            raise Diverged("a loss is NaN or infinite")
        optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.get_total_norm([p.grad for p in net.parameters() if p.grad is not None])
        if not math.isfinite(norm):
            raise Diverged("a gradient is NaN or infinite")
        optimiser.step()

    def _slope(self, real):
        x = real.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(self.discriminator(x).sum(), x, create_graph=True)
        return LAZY * self.penalty / 2 * slope.flatten(1).square().sum(1).mean()

    def _average(self):
        if not self.decay:
            return
        keep = min(self.decay, (1 + self.turns) / (10 + self.turns))  # at first the average must move
        with torch.no_grad():
            for mean, now in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
            for mean, now in zip(self.averaged.buffers(), self.generator.buffers(), strict=True):
                mean.copy_(now)

    def _weights(self, copies=False):
        found = [t for net in (self.generator, self.discriminator) for t in net.state_dict().values()]
        found = [t for t in found if t.is_floating_point()]
        return [t.clone() for t in found] if copies else found


def play(game: Game, images, turns: int, batch: int = 64, callback=None, every=None, label="playing") -> Duel:
    """Play so many turns on images drawn at random, and return the `Duel`. The nets are trained in place.

    images: real ones, any floating tensor (n, ...) that the discriminator takes; each turn draws some with replacement.
    callback: None, or a function (turns done) called after every `every` turns (a tenth of all unless given) and after
    the last, with `game.averaged` in evaluation mode and without gradients: the place to draw a picture that improves.
    The nets keep their modes. Errors: ValueError.
    """
    if (
        not isinstance(images, torch.Tensor)
        or not images.is_floating_point()
        or images.ndim < 2
        or not len(images)
    ):
        raise ValueError("images: expected a floating tensor (n, ...) with at least one image")
    for name, value, least in (("turns", turns, 0), ("batch", batch, 2)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name}: expected a whole number of at least {least}, got {value!r}")
    every, rows, stopped = every or max(1, turns // 10), [], None
    modes = [(m, m.training) for net in (game.generator, game.discriminator) for m in net.modules()]
    bar = progress(label=label, total=turns)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            game.generator.train(), game.discriminator.train()
            for turn in range(turns):
                chosen = torch.randint(
                    len(images), (batch * game.answers,), generator=game.draws, device=game.device
                ).to(images.device)
                rows.append(game.turn(images[chosen]))
                bar.update()
                bar.note(f"losses {rows[-1][0]:.2f} and {rows[-1][1]:.2f}")
                if callback is not None and ((turn + 1) % every == 0 or turn + 1 == turns):
                    with eval_mode(game.averaged), torch.no_grad():
                        callback(turn + 1)
    except KeyboardInterrupt:
        stopped = "interrupted"
        print(
            f"{label}: stopped after {len(rows)} of {turns} turns: both nets keep what they have learned so far."
        )
    except Diverged as why:
        stopped = "diverged"
        print(
            f"{label}: {why} in turn {len(rows) + 1} of {turns}: both nets have their last good weights; "
            "smaller rates may help."
        )
    finally:
        bar.close()
        for module, mode in modes:
            module.training = mode
    table = torch.tensor(rows).reshape(-1, 4)
    return Duel(*table.unbind(1), stopped)


def _copy(source, target):
    with torch.no_grad():
        for kept, tensor in zip(target, source, strict=True):
            kept.copy_(tensor)


def _check(generator, discriminator, rates, answers, average, penalty):
    for name, net in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(net, nn.Module) or next(net.parameters(), None) is None:
            raise ValueError(f"{name}: expected a torch.nn.Module with parameters, got {type(net).__name__}")
    if not isinstance(getattr(generator, "latent", None), int):
        raise ValueError("generator: expected an attribute `latent`, the number of values in a code")
    if len(rates) != 2 or not all(math.isfinite(rate) and rate > 0 for rate in rates):
        raise ValueError(f"rates: expected two numbers above 0, got {rates!r}")
    if not isinstance(answers, int) or answers < 1:
        raise ValueError(f"answers: expected a whole number of at least 1, got {answers!r}")
    if not 0 <= average < 1 or penalty < 0:
        raise ValueError(f"average, penalty: expected in [0, 1) and at least 0, got {average} and {penalty}")
