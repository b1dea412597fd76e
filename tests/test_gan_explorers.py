"""The history of a GAN's training: images and curves are those of the training."""

import numpy as np
import pytest
import torch

from lecture_utils.explorers import GanHistory, board as ui
from lecture_utils.explorers.gan import COLOUR, PALE
from tests.helpers import blocks


@pytest.fixture(scope="module")
def history():
    draws = torch.Generator().manual_seed(0)
    found = {"turns": torch.tensor([0, 10, 100, 300, 650, 1000]), "every": 100}
    found["images"] = torch.rand(6, 24, 3, 32, 32, generator=draws)
    names = ("discriminator", "generator", "on_real", "on_fake")
    return GanHistory(found | {name: torch.linspace(0.1 * n, 0.9, 10) for n, name in enumerate(names, 1)})


def test_the_history_shows_the_images_of_the_kept_step(history):
    tiles = blocks(history.board(kept=3), ui.Tile)
    assert len(tiles) == 24
    for tile, image in zip(tiles, history.images[3], strict=True):
        assert np.abs(np.asarray(tile.shown)[59, 59] - (255 * image[:, 16, 16]).round().numpy()).max() <= 1


def test_losses_are_those_that_are_over_by_then_and_what_comes_later_is_pale(history):
    assert [history.rows(kept) for kept in range(6)] == [0, 0, 1, 3, 6, 10]
    log, words = history.log, history.describe(kept=3)
    assert f"loss is {log['discriminator'][2]:.2f} nats, the generator's {log['generator'][2]:.2f}" in words
    pairs = ("discriminator", "generator"), ("on_real", "on_fake")
    for chart, names in zip(blocks(history.board(kept=3), ui.Chart), pairs, strict=True):
        assert [line.ink for line in chart.lines] == [PALE, PALE, *(COLOUR[name] for name in names)]
        for line, later, name in zip(chart.lines[2:], chart.lines[:2], names, strict=True):
            assert line.xs == [100, 200, 300] and line.ys == log[name][:3] and later.ys == log[name][2:]
