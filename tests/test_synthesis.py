"""What holds for every method of synthesis: where it may be called, what it leaves alone, which nets it takes."""

import copy
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
    def run(seed):
        more = {"start": "random"} if name == "pgd" else {}
        return METHODS[name](toy(), toy_images(9), seed=seed, **more)

    assert torch.equal(run(3), run(3)) and not torch.equal(run(3), run(4))
    for wrong in (None, 1.5, -1, "3"):
        with pytest.raises(ValueError, match="seed: expected a whole number of at least 0"):
            run(wrong)


# --- nets and images from elsewhere ---


class Writes(nn.Module):
    """The toy net behind an operation in place."""

    def __init__(self, net):
        super().__init__()
        self.net = net
        for name in ("relu1", "conv2", "relu2"):
            setattr(self, name, net.get_submodule(name))

    def forward(self, images):
        return self.net(images.mul_(0.5) * 2)


class Compiled(nn.Module):
    """What torch.compile makes of a net: hooks on the layers of `_orig_mod` alone are not enough."""

    def __init__(self, net):
        super().__init__()
        self._orig_mod = net

    def forward(self, images):
        raise AssertionError("its own net is to be called")


@every
def test_the_memory_order_of_net_and_images_changes_no_value(method):
    expected = method(toy(), toy_images())
    for net_order in (torch.contiguous_format, torch.channels_last):
        for order in (torch.contiguous_format, torch.channels_last):
            net, images = toy().to(memory_format=net_order), toy_images().contiguous(memory_format=order)
            torch.testing.assert_close(method(net, images), expected, rtol=0, atol=1e-9)


@every
def test_a_net_that_writes_into_its_input_and_a_compiled_one_give_the_same(method):
    images = toy_images()
    expected = method(toy(), images)
    assert torch.equal(method(Compiled(toy()), images), expected)
    torch.testing.assert_close(method(Writes(toy()), images), expected, rtol=0, atol=1e-9)
    assert torch.equal(images, toy_images())


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


def test_a_dream_of_halves_is_that_of_whole_numbers_but_for_rounding():
    images = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    whole = s.dream(toy(dtype=torch.float32), images, "relu2", steps=2, octaves=3).images
    half = s.dream(toy(dtype=torch.float16), images.half(), "relu2", steps=2, octaves=3).images
    torch.testing.assert_close(half.float(), whole, rtol=0, atol=0.03)


@each_name
def test_an_image_of_one_pixel(name):
    net = toy()
    net.pool1 = nn.Identity()
    found = METHODS[name](net, toy_images(2)[:, :, :1, :1])
    assert found.shape == (2, 3, 1, 1) and found.isfinite().all()


def test_layers_may_be_modules():
    net, images = toy(), toy_images()
    by_name, by_module = (
        [
            s.invert(net, images, layer, steps=2).images,
            s.dream(net, images, layer, steps=2).images,
            s.stylize(net, images, images.square(), layer, {layer: 1.0}, steps=2).images,
            s.ascend(net, s.channel(layer, 1), start=images, steps=2).images,
        ]
        for layer in ("relu2", net.relu2)
    )
    assert all(torch.equal(*pair) for pair in zip(by_name, by_module, strict=True))


# --- what is refused ---


@every
def test_what_is_no_net_or_no_image_is_refused(method):
    for wrong in (None, "alex", nn.Linear, [toy()]):
        with pytest.raises(ValueError, match=r"net: expected a torch\.nn\.Module"):
            method(wrong, toy_images())
    good = toy_images()
    for bad, message in (
        ((255 * good).byte(), "uint8.*/ 255"),
        (good[0], "one image"),
        (good[:0], "empty batch"),
        (good * torch.nan, "NaN"),
        (good * 2 - 1, "already normalised"),
        (good.float(), "the net works in torch.float64"),
    ):
        with pytest.raises(ValueError, match=f"(images?|start|content|style): .*{message}"):
            method(toy(), bad)


@pytest.mark.parametrize("name", ATTACKS)  # a softmax follows; `ascend` takes any score
def test_a_net_whose_output_is_no_table_of_logits_is_refused(name):
    softmax, one = nn.Sequential(toy(), nn.Softmax(1)), toy(classes=1)
    for net, message in (
        (softmax, "add up to 1"),
        (one, "two classes at least"),
        (toy()[:1], "expected logits"),
    ):
        with pytest.raises(ValueError, match=f"net: .*{message}"):
            METHODS[name](net.eval(), toy_images())


