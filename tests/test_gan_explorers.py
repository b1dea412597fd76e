"""The walk between two codes and the history of a training: frames, readings and curves are those of their models."""

import numpy as np
import pytest
import torch
from boards import blocks
from torch import nn

from lecture_utils import datasets
from lecture_utils.explorers import GanHistory, GanWalk, board as ui
from lecture_utils.explorers.gan import COLOUR, PALE, STEPS, WAYS
from lecture_utils.explorers.latent import BOTH, read
from lecture_utils.generative import walks
from lecture_utils.models import studio

ARC, LINE = WAYS


class Blend(nn.Module):
    """Makes blends of some pictures, mostly one: as much of a generator as a walk needs."""

    latent = 16

    def __init__(self, images):
        super().__init__()
        draws = torch.Generator().manual_seed(0)
        self.keys = nn.Parameter(3 * torch.randn(len(images), self.latent, generator=draws))
        self.images = images
        self.drop = nn.Dropout(0.5)

    def forward(self, z):
        share = self.drop((z @ self.keys.T).softmax(1))
        return (share @ self.images.flatten(1)).view(-1, *self.images.shape[1:])


@pytest.fixture(scope="module")
def walk():
    return GanWalk(Blend(datasets.load("studio").test.images[:150]).train())


@pytest.mark.parametrize("how", WAYS)
def test_the_frames_are_made_of_the_codes_on_the_way(walk, how):
    way = walk.way(3, 8, how)
    assert torch.equal(way.codes, walks.walk(walk.code(3), walk.code(8), STEPS, WAYS[how]))
    with torch.no_grad():
        expected = walk.generator.eval()(way.codes)
    walk.generator.train()
    assert torch.allclose(way.made, expected, atol=1e-6), "in evaluation mode"
    assert torch.allclose(way.faded[STEPS // 2], (way.made[0] + way.made[-1]) / 2, atol=1e-6)
    walk.make(way.codes)
    assert walk.generator.training, "the generator is left as it was"


def test_what_stands_below_a_frame_is_read_in_it(walk):
    way, state = walk.way(3, 8, ARC), {"start": 3, "end": 8, "how": ARC, "step": 5}
    for images, found in ((way.made, way.read), (way.faded, way.read_faded)):
        said = studio.read(walk.net, images[::2])
        for name in BOTH:
            sure = said[name].amax(1).tolist()
            assert [each.best(name)[1] for each in found] == pytest.approx(sure, abs=1e-5)
    (here,) = read(walk.net, way.made[[5]])
    least = min(each.best("class")[1] for each in way.read)
    words = walk.describe(**state)
    assert f"step 5 of 16: {here}." in words and f"at least {least:.0%} sure" in words
    assert f"{walks.jump(way.made):.1f} times" in words
    now, faded, _, first, *_ = (np.asarray(tile.shown) for tile in blocks(walk.board(**state), ui.Tile))
    for shown, image in ((now, way.made[5]), (faded, way.faded[5]), (first, way.made[0])):
        at = ((np.arange(32) + 0.5) * len(shown) // 32).astype(int)
        expected = image.permute(1, 2, 0).mul(255).round().numpy()
        assert np.abs(shown[at][:, at] - expected).max() <= 1
    sure, _ = blocks(walk.board(**state), ui.Chart)
    assert [line.ys for line in sure.lines][1] == [each.best("class")[1] for each in way.read]


def test_the_ends_of_the_stops_differ_as_they_say(walk):
    def kind(number):
        (reading,) = read(walk.net, walk.make(walk.code(number)[None]))
        assert min(reading.best(name)[1] for name in BOTH) > 0.9
        return [reading.best(name)[0] for name in BOTH]

    for title, same in (("both differ, arc", []), ("another colour", [0]), ("another thing", [1])):
        state = walk.stop(title)
        first, last = kind(state["start"]), kind(state["end"])
        assert [n for n in (0, 1) if first[n] == last[n]] == same, (title, first, last)


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
