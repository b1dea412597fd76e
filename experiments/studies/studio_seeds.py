"""Is it the model, or this one training of it?  python -m experiments studio_seeds --jobs 2

The studio's PixelCNN, VAE and GAN, each trained three times with the same recipe: seed 0 ships, of 1 and 2 only what is
measured here. 1,000 unselected samples of each: what the judge reads in them, factor by factor, and how far they are
from as many test scenes (FID, KID), with the same for 1,000 scenes that were learned from as the floor.
Six trainings of an hour each on one core, more or less; stop whenever you like: it goes on with what is missing.
Results: data/results/studio_seeds.json.
"""

import math
from pathlib import Path

import torch

from lecture_utils import datasets, models, results
from lecture_utils.metrics import distances
from lecture_utils.models.studio import NAMES, SYMMETRIC, features, read
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir

from ..experiment import JOBS, Experiment, write_results
from ..files import read_json, write_json
from ..train import studio_gan, studio_pixelcnn, studio_vae
from ..training import side_by_side
from . import class_commitment, latent_axes as axes

SEEDS, SAMPLES = (0, 1, 2), 1_000
NETS = {"PixelCNN": studio_pixelcnn, "VAE": studio_vae, "GAN": studio_gan}
KINDS = {  # of the factors, for `latent_axes.design`
    "class": "name",
    "colour": "name",
    "azimuth": "angle",
    "sun": "angle",
    "across": "number",
    "down": "number",
    "pitch": "number",
    "backdrop": "number",
}
ROUND = ("mushroom", "mug")  # look alike from many sides
LEVELS, COARSE = (256, 8), ("PixelCNN",)  # who draws 8 levels stands beside scenes of as many
# Histograms of the numbers: unit, and the borders of the bins, which hold all of the studio.
BINS = {
    "azimuth": ("degrees", range(-90, 91, 30)),
    "sun": ("degrees", range(-60, 61, 20)),
    "across": ("of the frame", (0.38, 0.42, 0.46, 0.50, 0.54, 0.58, 0.62)),
    "down": ("of the frame", (0.26, 0.31, 0.36, 0.41, 0.46, 0.51, 0.56)),
    "pitch": ("degrees", (10, 14, 18, 22, 26)),
    "backdrop": ("linear light", (0.46, 0.54, 0.62, 0.70, 0.78, 0.86, 0.94)),
}


def home(name: str, seed: int) -> Path:
    """Where a training that does not ship keeps weights and card, in the cache; and what is measured of any."""
    return cache_dir() / "runs" / f"studio-{name.lower()}-seed{seed}"


def trained(name: str, seed: int):
    """A net in eval mode: seed 0 is the shipped one, another is trained first, if it has not been."""
    net, folder, stem = NETS[name], home(name, seed), f"studio-{name.lower()}"
    if seed == 0:
        return models.load(stem)
    if not (folder / f"weights/{stem}.json").exists():  # written last
        net.train(folder, net.Recipe(seed=seed), folder=folder)
    return models.load(stem, folder=folder / "weights")


@torch.no_grad()
def samples(name: str, net, count: int = SAMPLES) -> torch.Tensor:
    """Unselected pictures (count, 3, 32, 32) in [0, 1], the same each time."""
    draws, some = torch.Generator().manual_seed(0), [min(100, count - i) for i in range(0, count, 100)]
    if name == "PixelCNN":
        some = progress(some, "drawing")
        return torch.cat([net.sample(n, draws) for n in some]) / (net.levels - 1)
    if name == "VAE":
        return torch.cat([net.mean_image(net.codes(n, draws)) for n in some])
    return torch.cat([net(torch.randn(n, net.latent, generator=draws)) for n in some])


def scenes(part: str, levels: int = 256, count: int = SAMPLES) -> torch.Tensor:
    """The first rendered pictures of "train" or "test", with so many levels, in [0, 1]."""
    pixels = getattr(datasets.load("studio"), part).pixels[:count]
    return datasets.quantised(pixels, levels) / (levels - 1) if levels < 256 else pixels / 255


