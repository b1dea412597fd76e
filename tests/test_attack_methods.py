"""The lecture's recipe of small steps, and one difference for all images: by hand on linear nets."""

import pytest
import torch

from experiments.methods.attacks import small_steps, success_rate, universal_perturbation
from tests.attack_nets import Linear, linear, said
from tests.attribution_nets import random_images, random_net

EPS = 8 / 255


def one_pixel():
    """Scores .5 and 3 r + 4 g of a pixel (r, g, b): a step of .05 along (.6, .8) raises the second by .25."""
    net = Linear(torch.tensor([[0.0, 0, 0], [3, 4, 0]]).double(), torch.tensor([2.1, 0]).double())
    return net, torch.tensor([0.2, 0.2, 0.7]).double().view(1, 3, 1, 1)  # 2.1 against 1.4


def test_three_steps_by_hand():
    net, pixel = one_pixel()
    found = small_steps(net, pixel, target=1, size=0.05)
    assert found.steps.tolist() == [3] and found.success.tolist() == [True] and found.stopped is None
    assert found.images.flatten().tolist() == pytest.approx([0.29, 0.32, 0.7])
    assert found.trace[:, 0, 0].tolist() == pytest.approx([1.4, 1.65, 1.9, 2.15])  # the target
    assert found.trace[:, 0, 1].tolist() == pytest.approx([2.1] * 4)  # what the net saw first


def test_a_score_that_takes_another_along_never_wins_but_its_probability_does():
    """Scores 3 r + .1 and 2 r + .5 b: along the second's slope the first rises faster."""
    net = Linear(torch.tensor([[3.0, 0, 0], [2, 0, 0.5]]).double(), torch.tensor([0.1, 0]).double())
    pixel = torch.full((1, 3, 1, 1), 0.5, dtype=torch.float64)
    stuck = small_steps(net, pixel, 1, size=0.01, steps=30)
    assert not stuck.success.any() and stuck.trace[-1, 0, 0] > stuck.trace[0, 0, 0] + 0.5
    found = small_steps(net, pixel, 1, size=0.01, objective="probability")
    assert found.success.all() and said(net, found.images).tolist() == [1]
    # along (-1, 0, .5): each step takes .01 * 1.25 ** .5 from the margin of .35
    assert found.steps.tolist() == [int(0.35 / (0.01 * 1.25**0.5)) + 1]
    with pytest.raises(KeyError, match="unknown objective 'probabilty'; did you mean 'probability'"):
        small_steps(net, pixel, 1, objective="probabilty")


def test_each_image_stops_when_it_has_arrived():
    net, (images, _) = random_net("alex"), random_images("alex", n=3)
    target = (said(net, images) + torch.tensor([1, 5, 9])) % 16
    together = small_steps(net, images, target, size=0.5)
    assert together.steps.unique().numel() > 1
    for n in range(3):
        alone = small_steps(net, images[n : n + 1], int(target[n]), size=0.5)
        torch.testing.assert_close(alone.images[0], together.images[n], rtol=0, atol=1e-10)
        assert alone.steps[0] == together.steps[n]
        k = int(alone.steps[0])
        torch.testing.assert_close(alone.trace[:, 0], together.trace[: k + 1, n], rtol=0, atol=1e-8)
        assert (together.trace[k:, n] == together.trace[k, n]).all(), "one that has arrived keeps its scores"


def test_on_a_linear_net_one_difference_is_the_best_for_every_image():
    """All of label 0: v = eps sign(w_1 - w_0), FGSM's for each of them."""
    net, images = linear()
    away = (net.weights[1] - net.weights[0]).detach().view(1, 3, 4, 4)
    v = universal_perturbation(net, images, 0, EPS, steps=20)
    torch.testing.assert_close(v, EPS * away.sign(), rtol=0, atol=1e-12)
    v = universal_perturbation(net, images, 0, 0.3, steps=60, norm="2")
    torch.testing.assert_close(v, 0.3 * away / away.norm(), rtol=0, atol=1e-4)


def test_made_on_some_images_it_fools_the_net_on_others():
    net, _ = linear(size=8, seed=1)
    draws = torch.Generator().manual_seed(0)
    images = 0.3 + 0.4 * torch.rand(400, 3, 8, 8, dtype=torch.float64, generator=draws)
    with torch.no_grad():
        labels = net(images).argmax(1)
    seen, unseen = slice(0, 200), slice(200, 400)
    one = labels == labels[0]  # it cannot push both classes at once across the same plane
    v = universal_perturbation(net, images[seen][one[seen]], labels[seen][one[seen]], 0.1, steps=30)
    rest, wanted = images[unseen][one[unseen]], labels[unseen][one[unseen]]
    assert success_rate(net, rest, wanted) == 0
    noise = 0.1 * torch.randn(v.shape, generator=draws, dtype=v.dtype).sign()
    assert (
        success_rate(net, (rest + v).clamp(0, 1), wanted)
        > 0.9
        > 0.5
        > success_rate(net, (rest + noise).clamp(0, 1), wanted)
    )
