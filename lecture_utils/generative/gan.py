"""The two losses of a GAN, of logits: one player tells real from made, the other makes. Knows no net.

Source: Goodfellow et al. (2014), equation 1 (the game) and section 3 (the loss that does not saturate).
"""

import torch
from torch.nn.functional import softplus

from ..checks import check_choice, check_number

KINDS = ("non_saturating", "minimax")


def discriminator_loss(real: torch.Tensor, fake: torch.Tensor, real_label: float = 1.0) -> torch.Tensor:
    """What the discriminator minimises: -mean log D(real) - mean log(1 - D(fake)), in nats, where D = sigmoid(logit).

    real, fake: logits, any shape. real_label: the target for real images; 0.9 is *one-sided label smoothing*.
    Computed with softplus, so that logits of +-100 are harmless: -log D = softplus(-logit).
    Errors: ValueError for what is not a floating tensor, is empty, or for `real_label` outside (0.5, 1].
    Source: Goodfellow et al. (2014), equation 1; Salimans et al. (2016), section 3.4, for `real_label`.
    """
    _check(real, "real"), _check(fake, "fake")
    check_number(real_label, "real_label", 0.5, 1, above=True)
    on_real = real_label * softplus(-real) + (1 - real_label) * softplus(real)
    return on_real.mean() + softplus(fake).mean()


def generator_loss(fake: torch.Tensor, kind: str = "non_saturating") -> torch.Tensor:
    """What the generator minimises, in nats: -mean log D(fake), or with "minimax" mean log(1 - D(fake)).

    fake: logits of what it made, any shape. Both fall as D(fake) rises; they differ in where they are steep.
    Errors: ValueError for what is not a floating tensor or is empty; KeyError for another kind.
    Source: Goodfellow et al. (2014), equation 1 ("minimax") and section 3.
    """
    _check(fake, "fake")
    check_choice(kind, KINDS, "kind")
    return softplus(-fake).mean() if kind == "non_saturating" else -softplus(fake).mean()


def generator_slope(probability: torch.Tensor, kind: str = "non_saturating") -> torch.Tensor:
    """How steep the generator's loss is at D = probability: |d loss / d logit| of one picture, between 0 and 1.

    It is 1 - D, or with "minimax" D: where the discriminator is sure that a picture is made (D near 0, as it is early
    in training), minimax sends hardly any gradient back. Errors: ValueError outside [0, 1]; KeyError for another kind.
    """
    _check(probability, "probability")
    if not bool(((probability >= 0) & (probability <= 1)).all()):
        raise ValueError("probability: expected values in [0, 1]: of logits take the sigmoid first")
    check_choice(kind, KINDS, "kind")
    return 1 - probability if kind == "non_saturating" else probability


def _check(values, name):
    if not isinstance(values, torch.Tensor) or not values.is_floating_point():
        what = values.dtype if isinstance(values, torch.Tensor) else type(values).__name__
        raise ValueError(f"{name}: expected a floating tensor of logits, got {what}")
    if not values.numel():
        raise ValueError(f"{name}: expected at least one value, got shape {tuple(values.shape)}")
