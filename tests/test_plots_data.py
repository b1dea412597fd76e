"""What is drawn is what was given, in its place: one line or one test a figure."""

import numpy as np
import pytest
import torch

from experiments import figures
from lecture_utils import plots
from lecture_utils.plots import pixels
from tests.test_plots import IMAGES, KINDS, MASK, SQUARES

X, RUNS = np.arange(5), np.random.default_rng(0).random((3, 5))
LINES, SPREAD = {"a": [1, 2, 3], "b": [3, 2, 1]}, {"a": ([0, 1, 2], [2, 3, 4])}
LEFT = {"x": X, "lines": {"a": X, "b": RUNS}, "xlabel": "steps", "ylabel": "nats", "log": True}
ROW = {"FGSM": [(0.1, 0.0, 0.2), (0.5, 0.4, 0.6)], "noise": [(0.0, 0.0, 0.0)] * 2}
SHARES = {"class": (["dog", "mug"], {"real": torch.tensor([0.5, 0.5]), "GAN": [0.9, 0.1]})}
EFFECTS = {"remove": {"ear": 1.0, "leg": -2.0}, "keep": {"ear": 0.5, "leg": 3.0}}
COSTS = {"PixelCNN": {"a sample": 2500.0, "training": 40.0}, "GAN": {"a sample": 1.5}}
DEPTH = {"p": {"a": [(0.9, 0.8, 1.0), (0.1, 0.0, 0.2)]}}, {"p": {"a": {"image": 0.3}}}
RAW, NONE = np.array([[1.0, -2.0]]), np.array([[np.nan, 0.25], [0.75, np.nan]])
REMAINS, BOXES = np.array([[0.9, 0.1], [0.5, 0.7]]), [(1, 2, 9, 12)] * 3
BLOCKS = {"small": {"a": IMAGES[:, :, :5, :5]}, "large": {"b": IMAGES[:, :, :20, :20]}}


def xy(axes, k=0):
    return axes.lines[k].get_xydata()


def ys(axes, k=0):
    return axes.lines[k].get_ydata()


def band(axes):
    """The highest value of a shaded band."""
    return axes.collections[0].get_paths()[0].vertices[:, 1].max()


def ends(axes):
    return [bar.get_x() + bar.get_width() for bar in axes.patches]


def heights(axes):
    return [bar.get_height() for bar in axes.patches]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def shown(axes, k=0):
    return np.ma.filled(axes.images[k].get_array(), -1)


def drawn(picture):
    """The first image of each axes that has one."""
    return [np.asarray(axes.images[0].get_array()) for axes in picture.figure.axes if axes.images]


DRAWN = [  # a figure, what is read from its axes, what must stand there
    (plots.curves([1, 10, 100], LINES), lambda a: xy(a, 1), [[1, 3], [10, 2], [100, 1]]),
    (plots.curves([1, 10, 100], LINES, intervals=SPREAD), band, 4),
    (plots.curves([1, 10, 100], LINES, log="x", level=(2.5, "truth")), lambda a: ys(a, -1), [2.5, 2.5]),
    (figures.curve_panels({"left": LEFT}), lambda a: ys(a, -1), RUNS.mean(0)),
    (figures.layer_panels("xy", {"left": {"a": [0.1, 0.9]}}, "skill"), ys, [0.1, 0.9]),
    (figures.against_epsilon([0.5, 1], {"alex": ROW}), xy, [[0.5, 0.1], [1, 0.5]]),
    (figures.against_epsilon([0.5, 1], {"alex": ROW}), band, 0.6),
    (figures.times([8, 16], {"naive": [1.0, 16.0]}), xy, [[8, 1], [16, 16]]),
    (figures.effort({30: 3.0, 10: 1.0}, {30: 0.5, 10: 2.0}, (0.01, 0.7)), xy, [[1, 2], [3, 0.5]]),
    (plots.bars({"a": 0.5, "b": [0.2, 0.4]}), ends, [0.5, 0.3]),
    (plots.bars({"a": 0.5}, intervals={"a": (0.4, 0.6)}), lambda a: a.lines[0].get_xdata(), [0.4, 0.6]),
    (plots.bars({"a": {"s": 1, "t": 2}, "b": {"t": 3}}), ends, [1, 2, 3]),
    (figures.shares(SHARES), heights, [0.5, 0.5, 0.9, 0.1]),
    (figures.effect_bars(EFFECTS), lambda a: [bar.get_width() for bar in a.patches], [1, -2]),
    (figures.costs(COSTS), ends, [2500, 40, 1.5]),
    (figures.histograms({"a": torch.ones(3)}), lambda a: sum(heights(a)), 3),
    (figures.slopes({"a": [0.1, 0.4]}, ["grey", "blurred"]), ys, [0.1, 0.4]),
    (figures.over_depth(["fc8", "fc7"], *DEPTH), ys, [0.9, 0.1]),
    (figures.class_matrix({"alex": NONE}, "ab", "cd", "", "", "share"), shown, [[-1, 0.25], [0.75, -1]]),
    (plots.signed_grid(np.ones((2, 4, 4)) / 2), lambda a: a.images[0].get_clim(), (-0.5, 0.5)),
    (figures.point_clouds({"one": RUNS[:, :2]}, np.eye(2)), xy, RUNS[:, :2]),
]


