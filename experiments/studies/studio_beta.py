"""Which weight of the KL makes the studio VAE's best samples?  python -m experiments studio_beta

The shipped VAE's beta was chosen by likeness to the test scenes, on which it is also judged. Here the choice is made
again on 1,000 scenes that no net learned from and no result is taken from: the same net with five betas, each trained
shortly (1,000 steps of 16 pictures, not 20,000 of 64); KID, in the features of `studio-factors`, of 1,000 pictures from
the prior against those scenes, and the ELBO of the scenes. Beside them the two VAEs that ship, trained in full, and as
the floor 1,000 scenes that were learned from. Written before the first run: the best beta is the one with the smallest
KID; all that lie within two standard errors of the difference are as good. Stop it whenever you like: it goes on from
the last checkpoint. Results: data/results/studio_beta.json.

It was beta 5, alone; 30 came fourth. Trained in full, one training each, beta 1 comes nearer than 30, too, by more than
three standard errors: the weight that ships is not the one that these scenes would choose. Where the best beta lies
after 20,000 steps is not known: short trainings favour what learns fast.
"""

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from lecture_utils import models
from lecture_utils.metrics import distances
from lecture_utils.models.studio import features
from lecture_utils.store import cache_dir

from ..experiment import Experiment, write_results
from ..files import read_json
from ..train import studio, studio_vae
from .studio_seeds import samples

BETAS, SHORT = (1, 5, 15, 30, 60), {"steps": 1_000, "batch": 16}
LEARNED = studio_vae.Recipe.images
VALIDATION = range(LEARNED, LEARNED + 1_000)  # of the split "studio"
SHIPPED = {"studio-vae": 30, "studio-vae-beta1": 1}
MEASURED = ("elbo", "reconstruction", "kl", "bits/dim", "axes in use")
ABOUT = {
    "kid": "[KID, standard error] of 1,000 pictures from the prior (means) against the validation scenes",
    "elbo": "of the validation scenes, nats a picture; reconstruction and kl are its terms",
    "axes in use": "of 16: their mean moves with the picture",
    "rows": "one for each beta, all trained alike, for few steps",
    "shipped": "the same of the VAEs that ship, trained in full",
    "floor": "KID of 1,000 scenes that were learned from",
    "best": "the beta with the smallest KID",
    "as good": "the betas whose KID lies within two standard errors of the difference of that, the best among them",
}


def validation() -> np.ndarray:
    """uint8 (1000, 3, 32, 32)."""
    return studio.pictures("studio", VALIDATION[-1] + 1)[0][VALIDATION[0] :]


def trained(beta: float, held_out: np.ndarray, folder: Path | None = None, **changes):
    """A VAE in eval mode and what `measure` says of the held-out pictures; trained if it has not been."""
    recipe = studio_vae.Recipe(beta=beta, **SHORT | changes)
    folder = (folder or cache_dir() / "runs") / f"studio-beta-{beta:g}-{recipe.steps}"
    name = studio_vae.NAMES[0]
    if not (folder / f"weights/{name}.json").exists():  # written last
        pictures = studio.pictures("studio", recipe.images)[0]
        studio_vae.train(folder, recipe, pictures, held_out, folder)
    return models.load(name, folder=folder / "weights"), read_json(folder / f"weights/{name}.json")[
        "held out"
    ]


def kid(judge, pictures: torch.Tensor, real: torch.Tensor) -> list[float]:
    """[KID, standard error] of pictures (n, 3, 32, 32) in [0, 1] against the features of real ones."""
    return [round(value, 4) for value in distances.kid(real, features(judge, pictures))]


def as_good(rows: list[dict]) -> tuple[float, list[float]]:
    """The beta with the smallest KID, and all within two standard errors of the difference."""
    best = min(rows, key=lambda row: row["kid"][0])
    near = [r for r in rows if r["kid"][0] - best["kid"][0] <= 2 * math.hypot(r["kid"][1], best["kid"][1])]
    return best["beta"], [row["beta"] for row in near]


def run(out: Path) -> Path:
    """Train what is missing, measure, write; the path of the results."""
    pixels, judge = validation(), models.load("studio-factors")
    real = features(judge, torch.from_numpy(pixels) / 255)

    def row(vae, beta, measured):
        own = {name: measured[name] for name in MEASURED}
        return {"beta": beta, "kid": kid(judge, samples("VAE", vae), real), **own}

    rows, shipped = [], {}
    for name, beta in SHIPPED.items():
        vae = models.load(name)
        shipped[name] = row(vae, beta, studio_vae.measure(vae, torch.from_numpy(pixels).long()))
    for beta in BETAS:
        vae, measured = trained(beta, pixels)
        rows.append(row(vae, beta, measured))
        print(rows[-1], flush=True)
    best, good = as_good(rows)
    learned = torch.from_numpy(studio.pictures("studio", len(VALIDATION))[0]) / 255
    facts = {
        "about": ABOUT,
        "recipe": asdict(studio_vae.Recipe(**SHORT)) | {"beta": BETAS},
        "validation": f"scenes {VALIDATION[0]} to {VALIDATION[-1]} of split studio",
        "judge": models.card("studio-factors")["weights"]["sha256"],
        "weights": {name: models.card(name)["weights"]["sha256"] for name in SHIPPED},
        "rows": rows,
        "shipped": shipped,
        "floor": kid(judge, learned, real),
        "best": best,
        "as good": good,
    }
    return write_results(out, "studio_beta", facts)


EXPERIMENT = Experiment(
    makes=("results/studio_beta.json",),
    takes="10 minutes",
    run=run,
    goes_on="from the last checkpoint",
)
