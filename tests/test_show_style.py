"""Rows of pictures, painted photographs, and time against loss: what stands where, and what is refused."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from lecture_utils import photographs, plots
from lecture_utils.plots import Tiles, style as panels


def pictures(n, side=8):
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(n))


def test_rows_stand_under_common_titles():
    rows = {"dog": pictures(3), "cat": pictures(3).flip(2)}
    made = panels.picture_rows(
        rows, ["one", "two", "three"], {"cat": ["a", "b", "c"]}, title="T", caption="look"
    )
    axes = made.figure.axes
    assert len(axes) == 6 and made.alt == "T. look."
    assert [a.get_title() for a in axes] == ["one", "two", "three", "", "", ""]
    shown = [a.images[0].get_array() for a in axes]
    for a, wanted in zip(shown, [*rows["dog"], *rows["cat"]], strict=True):
        np.testing.assert_allclose(a, wanted.permute(1, 2, 0), atol=1e-6)
    boxes = [a.get_position() for a in axes]
    assert all(b.y0 == boxes[0].y0 for b in boxes[:3]) and boxes[3].y1 < boxes[0].y0
    assert len({round(b.x0, 6) for b in boxes}) == 3, "columns stand above each other"
    words = [[t.get_text() for t in a.texts] for a in axes]
    assert words == [["dog"], [], [], ["a", "cat"], ["b"], ["c"]]


def test_rows_have_few_colours():
    made = panels.picture_rows({"": pictures(2, 64)}, ["one", "two"], colours=12)
    assert isinstance(made, Tiles) and made.colours == 12
    assert len(Image.open(io.BytesIO(made.png())).convert("RGB").getcolors(1000)) <= 12


@pytest.mark.parametrize(
    ("rows", "columns", "notes"),
    [
        ({"a": pictures(2)}, ["one"], None),
        ({"a": pictures(2), "b": pictures(1)}, ["one", "two"], None),
        ({"a": pictures(2)}, ["one", "two"], {"a": ["x"]}),
        ({"a": pictures(1)}, ["one"], {"b": ["x"]}),
    ],
)
def test_wrong_numbers_are_refused(rows, columns, notes):
    with pytest.raises(ValueError, match="rows: expected"):
        panels.picture_rows(rows, columns, notes)


def test_values_outside_are_refused():
    with pytest.raises(ValueError, match=r"a: expected values in \[0, 1\]"):
        panels.picture_rows({"a": pictures(1) + 1}, ["one"])


def test_painted_pictures_are_large():
    three = pictures(3, 70)
    made = panels.painted(pictures(1, 70)[0], dict(zip("abc", three, strict=True)), title="T")
    style, *rest = made.figure.axes
    assert [a.get_title() for a in made.figure.axes] == ["the style", "a", "b", "c"]
    np.testing.assert_allclose(rest[2].images[0].get_array(), three[2].permute(1, 2, 0), atol=1e-6)
    width, height = made.figure.get_size_inches()
    boxes = [a.get_position() for a in rest]
    for box in boxes:
        assert box.width * width == pytest.approx(box.height * height, abs=0.02), "a square"
        assert box.width * width > 2.5, "at least 250 px at 100 px an inch"
    assert style.get_position().x1 < boxes[0].x0 and boxes[-1].x1 <= 1


def test_a_fitted_palette_is_nearer_than_the_usual_one():
    photograph = photographs.square("china", 200)
    grid = plots.image_grid(photograph[None], tile=2.0, title="T")

    def pixels(picture):
        return np.asarray(Image.open(io.BytesIO(picture.png())).convert("RGB"), float)

    true = pixels(plots.Picture(grid.figure, ""))
    usual, ours = (
        np.abs(pixels(p) - true).mean() for p in (plots.few_colours(grid, 64), plots.vivid(grid, 64))
    )
    assert ours < usual and plots.vivid(grid, 64).alt == grid.alt


def test_effort_shows_the_numbers():
    made = panels.effort({30: 3.0, 10: 1.0}, {30: 0.5, 10: 2.0}, (0.01, 0.7), names=("slow", "fast"))
    (axes,) = made.figure.axes
    line, star = axes.lines
    assert line.get_xydata().tolist() == [[1.0, 2.0], [3.0, 0.5]] and star.get_xydata().tolist() == [
        [0.01, 0.7]
    ]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [t.get_text() for t in axes.texts] == ["10 steps", "30 steps"]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["slow", "fast"]
    low, high = axes.get_ylim()
    assert low < 0.5 and high > 2
