"""SqueezeNet 1.1, so that the photograph lab opens without torchvision, which takes 100 MB of memory and seconds."""

import torch
from torch import nn


class Fire(nn.Module):
    """A 1 x 1 convolution to few channels, then 1 x 1 and 3 x 3 ones to many, side by side."""

    def __init__(self, before: int, squeezed: int, expanded: int):
        super().__init__()
        self.squeeze = nn.Conv2d(before, squeezed, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        maps = self.squeeze_activation(self.squeeze(maps))
        one, three = self.expand1x1(maps), self.expand3x3(maps)
        return torch.cat([self.expand1x1_activation(one), self.expand3x3_activation(three)], 1)


class SqueezeNet(nn.Module):
    """Images (n, 3, h, w), normalised -> logits (n, 1000). Modules, their names and first weights are torchvision's.

    Source: Iandola et al., *SqueezeNet* (2016), arXiv 1602.07360; 1.1 is its authors' later version.
    """

    def __init__(self):
        super().__init__()

        def pool():
            return nn.MaxPool2d(3, stride=2, ceil_mode=True)

        first = nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(inplace=True), pool()
        near = Fire(64, 16, 64), Fire(128, 16, 64), pool(), Fire(128, 32, 128), Fire(256, 32, 128), pool()
        far = Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256)
        self.features = nn.Sequential(*first, *near, *far)
        last = nn.Conv2d(512, 1000, 1)
        self.classifier = nn.Sequential(
            nn.Dropout(), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight) if module is not last else nn.init.normal_(
                    last.weight, 0, 0.01
                )
                nn.init.zeros_(module.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(images)).flatten(1)
