"""Which modes of a ring does a GAN find, with either loss?  python -m experiments ring

Eight Gaussians, ten training seeds side by side, both losses of the generator; and each once as it should be, once
with a discriminator that learns twenty times as fast as the generator, once the other way round (ten times). Every
500 turns: modes found, share of points on a mode, divergence. Then two games about collapse: a linear generator, and
one that sees a single mode at first. The results are data/results/ring.json. Ten minutes.
"""

import torch

from lecture_utils.generative import gan_trainer
from lecture_utils.progress import progress, silenced

from ..experiment import Experiment, write_results
from . import ring_data as plane

SEEDS, TURNS, EVERY, BATCH, POINTS = tuple(range(10)), 3_000, 500, 128, 5_000
RATES = {  # of generator and discriminator
    "even": (1e-3, 1e-3),
    "discriminator ahead": (1e-4, 2e-3),
    "generator ahead": (1e-3, 1e-4),
}
SLICE = 500  # turns that are played again in the notebook
TOLERANCE = 0.05  # of a mean divergence in the slice
SEED = 8  # of the real points


def real_points(count: int = 20_000, seed: int = SEED) -> torch.Tensor:
    """Points of the ring, (count, 2)."""
    return plane.ring(count, torch.Generator().manual_seed(seed))


def made(generator, n: int = POINTS) -> torch.Tensor:
    """Points of each run, (runs, n, 2), of fixed codes."""
    runs = generator.layers.runs
    z = torch.randn(runs * n, 2, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        return generator(z).view(runs, n, 2)


def measured(generator) -> dict:
    """{"modes": a number for each run, "on": shares of points on a mode, "divergence": in nats}."""
    reference = real_points(POINTS, SEED + 1)
    points = made(generator)
    covered = [plane.coverage(some) for some in points]
    return {
        "modes": [modes for modes, _ in covered],
        "on": [round(share, 4) for _, share in covered],
        "divergence": [round(plane.divergence(some, reference), 4) for some in points],
    }


def floor() -> float:
    """The divergence between two real sets of the same size: below it there is nothing to see."""
    return plane.divergence(real_points(POINTS, SEED + 2), real_points(POINTS, SEED + 1))


def games(kind: str, rates, seeds=SEEDS, turns=TURNS, every=EVERY, callback=None):
    """Train one GAN for each seed, side by side: rows of `measured` every so many turns, the history, and the trainer.

    callback: called with the step and the trainer, after each measurement.
    """
    trainer = gan_trainer.GANTrainer(*plane.players(seeds), lr=rates, kind=kind, seed=0)
    rows = [{"turn": 0} | measured(trainer.generator)]

    def measure(turn):
        rows.append({"turn": turn} | measured(trainer.generator))
        if callback:
            callback(turn, trainer)

    with silenced():
        history = trainer.fit(real_points(), turns, BATCH * len(seeds), measure, every)
    return rows, history, trainer


class Linear(plane.Maker):
    """G(z) = W z + b, one for each seed: it can make one Gaussian, and no more."""

    def __init__(self, seeds):
        super().__init__(seeds)
        self.layers = plane._Layers(seeds, (2, 2))


def most_frequent(generator, n: int = 1_000) -> dict:
    """Of each run's points: {"share": on the mode that has most of them, "mode": which one}."""
    found = {"share": [], "mode": []}
    for points in made(generator, n):
        distance, mode = torch.cdist(points, plane.centres()).min(1)
        often = torch.bincount(mode[distance < plane.NEAR * plane.SPREAD], minlength=plane.MODES)
        found["share"].append(round(often.max().item() / n, 3))
        found["mode"].append(often.argmax().item())
    return found


def linear(turns: int = 4_000, every: int = EVERY, seeds=tuple(range(8)), batch: int = 64) -> list[dict]:
    """A linear generator against a discriminator that learns three times as fast: rows of `most_frequent`."""
    trainer = gan_trainer.GANTrainer(Linear(seeds), plane.players(seeds)[1], lr=(1e-3, 3e-3), seed=0)
    rows = []

    def measure(turn):
        rows.append({"turn": turn} | most_frequent(trainer.generator))

    trainer.fit(real_points(), turns, batch * len(seeds), measure, every, "linear G")
    return rows


def one_mode() -> torch.Tensor:
    """Points of the first mode alone, (5000, 2)."""
    return plane.centres()[:1] + plane.SPREAD * torch.randn(
        POINTS, 2, generator=torch.Generator().manual_seed(0)
    )


def from_one_mode(turns: int = 1_500, alone: int = 500, seeds=tuple(range(4)), batch: int = 64) -> dict:
    """Modes found by generators that saw one mode only: {"alone": after so many turns of that, "then": after all}."""
    trainer, found = gan_trainer.GANTrainer(*plane.players(seeds), lr=RATES["even"], seed=0), {}
    for name, points, steps in (("alone", one_mode(), alone), ("then", real_points(), turns)):
        trainer.fit(points, steps, batch * len(seeds), label=f"one mode, {name}")
        found[name] = [plane.coverage(some)[0] for some in made(trainer.generator, 1_000)]
    return found


def run(out, seeds=SEEDS, turns=TURNS, every=EVERY):
    """Play all games and write the results; their path."""
    found = {"seeds": list(seeds), "floor": round(floor(), 4), "games": {}}
    wanted = [(setting, kind) for setting in RATES for kind in gan_trainer.KINDS]
    for setting, kind in progress(wanted, "the ring"):
        rows, history, trainer = games(kind, RATES[setting], seeds, turns, every)
        keep = slice(None, None, max(1, turns // 100))
        found["games"].setdefault(setting, {})[kind] = {
            "rows": rows,
            "stopped": history.stopped,
            "losses": {
                name: [round(v, 4) for v in getattr(history, name)[keep].tolist()]
                for name in ("discriminator", "generator", "on_real", "on_fake")
            },
            "points": made(trainer.generator, 200)[0]
            .mul(100)
            .round()
            .int()
            .tolist(),  # of the first seed, hundredths
        }
    short = turns / TURNS  # below 1 in a trial
    found["linear"] = linear(int(4_000 * short), every)
    found["from one mode"] = from_one_mode(int(1_500 * short), int(500 * short))
    return write_results(out, "ring", found)


EXPERIMENT = Experiment(makes=("results/ring.json",), takes="10 minutes", run=run)
