"""The pictures of codes: what they draw, their alt text, and their errors."""

import numpy as np
import pytest

from lecture_utils.plots import latent

KS = [1, 10, 100]


def test_log_curves_put_a_tick_at_each_point():
    picture = latent.log_curves(
        KS,
        {"a": [1.0, 2.0, 3.0], "b": [3.0, 2.0, 1.0]},
        "draws",
        "nats",
        "Title",
        "Caption",
        intervals={"a": ([0.5, 1, 2], [1.5, 3, 4])},
        level=(2.5, "the truth"),
    )
    (axes,) = picture.figure.axes
    assert axes.get_xscale() == "log" and [t.get_text() for t in axes.get_xticklabels()] == ["1", "10", "100"]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["a", "b"]
    assert "the truth" in [t.get_text() for t in axes.texts] and picture.alt == "Title. Caption."
    (axes,) = latent.log_curves(KS, {"a": [1, 2, 3]}, "x", "y", log_y=True, log_x=False).figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    assert axes.yaxis.get_major_formatter()(0.01) == "0.01"
    with pytest.raises(ValueError, match="expected 3 values for 'a', got 2"):
        latent.log_curves(KS, {"a": [1, 2]}, "x", "y")


def test_the_plane_has_its_first_row_on_top():
    pictures = np.zeros((2, 3, 4, 4))
    pictures[0, 2] = 1  # the top right one is white
    picture = latent.plane(pictures, 2.0, [[1.0, 1.5], [0.0, 0.0]], [0, 1], ("zero", "one"), "Title")
    left, right = picture.figure.axes
    image = left.images[0].get_array()
    assert image[:4, -4:].min() == 1 and image[-4:, :4].max() == 0
    assert left.images[0].get_extent() == [-2, 2, -2, 2]
    assert [t.get_text() for t in right.get_legend().get_texts()] == ["zero", "one"]
    assert right.get_xlim() == (-2, 2) and len(right.lines) == 2, "all codes lie within the reach: no square"
    assert len(latent.plane(np.zeros((2, 2, 3, 4, 4)), 1.0).figure.axes) == 1, "colour, and no codes"


def test_the_plane_shows_codes_beyond_its_reach():
    codes = [[3.0, -1.0], [0.0, 0.0]]
    picture = latent.plane(np.zeros((2, 2, 4, 4)), 2.0, codes, [0, 1], ("zero", "one"))
    right = picture.figure.axes[1]
    assert right.get_xlim() == right.get_ylim() and right.get_xlim()[1] > 3
    assert np.abs(right.lines[-1].get_xydata()).max() == 2, "a square marks what is drawn on the left"
    assert len({right.lines[k].get_color() for k in range(2)}) == 2
    assert len(set(latent.PLANE)) == 10


def test_single_draws_say_what_lies_outside():
    picture = latent.single_draws(
        {"near": [0.9, 1.1] * 10, "far": [-9.0, 11.0] * 10}, 1.0, "gradient", reach=5
    )
    titles = [axes.get_title(loc="left") for axes in picture.figure.axes]
    assert titles == ["near: standard deviation 0.1", "far: standard deviation 10 (100% lie outside)"]


def test_a_matrix_writes_every_number():
    picture = latent.matrix([[0.1, 0.9], [0.0, 0.5]], ["a", "b"], ["x", "y"], label="share", top=1.0)
    assert [t.get_text() for t in picture.figure.axes[0].texts] == ["0.10", "0.90", "0.00", "0.50"]
    inks = [t.get_color() for t in picture.figure.axes[0].texts]
    assert inks[0] == "white" and inks[1] != "white", "readable on dark and on bright fields"
    with pytest.raises(ValueError, match=r"expected shape \(2, 3\), got \(2, 2\)"):
        latent.matrix(np.zeros((2, 2)), ["a", "b"], ["x", "y", "z"])


def test_growing_rows_take_grey_and_colour():
    rows = {"in": np.zeros((3, 1, 4, 4)), "out": np.full((3, 3, 4, 4), 2.0)}
    picture = latent.growing_rows(rows, 2, "Title")
    assert len(picture.figure.axes) == 4, "no more than the columns asked for"
    assert picture.figure.axes[-1].images[0].get_array().max() == 1, "cut to [0, 1]"
    assert picture.png()[:4] == b"\x89PNG"
