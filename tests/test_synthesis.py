"""What holds for every method of synthesis, besides what tests/test_contract.py asks of all: seeds, batches, dtypes."""

import inspect

import pytest
import torch
from torch import nn

from lecture_utils import synthesis as s
from tests.attribution_nets import toy, toy_images

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
SEEDED = [name for name, method in METHODS.items() if "more" in inspect.signature(method).parameters]
every = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
each_name = pytest.mark.parametrize("name", METHODS)


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
