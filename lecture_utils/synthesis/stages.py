"""The same ascent in stages, so that it can be shown and stopped; with each regulariser alone, and with all."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn

from ..progress import silenced
from .ascent import ascend
from .recipes import NATURAL
from .regularisers import Blur, Decay, Jitter, SmallGradients, SmallNorm, TotalVariation

STEPS, EVERY = 200, 8  # of ascent; a look at the image after every 8, a multiple of the blur's 4
SMOOTH = TotalVariation(0.01)
# Each regulariser alone is as strong as in NATURAL, which has four of them, so that on and off can be compared.
WAYS = {
    "no regulariser": (),
    "decay": (Decay(0.005),),
    "small norm": (SmallNorm(0.3),),
    "small gradients": (SmallGradients(0.5),),
    "jitter": (Jitter(8),),
    "blur": (Blur(0.8, 4),),
    "total variation": (SMOOTH,),
    "jitter + blur + decay + small norm": NATURAL,
    "these four + total variation": (*NATURAL, SMOOTH),
}


class Growth(NamedTuple):
    """What ascent has reached. step: steps done. images (n, 3, h, w), scores (n,). stopped: None, or why it ended."""

    step: int
    images: Tensor
    scores: Tensor
    stopped: str | None


def grow(
    net: nn.Module, objective, way: str, start: str, size: int, steps: int = STEPS, every: int = EVERY
) -> Iterator[Growth]:
    """`ascend` in stages of `every` steps: yields a `Growth` after each.

    objective: as in `ascend`. way: of WAYS. start: "blank" or "noise". size: px. Between two stages the net is as it
    was, and no progress bar is shown. Each stage draws its own jitter.
    """
    images = start
    for done in range(0, steps, every):
        with silenced():
            some = min(every, steps - done)
            found = ascend(net, objective, size, some, regularisers=WAYS[way], seed=done, start=images)
        images = found.images
        yield Growth(done + len(found.history), images, found.scores, found.stopped)
        if found.stopped:
            return
