"""Look for the latent vector from which a generator makes a given image, or a part of it."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.checks import check_count, check_images, check_number, check_seed
from lecture_utils.hooks import frozen
from lecture_utils.progress import progress

from ..methods.latents import to_shell


class Inverted(NamedTuple):
    """Codes (n, latent), images made of them, and the error of each: root mean square of what was compared."""

    codes: torch.Tensor
    images: torch.Tensor
    errors: torch.Tensor


def invert(
    generator: nn.Module,
    images: Tensor,
    steps: int = 200,
    starts: int = 4,
    lr: float = 0.1,
    seed: int = 0,
    known: Tensor | None = None,
) -> Inverted:
    """Look for codes whose images are `images` (n, c, h, w): Adam on z, from several starts, the best is kept.

    known: bool (h, w): only these pixels are compared, so that the image made *completes* the rest.
    After each step the codes are put back on the shell. There may be no such code: what the generator cannot make is
    only approached, and what it can make may be missed. Errors: ValueError.
    Source: Creswell, Bharath (2018), algorithm 1; Lipton, Tripathi (2017); Yeh et al. (2017) for completion.
    Differs: the shell instead of clipping or a prior.
    """
    check_images(images, channels="any")
    check_count(steps, "steps"), check_count(starts, "starts"), check_number(lr, "lr", above=True)
    n, draws = len(images), torch.Generator().manual_seed(check_seed(seed))
    seen = torch.ones(images.shape[2:], dtype=torch.bool) if known is None else known
    if seen.shape != images.shape[2:] or seen.dtype != torch.bool or not seen.any():
        raise ValueError(f"known: expected a bool mask {tuple(images.shape[2:])} with a pixel that is True")
    z = to_shell(torch.randn(starts * n, generator.latent, generator=draws))
    wanted = images.repeat(starts, 1, 1, 1)
    with frozen(generator):
        z = z.clone().requires_grad_()
        optimiser = torch.optim.Adam([z], lr)
        for step in progress(range(steps), "looking for codes"):
            optimiser.param_groups[0]["lr"] = lr * (1 - step / steps) + 0.01 * lr
            loss = (generator(z) - wanted).square()[..., seen].flatten(1).mean(1)
            optimiser.zero_grad()
            loss.sum().backward()
            optimiser.step()
            with torch.no_grad():
                z.copy_(to_shell(z))
        with torch.no_grad():
            made = generator(z)
    errors = (made - wanted).square()[..., seen].flatten(1).mean(1).sqrt().view(starts, n)
    best = errors.argmin(0) * n + torch.arange(n)
    return Inverted(z.detach()[best], made[best], errors.min(0).values)
