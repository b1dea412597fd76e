"""Projected gradient descent: FGSM's optimum on a linear net, captum's steps, the ball, the restarts."""

import math
import warnings

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lecture_utils.synthesis import attack
from lecture_utils.synthesis.attack import fgsm, pgd, project, random_point
from tests.attack_nets import (
    Linear,
    Poisoned,
    Stops,
    linear,
)
from tests.attribution_nets import (
    for_captum,
    random_images,
    random_net,
    toy,
    toy_images,
    unchanged,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from captum.robust import PGD

pytestmark = pytest.mark.filterwarnings("ignore:Input Tensor:UserWarning")  # captum says what it does to them
EPS = 8 / 255


def loss_of(net, images, labels):
    with torch.no_grad():
        labels = torch.full((len(images),), labels) if isinstance(labels, int) else labels
        return cross_entropy(net(images), labels, reduction="none")


# --- by hand ---


@pytest.mark.parametrize("start", ["image", "random"])
def test_on_a_linear_net_it_reaches_the_optimum_that_fgsm_reaches_at_once(start):
    net, images = linear()
    labels = torch.tensor([0, 1, 0])
    found = pgd(net, images, labels, EPS, steps=10, step_size=EPS / 4, start=start)
    torch.testing.assert_close(found, fgsm(net, images, labels, EPS), rtol=0, atol=1e-12)


@pytest.mark.parametrize("start", ["image", "random"])
def test_on_a_linear_net_the_best_of_a_round_ball_lies_along_the_weights(start):
    net, images = linear()
    found = pgd(net, images, 0, 0.3, steps=60, step_size=0.1, norm="2", start=start)
    away = (net.weights[1] - net.weights[0]).detach().view(1, 3, 4, 4)
    torch.testing.assert_close(found, images + 0.3 * away / away.norm().expand(3, 1, 1, 1), rtol=0, atol=1e-6)


def test_one_step_of_the_whole_radius_is_fgsm():
    net, images = toy(), toy_images(3)
    assert torch.equal(pgd(net, images, 1, EPS, 1, EPS), fgsm(net, images, 1, EPS))
    assert torch.equal(pgd(net, images, 1, EPS, 1, EPS, target=0), fgsm(net, images, 1, EPS, target=0))


def test_the_projection_by_hand():
    image = torch.tensor([0.5, 0.95, 0.0]).view(1, 3, 1, 1)
    far = torch.tensor([0.9, 1.5, -0.2]).view(1, 3, 1, 1)
    assert project(far, image, 0.1).flatten().tolist() == pytest.approx([0.6, 1.0, 0.0])
    far = image + torch.tensor([0.3, 0.0, 0.4]).view(1, 3, 1, 1)  # .5 long
    assert project(far, image, 0.25, "2").flatten().tolist() == pytest.approx([0.65, 0.95, 0.2])
    assert torch.equal(project(image, image, 0.0, "2"), image)


def test_two_steps_in_the_round_ball_by_an_independent_formula():
    net, images, eps, size = toy(), toy_images(2), 0.2, 0.15
    x = images.clone()
    for _ in range(2):
        leaf = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(cross_entropy(net(leaf), torch.tensor([1, 1]), reduction="sum"), leaf)
        step = size * nn.functional.normalize(slope.flatten(1)).view_as(x)
        x = (images + torch.renorm(x + step - images, 2, 0, eps)).clamp(0, 1)
    torch.testing.assert_close(pgd(net, images, 1, eps, 2, size, norm="2"), x, rtol=0, atol=1e-7)


# --- against captum, in float64 ---


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("name", ["alex", "gap", "resnet18"])
def test_it_is_captums(name, targeted):
    images, labels = random_images(name)
    target = (labels + 3) % 16
    oracle = PGD(for_captum(name), nn.CrossEntropyLoss(reduction="none"), 0, 1)
    oracle.fgsm.zero_thresh = 0  # captum leaves values alone whose slope is below 1e-6
    expected = oracle.perturb(
        images.clone(), EPS, EPS / 3, 5, target if targeted else labels, targeted=targeted
    )
    with unchanged(random_net(name)):
        found = pgd(random_net(name), images, labels, EPS, 5, EPS / 3, target=target if targeted else None)
    assert (found - images).abs().max() > 0.9 * EPS
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-9)


