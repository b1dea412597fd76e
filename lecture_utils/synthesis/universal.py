"""One perturbation that fools the net on most images: made on some, scored on others."""

import torch
from torch import Tensor, nn

from ..checks import check_count, check_images, check_targets
from ..hooks import copy_to, frozen, logits_of
from .attack import check_attack, check_radius, lengths, loss_to_raise
from .optimise import generator, iterate, value_and_gradient

# nats: an image whose loss is above counts as fooled, and the others have the step to themselves
ENOUGH = 9.0


def universal_perturbation(
    net: nn.Module,
    images: Tensor,
    labels: int | Tensor,
    eps: float,
    steps: int = 100,
    step_size: float | None = None,
    norm: str = "inf",
    batch: int = 64,
    seed: int = 0,
) -> Tensor:
    """One perturbation v, (1, 3, h, w), that raises the loss of as many images as it can.

        v <- P(v + step_size sign(g)),     g = d/dv mean over a batch of min(L(clip(x + v, 0, 1), label), 9 nats)

    norm "2": g / ||g|| instead of the sign. P brings v back to a size of at most eps. Each step draws another batch.
    net, images, eps, norm: as in `pgd`. labels: what the images show, or what the net predicts. steps: int.
    step_size: in the unit of eps; None takes eps / 10. batch: images a step. seed: of the batches.
    On the images' device. *Score it on images that it was not made on*: `success_rate(net, add(others, v), ...)`.
    Ctrl-C ends it: v so far. Errors: as `pgd`.
    Source: Moosavi-Dezfooli, Fawzi, Fawzi, Frossard (2017), equation 1.
    Differs: found by gradient steps on batches, as in Shafahi et al. (2020), and not by DeepFool image after image.
    """
    images = check_attack(net, images, eps, norm)
    check_count(steps, "steps"), check_count(batch, "batch")
    step_size = check_radius(eps / 10 if step_size is None else step_size, max(eps, 1.0), "step_size")
    draws = generator(seed)
    with frozen(net) as net:
        start = copy_to(net, images)
        classes = logits_of(net, start[:1]).shape[1]
        labels = check_targets(labels, len(images), classes, name="labels").cpu()

        def step(v, number):
            chosen = torch.randint(len(start), (batch,), generator=draws)

            def loss(v):
                logits = logits_of(net, (start[chosen.to(start.device)] + v).clamp(0, 1))
                return loss_to_raise(logits, labels[chosen]).clamp(max=ENOUGH).mean()[None]

            value, gradient = value_and_gradient(loss, v)
            return _stepped(v, gradient, step_size, eps, norm), value

        return iterate(step, torch.zeros_like(start[:1]), steps, "universal").images.to(images.device)


def _stepped(v, gradient, step_size, eps, norm):
    """v after a step uphill, brought back to a size of at most eps."""
    if norm == "inf":
        return (v + step_size * gradient.sign()).clamp(-eps, eps)
    v = v + step_size * gradient / lengths(gradient)
    return v * (eps / lengths(v)).clamp(max=1)


def add(images: Tensor, difference: Tensor) -> Tensor:
    """The images with the same difference added to each, clipped to [0, 1]. difference: (1 or n, 3, h, w).

    Errors: ValueError for images, and a difference that does not fit.
    """
    images = check_images(images, range01=True, channels="any")
    difference = check_images(difference, channels="any", name="difference")
    if difference.shape[1:] != images.shape[1:] or len(difference) not in (1, len(images)):
        what = tuple(difference.shape)
        raise ValueError(f"difference: expected shape (1 or n, 3, h, w) as the images, got {what}")
    return (images + difference.to(images)).clamp(0, 1)
