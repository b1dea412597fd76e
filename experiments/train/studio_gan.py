"""The shipped GAN: a DCGAN that makes studio scenes.  python -m experiments studio_gan

The lecture's game with the loss that does not saturate, and what is known to help: a discriminator without batch
normalisation that pays for being steep at real images (R1), Adam without a memory of the last direction, rates that
fall to 0 in the second half, and the average of the generator's weights over the turns. At kept turns the generator
makes the same 24 codes again, so that the training can be watched afterwards.
In trials of 5 minutes and one run each, DCGAN's own recipe (batch normalisation, 2e-4, betas .5 and .999) and the
spectral norm were slower to the first recognisable objects.
An hour on one core. Stop it whenever you like: the same command goes on from the last checkpoint.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lecture_utils.generative import dcgan, gan_trainer
from lecture_utils.hooks import frozen
from lecture_utils.models import weights
from lecture_utils.models.studio import EVERY, SHOWN, SIDE, features, shown_codes
from lecture_utils.progress import progress

from ..checkpoint import Checkpoint, place
from ..experiment import RESTART, Experiment
from ..files import tiled
from ..methods.measures import nearest
from ..training import fast_bfloat16, ship, threads_set
from . import studio

NAMES = ("studio-gan", "studio_gan")
KEPT = EVERY  # turns from one checkpoint, and one row of the log, to the next
# What a checkpoint must hold to go on, beside the number of steps.
PARTS = ("generator", "discriminator", "averaged", "g_optimizer", "d_optimizer", "draws")
FRAMES = (
    20,
    32_000,
)  # the kept turns: 32,000 (i / 20)^2.5, closer together at the beginning, where more happens
QUALITY = 92  # of the JPEG with the history's pictures


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training."""

    seed: int = 0
    images: int = 24_000
    turns: int = 24_000
    batch: int = 64
    latent: int = 64
    channels: int = 48
    norm: str = "none"
    rate: float = 1.5e-3  # of both nets in the first half; then it falls to 0 as a line
    betas: tuple[float, float] = (0.0, 0.99)
    penalty: float = 1.0
    average: float = 0.9995
    shape: tuple[int, int] = (3, SIDE)  # colours and side of a picture


def frames(turns: int) -> list[int]:
    """The kept turns: 0, then in steps that grow, the last one included."""
    count, whole = FRAMES
    grown = (round(whole * (i / count) ** 2.5) for i in range(count + 1))
    return [*sorted({turn for turn in grown if turn < turns}), turns]


class Trainer(gan_trainer.GANTrainer):
    """Convolutions and linear layers in bfloat16, where that is fast."""

    def __init__(self, *nets, **options):
        super().__init__(*nets, **options)
        self.low_precision = fast_bfloat16()

    def run(self, net, x):
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.low_precision):
            found = net(x)
        return found.float() if self.low_precision else found


@threads_set()
def train(
    out: Path, recipe: Recipe = Recipe(), images=None, folder=None, restart=False, judge=None, names=NAMES
) -> dict:
    """Train, write weights, card and history; the result is the card.

    images: uint8 (n, colours, h, w) to learn from, by default the studio's training scenes. judge: such as `judged`.
    names: of the net, and of the experiment.
    Errors: Refused if the checkpoint there belongs to another training; gan_trainer.Diverged.
    """
    images = studio.pictures("studio", recipe.images)[0] if images is None else images
    images = torch.from_numpy(np.ascontiguousarray(images))
    colours, side = recipe.shape
    nets = dcgan.nets(recipe.seed, recipe.latent, recipe.channels, colours, recipe.norm, side)
    trainer = Trainer(
        *nets,
        lr=(recipe.rate, recipe.rate),
        betas=recipe.betas,
        average=recipe.average,
        penalty=recipe.penalty,
        seed=recipe.seed,
    )
    checkpoint = Checkpoint(
        place(names[0], folder), recipe, **{part: getattr(trainer, part) for part in PARTS}
    )
    known = checkpoint.resume(restart)
    trainer.steps, log, kept = known.get("steps", 0), known.get("log", []), list(known.get("kept", []))
    codes, wanted, rows = shown_codes(recipe.latent), frames(recipe.turns), []
    kept = kept or [_shown(trainer, codes)]
    trainer.generator.train(), trainer.discriminator.train()
    with progress(label=names[0], total=recipe.turns - trainer.steps) as bar:
        while trainer.steps < recipe.turns:
            for group in (*trainer.g_optimizer.param_groups, *trainer.d_optimizer.param_groups):
                group["lr"] = recipe.rate * min(1, 2 * (1 - trainer.steps / recipe.turns))
            chosen = torch.randint(len(images), (recipe.batch,), generator=trainer.draws)
            rows.append(trainer.step(images[chosen].float() / 255))
            bar.update()
            bar.note(f"losses {rows[-1][0]:.2f} and {rows[-1][1]:.2f}")
            if trainer.steps in wanted:
                kept.append(_shown(trainer, codes))
            if trainer.steps % KEPT == 0 or trainer.steps == recipe.turns:
                log.append([round(value, 4) for value in np.mean(rows, 0).tolist()])
                rows = []
                checkpoint.keep(steps=trainer.steps, log=log, kept=torch.stack(kept))
    found = judge(trainer.averaged, images) if judge else None
    return _write(recipe, trainer, log, kept, wanted, out, found, names)


