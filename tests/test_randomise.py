"""Layers drawn anew: which, how, that the net itself stays, and that a dead net is caught."""

import pytest
import torch
import torchvision
from torch import nn

from experiments.randomise import cascade, check_alive, independent, randomised, weight_layers
from lecture_utils import models


def images(n=3, size=112, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


def changed(before, after):
    """Names of the modules whose own tensors differ."""
    pairs = zip(before.named_modules(), after.modules(), strict=True)
    own = lambda module: [*module.parameters(recurse=False), *module.buffers(recurse=False)]  # noqa: E731
    return {
        name
        for (name, one), other in pairs
        if name and any(not torch.equal(a, b) for a, b in zip(own(one), own(other), strict=True))
    }


@pytest.fixture(scope="module")
def alex():
    """A net whose norms have seen pictures, so that they too have something to forget."""
    net = models.build("alex").train()
    with torch.no_grad():
        for seed in range(3):
            net(images(seed=seed))
    return net.eval()


def test_a_norm_goes_with_its_layer(alex):
    layers = weight_layers(alex)
    assert list(layers) == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    assert layers["conv1"] == ("conv1",) and layers["fc6"] == ("fc6", "norm6")
    resnet = weight_layers(torchvision.models.resnet18(num_classes=5))
    assert len(resnet) == 21 and resnet["layer4.1.conv2"] == ("layer4.1.conv2", "layer4.1.bn2")


@pytest.mark.parametrize("fresh", [None, models.build("alex", seed=5)], ids=["its own", "fresh net"])
def test_the_cascade_goes_from_the_top_down(alex, fresh):
    before = {name: value.clone() for name, value in alex.state_dict().items()}
    layers, state = weight_layers(alex), torch.get_rng_state()
    gone = set()
    for (name, net), expected in zip(cascade(alex, seed=3, fresh=fresh), reversed(layers), strict=True):
        gone |= set(layers[expected])
        assert name == expected and changed(alex, net) == gone
        assert all(each.training is False for each in net.modules())
    for name, net in independent(alex, seed=3, fresh=fresh):
        assert changed(alex, net) == set(layers[name])
    assert all(torch.equal(before[name], value) for name, value in alex.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def test_own_initialisation_and_seeds(alex):
    """conv2's default draw is uniform within 1 / sqrt(fan in); the same seed gives the same draw."""
    one, same, other = (randomised(alex, ["conv2"], seed).conv2.weight.detach() for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    most = (64 * 9) ** -0.5
    assert one.abs().max() <= most and one.std() == pytest.approx(most / 3**0.5, rel=0.02)
    taken = randomised(alex, ["conv2"], fresh=models.build("alex", seed=5))
    assert torch.equal(taken.conv2.weight, models.build("alex", seed=5).conv2.weight)
    assert taken.norm2.running_mean.abs().max() == 0


def test_a_dead_net_is_caught(alex):
    check_alive(alex, images())
    quiet = randomised(alex, ["fc8"])
    with torch.no_grad():
        quiet.fc8.weight.zero_()
    with pytest.raises(ValueError, match="every image the same scores"):
        check_alive(quiet, images())
    with torch.no_grad():
        quiet.fc8.weight.fill_(torch.nan)
    with pytest.raises(ValueError, match="NaN or infinite"):
        check_alive(quiet, images())

    class Half(nn.Module):
        """Sees only bright images."""

        def forward(self, x):
            return (x.mean((1, 2, 3)) - 0.5).relu()[:, None] * torch.tensor([1.0, 2.0])

    bright = torch.cat([images(1) * 0.5, images(1) * 0.1 + 0.9])
    with pytest.raises(ValueError, match="zero everywhere"):
        check_alive(Half(), bright)
    with pytest.raises(ValueError, match="at least 2"):
        check_alive(alex, images(1))
