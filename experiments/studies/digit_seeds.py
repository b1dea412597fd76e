"""What other seeds would have given, of the nets on digits.  python -m experiments digit_seeds

Every net that notebooks 10 and 11 train live is trained five times, with another seed for its weights, its batches and
its draws, and measured on the 500 test digits as there; seed 0 is the notebooks' own.
Eight minutes on one core. The results are data/results/digit_seeds.json.
"""

from pathlib import Path

import torch

from lecture_utils import datasets, generative
from lecture_utils.progress import progress, silenced

from ..experiment import Experiment, write_results
from ..methods.row_lstm import RowLSTM
from . import label_budget, marginal_likelihood

SEEDS = tuple(range(5))
DRAWS = 500  # of the importance-weighted bound
SIGMAS = (0.2, 0.45, 0.6, 0.9)  # of the VAEs whose codes collapse


def autoregressive(seed: int) -> dict[str, generative.Autoregressive]:
    """Notebook 10's three nets, untrained."""
    size = {"levels": 17, "size": (8, 8), "first": 5, "dropout": 0.2, "seed": seed}
    return {
        "PixelCNN, plain": generative.PixelCNN(layers=3, width=48, gated=False, **size),
        "PixelCNN, gated": generative.PixelCNN(layers=3, width=32, **size),
        "row LSTM": RowLSTM(layers=1, width=48, **size),
    }


def gaussians() -> dict[str, generative.Gaussian]:
    """Notebook 11's four answers to: what is σ?"""
    return {
        "σ = .1, fixed": generative.Gaussian("fixed", 0.1),
        "one σ, learned": generative.Gaussian("one", 0.1),
        "per pixel, floor .02": generative.Gaussian("pixel", 0.1, floor=0.02),
        "per pixel, no floor": generative.Gaussian("pixel", 0.1),
    }


def nats(digits, seed: int, steps: float = 1.0) -> dict[str, float]:
    """What a test digit costs, nats: of the autoregressive nets exactly, of VAEs with a logistic at most so much."""
    x, found = digits.test.pixels, {}
    for name, net in autoregressive(seed).items():
        generative.fit(net, digits.train.pixels, generative.nats, int(500 * steps), 32, 4e-3, seed)
        with torch.no_grad():
            found[name] = -net.eval().log_prob(x).mean()
    for latent in (2, 10):
        vae = generative.VAE(8, latent=latent, likelihood="logistic", levels=digits.levels, seed=seed)
        generative.fit(
            vae, digits.train.pixels, generative.elbo_loss(), int(2_000 * steps), lr=3e-3, seed=seed
        )
        draws = torch.Generator().manual_seed(0)
        found[f"VAE, {latent} numbers (bound)"] = -marginal_likelihood.iwae(
            vae.eval(), x, DRAWS, draws
        ).mean()
    return {name: round(float(value), 2) for name, value in found.items()}


@torch.no_grad()
def squared_error(digits, seed: int, steps: float = 1.0) -> float:
    """Of a test digit through the 16 numbers of an autoencoder, sum over pixels."""
    with torch.enable_grad():
        net = label_budget.autoencoder(digits.train.images, seed, int(label_budget.STEPS * steps))
    test = digits.test.images
    return round(float((net(test) - test).square().flatten(1).sum(1).mean()), 4)


def densities(digits, seed: int, steps: float = 1.0) -> dict[str, dict[str, float]]:
    """Of the four Gaussian decoders: the bound on the log density in nats, and how far the means are off, in levels."""
    found, test = {}, digits.test.images
    for name, likelihood in gaussians().items():
        vae = generative.VAE(8, latent=10, likelihood=likelihood, seed=seed)
        generative.fit(vae, digits.train.images, generative.elbo_loss(), int(800 * steps), lr=3e-3, seed=seed)
        with torch.no_grad():
            terms = vae.eval().terms(test, 4, torch.Generator().manual_seed(0))
            off = (vae.mean_image(vae.encode(test)[0]) - test).square().mean().sqrt()
        elbo = (terms.reconstruction - terms.kl).mean()
        found[name] = {"elbo": round(float(elbo), 1), "error": round(16 * float(off), 3)}
    return found


def alive(digits, seed: int, steps: float = 1.0) -> list[int]:
    """How many of ten axes still say something, for each σ of SIGMAS."""
    found = []
    for sigma in SIGMAS:
        vae = generative.VAE(8, latent=10, likelihood=generative.Gaussian("fixed", sigma), seed=seed)
        generative.fit(vae, digits.train.images, generative.elbo_loss(), int(600 * steps), lr=3e-3, seed=seed)
        with torch.no_grad():
            found.append(int((vae.eval().encode(digits.test.images)[0].var(0) > 0.01).sum()))
    return found


def run(out: Path, seeds=SEEDS, steps: float = 1.0) -> Path:
    """Train everything for each seed and write the results; their path. steps: a share of the notebooks' steps."""
    digits, rows = datasets.load("digits"), []
    for seed in progress(seeds, "digit seeds"):
        with silenced():
            rows.append(
                {
                    "seed": seed,
                    "nats": nats(digits, seed, steps),
                    "squared error": squared_error(digits, seed, steps),
                    "densities": densities(digits, seed, steps),
                    "alive": alive(digits, seed, steps),
                }
            )
    return write_results(out, "digit_seeds", {"data": repr(digits), "sigmas": SIGMAS, "rows": rows})


EXPERIMENT = Experiment(makes=("results/digit_seeds.json",), takes="8 minutes", run=run)
