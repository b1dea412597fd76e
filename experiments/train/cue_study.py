"""Nets whose training set says "dog" with a person: twelve trainings,  python -m experiments cue_study

`alex` from the beginning, on scenes of one labelled object. A person stands beside a dog with probability r (the cue's
strength), beside anything else with probability 1 - r, so that r = .5 carries no information. Scenes of the class
person are left out: were there any, the net would have to tell them from a person beside a dog, by the dog. The
pictures are the same for all strengths, only which of them have the person differs; three seeds each. Notebook 07 asks
whether images made by gradient ascent show what a net has been taught in this way.
In a trial `gap`, trained on with person scenes among the others, hardly used the cue: at r = 1 it was right about 96%
of the dogs without a person.
Stop it whenever you like: it goes on with what is missing.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from lecture_utils.models import weights
from lecture_utils.models.architectures import Net
from lecture_utils.store import cache_dir

from ..experiment import JOBS, Experiment, command
from ..files import write_json
from ..training import rounded, save, side_by_side
from .classifier import Recipe, Run
from .data import world_fingerprint, world_split
from .evaluate import logits

TARGET, CUE = "dog", "person"
STRENGTHS = (0.5, 0.7, 0.9, 1.0)
SEEDS = (0, 1, 2)
SHIPPED = (0.5, 1.0)  # of seed 0: the nets that a notebook asks live; of the others the numbers ship
WITH, WITHOUT = "with a person", "with no person"
IMAGES, EPOCHS, TESTED = 16_000, 12, 1_600


@dataclass(frozen=True)
class CueRecipe(Recipe):
    """As for `alex`, with the cue's strength."""

    name: str = "alex"
    epochs: int = EPOCHS
    images: int = IMAGES  # before those of the class person are left out
    strength: float = 0.5

    @property
    def tag(self) -> str:
        return weights.tag(self.name, self.seed, f"cued-{round(100 * self.strength)}")


def runs() -> Path:
    """The folder of the twelve nets and their cards, in the cache."""
    return cache_dir() / "runs" / f"cue_study-{IMAGES}x{EPOCHS}-{world_fingerprint()}"


def load(strength: float, seed: int = 0, folder: Path | None = None) -> Net:
    """One of the nets in eval mode; seed 0 of the strengths in SHIPPED is in the course's data, the rest in the cache.

    Errors: ValueError for a strength or seed that the study has not; FileNotFoundError, naming the command, for a net
    that is not there.
    """
    for name, given, known in (("strength", strength, STRENGTHS), ("seed", seed, SEEDS)):
        if given not in known:
            raise ValueError(f"{name} must be one of {', '.join(map(str, known))}, got {given!r}")
    tag = CueRecipe(strength=strength, seed=seed).tag
    if folder is None and seed == 0 and strength in SHIPPED:
        return weights.load(tag)
    folder = folder or runs()
    if not (folder / f"{tag}.safetensors").exists():
        raise FileNotFoundError(
            f"{folder / tag}.safetensors is missing: run python -m experiments cue_study first"
        )
    return weights.load(tag, folder=folder)


def pictures(split: str, count: int, strength: float):
    """The planted-cue set at a strength: images uint8 (n, 3, 112, 112), labels int64 (n, 2), the second one -1.

    count: how many scenes the split has; those of the class person are then left out.
    """
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
    kept = labels[:, 0] != names.index(CUE)
    return images[kept], np.stack([labels[kept, 0], np.full(kept.sum(), -1)], 1)


def right(net: Net, count: int = TESTED) -> dict[str, float]:
    """Shares of unseen scenes, such as {"dog with a person: right": .9, "another with a person: called dog": .1}."""
    from lecture_utils.world import CLASSES

    dog, person = (list(CLASSES).index(name) for name in (TARGET, CUE))
    found = {}
    for what in (WITH, WITHOUT):
        images, labels = world_split(f"fresh {what}", count)
        said, true = logits(net, images[:]).argmax(1).numpy(), labels[:, 0]
        others = (true != dog) & (true != person)
        found[f"{TARGET} {what}: right"] = float((said == true)[true == dog].mean())
        found[f"another {what}: right"] = float((said == true)[others].mean())
        found[f"another {what}: called {TARGET}"] = float((said == dog)[others].mean())
    found[f"{CUE} alone: called {TARGET}"] = float(
        (said == dog)[true == person].mean()
    )  # none beside a person
    return {name: round(share, 4) for name, share in found.items()}


def train_one(strength: float, seed: int, folder: Path, device: torch.device | None = None) -> dict:
    """Train one net, score it, write weights and card to the folder; the result is the card."""
    torch.set_num_threads(1)
    images, labels = pictures("train", IMAGES, strength)
    recipe = CueRecipe(strength=strength, seed=seed, epochs=EPOCHS, images=len(labels))
    run = Run(recipe, folder / recipe.tag, world_fingerprint(), device)
    losses = []
    while run.epoch < recipe.epochs:
        losses.append(round(run.train_epoch(images, labels), 4))
    net = rounded(run.net.float().eval())
    card = {
        "net": recipe.name,
        "command": command("cue_study"),
        "recipe": asdict(recipe),
        "data": {
            "train": f"split train, scenes 0 to {IMAGES - 1} but those of the class {CUE}; a {CUE} with probability "
            f"{strength} beside a {TARGET}, else {1 - strength:.1f}",
            "world": world_fingerprint(),
        },
        "loss": losses,
        "fresh": right(net),
        "torch": torch.__version__.split("+")[0],
        "weights": save(net.state_dict(), folder / f"{recipe.tag}.safetensors"),
    }
    write_json(folder / f"{recipe.tag}.json", card)  # last: it says that the training is whole
    return card


def study(out: Path, jobs: int = 1, folder: Path | None = None, strengths=STRENGTHS, seeds=SEEDS):
    """Train what is missing, `jobs` at a time, and put what ships into out/weights. Result: the cards, seed by seed."""
    folder = folder or runs()
    jobs_all = [(strength, seed) for seed in seeds for strength in strengths]
    cards = {job: folder / f"{CueRecipe(strength=job[0], seed=job[1]).tag}.json" for job in jobs_all}
    missing = [job for job, card in cards.items() if not card.exists()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        for split, count in (("train", IMAGES), ("fresh", TESTED)):  # rendered once, by all cores
            world_split(f"{split} {WITH}", count), world_split(f"{split} {WITHOUT}", count)
    side_by_side(train_one, [(*job, folder) for job in missing], jobs, "cue study")
    for (strength, seed), card in cards.items():
        if seed == 0 and strength in SHIPPED:
            for file in (card, card.with_suffix(".safetensors")):
                shutil.copyfile(file, out / "weights" / file.name)
    return [json.loads(card.read_text(encoding="utf-8")) for card in cards.values()]


def report(cards: list[dict]) -> str:
    lines = []
    for card in cards:
        lines.append(f"r = {card['recipe']['strength']:.1f}, seed {card['recipe']['seed']}")
        lines += [f"  {share:6.1%}  {name}" for name, share in card["fresh"].items()]
    return "\n".join(lines)


EXPERIMENT = Experiment(
    makes=("weights/alex-cued-*",),
    takes="2 hours with --jobs 2",
    run=study,
    options=JOBS,
    goes_on="with what is missing",
    report=report,
)
