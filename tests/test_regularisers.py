"""Regularisers and losses: by hand, at their fixed points, against independent formulas and finite differences."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from experiments.methods.contribution import SmallContribution
from lecture_utils.synthesis import regularisers as r
from lecture_utils.synthesis.losses import distance, gram_matrix, total_variation, variation_gradient

MEAN = torch.tensor([0.2, 0.5, 0.7], dtype=torch.float64).view(1, 3, 1, 1)
BLANK = MEAN.expand(2, 3, 8, 10).clone()
IMAGES = torch.rand(2, 3, 8, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
GRADIENT = torch.randn(2, 3, 8, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def every(strength):
    """Each kind of regulariser; of strength 0 it does nothing."""
    kinds = [r.Decay, r.SmallValues, r.SmallNorm, SmallContribution, r.SmallGradients, r.TotalVariation]
    found = [kind(0.4 * strength) for kind in kinds]
    return [*found, r.Blur(0.8 * strength, every=1), r.Jitter(3 * strength), r.Regulariser()]


def name(regulariser):
    return type(regulariser).__name__


def whole(regulariser, images, gradient, number=0):
    """All that a regulariser does in a step that does not move: (what the net sees, gradient, image)."""
    seen = regulariser.before(images, torch.Generator().manual_seed(5))
    gradient = regulariser.gradient(regulariser.back(gradient), images)
    return seen, gradient, regulariser.after(images, gradient, number, MEAN)


def pixel(*values):
    """One image (1, 3, 1, k) of k pixels, each a colour above the mean."""
    return MEAN + torch.tensor(values, dtype=torch.float64).T.view(1, 3, 1, -1)


@pytest.mark.parametrize("regulariser", every(1), ids=name)
def test_the_neutral_image_is_a_fixed_point(regulariser):
    seen, gradient, after = whole(regulariser, BLANK, torch.zeros_like(BLANK))
    for image in (seen, after):
        torch.testing.assert_close(image, BLANK, rtol=0, atol=1e-15)
    assert not gradient.any()


@pytest.mark.parametrize("regulariser", every(0), ids=name)
def test_strength_zero_does_nothing(regulariser):
    for found, expected in zip(whole(regulariser, IMAGES, GRADIENT), (IMAGES, GRADIENT, IMAGES), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("regulariser", every(1), ids=name)
def test_images_do_not_mix_and_nothing_is_written_into(regulariser):
    images, gradient = IMAGES.clone(), GRADIENT.clone()
    together = whole(regulariser, images, gradient)
    assert torch.equal(images, IMAGES) and torch.equal(gradient, GRADIENT)
    for n in range(2):
        for found, alone in zip(together, whole(regulariser, IMAGES[[n]], GRADIENT[[n]]), strict=True):
            torch.testing.assert_close(found[[n]], alone, rtol=0, atol=1e-15)


def test_decay_by_hand():
    after = r.Decay(0.25).after(pixel((0.1, -0.2, 0.04)), None, 0, MEAN)
    torch.testing.assert_close(after, pixel((0.075, -0.15, 0.03)))
    torch.testing.assert_close(r.Decay(1).after(IMAGES, None, 0, MEAN), BLANK)


@pytest.mark.parametrize("sigma", [0.4, 0.5, 1.0, 1.7])
def test_blur_is_scipys(sigma):
    reach = int(np.ceil(3 * sigma))
    expected = ndimage.gaussian_filter(IMAGES.numpy(), sigma, axes=(2, 3), mode="mirror", radius=reach)
    torch.testing.assert_close(r.gaussian_blur(IMAGES, sigma), torch.from_numpy(expected))


def test_blur_comes_every_few_steps_and_keeps_a_plain_colour():
    blur = r.Blur(1.0, every=3)
    changed = [not torch.equal(blur.after(IMAGES, None, number, MEAN), IMAGES) for number in range(7)]
    assert changed == [False, False, True, False, False, True, False]
    plain = torch.full((1, 3, 2, 2), 0.3)  # reaches over an image of two px, too
    torch.testing.assert_close(r.gaussian_blur(plain, 5.0), plain)


# Four pixels. Values, norm, contribution and gradient each call another one the smallest.
FOUR = pixel((0.02, 0.2, 0.2), (0.1, 0.1, 0.1), (0.2, -0.2, 0.1), (0.1, 0.2, 0.25))
SLOPE = torch.tensor([(1, 1, 1), (2, 2, 2), (1, 1, 0.5), (0.5, 0.4, 0.3)]).double().T.view(1, 3, 1, 4)


@pytest.mark.parametrize(
    ("regulariser", "gone"),
    [
        (r.SmallValues(1 / 12), [(0, 0)]),  # .02, one colour of the first pixel
        (r.SmallNorm(1 / 4), [(c, 1) for c in range(3)]),  # .173 against .284, .3 and .335
        (SmallContribution(1 / 4), [(c, 2) for c in range(3)]),  # .05 against .42, .6 and .205
    ],
    ids=name,
)
def test_the_four_clippings_by_hand(regulariser, gone):
    expected = FOUR.clone()
    for colour, place in gone:
        expected[0, colour, 0, place] = MEAN[0, colour, 0, 0]
    assert torch.equal(regulariser.after(FOUR, SLOPE, 0, MEAN), expected)


def test_small_gradients_by_hand():
    found = r.SmallGradients(3 / 12).gradient(SLOPE, FOUR)
    expected = SLOPE.clone()
    expected[0, 1, 0, 3] = expected[0, 2, 0, 3] = 0  # .4, .3; the third smallest are two, .5: both are spared
    assert torch.equal(found, expected)
    assert torch.equal(r.SmallGradients(3 / 12).after(FOUR, SLOPE, 0, MEAN), FOUR)


def test_jitter_shifts_there_and_back():
    jitter, draws = r.Jitter(3), torch.Generator().manual_seed(0)
    shifts = set()
    for _ in range(200):
        seen = jitter.before(IMAGES, draws)
        shifts.add(jitter.shift)
        assert torch.equal(seen, torch.roll(IMAGES, jitter.shift, (2, 3)))
        assert torch.equal(jitter.back(seen), IMAGES)
    assert {shift for pair in shifts for shift in pair} == set(range(-3, 4))
    again, draws = r.Jitter(3), torch.Generator().manual_seed(0)
    again.before(IMAGES, draws)
    first = again.shift
    again.before(IMAGES, torch.Generator().manual_seed(0))
    assert again.shift == first


def test_total_variation_is_its_own_gradient_by_autograd():
    leaf = IMAGES.clone().requires_grad_()
    (expected,) = torch.autograd.grad(total_variation(leaf).sum(), leaf)
    value, gradient = variation_gradient(IMAGES)
    torch.testing.assert_close(value, total_variation(IMAGES))
    torch.testing.assert_close(gradient, expected)
    torch.testing.assert_close(r.TotalVariation(0.5).gradient(GRADIENT, IMAGES), GRADIENT - 0.5 * expected)


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_gram_matrix_by_hand():
    features = torch.tensor([[[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, -1.0]]]).view(1, 2, 2, 2)
    assert gram_matrix(features).tolist() == [[[30 / 4, -2 / 4], [-2 / 4, 2 / 4]]]


def test_the_gram_matrix_does_not_know_where():
    features = draw(2, 4, 5, 6)
    shuffled = features.flatten(2)[:, :, torch.randperm(30, generator=torch.Generator().manual_seed(0))]
    torch.testing.assert_close(gram_matrix(shuffled.view(2, 4, 5, 6)), gram_matrix(features))
    across = features.flatten(2).gather(2, torch.rand(2, 4, 30).argsort(2)).view(2, 4, 5, 6)
    assert not torch.allclose(gram_matrix(across), gram_matrix(features)), "each channel by itself does"
    twice = torch.cat([features, features], 3)  # nor does it know how many places there are
    torch.testing.assert_close(gram_matrix(twice), gram_matrix(features))


def test_total_variation_by_hand():
    image = torch.tensor([[0.0, 0.5], [1.0, 0.0]]).expand(1, 3, 2, 2)
    down, across = 1.0 + 0.25, 0.25 + 1.0
    assert total_variation(image).tolist() == [3 * (down + across)]
    assert total_variation(torch.full((2, 3, 4, 5), 0.3)).tolist() == [0, 0]


def test_the_distance_of_gram_matrices_is_the_papers_style_loss():
    """E = 1 / (4 N^2 M^2) sum (G - A)^2 with G = F F^T, N channels, M places."""
    image, style = draw(1, 4, 5, 6), draw(1, 4, 5, 6, seed=1)
    f, s = image.view(4, 30).numpy(), style.view(4, 30).numpy()
    expected = ((f @ f.T - s @ s.T) ** 2).sum() / (4 * 4**2 * 30**2)
    found = distance(gram_matrix(image), gram_matrix(style)) / (4 * 4**2)
    assert float(found) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "loss",
    [
        total_variation,
        lambda x: distance(x, draw(2, 3, 4, 5, seed=3)),
        lambda x: gram_matrix(x).flatten(1) @ draw(9),
        lambda x: distance(gram_matrix(x), gram_matrix(draw(2, 3, 4, 5, seed=4))),
    ],
    ids=["total variation", "content", "gram", "style"],
)
def test_gradients_by_finite_differences(loss):
    images, way, step = draw(2, 3, 4, 5), draw(2, 3, 4, 5, seed=7), 1e-6
    leaf = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf).sum(), leaf)
    slope = (loss(images + step * way) - loss(images - step * way)) / (2 * step)
    torch.testing.assert_close((gradient * way).sum((1, 2, 3)), slope, rtol=1e-7, atol=1e-7)
