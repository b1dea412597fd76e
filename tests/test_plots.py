"""Every figure displays itself, says what it shows, stays on its sheet, touches no global state, refuses bad input."""

import base64
import functools
import io
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from experiments import figures
from lecture_utils import plots
from lecture_utils.plots import overview

DRAWS = np.random.default_rng(0)
IMAGES = DRAWS.random((3, 3, 20, 24))
SQUARES = DRAWS.random((4, 3, 24, 24))
HEAT = DRAWS.random((3, 20, 24))
MAPS, WEIGHTS = DRAWS.random((30, 5, 6)), DRAWS.normal(size=(2, 6, 3, 3))
MASK = np.zeros((20, 24), bool)
MASK[5:12, 6:15] = True
LARGE = torch.rand(7, 3, 80, 80, generator=torch.Generator().manual_seed(0))
GRID = DRAWS.random((5, 5))
ROWS = {"a": [0.1, 0.5, 0.3], "b": [0.2, 0.4, 0.9]}
TRIPLES = {name: [(v, v - 0.1, v + 0.1) for v in values] for name, values in ROWS.items()}
PANEL = {"x": [0, 1, 2], "lines": ROWS, "xlabel": "x", "ylabel": "y"}
CLASSES = ["dog", "mug", "duck", "car"]
SCORES = {"edges": {"mass": (0.2, 0.18, 0.22)}, "true mask": {"mass": (0.9, 0.9, 0.9)}}
KINDS = {"edges": "floor", "true mask": "ceiling"}

FIGURES = {}


def function(name):
    """The figure that a name begins with."""
    name = re.match(r"\w+", name).group()
    return next(getattr(home, name) for home in (plots, figures, overview) if hasattr(home, name))


def add(name, *args, **kwargs):
    FIGURES[name] = functools.partial(function(name), *args, **kwargs)


