"""Figures of densities: what stands where, and what is refused."""

import numpy as np
import pytest
import torch

from lecture_utils import plots
from lecture_utils.plots import Picture, likelihood


def greys(n, side=8, seed=0):
    return torch.rand(n, side, side, generator=torch.Generator().manual_seed(seed))


def test_each_leaf_of_the_map_hangs_on_its_branch():
    leaves = {
        "a code": [("PCA", "axes", greys(2)), ("k-means", "centres", greys(2))],
        "a density": [("G", "", greys(3))],
    }
    made = likelihood.taxonomy(leaves, title="T", caption="look")
    words = [t.get_text() for axes in made.figure.axes for t in axes.texts]
    assert [w for w in words if w in ("PCA", "k-means", "G")] == [
        "PCA",
        "k-means",
        "G",
    ] and made.alt == "T. look."
    shown = [axes.images[0].get_array() for axes in made.figure.axes if axes.images]
    assert len(shown) == 3 and shown[2].shape[:2] == (80, 244), "three grey pictures, not one in colour"
    with pytest.raises(ValueError, match="expected branches"):
        likelihood.taxonomy({"a guess": []})


def test_what_is_exactly_zero_stays_white():
    maps = torch.zeros(2, 5, 5)
    maps[:, :2] = torch.tensor([1.0, 1e-9])[:, None, None]
    maps[0, 0, 0] = 0.01
    made = likelihood.seen({"net": maps}, (2, 2), ["a", "b"])
    first = made.figure.axes[1].images[0].get_array()
    assert first.mask[2:].all() and not first.mask[:2].any()
    assert float(first[0, 0]) == pytest.approx(-2) and float(first[1, 1]) == 0
    assert float(made.figure.axes[2].images[0].get_array()[0, 0]) == 0, "relative to the map's own largest"


def test_masks_say_their_numbers():
    made = likelihood.masks({"A": np.eye(3, dtype=int)})
    assert [t.get_text() for t in made.figure.axes[0].texts] == list("100010001")


def test_conditionals_mark_the_level_that_is_there():
    table = torch.full((2, 5), 0.2)
    made = likelihood.conditionals(torch.full((4, 4), 0.75), [(0, 0), (3, 1)], table)
    colours = [bar.get_facecolor() for bar in made.figure.axes[1].patches]
    assert [c == colours[0] for c in colours] == [True, True, True, False, True]  # .75 of 5 levels is level 3


def test_learning_and_times_and_rows_of_histograms_draw_everything():
    made = likelihood.learning({"one": ([1, 2], [3.0, 2.0])}, greys(6), baseline=("floor", 2.5))
    assert [t.get_text().strip() for t in made.figure.axes[0].texts] == ["floor"]
    lines = likelihood.times([8, 16], {"naive": [1.0, 16.0], "cached": [0.5, 2.0]}, "px", "s").figure.axes[0]
    assert lines.get_xscale() == lines.get_yscale() == "log"
    assert [t.get_text() for t in lines.texts] == ["naive, 16 s", "cached, 2 s"]
    rows = likelihood.histograms({"a": torch.ones(3), "b": torch.full((2,), 9.0)}, "nats").figure.axes
    assert rows[0].get_xlim() == rows[1].get_xlim() == pytest.approx((1 / 1.02, 9 * 1.02))
    assert [sum(bar.get_height() for bar in row.patches) for row in rows] == [3, 2]


def test_tiles_keep_order_and_labels():
    made = likelihood.tiles(greys(4), 2, labels=["up", "down"], zoom=1)
    image = made.figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(image[12:20, 2:10, 0], greys(4)[2], atol=1e-6)  # third tile: second row, left
    assert (image[:2] == image[0, 0, 0]).all() and 0.3 < image[0, 0, 0] < 0.8, "framed in grey"
    assert [t.get_text() for t in made.figure.axes[0].texts] == ["up", "down"]
    assert isinstance(made, Picture) and made.png() == made.png()


def test_tiles_in_blocks_and_what_is_missing():
    gone = torch.zeros(4, 8, 8, dtype=torch.bool)
    gone[3, 4:] = True
    axes = likelihood.tiles(greys(4), 2, labels=["up", "down"], zoom=1, missing=gone, blocks=2).figure.axes
    assert [[t.get_text() for t in one.texts] for one in axes[:2]] == [["up"], ["down"]]
    last = axes[1].images[0].get_array()[2:10, 12:20]
    np.testing.assert_allclose(last[:4, :, 0], greys(4)[3, :4], atol=1e-6)
    assert (last[4:] == likelihood.EMPTY).all() and likelihood.EMPTY[2] > likelihood.EMPTY[0] + 0.2, "blue"


def test_a_live_picture_counts_outside_a_notebook():
    live, one = plots.Live(), object()
    assert live(one) is one and live.shown == 1 and live.last is one
