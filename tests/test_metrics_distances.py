"""FID and KID against closed forms and scipy."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from experiments.methods.measures import nearest
from experiments.studies.studio_seeds import total_variation_distance
from lecture_utils.metrics import distances


def gaussian(n, mean, spread, seed):
    return mean + spread * torch.randn(n, len(mean), generator=torch.Generator().manual_seed(seed)).double()


def standardised(n, d, seed):
    """n points whose mean is exactly 0 and whose covariance is exactly the identity."""
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()
    x = x - x.mean(0)
    return x @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T))).T


def test_frechet_closed_form():
    x = standardised(200, 3, 0)
    a = x * torch.tensor([1.0, 2.0, 3.0]) + torch.tensor([0.0, 1.0, 0.0])
    b = standardised(300, 3, 1) * torch.tensor([2.0, 2.0, 1.0]) + torch.tensor([1.0, 1.0, -2.0])
    by_hand = (1 + 0 + 4) + (1 + 0 + 4)  # ‖m₁ - m₂‖² + Σ (s₁ - s₂)²
    assert distances.fid(a, b) == pytest.approx(by_hand, abs=1e-9)


def test_frechet_against_scipy_where_the_covariances_do_not_commute():
    draws = torch.Generator().manual_seed(2)
    a, b = (torch.randn(60, 7, generator=draws) @ torch.randn(7, 7, generator=draws) for _ in "ab")
    c1, c2 = np.cov(a.T.double()), np.cov(b.T.double())
    gap = (a.double().mean(0) - b.double().mean(0)).square().sum()
    expected = float(gap) + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert distances.fid(a, b) == pytest.approx(expected, rel=1e-9)
    assert distances.fid(b, a) == pytest.approx(expected, rel=1e-9)
    assert distances.fid(a, a.flip(0)) < 1e-6
    assert 0 <= distances.fid(a[:5], a[:5]) < 1e-5, "of fewer images than features"


def test_kid_by_hand():
    """In one dimension the kernel is (x y + 1)³; and without each of two blocks, for the error."""
    x, y = torch.tensor([1.0, 2.0, 0.5, -1.0]).double(), torch.tensor([0.0, -1.0, 1.5, 3.0]).double()
    k = lambda a, b: (float(a) * float(b) + 1) ** 3  # noqa: E731

    def value(x, y):
        own = lambda z: np.mean([k(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j])  # noqa: E731
        return own(x) + own(y) - 2 * np.mean([k(a, b) for a in x for b in y])

    found = distances.kid(x[:, None], y[:, None], blocks=2, seed=4)
    assert found.value == pytest.approx(value(x, y))
    draws = torch.Generator().manual_seed(4)
    in_x, in_y = (torch.randperm(4, generator=draws) % 2 for _ in "xy")
    halves = [value(x[in_x == b], y[in_y == b]) for b in (0, 1)]
    assert found.error == pytest.approx(abs(halves[0] - halves[1]) / 2)


def test_kid_is_unbiased_and_its_error_right():
    """Over many pairs from one source the mean is 0 within its error; a biased one would stand far above."""
    same, shifted = [], []
    for seed in range(150):
        a, b = gaussian(60, torch.zeros(4), 1.0, 2 * seed), gaussian(60, torch.zeros(4), 1.0, 2 * seed + 1)
        same.append(distances.kid(a, b))
        shifted.append(distances.kid(a, b + 0.5))
    (values, errors), (far, far_errors) = np.transpose(same), np.transpose(shifted)
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(150)
    ratio, far_ratio = (np.sqrt(np.mean(e**2)) / v.std() for v, e in ((values, errors), (far, far_errors)))
    assert 0.8 < far_ratio < 1.25  # where there is something to see the error is right,
    assert 0.8 < ratio < 2  # and never too small where there is nothing
    assert distances.kid(a, b) == same[-1]


def test_nearest():
    bank = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    away, which = nearest(torch.tensor([[0.0, 0.0], [6.0, 9.0]]), bank)
    assert away.tolist() == [0, 1] and which.tolist() == [0, 2]


def test_total_variation_by_hand():
    assert total_variation_distance([0.5, 0.5], [0.5, 0.5]) == 0
    assert total_variation_distance(torch.tensor([1.0, 0, 0]), [0, 0.5, 0.5]) == 1
    assert total_variation_distance([0.5, 0.3, 0.2], [0.2, 0.3, 0.5]) == pytest.approx(0.3)
