"""What is drawn is what was given, in its place: one test a function."""

import io

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from PIL import Image

from experiments import figures
from lecture_utils import plots
from lecture_utils.plots import pixels
from tests.test_plots import HEAT, IMAGES, KINDS, MASK, SQUARES

X = np.arange(5)


def drawn(picture):
    """The first image of each axes that has one."""
    return [np.asarray(axes.images[0].get_array()) for axes in picture.figure.axes if axes.images]


def texts(picture):
    """Every text of a figure's axes that is not empty."""
    every = [(*a.texts, a.title, a._left_title, a.xaxis.label, a.yaxis.label) for a in picture.figure.axes]
    return [text.get_text() for some in every for text in some if text.get_text()]


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def ticks(axes):
    return [text.get_text() for text in axes.get_xticklabels()]


# --- curves ---


def test_curves_over_numbers_names_and_a_logarithm():
    lines = {"a": [1, 2, 3], "b": [3, 2, 1]}
    (axes,) = plots.curves([1, 10, 100], lines, intervals={"a": ([0, 1, 2], [2, 3, 4])}).figure.axes
    assert axes.lines[1].get_xydata().tolist() == [[1, 3], [10, 2], [100, 1]] and legend(axes) == ["a", "b"]
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0, 4) and axes.get_xscale() == "linear"
    assert ticks(plots.curves(["pixels", "conv1", "fc7"], lines).figure.axes[0]) == ["pixels", "conv1", "fc7"]
    (axes,) = plots.curves([1, 10, 100], lines, log="x", level=(2.5, "the truth")).figure.axes
    assert axes.get_xscale() == "log" and ticks(axes) == ["1", "10", "100"]
    assert set(axes.lines[-1].get_ydata()) == {2.5} and [t.get_text() for t in axes.texts] == ["the truth"]


def test_curve_panels_share_a_legend_and_its_colours():
    runs = np.random.default_rng(0).random((3, 5))
    left = {"x": X, "lines": {"a": X, "b": runs}, "xlabel": "steps", "ylabel": "nats", "log": True}
    right = {"x": X, "lines": {"b": 2 * X}, "xlabel": "", "ylabel": ""}
    right |= {"ylim": (0, 9), "level": (1.4, "log 4")}
    made = figures.curve_panels({"left": left, "right": right})
    one, other = made.figure.axes
    assert [len(axes.lines) for axes in (one, other)] == [1 + 3 + 1, 1 + 1]
    np.testing.assert_allclose(one.lines[-1].get_ydata(), runs.mean(0))  # the thick one is the mean
    assert one.lines[-1].get_color() == other.lines[0].get_color() == plots.COLOURS[2]
    assert one.get_yscale() == "log" and other.get_ylim() == (0, 9) and "log 4" in texts(made)


def test_panels_on_one_scale():
    lines, bands = {"left": {"a": [0.1, 0.9]}, "right": {"a": [0, 0]}}, {"left": {"a": ([0, 0.8], [0.2, 1])}}
    made = figures.layer_panels(["pixels", "fc7"], lines, intervals=bands, ylim=(-0.1, 1))
    one, other = made.figure.axes
    assert one.lines[0].get_ydata().tolist() == [0.1, 0.9] and one.get_ylim() == other.get_ylim() == (-0.1, 1)
    assert one.collections[0].get_paths()[0].vertices[:, 1].max() == 1 and not other.collections
    rows = {"FGSM": [(0.1, 0.0, 0.2), (0.5, 0.4, 0.6)], "noise": [(0.0, 0.0, 0.0)] * 2}
    alex, _ = figures.against_epsilon([0.5, 1], {"alex": rows, "gap": rows}).figure.axes
    assert alex.lines[0].get_xydata().tolist() == [[0.5, 0.1], [1, 0.5]] and ticks(alex) == [".5", "1"]
    assert alex.collections[0].get_paths()[0].vertices[:, 1].max() == pytest.approx(0.6)


