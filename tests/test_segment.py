"""GrabCut from a heatmap: a known shape is cut out, and what cannot be cut says so."""

import numpy as np
import pytest
import torch

from lecture_utils.attribution.segment import grabcut_from_heatmap, seeds

SIDE = 48
MASK = torch.zeros(SIDE, SIDE, dtype=torch.bool)
MASK[12:30, 16:36] = True


def scene(noise=0.04):
    """A reddish box on a bluish ground, with noise; and a heatmap that knows only its middle."""
    draws = torch.Generator().manual_seed(0)
    image = torch.where(
        MASK, torch.tensor([0.8, 0.3, 0.2])[:, None, None], torch.tensor([0.2, 0.4, 0.7])[:, None, None]
    )
    image = (image + noise * torch.randn(3, SIDE, SIDE, generator=draws)).clamp(0, 1)
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    heat = torch.exp(-((y - 21) ** 2 + (x - 26) ** 2) / (2 * 9.0**2))
    return image[None], heat[None]


def overlap(found, true):
    return float((found & true).sum() / (found | true).sum())


def test_colours_find_the_outline_that_the_heatmap_does_not_have():
    image, heat = scene()
    found = grabcut_from_heatmap(image, heat)
    assert found.dtype == torch.bool and found.shape == (1, SIDE, SIDE)
    assert overlap(found[0], MASK) > 0.97
    best = max(overlap(heat[0] > level, MASK) for level in np.linspace(0, 1, 200))
    assert best < 0.9, "no threshold of the heat is as good"


def test_seeds_are_quantiles_of_the_heat():
    heat = np.arange(100.0).reshape(10, 10)
    inside, outside = seeds(heat, 0.95, 0.3)
    assert inside.sum() == 5 and (heat[inside] >= 95).all()
    assert outside.sum() == 30 and (heat[outside] < 30).all()


def test_blurring_joins_what_is_speckled():
    heat = np.zeros((20, 20))
    heat[6:14:2, 6:14:2] = 1
    heat[1, 1] = 1.5  # a single hot pixel elsewhere
    plain, _ = seeds(heat, 0.98)
    smooth, _ = seeds(heat, 0.98, smooth=2)
    assert plain[1, 1] and not smooth[1, 1] and smooth[9:11, 9:11].all()


@pytest.mark.parametrize("heat", [torch.zeros(1, SIDE, SIDE), torch.ones(1, SIDE, SIDE)])
def test_a_constant_map_cuts_out_nothing(heat):
    assert not grabcut_from_heatmap(scene()[0], heat).any()


def test_it_is_the_same_each_time_and_leaves_the_random_state():
    image, heat = scene(noise=0.3)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    once = grabcut_from_heatmap(image, heat)
    pair = grabcut_from_heatmap(image.repeat(2, 1, 1, 1), heat.repeat(2, 1, 1))
    assert torch.equal(once[0], pair[0]) and torch.equal(pair[0], pair[1])
    assert torch.equal(states[0], torch.get_rng_state()) and (states[1] == np.random.get_state()[1]).all()
