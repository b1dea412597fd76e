"""How far apart two sets of images are, judged by the features of a net: FID and KID. Features in, numbers out.

They compare whole sets, so a blind spot of the features is a blind spot of the distance. Both sets should have the same
size, and 0 is not reached: the distance between two real sets of that size is the floor. Errors: ValueError.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ..checks import check_count, check_seed, check_tensor


class Estimate(NamedTuple):
    """A value and its standard error."""

    value: float
    error: float


def fid(real: Tensor, made: Tensor) -> float:
    """FID: the squared Fréchet distance between two Gaussians that have the sets' means and covariances.

    ‖m₁ - m₂‖² + Tr(C₁ + C₂ - 2 (C₁ C₂)^½). real, made: features (n, d) and (m, d), finite, n and m >= 2.
    It is 0 for equal means and covariances, in squared units of the features. It is biased upward: small sets look
    further apart than large ones from the same source, so compare at equal n only; below d + 1 images the covariance
    is of lower rank, and the number says little.
    Computed in float64: the eigenvalues of C₁^½ C₂ C₁^½ are those of C₁ C₂, and it is symmetric.
    Source: Heusel et al. (2017), equation 6; Dowson, Landau (1982).
    Differs: the features are ours, of any net; the original's are Inception's.
    """
    (m1, c1), (m2, c2) = ((x.mean(0), torch.cov(x.T).reshape(x.shape[1], -1)) for x in _pair(real, made))
    values, vectors = torch.linalg.eigh(c1)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    overlap = torch.linalg.eigvalsh(root @ c2 @ root).clamp(min=0).sqrt().sum()
    found = (m1 - m2).square().sum() + c1.trace() + c2.trace() - 2 * overlap
    return max(0.0, found.item())  # rounding may end just below 0


def kid(real: Tensor, made: Tensor, blocks: int = 20, seed: int = 0) -> Estimate:
    """KID: the squared maximum mean discrepancy with kernel (x·y / d + 1)³, unbiased, with its standard error.

    real, made: features (n, d) and (m, d). The value is the mean kernel within `real`, plus that within `made`, minus
    twice that between them, no image compared with itself. Its expectation is 0 for two sets from one source, whatever
    their sizes; so values below 0 are right. The error is the jackknife's: both sets are shuffled and cut into so many
    blocks, and the value is computed again without each of them.
    Source: Bińkowski et al. (2018), section 4; Gretton et al. (2012), equation 3; Efron (1982) for the jackknife.
    Differs: all pairs at once, instead of a mean over random subsets that waste most pairs.
    """
    real, made = _pair(real, made)
    check_count(blocks, "blocks", 2, min(len(real), len(made)) // 2)
    draws = torch.Generator().manual_seed(check_seed(seed))
    member = [torch.randperm(len(x), generator=draws) % blocks for x in (real, made)]
    member = [torch.nn.functional.one_hot(which, blocks).double() for which in member]  # (n, blocks)
    within = [_kernel_sums(x, x, in_x, in_x, own=False) for x, in_x in zip((real, made), member, strict=True)]
    between = _kernel_sums(real, made, *member)
    sizes = [which.sum(0) for which in member]  # images of each block

    def value(gone):  # without block `gone`; None: with all
        keep = torch.ones(blocks).double()
        if gone is not None:
            keep[gone] = 0
        n, m = ((keep * size).sum() for size in sizes)
        own_x, own_y, across = (keep @ sums @ keep for sums in (*within, between))
        return own_x / (n * (n - 1)) + own_y / (m * (m - 1)) - 2 * across / (n * m)

    without = torch.stack([value(block) for block in range(blocks)])
    error = ((blocks - 1) * (without - without.mean()).square().mean()).sqrt()
    return Estimate(value(None).item(), error.item())


def _kernel_sums(x, y, in_x, in_y, own=True):
    """Sums of the kernel between the blocks of x and y, (blocks, blocks). own=False: not of one with itself."""
    kernel = (x @ y.T / x.shape[1] + 1) ** 3
    if not own:
        kernel.fill_diagonal_(0)
    return in_x.T @ kernel @ in_y


def _pair(real, made):
    """Both sets in float64 on the CPU. Errors: ValueError."""
    check_tensor(real, "real", ("n", "d"))
    check_tensor(made, "made", ("m", real.shape[1]))
    for name, x in (("real", real), ("made", made)):
        if len(x) < 2:
            raise ValueError(f"{name}: expected the features of at least 2 images, got {len(x)}")
    return real.detach().cpu().double(), made.detach().cpu().double()
