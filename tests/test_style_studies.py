"""The studies behind notebook 08: their measures on what is known, their bookkeeping, and what is shipped."""

from functools import partial

import pytest
import torch

from experiments.studies import inversion_one_tv, inversions, style_gallery
from lecture_utils import features, open_lab, results, synthesis

pytestmark = pytest.mark.slow


def noise(side=64, seed=0):
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("period", "another"), [(4, 5), (5, 8), (8, 5)])
def test_a_grid_is_seen_in_both_directions_and_not_taken_for_another(period, another):
    plain = synthesis.regularisers.gaussian_blur(noise(120), 1.0)
    assert style_gallery.grid_peak(plain, period) < 2
    for step in (lambda x: x[..., ::period], lambda x: x[..., ::period, :]):
        planted = plain.clone()
        step(planted).add_(0.15)
        peak = style_gallery.grid_peak(planted, period)
        assert peak > 4 and style_gallery.grid_peak(planted, another) < 2
        assert style_gallery.grid_peak(planted.transpose(2, 3), period) == pytest.approx(peak)


def test_judged_is_zero_for_the_pictures_themselves():
    image = style_gallery.photograph("coffee", 64)
    other = style_gallery.photograph("flower", 64)
    assert style_gallery.judged(image, image, image) == {"content": 0, "style": 0}
    assert style_gallery.judged(image, other)["style"] > 0.1
    assert style_gallery.judged(image, other, image)["content"] == 0


def test_inverted_reports_what_it_made():
    net, images = inversions.net_of("gap"), open_lab(net="gap").gallery.images[:2]
    found, numbers = inversions.inverted(net, "conv2", images, steps=2)
    places = images.shape[2] * images.shape[3]
    smooth = inversions.TV["conv2"] * synthesis.total_variation(images) / places
    assert numbers["loss of the image"] == pytest.approx(smooth.tolist())
    reached, wanted = (features.extract(net, some, "relu2").flatten(1) for some in (found, images))
    error = (reached - wanted).square().sum(1) / wanted.square().sum(1)
    assert numbers["error"] == pytest.approx(error.tolist(), rel=1e-4)
    assert all(a > b for a, b in zip(numbers["loss"], numbers["error"], strict=True))
    blank = inversions.net_of("gap, untrained")
    assert not blank.training and not torch.equal(blank.conv1.weight, net.conv1.weight)


def test_every_picture_is_shipped_with_its_row():
    shipped = results.load("style_gallery")
    assert list(shipped["rows"]) == list(style_gallery.jobs())
    assert shipped["recipe"] == style_gallery.RECIPE, "the pictures are of this recipe"
    for name, row in shipped["rows"].items():
        image, large = style_gallery.picture(name), " in " in name
        assert image.shape[1:] == (384, 384) if large else image.shape[1] in (128, 256)
        if large or name.endswith("4 of 4"):
            assert max(row["grid"].values()) < 2, name
    photographs = (style_gallery.photograph(name, 384) for name in ("coffee", "cat"))
    seen = style_gallery.judged(style_gallery.picture("cat in coffee")[None], *photographs)
    stated = shipped["rows"]["cat in coffee"]["judge"]
    assert seen == pytest.approx({key: stated[key] for key in seen}, abs=0.05), "as measured"


def test_one_weight_is_shipped_whole_and_one_colour_is_what_it_says():
    shipped, images = results.load("inversion_one_tv"), open_lab().gallery.images[inversions.IMAGES]
    net = inversions.net_of("gap, untrained")
    stated = shipped["rows"]["gap, untrained"]["conv3"]["error of one colour"]
    error = partial(inversion_one_tv.error_of_one_colour, net, "relu3")
    assert error(images).tolist() == pytest.approx(stated, abs=1e-3)
    assert error(torch.full_like(images, 0.3)).max() < 1e-6
    assert [*shipped["rows"]] == [*inversion_one_tv.NETS]
    for layers in shipped["rows"].values():
        assert [*layers] == [*inversions.TV]
        assert all(len(values) == 8 for row in layers.values() for values in row.values())