@pytest.mark.parametrize(("picture", "read", "wanted"), DRAWN)
def test_the_first_axes_show_what_was_given(picture, read, wanted):
    np.testing.assert_allclose(read(picture.figure.axes[0]), wanted, rtol=1e-6)


def test_climb_marks_its_stills():
    picture = plots.climb([0.0, 2.0, 3.0, 3.5], {1: IMAGES[0], 4: IMAGES[1]}, 2.5, "the best real one")
    *_, curve = picture.figure.axes
    assert ys(curve).tolist() == [0, 2, 3, 3.5] and set(ys(curve, 1)) == {2.5}
    assert [tuple(line.get_xydata()[0]) for line in curve.lines[2:]] == [(1, 2), (3, 3.5)]


MANY, ROWS = np.random.default_rng(0).random((7, 3, 8, 8)), {"first": SQUARES, "second": SQUARES[::-1]}
NEAR, RIGHT = {"px": SQUARES.reshape(2, 2, 3, 24, 24)}, {"px": torch.tensor([[True, False], [True, True]])}
IN_ORDER = [  # a figure, and its images in their order
    (plots.image_grid(MANY, list("abcdefg"), columns=3), MANY),
    (plots.image_rows(ROWS, list("abcd")), [*SQUARES, *SQUARES[::-1]]),
    (plots.noted_rows(ROWS, list("abcd"), {"second": list("wxyz")}), [*SQUARES, *SQUARES[::-1]]),
    (plots.growing_rows({"in": SQUARES}, 2), SQUARES[:2]),
    (figures.painted(IMAGES[0], {"a": SQUARES[0]}), [IMAGES[0], SQUARES[0]]),
    (figures.sum_of_images(IMAGES, "abc", "xyz"), IMAGES),
    (figures.sums([SQUARES] * 4, "abcd"), [*SQUARES] * 4),
    (plots.neighbour_rows(SQUARES[:2], NEAR), [SQUARES[0], *SQUARES[:2], SQUARES[1], *SQUARES[2:]]),
]


@pytest.mark.parametrize(("picture", "images"), IN_ORDER)
def test_images_stand_in_order(picture, images):
    for one, image in zip(drawn(picture), images, strict=True):
        np.testing.assert_allclose(one, np.asarray(image).transpose(1, 2, 0), atol=1e-6)


def test_mosaics_gradients_and_heat_by_hand():
    tiles = np.arange(3).reshape(3, 1, 1, 1).repeat(3, -1) / 10
    wanted = [[0, 1, 0.1], [1, 1, 1], [0.2, 1, 1]]
    assert pixels.mosaic(tiles, columns=2, zoom=1, gap=1)[..., 0].tolist() == wanted
    gradient = torch.zeros(2, 3, 10, 10)
    gradient[0, 0, 0, 0], gradient[0, 1, 5, 5], gradient[1, 2, 3, 3] = 4.0, -2.0, 1e-6
    found = plots.gradient_pictures(gradient, quantile=1.0)
    assert found[0, 0, 0, 0] == 1 and found[0, 1, 5, 5] == 0.25 and found[0, 2, 9, 9] == 0.5
    assert found[1, 2, 3, 3] == 1, "each has its own scale"
    assert pixels.edges(MASK).sum() == 7 * 9 - 3 * 5
    heat = np.zeros((8, 8))
    heat[2, 2], heat[5, 5] = 1, -1
    colours = pixels.heat_colours(np.full((8, 8, 3), 0.5), heat, signed=True)
    assert colours[2, 2, 0] > colours[2, 2, 2] and colours[5, 5, 2] > colours[5, 5, 0]
    assert abs(colours[0, 0] - colours[0, 0, 0]).max() < 1e-6, "no heat, no colour"