def described(judge, pictures: torch.Tensor, reference: torch.Tensor) -> dict:
    """What the judge says: {"sure": share over .9 for one class, "factors": {heading: shares}, "fid", "kid": [value,
    standard error]}, both against the reference, as many pictures."""
    said = read(judge, pictures)
    found, real = (features(judge, some) for some in (pictures, reference))
    return {
        "sure": round(float((said["class"].amax(1) > 0.9).double().mean()), 4),
        "factors": {
            name: [round(share, 4) for share in often.tolist()]
            for name, (_, often) in histograms(said).items()
        },
        "fid": round(distances.fid(real, found), 3),
        "kid": [round(value, 4) for value in distances.kid(real, found)],
    }


def histograms(said: dict[str, torch.Tensor]) -> dict[str, tuple[list[str], torch.Tensor]]:
    """How often each name, and each bin of a number, was read: {heading: (labels, shares (k,), which add up to 1)}.

    said: the result of `read`. A bin is called by its middle; the outermost ones hold what lies beyond, too. The
    azimuth is that of the pictures that are read as a class which does not look the same from all sides.
    """
    found = {name: (list(names), _often(said[name].argmax(1), len(names))) for name, names in NAMES.items()}
    turns = torch.tensor([name not in SYMMETRIC for name in NAMES["class"]], device=said["class"].device)
    for name, (unit, borders) in BINS.items():
        values = said[name][turns[said["class"].argmax(1)]] if name == "azimuth" else said[name]
        edges = torch.tensor([float(border) for border in borders], device=values.device)
        middles = ((edges[1:] + edges[:-1]) / 2).tolist()
        labels = [f"{middle:.0f}" if unit == "degrees" else f"{middle:.2f}"[1:] for middle in middles]
        found[f"{name}, {unit}"] = labels, _often(torch.bucketize(values, edges[1:-1]), len(middles))
    return found


def _often(which: torch.Tensor, kinds: int) -> torch.Tensor:
    """(n,) indices -> shares (kinds,), float64; all 0 where n is 0."""
    return torch.bincount(which, minlength=kinds).double() / max(1, len(which))


def more(name: str, net) -> dict:
    """What only some can be asked: "bits/dim" of a test scene of 8 levels (for a VAE at most so much, of a GAN nobody
    knows), "axes in use" and "purest axes" of the VAE, and what the PixelCNN makes of a thing that has "begun".
    """
    if name == "PixelCNN":
        x = datasets.quantised(datasets.load("studio").test.pixels[:SAMPLES], net.levels)
        with torch.no_grad():
            nats = -torch.cat([net.log_prob(some) for some in progress(x.split(50), "testing")])
        bits = round(float(nats.mean()) / x[0].numel() / math.log(2), 4)
        return {"bits/dim": bits, "begun": class_commitment.said(net)}
    if name == "VAE":
        held_out = studio_vae.measure(net, datasets.load("studio").test.pixels[:SAMPLES])
        return {
            "bits/dim": held_out["bits/dim, 8 levels"],
            "axes in use": held_out["axes in use"],
            "purest axes": purest_axes(net),
        }
    return {}


@torch.no_grad()
def purest_axes(vae) -> dict[str, float]:
    """Of each factor of the test scenes: the share of one axis's variance that it explains (`latent_axes.purest`).

    The azimuth is that of things that do not look alike from many sides.
    """
    studio = datasets.load("studio")
    means, found = torch.cat([vae.encode(some)[0] for some in studio.test.pixels.split(250)]), {}
    turns = [k for k, name in enumerate(studio.classes) if name not in ROUND]
    for name, kind in KINDS.items():
        seen = torch.isin(studio.test.labels, torch.tensor(turns)) if name == "azimuth" else slice(None)
        columns = axes.design(studio.test.factors[name], kind)
        found[name] = round(axes.purest(means[seen], columns[seen])[1], 4)
    return found


def one(name: str, seed: int) -> None:
    """Train what is missing, measure, and keep the row beside the training."""
    torch.set_num_threads(1)
    net, judge = trained(name, seed), models.load("studio-factors")
    levels = LEVELS[name in COARSE]
    row = {"seed": seed} | more(name, net)
    row |= described(judge, samples(name, net), scenes("test", levels))
    home(name, seed).mkdir(parents=True, exist_ok=True)
    write_json(home(name, seed) / "measured.json", row)


