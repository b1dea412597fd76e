"""Is it an edge? The Gabor fit against synthetic filters, noise, and another optimiser; and the controls."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score

from experiments.methods.filter_kinds import colours, edges, spectrum_noise
from experiments.methods.gabor import fit_gabor, split_fit
from lecture_utils.features import faded


def gabor(theta, frequency, x0, y0, sigma, aspect, phase, colour, size=11):
    """One Gabor filter (3, size, size) in numpy and float64: a formula independent of the package's."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    along = np.cos(theta) * (x - x0) + np.sin(theta) * (y - y0)
    across = -np.sin(theta) * (x - x0) + np.cos(theta) * (y - y0)
    envelope = np.exp(-0.5 * (along / sigma) ** 2 - 0.5 * (across / (aspect * sigma)) ** 2)
    return np.asarray(colour)[:, None, None] * envelope * np.cos(2 * np.pi * frequency * along + phase)


def r2(values, predicted):
    """scikit-learn's R² of a filter (3, h, w), each colour about its own mean."""
    pair = (np.asarray(a).reshape(3, -1).T for a in (values, predicted))
    return r2_score(*pair, multioutput="variance_weighted")


def random_gabors(n, size=11, seed=0):
    rng, rows = np.random.default_rng(seed), []
    for _ in range(n):
        colour = rng.normal(size=3)
        row = rng.uniform(0, np.pi), rng.uniform(0.06, 0.3), *rng.uniform(-0.2, 0.2, 2) * size
        row += rng.uniform(0.15, 0.33) * size, rng.uniform(0.8, 1.8), rng.uniform(0, 2 * np.pi)
        rows.append((*row, colour / np.linalg.norm(colour)))
    return rows, torch.tensor(np.stack([gabor(*row, size=size) for row in rows]))


@pytest.mark.parametrize("size", [11, 7])
def test_gabors_are_found(size):
    rows, filters = random_gabors(24, size)
    fit, whole = fit_gabor(filters), edges(filters)
    assert fit.r2.min() > 0.99 and whole.split.min() > 0.98
    assert whole.share == 1 and whole.strict_share == 1 and whole.variance > 0.99
    truth = torch.tensor([row[0] for row in rows])
    turned = (fit.orientation - truth).remainder(torch.pi)
    assert torch.minimum(turned, torch.pi - turned).median() < 0.02
    axes = torch.tensor(np.stack([row[-1] for row in rows]))
    assert (fit.axis * axes).sum(1).abs().min() > 0.995
    assert (fit.frequency - torch.tensor([row[1] for row in rows])).abs().median() < 0.005


def test_noise_is_not_an_edge():
    noise = torch.randn(32, 3, 11, 11, generator=torch.Generator().manual_seed(1))
    found = edges(noise)
    assert found.share == 0 and found.strict_share == 0 and found.split.max() < 0.1 and found.variance < 0.2


def test_split_fit_pools_both_halves():
    _, filters = random_gabors(5, seed=5)
    filters = filters + 0.2 * torch.randn(filters.shape, generator=torch.Generator().manual_seed(0))
    half = (torch.rand(5, 121, generator=torch.Generator().manual_seed(7)).argsort(1) < 60).view(5, 11, 11)
    a, b = fit_gabor(filters, half).fitted, fit_gabor(filters, ~half).fitted
    predicted = torch.where(half[:, None], b, a).numpy()
    expected = [r2(f, p) for f, p in zip(filters.numpy(), predicted, strict=True)]
    assert split_fit(filters, seed=7).tolist() == pytest.approx(expected, abs=1e-4)


def test_noise_has_the_spectrum_of_the_filters():
    _, filters = random_gabors(40)
    power = lambda f: torch.fft.fft2(f).abs() ** 2  # noqa: E731
    own = spectrum_noise(filters, seed=3, own=True)
    torch.testing.assert_close(power(own), power(filters))
    assert not torch.allclose(own, filters)
    mean = torch.stack([power(spectrum_noise(filters, seed=s)).mean(0) for s in range(40)]).mean(0)
    ratio = mean / power(filters).mean(0)
    assert ratio.mean() == pytest.approx(1, abs=0.05) and ratio.std() < 0.15


def test_colours_by_hand():
    red_green, grey = torch.tensor([1.0, -1, 0]) / 2**0.5, torch.tensor([1.0, 1, 1]) / 3**0.5
    edge = torch.cat([-torch.ones(4, 2), torch.ones(4, 2)], 1)
    blob = torch.ones(4, 4)
    pairs = itertools.product((red_green, grey), (edge, blob))
    filters = torch.stack([axis[:, None, None] * shape for axis, shape in pairs])
    found = colours(filters)
    assert found.chromatic.tolist() == pytest.approx([1, 1, 0, 0], abs=1e-6)
    assert found.one_axis.tolist() == pytest.approx([1, 1, 1, 1])
    assert found.balance.tolist() == pytest.approx([1, 0, 1, 0], abs=1e-6)
    assert found.from_grey.tolist() == pytest.approx([90, 90, 0, 0], abs=0.1)
    kinds = [name for i in range(4) for name, of in found.kinds.items() if of[i]]
    assert kinds == ["opposing colours", "one colour", "black and white", "black and white"]
    assert found.opponent.tolist() == [True, False, False, False] and found.share == 0.25
    assert abs(found.axis[0] @ red_green) == pytest.approx(1)


def test_faded_filters_are_those_without_length():
    filters = torch.ones(4, 3, 5, 5) * torch.tensor([1.0, 0.0, 0.2, 0.05]).view(-1, 1, 1, 1)
    assert faded(filters).tolist() == [False, True, False, True]
    assert faded(filters, share=0.3).tolist() == [False, True, True, True]
