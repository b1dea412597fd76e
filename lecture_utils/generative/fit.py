"""The loop that trains the generative models: any model, any loss, and nothing lost when it is stopped.

What can go wrong on the way, for someone who has waited for a model:

- Ctrl-C (the stop button) ends the loop: the model keeps what it has learned so far.
- A loss or a gradient of NaN or infinity ends it: the model gets the last good weights back.

Both print one sentence, and the history's `stopped` is "interrupted" or "diverged" instead of None.
"""

import math
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn

from ..checks import check_count, check_number, check_seed
from ..hooks import frozen
from ..progress import progress
from ._shared import check_model, copy_tensors, modes_kept


class History(NamedTuple):
    """losses (steps done,): the mean loss of each step's batch, float32. stopped: None, "interrupted" or "diverged"."""

    losses: torch.Tensor
    stopped: str | None = None


def fit(model, x, loss, steps, batch=64, lr=1e-3, seed=0, callback=None, every=None, label="training"):
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
    _check(model, x, steps, batch, lr, seed)
    every = max(1, steps // 10) if every is None else check_count(every, "every")
    device = next(model.parameters()).device
    losses, stopped = [], None
    with _training(model, seed):
        draws = torch.Generator(device).manual_seed(seed)
        optimiser = torch.optim.Adam(model.parameters(), lr, fused=True)
        weights = [t for t in model.state_dict().values() if t.is_floating_point()]
        good = [t.clone() for t in weights]  # they gave the last loss that was finite
        bar = progress(label=label, total=steps)
        try:
            for step, chosen in enumerate(_batches(len(x), min(batch, len(x)), steps, seed)):
                for group in optimiser.param_groups:
                    group["lr"] = warm_cosine(step, steps, lr)
                value = loss(model, x[chosen].to(device), draws).mean()
                found = value.item()
                if not math.isfinite(found):
                    stopped = "diverged"
                    copy_tensors(good, weights)
                    break
                copy_tensors(weights, good)
                optimiser.zero_grad()
                value.backward()
                if not _finite_gradients(model):
                    stopped = "diverged"
                    break
                optimiser.step()
                losses.append(found)
                bar.update()
                bar.note(f"loss {found:.3g}")
                if callback is not None and ((step + 1) % every == 0 or step + 1 == steps):
                    with frozen(model), torch.no_grad():
                        callback(step + 1)
        except KeyboardInterrupt:
            stopped = "interrupted"
        finally:
            bar.close()
            for parameter in model.parameters():
                parameter.grad = None
    if stopped == "diverged":
        print(
            f"{label}: NaN or infinity in step {len(losses) + 1} of {steps}: the model has its last good weights; "
            f"a smaller lr may help."
        )
    elif stopped:
        print(
            f"{label}: stopped after {len(losses)} of {steps} steps: the model keeps what it has learned so far."
        )
    return History(torch.tensor(losses), stopped)


def warm_cosine(step, steps, highest):
    """Learning rate of step 0 .. steps - 1: a line up during the first twentieth, then half a cosine down to 0."""
    warm = max(1, steps // 20)
    if step < warm:
        return highest * (step + 1) / warm
    return highest * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


@contextmanager
def _training(model, seed):
    """Training mode and gradients inside; modes and torch's random state are put back."""
    devices = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    with modes_kept(model), torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        model.train()
        yield


def _batches(n, batch, steps, seed):
    """Yield the indices (batch,) of each step: every epoch all n in a new order, the rest of an epoch left out."""
    order, at = None, n
    draws = torch.Generator().manual_seed(seed + 1)
    for _ in range(steps):
        if at + batch > n:
            order, at = torch.randperm(n, generator=draws), 0
        yield order[at : at + batch]
        at += batch


def _finite_gradients(model):
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    return bool(torch.isfinite(nn.utils.get_total_norm(gradients)))


def _check(model, x, steps, batch, lr, seed):
    check_model(model)
    if not isinstance(x, torch.Tensor) or x.ndim < 1 or len(x) == 0:
        what = f"shape {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise ValueError(f"x: expected a tensor (n, ...) with at least one image, got {what}")
    check_count(steps, "steps", 0), check_count(batch, "batch"), check_seed(seed)
    check_number(lr, "lr", above=True)
