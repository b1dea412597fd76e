"""What holds for every method of synthesis: where it may be called, what it leaves alone, which nets it takes."""

import inspect

import pytest
import torch
from torch import nn

from lecture_utils import synthesis as s
from tests.attack_nets import Cut
from tests.attribution_nets import Raised, failing, toy, toy_images, unchanged, used

WEIGHTS, EPS = {"relu1": 1.0, "relu2": 0.5}, 8 / 255
JITTER = [s.Jitter(2)]
# From a net and images to a tensor; the toy net calls toy_images() class 2.
METHODS = {
    "ascend": lambda net, x, **more: s.ascend(net, 1, start=x, steps=3, regularisers=JITTER, **more).images,
    "dream": lambda net, x, **more: s.dream(net, x, "relu2", steps=3, octaves=1, **more).images,
    "invert": lambda net, x, **more: s.invert(net, x, "relu2", steps=3, **more).images,
    "stylize": lambda net, x, **more: s.stylize(net, x, x.flip(-1), "conv2", WEIGHTS, steps=3, **more).images,
    "texture": lambda net, x, **more: s.texture(net, x, WEIGHTS, steps=3, octaves=1, **more).images,
    "fgsm": lambda net, x: s.fgsm(net, x, 1, EPS),
    "pgd": lambda net, x, **more: s.pgd(net, x, 1, EPS, 2, EPS, restarts=2, **more),
    "deepfool": lambda net, x: s.deepfool(net, x, steps=3),
}
ATTACKS = ("fgsm", "pgd", "deepfool")
SEEDED = [name for name, method in METHODS.items() if "more" in inspect.signature(method).parameters]
every = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
each_name = pytest.mark.parametrize("name", METHODS)


# --- where it is called, and what it leaves alone ---


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every
def test_it_works_wherever_it_is_called(method, dtype, context):
    net, images = toy(dtype=dtype), toy_images(2, dtype)
    expected = method(net, images)
    with context():
        found = method(net, images * 1)
    assert torch.equal(found, expected) and not found.requires_grad and found.isfinite().all()
    assert found.dtype == dtype or found.numel() == 1


@every
def test_nothing_is_left_on_the_net_the_images_or_the_random_state(method):
    net, images = used(toy()), toy_images().requires_grad_()
    before, state = images.detach().clone(), torch.get_rng_state()
    with unchanged(net):
        method(net, images)
    assert torch.equal(images, before) and images.grad is None
    for when in ("forward", "backward"):
        net = used(failing(when))
        with unchanged(net), pytest.raises(Raised):
            method(net, images.detach())
    assert torch.equal(torch.get_rng_state(), state)


@each_name
def test_an_image_does_not_depend_on_the_others_however_many(name):
    net, images = toy(), toy_images(67)  # more than one pass takes
    together = METHODS[name](net, images)
    for some in (slice(0, 1), slice(0, 66)):
        torch.testing.assert_close(METHODS[name](net, images[some]), together[some], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_repeats_to_the_last_bit_and_another_does_not(name):
    one, same, other = (METHODS[name](toy(), toy_images(9), seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one, same) and not torch.equal(one, other)


# --- nets and images from elsewhere ---


@every
def test_the_memory_order_of_net_and_images_changes_no_value(method):
    expected = method(toy(), toy_images())
    for net_order in (torch.contiguous_format, torch.channels_last):
        for order in (torch.contiguous_format, torch.channels_last):
            net, images = toy().to(memory_format=net_order), toy_images().contiguous(memory_format=order)
            torch.testing.assert_close(method(net, images), expected, rtol=0, atol=1e-9)


@every
def test_an_image_a_rounding_error_above_1_is_clamped(method):
    images = toy_images()
    images[0, 0, 0, 0], images[1, 2, 3, 4] = 1 + 5e-6, -5e-6
    assert torch.equal(method(toy(), images), method(toy(), images.clamp(0, 1)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@each_name
def test_halves(name, dtype):
    found = METHODS[name](toy(dtype=dtype), toy_images(2, torch.float32).to(dtype))
    assert found.dtype == dtype and found.isfinite().all()
    assert found.min() >= 0 and found.max() <= 1


@each_name
def test_an_image_of_one_pixel(name):
    net = toy()
    net.pool1 = nn.Identity()
    found = METHODS[name](net, toy_images(2)[:, :, :1, :1])
    assert found.shape == (2, 3, 1, 1) and found.isfinite().all()


# --- what is refused (and see tests/test_contract.py) ---


@pytest.mark.parametrize("name", ["ascend", *ATTACKS])
def test_a_net_that_cannot_be_followed_back_is_refused(name):
    with pytest.raises(ValueError, match="^net: .*does not depend on the image"):
        METHODS[name](Cut(), toy_images())
