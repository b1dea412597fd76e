"""Feature inversion: what it minimises, what it can and cannot find back, and its two measures."""

import math

import pytest
import torch
from torch import nn

from lecture_utils.features import extract
from lecture_utils.synthesis.ascent import noisy
from lecture_utils.synthesis.inversion import invert, psnr, relative_error
from tests.attribution_nets import Raised, failing, random_net, toy, toy_images, unchanged, used

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


def test_the_loss_is_the_one_in_the_docstring():
    net = toy()
    found = invert(net, IMAGES, "relu2", steps=1, tv=0.7, seed=2)
    start = noisy(torch.full_like(IMAGES, 0.5), 2, width=0.02)
    f, wanted = (extract(net, x, "relu2").double() for x in (start, IMAGES))
    error = (f - wanted).square().sum((1, 2, 3)) / wanted.square().sum((1, 2, 3))
    rough = sum(start.diff(dim=dim).square().sum((1, 2, 3)) for dim in (2, 3))
    torch.testing.assert_close(found.history[0], error + 0.7 * rough / 256)
    torch.testing.assert_close(relative_error(net, start, IMAGES, "relu2"), error)


def test_total_variation_smooths_and_costs_error():
    rough, smooth = (invert(toy(), IMAGES, "relu2", steps=60, tv=tv) for tv in (0, 1))
    assert (smooth.images.diff(dim=3).abs().mean() < 0.7 * rough.images.diff(dim=3).abs().mean()).item()
    assert (smooth.errors > rough.errors).all()


@pytest.mark.parametrize(("name", "layer"), [("gap", "relu2"), ("alex", "relu3")])
def test_the_error_falls_on_the_courses_nets(name, layer):
    images = torch.rand(1, 3, 112, 112, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = invert(random_net(name), images, layer, steps=12)
    assert found.errors < 0.7 * found.history[0] and found.images.shape == images.shape


def test_seeds_and_batches():
    one, two = (invert(toy(), IMAGES, "relu2", steps=5, seed=1) for _ in range(2))
    other = invert(toy(), IMAGES, "relu2", steps=5, seed=2)
    assert torch.equal(one.images, two.images) and not torch.equal(one.images, other.images)
    alone = invert(toy(), IMAGES[:1], "relu2", steps=5, seed=1)
    torch.testing.assert_close(alone.images, one.images[:1])
    assert one.images.min() >= 0 and one.images.max() <= 1


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_works_wherever_it_is_called(context, dtype):
    net, images = toy(dtype=dtype), IMAGES.to(dtype)
    expected = invert(net, images, "relu2", steps=3).images
    with context():
        here = images * 1
        assert torch.equal(invert(net, here, "relu2", steps=3).images, expected)
        assert relative_error(net, here, here, "relu2").tolist() == [0, 0]
    assert expected.dtype == dtype and torch.equal(images, IMAGES.to(dtype))


def test_everything_is_as_it_was_also_when_it_raises():
    state, net = torch.get_rng_state(), used(toy())
    with unchanged(net):
        invert(net, IMAGES, "relu2", steps=2)
        relative_error(net, IMAGES, IMAGES, "relu2")
    for when in ("forward", "backward"):
        net = used(failing(when))
        with unchanged(net), pytest.raises(Raised):
            invert(net, IMAGES, "relu2", steps=2)
    assert torch.equal(torch.get_rng_state(), state)


def test_psnr_by_hand():
    grey = torch.full((1, 3, 4, 4), 0.5)
    assert psnr(grey, grey + 0.1).tolist() == pytest.approx([20], abs=1e-4)
    assert psnr(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)).tolist() == [0]
    assert psnr(grey, grey).tolist() == [math.inf]


def test_ctrl_c(capsys):
    def callback(images, done):
        if done == 3:
            raise KeyboardInterrupt

    found = invert(toy(), IMAGES, "relu2", steps=9, callback=callback)
    assert found.stopped == "interrupted" and len(found.history) == 3
    assert "inverting relu2: stopped after 3 of 9 steps" in capsys.readouterr().out
    torch.testing.assert_close(found.errors, relative_error(toy(), found.images, IMAGES, "relu2"))


def silent():
    net = toy()
    with torch.no_grad():
        net.conv1.bias.fill_(-100)
    return net


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: invert(toy(), IMAGES * 2, "relu2"), ValueError, r"image: expected values in \[0, 1\]"),
        (lambda: invert(toy(), IMAGES[0], "relu2"), ValueError, r"image: .* use image\[None\]"),
        (lambda: invert(toy(), IMAGES.float(), "relu2"), ValueError, "the net works in torch.float64"),
        (lambda: invert(toy(), IMAGES, "relu3"), KeyError, "unknown layer 'relu3'; did you mean"),
        (lambda: invert(toy(), IMAGES, "relu2", tv=-1), ValueError, "tv: expected a number"),
        (lambda: invert(toy(), IMAGES, "relu2", lr=0), ValueError, "lr: expected a number above 0"),
        (lambda: invert(toy(), IMAGES, "relu2", steps=2.5), ValueError, "steps: expected a whole number"),
        (
            lambda: invert(silent(), IMAGES, "relu1"),
            ValueError,
            "'relu1' answers 0 everywhere for 2 of the images",
        ),
        (lambda: relative_error(toy(), IMAGES[:1], IMAGES, "relu2"), ValueError, "others: expected shape"),
        (lambda: psnr(IMAGES, IMAGES[:1]), ValueError, "others: expected shape"),
        (lambda: psnr(IMAGES, IMAGES.float()), ValueError, "others: expected torch.float64"),
        (lambda: psnr(IMAGES, IMAGES - 1), ValueError, r"others: expected values in \[0, 1\]"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
