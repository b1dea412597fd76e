"""The two losses against numbers by hand, the nets' shapes, and the game: seeds, modes, stops, divergence."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from experiments.studies import ring_data as ring
from lecture_utils.generative import dcgan, discriminator_loss, gan_trainer, generator_loss, generator_slope
from tests.helpers import draws, refusals

LOGITS = torch.tensor([0.0, math.log(3), -math.log(3)], dtype=torch.float64)  # D = 1/2, 3/4, 1/4


def test_the_losses_by_hand():
    real, fake = LOGITS[:2], LOGITS[[0, 2]]
    on_real = -(math.log(1 / 2) + math.log(3 / 4)) / 2
    on_fake = -(math.log(1 / 2) + math.log(3 / 4)) / 2  # 1 - D of the fakes is 1/2, 3/4
    assert discriminator_loss(real, fake).item() == pytest.approx(on_real + on_fake, abs=1e-12)
    assert generator_loss(fake).item() == pytest.approx(-(math.log(1 / 2) + math.log(1 / 4)) / 2, abs=1e-12)
    minimax = generator_loss(fake, "minimax").item()
    assert minimax == pytest.approx((math.log(1 / 2) + math.log(3 / 4)) / 2, abs=1e-12)


def test_against_torch():
    real, fake = torch.randn(2, 50, generator=draws()).double() * 4
    one, zero = torch.ones(50).double(), torch.zeros(50).double()
    assert torch.isclose(discriminator_loss(real, fake), bce(real, one) + bce(fake, zero))
    assert torch.isclose(generator_loss(fake), bce(fake, one))
    assert torch.isclose(generator_loss(fake, "minimax"), -bce(fake, zero))


@pytest.mark.parametrize("logit", [-100.0, 100.0])
def test_stable_for_sure_answers(logit):
    x = torch.tensor([logit], requires_grad=True)
    losses = discriminator_loss(x, -x), generator_loss(x), generator_loss(x, "minimax")
    assert torch.isfinite(torch.autograd.grad(sum(losses), x)[0]).all()
    assert [loss.item() for loss in losses[1:]] == pytest.approx([max(0, -logit), -max(0, logit)])
    assert losses[0].item() == pytest.approx(2 * max(0, -logit))


@pytest.mark.parametrize("kind", gan_trainer.KINDS)
def test_the_slope_is_the_gradient_of_the_loss(kind):
    probability = torch.tensor([1e-6, 0.001, 0.01, 0.5, 0.99, 1 - 1e-6], dtype=torch.float64)
    logits = probability.logit().requires_grad_()
    loss = sum(generator_loss(x[None], kind) for x in logits)
    by_autograd = -torch.autograd.grad(loss, logits)[0]  # it falls as the logit rises
    torch.testing.assert_close(generator_slope(probability, kind), by_autograd, rtol=1e-9, atol=0)
    expected = 1 - probability if kind == "non_saturating" else probability  # which dies where D is sure
    torch.testing.assert_close(by_autograd, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("norm", ["spectral", "batch", "none"])
def test_shapes_and_ranges(norm):
    makes, judges = dcgan.nets(3, latent=8, channels=4, norm=norm)
    images = makes(torch.randn(5, 8))
    assert images.shape == (5, 3, 32, 32) and images.min() >= 0 and images.max() <= 1
    assert judges(images).shape == (5,)


@pytest.mark.parametrize("side", [28, 32])
def test_the_layers_see_images_from_minus_one_to_one(side):
    makes, judges = dcgan.nets(0, latent=8, channels=4, colours=1, norm="none", side=side)
    assert makes(torch.randn(2, 8)).shape == (2, 1, side, side)
    ones = torch.ones(1, 1, side, side)
    for value, seen in ((0.0, -1.0), (0.5, 0.0), (1.0, 1.0)):
        assert torch.equal(judges(value * ones), judges.layers(seen * ones).flatten())


def test_the_spectral_norm_bounds_each_layer():
    _, judges = dcgan.nets(0, channels=4, norm="spectral")
    for _ in range(50):
        judges(torch.rand(2, 3, 32, 32))  # each pass is a step of the power iteration
    for layer in judges.eval().layers:
        if isinstance(layer, nn.Conv2d):
            assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)


POINTS = ring.ring(400, draws())


def small(seed=0, **options):
    return gan_trainer.GANTrainer(*ring.players([seed], width=8), seed=seed, **options)


def weights(game):
    return [t.clone() for net in (game.generator, game.discriminator) for t in net.state_dict().values()]


@pytest.mark.parametrize("options", [{}, {"average": 0.9, "penalty": 1.0}])
def test_seeds_repeat(options):
    games = [small(seed, **options) for seed in (0, 0, 1)]
    state = torch.random.get_rng_state()
    histories = [game.fit(POINTS, steps=6, batch=16) for game in games]
    assert torch.equal(torch.random.get_rng_state(), state)
    for a, b, c in zip(*(history[:4] for history in histories), strict=True):
        assert torch.equal(a, b) and not torch.equal(a, c) and a.shape == (6,)
    for a, b in zip(weights(games[0]), weights(games[1]), strict=True):
        assert torch.equal(a, b)


def test_one_turn_by_hand():
    """Algorithm 1 with plain autograd and torch's Adam, in float64."""
    makes, judges = (net.double() for net in ring.players([0], width=8))
    game = gan_trainer.GANTrainer(makes, judges, lr=(1e-2, 2e-2), seed=4)
    makes2, judges2 = (net.double() for net in ring.players([0], width=8))
    makes_step = torch.optim.Adam(makes2.parameters(), 1e-2, betas=(0.5, 0.999))
    judges_step = torch.optim.Adam(judges2.parameters(), 2e-2, betas=(0.5, 0.999))
    real = POINTS[:16].double()
    fake = makes2(torch.randn(16, 2, generator=draws(4), dtype=torch.float64))
    loss = -judges2(real).sigmoid().log().mean() - (1 - judges2(fake.detach()).sigmoid()).log().mean()
    judges_step.zero_grad(), loss.backward(), judges_step.step()
    loss_g = -judges2(fake).sigmoid().log().mean()
    makes_step.zero_grad(), loss_g.backward(), makes_step.step()
    row = game.step(real)
    assert row[:2] == pytest.approx((loss.item(), loss_g.item()), abs=1e-12)
    for net, other in ((makes, makes2), (judges, judges2)):
        for a, b in zip(net.parameters(), other.parameters(), strict=True):
            assert torch.allclose(a, b, atol=1e-12)
    assert all(p.grad is None and p.requires_grad for net in (makes, judges) for p in net.parameters())


