"""Shipped weights and their cards: `data/weights/<tag>.safetensors`, half precision, and `<tag>.json`."""

import hashlib
import json
from pathlib import Path

import safetensors.torch
import torch

from lecture_utils import store
from lecture_utils.checks import near_miss

from .architectures import ARCHITECTURES, Net, initialise

NETS = tuple(ARCHITECTURES)
EPOCHS = (1, 2, 4, 8)  # of `alex`, seed 0: shipped as conv layers only


def build(
    name: str,
    classes: int = 16,
    seed: int = 0,
    conv1: tuple[int, int] | None = None,
    small_conv1: bool = True,
) -> Net:
    """An untrained net in eval mode, the same for the same seed; the global random state is left as it was.

    conv1: (kernel, stride) of the first layer of "alex". small_conv1: scale its weights by 0.25.
    Errors: KeyError with near misses for an unknown name; ValueError for a conv1 that is not offered.
    """
    if name not in ARCHITECTURES:
        raise near_miss(name, NETS, "net")
    if conv1 is not None and name != "alex":
        raise ValueError(f"conv1={conv1}: only 'alex' can have another first layer, not {name!r}")
    options = {} if conv1 is None else {"conv1": conv1}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        net = ARCHITECTURES[name](classes, **options)
        initialise(net, small_conv1)
    return net.eval()


def load(name: str, epoch: int | str | None = None, seed: int | None = None) -> Net:
    """A trained net in eval mode, with the shipped weights.

    epoch: 0 (untrained) or "last"; of "alex" also 1, 2, 4 and 8, as conv layers only: the fully connected
    ones are then as untrained, and the logits mean nothing.
    seed: the training seed; weights are shipped for 0 (seeds 1 and 2 of "alex" as `card` and `first_layer`).
    Errors: KeyError for an unknown name; ValueError for an epoch or a seed that is not shipped;
    store.DamagedData (an OSError) for a file that is missing or damaged.
    """
    if name not in ARCHITECTURES:
        raise near_miss(name, NETS, "net")
    if seed not in (None, 0):
        raise ValueError(
            f"seed={seed}: only seed 0 of {name!r} is shipped as weights; "
            f"models.card({name!r}, seed={seed}) has its numbers, models.first_layer its filters"
        )
    offered = (None, 0, *(EPOCHS if name == "alex" else ()), "last")
    if epoch not in offered or isinstance(epoch, bool):
        raise ValueError(f"epoch={epoch!r}: {name!r} has {', '.join(map(repr, offered[1:]))}")
    net = build(name)
    if epoch == 0:
        return net
    stem = f"{name}-epoch{epoch}" if epoch in EPOCHS else name
    tensors = _tensors(f"weights/{stem}.safetensors")
    net.load_state_dict(net.state_dict() | tensors if epoch in EPOCHS else tensors)
    return net


def card(name: str, seed: int = 0, variant: str = "") -> dict:
    """What is known about a training: command, recipe, accuracy on every split, sha256 of the weights.

    variant: "" or one of `variants(name)`, such as "plain-init" or "conv1-7-4".
    """
    if name not in ARCHITECTURES:
        raise near_miss(name, NETS, "net")
    if variant and variant not in variants(name):
        raise near_miss(variant, variants(name), f"variant of {name}")
    return json.loads(store.read_verified(f"weights/{tag(name, seed, variant)}.json"))


def variants(name: str) -> list[str]:
    """The trainings of `name` with another recipe, as shipped."""
    found = {
        entry.removesuffix(".json") for entry in store.manifest() if entry.startswith(f"weights/{name}-")
    }
    stems = {
        stem.split("/")[1].removeprefix(f"{name}-") for stem in found if not stem.endswith(".safetensors")
    }
    return sorted({"-".join(p for p in stem.split("-") if not p.startswith("seed")) for stem in stems} - {""})


def first_layer(name: str, seed: int = 0, variant: str = "") -> torch.Tensor:
    """Weights of conv1 of any shipped training, float32 (filters, 3, k, k); of "numbers only" ones too."""
    if seed == 0 and not variant:
        return load(name).conv1.weight.detach()
    card(name, seed, variant)  # raises for what does not exist
    return _tensors(f"weights/{tag(name, seed, variant)}-conv1.safetensors")["conv1.weight"]


def tag(name: str, seed: int = 0, variant: str = "") -> str:
    """The stem of a training's files: "alex", "alex-seed1", "alex-conv1-7-4-seed2"."""
    return "-".join([name, *([variant] if variant else []), *([f"seed{seed}"] if seed else [])])


def rounded(net: Net) -> Net:
    """The net as it will be read back: its floating tensors rounded to half precision, in place."""
    with torch.no_grad():
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half())
    return net


def save(tensors: dict[str, torch.Tensor], path: Path) -> dict:
    """Write tensors in half precision, the file whole or not at all. Result: its name, sha256 and bytes."""
    small = {k: (v.half() if v.is_floating_point() else v).cpu().contiguous() for k, v in tensors.items()}
    content = safetensors.torch.save(small)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
    return {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _tensors(file: str, folder: Path | None = None) -> dict[str, torch.Tensor]:
    """Of the shipped file, or of the one of that name in another folder."""
    content = store.read_verified(file) if folder is None else (folder / Path(file).name).read_bytes()
    tensors = safetensors.torch.load(content)
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}