def test_effort_climb_and_learning():
    (axes,) = figures.effort({30: 3.0, 10: 1.0}, {30: 0.5, 10: 2.0}, (0.01, 0.7)).figure.axes
    line, star = axes.lines
    assert line.get_xydata().tolist() == [[1, 2], [3, 0.5]] and star.get_xydata().tolist() == [[0.01, 0.7]]
    picture = plots.climb([0.0, 2.0, 3.0, 3.5], {1: IMAGES[0], 4: IMAGES[1]}, 2.5, "the best real one")
    *_, curve = picture.figure.axes
    assert curve.lines[0].get_ydata().tolist() == [0, 2, 3, 3.5] and set(curve.lines[1].get_ydata()) == {2.5}
    assert [tuple(line.get_xydata()[0]) for line in curve.lines[2:]] == [(1, 2), (3, 3.5)]
    chart, _ = plots.learning({"one": ([1, 2], [3.0, 2.0])}, HEAT).figure.axes
    assert chart.lines[0].get_xydata().tolist() == [[1, 3], [2, 2]]


# --- bars ---


def test_bars_with_dots_intervals_and_series():
    picture = plots.bars(
        {"a": 0.5, "b": [0.2, 0.4]}, line=0.8, line_label="chance", intervals={"a": (0.4, 0.6)}
    )
    (axes,) = picture.figure.axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.5, 0.3])
    assert [t.get_text() for t in axes.texts] == ["0.50", "0.30", " chance"]
    interval, dots, line = axes.lines
    assert list(interval.get_xdata()) == [0.4, 0.6] and list(dots.get_xdata()) == [0.2, 0.4]
    assert set(line.get_xdata()) == {0.8}
    (axes,) = plots.bars({"a": {"s": 1, "t": 2}, "b": {"t": 3}}).figure.axes
    assert [bar.get_width() for bar in axes.patches] == [1, 2, 3] and legend(axes) == ["s", "t"]


def test_shares_effects_and_costs_bar_by_bar():
    both = {"real": torch.tensor([0.5, 0.5]), "GAN": [0.9, 0.1]}
    factors = {"class": (["dog", "mug"], both), "colour": (["red"], {"GAN": [1.0]})}
    one, other = figures.shares(factors).figure.axes
    assert [bar.get_height() for bar in one.patches] == pytest.approx([0.5, 0.5, 0.9, 0.1])
    assert one.patches[2].get_facecolor() == other.patches[0].get_facecolor(), "a source keeps its colour"
    effects = {"remove": {"ear": 1.0, "leg": -2.0}, "keep": {"ear": 0.5, "leg": 3.0}}
    axes = figures.effect_bars(effects).figure.axes
    assert [[bar.get_width() for bar in a.patches] for a in axes] == [[1, -2], [0.5, 3]]
    ms = {"PixelCNN": {"a sample": 2500.0, "training": 40.0}, "GAN": {"a sample": 1.5}}
    (axes,) = figures.costs(ms).figure.axes
    assert [bar.get_x() + bar.get_width() for bar in axes.patches] == pytest.approx([2500, 40, 1.5])


def test_histograms():
    rows = figures.histograms({"a": torch.ones(3), "b": torch.full((2,), 9.0)}).figure.axes
    assert rows[0].get_xlim() == rows[1].get_xlim() == pytest.approx((1 / 1.02, 9 * 1.02))
    assert [sum(bar.get_height() for bar in row.patches) for row in rows] == [3, 2]
    assert [set(row.lines[0].get_xdata()) for row in rows] == [{1}, {9}], "medians"
    picture = figures.single_draws({"near": [0.9, 1.1] * 10, "far": [-9.0, 11.0] * 10}, 1.0, reach=5)
    assert texts(picture) == ["near: standard deviation 0.1", "far: standard deviation 10 (100% lie outside)"]


# --- images ---

MANY, ROWS = np.random.default_rng(0).random((7, 3, 8, 8)), {"first": SQUARES, "second": SQUARES[::-1]}
NEAR, RIGHT = {"px": SQUARES.reshape(2, 2, 3, 24, 24)}, {"px": torch.tensor([[True, False], [True, True]])}
IN_ORDER = [  # a figure, and its images in their order
    (lambda: plots.image_grid(MANY, list("abcdefg"), columns=3), MANY),
    (lambda: plots.image_rows(ROWS, list("abcd")), [*SQUARES, *SQUARES[::-1]]),
    (lambda: plots.noted_rows(ROWS, list("abcd"), {"second": list("wxyz")}), [*SQUARES, *SQUARES[::-1]]),
    (lambda: plots.growing_rows({"in": SQUARES}, 2), SQUARES[:2]),
    (lambda: plots.painted(IMAGES[0], {"a": SQUARES[0]}), [IMAGES[0], SQUARES[0]]),
    (lambda: figures.sum_of_images(IMAGES, "abc", "xyz"), IMAGES),
    (lambda: figures.sums([SQUARES] * 4, "abcd"), [*SQUARES] * 4),
    (lambda: plots.neighbour_rows(SQUARES[:2], NEAR), [SQUARES[0], *SQUARES[:2], SQUARES[1], *SQUARES[2:]]),
]


