"""64 samples of each model of Fashion-MNIST, the first 64 that were drawn.  python -m experiments fashion_samples

And FID and KID of 500 samples of each against 500 test images, in the features of a small classifier that is trained
here: data/results/fashion_samples.json.
"""

from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils import datasets, models
from lecture_utils.hooks import frozen
from lecture_utils.metrics import distances
from lecture_utils.progress import progress

from ..experiment import Experiment, write_results
from ..files import replacing, tiled

COUNT, ACROSS = 64, 16
JUDGED = 500  # samples of each model, and test images


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


def classifier(epochs: int = 4) -> tuple[torch.nn.Module, float]:
    """Trained on the 6,000 shipped images: its 128 hidden features as a net, and its accuracy on 1,000 test images."""
    torch.manual_seed(0)
    data, relu = datasets.load("fashion"), torch.nn.ReLU()
    first, second = torch.nn.Conv2d(1, 16, 5, 2, 2), torch.nn.Conv2d(16, 32, 5, 2, 2)  # 14 x 14, 7 x 7
    trunk = torch.nn.Sequential(
        first, relu, second, relu, torch.nn.Flatten(), torch.nn.Linear(1568, 128), relu
    )
    net = torch.nn.Sequential(trunk, torch.nn.Linear(128, 10))
    optimizer, x, y = torch.optim.Adam(net.parameters(), 2e-3), data.train.images, data.train.labels
    for _ in progress(range(epochs), "a classifier"):
        for chosen in torch.randperm(len(x)).split(64):
            loss = torch.nn.functional.cross_entropy(net(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return trunk, (net(data.test.images).argmax(1) == data.test.labels).float().mean().item()


@torch.no_grad()
def drawn(name: str, count: int = JUDGED, seed: int = 0) -> Tensor:
    """Unselected samples of one model, (count, 1, 28, 28) in [0, 1]; of the VAE the means."""
    net, draws = models.load(f"fashion-{name.lower()}"), torch.Generator().manual_seed(seed)
    if name == "PixelCNN":
        return net.sample(count, generator=draws) / 255
    if name == "VAE":
        return net.mean_image(net.codes(count, draws)).clamp(0, 1)
    return net(torch.randn(count, net.latent, generator=draws))


@torch.no_grad()
def judged(trunk, sets: dict[str, Tensor]) -> dict[str, dict]:
    """{name: {"fid", "kid": [value, standard error]}} of images against as many test images."""
    goal, found = trunk(datasets.load("fashion").test.images[:JUDGED]), {}
    for name, images in sets.items():
        features = trunk(images)
        kid = [round(value, 2) for value in distances.kid(goal, features)]
        found[name] = {"fid": round(distances.fid(goal, features), 2), "kid": kid}
    return found


def run(out: Path) -> dict:
    """The sheet, how near the samples are, and what both likelihood models say of 1,000 test images (their cards)."""
    sheet(out / "results/fashion_samples.jpg", samples())
    cards = {name: models.card(f"fashion-{name}") for name in ("pixelcnn", "vae", "gan")}
    facts = {
        "bits/dim": {
            "PixelCNN": cards["pixelcnn"]["tested"]["bits/dim"],
            "VAE, a bound": cards["vae"]["held out"]["bits/dim"],
        },
        "nearest image learned from, median distance": cards["gan"]["measured"]["nearest"],
        "bytes": {name: card["weights"]["bytes"] for name, card in cards.items()},
        "judged": judged(classifier()[0], {name: drawn(name) for name in ("PixelCNN", "VAE", "GAN")}),
    }
    write_results(out, "fashion_samples", facts)
    return facts


EXPERIMENT = Experiment(
    makes=("results/fashion_samples.*",),
    takes="3 minutes",
    run=run,
    report=lambda facts: "\n".join(f"{name}: {value}" for name, value in facts.items()),
)
