"""Tables of pictures and the climb: the pixels that were given are the pixels that are drawn."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from lecture_utils import plots
from lecture_utils.plots import ascent


@pytest.fixture
def pictures():
    return torch.rand(2, 3, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def drawn(axes):
    return np.asarray(axes.images[0].get_array())


def words(picture):
    return [text.get_text() for axes in picture.figure.axes for text in (*axes.texts, axes.title)]


def test_each_picture_stands_in_its_place(pictures):
    table = ascent.picture_table(pictures, ["dog", "car"], ["none", "blur", "all"], tile=0.08, smooth=False)
    shown = [axes for axes in table.figure.axes if axes.images]
    assert len(shown) == 6
    for axes, picture in zip(shown, pictures.flatten(0, 1), strict=True):
        np.testing.assert_allclose(drawn(axes), picture.permute(1, 2, 0), atol=0.5 / 255 + 1e-6)
    places = [(round(axes.get_position().x0, 4), round(axes.get_position().y0, 4)) for axes in shown]
    assert len({x for x, _ in places}) == 3 and len({y for _, y in places}) == 2
    assert places[0][0] == places[3][0] < places[1][0] and places[0][1] == places[1][1] > places[3][1]


def test_names_stand_above_and_on_the_left(pictures):
    said = words(ascent.picture_table(pictures, ["dog", "car"], ["none", "blur\nscore 3", "all"]))
    assert [said.count(name) for name in ("dog", "car", "none", "blur\nscore 3", "all")] == [1] * 5


def test_every_picture_may_have_its_own_name(pictures):
    names = ["a", "b", "c", "d", "e", "f"]
    table = ascent.picture_table(pictures, ["", ""], [""] * 3, names=names)
    assert [axes.get_title() for axes in table.figure.axes] == names


def test_rows_of_different_lengths_and_free_places(pictures):
    table = ascent.picture_table([pictures[0], [None, pictures[1, 1]]], ["", ""], ["", "", ""])
    assert sum(bool(axes.images) for axes in table.figure.axes) == 4


@pytest.mark.parametrize(
    ("rows", "columns", "names", "expected"),
    [
        (["dog"], [""] * 3, None, "titles: expected 2"),
        (["", ""], ["none"], None, "titles: expected 3"),
        (["", ""], [""] * 3, ["one"], "titles: expected 6"),
    ],
)
def test_names_that_do_not_fit(pictures, rows, columns, names, expected):
    with pytest.raises(ValueError, match=expected):
        ascent.picture_table(pictures, rows, columns, names=names)


def test_the_number_of_colours_is_kept(pictures):
    few, full = (ascent.picture_table(pictures, ["", ""], [""] * 3, colours=c) for c in (16, None))
    assert len(Image.open(io.BytesIO(few.png())).convert("RGB").getcolors(10**6)) <= 16
    assert len(Image.open(io.BytesIO(full.png())).convert("RGB").getcolors(10**6)) > 300
    assert isinstance(full, plots.Picture) and few.alt == full.alt
    assert few.png() == few.png()


def test_enlarged_by_squares_or_smoothly():
    picture = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).expand(3, 2, 2)
    squares, soft = ascent.enlarged(picture, 6, smooth=False), ascent.enlarged(picture, 6)
    assert set(np.unique(squares)) == {0.0, 1.0} and squares[0, 0, 0] == 0 and squares[0, 5, 0] == 1
    assert len(np.unique(soft)) > 2 and soft.shape == (6, 6, 3) and 0 <= soft.min() <= soft.max() <= 1


def test_a_climb_shows_its_scores_and_stills(pictures):
    scores = [0.0, 2.0, 3.0, 3.5]
    picture = ascent.climb(
        scores, {1: pictures[0, 0], 4: pictures[0, 1]}, 2.5, "the best real one", "A climb"
    )
    *stills, curve = picture.figure.axes
    assert [axes.get_title() for axes in stills] == ["after 1 step", "after 4 steps"]
    assert curve.lines[0].get_ydata().tolist() == scores and set(curve.lines[1].get_ydata()) == {2.5}
    assert [tuple(line.get_xydata()[0]) for line in curve.lines[2:]] == [(1, 2), (3, 3.5)]
    assert "A climb" in picture.alt


@pytest.mark.parametrize("count", [0, 5])
def test_a_climb_has_room_for_four(pictures, count):
    with pytest.raises(ValueError, match="expected 1 to 4"):
        ascent.climb([0.0, 1.0], dict.fromkeys(range(count), pictures[0, 0]), 1, "a level")
