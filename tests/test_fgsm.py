"""The fast gradient sign method: its closed form, captum's, and what it promises and refuses."""

import sys
import warnings
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import nn

from lecture_utils.synthesis.attack import fgsm
from tests.attack_nets import Linear, Poisoned, linear
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
    from captum.robust import FGSM

pytestmark = pytest.mark.filterwarnings("ignore:Input Tensor:UserWarning")  # captum says what it does to them
EPS = 8 / 255


# --- by hand ---


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


# --- against captum, in float64 ---


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("name", ["alex", "gap", "resnet18", "squeezenet1_1"])
def test_it_is_captums(name, targeted):
    images, labels = random_images(name)
    target = (labels + 3) % 16
    oracle = FGSM(for_captum(name), nn.CrossEntropyLoss(reduction="none"), 0, 1)
    oracle.zero_thresh = 0  # captum leaves values alone whose slope is below 1e-6
    expected = oracle.perturb(images.clone(), EPS, target if targeted else labels, targeted=targeted)
    with unchanged(random_net(name)):
        found = fgsm(random_net(name), images, labels, EPS, target if targeted else None)
    assert (found - images).abs().max() > 0.9 * EPS
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-12)


# --- what it promises ---


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("eps", [0, 0.5 / 255, 8 / 255, 1])
def test_the_result_is_an_image_inside_the_ball(eps, dtype):
    images = toy_images(4, dtype)
    images[:, :, :8] = images[:, :, :8].round()  # black and white: nothing may go beyond
    found = fgsm(toy("gap", dtype), images, 1, eps)
    assert found.dtype == dtype and found.min() >= 0 and found.max() <= 1
    assert (found - images).abs().max() <= eps + 1e-6


def test_where_the_gradient_is_no_number_the_image_stays_and_a_sentence_says_so(capsys):
    assert torch.equal(fgsm(Poisoned(1), toy_images(), 1, EPS), toy_images())
    assert "NaN or infinity in the gradient of 2 of 2 images" in capsys.readouterr().out


# --- what it refuses ---


def test_a_net_that_gives_no_logits_or_takes_other_sizes_is_refused():
    with pytest.raises(ValueError, match=r"net: expected logits of shape \(2, classes\), got \(2, 4"):
        fgsm(toy()[:1], toy_images(), 0, EPS)
    with pytest.raises(ValueError, match="images: the net cannot take 10 x 10 px"):
        fgsm(toy("fc"), toy_images()[:, :, :10, :10], 0, EPS)


def test_the_benchmark_says_what_it_needs(monkeypatch, capsys):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "tools")
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.robust", None)
    assert list(import_module("bench_adversarial").rows(quick=True)) == []
    assert "the attacks are compared with captum: pip install captum" in capsys.readouterr().err