@pytest.mark.parametrize(("make", "images"), IN_ORDER)
def test_images_stand_in_order(make, images):
    for one, image in zip(drawn(make()), images, strict=True):
        np.testing.assert_allclose(one, np.asarray(image).transpose(1, 2, 0), atol=1e-6)


def test_image_table_of_any_sizes_with_free_places():
    rows = [[SQUARES[0], None], [SQUARES[1], SQUARES[2, :, :8, :8]]]
    made = plots.image_table(rows, ["dog", "car"], ["none", "all"], tile=0.24, smooth=False)
    assert (drawn(made)[1] == 1).all(), "a free place is white"
    np.testing.assert_allclose(drawn(made)[2], SQUARES[1].transpose(1, 2, 0), atol=0.5 / 255 + 1e-6)


def test_filters_are_exact_squares():
    """Each weight is a square of whole px in its own colour: nothing is smoothed."""
    filters = np.zeros((4, 3, 2, 2))
    filters[0, 0, 0, 0] = 1.0  # one pure red weight
    png = plots.filter_grid({"a": filters, "b": filters[1:]}, columns=2).png()
    red = (np.asarray(Image.open(io.BytesIO(png)).convert("RGB")) == (255, 0, 0)).all(-1)
    rows, columns = red.any(1).sum(), red.any(0).sum()
    assert rows == columns > 10 and red.sum() == rows * columns
    weights = np.array([[-1.0, 0.0], [0.5, 1.0]]).reshape(1, 1, 2, 2)
    band = drawn(plots.grey_tiles(weights))[0][..., 0]
    assert (band[0, 0], band[-1, -1]) == (0, 1) and np.isclose(band[0, -1], 0.5, atol=1e-3), "mid-grey"


def test_tiles_in_blocks_and_what_is_missing():
    greys = np.random.default_rng(0).random((4, 8, 8))
    gone = torch.zeros(4, 8, 8, dtype=torch.bool)
    gone[3, 4:] = True
    made = plots.tiles(greys, 2, labels=["up", "down"], zoom=1, missing=gone, blocks=2)
    above, below = drawn(made)
    np.testing.assert_allclose(above[2:10, 12:20, 0], greys[1])
    np.testing.assert_allclose(below[2:6, 12:20, 0], greys[3, :4])
    assert (below[6:10, 12:20] == [127 / 255, 159 / 255, 196 / 255]).all(), "blue"


def test_frames_of_neighbours_and_maps_of_images():
    made = plots.neighbour_rows(SQUARES[:2], NEAR, RIGHT)
    edges = [to_hex(p.get_edgecolor()) for a in made.figure.axes for p in a.patches if not p.get_fill()]
    assert [e.upper() for e in edges] == [plots.COLOURS[k] for k in (1, 2, 1, 1)]
    boxes = [a.get_position() for a in plots.picture_map(IMAGES, [[0, 0], [1, 1], [0, 1]]).figure.axes]
    assert boxes[0].x0 < boxes[2].x0 == boxes[1].x0 and boxes[0].y0 == boxes[2].y0 > boxes[1].y0


