"""The occluder: the map is what the bars would say at each place, whatever is hidden, painted or asked for."""

import numpy as np
import pytest
import torch
from torch import nn

from lecture_utils import attribution
from lecture_utils.explorers.occluder import FILLS, HEAD, LIKELIEST, PANEL, SECOND_BEST, Occluder

SIDE = 32


class Brightness(nn.Module):
    """Its first class wants the upper left quarter bright, its second the lower right one, its third nothing."""

    def forward(self, images):
        half = images.shape[-1] // 2
        first, second = images[..., :half, :half].mean((1, 2, 3)), images[..., half:, half:].mean((1, 2, 3))
        return torch.stack([8 * first, 6 * second, 0 * first], 1)


def explorer(images=None, **options):
    images = torch.full((2, 3, SIDE, SIDE), 0.9) if images is None else images
    options = {"sizes": (8, 16), "across": 5} | options
    return Occluder(Brightness(), images, ["up", "down", "none"], ["one", "other"][: len(images)], **options)


@pytest.fixture(scope="module")
def ours():
    return explorer()


def noise(n):
    return torch.rand(n, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def test_the_map_is_occlusion_as_the_package_computes_it():
    images = noise(1)
    ours = explorer(images)
    for size in (8, 16):
        for asked in (LIKELIEST, SECOND_BEST):
            k, stride = ours.class_of(0, asked), ours.stride(size)
            expected = attribution.occlusion(Brightness(), images, k, size, stride, fill=0.5)[0]
            assert np.allclose(ours.map(0, size, "grey", asked), expected, atol=1e-6)


@pytest.mark.parametrize("fill", FILLS)
def test_the_bars_say_at_a_place_what_the_map_says_there(fill):
    ours = explorer(noise(1))
    stride = ours.stride(8)
    assert (SIDE - 8) % stride == 0, "no square is cut off in this test"
    for row, column in ((0, 0), (1, 3), (4, 4)):
        x, y = column * stride + 4, row * stride + 4
        _, now = ours.look(0, x, y, 8, fill)
        assert ours.maps[0, 8, fill][row, column] == pytest.approx(now, abs=1e-6)


def test_what_is_hidden_is_the_square_and_nothing_else():
    images = noise(1)
    ours = explorer(images)
    image, _ = ours.look(0, 10, 20, 8, "black")
    changed = (image != images[0].numpy()).any(0)
    assert changed[16:24, 6:14].all() and changed.sum() == 64 and (image[:, 16:24, 6:14] == 0).all()
    image, _ = ours.look(0, SIDE, 0, 8, "mean colour")
    assert (image != images[0].numpy()).any(0).sum() == 16, "a corner hides a quarter of the square"
    assert np.allclose(image[:, 0, -1], images[0].mean((1, 2)))


def test_the_stops_stand_where_it_hurts_most_and_least(ours):
    values = {title: ours.stop(title) for title in ours.stops}
    worst, best = values["where it hurts most"], values["where it hurts least"]
    assert worst["x"] < SIDE / 2 and worst["y"] < SIDE / 2, "the likeliest class lives in the upper left"
    assert best["x"] >= SIDE / 2 - 4 or best["y"] >= SIDE / 2 - 4
    now = [ours.look(0, v["x"], v["y"], v["size"], v["fill"])[1][0] for v in (worst, best)]
    assert now[0] < now[1]


def test_low_is_dark_where_the_map_says_so(ours):
    start = ours.stop("where it hurts most")
    picture = ours.render(**start | {"fill": "black", "size": 16}).astype(int)
    zoom = PANEL / SIDE
    left, right = (int(HEAD + place * zoom) for place in (9, 23))
    columns = [PANEL + 22 + int(place * zoom) for place in (9, 23)]
    assert picture[left, columns[0]].sum() < picture[right, columns[1]].sum(), "viridis: dark is low"


def test_moving_asks_the_net_once_and_makes_no_map_anew():
    ours, seen = explorer(), []
    hook = ours.net.register_forward_pre_hook(lambda net, given: seen.append(len(given[0])))
    state = ours.stop("where it hurts most") | {"x": 1}
    ours.check(**state)
    ours.render(**state), ours.describe(**state)
    hook.remove()
    assert seen == [1]
