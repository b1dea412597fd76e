"""The lecture's recipe of small steps, and one difference for all images: by hand on linear nets."""

import pytest
import torch

from experiments.methods.attacks import small_steps, success_rate, universal_perturbation
from tests.attack_nets import Linear, Poisoned, Stops, linear, said
from tests.attribution_nets import random_images, random_net, toy, toy_images, unchanged

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


def test_a_budget_that_is_too_small_is_said_to_be():
    net, pixel = one_pixel()
    found = small_steps(net, pixel, 1, size=0.05, steps=2)
    assert found.steps.tolist() == [2] and found.success.tolist() == [False] and found.stopped is None
    assert found.trace.shape == (3, 1, 2) and said(net, found.images).tolist() == [0]


@pytest.mark.parametrize("name", ["alex", "resnet18"])
def test_any_image_becomes_any_class_and_stays_an_image(name):
    net, (images, _) = random_net(name), random_images(name, n=3)
    target = (said(net, images) + torch.tensor([1, 5, 9])) % 16
    with unchanged(net):
        found = small_steps(net, images, target, size=0.5)
    assert found.success.all() and (said(net, found.images) == target).all()
    assert found.images.min() >= 0 and found.images.max() <= 1
    length = (found.images - images).flatten(1).norm(dim=1)
    assert (length > 0).all() and (length <= 0.5 * found.steps + 1e-9).all(), "no step is longer than `size`"


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


def test_ctrl_c_and_nan_keep_the_images_so_far(capsys):
    one = small_steps(toy(), toy_images(), 0, steps=1, size=0.01)
    # a pass a step, and one before the first
    found = small_steps(Stops(3), toy_images(), 0, size=0.01)
    assert found.stopped == "interrupted" and torch.equal(found.images, one.images)
    assert found.steps.tolist() == [1, 1] and not found.success.any()
    assert "small steps: stopped after 1 of 200 steps" in capsys.readouterr().out
    found = small_steps(Poisoned(4), toy_images(), 0, size=0.01)  # in the third step's pass
    assert found.stopped == "diverged" and torch.equal(found.images, one.images)
    assert found.steps.tolist() == [1, 1] and found.trace.shape == (2, 2, 2)


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
