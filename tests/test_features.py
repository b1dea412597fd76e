"""Extracting activations and showing first-layer filters: any net, nothing left behind, clear errors."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from experiments.methods.equivariance import equivariance_loss
from lecture_utils import features
from lecture_utils.features import as_pictures, best_patches, extract, first_layer_filters


def small_net(seed=0):
    torch.manual_seed(seed)
    net = nn.Sequential()
    names = ("mix", "conv1", "relu1", "drop", "pool", "flat", "fc")
    modules = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Dropout(0.5)
    modules += nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    for name, module in zip(names, modules, strict=True):
        net.add_module(name, module)
    return net


def test_extract_equals_a_loop_by_hand():
    net, images = small_net(), torch.rand(5, 3, 8, 8)
    by_hand = torch.stack([F.relu(net.conv1(net.mix(image[None])))[0] for image in images])
    found = extract(net, images, "relu1", batch_size=2)
    torch.testing.assert_close(found, by_hand.detach())
    assert not found.requires_grad and found.shape == (5, 4, 6, 6)
    assert torch.equal(found, extract(net, images, "relu1", batch_size=2))
    assert extract(net, images, "fc").shape == (5, 2)


def test_the_strongest_of_each_channel_by_hand():
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
    with torch.no_grad():
        net[0].weight.copy_(torch.eye(3)[..., None, None])
        net[0].bias.copy_(torch.tensor([0.0, -2.0, -0.95]))
    images = torch.zeros(70, 3, 4, 4)
    images[69, 2, 3, 3] = 1.0  # one bright pixel, in the last image of the second batch, wakes channel 2
    assert features.strongest(net, images, "1").tolist() == pytest.approx([0, 0, 0.05])


def test_pictures_by_hand():
    weights = torch.tensor([[-2.0, 0.0, 1.0], [0.5, 0.0, 0.0]]).view(2, 3, 1, 1)
    assert as_pictures(weights).flatten().tolist() == [0, 0.5, 0.75, 0.625, 0.5, 0.5]
    assert as_pictures(weights, per_filter=True).flatten().tolist() == [0, 0.5, 0.75, 1, 0.5, 0.5]
    assert as_pictures(torch.zeros(2, 3, 2, 2)).unique().tolist() == [0.5]


def test_first_layer_filters():
    net = small_net()
    found = first_layer_filters(net)
    assert found.shape == (4, 3, 3, 3) and found.min() >= 0 and found.max() <= 1
    back = (found - 0.5) * 2 * net.conv1.weight.abs().max()  # nothing is lost
    torch.testing.assert_close(back, net.conv1.weight.detach())
    found.zero_()
    assert net.conv1.weight.abs().sum() > 0, "a copy, not the weights themselves"


def test_the_first_convolution_is_the_one_that_runs_first():
    class Crossed(nn.Module):
        def __init__(self):
            super().__init__()
            self.late = nn.Conv2d(3, 2, 5)
            self.stem = nn.Conv2d(3, 3, 3)

        def forward(self, images):
            return self.late(self.stem(images))

    net = Crossed().train()
    assert features.first_conv(net)[0] == "stem"
    assert net.training and not net.stem._forward_pre_hooks


def test_no_patch_beats_the_best():
    weights = torch.randn(6, 3, 5, 5, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    answer = lambda patches: (weights * patches).flatten(1).sum(1)  # noqa: E731
    own = best_patches(weights)
    torch.testing.assert_close(answer(own), weights.flatten(1).norm(dim=1))
    box = best_patches(weights, among="box")
    torch.testing.assert_close(answer(box), (weights.flatten(1).sum(1) + weights.flatten(1).abs().sum(1)) / 2)
    for seed in range(200):
        rival = torch.rand(weights.shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))
        assert (answer(rival) <= answer(box)).all()
        rival = rival - 0.5
        assert (answer(rival / rival.flatten(1).norm(dim=1).view(-1, 1, 1, 1)) < answer(own)).all()


def test_equivariance_is_perfect_at_the_stride_and_without_one():
    torch.manual_seed(0)
    images = F.avg_pool2d(torch.rand(4, 3, 50, 50), 3, 1)
    net = nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.ReLU())
    loss = equivariance_loss(net, images, "1", stride=4, margin=12)
    assert loss[0] < 1e-10 and loss[4] < 1e-10
    assert loss[1:4].min() > 0.01, "between two units the map cannot be found again"
    assert torch.equal(equivariance_loss(net, images, "1", stride=4, shifts=[2, 4], margin=12), loss[[2, 4]])
    dense = nn.Sequential(nn.Conv2d(3, 8, 5), nn.ReLU())
    assert equivariance_loss(dense, images, "1", stride=1, margin=12).max() < 1e-10
    fine = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU())
    fine[0].load_state_dict(net[0].state_dict())
    assert equivariance_loss(fine, images, "1", stride=2, margin=12)[1] < loss[2], "a finer stride loses less"
