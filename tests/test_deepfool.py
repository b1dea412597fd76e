"""DeepFool: the nearest border of a linear net in closed form, the box, and what it promises and refuses."""

import pytest
import torch
from torch import nn

from lecture_utils.synthesis.attack import deepfool
from tests.attack_nets import (
    Linear,
    Poisoned,
    Stops,
    linear,
    said,
)
from tests.attribution_nets import (
    random_images,
    random_net,
    toy,
    toy_images,
    unchanged,
)

# --- by hand ---


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


# --- on nets that are not linear ---


@pytest.mark.parametrize("name", ["alex", "gap"])
def test_the_class_changes_and_hardly_more_than_needed(name):
    """What it finds is an upper bound; most of it must be needed: 90% of the way does not do."""
    net, (images, _) = random_net(name), random_images(name, n=3)
    with unchanged(net):
        found = deepfool(net, images)
    assert (said(net, found) != said(net, images)).all()
    assert found.min() >= 0 and found.max() <= 1
    assert (said(net, images + 0.9 * (found - images)) == said(net, images)).all()
    again = deepfool(net, images)
    assert torch.equal(found, again), "no chance is in it"


@pytest.mark.slow
def test_its_way_is_shorter_than_that_of_the_gradient_sign():
    from lecture_utils.synthesis.attack import fgsm

    net, (images, _) = random_net("gap"), random_images("gap")
    labels = said(net, images)
    found = (deepfool(net, images) - images).flatten(1).norm(dim=1)
    for eps in torch.logspace(-4, 0, 60).tolist():  # the smallest that does
        signed = fgsm(net, images, labels, eps)
        if (said(net, signed) != labels).all():
            break
    assert (found < 0.7 * (signed - images).flatten(1).norm(dim=1)).all()


# --- what it promises ---


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


# --- what it refuses ---
