"""Norms, magnified, PNG, noise, and how well a net withstands: by hand and on nets that are known."""

import pytest
import torch
from torch import nn

from experiments.methods.attacks import success_rate, through_png
from lecture_utils.synthesis.perturbation import (
    magnified,
    noise_like,
    norms,
)
from tests.attack_nets import Linear
from tests.attribution_nets import toy_images

PAIR = torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.2]]).double().view(2, 1, 2, 2).expand(2, 3, 2, 2)


def moved(*by):
    """PAIR with the same four values added to every colour of both images."""
    return PAIR + torch.tensor(by, dtype=torch.float64).view(2, 2)


# --- the difference ---


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
    with pytest.raises(ValueError, match="times: expected a number above 0"):
        magnified(PAIR, other, times=-3)


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


def test_noise_that_does_not_fit_and_norms_that_do_not_exist_are_refused():
    black, white = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    with pytest.raises(ValueError, match="no noise of this length fits"):
        noise_like(black, white)
    with pytest.raises(KeyError, match="unknown norm '1'"):
        noise_like(black, white, norm="1")


# --- success ---


def test_success_by_hand():
    net = Linear(2 * torch.eye(3).double())  # says the brightest colour
    colours = torch.eye(3).double().view(3, 3, 1, 1)
    assert success_rate(net, colours, torch.tensor([0, 1, 0])) == pytest.approx(1 / 3)
    assert success_rate(net, colours, torch.tensor([1, 1, 1])) == pytest.approx(2 / 3)
    assert success_rate(net, colours, torch.tensor([1, 2, 1]), target=0) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="target: expected another class than the label, got 1 for image 0"):
        success_rate(net, colours, torch.tensor([1, 2, 0]), target=1)
    for wrong in ({"labels": 3}, {"labels": 0, "target": 99}):
        with pytest.raises(ValueError, match=f"{[*wrong][-1]}: expected classes 0 .. 2, got"):
            success_rate(net, colours, **wrong)
    with pytest.raises(ValueError, match="net: its logits are NaN"):
        success_rate(Linear(torch.eye(3).double() * torch.nan), colours, 0)
