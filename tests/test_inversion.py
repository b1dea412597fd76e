"""Feature inversion: what it minimises, what it can and cannot find back, and its two measures."""

import math

import pytest
import torch
from torch import nn

from experiments.studies.inversions import psnr
from lecture_utils.features import extract
from lecture_utils.synthesis.inversion import invert
from lecture_utils.synthesis.optimise import noisy
from tests.attribution_nets import toy, toy_images

IMAGES = toy_images()


class Mixed(nn.Module):
    """Colours mixed by a matrix of full rank: nothing is lost."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(3, 3, 1).double()
        with torch.no_grad():
            self.mix.weight.copy_(torch.tensor([[2.0, 1, 0], [0, 2, 1], [1, 0, 2]]).view(3, 3, 1, 1))

    def forward(self, images):
        return self.mix(images).mean((2, 3))


def test_what_is_not_lost_is_found():
    found = invert(Mixed(), IMAGES, "mix", steps=200, tv=0, lr=0.1)
    assert (found.errors < 1e-5).all() and (psnr(found.images, IMAGES) > 40).all()
    assert found.stopped is None and len(found.history) == 200


def test_what_is_lost_stays_as_it_began():
    """A layer that sees only red: green and blue keep their noise."""
    net = Mixed()
    with torch.no_grad():
        net.mix.weight.zero_()[:, 0] = 1
    found = invert(net, IMAGES, "mix", steps=150, tv=0, lr=0.1, seed=3)
    noise = noisy(torch.full_like(IMAGES, 0.5), 3, width=0.02)
    assert torch.equal(found.images[:, 1:], noise[:, 1:])
    torch.testing.assert_close(found.images[:, :1], IMAGES[:, :1], atol=0.02, rtol=0)
    assert (found.errors < 1e-5).all(), "no error at the layer, and still another image"


def relative_error(net, images):
    found, wanted = (extract(net, x, "relu2").double() for x in (images, IMAGES))
    return (found - wanted).square().sum((1, 2, 3)) / wanted.square().sum((1, 2, 3))


def test_the_loss_is_the_one_in_the_docstring():
    net = toy()
    found = invert(net, IMAGES, "relu2", steps=1, tv=0.7, seed=2)
    start = noisy(torch.full_like(IMAGES, 0.5), 2, width=0.02)
    error = relative_error(net, start)
    rough = sum(start.diff(dim=dim).square().sum((1, 2, 3)) for dim in (2, 3))
    torch.testing.assert_close(found.history[0], error + 0.7 * rough / 256)
    torch.testing.assert_close(found.errors, relative_error(net, found.images))


def test_total_variation_smooths_and_costs_error():
    rough, smooth = (invert(toy(), IMAGES, "relu2", steps=60, tv=tv) for tv in (0, 1))
    assert (smooth.images.diff(dim=3).abs().mean() < 0.7 * rough.images.diff(dim=3).abs().mean()).item()
    assert (smooth.errors > rough.errors).all()


def test_psnr_by_hand():
    grey = torch.full((1, 3, 4, 4), 0.5)
    assert psnr(grey, grey + 0.1).tolist() == pytest.approx([20], abs=1e-4)
    assert psnr(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)).tolist() == [0]
    assert psnr(grey, grey).tolist() == [math.inf]
