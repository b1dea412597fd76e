"""The ring's counting by hand, its floor and its study; and what is done with codes: walks, arithmetic, inversion."""

import math

import pytest
import torch
from torch import nn

from experiments.methods import latents
from experiments.studies import gan_inversion, ring as ring_study, ring_data as ring
from lecture_utils import results
from lecture_utils.generative import gan_trainer, walks
from tests.helpers import draws

# --- the ring ---


def test_the_ring_is_what_it_says():
    points = ring.ring(40_000, draws(0))
    assert torch.allclose(ring.centres().norm(dim=1), torch.full((8,), 2.0))
    away, mode = torch.cdist(points, ring.centres()).min(1)
    share = torch.bincount(mode) / len(points)
    assert (share - 1 / 8).abs().max() < 0.01
    assert away.square().mean().sqrt().item() == pytest.approx(ring.SPREAD * math.sqrt(2), rel=0.02)
    near = 1 - math.exp(-4.5)  # Rayleigh: 98.9% within 3
    assert ring.coverage(points) == (8, pytest.approx(near, abs=0.003))


def test_coverage_by_hand():
    middles = ring.centres()
    points = torch.cat([middles[:3].repeat(20, 1), middles[3:4], torch.zeros(19, 2)])  # 19 are lost
    assert ring.coverage(points) == (4, pytest.approx(61 / 80))  # one point is a tenth of 80 / 8
    assert ring.coverage(torch.cat([points[:60], torch.zeros(21, 2)]))[0] == 3
    assert ring.coverage(torch.zeros(10, 2)) == (0, 0)


def test_divergence_by_hand():
    a, b = torch.tensor([[0.05, 0.05]] * 4), torch.tensor([[0.05, 0.05]] * 2 + [[1.05, 0.05]] * 2)
    p, q = (1.0, 0.0), (0.5, 0.5)
    middle = [(x + y) / 2 for x, y in zip(p, q, strict=True)]
    kl = lambda x: sum(s * math.log(s / m) for s, m in zip(x, middle, strict=True) if s)  # noqa: E731
    assert ring.divergence(a, b) == pytest.approx((kl(p) + kl(q)) / 2)
    assert ring.divergence(a, a) == 0 and ring.divergence(a, a + 1) == pytest.approx(math.log(2))
    assert ring.divergence(a, b) == ring.divergence(b, a)
    far = torch.tensor([[9.0, 0.0], [math.nan, 0.0], [0.0, -math.inf], [3.0, 0.0]])
    assert ring.divergence(far, far * 0 + 100) == 0  # outside is one cell, whatever lies there


def test_side_by_side_is_as_if_alone():
    """Three turns in float64, with the draws of the second run handed to a game of its own."""

    class Given(gan_trainer.GANTrainer):
        def codes(self, n):
            return next(self.given)

    points = ring.ring(16, draws(5)).double()
    codes = [torch.randn(16, 2, generator=draws(k)).double() for k in range(3)]
    two, one = (Given(*(net.double() for net in ring.players(seeds, width=8))) for seeds in ([3, 1], [1]))
    two.given, one.given = iter(codes), iter([z[8:] for z in codes])
    for _ in range(3):
        two.step(points), one.step(points[8:])
    for a, b in ((two.generator, one.generator), (two.discriminator, one.discriminator)):
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            assert torch.allclose(p[1:], q, atol=1e-7)


# --- the study of the ring ---


def test_all_points_on_one_mode_are_counted_there():
    net = ring_study.Linear((0, 1))
    with torch.no_grad():
        net.layers.weights[0].zero_()
        net.layers.biases[0][:, 0] = ring.centres()[[2, 5]]
    assert ring_study.most_frequent(net, 50) == {"share": [1.0, 1.0], "mode": [2, 5]}
    shipped = results.load("ring")
    assert [row["turn"] for row in shipped["linear"]] == list(range(500, 4_001, 500))
    assert len(shipped["linear"][0]["share"]) == 8 and len(shipped["from one mode"]["then"]) == 4


# --- walks ---


def test_arc_and_line_by_hand():
    a, b = torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 2.0]).double()
    line = walks.walk(a, b, 2, "line")
    assert torch.allclose(line, torch.tensor([[1.0, 0], [0.5, 1], [0, 2]]).double())
    arc = walks.walk(a, b, 2)
    middle = 1.5 * math.sqrt(0.5)  # 45 degrees, half way between the lengths 1 and 2
    assert torch.allclose(arc, torch.tensor([[1.0, 0], [middle, middle], [0, 2]]).double())