def study(out: Path, jobs: int = 1, seeds=SEEDS) -> Path:
    """Train and measure what is missing, `jobs` at a time, and write the results. Result: their path."""
    every = [(name, seed) for seed in seeds for name in NETS]
    missing = [job for job in every if not (home(*job) / "measured.json").exists()]
    side_by_side(one, missing, jobs, "studio seeds")
    nets = {name: [read_json(home(name, seed) / "measured.json") for seed in seeds] for name in NETS}
    judge, real = models.load("studio-factors"), {}
    for levels in LEVELS:
        test = scenes("test", levels)
        real |= {
            _called(part, levels): described(judge, scenes(part, levels), test) for part in ("test", "train")
        }
    return write_results(out, "studio_seeds", {"samples": SAMPLES, "nets": nets, "scenes": real})


def summaries(name: str, found: dict | None = None) -> list[dict]:
    """Each training of a net in short: "seed", "sure", "kid" and what else is measured, "rarest" and "commonest":
    (class, share), "apart": {factor: total variation from the test scenes, the furthest first}.

    found: the results, by default those that ship.
    """
    found = found or results.load("studio_seeds")
    real, rows = found["scenes"][_called("test", LEVELS[name in COARSE])]["factors"], []
    for row in found["nets"][name]:
        often = dict(zip(NAMES["class"], row["factors"]["class"], strict=True))
        apart = {
            what: total_variation_distance(shares, real[what]) for what, shares in row["factors"].items()
        }
        rows.append(
            {what: value for what, value in row.items() if what != "factors"}
            | {
                "rarest": min(often.items(), key=lambda pair: pair[1]),
                "commonest": max(often.items(), key=lambda pair: pair[1]),
                "apart": dict(sorted(apart.items(), key=lambda pair: -pair[1])),
            }
        )
    return rows


def floor(levels: int = 256, found: dict | None = None) -> dict[str, float]:
    """What "apart" is for pictures of the studio itself: total variation of 1,000 training from 1,000 test scenes.

    Of class and colour it is 0, as the studio deals them in turn: `fair` says what fair draws would reach.
    """
    real = (found or results.load("studio_seeds"))["scenes"]
    return {
        what: total_variation_distance(shares, real[_called("test", levels)]["factors"][what])
        for what, shares in real[_called("train", levels)]["factors"].items()
    }


def total_variation_distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Half the sum of all differences between two histograms, 0 (equal) to 1 (they share no bin).

    one, other: shares of the same bins, (k,), which add up to 1: it is the share of pictures that would have to move.
    Two real sets are not at 0 either: their value is the floor. Errors: ValueError.
    """
    one, other = (torch.as_tensor(shares, dtype=torch.float64) for shares in (one, other))
    for name, shares in (("one", one), ("other", other)):
        if shares.ndim != 1 or shares.shape != one.shape:
            raise ValueError(f"{name}: expected shares of {len(one)} bins, got {tuple(shares.shape)}")
        if shares.min() < 0 or abs(float(shares.sum()) - 1) > 0.01:
            raise ValueError(f"{name}: expected shares that add up to 1, got {float(shares.sum()):.3f}")
    return 0.5 * float((one - other).abs().sum())


def fair(count: int = SAMPLES, kinds: int = 6, times: int = 200) -> float:
    """The mean total variation of `count` fair draws of so many kinds from an even share of each."""
    drawn = torch.randint(kinds, (times, count), generator=torch.Generator().manual_seed(0))
    often = torch.stack([torch.bincount(some, minlength=kinds) for some in drawn]) / count
    return float((often - 1 / kinds).abs().sum(1).mean() / 2)


def _called(part, levels):
    """The name of a set of scenes in the results."""
    return part if levels == 256 else f"{part}, {levels} levels"


EXPERIMENT = Experiment(
    makes=("results/studio_seeds.json",),
    takes="3 hours with --jobs 2",
    run=study,
    options=JOBS,
    goes_on="with what is missing",
)
