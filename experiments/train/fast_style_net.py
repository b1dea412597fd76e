"""One style in one pass: a net that has learned to do what `stylize` does.  python -m experiments fast_style_net

The loss is that of `stylize`, of the features of `alex` with average pooling; but its gradient goes on, through the
image, into the weights of the net that made it. Trained on toy scenes and on six photographs, mostly of surfaces; the
five of JUDGED are never seen. Half an hour on one core. Stop it whenever you like: the same command goes on from the
last checkpoint.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

from lecture_utils import photographs
from lecture_utils.hooks import frozen, reading
from lecture_utils.models import weights
from lecture_utils.models.architectures import seeded_net
from lecture_utils.models.image_to_image import FastStyle, paint
from lecture_utils.synthesis.losses import distance, gram, total_variation

from ..checkpoint import Checkpoint, place
from ..experiment import RESTART, Experiment
from ..methods.average_pooling import with_average_pooling
from ..training import descend, rounded, ship, threads_set
from .data import world_split

STYLE = "coffee"
SURFACES = (
    "brick",
    "grass",
    "gravel",
    "hubble",
    "immunohistochemistry",
    "retina",
)  # learned from, beside the toy scenes
JUDGED = ("astronaut", "cat", "rocket", "china", "flower")
CONTENT_LAYER, STYLE_LAYERS = "relu3", ("relu1", "relu2", "relu3", "relu4")  # of `alex`, with average pooling
SIDE = 256  # px: the scale at which style and photographs are seen
SHIFT = 8  # px: output and content are rolled by 0 to 7, against the grid that conv1's stride does not see
KEPT = 250  # steps from one checkpoint to the next


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training. content_weight, tv: as in `stylize`."""

    seed: int = 0
    steps: int = 5_000
    images: int = 16_000  # toy scenes to draw from
    batch: int = 4
    crop: int = 128  # px
    rate: float = 2e-3
    content_weight: float = 0.5
    tv: float = 10.0


def photograph(name: str, side: int = SIDE) -> torch.Tensor:
    """One of the shipped photographs, (1, 3, side, side) in [0, 1]."""
    return photographs.square(name, side)[None]


def judge_net():
    """The net whose features are compared: `alex`, with average pooling."""
    return with_average_pooling(weights.load("alex"))


class Losses:
    """What `stylize` minimises, for whole batches, each as a share: {"content": (n,), "style": (n,)}.

    read: of `reading` on the judging net's CONTENT_LAYER and STYLE_LAYERS. style: (1, 3, h, w).
    """

    def __init__(self, read, style: torch.Tensor):
        with torch.no_grad():
            found = read(style)
            self.grams = {layer: gram(found[layer]) for layer in STYLE_LAYERS}
        self.read = read
        self.shares = {layer: 1 / wanted.square().sum() for layer, wanted in self.grams.items()}

    def __call__(self, images: torch.Tensor, content: torch.Tensor) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            wanted = self.read(content)[CONTENT_LAYER].clone()
        found = self.read(images)
        content = distance(found[CONTENT_LAYER], wanted) / wanted.square().flatten(1).sum(1)
        styles = [s * distance(gram(found[layer]), self.grams[layer]) for layer, s in self.shares.items()]
        return {"content": content, "style": torch.stack(styles).sum(0)}


def batch(recipe: Recipe, step: int, scenes, surfaces: torch.Tensor) -> torch.Tensor:
    """What one step learns from, (n, 3, crop, crop): half toy scenes, half surfaces, cut out at random, in other light.

    It depends on the seed and the step alone. scenes: can be indexed, uint8 (k, 3, h, w). surfaces: (k, 3, h, w).
    """
    draws = np.random.default_rng([recipe.seed, step])
    pieces = []
    for index in range(recipe.batch):
        if index % 2:
            image = surfaces[draws.integers(len(surfaces))][None]
        else:
            image = torch.from_numpy(scenes[[int(draws.integers(len(scenes)))]]).float() / 255
        side = int(recipe.crop * draws.uniform(1, 2))
        image = interpolate(image, size=(side, side), mode="bilinear", antialias=True)
        down, across = draws.integers(side - recipe.crop + 1, size=2)
        piece = image[..., down : down + recipe.crop, across : across + recipe.crop]
        if draws.random() < 0.5:
            piece = piece.flip(3)
        light = torch.from_numpy(draws.uniform(0.6, 1.4, (1, 3, 1, 1)).astype(np.float32))
        pieces.append(((piece - 0.5) * light + 0.5 + draws.uniform(-0.2, 0.2)).clamp(0, 1))
    return torch.cat(pieces)


@threads_set()
def train(out: Path, recipe=Recipe(), judge=None, scenes=None, folder=None, restart=False) -> dict:
    """Train, measure on the photographs of JUDGED, write weights and card below `out`; the result is the card.

    judge: the net whose features are compared, by default that of `judge_net`. scenes: to learn from, by default the
    world's training split.
    Errors: Refused if the checkpoint there belongs to another training.
    """
    judge = judge or judge_net()
    scenes = world_split("train", recipe.images)[0] if scenes is None else scenes
    surfaces = torch.cat([photograph(name) for name in SURFACES])
    net = seeded_net(FastStyle, recipe.seed).train()
    optimiser = torch.optim.Adam(net.parameters(), recipe.rate)
    checkpoint = Checkpoint(place("fast-style", folder), recipe, net=net, optimiser=optimiser)
    log = checkpoint.resume(restart).get("log", [])
    with frozen(judge), reading(judge, [CONTENT_LAYER, *STYLE_LAYERS]) as read:
        losses = Losses(read, photograph(STYLE))

        def loss(step):
            return _loss(recipe, net, losses, batch(recipe, step, scenes, surfaces), step)

        steps = range(len(log) * KEPT, recipe.steps)
        for mean in descend(loss, optimiser, recipe.rate, steps, recipe.steps, KEPT, "fast style"):
            log.append(round(mean, 4))
            checkpoint.keep(log=log)
        net = rounded(net.eval())
        found = {name: losses(paint(net, photograph(name)), photograph(name)) for name in JUDGED}
    scenes = f"scenes 0 to {recipe.images - 1} of split train"
    facts = {
        "data": {"style": STYLE, "train": [scenes, *SURFACES], "judged": JUDGED},
        "judged": {
            name: {kind: round(float(v), 4) for kind, v in each.items()} for name, each in found.items()
        },
        "parameters": sum(p.numel() for p in net.parameters()),
        "loss": log,
    }
    return ship(out, "fast-style", "fast_style_net", recipe, facts, net)


def _loss(recipe: Recipe, net, losses: Losses, images: torch.Tensor, step: int) -> torch.Tensor:
    painted = net(images)
    shift = tuple(np.random.default_rng([recipe.seed, step, 1]).integers(SHIFT, size=2).tolist())
    found = losses(painted.roll(shift, (2, 3)), images.roll(shift, (2, 3)))
    rough = total_variation(painted) / recipe.crop**2
    return (recipe.content_weight * found["content"] + found["style"] + recipe.tv * rough).mean()


def report(card: dict) -> str:
    rows = card["judged"].items()
    return "\n".join(f"{n:10s} content {e['content']:.3f}  style {e['style']:.3f}" for n, e in rows)


EXPERIMENT = Experiment(
    makes=("weights/fast-style.*",),
    takes="30 minutes",
    run=train,
    options=RESTART,
    goes_on="from the last checkpoint",
    report=report,
)
