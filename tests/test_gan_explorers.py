"""The walk between two codes and the history of a training: frames, readings and curves are those of their models."""

import numpy as np
import pytest
import torch
from torch import nn

from lecture_utils import datasets, plots
from lecture_utils.explorers import GanHistory, GanWalk, readings
from lecture_utils.explorers.gan_history import GAP, HEAD, SECOND, TILE, WIDTH
from lecture_utils.explorers.gan_walk import STEPS, WAYS
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


def test_a_code_s_number_is_its_seed(walk):
    expected = torch.randn(16, generator=torch.Generator().manual_seed(41))
    assert torch.equal(walk.code(41), expected)


@pytest.mark.parametrize("how", WAYS)
def test_the_frames_are_made_of_the_codes_on_the_way(walk, how):
    way = walk.way(3, 8, how)
    assert torch.equal(way.codes, walks.walk(walk.code(3), walk.code(8), STEPS, WAYS[how]))
    with torch.no_grad():
        expected = walk.generator.eval()(way.codes)
    walk.generator.train()
    assert torch.allclose(way.made, expected, atol=1e-6), "in evaluation mode"
    half = (way.made[0] + way.made[-1]) / 2
    assert torch.allclose(way.faded[STEPS // 2], half, atol=1e-6)
    assert walk.generator.training, "the generator is left as it was"


def test_a_straight_way_passes_through_short_codes(walk):
    arc, line = (walk.way(3, 8, how).codes.norm(dim=1) for how in WAYS)
    assert line[STEPS // 2] < 0.85 * arc[STEPS // 2] and arc.min() > 0.99 * min(arc[0], arc[-1])


def test_what_stands_below_a_frame_is_read_in_it(walk):
    way = walk.way(3, 8, ARC)
    for images, read in ((way.made, way.read), (way.faded, way.read_faded)):
        said = studio.read(walk.net, images[::2])
        assert [each.best("class")[1] for each in read] == pytest.approx(
            said["class"].amax(1).tolist(), abs=1e-5
        )
        assert [each.best("colour")[1] for each in read] == pytest.approx(
            said["colour"].amax(1).tolist(), abs=1e-5
        )
    state = {"start": 3, "end": 8, "how": ARC, "step": 5}
    (here,) = readings.read(walk.net, way.made[[5]])
    least = min(each.best("class")[1] for each in way.read)
    words = walk.describe(**state)
    assert f"step 5 of 16: {here}." in words and f"at least {least:.0%} sure" in words
    assert f"{walks.jump(way.made):.1f} times" in words


def test_the_ends_of_the_stops_differ_as_they_say(walk):
    def kind(number):
        (reading,) = readings.read(walk.net, walk.make(walk.code(number)[None]))
        assert min(reading.best(name)[1] for name in readings.BOTH) > 0.9
        return [reading.best(name)[0] for name in readings.BOTH]

    for title, same in (("both differ, arc", []), ("another colour", [0]), ("another thing", [1])):
        state = walk.stops[title]
        first, last = kind(state["start"]), kind(state["end"])
        assert [n for n in (0, 1) if first[n] == last[n]] == same, (title, first, last)
    assert walk.stops["both differ, straight"] == walk.stops["both differ, arc"] | {"how": LINE}


def test_the_picture_shows_the_step(walk):
    state = {"start": 3, "end": 8, "how": ARC, "step": 0}
    for step in (0, 7, 16):
        sheet = walk.render(**state | {"step": step})[40 : 40 + 288 : 9, 0:288:9]
        expected = walk.way(3, 8, ARC).made[step].permute(1, 2, 0).mul(255).round().numpy()
        assert np.abs(sheet - expected).max() <= 1, "a square of 9 px for each of 32 x 32"


def test_one_code_alone_is_no_way_and_no_error(walk):
    state = {"start": 5, "end": 5, "how": ARC, "step": 8}
    assert (
        "the largest step is 0.0 times" in walk.describe(**state) and walk.render(**state).dtype == np.uint8
    )


def history(turns=(0, 10, 100, 300, 650, 1000), every=100, rows=10):
    draws = torch.Generator().manual_seed(0)
    found = {"turns": torch.tensor(turns), "every": every}
    found["images"] = torch.rand(len(turns), 24, 3, 32, 32, generator=draws)
    names = ("discriminator", "generator", "on_real", "on_fake")
    return found | {name: torch.linspace(0.1 * n, 0.9, rows) for n, name in enumerate(names, 1)}


def test_the_history_shows_the_images_of_the_kept_step():
    explorer = GanHistory(history())
    sheet = explorer.render(kept=3)
    for n in (0, 5, 23):
        left, top = n % 6 * (TILE + GAP), HEAD + n // 6 * (TILE + GAP)
        expected = (255 * explorer.images[3, n, :, 16, 16]).round().numpy()
        assert np.abs(sheet[top + TILE // 2 + 1, left + TILE // 2 + 1] - expected).max() <= 1


def test_losses_are_those_that_are_over_by_then():
    explorer = GanHistory(history())
    log = history()
    assert [explorer.rows(kept) for kept in range(6)] == [0, 0, 1, 3, 6, 10]
    words = explorer.describe(kept=3)
    assert words.startswith("After 300 of 1,000 turns")
    assert (
        f"loss is {float(log['discriminator'][2]):.2f} nats, the generator's {float(log['generator'][2]):.2f}"
        in words
    )
    assert "the same 24 codes" in explorer.describe(kept=1), "no row of the log is over"


def test_what_comes_later_is_pale():
    sheet = GanHistory(history()).render(kept=3)[:, SECOND:WIDTH]
    now = (0.3 * (WIDTH - 66 - SECOND)).__round__()
    orange, pale = ((sheet[HEAD:250] == colour).all(2).any(0) for colour in ((213, 94, 0), (204, 204, 204)))
    assert orange[:now].any() and not orange[now + 8 :].any()
    assert pale[now + 8 :].any() and not pale[: now - 8].any()


def test_the_colours_are_those_of_the_charts():
    log, names = history(), ("discriminator", "generator", "on_real", "on_fake")
    lines = {name: log[name] for name in names}
    chart = plots.curve_panels({"all": {"x": torch.arange(10), "lines": lines, "xlabel": "", "ylabel": ""}})
    expected, shown = (
        [(line.get_color(), line.get_linestyle()) for axes in picture.figure.axes for line in axes.lines]
        for picture in (chart, GanHistory(log).filmstrip())
    )
    assert shown == expected and len(set(shown)) == 4


def test_stops_are_the_nearest_kept_turns():
    explorer = GanHistory(history())
    assert {title: explorer.steps[state["kept"]] for title, state in explorer.stops.items()} == {
        "at first": 0,
        "a hundredth": 10,
        "a tenth": 100,
        "a third": 300,
        "two thirds": 650,
        "at the end": 1000,
    }
