"""Pictures of scores: what stands in them is what was given."""

import pytest
import torch

from lecture_utils import plots
from lecture_utils.plots import scores

KINDS = {"edges": "floor", "saliency": "method", "true mask": "ceiling"}
COLUMNS = {
    "mass": ("mass", "{:.2f}", (0.1, 1)),
    "gain": ("gain", "{:+.2f}", (0, 0.5)),
    "ms": ("ms", "{:.1f}", None),
}
ROWS = {
    "edges": {"mass": (0.2, 0.18, 0.22), "gain": (-0.05, -0.08, -0.02)},
    "saliency": {"mass": (0.5, 0.45, 0.55), "gain": (0.1, 0.05, 0.15), "ms": 2.5},
    "true mask": {"mass": (0.9, 0.9, 0.9)},
}


def texts(picture):
    return [text.get_text() for axes in picture.figure.axes for text in axes.texts]


def test_a_table_of_scores_says_its_numbers():
    said = texts(plots.score_table(ROWS, COLUMNS, KINDS, "Scores", "Look at the mask."))
    assert [said.count(text) for text in ("0.20", "±.02", "−0.05", "±.03", "2.5", "0.90", "±.00")] == [
        1,
        1,
        1,
        1,
        1,
        1,
        1,
    ]
    assert len(said) == 3 + 3 + 2 * 5 + 1, "column names, row names, five scores with intervals, one time"


def test_bars_go_from_the_worst_to_the_best():
    axes = plots.score_table(ROWS, COLUMNS, KINDS).figure.axes[0]
    wide = axes.patches[0].get_width()
    shares = [
        patch.get_width() / wide for patch in axes.patches[1::2]
    ]  # row by row: mass, gain; mass, gain; mass
    assert shares == pytest.approx([0.1 / 0.9, 0, 0.4 / 0.9, 0.2, 0.8 / 0.9]), (
        "below the worst no bar; none for times"
    )


def test_a_large_table_is_a_small_file():
    rows = {f"method {n}": {"mass": (n / 25, n / 30, n / 20), "gain": (n / 50, 0, n / 25)} for n in range(22)}
    picture = plots.score_table(rows, COLUMNS, dict.fromkeys(rows, "method"), "Scores", "Look.")
    assert len(picture.png()) < 80_000


@pytest.mark.parametrize("ends", [["grey", "blurred"], ["grey", "blurred", "true"]])
def test_slopes_have_a_place_for_each_condition(ends):
    values = {"a": [0.1, 0.4, 0.2][: len(ends)], "b": [0.3, 0.2, 0.5][: len(ends)]}
    (axes,) = scores.slopes(values, ends, "probability", "Fills", "Look.").figure.axes
    assert [
        line.get_ydata().tolist() if hasattr(line.get_ydata(), "tolist") else list(line.get_ydata())
        for line in axes.lines
    ] == list(values.values())
    assert [label.get_text() for label in axes.get_xticklabels()] == ends
    assert set(texts(scores.slopes(values, ends, "probability"))) == {"a", "b"}


def test_dots_are_filled_where_they_are_marked():
    columns = {"mass": ("mass", (0, 1), 0.2)}
    rows = {name: {"mass": ROWS[name]["mass"]} for name in ROWS}
    picture = scores.dot_table(rows, columns, KINDS, "Dots", "Look.", marks={("saliency", "mass")})
    dots = [
        line
        for line in picture.figure.axes[0].lines
        if line.get_marker() in "DosD" and len(line.get_xdata()) == 1
    ]
    assert [dot.get_xdata()[0] for dot in dots] == [0.2, 0.5, 0.9]
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [True, False, True]


def test_colours_of_heat_have_a_sign():
    image, heat = torch.full((8, 8, 3), 0.5).numpy(), torch.zeros(8, 8)
    heat[2, 2], heat[5, 5] = 1, -1
    colours = scores.heat_colours(image, heat.numpy(), signed=True)
    assert colours[2, 2, 0] > colours[2, 2, 2] and colours[5, 5, 2] > colours[5, 5, 0]
    assert abs(colours[0, 0] - colours[0, 0, 0]).max() < 1e-6, "no heat, no colour"
    assert (scores.heat_colours(image, 0 * heat.numpy(), signed=False) <= 1).all(), (
        "a blank map is no trouble"
    )


def test_maps_and_bars_are_pictures():
    image, heat = torch.rand(3, 16, 16), torch.rand(16, 16)
    for picture in (
        scores.method_maps(image, {"A": (heat, False), "B, black": (heat - 0.5, True)}, "Maps", "Look."),
        scores.effect_bars(
            {"remove": {"ear": 1.0, "leg": -2.0}, "keep": {"ear": 0.5, "leg": 3.0}}, "Bars", "Look."
        ),
        scores.over_depth(
            ["fc8", "fc7"],
            {"signed": {"a": [(0.9, 0.8, 1.0), (0.1, 0.0, 0.2)]}},
            {"signed": {"a": {"image": 0.3}}},
            "correlation",
            "Depth",
            "Look.",
        ),
    ):
        assert picture.alt.endswith("Look.") and picture.png().startswith(b"\x89PNG")
