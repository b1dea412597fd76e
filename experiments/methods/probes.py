"""What can still be read off a layer: with one matrix, by its nearest neighbours, and along random directions."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lecture_utils.checks import check_count, check_seed, check_tensor
from lecture_utils.features.neighbours import neighbours, rows_of

STRENGTHS = np.logspace(-4, 4, 9)  # of the ridge penalty, in units of the features' mean squared length


class Reading(NamedTuple):
    """How well a probe reads one thing: its loss and that of a blind answer, numpy (m,), one for each test picture."""

    loss: np.ndarray
    blind: np.ndarray

    @property
    def skill(self):
        """1 - loss / loss of the blind answer. 1 is perfect, 0 no better than blind, below 0 worse."""
        return float(1 - self.loss.mean() / self.blind.mean())

    def interval(self, draws=1000, seed=0, level=0.95):
        """Bootstrap interval (low, high) of the skill over the pictures of the test."""
        chosen = np.random.default_rng(seed).integers(len(self.loss), size=(draws, len(self.loss)))
        skills = 1 - self.loss[chosen].mean(1) / self.blind[chosen].mean(1)
        return tuple(np.quantile(skills, [(1 - level) / 2, (1 + level) / 2]).tolist())


def probe(points, targets, train):
    """Fit linear maps from points (n, ...) to targets on the pictures `train`, and judge them on the others.

    targets: {name: integer tensor (n,), classes} or {name: floating tensor (n,) or (n, t), values}. Values may be NaN
    where the question makes no sense (the azimuth of a mushroom); those pictures are then left out of it.
    train: bool (n,), True for the pictures to learn from.
    Returns {name: Reading}. A class is read as the largest of one output for each class, its loss is 1 when wrong; the
    blind answer is the commonest class. A value's loss is the squared error, the blind answer is the mean, so skill
    is R^2 on unseen pictures. Both blind answers come from `train`.
    The maps are ridge regressions (scikit-learn's RidgeCV): the penalty of each output is chosen on `train` alone, by
    leaving one out. All that is linear is found, nothing else: what a probe cannot read may still be there.
    Errors: ValueError.
    Source: Alain & Bengio (2016), linear classifier probes. Differs: ridge regression on indicators, not a softmax.
    """
    from sklearn.linear_model import RidgeCV  # takes two seconds to import; most who use features need it not

    points, train = rows_of(points, "points").double().cpu().numpy(), np.asarray(train, bool)
    if train.shape != (len(points),) or train.all() or not train.any():
        raise ValueError(
            f"train: expected bool ({len(points)},) with both values, got {train.shape}, {train.sum()} True"
        )
    points = points - points[train].mean(0)
    points /= max(np.sqrt(np.square(points[train]).sum(1).mean()), 1e-300)
    found, groups = {}, {}
    for name, target in targets.items():
        wanted = _columns(name, target, len(points))
        usable = np.isfinite(wanted).all(1)
        groups.setdefault(usable.tobytes(), (usable, {}))[1][name] = wanted
    for usable, columns in groups.values():  # targets that ask the same pictures share one decomposition
        learn, judge = usable & train, usable & ~train
        together = np.concatenate(list(columns.values()), 1)
        fit = RidgeCV(STRENGTHS, alpha_per_target=together.shape[1] > 1).fit(points[learn], together[learn])
        answers = fit.predict(points[judge]).reshape(judge.sum(), -1)
        edges = np.cumsum([0, *(c.shape[1] for c in columns.values())])
        for (name, wanted), a, b in zip(columns.items(), edges[:-1], edges[1:], strict=True):
            found[name] = _judge(targets[name], answers[:, a:b], wanted[judge], wanted[learn].mean(0))
    return {name: found[name] for name in targets}


def _columns(name, target, n):
    """A target as float64 (n, t): one indicator for each class, or the values."""
    if not isinstance(target, torch.Tensor) or len(target) != n or target.ndim > 2:
        shape = tuple(target.shape) if isinstance(target, torch.Tensor) else type(target).__name__
        raise ValueError(f"targets[{name!r}]: expected a tensor of shape ({n},) or ({n}, t), got {shape}")
    if target.is_floating_point():
        return target.double().cpu().numpy().reshape(n, -1)
    return torch.nn.functional.one_hot(target.long()).double().cpu().numpy()


def _judge(target, answers, wanted, usual):
    """The Reading of one target: answers and wanted (m, t), usual (t,) the mean over the training pictures."""
    if target.is_floating_point():
        return Reading(np.square(answers - wanted).sum(1), np.square(usual - wanted).sum(1))
    right = wanted.argmax(1)
    return Reading((answers.argmax(1) != right).astype(float), (usual.argmax() != right).astype(float))


def knn_right(points: Tensor, labels: Tensor, k: int = 5) -> Tensor:
    """bool (n,): is each point's label the commonest among its k nearest others? Ties go to the lower label.

    points: (n, ...). labels: integers (n,) from 0. Errors: ValueError.
    """
    points = rows_of(points, "points")
    check_tensor(labels, "labels", (len(points),), "integer")
    if labels.min() < 0:
        raise ValueError(f"labels: expected numbers from 0, got {int(labels.min())}")
    votes = torch.nn.functional.one_hot(labels.long()[neighbours(points, k)]).sum(1)  # (n, labels)
    return votes.argmax(1) == labels


def random_projection(points: Tensor, dimensions: int = 2, seed: int = 0) -> Tensor:
    """Points (n, ...) seen along random directions, (n, dimensions): the chance level of any embedding.

    Each new coordinate is the dot product with a vector of Gaussian numbers, divided by sqrt(dimensions), so that
    squared distances are kept on average. Errors: ValueError. Source: Johnson & Lindenstrauss (1984).
    """
    points, dimensions = rows_of(points, "points"), check_count(dimensions, "dimensions")
    draws = torch.Generator().manual_seed(check_seed(seed))
    directions = torch.randn(points.shape[1], dimensions, generator=draws, dtype=points.dtype)
    return points @ directions.to(points.device) / dimensions**0.5


def precision_at_k(found: Tensor, bank_labels: Tensor, query_labels: Tensor) -> Tensor:
    """Share (q,) of each query's neighbours found (q, k) that carry the query's own label.

    bank_labels (n,), query_labels (q,): integers. Of all labels equally often, chance is 1 / labels.
    Errors: ValueError.
    """
    check_tensor(bank_labels, "bank_labels", ("n",), "integer")
    check_tensor(query_labels, "query_labels", ("q",), "integer")
    check_tensor(found, "found", (len(query_labels), "k"), "integer")
    if found.min() < 0 or found.max() >= len(bank_labels):
        raise ValueError(f"found: expected indices 0 .. {len(bank_labels) - 1}, as there are bank_labels")
    return (bank_labels[found.long()] == query_labels[:, None]).double().mean(1)
