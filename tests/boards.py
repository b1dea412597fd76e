"""What stands on an explorer's board, for tests: its blocks, wherever they are; and a lab from elsewhere."""

from types import SimpleNamespace

import torch
from torch import nn


def blocks(board, kind):
    """All blocks of a kind, row by row from the upper left."""
    here = [board] if isinstance(board, kind) else []
    return here + [found for block in getattr(board, "blocks", []) for found in blocks(block, kind)]


class Foreign:
    """A lab without a key, of which nothing ships: random weights, large pictures, many classes."""

    has_key, name, device = False, "resnet18", torch.device("cpu")
    classes = tuple(f"class {n}" for n in range(60))

    def __init__(self, images, side):
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Conv2d(3, 60, 8, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        images = torch.rand(images, 3, side, side)
        self.gallery = SimpleNamespace(images=images, files=list("uvwxyz"), labels=None)

    def logits(self, images):
        with torch.no_grad():
            return 30 * self.net(images)

    def predict(self, images):
        sure = self.logits(images).softmax(1)
        return [self.classes[n] for n in sure.argmax(1).tolist()], sure

    def label(self, name):
        return self.classes.index(name)
