"""One style in one pass: a net that has learned to do what `stylize` does.  python -m experiments fast_style_net

The loss is that of `stylize`, of the features of `alex` with average pooling; but its gradient goes on, through the
image, into the weights of the net that made it. Trained on toy scenes and on six photographs, mostly of surfaces; the
five of JUDGED are never seen. Half an hour on one core. Stop it whenever you like: the same command goes on from the
last checkpoint.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

from lecture_utils import photographs
from lecture_utils.hooks import frozen
from lecture_utils.models import weights
from lecture_utils.models.style_net import build, paint
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir
from lecture_utils.synthesis.feature_extractor import reading
from lecture_utils.synthesis.losses import content_loss, gram_matrix, style_loss, total_variation
from lecture_utils.synthesis.style import with_average_pooling

from ..experiment import RESTART, Experiment, command
from ..files import write_json
from .classifier import rate
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
            self.grams = {layer: gram_matrix(found[layer]) for layer in STYLE_LAYERS}
        self.read = read
        self.shares = {layer: 1 / gram.square().sum() for layer, gram in self.grams.items()}

    def __call__(self, images: torch.Tensor, content: torch.Tensor) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            wanted = self.read(content)[CONTENT_LAYER].clone()
        found = self.read(images)
        share = content_loss(found[CONTENT_LAYER], wanted) / wanted.square().flatten(1).sum(1)
        return {"content": share, "style": style_loss(found, self.grams, self.shares)}


def batch(recipe: Recipe, step: int, scenes, surfaces: torch.Tensor) -> torch.Tensor:
    """What one step learns from, (n, 3, crop, crop): half toy scenes, half surfaces, cut out at random, in other light.

    It depends on the seed and the step alone. scenes: can be indexed, uint8 (k, 3, h, w). surfaces: (k, 3, h, w).
    """
    draws = np.random.default_rng([recipe.seed, step])
    pieces = []
    for place in range(recipe.batch):
        if place % 2:
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


def train(out: Path, recipe=Recipe(), judge=None, scenes=None, folder=None, restart=False) -> dict:
    """Train, measure on the photographs of JUDGED, write weights and card below `out`; the result is the card.

    judge: the net whose features are compared, by default that of `judge_net`. scenes: to learn from, by default the
    world's training split.
    Errors: ValueError if the checkpoint there belongs to another training.
    """
    judge = judge or judge_net()
    scenes = world_split("train", recipe.images)[0] if scenes is None else scenes
    surfaces = torch.cat([photograph(name) for name in SURFACES])
    checkpoint = (folder or cache_dir() / "runs" / "fast-style") / "checkpoint.pt"
    if restart:
        checkpoint.unlink(missing_ok=True)
    net = build(recipe.seed).train()
    optimiser = torch.optim.Adam(net.parameters(), recipe.rate)
    log = _resume(checkpoint, recipe, net, optimiser)
    with frozen(judge), reading(judge, [CONTENT_LAYER, *STYLE_LAYERS]) as read:
        losses, total = Losses(read, photograph(STYLE)), 0.0
        begun = len(log) * KEPT
        with progress(label="fast style", total=recipe.steps - begun) as bar:
            for step in range(begun, recipe.steps):
                for group in optimiser.param_groups:
                    group["lr"] = rate(step, recipe.steps, recipe.rate)
                images = batch(recipe, step, scenes, surfaces)
                loss = _loss(recipe, net, losses, images, step)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                total += loss.item()
                bar.update()
                bar.note(f"loss {total / (step % KEPT + 1):.3f}")
                if (step + 1) % KEPT == 0:
                    log.append(round(total / KEPT, 4))
                    total = 0.0
                    _keep(checkpoint, recipe, net, optimiser, log)
        net = weights.rounded(net.eval())
        found = {name: losses(paint(net, photograph(name)), photograph(name)) for name in JUDGED}
    facts = {
        "net": "fast-style",
        "command": command("fast_style_net"),
        "recipe": asdict(recipe),
        "data": {
            "style": STYLE,
            "train": [f"scenes 0 to {recipe.images - 1} of split train", *SURFACES],
            "judged": JUDGED,
        },
        "judged": {
            name: {kind: round(float(v), 4) for kind, v in each.items()} for name, each in found.items()
        },
        "parameters": sum(p.numel() for p in net.parameters()),
        "loss": log,
        "torch": torch.__version__.split("+")[0],
    }
    facts["weights"] = weights.save(net.state_dict(), out / "weights/fast-style.safetensors")
    write_json(out / "weights/fast-style.json", facts)
    return facts


def _loss(recipe: Recipe, net, losses: Losses, images: torch.Tensor, step: int) -> torch.Tensor:
    painted = net(images)
    shift = tuple(np.random.default_rng([recipe.seed, step, 1]).integers(SHIFT, size=2).tolist())
    found = losses(painted.roll(shift, (2, 3)), images.roll(shift, (2, 3)))
    rough = total_variation(painted) / recipe.crop**2
    return (recipe.content_weight * found["content"] + found["style"] + recipe.tv * rough).mean()


def _keep(checkpoint: Path, recipe, net, optimiser, log) -> None:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    temporary = checkpoint.with_suffix(".tmp")
    state = {
        "recipe": json.dumps(asdict(recipe)),
        "net": net.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    torch.save(state | {"log": log}, temporary)
    temporary.replace(checkpoint)


def _resume(checkpoint: Path, recipe, net, optimiser) -> list[float]:
    if not checkpoint.exists():
        return []
    state = torch.load(checkpoint, weights_only=True)
    if state["recipe"] != json.dumps(asdict(recipe)):
        raise ValueError(f"the checkpoint {checkpoint} is of another training: add --restart to begin anew")
    net.load_state_dict(state["net"]), optimiser.load_state_dict(state["optimiser"])
    return state["log"]


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
