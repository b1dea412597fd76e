"""Yosinski's four recipes for gradient ascent, as published, and as they stand here.

Published: the flags of the authors' deep visualisation toolbox for the four rows of their table 1, for CaffeNet at
227 px with pixels from 0 to 255. Each starts from the mean image with noise.

Ours, flag by flag:
- Rate: it belongs to the size of CaffeNet's gradients. Turned into our units (a pixel is 1/255 as long, so divided by
  255^2) R1, R2 and R3 leave the score of `alex` where it was. Here each step has a length, see `rms`; R2, which takes
  30% away after each step, gets longer ones.
- Decay and the shares that are clipped have no unit: as published.
- The blur's sigma in px stays: at half the size it takes more of the picture, but below .3 px it takes nothing.
- Steps: a fifth, the images having a quarter of the pixels.
"""

from typing import NamedTuple

from lecture_utils.synthesis import Blur, Decay, SmallNorm

from ..methods.contribution import SmallContribution


class Recipe(NamedTuple):
    """published: the flags. steps, lr, regularisers: what `ascend` takes.

    >>> ascend(net, class_score(3), **YOSINSKI["R3"].ours())
    """

    published: dict
    steps: int
    lr: float
    regularisers: tuple

    def ours(self):
        """The arguments of `ascend`."""
        return {"steps": self.steps, "lr": self.lr, "regularisers": self.regularisers}


YOSINSKI = {
    "R1": Recipe(
        {"decay": 0, "blur": 0.5, "blur every": 4, "small norm": 0.5, "steps": 500, "lr": 100, "progress": 2},
        100,
        0.03,
        (Blur(0.5, 4), SmallNorm(0.5)),
    ),
    "R2": Recipe(
        {"decay": 0.3, "small norm": 0.2, "steps": 750, "lr": 100},
        150,
        0.1,
        (Decay(0.3), SmallNorm(0.2)),
    ),
    "R3": Recipe(
        {"decay": 0.0001, "blur": 1.0, "blur every": 4, "steps": 1000, "lr": 100},
        200,
        0.03,
        (Decay(0.0001), Blur(1.0, 4)),
    ),
    "R4": Recipe(
        {
            "decay": 0,
            "blur": 0.5,
            "blur every": 4,
            "small contribution": 0.9,
            "steps": 1000,
            "lr": 1e8,
            "progress": 2,
        },
        200,
        0.03,
        (Blur(0.5, 4), SmallContribution(0.9)),
    ),
}
