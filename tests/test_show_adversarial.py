"""Pictures of attacks: what stands in them is what was given."""

import numpy as np
import pytest
import torch

from lecture_utils import plots
from lecture_utils.plots import adversarial

CLASSES = ["dog", "mug", "duck", "car"]


def pictures(n, size=20, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


def drawn(axes):
    """The array of the first picture in some axes."""
    return np.asarray(axes.images[0].get_array())


def said(picture):
    """Every text of a figure that is not empty: titles and labels of axes too."""
    found = [text.get_text() for text in picture.figure.texts]
    for axes in picture.figure.axes:
        found += [text.get_text() for text in axes.texts]
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
    return [text for text in found if text]


def test_a_sum_of_pictures():
    three = pictures(3)
    made = adversarial.sum_of_pictures(
        three, ["a", "b", "c"], ["dog, 95%", "4", "mug, 90%"], "Title", "Look."
    )
    assert len(made.figure.axes) == 3
    for axes, image in zip(made.figure.axes, three, strict=True):
        np.testing.assert_allclose(drawn(axes), image.permute(1, 2, 0), atol=1e-6)
    assert [t for t in said(made) if t in "+="] == ["+", "="]
    assert {"a", "b", "c", "dog, 95%", "mug, 90%"} <= set(said(made))
    assert "Title" in made.alt and "Look" in made.alt
    order = [axes.get_position().x0 for axes in made.figure.axes]
    assert order == sorted(order)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_sum_has_three_pictures(n):
    with pytest.raises(ValueError, match="expected three"):
        adversarial.sum_of_pictures(pictures(n), [""] * 3, [""] * 3)


def test_rows_of_pictures_keep_their_order():
    rows = {"first": pictures(4), "second": pictures(4, seed=1)}
    made = adversarial.picture_rows(rows, list("abcd"), title="Rows")
    axes = made.figure.axes
    assert len(axes) == 8
    for number, image in enumerate(torch.cat(list(rows.values()))):
        np.testing.assert_allclose(drawn(axes[number]), image.permute(1, 2, 0), atol=1e-6)
    assert [a.get_title() for a in axes] == [*"abcd", "", "", "", ""]
    assert [t.get_text() for a in axes for t in a.texts] == ["first", "second"]
    assert axes[4].get_position().y1 < axes[0].get_position().y0, "the second row is below the first"


def test_rows_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="equally many"):
        adversarial.picture_rows({"a": pictures(2), "b": pictures(3)})


def test_a_map_of_borders():
    grid = torch.tensor([[0, 0, 1], [0, 0, 1], [2, 0, 1]])
    made = adversarial.border_maps({("right", "up"): grid, ("x", "y"): 0 * grid}, CLASSES, 0, 12, "T", "C")
    first, second = made.figure.axes
    numbers = drawn(first)
    assert (numbers == 0).sum() == 5 and (numbers == 1).sum() == 3 and (numbers == 2).sum() == 1
    assert numbers[2, 0] == 2 and first.images[0].origin == "lower", "the first row is farthest down"
    assert first.images[0].get_extent() == [-12, 12, -12, 12]
    assert (drawn(second) == 0).all()
    assert [t.get_text() for t in second.get_legend().texts] == ["the picture", "dog", "mug", "duck"]
    assert [first.get_xlabel(), first.get_ylabel(), second.get_xlabel()] == ["right", "up", "x"]


def test_more_classes_than_colours():
    grid = torch.arange(16).view(4, 4)
    made = adversarial.border_maps({("x", "y"): grid}, [str(n) for n in range(16)], 5, 1)
    shown = drawn(made.figure.axes[0])
    assert shown[1, 1] == 0 and len(np.unique(shown)) == 11, "the first class, nine colours, the rest white"
    assert (shown == 10).sum() == 6