def judged(generator: dcgan.Generator, images: torch.Tensor) -> dict:
    """`measure` beside the first 1,000 pictures of "studio test"."""
    return measure(generator, images, torch.from_numpy(studio.pictures("studio test", 1_000)[0]))


def measure(generator: dcgan.Generator, images: torch.Tensor, tested: torch.Tensor, judge=None) -> dict:
    """Is it by heart? Of as many samples as there are tested pictures: {"nearest": {"samples", "tested"}}, the median
    distance to the nearest picture learned from, in features of a net that reads studio pictures.

    images: uint8 (m, 3, 32, 32), those learned from; tested: uint8 (n, 3, 32, 32), never seen. judge: a FactorNet, by
    default the shipped one. What else there is to say of samples, `studies.studio_seeds` measures.
    """
    judge = judge or weights.load("studio-factors")
    codes = torch.randn(len(tested), generator.latent, generator=torch.Generator().manual_seed(1000))
    with frozen(generator), torch.no_grad():
        samples = torch.cat([generator(some) for some in codes.split(100)])
    known = features(judge, images.float() / 255)
    sets = {"samples": samples, "tested": tested.float() / 255}
    found = {name: nearest(features(judge, some), known)[0] for name, some in sets.items()}
    return {"nearest": {name: round(far.median().item(), 3) for name, far in found.items()}}


def _write(recipe, trainer, log, kept, wanted, out, judged, names):
    generator, discriminator = trainer.averaged.eval(), trainer.discriminator.eval()
    tensors = {f"generator.{k}": v for k, v in generator.state_dict().items()}
    tensors |= {f"discriminator.{k}": v for k, v in discriminator.state_dict().items()}
    facts = {
        "data": f"the first {recipe.images} of {names[0].split('-')[0]}",
        "parameters": {
            name: sum(p.numel() for p in net.parameters())
            for name, net in (("generator", generator), ("discriminator", discriminator))
        },
        "precision": "bfloat16" if trainer.low_precision else "float32",
        "frames": wanted,
        "log": log,  # mean of every KEPT turns: both losses, the discriminator's answers on real and made images
        "measured": judged,
    }
    card = ship(out, *names, recipe, facts, generator, tensors)
    tiles = torch.stack(kept).flatten(0, 1).permute(0, 2, 3, 1).numpy()  # frames * codes, h, w, colours
    sheet = Image.fromarray(tiled(tiles, SHOWN).squeeze())
    sheet.save(out / f"weights/{names[0]}-history.jpg", quality=QUALITY, subsampling=0)
    return card


def _shown(trainer, codes):
    """uint8 (24, colours, h, w)."""
    with frozen(trainer.averaged), torch.no_grad():
        return (trainer.averaged(codes) * 255).round().to(torch.uint8)


def run(out: Path, restart: bool = False) -> dict:
    """The training that ships, measured by `judged`."""
    return train(out, restart=restart, judge=judged)


def report(card: dict) -> str:
    return "losses at the end: discriminator {:.2f}, generator {:.2f}".format(*card["log"][-1])


EXPERIMENT = Experiment(
    makes=("weights/studio-gan.*", "weights/studio-gan-history.jpg"),
    takes="an hour",
    run=run,
    options=RESTART,
    goes_on="from the last checkpoint",
    report=report,
)
