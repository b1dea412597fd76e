"""Fine-tune a net on attacked images:  python -m experiments adversarial_training gap

Begins with the shipped weights of the net. Every batch is attacked by PGD before the net learns from it, as the net
stands then. Stop it with Ctrl-C, or lose the machine: the same command goes on from the last whole epoch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lecture_utils.hooks import copy_to, frozen
from lecture_utils.models import weights
from lecture_utils.models.architectures import Net
from lecture_utils.synthesis.attack import all_logits, pgd, pgd_step, random_point

from ..experiment import RESTART, THREADS, Experiment, Refused, one_of
from .classifier import NUMBERS, Recipe, Run, check, report, train
from .data import world_split

JUDGE = {"split": "single", "images": 200, "steps": 10, "restarts": 3}  # PGD, on evenly spaced images


@dataclass(frozen=True)
class AdversarialRecipe(Recipe):
    """A recipe as for the plain nets, with the attack of the training. eps and step: in levels of 255."""

    name: str = "gap"
    epochs: int = 8
    images: int = 16_000
    rate: float = 1e-3  # half of a plain training's: the net knows its classes already
    eps: float = 4.0
    steps: int = 2
    share: float = 1.0  # of each batch that is attacked

    @property
    def step(self) -> float:
        """How far a step of the attack goes, in levels: all steps together one and a quarter radii."""
        return 1.25 * self.eps / self.steps

    @property
    def tag(self) -> str:
        return weights.tag(self.name, self.seed, f"adversarial-{self.eps:g}")

    def net(self) -> Net:
        return weights.load(self.name)


class AdversarialRun(Run):
    """A training whose pictures are attacked, as the net stands, before it learns from them.

    Source: Madry, Makelov, Schmidt, Tsipras, Vladu (2018), equation 2.1; for few steps from a random point Wong, Rice,
    Kolter (2020), algorithm 3. Differs: fine-tuned from a trained net; the net is in evaluation mode while attacked.
    """

    def batch(self, images: np.ndarray, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        pictures, targets = super().batch(images, labels)
        if self.low_precision:
            pictures = pictures.contiguous(memory_format=torch.channels_last)
        eps, recipe = self.recipe.eps / 255, self.recipe
        some = pictures[: round(recipe.share * len(pictures))]
        generator = torch.Generator().manual_seed(int(self.draws.integers(2**62)))
        with frozen(self.net), torch.autocast(self.device.type, torch.bfloat16, enabled=self.low_precision):
            attacked = random_point(some, eps, "inf", generator)
            for _ in range(recipe.steps):
                attacked, _ = pgd_step(self.net, attacked, some, targets[: len(some)], eps, recipe.step / 255)
        return torch.cat([attacked, pictures[len(some) :]]), targets

    def command(self, numbers_only: bool) -> str:
        recipe = self.recipe
        options = (
            f"--seed {recipe.seed} --epochs {recipe.epochs} --images {recipe.images} --rate {recipe.rate:g}"
        )
        attack = (
            f"--eps {recipe.eps:g} --steps {recipe.steps} --share {recipe.share:g} --threads {self.threads}"
        )
        return f"python -m experiments adversarial_training {recipe.name} {options} {attack}"

    def notes(self, net: nn.Module, data) -> dict:
        """Shares of images still right under attack: this net's, and those of the net that it began as."""
        eps, (images, labels) = self.recipe.eps / 255, data(JUDGE["split"], None, None)
        before = self.recipe.net().to(self.device)
        shares = {
            "after": robust_accuracy(net, images, labels, eps),
            "before": robust_accuracy(before, images, labels, eps),
        }
        return {
            "begins with": self.recipe.name,
            "right under attack": shares | JUDGE | {"eps": self.recipe.eps},
        }


def robust_accuracy(net: nn.Module, images, labels: np.ndarray, eps: float) -> float:
    """Share of images that the net still gets right after PGD of radius eps, with restarts (see JUDGE).

    images: uint8 (n, 3, h, w) that can be indexed; labels: int64 (n, 2), of which the first counts.
    """
    chosen = np.linspace(0, len(labels) - 1, min(JUDGE["images"], len(labels))).astype(int)
    pictures = torch.from_numpy(np.asarray(images[chosen])).float() / 255
    wanted = torch.from_numpy(labels[chosen, 0])
    steps = JUDGE["steps"]
    attacked = pgd(net, pictures, wanted, eps, steps, 2.5 * eps / steps, JUDGE["restarts"])
    with frozen(net):
        return round(
            (all_logits(net, copy_to(net, attacked)).argmax(1).cpu() == wanted).double().mean().item(), 4
        )


def run(out: Path, data=world_split, threads=None, restart=False, **options) -> dict:
    """The training that the command line describes."""
    recipe = AdversarialRecipe(**options)
    check(recipe)
    if recipe.steps < 1 or not 0 < recipe.eps <= 255 or not 0 < recipe.share <= 1:
        what = "--eps counts levels of 255: above 0, at most 255; --share lies above 0 and is at most 1"
        raise Refused(f"{what}; --steps is at least 1")
    return train(out, recipe, data, threads=threads, restart=restart, kind=AdversarialRun)


EXPERIMENT = Experiment(
    makes=("weights/*-adversarial-*",),
    takes="an hour",
    run=run,
    options={"name": {"nargs": "?", "type": one_of(weights.NETS, "net"), "help": "(gap)"}}
    | NUMBERS
    | {
        "--eps": {"type": float, "help": "the attack's radius, in levels of 255"},
        "--steps": {"type": int, "help": "steps of the attack"},
        "--share": {"type": float, "help": "of each batch that is attacked"},
    }
    | THREADS
    | RESTART,
    goes_on="from the last whole epoch",
    report=report,
)
