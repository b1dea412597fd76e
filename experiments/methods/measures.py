"""Measures that only proofs take: of heatmaps, of two maps, of logits, of features, of time."""

from statistics import median
from time import perf_counter

import torch
from torch import Tensor

from lecture_utils.checks import check_targets, check_tensor
from lecture_utils.metrics import rank_agreement
from lecture_utils.metrics.localise import checked


def rank_accuracy(heatmaps: Tensor, masks: Tensor) -> Tensor:
    """Share (n,) of the K hottest pixels that lie in the mask, K = the mask's pixels; in [0, 1].

    It looks at order alone, so no single pixel decides. Pixels that tie for the last places share them: a constant map
    scores the mask's share of the image. Source: Arras, Osman, Samek (2022): relevance rank accuracy.
    """
    heatmaps, masks = checked(heatmaps, masks)
    heat, mask = heatmaps.flatten(1), masks.flatten(1)  # (n, h w)
    count = mask.sum(1)  # K
    order = heat.sort(1, descending=True).values
    last = order.gather(1, (count - 1).clamp(min=0)[:, None])  # the K-th largest value
    above, tied = heat > last, heat == last
    places = count - above.sum(1)  # left for the tied pixels
    hits = (above & mask).sum(1) + places * (tied & mask).sum(1) / tied.sum(1)
    return torch.where(count > 0, hits / count.clamp(min=1), 0).to(heatmaps.dtype)


def spearman(a: Tensor, b: Tensor) -> list[float]:
    """`rank_agreement` of each row of (n, k) with the same row of the other.

    Errors: ValueError, also for NaN or infinity: a dead net must not pass as a changed map.
    """
    check_tensor(a, "a", ("n", "k"), "any")
    check_tensor(b, "b", a.shape, "any")
    return [rank_agreement(one, other) for one, other in zip(a, b, strict=True)]


def log_odds(logits: Tensor, targets: int | Tensor) -> Tensor:
    """ln(p / (1 - p)) (n,) of each target class, from logits (n, classes): unlike a logit it sees the other classes.

    Errors: ValueError.
    """
    check_tensor(logits, "logits", ("n", "classes"))
    if logits.shape[1] < 2:
        raise ValueError(f"logits: expected at least two classes, got shape {tuple(logits.shape)}")
    targets = check_targets(targets, *logits.shape).to(logits.device)[:, None]
    others = logits.scatter(1, targets, -torch.inf).logsumexp(1)
    return logits.gather(1, targets)[:, 0] - others


def nearest(features: Tensor, bank: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest row of `bank` (m, d) for each of (n, d): Euclidean distance (n,) and index (n,)."""
    check_tensor(features, "features", ("n", "d"))
    check_tensor(bank, "bank", ("m", features.shape[1]))
    found = torch.cdist(features.detach().cpu().double(), bank.detach().cpu().double()).min(1)
    return found.values, found.indices


def milliseconds(work, times=5):
    """Median time of `work()`, ms: for figures, since it differs from machine to machine."""
    found = []
    for _ in range(times):
        began = perf_counter()
        work()
        found.append(perf_counter() - began)
    return 1e3 * median(found)
