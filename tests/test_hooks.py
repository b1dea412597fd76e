"""Hooks and switches leave the net as it was, also after an exception."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from lecture_utils.hooks import activations, frozen


class Interrupt(Exception):
    pass


@pytest.fixture
def net():
    torch.manual_seed(0)
    middle = nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout()
    net = nn.Sequential(nn.Conv2d(3, 4, 3), *middle, nn.Conv2d(4, 2, 3))
    net[1].eval()  # a mode of its own inside a net in training mode
    net[4].weight.requires_grad_(False)
    net[0].weight.grad = torch.ones_like(net[0].weight)
    return net


def photograph(net):
    """Everything about a net that a function must not change."""
    return {
        "state": {name: value.clone() for name, value in net.state_dict().items()},
        "grads": {name: None if p.grad is None else p.grad.clone() for name, p in net.named_parameters()},
        "flags": {name: p.requires_grad for name, p in net.named_parameters()},
        "modes": {name: module.training for name, module in net.named_modules()},
        "hooks": {name: len(m._forward_hooks) + len(m._backward_hooks) for name, m in net.named_modules()},
        "random": (torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()),
    }


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_activations_equal_a_forward_by_hand(net):
    images = torch.rand(2, 3, 8, 8)
    net.eval()
    with activations(net, ["0", "1", "2"]) as found:
        net(images)
    conv = net[0](images)
    assert torch.equal(found["0"], conv)
    normed = net[1](conv)
    assert normed.min() < 0
    assert torch.equal(found["1"], normed), "the in-place ReLU above must not change what is kept"
    assert torch.equal(found["2"], normed.clamp(min=0))


def test_the_hook_does_not_change_the_answer_and_gradients_flow(net):
    images = torch.rand(2, 3, 8, 8)
    net.eval()
    plain = net(images)
    with activations(net, "1") as found:
        logits = net(images)
    assert torch.equal(logits, plain)
    gradient = torch.autograd.grad(logits.sum(), found["1"])[0]
    leaf = found["1"].detach().requires_grad_()
    above = net[4](torch.relu(leaf))
    assert torch.equal(gradient, torch.autograd.grad(above.sum(), leaf)[0])


def test_activations_are_empty_before_a_forward_and_hooks_always_go(net):
    before = photograph(net)
    with pytest.raises(KeyError, match="no activations of '0' yet"), activations(net, "0") as found:
        found["0"]
    with pytest.raises(Interrupt), activations(net, ["0", "4"]):
        raise Interrupt
    with pytest.raises(KeyError, match="unknown layer '9'"), activations(net, ["0", "9"]):
        pass
    assert same(photograph(net), before)


def test_a_layer_that_gives_no_tensor_is_refused():
    net = nn.Sequential(nn.LSTM(3, 2))
    with pytest.raises(ValueError, match="layer: '0' gives a tuple"), activations(net, "0"):
        net(torch.rand(4, 3))
    assert not net[0]._forward_hooks


@pytest.mark.parametrize("raises", [False, True])
def test_frozen_restores_everything(net, raises):
    before = photograph(net)
    grad = net[0].weight.grad
    try:
        with frozen(net) as inside:
            assert inside is net and not any(module.training for module in net.modules())
            assert all(p.grad is None and not p.requires_grad for p in net.parameters())
            net.train()
            net.requires_grad_(True)
            net(torch.rand(2, 3, 8, 8)).sum().backward()  # dropout draws, batch norm counts
            net.zero_grad(set_to_none=False)
            np.random.rand()
            random.random()
            torch.set_grad_enabled(False)
            if raises:
                raise Interrupt
    except Interrupt:
        pass
    assert torch.is_grad_enabled()
    assert same(photograph(net), before)
    assert net[0].weight.grad is grad


def test_that_test_notices_what_a_plain_block_changes(net):
    """The comparison above can fail."""
    before = photograph(net)
    net(torch.rand(2, 3, 8, 8)).sum().backward()
    assert not same(photograph(net), before)
