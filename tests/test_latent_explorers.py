"""Latent plane and axes, and t-SNE: what they show is what encoder, decoder, reading net and descent say."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from experiments.explorers import LatentAxes
from experiments.explorers.latent_axes import AXES, SHIFTS, Reading
from lecture_utils import features
from lecture_utils.explorers import LatentPlane, TSNEExplorer, board as ui
from lecture_utils.explorers.planes import DRAWN, MAP, MEAN, TILES
from lecture_utils.features import sne
from lecture_utils.generative import VAE
from lecture_utils.models.architectures import seeded_net
from lecture_utils.models.studio import FactorNet, read
from tests.helpers import blocks


def levels(n, shape, count):
    return torch.randint(count, (n, *shape), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def plane():
    net = VAE(8, 2, hidden=32, seed=3)
    with torch.no_grad():
        net.encoder[-1].weight.mul_(8)  # codes that spread over the plane
    return LatentPlane(net, levels(60, (1, 8, 8), 17), torch.arange(60) % 5, "abcde")


def test_the_picture_is_the_decoder_s(plane):
    mean, _, _ = plane.look(0.5, -1.25, MEAN)
    assert torch.equal(mean, plane.model.mean_image(torch.tensor([[0.5, -1.25]]))[0])
    drawn, _, _ = plane.look(0.5, -1.25, DRAWN)
    assert torch.allclose(16 * drawn, (16 * drawn).round(), atol=1e-5), "a draw has levels"
    assert not torch.equal(drawn, mean)
    shown, *_ = blocks(plane.board(0.5, -1.25, MEAN), ui.Tile)
    assert np.array_equal(np.asarray(shown.shown)[18::37, 18::37, 0], (255 * mean[0]).round().byte().numpy())


def test_the_nearest_test_pictures_are_nearest(plane):
    _, near, far = plane.look(1.0, 0.25, MEAN)
    distances = np.hypot(*(plane.codes.numpy() - (1.0, 0.25)).T)
    assert near == np.argsort(distances)[:3].tolist() and far == pytest.approx(np.sort(distances)[:3])


def test_the_map_has_the_first_axis_across_and_the_second_upward(plane):
    step = plane.reach / TILES  # half a tile
    whole = np.asarray(plane.plane())
    for row, column in ((0, 0), (0, TILES - 1), (TILES - 1, 3)):
        z = torch.tensor([[-plane.reach + (2 * column + 1) * step, plane.reach - (2 * row + 1) * step]])
        expected = (255 * plane.model.mean_image(z)[0, 0]).round().numpy()
        tile = whole[33 * row : 33 * row + 32, 33 * column : 33 * column + 32]
        assert np.abs(tile[2::4, 2::4, 0] - expected).max() <= 1
    assert plane.place(-plane.reach, plane.reach) == (0, 0)
    assert plane.place(plane.reach, 0) == (MAP - 1, (MAP - 1) / 2)


@pytest.fixture(scope="module")
def axes():
    net = VAE(32, 8, "logistic", 256, 3, hidden=16, seed=1)
    with torch.no_grad():
        net.encoder[-1].weight[:8].mul_(torch.tensor([1, 9, 3, 0, 12, 6, 2, 4])[:, None])
        net.encoder[-1].bias.zero_()
    net.eval()
    return LatentAxes(
        net, levels(30, (3, 32, 32), 256), torch.arange(30) % 4, "abcd", seeded_net(FactorNet, 0)
    )


def test_axes_stand_in_the_order_of_what_they_carry(axes):
    mean, log_variance = axes.model.encode(levels(30, (3, 32, 32), 256))
    carried = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).mean(0)
    best = carried.argsort(descending=True)[:AXES]
    assert axes.order == best.tolist() and axes.carried == pytest.approx(carried[best].tolist(), rel=1e-4)
    assert 3 not in axes.order, "an axis that carries nothing has no slider"


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
    assert reading.shares["class"] == said["class"][0].tolist()
    assert reading.azimuth == float(said["azimuth"][0])
    bars, _ = blocks(axes.board(**state), ui.Bars)
    assert [bar.value for bar in bars.bars] == reading.shares["class"]


def test_a_reading_names_the_likeliest():
    said = {
        "class": torch.tensor([[0.1, 0.2, 0.1, 0.1, 0.1, 0.4], [0, 0, 0, 0, 1.0, 0]]),
        "colour": torch.tensor([[0.6, 0.4, 0, 0, 0, 0], [0, 0, 0, 1.0, 0, 0]]),
        "azimuth": torch.tensor([-35.4, 10.0]),
    }
    assert str(Reading(said, 0)) == "house (40%), red (60%), azimuth -35 degrees"
    assert str(Reading(said, 1)) == "mushroom (100%), green (100%)", "it looks the same from all sides"


def test_t_sne_says_what_was_computed_and_its_control_has_no_structure():
    labels = torch.arange(60) % 10
    points = torch.randn(60, 6, generator=torch.Generator().manual_seed(0)) + 5 * torch.eye(10)[labels][:, :6]
    explorer = TSNEExplorer(points, labels, [f"class {i}" for i in range(10)])
    state = {"points": "features", "perplexity": 12, "seed": 3, "steps": 150}
    found = sne.tsne(points, 12, iterations=150, seed=3)
    kept = float(features.kept_neighbours(points, found.positions, 10).mean())
    said = f"divergence {found.divergence:.2f} nats, {kept:.0%} of the 10"
    assert said in explorer.describe(**state)
    noise = explorer.clouds["noise"]
    assert noise.shape == (60, 6) and abs(noise.mean()) < 0.15 and noise.std() == pytest.approx(1, abs=0.1)
    spread = torch.cov(noise.T).diagonal()
    assert spread.min() > 0.4 and spread.max() < 1.8, "no direction is special"
