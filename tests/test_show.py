"""Pictures display themselves, say what they show, touch no global state, and refuse bad input."""

import base64
import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from lecture_utils import plots

IMAGES = np.random.default_rng(0).random((3, 3, 20, 24))
MAPS = np.linspace(-1, 2, 3 * 5 * 5).reshape(3, 5, 5)
PARTS = np.zeros((20, 24), np.uint8)
PARTS[:5], PARTS[10:] = 1, 3

PICTURES = {
    "image_grid": lambda **k: plots.image_grid(IMAGES, titles="abc", **k),
    "image_grid grey": lambda **k: plots.image_grid(MAPS / 4 + 0.25, **k),
    "image_grid tensor": lambda **k: plots.image_grid(torch.rand(7, 3, 80, 80), columns=3, **k),
    "filter_grid": lambda **k: plots.filter_grid(IMAGES, **k),
    "filter_grid panels": lambda **k: plots.filter_grid({"one": IMAGES, "two": IMAGES[:2]}, panels=1, **k),
    "grey_tiles": lambda **k: plots.grey_tiles(np.random.randn(2, 6, 3, 3), titles=["a", "b"], **k),
    "signed_grid": lambda **k: plots.signed_grid(MAPS, label="response", **k),
    "heat signed": lambda **k: plots.heat_over_image(IMAGES, MAPS, "signed", **k),
    "heat absolute": lambda **k: plots.heat_over_image(IMAGES, MAPS, "absolute", **k),
    "part_overlay": lambda **k: plots.part_overlay(IMAGES[0], PARTS, ["head", "leg", "tail"], **k),
    "curves, long labels": lambda **k: plots.curves(
        np.arange(20), {f"a label of a curve of {i}": np.arange(20) for i in range(5)}, "x (px)", "y", **k
    ),
    "curves": lambda **k: plots.curves(
        [0, 1, 2], {"a": [1, 2, 3]}, "x (px)", "y", intervals={"a": ([0, 1, 2], [2, 3, 4])}, **k
    ),
    "bars": lambda **k: plots.bars(
        {"a": 0.5, "b": [0.2, 0.3]}, "share", line=0.8, intervals={"a": (0.4, 0.6)}, **k
    ),
    "bars in series": lambda **k: plots.bars(
        {"a": {"whole": 0.5, "unseen": [0.1, 0.2]}, "b": {"whole": 1}}, "share", **k
    ),
}


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture.png())).convert("RGB"))


@pytest.mark.parametrize("kind", PICTURES)
def test_every_picture_displays_itself(kind):
    picture = PICTURES[kind](title="The title", caption="Look here.")
    data, metadata = picture._repr_mimebundle_()
    image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert image.format == "PNG" and 300 < image.width <= 1150 and len(picture.png()) < 600_000
    assert metadata["image/png"]["alt"] == picture.alt == "The title. Look here."
    assert data["text/plain"] == repr(picture) == "Picture: The title. Look here."
    assert pixels(picture).min() < 60, "something is drawn"
    texts = [text.get_text() for text in picture.figure.texts]
    assert texts == ["The title", "Look here."]
    assert PICTURES[kind](title="T", caption="C", alt="A bar that rises.").alt == "A bar that rises."


@pytest.mark.parametrize("kind", PICTURES)
def test_nothing_leaves_the_sheet(kind):
    """Every text lies within the figure, also long titles and captions."""
    picture = PICTURES[kind](title="A title that has to be broken " * 3, caption="Wide Words " * 40)
    picture.png()  # gives every text its place
    width, height = picture.figure.bbox.size
    texts = [*picture.figure.texts, *(axes.title for axes in picture.figure.axes)]
    for axes in picture.figure.axes:
        if axes.axison:
            ticks = [*axes.xaxis.get_ticklabels(), *axes.yaxis.get_ticklabels()]
            texts += [
                t
                for t in ticks
                if axes.bbox.padded(2).contains(*t.get_transform().transform(t.get_position()))
            ]
            texts += [axes.xaxis.label, axes.yaxis.label]
            texts += [*axes.texts, *(axes.get_legend().get_texts() if axes.get_legend() else ())]
    for text in texts:
        if text.get_text():
            box = text.get_window_extent()
            assert box.x0 > -1 and box.y0 > -1, text.get_text()[:40]
            assert box.x1 < width + 1 and box.y1 < height + 1, text.get_text()[:40]


