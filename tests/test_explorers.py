"""Every explorer of the package: every stop, every corner of the controls, wrong values, faults, Prev and Next."""

import io
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from lecture_utils import explorers, generative, models, open_lab
from lecture_utils.explorers import (
    Channels,
    Choice,
    ClassAndLayer,
    Explorer,
    FilterAtWork,
    Latency,
    Occluder,
    Slider,
    Turntable,
)
from lecture_utils.explorers.embedding import TSNEExplorer
from lecture_utils.explorers.filter_at_work import HEAD, PANEL, RELU, SIGNED, THIRD
from lecture_utils.features.first_layer import first_answers, unlike
from lecture_utils.generative import VAE, dcgan
from lecture_utils.models import studio_factors
from lecture_utils.plots import Picture
from lecture_utils.world import CLASSES


class Lab:
    """As much of a lab as a turntable needs: untrained, but not undecided."""

    classes, name, net = tuple(CLASSES), "alex", models.build("alex")

    def logits(self, images):
        with torch.no_grad():
            return 40 * self.net(images)


@lru_cache(maxsize=1)
def shared_lab():
    return open_lab(device="cpu")


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


MAKE = {
    ClassAndLayer: lambda: ClassAndLayer(
        models.build("alex"),
        noise(3, 3, 112, 112),
        tuple(CLASSES),
        {"conv1": "relu1", "conv5": "relu5", "fc6": "relu6"},
    ),
    Channels: lambda: Channels(models.build("alex"), noise(12, 3, 112, 112), "relu3"),
    Turntable: lambda: Turntable(Lab()),
    FilterAtWork: lambda: FilterAtWork(models.build("alex"), noise(4, 3, 112, 112), list("abcd")),
    TSNEExplorer: lambda: TSNEExplorer(noise(40, 8), torch.arange(40) % 4, "abcd", count=40),
    Occluder: lambda: Occluder(
        nn.Sequential(nn.AvgPool2d(8), nn.Flatten()),
        noise(2, 3, 40, 40),
        [f"c{i}" for i in range(75)],
        across=3,
    ),
}
MAKE[explorers.ClassImages] = lambda: explorers.ClassImages(shared_lab())
MAKE[explorers.StyleMixer] = lambda: explorers.StyleMixer()
MAKE[explorers.Attack] = lambda: explorers.Attack(shared_lab(), count=2)
MAKE[explorers.MethodAgainstMethod] = lambda: explorers.MethodAgainstMethod(open_lab(device="cpu"), scenes=2)
MAKE[explorers.Completion] = lambda: explorers.Completion(
    generative.PixelCNN(4, (6, 6), layers=1, width=4), (4 * noise(2, 1, 6, 6)).long(), "ab"
)
MAKE[explorers.LatentPlane] = lambda: explorers.LatentPlane(
    VAE(8, 2, hidden=16), (17 * noise(40, 1, 8, 8)).long(), torch.arange(40) % 4, "0123"
)
MAKE[explorers.LatentAxes] = lambda: explorers.LatentAxes(
    VAE(32, 4, "logistic", 256, 3, hidden=8),
    (256 * noise(12, 3, 32, 32)).long(),
    torch.arange(12) % 3,
    "abc",
    studio_factors.build(),
)
MAKE[explorers.GanWalk] = lambda: explorers.GanWalk(
    dcgan.nets(latent=8, channels=4)[0], studio_factors.build()
)
MAKE[explorers.GanHistory] = lambda: explorers.GanHistory(
    {
        "turns": torch.arange(0, 501, 50),
        "images": noise(11, 24, 3, 1, 1).expand(-1, -1, -1, 32, 32),
        "every": 50,
        **{name: noise(10) for name in ("discriminator", "generator", "on_real", "on_fake")},
    }
)
ALL = {cls.__name__: cls for cls in MAKE}


@pytest.fixture(params=ALL.values(), ids=ALL, scope="module")
def explorer(request):
    return MAKE[request.param]()


def test_no_explorer_of_the_package_is_forgotten():
    found = {
        thing for thing in vars(explorers).values() if isinstance(thing, type) and issubclass(thing, Explorer)
    }
    assert found - {Explorer} <= set(MAKE)


def test_every_stop_renders_the_same_twice(explorer):
    again = MAKE[type(explorer)]()
    assert len(explorer.stops) >= 4
    for title in explorer.stops:
        values = explorer.stop(title)
        assert set(values) == set(explorer.controls)
        picture = explorer.render(**values)
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
        assert picture.shape[0] <= 720 and picture.shape[1] <= 1280
        assert np.array_equal(picture, again.render(**again.stop(title)))
        assert len(explorer.describe(**values).split()) > 4


def test_every_corner_of_the_controls_renders(explorer):
    shape = explorer.render(**explorer.stop(next(iter(explorer.stops)))).shape
    for corner in product(*(control.corners() for control in explorer.controls.values())):
        values = dict(zip(explorer.controls, corner, strict=True))
        assert explorer.render(**values).shape == shape
        assert explorer.describe(**values)


