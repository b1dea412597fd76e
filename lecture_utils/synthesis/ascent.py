"""Gradient ascent in the space of images: the net is frozen, the image is the parameter."""

from typing import NamedTuple

import torch

from ..checks import check_images, check_number
from ..hooks import copy_to, frozen
from .feature_extractor import reading
from .objectives import Objective, class_score
from .optimise import iterate, neutral_colour, value_and_gradient
from .regularisers import check_regularisers
from .sizes import sides

LABEL = "gradient ascent"


class Ascent(NamedTuple):
    """images (n, 3, h, w) in [0, 1]. scores (n,): what they reach. history (steps done, n): the score before each step,
    of the image as the net saw it. stopped: None, "interrupted" or "diverged".
    """

    images: torch.Tensor
    scores: torch.Tensor
    history: torch.Tensor
    stopped: str | None


def ascend(
    net,
    objective,
    size=112,
    steps=200,
    lr=0.03,
    regularisers=(),
    seed=0,
    start="noise",
    mean=None,
    callback=None,
):
    """Images that a net answers strongly, made from almost nothing by climbing its score: `Ascent`.

        x <- clip(r(x + lr g / rms(g)))        g = d score / d x,    r the regularisers

    net: any nn.Module that takes images in [0, 1]. It is not changed.
    objective: an `Objective` (`class_score`, `channel`, sums of them), or the targets of class_score: an int, or a
    LongTensor (n,) for n images at once. size: px, the side, or (h, w). steps: int.
    lr: how far one step goes, the root mean square over the image, in pixel units. Or a rule: a function of the
    gradient (n, 3, h, w) that gives each image's factor (n,), such as `plain(lr)`.
    regularisers: a list, applied in this order; see `regularisers`. Without any: a high score and no picture.
    seed: of the noise and of what the regularisers draw. start: "noise" (the neutral colour with a standard deviation
    of .1), "blank" (the neutral colour alone), or images (n, 3, h, w). mean: the neutral colour, a number or (3,);
    None takes the one the net subtracts (see `neutral_colour`). callback: see `iterate`.
    The result is on the images' device where start are images, else on the CPU. One image never depends on the others.
    Errors: KeyError for a layer; ValueError for the rest.
    Source: Simonyan, Vedaldi, Zisserman (2014), section 2; Yosinski et al. (2015), section 3.
    Differs: the gradient is scaled to the same length in each step, so lr means the same for every net and layer.

    >>> ascend(net, class_score(torch.arange(16)), regularisers=[Jitter(8), Blur(0.5)]).images
    """
    objective = objective if isinstance(objective, Objective) else class_score(objective)
    regularisers, factor = check_regularisers(regularisers), lr if callable(lr) else rms(lr)
    where = start.device if isinstance(start, torch.Tensor) else "cpu"

    with frozen(net), reading(net, objective.layers) as read:
        mean, draws = neutral_colour(net, mean), torch.Generator().manual_seed(seed)
        images = _start(net, start, objective.count, size, mean, seed)
        moved = torch.zeros(len(images), dtype=torch.bool)

        def score(images):
            return objective.value(read(images))

        def step(images, number):
            seen = images
            for each in regularisers:
                seen = each.before(seen, draws)
            value, gradient = value_and_gradient(score, seen)
            for each in reversed(regularisers):
                gradient = each.back(gradient)
            for each in regularisers:
                gradient = each.gradient(gradient, images)
            if not moved.all():
                moved.logical_or_(gradient.flatten(1).any(1).cpu())
            changed = torch.addcmul(images, factor(gradient).view(-1, 1, 1, 1), gradient)
            for each in regularisers:
                changed = each.after(changed, gradient, number, mean)
            return changed.clamp_(0, 1), value

        images, history, stopped = iterate(step, images, steps, LABEL, callback)
        with torch.no_grad():
            scores = score(images)
    if len(history) and not moved.all():
        still = f"{int((~moved).sum())} of {len(moved)} images never moved, their gradient was 0"
        print(
            f"{LABEL}: {still}: a unit behind a ReLU that is off? Name the layer before its ReLU, or start elsewhere."
        )
    return Ascent(images.to(where), scores.to(where), history.to(where), stopped)


def rms(length):
    """The usual rule for lr: each step moves an image by `length`, root mean square, in pixel units."""
    check_number(length, "lr")

    def factor(gradient):
        size = torch.linalg.vector_norm(gradient, dim=(1, 2, 3)) / gradient[0].numel() ** 0.5
        return torch.where(size > 0, length / size, 0)  # a gradient of 0 goes nowhere

    return factor


def plain(lr):
    """The rule of plain gradient ascent: x <- x + lr g. lr: squared pixel units per unit of score."""
    check_number(lr, "lr")
    return lambda gradient: gradient.new_full((len(gradient),), lr)


def _start(net, start, count, size, mean, seed):
    """The images to begin with."""
    if isinstance(start, torch.Tensor):
        check_images(start, net=net, range01=True, name="start")
        if count not in (None, len(start)) and len(start) != 1:
            raise ValueError(f"start: expected 1 or {count} images, as the objective, got {len(start)}")
        own = copy_to(net, start)
        return own if count in (None, len(own)) else own.expand(count, -1, -1, -1)
    if start not in ("noise", "blank"):
        raise ValueError(f"start: expected 'noise', 'blank' or images (n, 3, h, w), got {start!r}")
    shape = sides(size)
    blank = mean.expand(count or 1, 3, *shape)
    return blank if start == "blank" else noisy(blank, seed)


def noisy(images, seed, width=0.1):
    """Images plus Gaussian noise of standard deviation `width`, clipped to [0, 1].

    An image's noise depends on its place in the batch and the seed, not on how many follow.
    """
    draws = torch.Generator().manual_seed(seed)
    noise = torch.stack([torch.randn(images.shape[1:], generator=draws, dtype=torch.float64) for _ in images])
    return (images + width * noise.to(images)).clamp(0, 1)
