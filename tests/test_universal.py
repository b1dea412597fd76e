"""One difference for all images: its closed form on a linear net, and what it promises and refuses."""

import pytest
import torch

from experiments.methods.attacks import success_rate, universal_perturbation
from tests.attack_nets import Poisoned, Stops, linear
from tests.attribution_nets import toy, toy_images

EPS = 8 / 255


def test_on_a_linear_net_one_difference_is_the_best_for_every_image():
    """All of label 0: v = eps sign(w_1 - w_0), FGSM's for each of them."""
    net, images = linear()
    away = (net.weights[1] - net.weights[0]).detach().view(1, 3, 4, 4)
    v = universal_perturbation(net, images, 0, EPS, steps=20)
    torch.testing.assert_close(v, EPS * away.sign(), rtol=0, atol=1e-12)
    v = universal_perturbation(net, images, 0, 0.3, steps=60, norm="2")
    torch.testing.assert_close(v, 0.3 * away / away.norm(), rtol=0, atol=1e-4)


def test_made_on_some_images_it_fools_the_net_on_others():
    net, _ = linear(size=8, seed=1)
    draws = torch.Generator().manual_seed(0)
    images = 0.3 + 0.4 * torch.rand(400, 3, 8, 8, dtype=torch.float64, generator=draws)
    with torch.no_grad():
        labels = net(images).argmax(1)
    seen, unseen = slice(0, 200), slice(200, 400)
    one = labels == labels[0]  # it cannot push both classes at once across the same plane
    v = universal_perturbation(net, images[seen][one[seen]], labels[seen][one[seen]], 0.1, steps=30)
    rest, wanted = images[unseen][one[unseen]], labels[unseen][one[unseen]]
    assert success_rate(net, rest, wanted) == 0
    noise = 0.1 * torch.randn(v.shape, generator=draws, dtype=v.dtype).sign()
    assert (
        success_rate(net, (rest + v).clamp(0, 1), wanted)
        > 0.9
        > 0.5
        > success_rate(net, (rest + noise).clamp(0, 1), wanted)
    )


@pytest.mark.parametrize(("norm", "eps"), [("inf", EPS), ("inf", 0.0), ("2", 0.5)])
def test_it_stays_in_the_ball_and_is_one_for_all(norm, eps):
    v = universal_perturbation(toy(), toy_images(5), 1, eps, steps=5, norm=norm, batch=3)
    assert v.shape == (1, 3, 16, 16) and v.dtype == torch.float64
    assert (v.abs().max() if norm == "inf" else v.norm()) <= eps + 1e-12
    assert eps == 0 or v.abs().max() > 0


def test_a_seed_repeats_to_the_last_bit_and_another_does_not():
    def run(seed):
        labels = torch.tensor([0, 1, 2, 0, 1])
        return universal_perturbation(toy(), toy_images(5), labels, EPS, 5, EPS / 9, batch=2, seed=seed)

    assert torch.equal(run(1), run(1)) and not torch.equal(run(1), run(2))


def test_ctrl_c_and_nan_keep_the_difference_so_far(capsys):
    two = universal_perturbation(toy(), toy_images(), 1, EPS, steps=2)
    assert torch.equal(universal_perturbation(Stops(4), toy_images(), 1, EPS), two)
    assert torch.equal(universal_perturbation(Poisoned(5), toy_images(), 1, EPS), two)
    assert capsys.readouterr().out.count("universal: ") == 2
