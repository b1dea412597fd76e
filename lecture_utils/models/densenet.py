"""DenseNet, for `imagenet`. A module of its own, as torchvision is imported only when a net is asked for."""

import torch.nn.functional as F
from torch import Tensor
from torchvision import models


class DenseNet(models.DenseNet):
    """DenseNet with its last ReLU as a module, `relu5`, so that it can be asked for.

    Differs: torchvision calls F.relu in place there, which also changes the output of `features`. Same numbers.
    """

    def forward(self, images: Tensor) -> Tensor:
        maps = self.relu5(self.features(images))  # (n, 1024, h / 32, w / 32)
        return self.classifier(F.adaptive_avg_pool2d(maps, 1).flatten(1))