def test_success_against_epsilon():
    levels = [0.5, 1, 2]
    rows = {"FGSM": [(0.1, 0.0, 0.2), (0.2, 0.1, 0.3), (0.5, 0.4, 0.6)], "noise": [(0.0, 0.0, 0.0)] * 3}
    made = adversarial.against_epsilon(levels, {"alex": rows, "gap": rows}, "share", "T", "C")
    alex, gap = made.figure.axes
    assert (
        alex.lines[0].get_ydata().tolist() == [0.1, 0.2, 0.5] and alex.lines[0].get_xdata().tolist() == levels
    )
    assert alex.get_title() == "alex" and gap.get_title() == "gap" and alex.get_ylim() == (0, 1)
    assert [t.get_text() for t in alex.get_xticklabels()] == [".5", "1", "2"]
    assert [t.get_text() for t in alex.get_legend().texts] == ["FGSM", "noise"] and gap.get_legend() is None
    band = alex.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == 0 and band.max() == pytest.approx(0.6)
    assert any("levels of 255" in text for text in said(made))


def test_a_matrix_of_classes():
    values = np.array([[np.nan, 0.25], [0.75, np.nan]])
    made = adversarial.class_matrix(
        {"alex": values, "gap": 1 - values}, ["dog", "mug"], ["dog", "mug"], "from", "to", "share", "T", "C"
    )
    alex, gap, bar = made.figure.axes
    assert drawn(alex)[0, 1] == 0.25 and np.ma.getmaskarray(alex.images[0].get_array())[0, 0]
    assert drawn(gap)[1, 0] == 0.25 and not alex.texts, "no numbers unless asked for"
    assert [t.get_text() for t in alex.get_xticklabels()] == ["dog", "mug"]
    assert bar.get_ylabel() == "share" and alex.get_ylabel() == "from" and gap.get_ylabel() == ""
    assert alex.images[0].norm.vmin == 0 and alex.images[0].norm.vmax == 1


def test_numbers_in_a_small_matrix():
    made = adversarial.class_matrix(
        np.array([[0.934, 0.1]]), ["a"], ["b", "c"], "", "", "share", numbers=True
    )
    assert [t.get_text() for t in made.figure.axes[0].texts] == ["93%", "10%"]


def test_a_bright_spot_keeps_its_colour():
    """Beside a large field of many browns, a few yellow pixels stay yellow; and the file is smaller."""
    import io

    from PIL import Image

    ramp = torch.linspace(0, 1, 112).expand(3, 112, 112) * torch.tensor([0.8, 0.6, 0.4]).view(3, 1, 1)
    ramp = (ramp + 0.1 * torch.rand(3, 112, 112, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    ramp[:, 50:53, 50:53] = torch.tensor([1.0, 0.9, 0.0]).view(3, 1, 1)
    plain = adversarial.picture_rows({"a": ramp[None]}, left=0)
    kept = plots.vivid(plain, 24)
    pixels = np.asarray(Image.open(io.BytesIO(kept.png())).convert("RGB")).reshape(-1, 3).astype(int)
    assert (np.abs(pixels - [255, 230, 0]).max(1) < 40).sum() > 100
    assert len(kept.png()) < len(plain.png()) / 2 and kept.alt == plain.alt and kept.png() == kept.png()


@pytest.mark.parametrize(
    "make",
    [
        lambda: adversarial.sum_of_pictures(pictures(3), [""] * 3, ["x"] * 3, "T", "C"),
        lambda: adversarial.picture_rows({"a": pictures(6)}, list("abcdef"), "T", "C"),
        lambda: adversarial.border_maps({("x", "y"): torch.zeros(5, 5).long()}, CLASSES, 0, 3, "T", "C"),
        lambda: adversarial.class_matrix(
            np.eye(3), list("abc"), list("abc"), "r", "c", "s", "T", "C", numbers=True
        ),
    ],
)
def test_everything_lies_on_the_sheet(make):
    """Axes, and the texts beside them, inside the figure; and it fits a slide."""
    figure = make().figure
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()
    wide, high = figure.bbox.width, figure.bbox.height
    for axes in figure.axes:
        for text in axes.texts:
            box = text.get_window_extent(renderer)
            assert box.x0 >= 0 and box.x1 <= wide and box.y0 >= 0 and box.y1 <= high, text.get_text()
    assert wide <= 1060 and high <= 760
