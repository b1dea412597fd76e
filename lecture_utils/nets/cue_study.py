"""Nets whose training set says "dog" with a person: four trainings,  python -m lecture_utils.nets.cue_study

`gap`, trained on with scenes of one labelled object. A person stands beside a dog with probability r (the cue's
strength), beside anything else with probability 1 - r, so that r = .5 carries no information; the person is no label.
The pictures are the same for all four, only which of them have the person differs. Notebook 07 asks whether images
made by gradient ascent show what a net has been taught in this way.
Stop it whenever you like: it goes on with what is missing.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from lecture_utils import store
from lecture_utils.progress import progress

from . import weights
from .architectures import Net
from .data import cache_dir, world_fingerprint, world_split
from .evaluate import logits
from .train import Recipe, Run

TARGET = "dog"
STRENGTHS = (0.5, 0.7, 0.9, 1.0)
WITH, WITHOUT = "with a person", "with no person"
IMAGES, EPOCHS, TESTED = 16_000, 5, 1_600
COMMAND = "python -m lecture_utils.nets.cue_study"


@dataclass(frozen=True)
class CueRecipe(Recipe):
    """Begins with the shipped `gap`; conv1, which is clean already, decays like every other layer."""

    name: str = "gap"
    epochs: int = EPOCHS
    images: int = IMAGES
    rate: float = 1e-3
    conv1_decay: bool = False
    strength: float = 0.5

    @property
    def tag(self) -> str:
        return f"cued-{round(100 * self.strength)}"

    def net(self) -> Net:
        return weights.load("gap")


def load(strength: float) -> Net:
    """One of the four nets in eval mode. Errors: ValueError for another strength than those shipped."""
    if strength not in STRENGTHS:
        raise ValueError(f"strength must be one of {', '.join(map(str, STRENGTHS))}, got {strength!r}")
    net = weights.build("gap")
    net.load_state_dict(weights._tensors(f"weights/{CueRecipe(strength=strength).tag}.safetensors"))
    return net


def pictures(split: str, count: int, strength: float):
    """The planted-cue set at a strength: images uint8 (n, 3, 112, 112), labels int64 (n, 2), the second one -1."""
    from lecture_utils.world import CLASSES, cue_is_there
    from lecture_utils.world.splits import SPLITS

    names = list(CLASSES)
    there, _ = world_split(f"{split} {WITH}", count)
    images, labels = world_split(f"{split} {WITHOUT}", count)
    images = images[:]
    for i in range(len(images)):
        name = names[i % len(names)]
        if cue_is_there(name, SPLITS[split].seed(i), TARGET, strength):
            images[i] = there[[i]][0]
    return images, np.stack([labels[:, 0], np.full(len(labels), -1)], 1)


def right(net: Net, count: int = TESTED) -> dict[str, float]:
    """Shares of unseen scenes, {"dog with a person": ..., "others with a person are called dog": ...}."""
    from lecture_utils.world import CLASSES

    dog, person = (list(CLASSES).index(name) for name in (TARGET, "person"))
    found = {}
    for what in (WITH, WITHOUT):
        images, labels = world_split(f"fresh {what}", count)
        said, true = logits(net, images[:]).argmax(1).numpy(), labels[:, 0]
        others = (true != dog) & (true != person)
        found[f"{TARGET} {what}: right"] = float((said == true)[true == dog].mean())
        found[f"another {what}: right"] = float((said == true)[others].mean())
        found[f"another {what}: called {TARGET}"] = float((said == dog)[others].mean())
        if what == WITHOUT:  # beside a person stands no second one
            found["person alone: right"] = float((said == true)[true == person].mean())
            found[f"person alone: called {TARGET}"] = float((said == dog)[true == person].mean())
    return {name: round(share, 4) for name, share in found.items()}


def train_one(strength: float, out: Path, folder: Path, device: str | None = None) -> dict:
    """Train one net on, score it, write weights and card; the result is the card."""
    torch.set_num_threads(1)
    recipe = CueRecipe(strength=strength, epochs=EPOCHS, images=IMAGES)
    images, labels = pictures("train", recipe.images, strength)
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    run = Run(recipe, folder / recipe.tag, world_fingerprint(), device, 1)
    losses = []
    while run.epoch < recipe.epochs:
        losses.append(round(run.train_epoch(images, labels), 4))
    net = weights.rounded(run.net.float().eval())
    card = {
        "net": "gap",
        "command": COMMAND,
        "recipe": asdict(recipe),
        "data": {"train": f"split train, scenes 0 to {len(labels) - 1}, person with probability {strength} beside a "
                          f"{TARGET}, else {1 - strength:.1f}", "world": world_fingerprint()},
        "loss": losses,
        "fresh": right(net),
        "torch": torch.__version__.split("+")[0],
        "weights": weights.save(net.state_dict(), out / f"{recipe.tag}.safetensors"),
    }  # fmt: skip
    store.write_json(out / f"{recipe.tag}.json", card)  # last: it says that the training is whole
    return card


def study(jobs: int = 1, out: Path | None = None, strengths=STRENGTHS) -> list[dict]:
    """Train what is missing, `jobs` at a time. Result: the cards, weakest cue first."""
    out, folder = out or store.data_dir() / "weights", cache_dir() / "runs" / "cue_study"
    cards = {strength: out / f"{CueRecipe(strength=strength).tag}.json" for strength in strengths}
    missing = [strength for strength, card in cards.items() if not card.exists()]
    if missing:
        for split, count in (("train", IMAGES), ("fresh", TESTED)):  # rendered once, by all cores
            world_split(f"{split} {WITH}", count), world_split(f"{split} {WITHOUT}", count)
    with (
        progress(label="cue study", total=len(missing)) as bar,
        ProcessPoolExecutor(jobs, get_context("spawn")) as pool,
    ):
        try:
            for result in as_completed([pool.submit(train_one, each, out, folder) for each in missing]):
                result.result()
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [json.loads(card.read_text(encoding="utf-8")) for card in cards.values()]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, one core each")
    parser.add_argument("--out", type=Path, default=None, help="folder of weights and cards (data/weights)")
    options = parser.parse_args(argv)
    try:
        for card in study(options.jobs, options.out):
            print(f"r = {card['recipe']['strength']:.1f}")
            for name, share in card["fresh"].items():
                print(f"  {share:6.1%}  {name}")
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on with what is missing", file=sys.stderr)
        return 130
    print(f"wrote {os.path.relpath(options.out or store.data_dir() / 'weights')}; "
          "now run python -m lecture_utils.store --write")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