def test_what_travels_to_the_page_is_the_picture(explorer):
    values = explorer.stop(next(iter(explorer.stops)))
    sent = Image.open(io.BytesIO(explorer.encoded(**values)))
    assert sent.format.lower() == explorer.format
    difference = np.abs(np.asarray(sent).astype(int) - explorer.render(**values))
    assert difference.mean() < (2 if explorer.format == "jpeg" else 1e-9)


def test_the_filmstrip_is_a_picture_that_tells_every_stop(explorer):
    strip = explorer.filmstrip()
    assert isinstance(strip, Picture) and strip.png().startswith(b"\x89PNG")
    for title in explorer.stops:
        assert explorer.describe(**explorer.stop(title)) in strip.alt


def test_wrong_values_are_refused(explorer):
    values = explorer.stop(next(iter(explorer.stops)))
    for name, control in explorer.controls.items():
        wrong = (
            [control.high + control.step, "x", True, float("nan")]
            if isinstance(control, Slider)
            else ["x", 3]
        )
        for value in wrong:
            with pytest.raises((ValueError, KeyError), match=name):
                explorer.encoded(**values | {name: value})
    with pytest.raises(KeyError, match="unknown control"):
        explorer.check(colour=1)
    with pytest.raises(KeyError, match="unknown stop"):
        explorer.stop("nowhere")


def test_latency_is_that_of_random_moves(explorer):
    latency = explorer.latency(moves=4)
    assert isinstance(latency, Latency) and 0 < latency.p50 <= latency.p95 and latency.moves == 4


def test_latency_draws_from_all_controls_and_leaves_the_first_moves_out(monkeypatch):
    explorer, drawn = Steps(), []
    monkeypatch.setattr(explorer, "encoded", lambda **values: drawn.append(values))
    explorer.latency(moves=60, seed=1)
    assert len(drawn) == 65
    assert {values["x"] for values in drawn} == {0.0, 0.5, 1.0, 1.5, 2.0}
    assert {values["kind"] for values in drawn} == {"a", "b"}
    first, drawn[:] = drawn[:], []
    explorer.latency(moves=60, seed=1)
    assert drawn == first


def parts(explorer):
    """Prev, Next, place, inputs, image, sentence of a new widget."""
    head, *inputs, image, text = explorer.widget().children
    return *head.children, inputs, image, text


def test_prev_and_next_step_through_the_stops(explorer):
    prev, next_, place, _, image, text = parts(explorer)
    titles = list(explorer.stops)
    for number, title in enumerate(titles, 1):
        assert place.value == f"stop {number} of {len(titles)}: {title}"
        assert image.value == explorer.encoded(**explorer.stop(title))
        assert image.tooltip == explorer.describe(**explorer.stop(title))
        assert text.value
        next_.click()
    assert place.value.startswith("stop 1 of")
    prev.click()
    assert place.value.startswith(f"stop {len(titles)} of")


class Steps(Explorer):
    title = "Breaks at 2"
    controls = {"x": Slider(0.0, 2.0, 0.5, "x (px)"), "kind": Choice(("a", "b"), "kind")}
    stops = {"one": {"x": 1.0, "kind": "a"}, "two": {"x": 0.5}}

    def render(self, x, kind):
        if x == 2:
            raise ZeroDivisionError("x < 2, please")
        return np.full((20, 20, 3), int(100 * x), np.uint8)

    def describe(self, x, kind):
        return f"x is {x}"


def test_a_move_that_raises_shows_why_and_raises():
    *_, (x, _), image, text = parts(Steps())
    before = image.value
    with pytest.raises(ZeroDivisionError):
        x.value = 2.0
    assert "ZeroDivisionError" in text.value and "x &lt; 2" in text.value and image.value == before
    x.value = 0.5
    assert text.value == "x is 0.5" and image.value != before


def test_a_png_travels_unchanged_and_a_sentence_is_the_picture_s_name():
    *_, image, text = parts(Steps())
    assert image.format == "png" and image.tooltip == text.value == "x is 1.0"
    assert image.get_state()["description"] == "", (
        "without one the page shows an error instead of the picture"
    )


# The filter at work.


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (5, 2, 0), (7, 4, 2), (11, 4, 2)])
def test_a_place_is_where_the_filter_looks(kernel, stride, padding):
    """One bright pixel: the units that answer are those whose box holds it."""
    conv = nn.Conv2d(3, 2, kernel, stride, padding, bias=False)
    nn.init.ones_(conv.weight)
    image = torch.zeros(3, 40, 32)
    image[:, 17, 12] = 1
    answers = first_answers(nn.Sequential(conv, nn.ReLU()), image)
    for row, column in np.ndindex(answers.signed.shape[1:]):
        left, top, right, bottom = answers.box((row, column), (kernel, kernel))
        inside = left <= 12 and right >= 13 and top <= 17 and bottom >= 18
        assert (answers.signed[0, row, column] > 0.5) == inside