def test_mosaics_enlarged_images_gradients_and_spotlights_by_hand():
    tiles = np.arange(3).reshape(3, 1, 1, 1).repeat(3, -1) / 10
    wanted = [[0, 1, 0.1], [1, 1, 1], [0.2, 1, 1]]
    assert pixels.mosaic(tiles, columns=2, zoom=1, gap=1)[..., 0].tolist() == wanted
    check = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).expand(3, 2, 2)
    squares, soft = pixels.enlarged(check, 6, smooth=False), pixels.enlarged(check, 6)
    assert set(np.unique(squares)) == {0, 1} and squares[0, 5, 0] == 1 and len(np.unique(soft)) > 2
    gradient = torch.zeros(2, 3, 10, 10)
    gradient[0, 0, 0, 0], gradient[0, 1, 5, 5], gradient[1, 2, 3, 3] = 4.0, -2.0, 1e-6
    found = plots.gradient_pictures(gradient, quantile=1.0)
    assert found[0, 0, 0, 0] == 1 and found[0, 1, 5, 5] == 0.25 and found[0, 2, 9, 9] == 0.5
    assert found[1, 2, 3, 3] == 1, "each has its own scale"
    lit = pixels.spotlight(np.full((3, 20, 24), 0.8), MASK, zoom=4)
    assert (lit[34, 40] == 204).all() and (lit[2, 2] < 150).all() and lit[20, 30].tolist() == [0xE6, 0x9F, 0]
    assert pixels.edges(MASK).sum() == 7 * 9 - 3 * 5
    heat = np.zeros((8, 8))
    heat[2, 2], heat[5, 5] = 1, -1
    colours = pixels.heat_colours(np.full((8, 8, 3), 0.5), heat, signed=True)
    assert colours[2, 2, 0] > colours[2, 2, 2] and colours[5, 5, 2] > colours[5, 5, 0]
    assert abs(colours[0, 0] - colours[0, 0, 0]).max() < 1e-6, "no heat, no colour"


# --- heat ---


def test_heat_ends_at_its_own_quantile_and_loses_its_sign():
    strong = torch.rand(2, 24, 24, generator=torch.Generator().manual_seed(0)).log()  # a long tail
    strong *= torch.tensor([1.0, 1000.0])[:, None, None]
    made = plots.heat_columns(SQUARES[:2], {"strong": strong, "minus": -np.ones((2, 6, 6))})
    found = [a for a in drawn(made) if a.shape == (24, 24)]
    assert len(found) == 2 and all(np.quantile(a, 0.995) == pytest.approx(1, rel=1e-3) for a in found)
    assert all((a == 1).all() for a in drawn(made) if a.shape == (6, 6))


def test_signed_maps_share_one_symmetric_range():
    picture = plots.signed_grid(np.array([np.full((4, 4), v) for v in (-1.0, 0.0, 0.5)]))
    assert {axes.images[0].get_clim() for axes in picture.figure.axes} == {(-1.0, 1.0)}


def test_an_occlusion_value_stands_at_the_middle_of_its_square():
    remains = np.array([[0.9, 0.1], [0.5, 0.7]])
    picture = figures.two_legends(SQUARES[0], remains, 0.9, size=8, stride=4)
    maps = [i for a in picture.figure.axes for i in a.images if np.shape(i.get_array()) == (2, 2)]
    extents = [tuple(i.get_extent()) for i in maps]  # 8/2 - 4/2 = 2, then 2 steps of 4 px
    assert extents == [(2, 10, 10, 2)] * 2
    assert np.allclose(maps[0].get_array() + maps[1].get_array(), 0.9)


def test_heat_over_images_with_boxes():
    heat = np.zeros((3, 20, 24))
    heat[:, 5, 7] = [1, 2, 3]
    boxes = [(1, 2, 9, 12)] * 3
    axes = figures.heat_over_image(IMAGES, heat, found=boxes, true=torch.tensor(boxes) + 1).figure.axes
    colours = [np.asarray(a.images[1].get_array()) for a in axes]
    assert all(np.allclose(c, colours[0]) for c in colours), "each on its own scale"
    assert (colours[0][5, 7] > colours[0][0, 0]).all(), "brighter and less clear"
    assert [p.get_bbox().bounds for p in axes[0].patches[::2]] == [(2, 3, 8, 10), (1, 2, 8, 10)]
    raw = np.array([[1.0, -2.0]])
    assert (drawn(plots.map_and_image(IMAGES[0], raw, heat[0]))[1] == raw).all()
    assert "−2 to 1" in texts(figures.layer_sweep(IMAGES[0], {"conv5": raw}, {"conv5": heat[0]}))


# --- activations ---


