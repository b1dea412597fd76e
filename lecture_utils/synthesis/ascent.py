"""Gradient ascent in the space of images: the net is frozen, the image is the parameter."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..checks import check_number, check_size
from ..hooks import frozen, reading
from ..progress import silenced
from .objectives import Objective, class_score
from .optimise import generator, given_start, iterate, neutral_colour, noisy, value_and_gradient
from .regularisers import WAYS, Regulariser, check_regularisers

LABEL = "gradient ascent"


class Ascent(NamedTuple):
    """A `Run` whose history is the score of the image as the net saw it. scores (n,): what the images reach."""

    images: Tensor
    scores: Tensor
    history: Tensor
    stopped: str | None


def ascend(
    net: nn.Module,
    objective: Objective | int | Tensor,
    size: int | tuple[int, int] = 112,
    steps: int = 200,
    lr: float | Callable = 0.03,
    regularisers: Regulariser | list[Regulariser] = (),
    seed: int = 0,
    start: str | Tensor = "noise",
    mean: float | Tensor | None = None,
    callback: Callable | None = None,
) -> Ascent:
    """Images that a net gives a high score, made from almost nothing by climbing it: `Ascent`.

        x <- clip(r(x + lr g / rms(g)))        g = d score / d x,    r the regularisers

    objective: an `Objective` (`class_score`, `channel`, sums of them), or the targets of class_score: an int, or a
    LongTensor (n,) for n images at once. size: px, the side, or (h, w). steps: int.
    lr: how far one step goes, the root mean square over the image, in pixel units. Or a rule: a function of the
    gradient (n, 3, h, w) that gives each image's factor (n,), such as `plain(lr)`.
    regularisers: a list, applied in this order; see `regularisers`. Without any: a high score and nothing to see.
    seed: of the noise and of what the regularisers draw. start: "noise" (the neutral colour with a standard deviation
    of .1), "blank" (the neutral colour alone), or images (n, 3, h, w). mean: the neutral colour, a number or (3,);
    None takes the one the net subtracts (see `neutral_colour`). callback: see `iterate`.
    Source: Simonyan, Vedaldi, Zisserman (2014), section 2; Yosinski et al. (2015), section 3.
    Differs: the gradient is scaled to the same norm in each step, so lr means the same for every net and layer.

    >>> ascend(net, class_score(torch.arange(16)), regularisers=[Jitter(8), Blur(0.5)]).images
    """
    if not isinstance(objective, Objective):
        objective = class_score(objective, "objective")
    rules, draws = check_regularisers(regularisers), generator(seed)
    factor = lr if callable(lr) and not isinstance(lr, type) else rms(lr)
    with frozen(net) as net, reading(net, objective.layers) as read:
        mean = neutral_colour(net, mean)
        first = _start(net, start, objective.count, size, mean, seed)
        moved = torch.zeros(len(first), dtype=torch.bool)

        def step(images, number):
            score, gradient = _slope(lambda seen: objective.value(read(seen)), images, rules, draws)
            if not moved.all():
                moved.logical_or_(gradient.flatten(1).any(1).cpu())
            changed = torch.addcmul(images, factor(gradient).view(-1, 1, 1, 1), gradient)
            for rule in rules:
                changed = rule.after(changed, gradient, number, mean)
            return changed.clamp_(0, 1), score

        images, history, stopped = iterate(step, first, steps, LABEL, callback)
        with torch.no_grad():
            scores = objective.value(read(images))
    if len(history) and not moved.all():
        count = f"{int((~moved).sum())} of {len(moved)} images never moved, their gradient was 0"
        why = "a unit behind a ReLU that is off? Name the layer before its ReLU, or start elsewhere."
        print(f"{LABEL}: {count}: {why}")
    where = start.device if isinstance(start, Tensor) else "cpu"
    return Ascent(*(found.to(where) for found in (images, scores, history)), stopped)


def _slope(score, images, rules, draws):
    """The score of the images as the net sees them, (n,), and its gradient for the images, (n, 3, h, w)."""
    seen = images
    for rule in rules:
        seen = rule.before(seen, draws)
    value, gradient = value_and_gradient(score, seen)
    for rule in reversed(rules):
        gradient = rule.back(gradient)
    for rule in rules:
        gradient = rule.gradient(gradient, images)
    return value, gradient


def rms(lr: float) -> Callable:
    """The usual rule: each step moves an image by `lr`, root mean square, in pixel units."""
    check_number(lr, "lr")

    def factor(gradient):
        size = torch.linalg.vector_norm(gradient, dim=(1, 2, 3)) / gradient[0].numel() ** 0.5
        return torch.where(size > 0, lr / size, 0)  # a gradient of 0 goes nowhere

    return factor


def plain(lr: float) -> Callable:
    """The rule of plain gradient ascent: x <- x + lr g. lr: squared pixel units per unit of score."""
    check_number(lr, "lr")
    return lambda gradient: gradient.new_full((len(gradient),), lr)


def _start(net, start, count, size, mean, seed):
    """The images to begin with."""
    images = given_start(net, start, ("noise", "blank"))
    if images is None:
        blank = mean.expand(count or 1, -1, *check_size(size))
        return blank if start == "blank" else noisy(blank, seed)
    if count not in (None, len(images)) and len(images) != 1:
        raise ValueError(f"start: expected 1 or {count} images, as the objective, got {len(images)}")
    return images if count in (None, len(images)) else images.expand(count, -1, -1, -1)


# --- the same in stages, so that it can be shown and stopped ---

STEPS, EVERY = 200, 8  # a look at the image after every 8, a multiple of the blur's 4


class Growth(NamedTuple):
    """What ascent has reached after `step` steps. images (n, 3, h, w), scores (n,). stopped: see `Run`."""

    step: int
    images: Tensor
    scores: Tensor
    stopped: str | None


def grow(
    net: nn.Module, objective, way: str, start: str, size: int, steps: int = STEPS, every: int = EVERY
) -> Iterator[Growth]:
    """`ascend` with the regularisers WAYS[way] in stages of `every` steps, without a bar: yields a `Growth` after each.

    start: "blank" or "noise". Between two stages the net is as it was. Each stage draws its own jitter.
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
