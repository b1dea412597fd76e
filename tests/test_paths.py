"""SmoothGrad and integrated gradients: by hand, against captum, by their own laws; and the net left as it was."""

import warnings
from functools import partial

import pytest
import torch
from torch import nn

from experiments.methods.completeness import completeness_gap
from lecture_utils.attribution import integrated_gradients, smooth_grad
from tests.attribution_nets import random_images, random_net, toy
from tests.helpers import draws, uniform

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from captum.attr import IntegratedGradients

drawn = partial(uniform, dtype=torch.float64)


class Square(nn.Module):
    """Score 0 is the sum of the squares of all values, score 1 is 3 times the first."""

    def forward(self, images):
        return torch.stack([images.square().sum((1, 2, 3)), 3 * images[:, 0, 0, 0]], 1)


def test_by_hand():
    """Of x² the gradient is 2x: on the way from b to x its mean is x + b, so the map is x² - b²."""
    images, black = drawn(2, 3, 2, 2), torch.zeros(2, 3, 2, 2, dtype=torch.float64)
    for baseline, b in ((None, black), (0.5, black + 0.5), (drawn(2, 3, 2, 2, seed=1),) * 2):
        found = integrated_gradients(Square(), images, 0, baseline=baseline, steps=2)
        torch.testing.assert_close(found, images.square() - b.square())
    first = integrated_gradients(Square(), images, torch.tensor([1, 1]), steps=1)
    assert torch.equal(first[:, 0, 0, 0], 3 * images[:, 0, 0, 0]) and first.count_nonzero() == 2


@pytest.mark.parametrize("own", [False, True], ids=["black", "images"])
@pytest.mark.parametrize("name", ["gap", "resnet18", "squeezenet1_1", "densenet121"])
def test_integrated_gradients_against_captum(name, own):
    net, (images, targets) = random_net(name), random_images(name)
    start = random_images(name, seed=4)[0] if own else torch.zeros_like(images)
    found = integrated_gradients(net, images, targets, baseline=start if own else None, steps=9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = IntegratedGradients(net).attribute(images, start, targets, n_steps=9)
    assert (found - oracle).norm() < 1e-6 * oracle.norm()


def test_completeness():
    """The gap falls with the steps, and at 200 it is small beside the score (the net has kinks, so it is not 0)."""
    net, images, targets = toy(classes=4), drawn(4, 3, 14, 14, seed=5), torch.tensor([0, 1, 2, 3])
    gaps = []
    for steps in (3, 30, 300):
        found = integrated_gradients(net, images, targets, baseline=0.5, steps=steps)
        gaps.append(completeness_gap(net, images, targets, found, baseline=0.5).abs().max())
    change = net(images) - net(torch.full_like(images, 0.5))
    assert gaps[2] < gaps[1] < gaps[0] and gaps[2] < 2e-3 * change.abs().max()
    wrong = completeness_gap(net, images, targets, 0 * found, baseline=0.5)
    torch.testing.assert_close(wrong, -change.gather(1, targets[:, None])[:, 0].detach())


def test_smooth_grad_averages_gradients_of_noisy_copies():
    net, images, targets = toy(classes=4), drawn(2, 3, 14, 14), torch.tensor([1, 2])
    found = smooth_grad(net, images, targets, noise=0.2, samples=70, seed=8)
    shifts = torch.randn(70, 3, 14, 14, generator=draws(8), dtype=torch.float64)
    for n in range(2):
        noisy = (images[n] + 0.2 * (images[n].max() - images[n].min()) * shifts).requires_grad_()
        net(noisy)[:, targets[n]].sum().backward()
        torch.testing.assert_close(found[n], noisy.grad.mean(0))
    alone = smooth_grad(net, images[1:], 2, noise=0.2, samples=70, seed=8)
    torch.testing.assert_close(alone, found[1:], msg="an image's map does not depend on the others")


def test_smooth_grad_without_noise_and_on_a_linear_net():
    net, images = toy(classes=4), drawn(2, 3, 14, 14)
    leaf = images.clone().requires_grad_()
    net(leaf)[:, 3].sum().backward()
    torch.testing.assert_close(smooth_grad(net, images, 3, noise=0, samples=2), leaf.grad)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 2)).double()
    found = smooth_grad(linear, drawn(1, 3, 4, 4), 1, noise=0.5, samples=3)
    torch.testing.assert_close(found.flatten(), linear[1].weight[1].detach())
    assert not torch.equal(smooth_grad(net, images, 3, seed=0), smooth_grad(net, images, 3, seed=1))
