"""The course's small nets: `alex`, `gap`, `zf`.

Each is a flat `nn.Sequential` whose modules carry the lecture's names (conv1, relu1, pool1 ... fc8), so that
`print(net)` is the whole description and `net.conv3` the layer. ReLUs are modules, one for each layer, and
not in place. A net takes images (n, 3, 112, 112) in [0, 1] and normalises them itself.
"""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import nn

from ..hooks import seeded

MEAN, STD = (0.64, 0.62, 0.56), (0.20, 0.19, 0.21)  # of the toy world's pixels: red, green, blue


def normalising(net: nn.Module, mean=MEAN, std=STD, persistent: bool = True) -> None:
    """Give the net the buffers `mean` and `std`, (1, channels, 1, 1), that its forward pass normalises with."""
    for name, colour in (("mean", mean), ("std", std)):
        net.register_buffer(name, torch.tensor(colour).view(1, -1, 1, 1), persistent)


def seeded_net(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """The net that make() gives, in eval mode, the same for the same seed; the global random state stays as it was."""
    with seeded(seed):
        return make().eval()


class Net(nn.Sequential):
    """A flat net that takes images (n, 3, h, w) in [0, 1] and gives logits (n, classes)."""

    def __init__(self, layers: dict[str, nn.Module]):
        super().__init__(OrderedDict(layers))
        normalising(self)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward((images - self.mean) / self.std)


def alex(classes: int = 16, conv1: tuple[int, int] = (11, 4)) -> Net:
    """AlexNet at 112 px; `conv1` is (kernel, stride), 11/4 as in the paper, or 7/4, 11/2, 7/2 to compare.

    Whatever conv1 is, pool1 gives 13 x 13, so the later layers stay the same. With 11/4 conv5 sees 79 px.
    Source: Krizhevsky, Sutskever, Hinton (2012), figure 2.
    Differs: 112 px instead of 227; 2 x 2 pooling; 3 x 3 kernels after conv1; BatchNorm after conv2 to fc7 instead
    of local response normalisation; narrower layers; fully connected layers of 512 instead of 4096, on 3 x 3
    places instead of 6 x 6.
    """
    kernel, stride = conv1
    padding = {(11, 4): 2, (11, 2): 2, (7, 4): 1, (7, 2): 2}.get((kernel, stride))
    if padding is None:
        raise ValueError(f"conv1={kernel}/{stride}: expected 11/4, 11/2, 7/4 or 7/2 (kernel/stride)")
    return Net(
        {
            "conv1": nn.Conv2d(3, 64, kernel, stride, padding),  # 64 x 27 x 27 (stride 2: 53 or 55)
            "relu1": nn.ReLU(),
            "pool1": nn.MaxPool2d(8 // stride),  # 64 x 13 x 13
            **_convolution(2, 64, 96),
            **_convolution(3, 96, 96),
            **_convolution(4, 96, 96),
            **_convolution(5, 96, 128),  # 128 x 13 x 13
            "pool5": nn.MaxPool2d(5, stride=4),  # 128 x 3 x 3
            **_head(128 * 3 * 3, classes),
        }
    )


def zf(classes: int = 16) -> Net:
    """ZFNet's change to AlexNet: a smaller first kernel with a smaller stride, 7/2; the rest as in `alex`.

    Source: Zeiler, Fergus (2014), section 4.1 and figure 3.
    Differs: as `alex`; 32 filters in conv1; conv2 is 3 x 3 stride 2 where the paper has 5 x 5 stride 2,
    and no pooling follows it.
    """
    return Net(
        {
            "conv1": nn.Conv2d(3, 32, 7, stride=2, padding=2),  # 32 x 55 x 55
            "relu1": nn.ReLU(),
            "pool1": nn.MaxPool2d(3, stride=2),  # 32 x 27 x 27
            **_convolution(2, 32, 96, stride=2, padding=0),  # 96 x 13 x 13
            **_convolution(3, 96, 96),
            **_convolution(4, 96, 96),
            **_convolution(5, 96, 128),  # 128 x 13 x 13
            "pool5": nn.MaxPool2d(5, stride=4),  # 128 x 3 x 3
            **_head(128 * 3 * 3, classes),
        }
    )


def gap(classes: int = 16) -> Net:
    """Convolutions, global average pooling, one linear layer `fc`: the net that CAM is made for.

    Source: Zhou, Khosla, Lapedriza, Oliva, Torralba (2016), section 2; Ioffe, Szegedy (2015) for BatchNorm.
    Differs: a small net of its own rather than a cut-down AlexNet.
    """
    return Net(
        {
            "conv1": nn.Conv2d(3, 32, 7, stride=2, padding=3),  # 32 x 56 x 56
            "relu1": nn.ReLU(),
            "pool1": nn.MaxPool2d(2),  # 32 x 28 x 28
            **_convolution(2, 32, 64, stride=2),  # 64 x 14 x 14
            **_convolution(3, 64, 128),
            **_convolution(4, 128, 160),
            **_convolution(5, 160, 192),  # 192 x 14 x 14
            "pool": nn.AdaptiveAvgPool2d(1),  # 192 x 1 x 1
            "flatten": nn.Flatten(),
            "fc": nn.Linear(192, classes),
        }
    )


def _convolution(
    n: int, inputs: int, outputs: int, stride: int = 1, padding: int = 1
) -> dict[str, nn.Module]:
    """Layer n: a 3 x 3 convolution, its normalisation and its ReLU.

    Tried without BatchNorm, `alex` stood at chance after two epochs and `zf` after one (one run each; the cause was
    not separated from the learning rate).
    """
    return {
        f"conv{n}": nn.Conv2d(inputs, outputs, 3, stride, padding, bias=False),
        f"norm{n}": nn.BatchNorm2d(outputs),
        f"relu{n}": nn.ReLU(),
    }


def _head(inputs: int, classes: int) -> dict[str, nn.Module]:
    """The fully connected layers of `alex` and `zf`; fc6 and fc7 are 512 wide where the lecture has 4096."""
    return {
        "flatten": nn.Flatten(),
        "drop6": nn.Dropout(0.1),
        "fc6": nn.Linear(inputs, 512, bias=False),
        "norm6": nn.BatchNorm1d(512),
        "relu6": nn.ReLU(),
        "drop7": nn.Dropout(0.1),
        "fc7": nn.Linear(512, 512, bias=False),
        "norm7": nn.BatchNorm1d(512),
        "relu7": nn.ReLU(),
        "fc8": nn.Linear(512, classes),
    }


ARCHITECTURES = {"alex": alex, "gap": gap, "zf": zf}


def initialise(net: Net, small_conv1: bool = True) -> None:
    """He initialisation, biases 0; `small_conv1` then scales conv1 by 0.25: its filters end with less noise.

    Source: He, Zhang, Ren, Sun (2015), equation 10.
    """
    for module in net:
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    if small_conv1:
        with torch.no_grad():
            net.conv1.weight.mul_(0.25)


def layer_names(net: nn.Module) -> dict[str, str]:
    """Short name -> module name, in order: a layer means its ReLU (conv1 -> relu1), the last one itself."""
    modules = dict(net.named_modules())
    layers = [name for name in modules if name.startswith(("conv", "fc"))]
    relus = {name: "relu" + name.lstrip("convf") for name in layers}
    return {name: relus[name] if relus[name] in modules else name for name in layers}
