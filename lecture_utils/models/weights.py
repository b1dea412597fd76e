"""Shipped weights and their cards: `data/weights/NAME.safetensors`, half precision or 8 bits, and `NAME.json`."""

import json
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from torch import nn

from .. import store
from ..checks import check_choice, check_count
from .architectures import ARCHITECTURES, Net, initialise, seeded_net

NETS = tuple(ARCHITECTURES)
STEP = " step"  # ends the name of what a tensor of whole numbers is multiplied with
EPOCHS = (1, 2, 4, 8)  # of `alex`, seed 0: shipped as conv layers only


class Specialist(NamedTuple):
    """A net that is no classifier: the module (imported when asked for) and what builds it untrained, which entries of
    its card's recipe that takes, and, where one file holds two nets, the file and the prefix of its tensors.
    """

    module: str
    build: str
    takes: tuple[str, ...] = ()
    file: str = ""
    prefix: str = ""


SPECIALISTS = {
    "fashion-gan": Specialist("studio", "generator", ("latent", "channels", "shape"), prefix="generator."),
    "fashion-gan-discriminator": Specialist(
        "studio", "discriminator", ("channels", "norm", "shape"), "fashion-gan", "discriminator."
    ),
    "fashion-pixelcnn": Specialist("studio", "pixelcnn", ("width", "kernel", "dilations", "shape", "levels")),
    "fashion-vae": Specialist("studio", "vae", ("latent", "widths", "shape")),
    "fast-style": Specialist("image_to_image", "FastStyle"),
    "squeezenet": Specialist("imagenet", "photograph_net"),
    "studio-factors": Specialist("studio", "FactorNet"),
    "studio-gan": Specialist("studio", "generator", ("latent", "channels"), prefix="generator."),
    "studio-gan-discriminator": Specialist(
        "studio", "discriminator", ("channels", "norm"), "studio-gan", "discriminator."
    ),
    "studio-pixelcnn": Specialist("studio", "pixelcnn", ("width", "kernel", "dilations")),
    "studio-vae": Specialist("studio", "vae", ("latent", "widths")),
    "studio-vae-beta1": Specialist("studio", "vae", ("latent", "widths")),
}


def build(
    name: str,
    classes: int = 16,
    seed: int = 0,
    conv1: tuple[int, int] | None = None,
    small_conv1: bool = True,
) -> Net:
    """An untrained net in eval mode, the same for the same seed.

    conv1: (kernel, stride) of the first layer of "alex". small_conv1: scale its weights by 0.25.
    Errors: KeyError with near misses for an unknown name; ValueError for a conv1 that is not offered.
    """
    check_choice(name, NETS, "net"), check_count(classes, "classes")
    if conv1 is not None and name != "alex":
        raise ValueError(f"conv1={conv1}: only 'alex' can have another first layer, not {name!r}")

    def make():
        net = ARCHITECTURES[name](classes) if conv1 is None else ARCHITECTURES[name](classes, conv1)
        initialise(net, small_conv1)
        return net

    return seeded_net(make, seed)


def names() -> list[str]:
    """Every net that `load` takes: `NETS`, those trained on otherwise such as "alex-cued-100", and the specialists."""
    files = {file.removeprefix("weights/") for file in store.manifest()}
    stems = [
        file.removesuffix(".json") for file in files if file.startswith(tuple(f"{net}-" for net in NETS))
    ]
    otherwise = [stem for stem in stems if {f"{stem}.json", f"{stem}.safetensors"} <= files]
    return [*NETS, *sorted(otherwise), *SPECIALISTS]


def load(name: str, epoch: int | str | None = None, folder: Path | None = None) -> nn.Module:
    """A trained net in eval mode, with the shipped weights.

    name: one of `names()`. epoch: of a net in `NETS` 0 (untrained) or "last"; of "alex" also 1, 2, 4 and 8, as conv
    layers only: the fully connected ones are then as untrained, and the logits mean nothing.
    folder: where weights and card of another training lie. All are of training seed 0; of seeds 1 and 2 of "alex"
    there are `card` and `first_layer`.
    Errors: KeyError for an unknown name; ValueError for an epoch that is not shipped;
    store.DamagedData (an OSError) for a file that is missing or damaged; FileNotFoundError in a folder.

    >>> models.load("studio-gan")(torch.randn(8, 64)).shape
    torch.Size([8, 3, 32, 32])
    """
    if name not in NETS and folder is None:
        check_choice(name, names(), "net")
    offered = (None, *((0,) if name in NETS else ()), *(EPOCHS if name == "alex" else ()), "last")
    if epoch not in offered or isinstance(epoch, bool):
        raise ValueError(f"epoch={epoch!r}: {name!r} has {', '.join(map(repr, offered[1:]))}")
    if name in SPECIALISTS:
        return _specialist(name, folder)
    net = build(name.split("-")[0])
    if epoch == 0:
        return net
    stem = f"{name}-epoch{epoch}" if epoch in EPOCHS else name
    found = tensors(stem, folder)
    net.load_state_dict(net.state_dict() | found if epoch in EPOCHS else found)
    return net


def _specialist(name: str, folder: Path | None) -> nn.Module:
    of = SPECIALISTS[name]
    recipe, found = card(name, folder=folder)["recipe"], tensors(of.file or name, folder)
    make = getattr(import_module(f".{of.module}", __package__), of.build)
    net = seeded_net(lambda: make(**{key: recipe[key] for key in of.takes}), 0)
    own = {key.removeprefix(of.prefix): value for key, value in found.items() if key.startswith(of.prefix)}
    net.load_state_dict(own)
    return net


def card(name: str, seed: int = 0, folder: Path | None = None) -> dict:
    """What is known about a training: command, recipe, results on every split, sha256 of the weights.

    name: one of `names()`, or "filter_study". folder: as in `load`. Errors: KeyError with near misses;
    store.DamagedData.
    """
    stem = SPECIALISTS[name].file or name if name in SPECIALISTS else tag(name, seed)
    if folder is not None:
        return json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
    check_choice(name, [*names(), "filter_study"], "net")
    return json.loads(store.read_verified(f"weights/{stem}.json"))


def first_layer(name: str, seed: int = 0) -> torch.Tensor:
    """Weights of conv1 of any shipped training, float32 (filters, 3, k, k); of seeds 1 and 2 of "alex" too."""
    if seed == 0:
        return load(name).conv1.weight.detach()
    card(name, seed)  # raises for what does not exist
    return tensors(f"{tag(name, seed)}-conv1")["conv1.weight"]


def tag(name: str, seed: int = 0, variant: str = "") -> str:
    """The stem of a training's files: "alex", "alex-seed1", "alex-conv1-7-4-seed2"."""
    return "-".join([name, *([variant] if variant else []), *([f"seed{seed}"] if seed else [])])


def tensors(stem: str, folder: Path | None = None) -> dict[str, torch.Tensor]:
    """Of the shipped file, or of the one of that name in another folder."""
    name = f"{stem}.safetensors"
    content = store.read_verified(f"weights/{name}") if folder is None else (folder / name).read_bytes()
    return restored(safetensors.torch.load(content))


def restored(found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors as the net takes them: floats from half precision, or from whole numbers with a step beside them."""
    steps = {name.removesuffix(STEP): t for name, t in found.items() if name.endswith(STEP)}
    floats = {name: t.float() if t.is_floating_point() else t for name, t in found.items()}
    return {name: t * steps.get(name, 1) for name, t in floats.items() if not name.endswith(STEP)}
