"""Texture, style and DeepDream: what they minimise, where they start and end, octaves, pooling, what is refused."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from experiments.methods.average_pooling import with_average_pooling
from lecture_utils.checks import check_size
from lecture_utils.features import extract
from lecture_utils.synthesis.deepdream import dream
from lecture_utils.synthesis.optimise import noisy, octave_shapes, resized, scaled_shape
from lecture_utils.synthesis.style import stylize, texture
from tests.attribution_nets import random_net, toy, toy_images, unchanged

CONTENT, STYLE = toy_images(1), toy_images(1, seed=1).square()
WEIGHTS = {"relu1": 1.0, "relu2": 0.5}
PLAIN = {"jitter": 0, "octaves": 1}


def gram(maps):
    return torch.einsum("nchw,ndhw->ncd", maps, maps) / maps[0, 0].numel()


def by_hand(net, images, content, style, content_weight, tv):
    """(content loss, style loss, whole loss), written out again from the docstring."""
    p, f = (extract(net, x, "conv2") for x in (content, images))
    content_part = ((f - p) ** 2).sum((1, 2, 3)) / (p**2).sum((1, 2, 3))
    style_part = 0
    for layer, weight in WEIGHTS.items():
        g, a = (gram(extract(net, x, layer)) for x in (images, style))
        style_part = style_part + weight * ((g - a) ** 2).sum((1, 2)) / (a**2).sum((1, 2))
    rough = sum(images.diff(dim=dim).square().sum((1, 2, 3)) for dim in (2, 3)) / images[0, 0].numel()
    return content_part, style_part, content_weight * content_part + style_part + tv * rough


def test_the_losses_are_those_in_the_docstring():
    net, start = toy(), toy_images(1, seed=4)
    found = stylize(net, CONTENT, STYLE, "conv2", WEIGHTS, 0.3, steps=2, start=start, tv=0.2, **PLAIN)
    torch.testing.assert_close(found.history[0], by_hand(net, start, CONTENT, STYLE, 0.3, 0.2)[2])
    content, style, _ = by_hand(net, found.images, CONTENT, STYLE, 0.3, 0.2)
    torch.testing.assert_close(found.losses, {"content": content, "style": style})
    left = texture(net, STYLE, WEIGHTS, steps=2, start=start, **PLAIN)
    torch.testing.assert_close(left.losses["style"], by_hand(net, left.images, CONTENT, STYLE, 0, 0)[1])


def test_content_and_style_of_the_same_image_are_a_fixed_point():
    found = stylize(toy(), CONTENT, CONTENT, "conv2", WEIGHTS, steps=5, tv=0, jitter=0)
    torch.testing.assert_close(found.images, CONTENT, atol=1e-9, rtol=0)
    assert found.losses["content"] < 1e-12 and found.losses["style"] < 1e-12


def test_both_losses_fall_and_the_weight_trades_them():
    few = {"steps": 40, "start": "noise", "lr": 0.05, "tv": 0.1} | PLAIN
    near, far = (stylize(toy(), CONTENT, STYLE, "conv2", WEIGHTS, w, **few) for w in (10.0, 0.01))
    assert near.losses["content"] < far.losses["content"] and near.losses["style"] > far.losses["style"]
    begun = by_hand(toy(), noisy(torch.full_like(CONTENT, 0.5), 0), CONTENT, STYLE, 0, 0)[1]
    assert far.losses["style"] < 0.1 * begun


def test_a_jittered_step_sees_image_and_content_shifted_alike():
    """From the content, with no style to speak of, every shift has loss 0: nothing moves."""
    found = stylize(toy(), CONTENT, STYLE, "conv2", {"relu1": 0.0}, steps=8, tv=0, jitter=5)
    torch.testing.assert_close(found.images, CONTENT)
    assert not found.history.any()


def test_octaves():
    seen, big = [], torch.rand(1, 3, 64, 96, dtype=torch.float64)
    look = lambda x, done: seen.append(tuple(x.shape[2:]))  # noqa: E731
    found = texture(toy(), big, WEIGHTS, steps=2, octaves=3, callback=look)
    assert seen == [(16, 24)] * 2 + [(32, 48)] * 2 + [(64, 96)] * 2
    assert found.images.shape == big.shape and found.history.shape == (6, 1)
    assert octave_shapes((100, 60), 3, 1.5) == [(44, 27), (67, 40), (100, 60)]
    assert octave_shapes((8, 30), 3, 2) == [(8, 30)] and octave_shapes((33, 64), 4, 2) == [(16, 32), (33, 64)]
    assert scaled_shape((9, 1), 0.5) == (4, 1) and check_size(7) == check_size([7, 7]) == (7, 7)
    plain = torch.full((1, 3, 9, 7), 0.3)
    torch.testing.assert_close(resized(plain, (4, 20)), torch.full((1, 3, 4, 20), 0.3))
    assert resized(plain, (9, 7)) is plain


def test_average_pooling():
    net, images = random_net("alex"), torch.rand(1, 3, 112, 112, dtype=torch.float64)
    with unchanged(net):
        changed = with_average_pooling(net)
    pooled = F.avg_pool2d(extract(net, images, "relu1"), 2)
    torch.testing.assert_close(extract(changed, images, "pool1"), pooled)
    assert not torch.equal(extract(changed, images, "relu2"), extract(net, images, "relu2"))
    inner = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Sequential(nn.MaxPool2d(3, 2, 1, ceil_mode=True)))
    found, x = with_average_pooling(inner), torch.rand(1, 3, 8, 8)
    expected = F.avg_pool2d(inner[0](x), 3, 2, 1, ceil_mode=True, count_include_pad=False)
    torch.testing.assert_close(found(x), expected)
    with pytest.raises(ValueError, match="has no nn.MaxPool2d"):
        with_average_pooling(nn.Sequential(nn.Conv2d(3, 2, 1)))
    with pytest.raises(ValueError, match="'0' is a dilated pooling"):
        with_average_pooling(nn.Sequential(nn.MaxPool2d(2, dilation=2)))


@pytest.mark.parametrize(("method", "what"), [(texture, WEIGHTS), (dream, "relu2")])
def test_ctrl_c_in_a_small_octave_gives_the_whole_size(method, what, capsys):
    def callback(images, done):
        raise KeyboardInterrupt

    big = torch.rand(1, 3, 32, 48, dtype=torch.float64)
    found = method(toy(), big, what, octaves=2, steps=4, callback=callback)
    assert found.stopped == "interrupted" and found.images.shape == big.shape and len(found.history) == 1
    assert "stopped after 1 of " in capsys.readouterr().out


IMAGE = torch.rand(1, 3, 40, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.3


def slope(net, images):
    leaf = images.clone().requires_grad_()
    maps = net[:6](leaf * 1)  # norm2
    (gradient,) = torch.autograd.grad((maps.square() / 2).sum(), leaf)
    return gradient


def test_one_step_by_hand():
    net = toy()
    found = dream(net, IMAGE, "norm2", steps=1, lr=0.01, **PLAIN)
    gradient = slope(net, IMAGE)
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
