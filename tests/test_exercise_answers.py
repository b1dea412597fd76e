"""Answers that no list holds: right ones of other kinds, mistakes in other words, overflow; and the oracles' laws."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from experiments.studies import marginal_likelihood
from lecture_utils import detection, synthesis
from lecture_utils.detection import precision
from lecture_utils.exercises import find
from lecture_utils.generative import autoregressive, gan_trainer, vae
from lecture_utils.synthesis.attack import project
from tests.test_exercises import says

LOG2 = float(np.log(2))


# Right answers of other kinds pass: the package's own, libraries, loops.


def likelihood_by_torch(logits, pixels):
    nats = -F.cross_entropy(logits, pixels, reduction="none").flatten(1).sum(1)
    return torch.stack([nats, -nats / pixels[0].numel() / LOG2], 1)


def bound_by_the_package(log_joint, log_code, k):
    groups = (log_joint - log_code).split(k, dim=1)
    return torch.stack([marginal_likelihood.log_mean(group.T) for group in groups]).mean(0)


def losses_by_the_package(real, fake):
    kinds = ("non_saturating", "minimax")
    return torch.stack(
        [gan_trainer.discriminator_loss(real, fake), *(gan_trainer.generator_loss(fake, k) for k in kinds)]
    )


def game(shift, weights, real, noise, lr, forget=True, detach=True, at_once=False):
    """The loop with leaves and .grad, as optimisers use them."""
    s, w = (t.clone().requires_grad_() for t in (shift, weights))

    def step(*leaves):
        with torch.no_grad():
            for leaf in leaves:
                leaf -= lr * leaf.grad

    for x, z in zip(real, noise, strict=True):
        s.grad = w.grad = None
        made = z + s
        judged = F.softplus(-(x @ w)).mean() + F.softplus((made.detach() if detach else made) @ w).mean()
        judged.backward(retain_graph=True)
        if not at_once:
            step(w)
        if forget:
            s.grad = None
        kept = w.grad.clone()
        F.softplus(-((z + s) @ w)).mean().backward()
        w.grad = kept
        step(*((s, w) if at_once else (s,)))
    return torch.stack([s, w]).detach()


def region_by_the_package(features, box, stride, size):
    return detection.roi_pool(features[None], box[None], torch.tensor([0]), size, stride)[0]


def area_by_the_package(scores, right, objects):
    right = right[scores.argsort(descending=True)]
    return precision.area_under(*precision.precision_recall(right, objects), "voc")


def grid_by_the_package(boxes, side, cells):
    labels = torch.zeros(len(boxes)).long()
    return detection.yolo_targets(boxes, labels, int(side), 1, cells)[..., :5]


def focal_by_the_package(logits, targets, alpha, gamma):
    return detection.sigmoid_focal_loss(logits, targets.float(), alpha, gamma).sum() / targets.sum()


RIGHT = [
    ("01.1", lambda w: (w.double() / w.abs().amax() + 1) / 2),
    ("01.2", lambda w, low, high: (low + (high - low) * (w > 0).movedim(1, -1)).movedim(-1, 1)),
    ("01.3", lambda batches: ~torch.cat(batches).relu().flatten(2).any(2).any(0)),
    ("01.4", lambda i, w, b, s, p: F.conv2d(i[None], w, b, s, p)[0].requires_grad_()),
    ("06.2", lambda h, m: torch.nan_to_num((h.relu() * m).sum((1, 2)) / h.relu().sum((1, 2)))),
    ("08.1", synthesis.gram_matrix),
    ("09.3", project),
    ("10.1", likelihood_by_torch),
    ("10.2", lambda logits, u, t: autoregressive.pick(logits / t, u)),
    ("11.1", lambda m, v: vae.kl_to_standard(m, v).sum(1)),
    ("11.4", bound_by_the_package),
    ("12.1", losses_by_the_package),
    ("12.3", game),
    ("14.1", detection.box_iou),
    ("14.3", region_by_the_package),
    ("14.4", area_by_the_package),
    ("15.1", grid_by_the_package),
    ("15.2", focal_by_the_package),
    ("15.4", lambda *args: detection.center_decode(*args)[0]),
]


@pytest.mark.parametrize(("number", "function"), RIGHT, ids=[number for number, _ in RIGHT])
def test_other_right_answers_pass(number, function):
    verdict = says(find(number), function)
    assert verdict.passed is True, verdict.line


# The listed misconceptions, written in another way: a checker that knew its own list by heart would fail here.


def numpy_cov(features):
    return torch.stack([torch.from_numpy(np.cov(f.flatten(1).numpy(), bias=True)) for f in features])


def torch_renorm(perturbed, images, eps, norm):
    """torch's own renorm keeps each image in the ball of either norm by shrinking all of it."""
    p = float("inf") if norm == "inf" else 2.0
    return (images + torch.renorm((perturbed - images).flatten(1), p, 0, eps).view_as(images)).clip(0, 1)