def test_the_answers_are_those_of_the_net_s_first_layer():
    net, image = models.build("alex"), noise(3, 112, 112)
    answers, normal = first_answers(net, image), ((image - net.mean) / net.std)
    with torch.no_grad():
        expected = net.conv1(normal)[0]
    assert np.allclose(answers.signed, expected, atol=1e-5)
    assert np.allclose(answers.relu, expected.clamp(min=0), atol=1e-5)


class Functional(nn.Module):
    """Its ReLU is no module; it counts how often its upper layer runs."""

    def __init__(self, relu):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, affine=False)
        self.relu, self.runs = relu, 0

    def forward(self, images):
        maps = self.relu(self.norm(self.conv(images)))
        self.runs += 1
        return maps.mean((2, 3))


def test_after_the_relu_means_the_net_s_own_relu_with_what_lies_between():
    net = Functional(nn.ReLU(inplace=True))
    net.norm.running_mean.fill_(0.5)
    net.train()
    answers = first_answers(net, noise(3, 20, 20))
    with torch.no_grad():
        signed = net.conv(noise(3, 20, 20)[None])[0]
    assert np.allclose(answers.signed, signed, atol=1e-6), "an in-place ReLU does not reach what is kept"
    assert np.allclose(answers.relu, ((signed - 0.5) / (1 + 1e-5) ** 0.5).clamp(min=0), atol=1e-5)
    assert net.runs == 0, "the upper layers need not run"
    assert net.training and not net.conv._forward_hooks and not net.relu._forward_hooks


def test_a_net_without_relu_modules_has_no_such_view():
    explorer = FilterAtWork(Functional(torch.relu), noise(3, 3, 20, 24))
    assert list(explorer.controls) == ["filter", "picture"] and len(explorer.stops) == 6
    assert explorer.render(**explorer.stop(next(iter(explorer.stops)))).dtype == np.uint8
    with pytest.raises(KeyError, match="unknown control 'view'"):
        explorer.render(filter=0, picture=0, view=RELU)


def test_red_is_yes_and_blue_the_opposite():
    net = nn.Sequential(nn.Conv2d(3, 2, 4, 4, bias=False), nn.ReLU())
    with torch.no_grad():
        net[0].weight[:] = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
    explorer = FilterAtWork(net, torch.stack([torch.ones(3, 40, 40), torch.zeros(3, 40, 40)]))
    spot = HEAD + PANEL // 2 + 5, THIRD + PANEL // 2 + 5
    red, _, blue = (int(value) for value in explorer.render(filter=0, picture=0, view=SIGNED)[spot])
    assert red > blue + 100
    red, _, blue = (int(value) for value in explorer.render(filter=1, picture=0, view=SIGNED)[spot])
    assert blue > red + 100
    red, _, blue = (int(value) for value in explorer.render(filter=1, picture=0, view=RELU)[spot])
    assert abs(red - blue) < 5
    assert "nowhere" in explorer.describe(filter=1, picture=0, view=SIGNED)
    assert explorer.limit == pytest.approx(48 / 2, rel=0.01)  # the mean over both pictures


def test_stops_are_strong_filters_unlike_each_other():
    filters = torch.zeros(6, 3, 2, 2)
    filters[0, 0, 0, 0], filters[1, 0, 0, 0], filters[2, 1, 0, 0], filters[3, 2, 0, 0] = 5, -4, 3, 2
    filters[4, 0, 1, 1] = filters[5, 1, 1, 1] = 0.1  # unlike all, but weak
    assert unlike(filters, 3) == [0, 2, 1]
    assert len(unlike(noise(4, 3, 2, 2), 6)) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": noise(1, 3, 20, 20)}, "images: expected at least 2"),
        ({"images": noise(3, 20, 20)}, "images: expected shape"),
        ({"images": 255 * noise(2, 3, 20, 20)}, r"images: expected values in \[0, 1\]"),
        ({"names": ["one"]}, "names: expected 2"),
        ({"picture": 2}, "picture: expected a whole number from 0 to 1"),
        ({"net": nn.Sequential(nn.Conv2d(1, 2, 3))}, "no convolution with 3 input channels"),
    ],
)
def test_a_filter_at_work_refuses_what_it_cannot_show(change, message):
    given = {"net": Functional(nn.ReLU()), "images": noise(2, 3, 20, 20)} | change
    with pytest.raises(ValueError, match=message):
        FilterAtWork(**given)


def test_the_frames_stand_at_the_largest_and_the_smallest_answer():
    values, yes, no = MAKE[FilterAtWork]().look(filter=3, picture=1)
    assert values[yes] == values.max() > 0 > values.min() == values[no]
