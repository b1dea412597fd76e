"""Nets for the tests of attribution: tiny ones, the course's own and torchvision's, all with random weights."""

import copy
from collections import OrderedDict
from contextlib import contextmanager
from functools import cache

import torch
import torch.nn.functional as F
from torch import nn

from lecture_utils.features import extract
from tests import imagenet_files
from tests.test_hooks import photograph, same

TORCHVISION = {"resnet18": 64, "squeezenet1_1": 64, "densenet121": 64}  # px: small images are enough
COURSE = {"alex": 112, "gap": 112, "zf": 112}
SIDES = COURSE | TORCHVISION


class Raised(Exception):
    """What `Fails` raises."""


class _Backwards(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise Raised("on the way back")


class Fails(nn.Module):
    """Passes its input on, then raises: "forward", "backward", or never (None)."""

    def __init__(self, when=None):
        super().__init__()
        self.when = when

    def forward(self, x):
        if self.when == "forward":
            raise Raised("on the way there")
        return _Backwards.apply(x) if self.when == "backward" else x


def toy(head="gap", dtype=torch.float64, seed=0, classes=3, size=16):
    """Two convolutions and a head: "gap" takes any size and suits CAM, "fc" takes images of `size` px only."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        inputs = 6 if head == "gap" else 6 * (size // 2) ** 2
        last = {"pool": nn.AdaptiveAvgPool2d(1)} if head == "gap" else {}
        last |= {"flatten": nn.Flatten(), "fc": nn.Linear(inputs, classes)}
        modules = {"conv1": nn.Conv2d(3, 4, 3, padding=1), "relu1": nn.ReLU(inplace=True)}
        modules |= {"pool1": nn.MaxPool2d(2), "fails": Fails()}
        modules |= {"conv2": nn.Conv2d(4, 6, 3, padding=1, bias=False), "norm2": nn.BatchNorm2d(6)}
        modules |= {"relu2": nn.ReLU(), "drop": nn.Dropout(0.5), "fails_late": Fails()}
        net = nn.Sequential(OrderedDict(modules | last))
        _spread(net)
    return net.to(dtype).eval()


def toy_images(n=2, dtype=torch.float64, seed=0):
    """Images (n, 3, 16, 16) for the toy net; channel 5 of its relu2 answers all of them."""
    return torch.rand(n, 3, 16, 16, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def failing(when):
    """The toy net, which now raises on its way there ("forward") or back ("backward"), above relu2 and below it."""
    net = toy()
    net.fails.when = net.fails_late.when = when
    return net


def used(net):
    """The same net as someone was training it: modes mixed, a flag off, gradients of its own."""
    net.train()
    net.norm2.eval()
    net.conv2.weight.requires_grad_(False)
    net.conv1.weight.grad = torch.ones_like(net.conv1.weight)
    return net


@cache
def random_net(name, seed=0):
    """The course's net or torchvision's of this name in float64, in eval mode. Shared: change nothing."""
    if name in COURSE:
        from lecture_utils.models import build

        net = build(name, seed=seed)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            _spread(net)
    else:
        from torchvision import models

        with torch.device("meta"):
            net = models.get_model(name, weights=None)
        net = net.to_empty(device="cpu")
        net.load_state_dict(imagenet_files.random_weights(name, seed))
    return net.double().eval()


def random_images(name, seed=0, n=2):
    """Images (n, 3, h, w) and targets (n,) for a net of this name, other ones for each seed."""
    draws = torch.Generator().manual_seed(seed)
    side = SIDES[name]
    images = torch.rand(n, 3, side, side, dtype=torch.float64, generator=draws)
    return images, torch.randint(16, (n,), generator=draws)


def for_captum(name, seed=0):
    """A copy of `random_net` for captum, whose hooks see modules only: densenet's last F.relu becomes one."""
    net = copy.deepcopy(random_net(name, seed))
    if name == "densenet121":
        net.last = nn.ReLU()
        net.__class__ = _WithLastModule
    return net


class _WithLastModule(nn.Module):
    def forward(self, images):
        maps = self.last(self.features(images))
        return self.classifier(F.adaptive_avg_pool2d(maps, 1).flatten(1))


def _spread(net):
    """BatchNorm as training leaves it: means and scales of all sizes, some scales below 0."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, -0.2, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.4)


def unit_on(net, images, layer):
    """(channel, row, col) of a unit that is on in every image."""
    lowest = extract(net, images, layer).amin(0)  # (c, rows, cols)
    assert lowest.max() > 0
    return tuple(int(place) for place in torch.unravel_index(lowest.argmax(), lowest.shape))


def relative(one, other):
    """The largest difference, as a share of the other's largest value, which must not be 0."""
    assert one.shape == other.shape and one.dtype == other.dtype
    largest = other.abs().max()
    assert largest > 0 and torch.isfinite(one).all()
    return float((one - other).abs().max() / largest)


@contextmanager
def unchanged(net):
    """Afterwards the net is bit for bit as before, down to its hooks, and torch's own switches are too."""

    def everything():
        pre = {n: len(m._forward_pre_hooks) + len(m._backward_pre_hooks) for n, m in net.named_modules()}
        switches = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        return photograph(net) | {"pre": pre, "switches": (*switches, torch._C._len_torch_function_stack())}

    before, gradients = everything(), [p.grad for p in net.parameters()]
    try:
        yield
    finally:
        assert same(everything(), before)
        assert all(p.grad is gradient for p, gradient in zip(net.parameters(), gradients, strict=True))
