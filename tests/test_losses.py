"""Gram matrix, total variation and distance: by hand, against other formulas, by finite differences."""

import pytest
import torch

from lecture_utils.synthesis.losses import distance, gram_matrix, total_variation


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
    assert not torch.allclose(gram_matrix(across), gram_matrix(features)), (
        "each channel by itself does change it"
    )
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
