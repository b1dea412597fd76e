"""FGSM, PGD and DeepFool: closed forms on linear nets, captum's steps, the ball, the restarts, the box."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lecture_utils.synthesis import attack
from lecture_utils.synthesis.attack import deepfool, fgsm, pgd, project, random_point
from tests.attack_nets import Linear, Poisoned, Stops, linear, said
from tests.attribution_nets import for_captum, random_images, random_net, toy, toy_images, unchanged

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from captum.robust import FGSM, PGD

pytestmark = pytest.mark.filterwarnings("ignore:Input Tensor:UserWarning")  # captum says what it does to them
EPS = 8 / 255


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("name", ["alex", "gap", "resnet18", "squeezenet1_1"])
def test_fgsm_and_pgd_are_captums(name, targeted, steps):
    net, (images, labels), ask = random_net(name), random_images(name), nn.CrossEntropyLoss(reduction="none")
    target = (labels + 3) % 16 if targeted else None
    oracle = (FGSM if steps == 1 else PGD)(for_captum(name), ask, 0, 1)
    getattr(oracle, "fgsm", oracle).zero_thresh = 0  # captum leaves values alone whose slope is below 1e-6
    more = (EPS,) if steps == 1 else (EPS, EPS / 3, steps)
    expected = oracle.perturb(images.clone(), *more, target if targeted else labels, targeted=targeted)
    with unchanged(net):
        if steps == 1:
            found = fgsm(net, images, labels, EPS, target)
        else:
            found = pgd(net, images, labels, EPS, steps, EPS / 3, target=target)
    assert (found - images).abs().max() > 0.9 * EPS
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-9)


def test_on_a_linear_net_it_is_the_closed_form():
    """Two classes: every value moves by eps along sign(w_other - w_label), and the margin falls by eps ||.||_1."""
    net, images = linear()
    labels = torch.tensor([0, 1, 0])
    away = (net.weights[1 - labels] - net.weights[labels]).detach()  # (3, 48)
    found = fgsm(net, images, labels, EPS)
    torch.testing.assert_close(found, images + EPS * away.sign().view_as(images), rtol=0, atol=1e-15)
    rows = torch.arange(3)
    margins = [(s[rows, 1 - labels] - s[rows, labels]).detach() for s in (net(images), net(found))]
    torch.testing.assert_close(margins[1] - margins[0], EPS * away.abs().sum(1))


def test_three_numbers_by_hand():
    """Scores 2 r - g and 0 of one pixel: to lose class 0, red falls, green rises, blue stays as it is."""
    net = Linear(torch.tensor([[2.0, -1.0, 0.0], [0.0, 0.0, 0.0]]))
    pixel = torch.tensor([0.5, 0.95, 0.3]).view(1, 3, 1, 1)
    assert fgsm(net, pixel, 0, 0.1).flatten().tolist() == pytest.approx([0.4, 1.0, 0.3])
    assert fgsm(net, pixel, 1, 0.1).flatten().tolist() == pytest.approx([0.6, 0.85, 0.3])


def test_with_a_target_it_goes_towards_that_class():
    net, images = linear(classes=3)
    found = fgsm(net, images, 0, EPS, target=2)
    scores = net(images)
    p = scores.softmax(1).detach()
    slope = (p - nn.functional.one_hot(torch.tensor(2), 3)) @ net.weights.detach()  # of the target's loss
    torch.testing.assert_close(found, images - EPS * slope.sign().view_as(images), rtol=0, atol=1e-15)
    assert not torch.equal(found, fgsm(net, images, 0, EPS))


def test_where_the_gradient_is_no_number_the_image_stays_and_a_sentence_says_so(capsys):
    assert torch.equal(fgsm(Poisoned(1), toy_images(), 1, EPS), toy_images())
    assert "NaN or infinity in the gradient of 2 of 2 images" in capsys.readouterr().out


def loss_of(net, images, labels):
    with torch.no_grad():
        labels = torch.full((len(images),), labels) if isinstance(labels, int) else labels
        return cross_entropy(net(images), labels, reduction="none")


def test_on_a_linear_net_it_reaches_the_optimum_that_fgsm_reaches_at_once():
    net, images = linear()
    labels = torch.tensor([0, 1, 0])
    found = pgd(net, images, labels, EPS, steps=10, step_size=EPS / 4)
    torch.testing.assert_close(found, fgsm(net, images, labels, EPS), rtol=0, atol=1e-12)


def test_on_a_linear_net_the_best_of_a_round_ball_lies_along_the_weights():
    net, images = linear()
    found = pgd(net, images, 0, 0.3, steps=60, step_size=0.1, norm="2")
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("norm", "eps"), [("inf", EPS), ("inf", 0), ("inf", 1), ("2", 0.5), ("2", 20.0)])
def test_pgd_stays_inside_the_ball(norm, eps, dtype):
    images = toy_images(4, dtype)
    images[:, :, :8] = images[:, :, :8].round()  # black and white
    found = pgd(toy("gap", dtype), images, 1, eps, 3, eps / 2 or 0.1, restarts=2, norm=norm)
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


def test_with_a_random_start_already_the_first_run_begins_at_a_random_point_of_the_ball():
    net, images = toy(), toy_images(3)
    start = random_point(images, EPS, "inf", torch.Generator().manual_seed(5))
    none = pgd(net, images, 1, EPS, 1, 0.0, seed=5, random_start=True)  # a step of no size
    assert torch.equal(none, start) and not torch.equal(none, images)
    one = pgd(net, images, 1, EPS, 1, EPS / 4, seed=5, random_start=True)
    assert torch.equal(one, project(fgsm(net, start, 1, EPS / 4), images, EPS))


@pytest.mark.parametrize("target", [None, 2])
def test_of_the_restarts_the_best_is_kept_image_by_image(target):
    net, images = toy(), toy_images(6)
    arguments = {"eps": EPS, "steps": 2, "step_size": EPS / 32, "target": target, "seed": 1}
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


def test_one_number_by_hand():
    """Scores 4 r + 3 g and 1 of a pixel (r, g, b) = (.5, .5, .5): the border is 2.5 / 5 = .5 away, along (-.8, -.6)."""
    net = Linear(torch.tensor([[4.0, 3, 0], [0, 0, 0]]).double(), torch.tensor([0.0, 1]).double())
    pixel = torch.full((1, 3, 1, 1), 0.5, dtype=torch.float64)
    found = deepfool(net, pixel, overshoot=0.0, box=False)
    assert found.flatten().tolist() == pytest.approx([0.1, 0.2, 0.5])
    assert net(found).flatten().tolist() == pytest.approx([1.0, 1.0])
    beyond = deepfool(net, pixel, overshoot=0.1)
    assert beyond.flatten().tolist() == pytest.approx([0.06, 0.17, 0.5]) and said(net, beyond).tolist() == [1]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [2, 5, 10])
def test_on_a_linear_net_it_lands_on_the_nearest_border(classes, seed):
    """Without box and overshoot: distance min_k (s_c - s_k) / ||w_k - w_c||, reached along w_k - w_c."""
    net, images = linear(classes, seed=seed)
    weights, scores = net.weights.detach(), net(images).detach()
    found = deepfool(net, images, overshoot=0.0, box=False)
    after = net(found).detach()
    for image, other, now, s in zip(images, found, after, scores, strict=True):
        first = int(s.argmax())
        ways = {k: weights[k] - weights[first] for k in range(classes) if k != first}
        distance = {k: (s[first] - s[k]) / way.norm() for k, way in ways.items()}
        nearest = min(distance, key=distance.get)
        expected = image.flatten() + distance[nearest] * ways[nearest] / ways[nearest].norm()
        torch.testing.assert_close(other.flatten(), expected, rtol=0, atol=1e-10)
        assert now[nearest] == pytest.approx(float(now[first]), abs=1e-10)
        assert now.max() == pytest.approx(float(now[first]), abs=1e-10), "no other border is crossed"


def test_the_nearest_border_need_not_be_that_of_the_second_best_class():
    """Class 1 is close in score and flat, class 2 is far in score and steep."""
    weights = torch.tensor([[0.0, 0, 0], [0.1, 0, 0], [0, 10, 0]]).double()
    net = Linear(weights, torch.tensor([1.0, 0.91, -5]).double())
    pixel = torch.full((1, 3, 1, 1), 0.5, dtype=torch.float64)
    assert net(pixel)[0].argsort(descending=True).tolist() == [0, 1, 2]
    assert said(net, deepfool(net, pixel)).tolist() == [2]
    assert said(net, deepfool(net, pixel, candidates=2)).tolist() == [1]


def test_the_box_is_kept_and_the_rest_of_the_way_made_by_the_other_pixels():
    """Red can give only .1 of its way: the border is reached all the same, with more blue."""
    net = Linear(torch.tensor([[3.0, 0, 1], [0, 0, 0]]).double(), torch.tensor([0.0, 0.6]).double())
    pixel = torch.tensor([0.1, 0.5, 0.8]).double().view(1, 3, 1, 1)  # 1.1 against .6
    free, kept = deepfool(net, pixel, box=False), deepfool(net, pixel)
    assert free[0, 0] < 0 and said(net, free).tolist() == [1]
    assert kept.min() >= 0 and said(net, kept).tolist() == [1]
    assert kept[0, 0] == 0 and kept[0, 1] == 0.5 and kept[0, 2] < free[0, 2]


def test_a_net_that_is_flat_shows_no_way_and_the_image_stays():
    class Flat(nn.Module):
        def forward(self, images):
            return torch.tensor([[2.0, 0.0]]) + 0 * images.flatten(1)[:, :2]

    image = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(deepfool(Flat(), image, steps=3), image)


def test_ctrl_c_and_nan_keep_the_images_so_far(capsys):
    one = deepfool(toy(), toy_images(), steps=1)
    # a step takes two passes, and one goes before the first
    assert torch.equal(deepfool(Stops(4), toy_images()), one)
    assert "deepfool: stopped after 1 of 50 steps" in capsys.readouterr().out
    assert torch.equal(deepfool(Poisoned(7), toy_images()), one)  # in the third
    assert "NaN or infinity in step 3 of 50" in capsys.readouterr().out
