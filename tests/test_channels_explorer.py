"""The explorer of channels, and the figures of maps, masks, patches and fields."""

import numpy as np
import pytest
import torch

from lecture_utils import features, models
from lecture_utils.explorers.channels import HEAD, PANEL, SECOND, THIRD, Channels

NAMES = [f"thing {n % 4}" for n in range(12)]


@pytest.fixture(scope="module")
def images():
    return torch.rand(12, 3, 112, 112, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def net():
    return models.build("alex")


@pytest.fixture(scope="module")
def explorer(net, images):
    return Channels(net, images, "relu3", NAMES)


def test_the_stops_follow_their_rule(explorer, net, images):
    maps = features.extract(net, images, "relu3")
    share = maps.amax((2, 3)) / maps.amax((0, 2, 3)).clamp_min(1e-12)
    share[:, features.top_thresholds(maps) <= 0] = 0
    taken = []
    for picture, title in enumerate(explorer.stops):
        values = explorer.stops[title]
        share[:, taken] = -1
        assert values == {"channel": int(share[picture].argmax()), "picture": picture}
        taken.append(values["channel"])
    assert len(explorer.stops) == 6


def test_it_shows_what_the_functions_below_say(explorer, net, images):
    values, yes, box = explorer.look(5, 3)
    maps = features.extract(net, images, "relu3")
    assert torch.equal(values, maps[3, 5])
    field, threshold = features.receptive_field(net, "relu3"), features.top_thresholds(maps)[5]
    assert torch.equal(yes, features.placed(maps[3:4, 5:6], field, (112, 112))[0, 0] > threshold)
    row, column = divmod(int(maps[3, 5].argmax()), 13)
    assert box == [
        field.offset + 8 * column,
        field.offset + 8 * row,
        field.offset + 8 * column + field.size,
        field.offset + 8 * row + field.size,
    ]
    patches = features.top_patches(net, images, "relu3", 5, 9)
    side = (PANEL - 8) // 3
    shown = explorer.render(channel=5, picture=3)[HEAD : HEAD + side, THIRD : THIRD + side].mean((0, 1)) / 255
    assert np.abs(shown - patches.patches[0].mean((1, 2)).numpy()).max() < 0.01
    sentence = explorer.describe(channel=5, picture=3)
    assert f"{values.max():.1f} at most" in sentence and "picture 3: thing 3" in sentence
    assert f"{yes.float().mean():.1%} of the pixels" in sentence


def test_the_map_is_drawn_where_it_stands(explorer):
    values, *_ = explorer.look(5, 3)
    row, column = divmod(int(values.argmax()), 13)
    panel = explorer.render(channel=5, picture=3)[HEAD : HEAD + PANEL, SECOND : SECOND + PANEL].astype(int)
    middle = panel[int((row + 0.5) * PANEL / 13), int((column + 0.5) * PANEL / 13)]
    assert middle[1] == max(
        panel[int((r + 0.5) * PANEL / 13), int((c + 0.5) * PANEL / 13)][1]
        for r in range(13)
        for c in range(13)
    )


def test_a_silent_channel_says_so(images):
    net = models.build("alex")
    with torch.no_grad():
        net.norm3.weight[7], net.norm3.bias[7] = 0, -1
    explorer = Channels(net, images, "relu3")
    assert explorer.look(7, 0)[2] is None and "silent" in explorer.describe(channel=7, picture=0)
    explorer.render(channel=7, picture=0)
    assert all(values["channel"] != 7 for values in explorer.stops.values())