def test_the_arc_stays_on_the_shell_and_turns_evenly():
    a, b = latents.to_shell(torch.randn(2, 64, generator=draws(0)).double())
    arc = walks.walk(a, b, 10)
    assert torch.allclose(arc.norm(dim=1), torch.full((11,), 8.0).double())
    turns = torch.nn.functional.cosine_similarity(arc[1:], arc[:-1])
    assert torch.allclose(turns, turns[:1].expand(10)) and torch.allclose(arc[[0, -1]], torch.stack([a, b]))
    assert walks.walk(a, b, 10, "line")[5].norm() < 7  # the line cuts through the inside
    for factor in (1.0, 3.0, -1.0):
        assert torch.isfinite(walks.walk(a, factor * a, 4)).all(), "parallel codes single out no arc"


def test_the_largest_step_by_hand():
    assert latents.jump(torch.tensor([0.0, 1.0, 4.0, 5.0])[:, None]) == pytest.approx(3 * 3 / 5)
    assert latents.jump(torch.tensor([0.0, 2.0, 1.0])[:, None]) == pytest.approx(2 * 2 / 1), "there and back"


def test_a_cross_fade_is_the_smoothest_and_a_constant_is_refused():
    first, last = torch.rand(2, 3, 4, 4, generator=draws(0))
    fade = walks.cross_fade(first, last, 8)
    assert fade.shape == (9, 3, 4, 4) and torch.allclose(fade[4], (first + last) / 2)
    assert latents.jump(fade) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ValueError, match="the first and the last are the same"):
        latents.jump(first.expand(5, -1, -1, -1))


def test_arithmetic_by_hand():
    red_mug = torch.tensor([[1.0, 1.0, 0.0, 0.0]] * 3) + torch.tensor([[0.3], [0.0], [-0.3]])
    blue_mug = torch.tensor([[-1.0, 1.0, 0.0, 0.0]] * 3)
    blue_car = torch.tensor([[-1.0, 0.0, 1.0, 0.0]] * 3)
    expected = torch.tensor([1.0, 0.0, 1.0, 0.0])  # red car
    assert torch.allclose(
        latents.arithmetic(red_mug, blue_mug, blue_car), 2 / math.sqrt(2) * expected, atol=1e-6
    )


class Linear(nn.Module):
    """z (n, 3) -> images (n, 1, 2, 2), linear and one to one, so that the code can be found."""

    latent = 3

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 4)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]) / 5)
            self.layer.bias.fill_(0.5)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, z):
        return self.norm(self.layer(z).view(-1, 1, 2, 2))


def test_inversion_finds_what_can_be_made_and_leaves_the_net():
    net = Linear().train()
    net.layer.bias.requires_grad_(False)
    wanted = latents.to_shell(torch.randn(5, 3, generator=draws(1)))
    with torch.no_grad():
        images = net.eval()(wanted)
    net.train()
    before, state = {k: v.clone() for k, v in net.state_dict().items()}, torch.random.get_rng_state()
    with torch.no_grad():
        found = gan_inversion.invert(net, images, steps=150)
    assert found.errors.max() < 0.01 and torch.allclose(found.codes, wanted, atol=0.05)
    assert torch.allclose(found.codes.norm(dim=1), torch.full((5,), math.sqrt(3)))
    assert torch.allclose(found.images, images, atol=0.02)
    assert net.training and net.layer.weight.requires_grad and not net.layer.bias.requires_grad
    assert net.layer.weight.grad is None and torch.equal(torch.random.get_rng_state(), state)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name
    beyond = images[:1] + torch.tensor([[[[0.4, 0.4], [0.4, -0.4]]]])
    assert gan_inversion.invert(net, beyond, steps=50).errors.item() > 0.2
    top = torch.tensor([[True, True], [False, False]])
    half = gan_inversion.invert(net, images[:1] * top, steps=150, known=top)
    assert half.errors.item() < 0.01  # what is hidden does not count


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda z: walks.walk(z, z[:2], 3), "end: expected"),
        (lambda z: walks.walk(z, z, 0), "steps: expected"),
        (lambda z: walks.walk(z, z, 3, "curve"), "unknown how 'curve'"),
        (lambda z: walks.walk(0 * z, z, 2), "start: expected a latent vector"),
        (lambda z: latents.jump(z[:2]), "frames: expected at least 3"),
        (lambda z: gan_inversion.invert(Linear(), z), "images: expected shape"),
        (
            lambda z: gan_inversion.invert(Linear(), z.view(1, 1, 2, 2), known=z.view(2, 2)),
            "known: expected a bool",
        ),
    ],
)
def test_bad_walks(call, said):
    with pytest.raises((ValueError, KeyError), match=said):
        call(torch.randn(4, generator=draws(0)))
