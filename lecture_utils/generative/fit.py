"""The loop that trains the generative models: any model, any loss, and nothing lost when it is stopped.

Ctrl-C (the stop button) ends it: the model keeps what it has learned so far. A loss or a gradient of NaN or infinity
ends it: the model gets the last good weights back. Both print one sentence.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..checks import check_count, check_index, check_number, check_seed, check_tensor
from ..hooks import frozen
from ..progress import progress
from ._shared import check_callback, check_model, modes_kept


class Diverged(FloatingPointError):
    """A loss or a gradient was NaN or infinite."""


class History(NamedTuple):
    """losses (steps done,): the mean loss of each step's batch, float32. stopped: None, "interrupted" or "diverged"."""

    losses: Tensor
    stopped: str | None = None


def fit(
    model: nn.Module,
    x: Tensor,
    loss: Callable[[nn.Module, Tensor, torch.Generator], Tensor],
    steps: int,
    batch: int = 64,
    lr: float = 1e-3,
    seed: int = 0,
    callback: Callable[[int], None] | None = None,
    every: int | None = None,
    label: str = "training",
) -> History:
    """Train `model` in place, and return the `History` of its losses. The model keeps its modes.

    x: what is learned from, any tensor (n, ...); each epoch goes through all of it in a new order.
    loss: a function (model, batch of x, generator) -> (batch,) or a scalar, smaller is better. What it draws it draws
    from `generator`, which `seed` starts.
    steps: int >= 0. batch: images a step. lr: the highest learning rate of Adam, reached after a twentieth of the
    steps; from there it falls to 0 as half a cosine (`warm_cosine`).
    seed: decides order and draws; torch's own random state (dropout) is seeded inside and put back.
    callback: None, or a function (steps done) called after every `every` steps (a tenth of all unless given) and after
    the last, in evaluation mode and without gradients: the place to draw a picture that improves.
    Errors: ValueError.
    Source: Kingma, Ba (2015), algorithm 1; Loshchilov, Hutter (2017), equation 5, for the cosine.
    """
    device = next(check_model(model).parameters()).device
    batches = _batches(len(check_tensor(x, "x", ("n", ...), "any")), check_count(batch, "batch"), seed)
    steps, draws = check_count(steps, "steps", 0), torch.Generator(device).manual_seed(check_seed(seed))
    optimiser = torch.optim.Adam(model.parameters(), check_number(lr, "lr", above=True), fused=True)
    schedule = (warm_cosine(step, steps, lr) for step in range(steps))
    weights = floating_state(model)
    good = [tensor.clone() for tensor in weights]  # they gave the last loss that was finite

    def step():
        optimiser.param_groups[0]["lr"] = next(schedule)
        value = loss(model, x[next(batches)].to(device), draws).mean()
        found = value.item()
        if math.isfinite(found):
            copy_tensors(weights, good)
        else:
            copy_tensors(good, weights)
        update(optimiser, model, value)
        return found, f"loss {found:.3g}"

    with _training(model, seed):
        losses, why = run_steps(step, steps, callback, every, model, label)
    diverged = f"NaN or infinity in step {len(losses) + 1} of {steps}: the model has its last good weights; "
    kept = f"stopped after {len(losses)} of {steps} steps: the model keeps what it has learned so far."
    return History(torch.tensor(losses), told(why, label, diverged + "a smaller lr may help.", kept))


def warm_cosine(step: int, steps: int, highest: float) -> float:
    """Learning rate of step 0 .. steps - 1: a line up during the first twentieth, then half a cosine down to 0.

    Errors: ValueError.
    """
    steps = check_count(steps, "steps")
    step, highest = check_index(step, steps, "step"), check_number(highest, "highest")
    warm = max(1, steps // 20)
    if step < warm:
        return highest * (step + 1) / warm
    return highest * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


# --- what the trainer of a GAN needs, too ---


def run_steps(
    step: Callable, steps: int, callback: Callable | None, every: int | None, shown: nn.Module, label: str
) -> tuple[list, BaseException | None]:
    """Call `step`, which gives a result and a note for the bar, so many times: all results, and what has ended it.

    callback, every: as in `fit`; it sees the net `shown` in evaluation mode.
    """
    every = max(1, steps // 10) if every is None else check_count(every, "every")
    found, ended = [], None
    check_callback(callback)
    try:
        with progress(label=label, total=steps) as bar:
            for done in range(1, steps + 1):
                result, note = step()
                found.append(result)
                bar.update()
                bar.note(note)
                if callback is not None and (done % every == 0 or done == steps):
                    with frozen(shown), torch.no_grad():
                        callback(done)
    except (KeyboardInterrupt, Diverged) as why:
        ended = why
    return found, ended


def told(why: BaseException | None, label: str, diverged: str, interrupted: str) -> str | None:
    """Print what has ended a training, if anything has; the history's `stopped`."""
    if why is None:
        return None
    print(f"{label}: {diverged if isinstance(why, Diverged) else interrupted}")
    return "diverged" if isinstance(why, Diverged) else "interrupted"


def update(optimizer: torch.optim.Optimizer, model: nn.Module, loss: Tensor) -> None:
    """One step of the optimizer: of this model only. Errors: Diverged, before any weight has changed."""
    if not math.isfinite(loss.item()):
        raise Diverged("a loss is NaN or infinite")
    optimizer.zero_grad()
    loss.backward(inputs=[p for p in model.parameters() if p.requires_grad])
    norm = nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    if not math.isfinite(norm):
        raise Diverged("a gradient is NaN or infinite")
    optimizer.step()


def floating_state(*models: nn.Module) -> list[Tensor]:
    """The floating parameters and buffers of all of them."""
    found = [tensor for model in models for tensor in model.state_dict().values()]
    return [tensor for tensor in found if tensor.is_floating_point()]


def copy_tensors(given: list[Tensor], into: list[Tensor]) -> None:
    """The values of each tensor into the one beside it."""
    with torch.no_grad():
        for tensor, kept in zip(given, into, strict=True):
            kept.copy_(tensor)


@contextmanager
def _training(model, seed):
    """Training mode and gradients inside; modes and torch's random state are put back, gradients forgotten."""
    devices = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    with modes_kept(model), torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        model.train()
        try:
            yield
        finally:
            model.zero_grad()


def _batches(n, batch, seed) -> Iterator[Tensor]:
    """Indices (batch,) of one step after the other: every epoch all n in a new order, the rest of it left out."""
    draws = torch.Generator().manual_seed(seed + 1)
    while True:
        order = torch.randperm(n, generator=draws)
        yield from order.split(min(batch, n))[: max(1, n // batch)]
