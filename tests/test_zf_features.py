"""Transforms of images and of the camera, CKA, and the studies and explorers of notebook 13 that are made of them.

Exact cases, laws, and other formulas for the same number.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from experiments.studies import zf_atlas, zf_evolution, zf_invariance, zf_nine
from lecture_utils import explorers, features, models, open_lab, plots
from lecture_utils.explorers import board as ui, zfnet
from lecture_utils.world import render, sample_scene
from tests.helpers import blocks, refusals, uniform

IMAGES = uniform(2, 3, 24, 24)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- transforms of images ---


@pytest.mark.parametrize("border", ["grey", "edge"])
def test_nothing_and_a_whole_turn_change_nothing(border):
    for degrees in (0, 360, -720):
        assert torch.allclose(features.transformed(IMAGES, degrees=degrees, border=border), IMAGES, atol=1e-4)


def test_a_quarter_turn_is_exact_and_counter_clockwise():
    for quarters in (1, 2, 3):
        turned = features.transformed(IMAGES, degrees=90 * quarters)
        assert torch.allclose(turned, torch.rot90(IMAGES, quarters, (2, 3)), atol=1e-4)


def test_a_shift_moves_up_and_fills_below():
    grey, edge = (features.transformed(IMAGES, up=5, border=border) for border in ("grey", "edge"))
    for moved in (grey, edge):
        assert torch.allclose(moved[:, :, :19], IMAGES[:, :, 5:], atol=1e-4)
    assert torch.allclose(grey[:, :, 19:], torch.tensor(0.5), atol=1e-4)
    assert torch.allclose(edge[:, :, 19:], IMAGES[:, :, -1:].expand(-1, -1, 5, -1), atol=1e-4)


def test_scale_enlarges_about_the_centre():
    x = torch.arange(24.0).expand(1, 1, 24, 24) / 24  # a ramp: the value tells where a pixel comes from
    twice = features.transformed(x, scale=2)
    assert torch.allclose(twice[0, 0, 0] * 24, 11.5 + (torch.arange(24.0) - 11.5) / 2, atol=1e-3)


def test_first_turned_then_shifted():
    both = features.transformed(IMAGES, up=5, degrees=90)
    one_by_one = features.transformed(features.transformed(IMAGES, degrees=90), up=5)
    assert torch.allclose(both, one_by_one, atol=1e-4)


def test_a_transform_is_undone_by_its_inverse_where_nothing_left_the_image():
    smooth = torch.nn.functional.interpolate(uniform(1, 3, 4, 4), size=(48, 48), mode="bicubic").clamp(0, 1)
    for there, back in (({"degrees": 30}, {"degrees": -30}), ({"scale": 1.25}, {"scale": 0.8})):
        again = features.transformed(features.transformed(smooth, **there), **back)
        assert torch.allclose(again[..., 14:34, 14:34], smooth[..., 14:34, 14:34], atol=0.02)


@pytest.mark.parametrize("change", [{"up": 0.25}, {"zoom": 1.5}, {"roll": 40}, {"zoom": 1.3, "roll": -75}])
def test_the_camera_does_to_the_world_what_the_transform_does_to_its_image(change):
    """Two independent ways to the same picture, compared where neither has a border; another sign is far off."""
    scene = sample_scene("windmill", 5)
    before = torch.from_numpy(render(scene, 112).image)[None]
    camera = torch.from_numpy(render(scene.framed(**change), 112).image)[None]
    words = {
        "up": 112 * change.get("up", 0),
        "scale": change.get("zoom", 1),
        "degrees": change.get("roll", 0),
    }
    middle = (..., slice(30, 82), slice(30, 82))

    def apart(**given):
        difference = features.transformed(before, **given)[middle] - camera[middle]
        return float(torch.nn.functional.avg_pool2d(difference, 4).abs().mean())  # fine texture is drawn anew

    assert apart(**words) < 0.015
    for wrong in ({"up": -words["up"]}, {"scale": 1 / words["scale"]}, {"degrees": -words["degrees"]}):
        if words | wrong != words:
            assert apart(**words | wrong) > 3 * apart(**words)


def test_a_frame_that_does_not_move_shows_the_same_and_two_moves_add_up():
    scene = sample_scene("mug", 3)
    assert scene.framed() == scene and np.array_equal(
        render(scene.framed(), 32).image, render(scene, 32).image
    )
    there_and_back = scene.framed(zoom=2, roll=50).framed(roll=-50).framed(zoom=0.5)
    assert there_and_back.camera.centre == pytest.approx(scene.camera.centre)
    assert there_and_back.camera.roll == pytest.approx(0) and there_and_back.camera.zoom == scene.camera.zoom


# --- CKA ---


def by_features(x, y):
    """Debiased linear CKA from the features, as the authors of CKA compute it; no table of pairs."""
    x, y = (z.flatten(1).double() - z.flatten(1).double().mean(0) for z in (x, y))
    n = len(x)

    def hsic(a, b):
        own = (a.square().sum(1) * b.square().sum(1)).sum()
        both = a.square().sum() * b.square().sum()
        return (a.T @ b).square().sum() - n / (n - 2) * own + both / ((n - 1) * (n - 2))

    return float(hsic(x, y) / (hsic(x, x) * hsic(y, y)).sqrt())


def by_song(x, y):
    """The same from equation 5 of Song et al. (2012), with sums instead of centred tables."""
    first, second = (z.flatten(1).double() @ z.flatten(1).double().T for z in (x, y))
    n = len(x)

    def hsic(a, b):
        a, b = (table - table.diag().diag() for table in (a, b))
        product = (a @ b).trace() + a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (a @ b).sum()
        return product / (n * (n - 3))

    return float(hsic(first, second) / (hsic(first, first) * hsic(second, second)).sqrt())


@pytest.mark.parametrize("n, p", [(4, 3), (20, 5), (30, 200)])
def test_cka_is_what_two_other_formulas_give(n, p):
    x = normal(n, p)
    y = x[:, : max(2, p // 2)] + 0.7 * normal(n, max(2, p // 2), seed=1)
    assert features.cka(x, y) == pytest.approx(by_features(x, y), abs=1e-10)
    assert features.cka(x, y) == pytest.approx(by_song(x, y), abs=1e-10)


def test_cka_by_hand():
    """Four images, of which 0 and 1 are alike, and 2 and 3: centred: 4/3 for a pair alike, -2/3 for others."""
    x = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
    assert features.cka(x, x) == pytest.approx(1)
    other = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])  # here 0 and 2 are alike
    assert features.cka(x, other) == pytest.approx(-0.5)


def test_laws_of_cka():
    x, y = normal(40, 12), normal(40, 12) + normal(40, 12, seed=1)
    rotation = torch.linalg.qr(normal(12, 12, seed=2))[0]
    found = features.cka(x, y)
    assert features.cka(x, x) == pytest.approx(1) and features.cka(y, x) == pytest.approx(found)
    assert features.cka(-3.7 * x @ rotation + 5, y) == pytest.approx(found, abs=1e-10)
    assert features.cka(x.view(40, 3, 2, 2), y.view(40, 3, 4)) == pytest.approx(found, abs=1e-12)
    stretched = x * torch.linspace(0.1, 10, 12)  # only isotropic scale is ignored
    assert abs(features.cka(stretched, y) - found) > 0.02
    assert features.cka(x.float() + 1000, y) == pytest.approx(found, abs=1e-3)  # a large mean does no harm


def test_independent_features_have_none_on_average_where_the_plain_estimate_has_much():
    draws = [features.cka(normal(40, 400, seed=2 * n), normal(40, 400, seed=2 * n + 1)) for n in range(30)]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / 30**0.5 + 1e-3 and np.std(draws) < 0.1
    x, y = (z - z.mean(0) for z in (normal(40, 400), normal(40, 400, seed=1)))
    plain = (x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm())
    assert plain > 0.85


REFUSED = [
    (lambda: features.cka(normal(3, 2), normal(3, 2)), "x: expected features of at least 4 images"),
    (lambda: features.cka(normal(5, 2), normal(6, 2)), "y: expected"),
    (lambda: features.cka(torch.ones(5, 2), normal(5, 2)), "x: all images have the same features"),
    (lambda: features.transformed(IMAGES, scale=0), "scale: expected"),
    (lambda: features.transformed(IMAGES, border="gray"), "border"),
    (lambda: features.transformed(IMAGES[..., :9]), "images: expected square ones"),
]
test_bad_input_is_refused = refusals(*REFUSED)


# --- the studies ---


def test_spread_is_the_mean_squared_distance_of_all_pairs():
    values = normal(2, 9, 3)
    pairs = [torch.pdist(some).square().mean() for some in values]
    assert torch.allclose(zf_nine.spread(values), torch.stack(pairs))
    kinds = nn.functional.one_hot(torch.tensor([0, 0, 1])).double()
    assert float(zf_nine.spread(kinds)) == pytest.approx(2 * 2 / 3)  # two of three pairs differ, by 2 each


def toy_gallery():
    """Thirty images, six of each of five classes; their objects fill the right half, which is part 2, or 1 above."""
    objects = torch.zeros(30, 24, 24, dtype=torch.uint8)
    objects[:, :, 12:] = 1
    parts = 2 * objects
    parts[:, :12, 12:] = 1
    table = [{"azimuth_1": str(12 * n)} for n in range(30)]
    images, labels = uniform(30, 3, 24, 24), torch.arange(30) % 5

    class Toy(SimpleNamespace):
        __len__ = lambda self: 30  # noqa: E731

    return Toy(images=images, labels=labels, objects=objects, parts=parts, table=table)


def test_nine_of_one_class_and_part_have_no_spread_and_random_ones_have_1():
    gallery = toy_gallery()
    key, field = zf_nine.answer_key(gallery), features.Field(size=5, stride=8, offset=-2)
    alike = (gallery.labels == 3).nonzero().flatten()  # six images
    units = torch.tensor([[1, 2]] * 6)  # their middle is 8, 16: the object, upper part
    draws = torch.Generator().manual_seed(0)
    found = zf_nine.of_map(gallery, key, field, alike, units, draws)
    assert found["class"] == 0 and found["part"][0] == 0 and found["part"][1] > 0.3
    assert (
        found["on object"] == (1.0, 1.0) and found["view, same classes"][0] == found["view, same classes"][1]
    )
    left = torch.tensor([[1, 0]] * 6)  # no object there
    found = zf_nine.of_map(gallery, key, field, alike, left, draws)
    assert found["on object"] == (0.0, 0.0) and "part" not in found
    random = [zf_nine.spread(key["view"][torch.randperm(30)[:9]]) for _ in range(400)]
    assert float(torch.stack(random).mean() / zf_nine.spread(key["view"])) == pytest.approx(1, abs=0.03)


def test_a_layer_is_settled_from_the_epoch_from_which_it_stays_near():
    epochs = (0, 1, 2, 4)
    assert zf_evolution.settled([0.1, 0.95, 0.92, 1], epochs) == 1
    assert zf_evolution.settled([0.1, 0.95, 0.8, 1], epochs) == 4
    assert zf_evolution.settled([0.1, 0.5, 0.46, 0.6], epochs, ceiling=0.5) == 1


def test_the_last_epoch_is_like_itself_and_shuffled_images_are_like_nothing():
    nets = [models.build("alex", seed=seed) for seed in (0, 1)]
    images = nn.functional.interpolate(uniform(24, 3, 4, 4), size=112)
    rows = zf_evolution.to_the_last(nets, images, ("conv1", "conv2"))
    two, shuffled = zf_evolution.between(*nets, images, ("conv1", "conv2"))
    for layer in rows:
        assert rows[layer][1] == 1 and rows[layer][0] == two[layer] > 0.4
        assert abs(shuffled[layer]) < 0.4


def test_every_way_begins_with_the_scene_itself_and_moves_it_the_same_way():
    scene = zf_invariance.scenes_of(1)[0]
    image = zf_invariance.drawn([scene])[0]
    for transform, still in (("up", 0), ("scale", 1), ("degrees", 0)):
        for way in ("camera", "object"):
            same = zf_invariance.drawn([zfnet.changed(scene, transform, still, way)])[0]
            assert (same - image).abs().mean() < 1e-3, (transform, way)
    up = zfnet.changed(scene, "up", 14, "camera")
    shifted = features.transformed(image[None], up=14)[0]
    assert (zf_invariance.drawn([up])[0] - shifted)[:, :98].abs().mean() < 0.01


def test_distances_are_those_from_the_scene_and_p_is_the_class_s():
    net, images = models.build("zf"), uniform(3, 3, 112, 112)
    found = zf_invariance.curves_of(net, images, images[1], label=4)
    before = features.extract(net, images, "relu7")
    assert (
        torch.allclose(found["fc7"], (before - before[1]).norm(dim=1), atol=1e-4) and found["fc7"][1] < 1e-4
    )
    assert torch.allclose(found["p"], net(images).softmax(1)[:, 4], atol=1e-5)


def test_the_atlas_chooses_by_its_rule():
    scores = torch.ones(40, 9)
    scores[::2, 8] = 0  # these are not active in all nine
    assert zf_atlas.chosen(scores) == [1 + 2 * n for n in (0, 3, 5, 8, 11, 14, 16, 19)]


# --- explorers and the figure of nets ---


def test_the_atlas_shows_the_tiles_of_the_sheet():
    atlas = explorers.Atlas()
    tiles = blocks(atlas.board("zf conv5", 2), ui.Tile)
    assert len(tiles) == 18 and atlas.maps == zf_atlas.MAPS
    for tile, shown in zip(tiles, atlas.sheets["zf conv5"][1], strict=True):
        assert np.abs(np.asarray(tile.shown).mean((0, 1)) - shown.mean((0, 1))).max() < 2
    assert f"channel {atlas.layers['zf conv5']['channels'][1]}," in atlas.describe(layer="zf conv5", number=2)


def test_the_explorer_of_invariance_starts_at_no_distance_and_shows_the_moved_image():
    lab = open_lab(net="zf", device="cpu")
    scene = lab.gallery.scenes[1]
    explorer = explorers.Invariance(lab, [scene])
    grey, _, camera, _ = explorer.controls["way"].options
    for transform, still in (("shift", 4), ("enlarge", 0), ("turn", 0), ("turn", 8)):
        for way in (grey, camera):
            first, last, _ = explorer.seen[explorer.names[0], transform, way][1]
            assert first[still] < 0.02 and last[still] < 0.02
    images, (first, last, _) = explorer.seen[explorer.names[0], "shift", camera]
    assert torch.equal(images[6], torch.from_numpy(render(scene.framed(up=14 / 112), 112).image))
    assert first[6] > last[6] > 0
    words = explorer.describe(scene=explorer.names[0], transform="shift", way=camera, amount=6)
    assert "shift 14 px" in words and f"layer 7 {last[6]:.2f}" in words
    with pytest.raises(ValueError, match="scenes: expected at least one"):
        explorers.Invariance(lab, [])


def test_nets_are_drawn_to_scale():
    shown = plots.layer_sizes({"a": [("image", "", 70, 20), ("conv", "3/2", 35, 10), ("fc", "", 7, 1)]})
    boxes = shown.figure.axes[0].patches
    assert [box.get_height() for box in boxes] == pytest.approx([1.5, 0.75, 0.075])
    assert [box.get_width() for box in boxes] == pytest.approx([0.1, 0.05, 0.04])