def first_come(cost):
    cost, found = cost.clone(), []
    for m in range(cost.shape[1]):
        found.append(cost[:, m].argmin())
        cost[found[-1]] = torch.inf
    return torch.stack(found)


def suppressed_by_all(iou, scores, threshold):
    better = scores[:, None] > scores
    kept = (~((iou > threshold) & better).any(0)).nonzero()[:, 0]
    return kept[scores[kept].argsort(descending=True)]


IN_OTHER_WORDS = [
    ("04.3", lambda *args: find("04.3").oracle(*args).relu(), "what arrives at x is rectified as well"),
    ("06.3", lambda a, b: np.corrcoef(a, b)[0, 1], "this is Pearson's correlation"),
    ("08.1", numpy_cov, "this is the covariance"),
    ("09.3", torch_renorm, "the whole difference is shrunk"),
    ("12.3", lambda *args: game(*args, at_once=True), "both move at once"),
    ("12.3", lambda *args: game(*args, forget=False, detach=False), "gradients of the first step"),
    ("14.2", suppressed_by_all, "a box that is gone still suppresses others"),
    ("15.3", first_come, "one object after the other"),
]


@pytest.mark.parametrize(("number", "function", "cause"), IN_OTHER_WORDS)
def test_a_mistake_is_known_however_it_is_written(number, function, cause):
    assert cause in says(find(number), function).cause


# Without care for large numbers an answer is infinite, and the line says where to look.


def log_of_the_softmax(logits, pixels):
    nats = logits.softmax(1).log().gather(1, pixels[:, None]).flatten(1).sum(1)
    return torch.stack([nats, -nats / pixels[0].numel() / LOG2], 1)


def mean_of_exp(log_joint, log_code, k):
    return (log_joint - log_code).exp().view(len(log_joint), -1, k).mean(2).log().mean(1)


OVERFLOWS = [
    ("10.1", log_of_the_softmax),
    ("11.4", mean_of_exp),
]


@pytest.mark.parametrize(("number", "function"), OVERFLOWS)
def test_what_overflows_fails(number, function):
    verdict = says(find(number), function)
    assert verdict.passed is False and verdict.cause is None and "a log of 0" in verdict.line


# The oracles obey the laws that they stand for.


@pytest.mark.parametrize(("levels", "mean", "scale"), [(3, 1.0, 1.0), (17, -2.0, 3.0), (8, 6.9, 0.2)])
def test_all_levels_together_have_the_probability_one(levels, mean, scale):
    means, scales = torch.full((levels,), mean), torch.full((levels,), scale).log()
    logs = find("11.3").oracle(torch.arange(levels), means, scales, levels)
    assert abs(float(logs.exp().sum()) - 1) < 1e-6


def test_a_larger_k_comes_nearer_on_average_and_k_one_is_the_elbo():
    weights = torch.randn(100, 12, generator=torch.Generator().manual_seed(0)).double()
    means = [float(find("11.4").oracle(weights, 0 * weights, k).mean()) for k in (1, 3, 12)]
    assert abs(means[0] - float(weights.mean())) < 1e-9 and means[0] < means[1] < means[2] < 0.5


def test_two_samples_of_one_kind_are_zero_apart_on_average():
    draws = torch.Generator().manual_seed(0)
    found = [find("12.4").oracle(*torch.randn(2, 6, 3, generator=draws)) for _ in range(400)]
    assert abs(np.mean(found)) < 4 * np.std(found) / 20 and min(found) < 0 < max(found)
