"""64 samples of each model of Fashion-MNIST, the first 64 that were drawn.  python -m experiments fashion_samples"""

from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils import datasets, models
from lecture_utils.hooks import frozen

from ..experiment import Experiment, write_results
from ..files import replacing, tiled

COUNT, ACROSS = 64, 16


def samples(count: int = COUNT, seed: int = 0) -> dict[str, Tensor]:
    """{model: images (count, 1, 28, 28) in [0, 1]}; of the VAE also the means that its samples scatter around."""
    draws = torch.Generator().manual_seed(seed)
    pixelcnn, vae, gan = (models.load(f"fashion-{name}") for name in ("pixelcnn", "vae", "gan"))
    found = {"PixelCNN": pixelcnn.sample(count, generator=draws) / 255}
    codes = vae.codes(count, generator=draws)
    with frozen(gan), torch.no_grad():
        found["VAE"] = vae.likelihood.sample(vae.decode(codes), generator=draws) / 255
        found["VAE, the means of the same"] = vae.mean_image(codes)
        found["GAN"] = gan(torch.randn(count, gan.latent, generator=draws))
    return found | {"real test images": datasets.load("fashion").test.images[:count]}


def sheet(path: Path, sets: dict[str, Tensor]) -> None:
    """Each set as ACROSS tiles a row below its name, a JPEG 1280 px wide."""
    rows = COUNT // ACROSS
    high = rows * 12.8 / ACROSS + 0.3
    figure = Figure((12.8, high * len(sets)), 100, facecolor="white")
    for i, (name, images) in enumerate(sets.items()):
        tiles = tiled(images[:COUNT, 0].numpy(), ACROSS)
        top = 1 - i / len(sets)
        axes = figure.add_axes((0, top - 1 / len(sets), 1, (high - 0.3) / high / len(sets)))
        axes.imshow(tiles, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
        axes.set_title(name, fontsize=12, loc="left", pad=4)
        axes.set_axis_off()
    with replacing(path) as temporary:
        figure.savefig(temporary, format="jpg", pil_kwargs={"quality": 85})


def run(out: Path) -> dict:
    """The sheet; and what both likelihood models say of the 1,000 test images, as their cards do."""
    sheet(out / "results/fashion_samples.jpg", samples())
    cards = {name: models.card(f"fashion-{name}") for name in ("pixelcnn", "vae", "gan")}
    facts = {
        "bits/dim": {
            "PixelCNN": cards["pixelcnn"]["tested"]["bits/dim"],
            "VAE, a bound": cards["vae"]["held out"]["bits/dim"],
        },
        "nearest image learned from, median distance": cards["gan"]["measured"]["nearest"],
        "bytes": {name: card["weights"]["bytes"] for name, card in cards.items()},
    }
    write_results(out, "fashion_samples", facts)
    return facts


EXPERIMENT = Experiment(
    makes=("results/fashion_samples.*",),
    takes="2 minutes",
    run=run,
    report=lambda facts: "\n".join(f"{name}: {value}" for name, value in facts.items()),
)
