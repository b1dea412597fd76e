"""The evaluation network of the studio: one net that reads every factor of a picture, and features to compare sets by.

It names class and colour, and says azimuth, place, pitch, light and backdrop. It reads all of them because a classifier
that may ignore the colour could not see colours vanish.
"""

import torch
from torch import nn

from ..checks import check_count, check_images
from ..hooks import copy_to, frozen, in_batches

SIDE, FEATURES = 32, 128  # px; numbers a picture
NAMES = {
    "class": ("elephant", "duck", "car", "mug", "mushroom", "house"),
    "colour": ("red", "orange", "yellow", "green", "blue", "purple"),
}
# What it says as numbers: (middle, scale) of the factor, so that the net's own number lies about between -1 and 1.
NUMBERS = {"across": (0.5, 0.1), "down": (0.5, 0.1), "pitch": (18.0, 8.0), "backdrop": (0.65, 0.15)}
ANGLES = ("azimuth", "sun")  # degrees
SYMMETRIC = ("mushroom",)  # looks the same from all sides: its azimuth is neither learned nor asked
# Histograms of the numbers: unit, and the borders of the bins, which hold all of the studio.
BINS = {
    "azimuth": ("degrees", range(-90, 91, 30)),
    "sun": ("degrees", range(-60, 61, 20)),
    "across": ("of the frame", (0.38, 0.42, 0.46, 0.50, 0.54, 0.58, 0.62)),
    "down": ("of the frame", (0.26, 0.31, 0.36, 0.41, 0.46, 0.51, 0.56)),
    "pitch": ("degrees", (10, 14, 18, 22, 26)),
    "backdrop": ("linear light", (0.46, 0.54, 0.62, 0.70, 0.78, 0.86, 0.94)),
}


class FactorNet(nn.Module):
    """Images (n, 3, 32, 32) in [0, 1] -> {"class": logits (n, 6), "colour": logits (n, 6), "azimuth" and "sun":
    (n, 2) sine and cosine, "across", "down", "pitch", "backdrop": (n,) in the factor's own unit}.
    """

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            _layer(3, 32),
            _layer(32, 32),
            nn.MaxPool2d(2),
            _layer(32, 64),
            _layer(64, 64),
            nn.MaxPool2d(2),
            _layer(64, 128),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(128 * 16, FEATURES),
            nn.ReLU(),
        )
        outputs = {name: len(names) for name, names in NAMES.items()} | dict.fromkeys(ANGLES, 2)
        self.heads = nn.ModuleDict({name: nn.Linear(FEATURES, count) for name, count in outputs.items()})
        self.numbers = nn.Linear(FEATURES, len(NUMBERS))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Features (n, 128) to compare sets of pictures by. images: (n, 3, 32, 32) in [0, 1]."""
        return self.trunk(images - 0.5)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        features = self.features(images)
        said = {name: head(features) for name, head in self.heads.items()}
        numbers = self.numbers(features).unbind(1)
        return said | {
            name: middle + scale * number
            for (name, (middle, scale)), number in zip(NUMBERS.items(), numbers, strict=True)
        }


def _layer(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def build(seed: int = 0) -> FactorNet:
    """An untrained one in eval mode, the same for the same seed; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return FactorNet().eval()


def read(net: FactorNet, images: torch.Tensor, batch_size: int = 200) -> dict[str, torch.Tensor]:
    """What the net says of pictures (n, 3, 32, 32) in [0, 1]: as `FactorNet`, but "class" and "colour" are
    probabilities (n, 6) and angles are degrees (n,). On the images' device. Errors: ValueError.

    >>> read(models.load("studio-factors"), images)["class"].argmax(1)
    """
    images, size = _checked(net, images), check_count(batch_size, "batch_size")
    with frozen(net) as net, torch.no_grad():
        parts = [net(copy_to(net, batch)) for batch in images.split(size)]
    said = {name: torch.cat([part[name] for part in parts]).to(images.device) for name in parts[0]}
    said |= {name: said[name].softmax(1) for name in NAMES}
    return said | {name: torch.rad2deg(torch.atan2(*said[name].unbind(1))) for name in ANGLES}


def histograms(said: dict[str, torch.Tensor]) -> dict[str, tuple[list[str], torch.Tensor]]:
    """How often each name, and each bin of a number, was read: {heading: (labels, shares (k,), which add up to 1)}.

    said: the result of `read`. A bin is called by its middle; the outermost ones hold what lies beyond, too. The
    azimuth is that of the pictures that are read as a class which does not look the same from all sides.
    """
    found = {name: (list(names), _often(said[name].argmax(1), len(names))) for name, names in NAMES.items()}
    turns = torch.tensor([name not in SYMMETRIC for name in NAMES["class"]], device=said["class"].device)
    for name, (unit, borders) in BINS.items():
        values = said[name][turns[said["class"].argmax(1)]] if name == "azimuth" else said[name]
        edges = torch.tensor([float(border) for border in borders], device=values.device)
        middles = ((edges[1:] + edges[:-1]) / 2).tolist()
        labels = [f"{middle:.0f}" if unit == "degrees" else f"{middle:.2f}"[1:] for middle in middles]
        found[f"{name}, {unit}"] = labels, _often(torch.bucketize(values, edges[1:-1]), len(middles))
    return found


def _often(which: torch.Tensor, kinds: int) -> torch.Tensor:
    """(n,) indices -> shares (kinds,), float64; all 0 where n is 0."""
    return torch.bincount(which, minlength=kinds).double() / max(1, len(which))


def features(net: FactorNet, images: torch.Tensor, batch_size: int = 200) -> torch.Tensor:
    """Features (n, 128) of pictures (n, 3, 32, 32) in [0, 1], without gradient, on their device. Errors: ValueError."""
    images, size = _checked(net, images), check_count(batch_size, "batch_size")
    with frozen(net) as net, torch.no_grad():
        return in_batches(lambda batch: net.features(copy_to(net, batch)), images, size=size)


def _checked(net: nn.Module, images: torch.Tensor) -> torch.Tensor:
    images = check_images(images, net=net, range01=True)
    if images.shape[2:] != (SIDE, SIDE):
        raise ValueError(f"images: expected {SIDE} x {SIDE} px, got {tuple(images.shape[2:])}")
    return images
