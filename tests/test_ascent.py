"""Gradient ascent: by hand on linear nets, descent on minus the score, the objectives, and the four recipes."""

from functools import partial

import pytest
import torch
from torch import nn

from lecture_utils.synthesis.ascent import ascend, plain, rms
from lecture_utils.synthesis.objectives import channel, class_score
from lecture_utils.synthesis.optimise import noisy
from lecture_utils.synthesis.regularisers import Blur, Decay, Jitter, Regulariser, SmallNorm, TotalVariation
from tests import attack_nets
from tests.attribution_nets import random_net, toy, toy_images

SIZE = {"size": 16}


def linear():
    """A net whose scores are linear in 4 x 4 pixels, and the weights of each, (2, 3, 4, 4)."""
    net, _ = attack_nets.linear()
    return net, net.weights.detach().view(2, 3, 4, 4)


def test_one_step_on_a_linear_net_is_its_weights():
    (net, weights), target = linear(), 1
    weights = weights[[target]]
    found = ascend(net, target, size=4, steps=1, lr=plain(0.01), start="blank")
    torch.testing.assert_close(found.images, 0.5 + 0.01 * weights)
    torch.testing.assert_close(found.history, (0.5 * weights.sum()).view(1, 1))
    torch.testing.assert_close(found.scores, (found.images * weights).sum().view(1))
    scaled = ascend(net, target, size=4, steps=1, lr=0.02, start="blank").images - 0.5
    torch.testing.assert_close(scaled.square().mean().sqrt(), torch.tensor(0.02, dtype=torch.float64))


def test_far_steps_on_a_linear_net_end_in_the_corner():
    """Within [0, 1] the best image of a linear score is 1 where its weight is above 0, else 0."""
    net, weights = linear()
    found = ascend(net, torch.tensor([0, 1]), size=4, steps=3, lr=1e4)
    assert torch.equal(found.images, (weights > 0).double())
    torch.testing.assert_close(found.scores, weights.clamp(min=0).sum((1, 2, 3)))


@pytest.mark.parametrize("name", ["gap", "alex"])
def test_ascent_is_descent_on_minus_the_score(name):
    """Against torch's own optimiser, which descends."""
    net, start = random_net(name), torch.rand(1, 3, 112, 112, dtype=torch.float64) * 0.2 + 0.4
    leaf = start.clone().requires_grad_()
    descent = torch.optim.SGD([leaf], lr=1e-3)
    for _ in range(3):
        descent.zero_grad()
        (-net(leaf)[0, 5]).backward(inputs=[leaf])
        descent.step()
    found = ascend(net, 5, steps=3, lr=plain(1e-3), start=start)
    torch.testing.assert_close(found.images, leaf.detach().clamp(0, 1))
    assert found.scores > found.history[0]
    down = ascend(net, -class_score(5), steps=3, lr=plain(1e-3), start=start)
    assert -down.scores < found.history[0], "and minus the score climbs down"


def test_the_rules_for_lr_by_hand():
    gradient = torch.tensor([3.0, 4.0]).view(2, 1, 1, 1).expand(2, 3, 2, 2)
    torch.testing.assert_close(rms(0.6)(gradient), torch.tensor([0.2, 0.15]))
    torch.testing.assert_close(plain(0.6)(gradient), torch.tensor([0.6, 0.6]))
    assert rms(0.6)(0 * gradient).tolist() == [0, 0]


def test_every_regulariser_acts_in_its_place_and_in_order():
    calls = []

    def spying(call, given, *_):
        calls.append(call)
        return given

    class Spy(Regulariser):
        def __init__(self, name):
            for place in ("before", "back", "gradient", "after"):
                setattr(self, place, partial(spying, f"{place} {name}"))

    ascend(linear()[0], 0, size=4, steps=1, regularisers=[Spy("a"), Spy("b")])
    in_order = "before a, before b, back b, back a, gradient a, gradient b, after a, after b"
    assert calls == in_order.split(", ")


def test_a_step_with_decay_by_hand():
    net, weights = linear()
    found = ascend(net, 0, size=4, steps=2, lr=plain(0.01), start="blank", regularisers=Decay(0.1), mean=0.4)
    weights = 0.01 * weights[:1]
    torch.testing.assert_close(found.images, 0.4 + 0.9 * (0.9 * weights + weights))


def test_jitter_ends_where_it_began():
    """A score that does not know places: shifts cannot change the way."""
    net = toy("gap")
    with torch.no_grad():
        net.conv1.weight.copy_(net.conv1.weight.mean((2, 3), keepdim=True))
    colours = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)).double()
    still, moved = (ascend(colours, 1, size=8, steps=5, regularisers=r) for r in ([], [Jitter(3)]))
    torch.testing.assert_close(moved.images, still.images)
    several = [Jitter(3), Blur(0.6), SmallNorm(0.2), TotalVariation(0.01)]
    one, two = (ascend(net, 1, steps=6, regularisers=several, seed=4, **SIZE) for _ in range(2))
    assert torch.equal(one.images, two.images) and torch.equal(one.history, two.history), "bit for bit"
    other, third = (
        ascend(net, 1, steps=6, regularisers=several, seed=seed, start=toy_images(1)) for seed in (5, 6)
    )
    assert not torch.equal(other.images, third.images), "the seed draws the shifts, too"


def test_objectives_by_hand():
    maps = torch.arange(24.0).view(2, 3, 2, 2)
    found = {"x": maps, "": torch.tensor([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])}
    assert class_score(2).value(found).tolist() == [4, 32]
    assert class_score(torch.tensor([1, 0])).value(found).tolist() == [2, 8]
    assert channel("x", 1).value(found).tolist() == [7, 19]  # row 1, column 1 of 2
    assert channel("x", torch.tensor([0, 2]), "mean").value(found).tolist() == [1.5, 21.5]
    assert channel("", 1, "mean").value(found).tolist() == [2, 16], "a vector has one place"
    both = class_score(2) - 0.5 * channel("x", 1) + class_score(torch.tensor([1, 0])) * 2
    assert both.value(found).tolist() == [4 - 3.5 + 4, 32 - 9.5 + 16]
    assert set(both.layers) == {"", "x"} and both.count == 2
    assert (-class_score(2)).value(found).tolist() == [-4, -32]


@pytest.mark.parametrize("where", ["centre", "mean"])
def test_a_channel_rises(where):
    found = ascend(toy("fc"), channel("conv2", torch.tensor([2, 0, 3]), where), steps=12, size=20)
    assert (found.scores > found.history[0]).all() and found.images.shape == (3, 3, 20, 20)


def test_only_the_field_of_the_centre_unit_changes():
    found = ascend(toy(), channel("conv1", 1), steps=4, start="blank", **SIZE).images - 0.5
    assert found[0, :, 7:10, 7:10].any()
    found[0, :, 7:10, 7:10] = 0
    assert not found.any()


def test_a_unit_that_is_off_says_so(capsys):
    net = toy()
    with torch.no_grad():
        net.conv1.bias[0] = -100
    found = ascend(net, channel("relu1", torch.tensor([0, 1]), "mean"), steps=3, **SIZE)
    said = capsys.readouterr().out
    assert "1 of 2 images never moved" in said and "before its ReLU" in said
    assert torch.equal(found.images[:1], noisy(torch.full((1, 3, 16, 16), 0.5).double(), 0))
    ascend(net, channel("conv1", 0, "mean"), steps=3, **SIZE)
    assert not capsys.readouterr().out
