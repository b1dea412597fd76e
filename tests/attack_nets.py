"""What the tests of the attacks share: nets whose answer is known in closed form."""

import torch
from torch import nn

from tests.attribution_nets import toy


class Linear(nn.Module):
    """Scores = weights (classes, 3 * h * w) times the pixels, plus biases: the borders are planes."""

    def __init__(self, weights, bias=None):
        super().__init__()
        self.weights = nn.Parameter(weights)
        self.bias = nn.Parameter(torch.zeros_like(weights[:, 0]) if bias is None else bias)

    def forward(self, images):
        return images.flatten(1) @ self.weights.T + self.bias


def linear(classes=2, size=4, seed=0):
    """A linear net in float64, and images (3, 3, size, size) around mid-grey, so that [0, 1] is far."""
    draws = torch.Generator().manual_seed(seed)
    net = Linear(torch.randn(classes, 3 * size * size, generator=draws, dtype=torch.float64) / 10)
    return net, 0.4 + 0.2 * torch.rand(3, 3, size, size, generator=draws, dtype=torch.float64)


class Poisoned(nn.Module):
    """The toy net, whose scores turn into NaN in the pass `at` (counted from 1) and ever after."""

    def __init__(self, at):
        super().__init__()
        self.net, self.at, self.passes = toy(), at, 0

    def forward(self, images):
        self.passes += 1
        return self.net(images) * (torch.nan if self.passes >= self.at else 1)


class Stops(Poisoned):
    """The toy net; in the pass `at` someone presses Ctrl-C."""

    def forward(self, images):
        self.passes += 1
        if self.passes == self.at:
            raise KeyboardInterrupt
        return self.net(images)


def said(net, images):
    with torch.no_grad():
        return net(images).argmax(1)