def test_the_penalty_is_the_slope_by_hand():
    class Straight(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.tensor([3.0, 4.0]))

        def forward(self, x):
            return x @ self.w

    game = gan_trainer.GANTrainer(ring.Maker(width=4), Straight(), penalty=2.0)
    by_hand = gan_trainer.LAZY * 2.0 / 2 * 25  # |w|² = 25 at any point
    assert game._slope(POINTS[:7]).item() == pytest.approx(by_hand)


def test_the_average_follows():
    game = small(average=0.5)
    assert game.averaged is not game.generator and small().averaged.training
    before = [p.clone() for p in game.averaged.parameters()]
    game.step(POINTS[:8])
    keep = min(0.5, 2 / 11)
    for mean, old, now in zip(game.averaged.parameters(), before, game.generator.parameters(), strict=True):
        assert torch.allclose(mean, keep * old + (1 - keep) * now, atol=1e-7)


def test_modes_come_back_and_look_sees_the_average():
    makes, judges = dcgan.nets(0, latent=4, channels=4, norm="batch")
    makes.eval(), judges.train()
    judges.layers[3].eval()
    game, seen = gan_trainer.GANTrainer(makes, judges, average=0.9), []
    modes = [m.training for net in (makes, judges) for m in net.modules()]

    def callback(turn):
        seen.append((turn, game.averaged.training, torch.is_grad_enabled(), makes.training))

    game.fit(torch.rand(8, 3, 32, 32), steps=3, batch=4, callback=callback, every=2)
    assert seen == [(2, False, False, True), (3, False, False, True)]
    assert [m.training for net in (makes, judges) for m in net.modules()] == modes


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_divergence_loses_nothing(capsys, where):
    class Breaks(ring.Judge):
        calls = 0

        def forward(self, points):
            self.calls += 1
            found = super().forward(points)
            if self.calls < 3 * 5 + 2:  # three answers a turn: in turn 6 the second is broken
                return found
            if where == "loss":
                return found * math.nan
            steep = (points * 0).sum(1).sqrt()  # 0, steep without end
            return found + steep * self.layers.biases[2].flatten()

    torch.manual_seed(0)
    game = gan_trainer.GANTrainer(ring.Maker(width=8), Breaks(width=8), lr=(1e-3, 1e-3))
    kept = []
    original = game.step

    def turn(real):
        kept.append(weights(game))
        return original(real)

    game.step = turn
    history = game.fit(POINTS, steps=9, batch=8, label="ring")
    assert history.stopped == "diverged" and len(history.generator) == 5
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "in turn 6 of 9: both nets have their last good weights" in said
    for now, good in zip(weights(game), kept[4], strict=True):  # they gave the last losses that were numbers
        assert torch.equal(now, good) and torch.isfinite(now).all()


def test_ctrl_c_keeps_what_was_learned(capsys):
    game = small()

    def callback(turn):
        raise KeyboardInterrupt

    history = game.fit(POINTS, steps=9, batch=8, callback=callback, every=4)
    assert history.stopped == "interrupted" and len(history.generator) == 4 and game.steps == 4
    assert "stopped after 4 of 9 turns" in capsys.readouterr().out
    assert not game.averaged.training or game.averaged is game.generator
    assert game.fit(POINTS, steps=2, batch=8).stopped is None  # and it goes on from there


MAKES, JUDGES = dcgan.nets(0, latent=8, channels=4)
test_bad_games = refusals(
    (lambda: MAKES(torch.randn(2, 7)), r"z: expected .* shape \(n, 8\), got .* \(2, 7\)"),
    (
        lambda: JUDGES(torch.rand(1, 3, 28, 28)),
        r"images: expected .* shape \(n, 3, 32, 32\), got .* \(1, 3, 28, 28\)",
    ),
    (lambda: dcgan.Discriminator(norm="instance"), "unknown norm 'instance'"),
    (lambda: dcgan.Generator(side=30), "side: expected one of 32, 28 px, got 30"),
    (lambda: gan_trainer.GANTrainer(nn.Linear(2, 2), ring.Judge()), "attribute `latent`"),
    (lambda: gan_trainer.GANTrainer(ring.Maker(), max), "discriminator: expected a torch.nn.Module"),
    (lambda: small(lr=(1e-3, 0)), "lr: "),
    (lambda: small(betas=0.5), "betas: "),
    (lambda: small(kind="max"), "kind"),
    (lambda: small(average=1.0), "average: "),
    (lambda: small().step(POINTS[:0]), "real: expected at least one image"),
    (lambda: small().fit(POINTS, steps=1, batch=1), "batch: "),
)