def test_activations_masks_and_fields():
    maps = np.arange(6.0).reshape(3, 1, 2)
    _, chosen, *_ = plots.activation_maps(IMAGES[0], maps, 1).figure.axes
    assert (chosen.images[0].get_array() == maps[1]).all()
    lit = plots.spotlights(IMAGES, [MASK] * 3, truth=[MASK[::-1]] * 3)
    assert len(drawn(lit)) == 3 and (drawn(lit)[0] == (0x56, 0xB4, 0xE9)).all(-1).any()
    *_, over = drawn(plots.part_overlay(IMAGES[0], MASK * 2, ["head", "leg"]))
    assert np.ptp(over[0, 0]) < 1e-9 and np.ptp(over[6, 8]) > 0.2, "grey outside, coloured inside"
    blocks = {"small": {"a": IMAGES[:, :, :5, :5]}, "large": {"b": IMAGES[:, :, :20, :20]}}
    axes = plots.patch_blocks(blocks).figure.axes
    widths = {round(a.bbox.width / a.images[0].get_array().shape[1], 3) for a in axes}
    assert max(widths) - min(widths) < 0.02 * max(widths), "one scale"
    image, energy = plots.fields_over_image(IMAGES[0], {"a": (2, 3, 9, 11)}, HEAT[0]).figure.axes
    assert image.patches[1].get_bbox().bounds == energy.patches[1].get_bbox().bounds == (2, 3, 7, 8)


def test_what_a_pixel_depends_on_masks_and_conditionals():
    maps = torch.zeros(2, 5, 5)
    maps[:, :2] = torch.tensor([1.0, 1e-9])[:, None, None]
    maps[0, 0, 0] = 0.01
    axes = figures.dependence_maps({"net": maps}, (2, 2), "ab").figure.axes
    first, second = (a.images[0].get_array() for a in axes[1:3])
    assert first.mask[2:].all() and not first.mask[:2].any(), "exactly zero stays white"
    assert float(first[0, 0]) == pytest.approx(-2) and float(second[0, 0]) == 0, "relative to its own largest"
    assert texts(plots.filter_masks({"A": np.eye(3)}))[:9] == list("100010001")
    made = plots.conditionals(torch.full((4, 4), 0.75), [(0, 0), (3, 1)], torch.full((2, 5), 0.2))
    colours = [bar.get_facecolor() for bar in made.figure.axes[1].patches]
    assert [c == colours[0] for c in colours] == [True, True, True, False, True]  # .75 of 5 levels is level 3


# --- points ---


def test_points_stand_where_they_are():
    clouds = {"one": np.random.default_rng(0).normal(size=(7, 2)), "two": np.zeros((3, 2))}
    for axes, some in zip(figures.point_clouds(clouds, np.eye(2)).figure.axes, clouds.values(), strict=True):
        np.testing.assert_allclose(axes.lines[0].get_xydata(), some)
        np.testing.assert_allclose([circle.center for circle in axes.patches], np.eye(2))
        assert axes.get_xlim() == axes.get_ylim() == (-2.6, 2.6)
    at = torch.tensor([[0.0, 0.0], [2.0, 2.0], [1.0, 1.0], [8.0, 9.0]])
    made = plots.embeddings({"one": at}, torch.tensor([0, 0, 0, 1]), ["mug", "car", "never there"])
    words = {t.get_text(): tuple(t.xy) for t in made.figure.axes[0].texts}  # written just above that point
    assert words == {"mug": (1, 1), "car": (8, 9)}


def test_the_latent_plane_has_its_first_row_on_top():
    images = np.zeros((2, 3, 4, 4))
    images[0, 2] = 1  # the top right one is white
    near, names = [[1.0, 1.5], [0.0, 0.0]], ["zero", "one"]
    left, right = plots.latent_plane(images, 2.0, near, [0, 1], names).figure.axes
    image = left.images[0].get_array()
    assert image[:4, -4:].min() == 1 and image[-4:, :4].max() == 0
    assert left.images[0].get_extent() == [-2, 2, -2, 2]
    assert right.get_xlim() == (-2, 2) and len(right.lines) == 2
    far = plots.latent_plane(images, 2.0, [[3.0, -1.0], [0.0, 0.0]], [0, 1], names).figure.axes[1]
    assert far.get_xlim()[1] > 3 and np.abs(far.lines[-1].get_xydata()).max() == 2, "the square drawn left"


