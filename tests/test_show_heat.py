"""Figures of heatmaps: what is signed, what is scaled, and where a value stands in the picture."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from lecture_utils import plots
from lecture_utils.plots import Picture

DRAWS = torch.Generator().manual_seed(0)
IMAGES, GRID, DOWN = (
    torch.rand(*shape, generator=DRAWS) for shape in ((2, 3, 24, 24), (5, 5), (4, 3, 24, 24))
)
MAPS = {"one": torch.rand(2, 6, 6, generator=DRAWS), "two": torch.rand(2, 24, 24, generator=DRAWS) - 0.5}
MASKS = torch.zeros(2, 24, 24, dtype=torch.bool)
MASKS[:, 4:12, 6:18] = True


def images_of(picture):
    """What is drawn in the axes of a figure: a list of arrays."""
    return [np.asarray(image.get_array()) for axes in picture.figure.axes for image in axes.images]


def words_of(picture):
    """All text of a figure."""
    texts = [text.get_text() for text in picture.figure.texts]
    return " ".join(
        texts + [t.get_text() for a in picture.figure.axes for t in (a.title, a.yaxis.label, *a.texts)]
    )


def zfnet(**change):
    given = {
        "image": IMAGES[0],
        "size": 8,
        "stride": 4,
        "activation": GRID,
        "projections": DOWN - 0.5,
        "probabilities": GRID,
        "best": torch.arange(25).view(5, 5) % 3,
        "classes": ["dog", "cat", "mug"],
        "names": ["this", "a", "b", "c"],
        "title": "t",
        "caption": "c",
    }
    return plots.zfnet_panels(**given | change)


PICTURES = {
    "absolute": lambda: plots.heat_columns(IMAGES, MAPS, masks=MASKS, titles="ab", title="t", caption="c"),
    "signed": lambda: plots.heat_columns(IMAGES, MAPS, kind="signed", title="t", caption="c"),
    "legends": lambda: plots.two_legends(IMAGES[0], GRID, 0.9, 8, 4, title="t", caption="c"),
    "panels": zfnet,
    "cuts": lambda: plots.cut_outs(IMAGES, {"w": MASKS}, MASKS, {"w": [0.5, 1]}, title="t", caption="c"),
    "nines": lambda: plots.nines({"a": (IMAGES, IMAGES), "b": (IMAGES, IMAGES)}, ("x", "y"), "t", "c"),
}


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_each_is_a_picture_with_title_caption_and_alt(make):
    picture = make()
    assert isinstance(picture, Picture) and picture.png().startswith(b"\x89PNG")
    assert picture.alt == "t. c." and picture.png() == make().png()
    assert picture.figure.get_figwidth() <= 11.5


def test_a_map_ends_at_its_own_quantile_and_the_bar_says_so():
    maps = {"strong": torch.rand(2, 24, 24) * torch.tensor([1.0, 1000.0])[:, None, None]}
    picture = plots.heat_columns(IMAGES, maps)
    drawn = [a for a in images_of(picture) if a.shape == (24, 24)]
    assert len(drawn) == 2 and all(np.quantile(a, 0.995) == pytest.approx(1, rel=1e-3) for a in drawn)
    assert "99.5%" in words_of(picture) and "absolute" in words_of(picture)


def test_signed_keeps_the_sign_and_absolute_loses_it():
    maps = {"m": torch.full((2, 6, 6), -2.0)}
    assert all(
        (a == -1).all()
        for a in images_of(plots.heat_columns(IMAGES, maps, kind="signed"))
        if a.shape == (6, 6)
    )
    assert all((a == 1).all() for a in images_of(plots.heat_columns(IMAGES, maps)) if a.shape == (6, 6))


def test_a_blank_map_is_no_trouble():
    assert plots.heat_columns(IMAGES, {"blank": torch.zeros(2, 6, 6)}).png()
    assert (plots.gradient_pictures(torch.zeros(1, 3, 4, 4)) == 0.5).all()


def test_gradients_as_pictures_zero_is_grey_and_the_sign_stays():
    gradient = torch.zeros(2, 3, 10, 10)
    gradient[0, 0, 0, 0], gradient[0, 1, 5, 5] = 4.0, -2.0
    gradient[1, 2, 3, 3] = 1e-6
    drawn = plots.gradient_pictures(gradient, quantile=1.0)
    assert drawn[0, 0, 0, 0] == 1 and drawn[0, 1, 5, 5] == 0.25 and drawn[0, 2, 9, 9] == 0.5
    assert drawn[1, 2, 3, 3] == 1, "each has its own scale"


def test_few_colours_are_at_most_so_many():
    picture = plots.heat_columns(IMAGES, MAPS)
    for asked in (256, 32):
        png = Image.open(io.BytesIO(plots.few_colours(picture, asked).png()))
        assert 16 < len(png.convert("RGB").getcolors(300)) <= asked
    assert plots.few_colours(picture).alt == picture.alt


def test_an_occlusion_value_stands_at_the_middle_of_its_square():
    picture = plots.two_legends(IMAGES[0], GRID, 0.9, size=8, stride=4)
    maps = [i for a in picture.figure.axes for i in a.images if np.asarray(i.get_array()).shape == (5, 5)]
    assert [tuple(i.get_extent()) for i in maps] == [
        (2, 22, 22, 2)
    ] * 2  # 8/2 - 4/2 = 2, then 5 steps of 4 px


def test_both_legends_are_said_in_words_and_are_the_same_numbers():
    remains = torch.tensor([[0.9, 0.1], [0.5, 0.7]])
    picture = plots.two_legends(IMAGES[0], remains, 0.9, 8, 4)
    one, other = (a for a in images_of(picture) if a.shape == (2, 2))
    assert np.allclose(one + other, 0.9)
    for words in (
        "red = little remains",
        "dark = it drops",
        "probability that remains",
        "drop of probability",
    ):
        assert words in words_of(picture)


def test_the_likeliest_classes_are_named():
    legend = next(a.get_legend() for a in zfnet().figure.axes if a.get_legend())
    assert {text.get_text() for text in legend.get_texts()} == {"dog", "cat", "mug"}
    assert zfnet(best=torch.arange(25).view(5, 5), classes=list("abcdefghijklmnopqrstuvwxyz")).png()


def test_what_is_cut_out_keeps_its_colours():
    picture = plots.cut_outs(IMAGES[:1], {"w": MASKS[:1]})
    drawn = images_of(picture)[1]
    image = IMAGES[0].permute(1, 2, 0).numpy()
    assert np.allclose(drawn[6, 8], image[6, 8], atol=1e-6) and drawn[20, 20].std() < 1e-6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.heat_columns(IMAGES, MAPS, kind="both"), "signed"),
        (lambda: plots.heat_columns(IMAGES, {"one": torch.rand(3, 6, 6)}), "maps: expected 2"),
        (lambda: plots.heat_columns(IMAGES, {"one": torch.full((2, 6, 6), torch.nan)}), "finite"),
        (lambda: plots.nines({"a": (IMAGES,)}, ("x", "y")), "blocks: expected 2"),
        (lambda: zfnet(names=["one"]), "titles: expected 4"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
