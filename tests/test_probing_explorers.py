"""Turntable and occluder: they show what the net sees and says; a heatmap is what the bars would say at each place."""

import numpy as np
import pytest
import torch
from torch import nn

from lecture_utils import attribution, models
from lecture_utils.explorers import Occluder, Turntable, board as ui
from lecture_utils.explorers.probing import FILLS, LIKELIEST, SECOND_BEST
from lecture_utils.world import CLASSES, render, sample_scene
from tests.helpers import blocks

SIDE = 32


class Lab:
    """As much of a lab as a turntable needs: untrained, but not undecided."""

    classes, name, net = tuple(CLASSES), "alex", models.build("alex")

    def logits(self, images):
        with torch.no_grad():
            return 40 * self.net(images)


def test_the_turntable_shows_what_the_net_sees_and_says():
    table, state = Turntable(Lab()), {"object": "dog", "azimuth": 30, "scene": 5}
    image, probabilities = table.look(**state)
    scene = sample_scene("dog", 5)
    turned = scene.turned(30 - scene.objects[0].azimuth)
    assert np.array_equal(image, render(turned, 112).image)
    assert np.allclose(probabilities, Lab().logits(torch.from_numpy(image)[None]).softmax(1)[0], atol=1e-6)
    drawn = table.render(**state)[:448, :448].reshape(112, 4, 112, 4, 3)
    assert np.abs(drawn.mean((1, 3)) / 255 - image.transpose(1, 2, 0)).mean() < 0.02, "the picture, enlarged"
    (bars,) = blocks(table.board(**state), ui.Bars)
    assert [bar.value for bar in bars.bars] == pytest.approx(probabilities.tolist())
    assert [bar.name for bar in bars.bars if bar.ink == ui.BLUE] == ["dog"], "blue is right"


class Brightness(nn.Module):
    """Its first class wants the upper left quarter bright, its second the lower right one, its third nothing."""

    def forward(self, images):
        half = images.shape[-1] // 2
        first, second = images[..., :half, :half].mean((1, 2, 3)), images[..., half:, half:].mean((1, 2, 3))
        return torch.stack([8 * first, 6 * second, 0 * first], 1)


class Small(Occluder):
    sizes = (8, 16)


def occluder(images):
    return Small(Brightness(), images, ["up", "down", "none"], ["one", "other"][: len(images)], across=5)


def noise():
    return torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def test_the_map_is_occlusion_as_the_package_computes_it():
    ours = occluder(noise())
    for size in Small.sizes:
        for asked in (LIKELIEST, SECOND_BEST):
            k, stride = ours.class_of(0, asked), ours.stride(size)
            expected = attribution.occlusion(Brightness(), noise(), k, size, stride, fill=0.5)[0]
            assert np.allclose(ours.map(0, size, "grey", asked), expected, atol=1e-6)


@pytest.mark.parametrize("fill", FILLS)
def test_the_bars_say_at_a_place_what_the_map_says_there(fill):
    ours = occluder(noise())
    stride = ours.stride(8)
    assert (SIDE - 8) % stride == 0, "no square is cut off in this test"
    for row, column in ((0, 0), (1, 3), (4, 4)):
        place = {"picture": 0, "x": column * stride + 4, "y": row * stride + 4, "size": 8, "fill": fill}
        _, now = ours.look(**place)
        assert ours.maps[0, 8, fill][row, column] == pytest.approx(now, abs=1e-6)
        (bars,) = blocks(ours.board(**place, asked=LIKELIEST), ui.Bars)
        shown = {bar.name: bar.value for bar in bars.bars}
        assert shown == dict(zip(ours.classes, now.tolist(), strict=True))


def test_what_is_hidden_is_the_square_and_nothing_else():
    ours = occluder(noise())
    image, _ = ours.look(0, 10, 20, 8, "black")
    changed = (image != noise()[0].numpy()).any(0)
    assert changed[16:24, 6:14].all() and changed.sum() == 64 and (image[:, 16:24, 6:14] == 0).all()
    image, _ = ours.look(0, SIDE, 0, 8, "mean colour")
    assert (image != noise()[0].numpy()).any(0).sum() == 16, "a corner hides a quarter of the square"
    assert np.allclose(image[:, 0, -1], noise()[0].mean((1, 2)))


def test_the_stops_stand_where_it_hurts_most_and_least_and_a_move_asks_the_net_once():
    ours, seen = occluder(torch.full((2, 3, SIDE, SIDE), 0.9)), []
    worst, best = (ours.stop(f"where it hurts {how}") for how in ("most", "least"))
    assert worst["x"] < SIDE / 2 and worst["y"] < SIDE / 2, "the likeliest class lives in the upper left"
    assert best["x"] >= SIDE / 2 - 4 or best["y"] >= SIDE / 2 - 4
    now = [ours.look(0, v["x"], v["y"], v["size"], v["fill"])[1][0] for v in (worst, best)]
    assert now[0] < now[1]
    with ours.net.register_forward_pre_hook(lambda net, given: seen.append(len(given[0]))):
        ours.render(**worst | {"x": 1}), ours.describe(**worst | {"x": 1})
    assert seen == [1]
