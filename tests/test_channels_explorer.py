"""The explorer of channels, and the figures of maps, masks, patches and fields."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from lecture_utils import features, models, plots
from lecture_utils.explorers.channels import HEAD, PANEL, SECOND, THIRD, Channels
from lecture_utils.plots.maps import edges, spotlight

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


# --- figures ---


MASK = np.zeros((20, 24), bool)
MASK[5:12, 6:15] = True
IMAGES = np.random.default_rng(0).random((3, 3, 20, 24))
FIGURES = {
    "activation_maps": lambda **k: plots.activation_maps(IMAGES[0], np.random.rand(30, 5, 6), 7, **k),
    "spotlights": lambda **k: plots.spotlights(IMAGES, [MASK] * 3, titles="abc", truth=[MASK[::-1]] * 3, **k),
    "patch_blocks": lambda **k: plots.patch_blocks(
        {
            "conv1": {"a": IMAGES[:, :, :11, :11]},
            "conv2": {"b": IMAGES[:2, :, :20, :20], "c": IMAGES[:1, :, :20, :20]},
        },
        **k,
    ),
    "fields": lambda **k: plots.fields_over_image(IMAGES[0], {"a": (2, 2, 9, 9), "b": (-3, 1, 30, 12)}, **k),
    "fields and energy": lambda **k: plots.fields_over_image(
        IMAGES[0], {"a": (2, 2, 9, 9), "b": (-3, 1, 30, 12)}, IMAGES[0, 0], dashed=["b"], **k
    ),
}


@pytest.mark.parametrize("kind", FIGURES)
def test_every_figure_displays_itself(kind):
    picture = FIGURES[kind](title="The title", caption="Look here.")
    image = Image.open(io.BytesIO(picture.png()))
    assert 300 < image.width <= 1150 and picture.alt == "The title. Look here."
    assert np.asarray(image.convert("L")).min() < 60, "something is drawn"
    assert FIGURES[kind](title="T", caption="C", alt="In words.").alt == "In words."


def test_patches_are_drawn_at_one_scale():
    picture = plots.patch_blocks(
        {"small": {"a": IMAGES[:, :, :5, :5]}, "large": {"b": IMAGES[:, :, :20, :20]}}
    )
    widths = {round(axes.bbox.width / axes.images[0].get_array().shape[1], 3) for axes in picture.figure.axes}
    assert max(widths) - min(widths) < 0.02 * max(widths)


def test_a_spotlight_leaves_the_inside_and_darkens_the_outside():
    image = np.full((3, 20, 24), 0.8)
    lit = spotlight(image, MASK, zoom=4)
    assert lit.shape == (80, 96, 3)
    assert (lit[34, 40] == 204).all() and (lit[2, 2] < 150).all()
    assert lit[20, 30].tolist() == [0xE6, 0x9F, 0x00], "the mask's edge"
    assert edges(MASK).sum() == 7 * 9 - 3 * 5 and not edges(np.zeros((4, 4), bool)).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: plots.activation_maps(IMAGES[0], np.random.rand(5, 4, 4), 5),
            "chosen: expected a channel 0 .. 4",
        ),
        (lambda: plots.spotlights(IMAGES, [MASK]), "masks: expected 3"),
        (lambda: plots.spotlights(IMAGES[:1], [MASK.T]), "mask: expected shape"),
        (lambda: plots.patch_blocks({}), "at least one group"),
    ],
)
def test_figures_refuse_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
