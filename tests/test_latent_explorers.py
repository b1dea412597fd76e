"""The latent plane and the latent axes: what they show is what encoder, decoder and reading net say."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from lecture_utils.explorers import LatentAxes, LatentPlane, readings
from lecture_utils.explorers.board import BLUE, Board
from lecture_utils.explorers.latent_axes import (
    AXES,
    GAP,
    GRID,
    HEAD,
    HEIGHT,
    SHIFTS,
    THIRD,
    TILE,
    WIDTH,
    _draw_reading,
)
from lecture_utils.explorers.latent_plane import BIG, DRAWN, MAP, MEAN, SECOND, TILES
from lecture_utils.generative import VAE
from lecture_utils.models.architectures import seeded
from lecture_utils.models.studio import FactorNet, read


def levels(n, shape, count, seed=0):
    return torch.randint(count, (n, *shape), generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def plane():
    net = VAE(8, 2, hidden=32, seed=3)
    with torch.no_grad():
        net.encoder[-1].weight.mul_(8)  # codes that spread over the plane
    x = levels(60, (1, 8, 8), 17)
    return LatentPlane(net, x, torch.arange(60) % 5, "abcde")


def test_the_picture_is_the_decoder_s(plane):
    z = torch.tensor([[0.5, -1.25]])
    mean, _, _ = plane.look(0.5, -1.25, MEAN)
    assert torch.equal(mean, plane.model.mean_image(z)[0])
    drawn, _, _ = plane.look(0.5, -1.25, DRAWN)
    assert torch.allclose(16 * drawn, (16 * drawn).round(), atol=1e-5), "a draw has levels"
    assert not torch.equal(drawn, mean)
    sheet = plane.render(across=0.5, up=-1.25, shown=MEAN)[HEAD - 2 :]
    assert sheet[BIG // 2 + 20, BIG // 16 + 3, 0] == round(255 * float(mean[0, 4, 0]))


def test_the_nearest_test_pictures_are_nearest(plane):
    _, near, far = plane.look(1.0, 0.25, MEAN)
    distances = np.hypot(*(plane.codes.numpy() - (1.0, 0.25)).T)
    assert near == np.argsort(distances)[:3].tolist() and far == pytest.approx(np.sort(distances)[:3])
    names = ", ".join(plane.names[plane.labels[n]] for n in near)
    assert f"the three nearest test pictures are {names}" in plane.describe(across=1.0, up=0.25, shown=MEAN)


def test_the_map_has_the_first_axis_across_and_the_second_upward(plane):
    step = plane.reach / TILES  # half a tile
    whole = plane.plane()
    side = whole.shape[0] // TILES
    for row, column in ((0, 0), (0, TILES - 1), (TILES - 1, 3)):
        z = torch.tensor([[-plane.reach + (2 * column + 1) * step, plane.reach - (2 * row + 1) * step]])
        expected = (255 * plane.model.mean_image(z)[0, 0]).round().numpy()
        tile = whole[row * side : (row + 1) * side, column * side : (column + 1) * side]
        assert np.abs(tile[2::4, 2::4, 0] - expected).max() <= 1
    assert plane.place(SECOND, -plane.reach, plane.reach) == (SECOND, 38)
    assert plane.place(SECOND, plane.reach, 0) == (SECOND + MAP - 1, 38 + (MAP - 1) / 2)


def test_stops_stand_among_the_classes_and_where_nobody_is(plane):
    labels = torch.tensor(plane.labels)
    for title, state in plane.stops.items():
        if title.startswith("among"):
            middle = plane.codes[labels == plane.names.index(title[-2])].median(0).values
            assert torch.allclose(middle, torch.tensor([state["across"], state["up"]]), atol=1 / 16 + 1e-6)
    nobody = plane.stops["where nobody is"]
    grid = torch.cartesian_prod(*2 * [torch.linspace(-1.4, 1.4, 30)])
    away = torch.cdist(grid, plane.codes).min(1).values.max()
    here = torch.cdist(torch.tensor([[nobody["across"], nobody["up"]]]), plane.codes).min()
    assert here > 0.9 * away


@pytest.fixture(scope="module")
def axes():
    net = VAE(32, 8, "logistic", 256, 3, hidden=16, seed=1)
    with torch.no_grad():
        net.encoder[-1].weight[:8].mul_(torch.tensor([1, 9, 3, 0, 12, 6, 2, 4])[:, None])
        net.encoder[-1].bias.zero_()
    net.eval()
    return LatentAxes(net, levels(30, (3, 32, 32), 256), torch.arange(30) % 4, "abcd", seeded(FactorNet, 0))


def test_axes_stand_in_the_order_of_what_they_carry(axes):
    mean, log_variance = axes.model.encode(levels(30, (3, 32, 32), 256))
    q = Normal(mean, (0.5 * log_variance).exp())
    carried = kl_divergence(q, Normal(0.0, 1.0)).mean(0)
    best = carried.argsort(descending=True)[:AXES]
    assert axes.order == best.tolist() and axes.carried == pytest.approx(carried[best].tolist(), rel=1e-4)
    assert 3 not in axes.order, "an axis that carries nothing has no slider"
    for name, nats in zip(axes.sliders, axes.carried, strict=True):
        assert f"({nats:.1f} nats)" in axes.controls[name].label


def test_a_slider_moves_its_axis_alone(axes):
    state = axes.stop("as encoded") | {"picture": "b", "axis_2": -1.5}
    made, reading, grid = axes.look("b", *(state[name] for name in axes.sliders))
    z = axes.codes[1].clone()
    z[axes.order[1]] -= 1.5
    assert torch.allclose(made, axes.model.mean_image(z[None])[0], atol=1e-6)
    assert torch.allclose(grid[1, 1], made, atol=1e-6) and torch.allclose(grid[0, 2], made, atol=1e-6)
    z[axes.order[4]] += 3
    assert torch.allclose(grid[4, SHIFTS.index(3.0)], axes.model.mean_image(z[None])[0], atol=1e-6)
    said = read(axes.net, made[None])
    assert reading.shares["class"] == said["class"][0].tolist() and reading.azimuth == float(
        said["azimuth"][0]
    )
    assert f"b with axis 2 by -1.5: the net reads {reading}" in axes.describe(**state)


def test_a_blue_frame_is_nearest_to_the_slider(axes):
    colour = tuple(int(BLUE[n : n + 2], 16) for n in (1, 3, 5))
    sheet = axes.render(**axes.stop("as encoded") | {"axis_1": 2.5})
    framed = [
        (sheet[HEAD + 24 - 3, GRID + k * (TILE + GAP) + TILE // 2] == colour).all()
        for k in range(len(SHIFTS))
    ]
    assert framed == [False, False, False, False, True]


def test_a_reading_names_the_likeliest():
    said = {
        "class": torch.tensor([[0.1, 0.2, 0.1, 0.1, 0.1, 0.4], [0, 0, 0, 0, 1.0, 0]]),
        "colour": torch.tensor([[0.6, 0.4, 0, 0, 0, 0], [0, 0, 0, 1.0, 0, 0]]),
        "azimuth": torch.tensor([-35.4, 10.0]),
    }
    house, mushroom = readings.Reading(said, 0), readings.Reading(said, 1)
    assert str(house) == "house (40%), red (60%), azimuth -35 degrees"
    assert str(mushroom) == "mushroom (100%), green (100%)", "it looks the same from all sides"


@pytest.mark.parametrize(("azimuth", "right", "down"), [(0, 0, 1), (90, 1, 0), (-90, -1, 0)])
def test_the_dial_is_seen_from_above_with_the_camera_below(azimuth, right, down):
    said = {"class": torch.eye(6)[:1], "colour": torch.eye(6)[:1], "azimuth": torch.tensor([float(azimuth)])}
    board = Board(WIDTH, HEIGHT)
    _draw_reading(board, readings.Reading(said, 0))
    rows, columns = np.nonzero((board.pixels()[HEAD + 390 :, THIRD:] == (0, 114, 178)).all(2))
    middle = 92 + 34
    assert np.sign(round((columns.mean() - middle) / 8)) == right
    assert (np.ptp(rows) > 20) == bool(down)