def test_same_input_same_bytes_and_saved(tmp_path):
    one, other = (PICTURES["heat signed"](title="T") for _ in range(2))
    assert one.png() == other.png()
    one.save(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes() == one.png()


def test_no_pyplot_and_no_global_state():
    import matplotlib

    before = dict(matplotlib.rcParams)
    images = IMAGES.copy()
    for make in PICTURES.values():
        make(title="T", caption="C").png()
    assert dict(matplotlib.rcParams) == before
    assert np.array_equal(images, IMAGES)
    code = "import sys, lecture_utils.show; print(*{'torch', 'matplotlib.pyplot'}.intersection(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "", "show imports neither torch nor pyplot"


def test_pixels_of_filters_are_exact():
    """Each weight is a square of whole px in its own colour: nothing is smoothed."""
    filters = np.zeros((4, 3, 2, 2))
    filters[0, 0, 0, 0] = 1.0  # one pure red weight
    image = pixels(plots.filter_grid(filters, columns=2, title="T"))
    red = (image == (255, 0, 0)).all(-1)
    rows, columns = red.any(1).sum(), red.any(0).sum()
    assert rows == columns > 10 and red.sum() == rows * columns


def test_mosaic_by_hand():
    tiles = np.arange(3).reshape(3, 1, 1, 1).repeat(3, -1) / 10
    found = plots.mosaic(tiles, columns=2, zoom=1, gap=1)[..., 0]
    assert found.tolist() == [[0, 1, 0.1], [1, 1, 1], [0.2, 1, 1]]


def test_signed_maps_share_one_symmetric_range():
    picture = plots.signed_grid(np.array([np.full((4, 4), v) for v in (-1.0, 0.0, 0.5)]), title="T")
    ranges = {axes.images[0].get_clim() for axes in picture.figure.axes}
    assert ranges == {(-1.0, 1.0)}


def test_heat_says_its_kind():
    for kind in ("signed", "absolute"):
        picture = plots.heat_over_image(IMAGES, MAPS, kind, label="gradient")
        assert any(axes.get_ylabel() == f"gradient ({kind})" for axes in picture.figure.axes)


def test_table():
    table = plots.table(["claim", "ours"], [["a < b", 1], ["c", 0.25]], "Claims")
    data = table._repr_mimebundle_()
    assert "a &lt; b" in data["text/html"] and "<th" in data["text/html"]
    assert data["text/plain"].splitlines() == [
        "Claims",
        "claim  ours",
        "-----  ----",
        "a < b  1",
        "c      0.25",
    ]
    with pytest.raises(ValueError, match="rows: expected 2 cells in each, got 1"):
        plots.table(["a", "b"], [["x"]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.image_grid(IMAGES.transpose(0, 2, 3, 1)), "looks like channels last"),
        (lambda: plots.image_grid(IMAGES * 255), "divide by 255"),
        (lambda: plots.image_grid(IMAGES - 0.5), r"expected values in \[0, 1\], got \[-0.5"),
        (lambda: plots.image_grid(IMAGES * np.nan), "NaN or infinity"),
        (lambda: plots.image_grid(IMAGES[:0]), "at least one value"),
        (lambda: plots.image_grid(IMAGES, titles=["one"]), "titles: expected 3"),
        (lambda: plots.filter_grid(IMAGES * 2), r"filters: expected values in \[0, 1\]"),
        (
            lambda: plots.heat_over_image(IMAGES, MAPS, "both"),
            'kind: expected "signed" or "absolute", got \'both\'',
        ),
        (lambda: plots.heat_over_image(IMAGES, MAPS[:2], "signed"), "heatmaps: expected 3"),
        (lambda: plots.part_overlay(IMAGES[0], PARTS, ["head"]), "names: expected 3"),
        (lambda: plots.part_overlay(IMAGES[0], PARTS[:4], ["head"]), "parts: expected integers"),
        (lambda: plots.curves([1, 2], {"a": [1, 2, 3]}, "x", "y"), "lines: expected 2 values for 'a', got 3"),
        (lambda: plots.bars({}, "x"), "at least one bar"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_strip_by_hand():
    """A red 1 x 1 picture and a signed map of one positive value, 4 px high, 2 px apart."""
    red = np.array([1.0, 0, 0]).reshape(3, 1, 1)
    image = np.asarray(
        Image.open(io.BytesIO(plots.strip([red, plots.signed_colours([[2.0]], 2.0)], 4, gap=2)))
    )
    assert image.shape == (4, 10, 3) and (image[:, 4:6] == 255).all()
    assert (image[:, :4] == (255, 0, 0)).all() and (image[:, 6:, 0] > image[:, 6:, 2]).all()
    grey = plots.signed_colours([[0.0]], 1.0)[0, 0]
    assert np.ptp(grey) < 0.02, "zero has no colour"


def test_shares_bar_by_bar():
    factors = {
        "class": (["dog", "mug"], {"real": torch.tensor([0.5, 0.5]), "GAN": [0.9, 0.1]}),
        "colour": (["red"], {"GAN": [1.0]}),
    }
    made = plots.shares(factors)
    heights = [bar.get_height() for bar in made.figure.axes[0].patches]
    assert heights == pytest.approx([0.5, 0.5, 0.9, 0.1])
    colours = [made.figure.axes[0].patches[2].get_facecolor(), made.figure.axes[1].patches[0].get_facecolor()]
    assert colours[0] == colours[1] and tuple(colours[0][:3]) == pytest.approx(
        tuple(plots.rgb(plots.COLOURS[1]))
    )
    assert [t.get_text() for t in made.figure.axes[0].get_xticklabels()] == ["dog", "mug"]
    rows = [
        axes.get_position().y0
        for axes in plots.shares(factors | {"c": factors["class"]}, columns=2).figure.axes
    ]
    assert rows[0] == rows[1] > rows[2], "two in a row"
    with pytest.raises(ValueError, match="expected 2 shares of 'real', got 1"):
        plots.shares({"class": (["dog", "mug"], {"real": [1.0]})})