def test_decision_boundaries():
    grid = torch.tensor([[0, 0, 1], [0, 0, 1], [2, 0, 1]])
    planes = {("right", "up"): grid, ("x", "y"): 0 * grid}
    made = figures.decision_boundaries(planes, ["dog", "mug", "duck"], 0, 12)
    first, second = made.figure.axes
    numbers = first.images[0].get_array()
    assert numbers.tolist() == [[0, 0, 1], [0, 0, 1], [2, 0, 1]], "the largest areas first"
    assert first.images[0].origin == "lower" and first.images[0].get_extent() == [-12, 12, -12, 12]
    assert legend(second) == ["the picture", "dog", "mug", "duck"]
    every = {("x", "y"): np.arange(16).reshape(4, 4)}
    (many,) = drawn(figures.decision_boundaries(every, "abcdefghijklmnop", 5, 1))
    assert many[1, 1] == 0 and (many == 10).sum() == 6, "the first class, nine colours, the rest white"


def test_a_matrix_writes_every_number():
    picture = figures.number_matrix([[0.1, 0.9], [0.0, 0.5]], ["a", "b"], ["x", "y"], top=1.0)
    assert [t.get_text() for t in picture.figure.axes[0].texts] == ["0.10", "0.90", "0.00", "0.50"]


# --- what the studies measured ---


def test_scores_say_their_numbers():
    columns = {"mass": ("mass", "{:.2f}", (0.1, 1)), "gain": ("gain", "{:+.2f}", (0, 0.5))}
    columns |= {"ms": ("ms", "{:.1f}", None)}
    rows = {"edges": {"mass": (0.2, 0.18, 0.22), "gain": (-0.05, -0.08, -0.02)}}
    rows |= {"true mask": {"mass": (0.9, 0.9, 0.9), "ms": 2.5}}
    axes = figures.score_table(rows, columns, KINDS).figure.axes[0]
    said = [t.get_text() for t in axes.texts]
    assert {"0.20", "±.02", "−0.05", "±.03", "2.5", "0.90", "±.00"} <= set(said)
    wide = axes.patches[0].get_width()
    assert [p.get_width() / wide for p in axes.patches[1::2]] == pytest.approx([0.1 / 0.9, 0, 0.8 / 0.9])
    columns = {"mass": ("mass", (0, 1), 0.2)}
    dots = figures.dot_table(rows, columns, KINDS, marks={("edges", "mass")}).figure.axes[0].lines
    dots = [line for line in dots if line.get_marker() in tuple("osD")]
    assert [dot.get_xdata()[0] for dot in dots] == [0.2, 0.9]
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [False, True]


def test_slopes_depth_classes_and_cut_outs():
    values = {"a": [0.1, 0.4], "b": [0.3, 0.2]}
    (axes,) = figures.slopes(values, ["grey", "blurred"]).figure.axes
    assert [list(line.get_ydata()) for line in axes.lines] == list(values.values())
    lines = {"a": [(0.9, 0.8, 1.0), (0.1, 0.0, 0.2)]}
    curve, level = figures.over_depth(["fc8", "fc7"], {"p": lines}, {"p": {"a": {"image": 0.3}}}).figure.axes
    assert curve.lines[0].get_ydata().tolist() == [0.9, 0.1] and list(level.lines[0].get_ydata()) == [0.3]
    shares = np.array([[np.nan, 0.25], [0.75, np.nan]])
    nets = {"alex": shares, "gap": 1 - shares}
    alex, gap, _ = figures.class_matrix(nets, "ab", "cd", "", "", "share").figure.axes
    assert alex.images[0].get_array().mask[0, 0] and gap.images[0].get_array()[1, 0] == 0.25
    numbers = figures.class_matrix(np.array([[0.934, 0.1]]), ["a"], ["b", "c"], label="share", numbers=True)
    assert [t.get_text() for t in numbers.figure.axes[0].texts] == ["93%", "10%"]
    image, cut = drawn(figures.cut_outs(IMAGES[:1], {"w": MASK[None]}))
    assert np.allclose(cut[6, 8], image[6, 8]) and np.ptp(cut[19, 20]) < 1e-6, "pale outside"


def test_zfnet_panels_name_the_likeliest_classes():
    grid, best = np.random.default_rng(0).random((5, 5)), np.arange(25).reshape(5, 5)
    given = [SQUARES[0], 8, 4, grid, SQUARES - 0.5, grid]
    made = figures.zfnet_panels(*given, best % 3, ["dog", "cat", "mug"], "abcd")
    assert set(next(legend(a) for a in made.figure.axes if a.get_legend())) == {"dog", "cat", "mug"}
    letters = list("abcdefghijklmnopqrstuvwxyz")
    assert figures.zfnet_panels(*given, best, letters, "abcd").png(), "more classes than colours"
