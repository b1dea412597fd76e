"""DeepDream: its step by hand, its octaves, and what is refused."""

import pytest
import torch
from torch import nn

from lecture_utils.synthesis.deepdream import dream
from lecture_utils.synthesis.optimise import resized
from tests.attribution_nets import toy

IMAGE = torch.rand(1, 3, 40, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.3
PLAIN = {"octaves": 1, "jitter": 0}


def slope(net, images, channel=None):
    leaf = images.clone().requires_grad_()
    maps = net[:6](leaf * 1)  # norm2
    maps = maps if channel is None else maps[:, channel]
    (gradient,) = torch.autograd.grad((maps.square() / 2).sum(), leaf)
    return gradient


@pytest.mark.parametrize("channel", [None, 2])
def test_one_step_by_hand(channel):
    net = toy()
    found = dream(net, IMAGE, "norm2", channel, steps=1, lr=0.01, **PLAIN)
    gradient = slope(net, IMAGE, channel)
    torch.testing.assert_close(found.images, (IMAGE + 0.01 * gradient / gradient.abs().mean()).clamp(0, 1))
    torch.testing.assert_close((found.images - IMAGE).abs().mean(), torch.tensor(0.01, dtype=torch.float64))


def test_octaves_put_the_detail_on_the_photograph():
    net = toy()
    small = resized(IMAGE, (20, 24))
    first = dream(net, small, "norm2", steps=1, lr=0.01, **PLAIN).images
    start = (IMAGE + resized(first - small, (40, 48))).clamp(0, 1)
    second = dream(net, start, "norm2", steps=1, lr=0.01, **PLAIN).images
    found = dream(net, IMAGE, "norm2", octaves=2, scale=2, steps=1, lr=0.01, jitter=0)
    torch.testing.assert_close(found.images, second)
    assert found.history.shape == (2, 1)
    still = dream(net, IMAGE, "norm2", octaves=3, scale=1.3, steps=1, lr=0).images
    torch.testing.assert_close(still, IMAGE)  # no detail, no change: the photograph is not blurred


def test_shifts_are_undone():
    """A layer of 1 x 1 filters sees each pixel by itself: whatever the shift, the same picture."""
    pixels = nn.Sequential(nn.Conv2d(3, 4, 1)).double()
    still, moved = (dream(pixels, IMAGE, "0", octaves=2, steps=2, jitter=most).images for most in (0, 9))
    torch.testing.assert_close(moved, still)


def test_ctrl_c_in_a_small_octave_gives_the_whole_size(capsys):
    def callback(images, done):
        raise KeyboardInterrupt

    found = dream(toy(), IMAGE, "relu2", octaves=2, steps=4, callback=callback)
    assert found.stopped == "interrupted" and found.images.shape == IMAGE.shape
    assert "dreaming of relu2: stopped after 1 of 8 steps" in capsys.readouterr().out