add("activation_maps", IMAGES[0], MAPS, 7)
add("against_epsilon", [0.5, 1, 2], {"alex": TRIPLES}, "share")
add("asked_twice", IMAGES, {"CAM": (HEAT, HEAT)}, [("a", "b")] * 3)
add("bars", {"a": 0.5, "b": [0.2, 0.3]}, "x", line=0.8, intervals={"a": (0.4, 0.6)})
add("bars in series", {"a": {"s": 0.5, "t": [0.1, 0.2]}, "b": {"s": 1}}, "x")
add(
    "boxes",
    IMAGES[:2],
    [np.array([[2.0, 2, 9, 9], [-3, 1, 9, 12]]), np.zeros((0, 4))],
    [[0, 1], []],
    [["a", ""], []],
    "ab",
)
add("class_matrix", np.eye(3), "abc", "abc", "r", "c", "s", numbers=True)
add("climb", range(30), {1: IMAGES[0]}, 2.5, "the best real one")
add("conditionals", GRID, [(0, 0), (3, 1)], np.full((2, 5), 0.2))
add("costs", {"GAN": {"a sample": 2.0, "a step": 9.0}})
add("curve_panels", {"left": PANEL, "right": PANEL})
add("curves", [0, 1, 2], ROWS, "x (px)", "y", intervals={"a": ROWS.values()})
add("curves, logarithmic", [1, 10, 100], ROWS, "x", "y", log="xy", level=(0.3, "c"))
add("decision_boundaries", {("x", "y"): np.eye(5, dtype=int)}, CLASSES, 0, 3)
add("dependence_maps", {"net": HEAT}, (2, 2), "abc")
add("dot_table", SCORES, {"mass": ("mass", (0, 1), 0.2)}, KINDS)
add("effect_bars", {"remove": {"ear": 1.0, "leg": -2.0}}, xlabel="logit")
add("effort", {30: 3.0, 10: 1.0}, {30: 0.5, 10: 2.0}, (0.01, 0.7))
add("embeddings", {"one": GRID[:, :2]}, np.arange(5) % 2, ["mug", "car"])
add("fields_over_image", IMAGES[0], {"a": (2, 2, 9, 9), "b": (-3, 1, 30, 12)}, HEAT[0])
add("filter_grid", {"one": IMAGES, "two": IMAGES[:2]}, panels=1)
add("filter_masks", {"A": np.eye(3)})
add("grey_tiles", WEIGHTS, titles=["a", "b"])
add("growing_rows", {"in": IMAGES, "out": IMAGES[:, :1]}, 2)
add("heat_columns", IMAGES, {"m": HEAT}, masks=[MASK] * 3, titles="abc")
add("heat_over_image", IMAGES, HEAT, "abc", true=[(1, 1, 9, 9)] * 3)
add("histograms", {"a": HEAT[0, 0] + 1, "b": HEAT[1, 0] + 2}, "nats")
add("image_grid", IMAGES, titles="abc")
add("image_grid of tensors", LARGE, columns=3)
add("image_rows", {"first": IMAGES, "second": IMAGES}, list("abc"))
add("image_table", [IMAGES, IMAGES[:2]], ["dog", "car"], "abc")
add("latent_plane", HEAT.ravel()[:96].reshape(2, 3, 4, 4), 2.0, [[3, -1], [0, 0]], [0, 1], ["zero", "one"])
add("layer_panels", "xyz", {"left": ROWS, "right": ROWS}, "skill")
add("layer_sizes", {"a": [("image", "", 3, 16), ("conv1", "3/1", 8, 16), ("fc", "", 10, 1)]})
add("map_and_image", IMAGES[0], GRID - 0.5, HEAT[0])
add("method_maps", IMAGES[0], {"A": (HEAT[0], False), "B, b": (HEAT[1] - 0.5, True)})
add("neighbour_rows", IMAGES, {"px": IMAGES[:, None]})
add("noted_rows", {"a": IMAGES}, list("xyz"), {"a": ["1", "2", "3"]})
add("overlay", SQUARES[0], HEAT[0], cells=GRID, label="evidence")
add("overlays", SQUARES[0], HEAT, "abc")
add("number_matrix", GRID, "abcde", "vwxyz", label="share")
LEVELS = {"signed": {"a": {"image": 0.3}, "b": {"image": 0.2}}}
add("over_depth", ["fc8", "fc7", "fc6"], {"signed": TRIPLES}, LEVELS, "r")
add("painted", IMAGES[0], {"a": SQUARES[0], "b": SQUARES[1]})
add("part_overlay", IMAGES[0], MASK * 2, ["head", "leg"])
add("patch_blocks", {"conv1": {"a": IMAGES[:, :, :11, :11], "b": IMAGES[:1]}})
add("picture_map", IMAGES, [[0, 0], [1, 1], [0, 1]])
add("point_clouds", {"one": GRID[:, :2], "two\nlines": GRID[:, 2:4]}, np.eye(2))
add("pointers", IMAGES, [MASK] * 3, {"centre": [[10, 10]] * 3})
add("score_table", SCORES, {"mass": ("mass", "{:.2f}", (0.1, 1))}, KINDS)
add("shares", {"class": (["dog", "mug"], {"real": [0.5, 0.5], "GAN": [0.9, 0.1]})})
add("signed_grid", HEAT - 0.5, label="weight")
add("single_draws", {"near": GRID[0], "far": 9 * GRID[1]}, 0.5, "gradient")
add("slopes", ROWS, ["grey", "blurred", "true"], "probability")
add("spotlights", IMAGES, [MASK] * 3, titles="abc", truth=[MASK[::-1]] * 3)
add("sum_of_images", IMAGES, "abc", ["dog, 95%", "4", "mug, 90%"])
add("sums", [SQUARES], ["red mug", "blue mug", "blue car", "= ?"])
add("taxonomy", {"a code": [("PCA", "axes", HEAT)]})
add("tiles", HEAT[:, :, :20], 3, labels=["up"])
add("times", [8, 16, 32], ROWS, "px", "s")
add("top9_grid", {"a": (SQUARES, SQUARES), "b": (IMAGES, IMAGES)}, ("x", "y"))
add("two_legends", IMAGES[0], GRID, 0.9, 8, 4)


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture.png())).convert("RGB"))


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_every_figure_displays_itself_and_no_text_leaves_it(make):
    picture = make(title="A title that has to be broken " * 3, caption="Wide Words " * 40)
    data, metadata = picture._repr_mimebundle_()
    (kind,) = metadata
    image = Image.open(io.BytesIO(base64.b64decode(data[kind])))
    assert kind == f"image/{image.format.lower()}" and 300 < image.width <= 1150, "it fits a slide"
    assert np.asarray(image.convert("L")).min() < 90, "something is drawn"
    assert metadata[kind]["alt"] == picture.alt and data["text/plain"] == f"Picture: {picture.alt}"
    assert "A title" in picture.alt and "Wide Words" in picture.alt
    texts = [*picture.figure.texts]
    for axes in picture.figure.axes:
        texts += [axes.title, axes._left_title, *axes.texts]
        texts += [axes.xaxis.label, axes.yaxis.label] if axes.axison else []
        texts += axes.get_legend().get_texts() if axes.get_legend() else []
    for text in texts:
        if text.get_text():
            (left, low), (right, high) = text.get_window_extent().get_points()
            assert min(left, low) > -2 and right < image.width + 2, text.get_text()[:40]
            assert high < image.height + 2, text.get_text()[:40]