# --- what it promises ---


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("norm", "eps"), [("inf", EPS), ("inf", 0), ("inf", 1), ("2", 0.5), ("2", 20.0)])
def test_the_result_is_an_image_inside_the_ball(norm, eps, dtype):
    images = toy_images(4, dtype)
    images[:, :, :8] = images[:, :, :8].round()  # black and white
    found = pgd(toy("gap", dtype), images, 1, eps, 3, eps / 2 or 0.1, restarts=2, norm=norm, start="random")
    assert found.dtype == dtype and found.min() >= 0 and found.max() <= 1
    moved = (found - images).flatten(1)
    assert (moved.abs().amax(1) if norm == "inf" else moved.norm(dim=1)).max() <= eps * (1 + 1e-6) + 1e-6
    assert eps == 0 or moved.abs().max() > 0


@pytest.mark.parametrize("norm", ["inf", "2"])
def test_random_points_fill_the_ball_and_differ_from_image_to_image(norm):
    images = torch.full((400, 3, 1, 1), 0.5, dtype=torch.float64)
    moved = (random_point(images, 0.2, norm, torch.Generator().manual_seed(0)) - images).flatten(1)
    size = moved.abs().amax(1) if norm == "inf" else moved.norm(dim=1)
    assert size.max() <= 0.2 and size.unique().numel() == 400
    assert abs(((size / 0.2) ** 3).mean() - 0.5) < 0.05  # uniform in three dimensions: (r / eps)^3 is uniform
    assert moved.mean(0).abs().max() < 0.02


@pytest.mark.parametrize("target", [None, 2])
def test_of_the_restarts_the_best_is_kept_image_by_image(target):
    net, images = toy(), toy_images(6)
    arguments = {"eps": EPS, "steps": 2, "step_size": EPS / 4, "target": target, "start": "random", "seed": 1}
    few = pgd(net, images, 1, **arguments)
    many = pgd(net, images, 1, restarts=6, **arguments)
    if target is None:
        gain = loss_of(net, many, 1) - loss_of(net, few, 1)
        hit = [net(x).argmax(1) != 1 for x in (few, many)]
    else:
        gain = loss_of(net, few, target) - loss_of(net, many, target)
        hit = [net(x).argmax(1) == target for x in (few, many)]
    assert (hit[1] >= hit[0]).all()
    assert (gain[hit[0] == hit[1]] >= 0).all() and (gain > 0).any()


def test_an_end_that_does_what_was_asked_comes_before_one_of_larger_loss(monkeypatch):
    """Three classes: at A the label is still first though its loss is larger; at B another class is just ahead."""
    logits = {0.2: [1.0, 0.9, 0.9], 0.8: [1.0, 1.1, -9.0]}  # losses of class 0: 1.03 and .74

    class Table(nn.Module):
        def forward(self, images):
            rows = [logits[round(x, 1)] for x in images[:, 0, 0, 0].tolist()]
            return torch.tensor(rows) + 0 * images.flatten(1).sum(1, keepdim=True)

    starts = iter([torch.full((1, 3, 1, 1), 0.8), torch.full((1, 3, 1, 1), 0.2)])
    monkeypatch.setattr(attack, "random_point", lambda *_: next(starts))
    image = torch.full((1, 3, 1, 1), 0.2)
    assert torch.equal(pgd(Table(), image, 0, 1.0, 1, 0.1, restarts=3), torch.full_like(image, 0.8))


def test_a_seed_repeats_to_the_last_bit_and_another_does_not():
    def run(seed):
        return pgd(toy(), toy_images(), 1, EPS, 2, EPS / 8, restarts=2, start="random", seed=seed)

    assert torch.equal(run(5), run(5)) and not torch.equal(run(5), run(6))


def test_ctrl_c_keeps_what_has_been_reached(capsys):
    full = pgd(toy(), toy_images(), 1, EPS, 2, EPS / 8)
    assert torch.equal(pgd(Stops(3), toy_images(), 1, EPS, 9, EPS / 8), full)
    assert "pgd: stopped after 2 of 9 steps: the result is the image so far" in capsys.readouterr().out
    restarted = pgd(Stops(3), toy_images(), 1, EPS, 2, EPS / 8, restarts=5)  # in the second run's first step
    assert ((restarted - full).flatten(1).abs().amax(1) == 0).any()


def test_a_step_that_gives_no_number_ends_it_with_the_last_good_image(capsys):
    good = pgd(toy(), toy_images(), 1, EPS, 1, EPS / 8)
    assert torch.equal(pgd(Poisoned(3), toy_images(), 1, EPS, 9, EPS / 8), good)
    assert "NaN or infinity in step 3 of 9" in capsys.readouterr().out


# --- what it refuses ---


def test_the_largest_round_ball_is_the_diagonal():
    images = torch.full((1, 3, 4, 4), 0.5)
    net = Linear(torch.randn(2, 48, generator=torch.Generator().manual_seed(0)))
    pgd(net, images, 0, math.sqrt(48), 1, 1.0, norm="2")