@pytest.mark.parametrize("name", ["ascend", *ATTACKS])
def test_a_net_that_cannot_be_followed_back_is_refused(name):
    with pytest.raises(ValueError, match="^net: .*does not depend on the image"):
        METHODS[name](Cut(), toy_images())


class Drops(nn.Module):
    """The toy net with a dropout that stays on."""

    def __init__(self):
        super().__init__()
        self.net = toy()
        self.relu1, self.conv2, self.relu2 = self.net.relu1, self.net.conv2, self.net.relu2

    def forward(self, images):
        return self.net(nn.functional.dropout(images, 0.2, training=True))


@every
def test_a_net_that_draws_random_numbers_is_refused(method):
    with pytest.raises(ValueError, match="net: it draws random numbers in evaluation mode"):
        method(Drops(), toy_images())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda net, x: s.fgsm(net, x, 1, 8),
            ValueError,
            "eps: expected a number .* at most 1, got 8: .*8/255",
        ),
        (lambda net, x: s.fgsm(net, x, 1, "8/255"), ValueError, "eps: .*got '8/255'"),
        (lambda net, x: s.fgsm(net, x, -1, EPS), ValueError, "labels: expected classes from 0, got -1"),
        (lambda net, x: s.fgsm(net, x, 3, EPS), ValueError, r"labels: expected classes 0 \.\. 2, got 3"),
        (lambda net, x: s.fgsm(net, x, torch.tensor([0]), EPS), ValueError, r"labels: .*shape \(1,\)"),
        (lambda net, x: s.fgsm(net, x, torch.tensor([0, 2]), EPS, 2), ValueError, "target: .*image 1"),
        (lambda net, x: s.pgd(net, x, 1, 30.0, 2, EPS, norm="2"), ValueError, "eps: .* at most 27.7"),
        (lambda net, x: s.pgd(net, x, 1, EPS, 2, 2), ValueError, "step_size: .*got 2"),
        (lambda net, x: s.pgd(net, x, 1, EPS, 2, EPS, norm="1"), KeyError, "unknown norm '1'"),
        (lambda net, x: s.pgd(net, x, 1, EPS, 2, EPS, start="imag"), KeyError, "did you mean 'image'"),
        (lambda net, x: s.deepfool(net, x, candidates=1), ValueError, "candidates: .*at least 2, got 1"),
        (lambda net, x: s.ascend(net, s.channel("rleu2", 0)), KeyError, "did you mean 'relu2'"),
        (lambda net, x: s.ascend(net, s.channel("relu2", 6)), ValueError, r"channels: .* 0 \.\. 5, got 6"),
        (
            lambda net, x: s.ascend(net, torch.tensor([0, 1, 2]), start=x),
            ValueError,
            "start: expected 1 or 3",
        ),
        (lambda net, x: s.ascend(net, 1, size="16"), ValueError, "size: expected"),
        (lambda net, x: s.ascend(net, 1, regularisers=[s.Blur]), ValueError, r"write Blur\(\.\.\.\)"),
        (lambda net, x: s.ascend(net, 1, callback=3), ValueError, "callback: expected a function"),
        (lambda net, x: s.dream(net, x, "relu2", scale=1), ValueError, "scale: expected a number above 1"),
        (lambda net, x: s.dream(net, x, ["relu2"]), ValueError, "layer: expected a name"),
        (lambda net, x: s.invert(net, 0 * x, "relu0"), KeyError, "did you mean 'relu"),
        (lambda net, x: s.psnr(x, x[:1]), ValueError, "others: expected the images' shape"),
        (
            lambda net, x: s.stylize(net, x, x, "conv2", {"fc": 1}),
            ValueError,
            "features: expected a floating tensor",
        ),
        (lambda net, x: s.stylize(net, x, x, "conv2", {}), ValueError, "style_weights: expected"),
        (lambda net, x: s.stylize(net, x, x, "conv2", WEIGHTS, jitter=1.5), ValueError, "jitter: expected"),
        (
            lambda net, x: s.texture(net, x, WEIGHTS, start="content"),
            ValueError,
            "start: expected 'noise' or",
        ),
        (lambda net, x: s.SmallGradients(0.5, "pixels"), KeyError, "did you mean 'pixel'"),
        (lambda net, x: s.SmallNorm(1), ValueError, "share: expected below 1"),
    ],
)
def test_what_is_said_of_a_wrong_argument(call, error, message):
    net = copy.deepcopy(toy())
    with unchanged(net), pytest.raises(error, match=message):
        call(net, toy_images())
