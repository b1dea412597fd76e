"""Pictures of two players: what stands in them is what was given."""

import numpy as np
import pytest
import torch

from lecture_utils.plots import COLOURS, gan


def texts(picture):
    found = [text.get_text() for text in picture.figure.texts]
    for axes in picture.figure.axes:
        found += [text.get_text() for text in axes.texts] + [axes.get_title(), axes.get_title("left")]
    return [text for text in found if text]


def test_panels_share_a_legend_and_its_colours():
    x = torch.arange(5)
    runs = torch.rand(3, 5, generator=torch.Generator().manual_seed(0))
    made = gan.panels(
        {
            "left": {
                "x": x,
                "lines": {"a": x.float(), "b": runs},
                "xlabel": "turns",
                "ylabel": "nats",
                "log": True,
            },
            "right": {
                "x": x,
                "lines": {"b": x * 2.0},
                "xlabel": "turns",
                "ylabel": "share",
                "ylim": (0, 9),
                "level": (1.4, "log 4"),
            },
        },
        "Title",
        "Look.",
    )
    left, right = made.figure.axes
    assert [len(axes.lines) for axes in (left, right)] == [1 + 3 + 1, 1 + 1]
    np.testing.assert_allclose(
        left.lines[-1].get_ydata(), runs.mean(0), atol=1e-6
    )  # the thick one is the mean
    assert left.lines[-1].get_color() == right.lines[0].get_color() == COLOURS[2]
    assert left.get_yscale() == "log" and right.get_ylim() == (0, 9)
    (legend,) = made.figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["a", "b"]
    assert {"left", "right", "log 4"} <= set(texts(made)) and made.alt == "Title. Look."
    with pytest.raises(ValueError, match="expected 5 values for 'a', got 4"):
        gan.panels({"p": {"x": x, "lines": {"a": x[:4].float()}, "xlabel": "", "ylabel": ""}})


def test_clouds_have_the_same_axes():
    points = {
        "one": torch.randn(7, 2, generator=torch.Generator().manual_seed(0)),
        "two\nlines": torch.zeros(3, 2),
    }
    made = gan.clouds(points, torch.eye(2), radius=0.3)
    for axes, some in zip(made.figure.axes, points.values(), strict=True):
        np.testing.assert_allclose(axes.lines[0].get_xydata(), some, atol=1e-6)
        np.testing.assert_allclose([circle.center for circle in axes.patches], np.eye(2))
        assert [circle.radius for circle in axes.patches] == [0.3, 0.3], "in the units of the points"
        assert axes.get_xlim() == axes.get_ylim() == (-2.6, 2.6)
    one_line = gan.clouds({"one": torch.zeros(3, 2), "two": torch.zeros(3, 2)}, torch.eye(2))
    assert made.figure.get_size_inches()[1] > one_line.figure.get_size_inches()[1]  # headings need their room


@pytest.mark.parametrize("n", [1, 4, 6])
def test_sums(n):
    rows = torch.rand(n, 4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    made = gan.sums(rows, ["red mug", "blue mug", "blue car", "= ?"], "Title")
    axes = made.figure.axes
    assert len(axes) == 4 * n
    for box, image in zip(axes, rows.flatten(0, 1), strict=True):
        np.testing.assert_allclose(np.asarray(box.images[0].get_array()), image.permute(1, 2, 0), atol=1e-6)
    signs = [t.get_text() for box in axes for t in box.texts]
    assert signs == ["−", "+", "="] * n
    with pytest.raises(ValueError, match="expected four pictures"):
        gan.sums(rows[:, :3], [""] * 4)


def test_costs_on_a_logarithmic_axis():
    made = gan.costs({"PixelCNN": {"a sample": 2500.0, "training": 40.0}, "GAN": {"a sample": 1.5}})
    (axes,) = made.figure.axes
    assert axes.get_xscale() == "log"
    ends = [bar.get_x() + bar.get_width() for bar in axes.patches]
    assert ends == pytest.approx([2500, 40, 1.5])
    assert [t.get_text() for t in axes.texts] == ["2.5 s", "40 ms", "1.5 ms"]


def test_milliseconds_is_a_median():
    calls = []
    assert gan.milliseconds(lambda: calls.append(0), 3) < 1e3 and len(calls) == 3