def test_heat_ends_at_its_own_quantile_loses_its_sign_and_has_its_boxes():
    strong = torch.rand(2, 24, 24, generator=torch.Generator().manual_seed(0)).log()  # a long tail
    strong *= torch.tensor([1.0, 1000.0])[:, None, None]
    made = drawn(figures.heat_columns(SQUARES[:2], {"strong": strong, "minus": -np.ones((2, 6, 6))}))
    found = [a for a in made if a.shape == (24, 24)]
    assert len(found) == 2 and all(np.quantile(a, 0.995) == pytest.approx(1, rel=1e-3) for a in found)
    assert all((a == 1).all() for a in made if a.shape == (6, 6))
    heat = np.zeros((3, 20, 24))
    heat[:, 5, 7] = [1, 2, 3]
    axes = figures.heat_over_image(IMAGES, heat, found=BOXES, true=torch.tensor(BOXES) + 1).figure.axes
    colours = [shown(a, 1) for a in axes]
    assert all(np.allclose(c, colours[0]) for c in colours), "each on its own scale"
    assert (drawn(plots.map_and_image(IMAGES[0], RAW, heat[0]))[1] == RAW).all()
    one, many = plots.overlay(IMAGES[0], heat[0], cells=RAW), plots.overlays(IMAGES[0], heat)
    assert (drawn(one)[1] == RAW).all() and np.allclose(shown(one.figure.axes[2], 1), colours[0])
    assert all(np.allclose(shown(a, 1), colours[0]) for a in many.figure.axes[1:4]), "each to its own maximum"
    maps = [i for a in figures.two_legends(SQUARES[0], REMAINS, 0.9, 8, 4).figure.axes for i in a.images]
    maps = [i for i in maps if np.shape(i.get_array()) == (2, 2)]
    assert [i.get_extent() for i in maps] == [[2, 10, 10, 2]] * 2, "at the middle of the square"
    assert np.allclose(maps[0].get_array() + maps[1].get_array(), 0.9)


def test_what_a_pixel_depends_on_and_masks():
    maps = torch.zeros(2, 5, 5)
    maps[:, :2] = torch.tensor([1.0, 1e-9])[:, None, None]
    maps[0, 0, 0] = 0.01
    axes = figures.dependence_maps({"net": maps}, (2, 2), "ab").figure.axes
    first, second = (a.images[0].get_array() for a in axes[1:3])
    assert first.mask[2:].all() and not first.mask[:2].any(), "exactly zero stays white"
    assert float(first[0, 0]) == pytest.approx(-2) and float(second[0, 0]) == 0, "relative to its own largest"
    assert texts(plots.filter_masks({"A": np.eye(3)}).figure.axes[0]) == list("100010001")


def test_points_and_planes_stand_where_they_are():
    at = torch.tensor([[0.0, 0.0], [2.0, 2.0], [1.0, 1.0], [8.0, 9.0]])
    made = plots.embeddings({"one": at}, torch.tensor([0, 0, 0, 1]), ["mug", "car", "never there"])
    words = {t.get_text(): tuple(t.xy) for t in made.figure.axes[0].texts}  # written just above that point
    assert words == {"mug": (1, 1), "car": (8, 9)}
    two = {"small": at / 10, "large": at}
    for shared, scales in ((False, 2), (True, 1)):
        panels = plots.embeddings(two, torch.tensor([0, 0, 0, 1]), ["", ""], shared=shared).figure.axes
        assert len({(p.get_xlim(), p.get_ylim()) for p in panels}) == scales
    assert panels[0].get_xlim() == panels[0].get_ylim() and panels[0].get_xlim()[1] > 9
    images = np.zeros((2, 3, 4, 4))
    images[0, 2] = 1  # the top right one is white
    names = ["zero", "one"]
    left, right = plots.latent_plane(images, 2.0, [[1.0, 1.5], [0.0, 0.0]], [0, 1], names).figure.axes
    assert shown(left)[:4, -4:].min() == 1 and shown(left)[-4:, :4].max() == 0
    assert left.images[0].get_extent() == [-2, 2, -2, 2] and right.get_xlim() == (-2, 2)
    grid = torch.tensor([[0, 0, 1], [0, 0, 1], [2, 0, 1]])
    made = figures.decision_boundaries({("right", "up"): grid}, ["dog", "mug", "duck"], 0, 12)
    assert made.figure.axes[0].images[0].origin == "lower" and drawn(made)[0].tolist() == grid.tolist()


def test_scores_say_their_numbers():
    matrix = figures.number_matrix([[0.1, 0.9], [0.0, 0.5]], ["a", "b"], ["x", "y"], top=1.0)
    assert texts(matrix.figure.axes[0]) == ["0.10", "0.90", "0.00", "0.50"]
    columns = {"mass": ("mass", "{:.2f}", (0.1, 1)), "gain": ("gain", "{:+.2f}", (0, 0.5))}
    columns |= {"ms": ("ms", "{:.1f}", None)}
    rows = {"edges": {"mass": (0.2, 0.18, 0.22), "gain": (-0.05, -0.08, -0.02)}}
    rows |= {"true mask": {"mass": (0.9, 0.9, 0.9), "ms": 2.5}}
    axes = figures.score_table(rows, columns, KINDS).figure.axes[0]
    assert {"0.20", "±.02", "−0.05", "±.03", "2.5", "0.90", "±.00"} <= set(texts(axes))
