"""Which modes of a ring does a GAN find, with either loss?  python -m experiments ring

Eight Gaussians, ten training seeds side by side, both losses of the generator; and each once as it should be, once
with a discriminator that learns twenty times as fast as the generator, once the other way round (ten times). Every
500 turns: modes found, share of points on a mode, divergence. The results are data/results/ring.json. Ten minutes.
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
    return write_results(out, "ring", found)


EXPERIMENT = Experiment(makes=("results/ring.json",), takes="10 minutes", run=run)