def test_every_public_figure_is_above():
    drawn = {re.match(r"\w+", name).group() for name in FIGURES}
    here = {name for name in plots.__all__ if hasattr(getattr(plots, name), "__wrapped__")}
    assert here | set(figures.__all__) <= drawn | {"table"}


def test_no_pyplot_no_global_state_and_no_argument_changed():
    import matplotlib

    before, kept = dict(matplotlib.rcParams), [array.copy() for array in (IMAGES, SQUARES, HEAT, GRID, MASK)]
    for make in FIGURES.values():
        make()
    assert dict(matplotlib.rcParams) == before
    assert all(map(np.array_equal, kept, (IMAGES, SQUARES, HEAT, GRID, MASK)))
    code = "import sys, lecture_utils.plots.overview; print('matplotlib.pyplot' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_saved_is_what_is_shown_and_words_may_be_left_out(tmp_path):
    picture = plots.image_grid(IMAGES, title=None, caption=None)
    picture.save(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes() == picture.png() == plots.image_grid(IMAGES).png()


def test_what_makes_a_heavy_png_is_stored_as_a_jpeg_that_nobody_tells_apart():
    clouds = gaussian_filter(np.random.default_rng(0).random((4, 3, 240, 240)), (0, 0, 2, 2))
    picture = plots.image_grid(((clouds - 0.5) * 5 + 0.5).clip(0, 1), columns=2)
    data, metadata = picture._repr_mimebundle_()
    assert (
        len(picture.png()) > 40_000
        and set(data) == {"image/jpeg", "text/plain"}
        and [*metadata] == ["image/jpeg"]
    )
    stored = base64.b64decode(data["image/jpeg"])
    there = np.asarray(Image.open(io.BytesIO(stored)), float)
    assert len(stored) < len(picture.png()) and np.abs(there - pixels(picture)).mean() < 3


def test_the_palette_is_told_apart_by_colour_blind_readers():
    """Any two of the first seven colours stay apart, also for eyes without red or green cones."""
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.02996, 0.18431, 1.46709]])
    protan = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])  # Viénot et al. (1999)
    deutan = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    colours = np.array([plots.rgb(c) for c in plots.COLOURS[:7]]) ** 2.2
    for lost in (protan, deutan):
        seen = (colours @ (np.linalg.inv(to_lms) @ lost @ to_lms).T).clip(0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + np.eye(len(seen))
        assert apart.min() > 0.1


def test_table():
    table = plots.table(["claim", "ours"], [["a < b", 1], ["c", 0.25]], "Claims")
    data = table._repr_mimebundle_()
    assert "a &lt; b" in data["text/html"] and "<th" in data["text/html"]
    assert data["text/plain"] == "Claims\nclaim  ours\n-----  ----\na < b  1\nc      0.25"
    with pytest.raises(ValueError, match="rows: expected 2 cells in each, got 1"):
        plots.table(["a", "b"], [["x"]])


BAD = []


def refuse(message, name, *args, **kwargs):
    BAD.append((message, functools.partial(function(name), *args, **kwargs)))


refuse("images: .*looks like channels last", "image_grid", IMAGES.transpose(0, 2, 3, 1))
refuse("title: expected a text", "image_grid", IMAGES, title=3)
refuse("masks: expected shape", "spotlights", IMAGES[:1], [MASK.T])
refuse("maps: expected 3", "heat_columns", IMAGES, {"one": HEAT[:2]})
refuse("lines: expected 2 values for 'a', got 3", "curves", [1, 2], {"a": [1, 2, 3]})
refuse(r"ylim: expected \(low, high\)", "curves", [1, 2], {"a": [1, 2]}, ylim=(2, 1))
refuse("rows: expected equally many", "image_rows", {"a": IMAGES, "b": IMAGES[:2]})
refuse(r"cells: expected \(3, 2\), all different", "picture_map", IMAGES, [[0, 0], [1, 1], [0, 0]])
refuse(r"labels: expected integers \(5,\)", "embeddings", {"one": GRID[:, :2]}, np.zeros(3, int), ["mug"])
refuse("kinds.*floor", "dot_table", SCORES, {"mass": ("mass", (0, 1), None)}, {"edges": "flor"})


@pytest.mark.parametrize(("message", "call"), BAD)
def test_bad_input_is_refused(message, call):
    with pytest.raises((ValueError, KeyError), match=message):
        call()
