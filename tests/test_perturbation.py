"""Perturbations: their norms, PNG and noise; the recipe of small steps and one difference for all, on linear nets."""

import pytest
import torch
from torch import nn

from experiments.methods.attacks import small_steps, success_rate, through_png, universal_perturbation
from lecture_utils.synthesis.perturbation import magnified, noise_like, norms
from tests.attack_nets import Linear, linear, said
from tests.attribution_nets import random_images, random_net, toy_images
from tests.helpers import refusals

PAIR = torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.2]]).double().view(2, 1, 2, 2).expand(2, 3, 2, 2)


def moved(*by):
    """PAIR with the same four values added to every colour of both images."""
    return PAIR + torch.tensor(by, dtype=torch.float64).view(2, 2)


def test_norms_by_hand():
    found = norms(PAIR[:1], moved(3 / 255, -4 / 255, 0, 0.4 / 255)[:1])
    assert found.largest.tolist() == pytest.approx([4.0])
    assert found.rms.tolist() == pytest.approx([((9 + 16 + 0.16) / 4) ** 0.5])
    assert found.length.tolist() == pytest.approx([(3 * (9 + 16 + 0.16)) ** 0.5 / 255])
    assert found.changed.tolist() == [0.5]  # .4 of a level is lost in a file
    assert all(not value.any() for value in norms(PAIR, PAIR))


def test_magnified_by_hand():
    other = moved(0.01, 0, 0.002, 0.005)
    shown, times = magnified(PAIR, other)
    assert times == pytest.approx(50)
    assert shown[0, 0].flatten().tolist() == pytest.approx([1.0, 0.5, 0.6, 0.75])
    shown, times = magnified(PAIR, other, times=100)
    assert times == 100 and shown[1, 2].flatten().tolist() == pytest.approx([1.0, 0.5, 0.7, 1.0])
    shown, times = magnified(PAIR, PAIR)
    assert (shown == 0.5).all() and times == 1.0


def test_a_png_keeps_levels_and_nothing_finer():
    draws = torch.Generator().manual_seed(0)
    levels = torch.randint(256, (3, 3, 5, 7), generator=draws).double() / 255
    assert torch.equal(through_png(levels), levels), "a file's own values survive"
    fine = levels + (torch.rand(levels.shape, generator=draws, dtype=torch.float64) - 0.5) * 0.98 / 255
    assert torch.equal(through_png(fine.clamp(0, 1)), levels)
    assert torch.equal(through_png(torch.full((1, 3, 1, 1), 0.701)), torch.full((1, 3, 1, 1), 179 / 255))
    assert through_png(levels.float()).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_has_the_size_of_the_difference_and_is_an_image(dtype):
    images = toy_images(3, dtype)
    images[:, :, :8] = images[:, :, :8].round()  # black and white: half of the noise is cut
    draws = torch.Generator().manual_seed(2)
    other = (images + 0.05 * torch.randn(images.shape, generator=draws, dtype=dtype)).clamp(0, 1)
    noisy = noise_like(images, other)
    assert noisy.min() >= 0 and noisy.max() <= 1 and noisy.dtype == dtype
    torch.testing.assert_close(norms(images, noisy).length, norms(images, other).length, rtol=1e-3, atol=0)
    cosine = nn.functional.cosine_similarity((noisy - images).flatten(1), (other - images).flatten(1))
    assert cosine.abs().max() < 0.3, "another direction"
    assert torch.equal(noisy, noise_like(images, other)) and not torch.equal(
        noisy, noise_like(images, other, seed=1)
    )
    flat = noise_like(images, other, "inf")
    largest = norms(images, other).largest
    assert (norms(images, flat).largest <= largest * (1 + 1e-5)).all() and flat.min() >= 0 and flat.max() <= 1
    assert torch.equal(noise_like(images, images), images)


def test_success_by_hand():
    net = Linear(2 * torch.eye(3).double())  # says the brightest colour
    colours = torch.eye(3).double().view(3, 3, 1, 1)
    assert success_rate(net, colours, torch.tensor([0, 1, 0])) == pytest.approx(1 / 3)
    assert success_rate(net, colours, torch.tensor([1, 1, 1])) == pytest.approx(2 / 3)
    assert success_rate(net, colours, torch.tensor([1, 2, 1]), target=0) == pytest.approx(1 / 3)


NET, GREY = Linear(torch.eye(3).double()), torch.full((3, 3, 1, 1), 0.5).double()
BLACK, WHITE = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
test_what_is_refused = refusals(
    (lambda: noise_like(BLACK, WHITE), "no noise of this length fits"),
    (lambda: success_rate(NET, GREY, torch.tensor([1, 2, 0]), target=1), "got 1 for image 0"),
    (lambda: success_rate(NET, GREY, 3), r"labels: expected classes 0 \.\. 2, got"),
    (lambda: success_rate(NET, GREY, 0, target=99), r"target: expected classes 0 \.\. 2, got"),
    (lambda: success_rate(Linear(NET.weights * torch.nan), GREY, 0), "net: its logits are NaN"),
)


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
    fooled = [success_rate(net, (rest + by).clamp(0, 1), wanted) for by in (v, noise)]
    assert fooled[0] > 0.9 > 0.5 > fooled[1]
