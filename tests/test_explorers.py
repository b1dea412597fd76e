"""One contract for every explorer: pure pictures at every stop and corner, words, wrong values, stops, faults."""

import io
from functools import lru_cache
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from experiments.studies import completions
from lecture_utils import explorers, generative, models, open_lab
from lecture_utils.explorers import Choice, Explorer, Slider
from lecture_utils.explorers.board import Board
from lecture_utils.generative import VAE, dcgan
from lecture_utils.models.architectures import seeded
from lecture_utils.models.studio import FactorNet
from lecture_utils.plots import Picture
from lecture_utils.world import CLASSES


@lru_cache(maxsize=1)
def lab():
    return open_lab(device="cpu")


def alex():
    return models.build("alex")


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def opinions():
    """As much of a lab as a turntable needs: untrained, but not undecided."""
    net = alex()

    def logits(images):
        with torch.no_grad():
            return 40 * net(images)

    return SimpleNamespace(classes=tuple(CLASSES), name="alex", logits=logits)


def completion(**change):
    model = generative.PixelCNN(4, (6, 6), layers=1, width=4)
    pixels = (4 * noise(2, 1, 6, 6)).long()
    made = completions.drawn(model, pixels, range(2, 6), (0.5, 1.0, 1.5))
    return explorers.Completion(**{"model": model, "pixels": pixels, "names": "ab", "made": made} | change)


def plane(latent=2, count=40, names="0123"):
    x = (17 * noise(40, 1, 8, 8)).long()
    return explorers.LatentPlane(VAE(8, latent, hidden=16), x, torch.arange(count) % 4, names)


def history(kept=11):
    found = {"turns": torch.arange(0, 50 * kept, 50), "every": 50}
    found["images"] = noise(kept, 24, 3, 1, 1).expand(-1, -1, -1, 32, 32)
    return found | {name: noise(10) for name in ("discriminator", "generator", "on_real", "on_fake")}


def axes():
    x, judge = (256 * noise(12, 3, 32, 32)).long(), seeded(FactorNet, 0)
    model = VAE(32, 4, "logistic", 256, 3, hidden=8)
    return explorers.LatentAxes(model, x, torch.arange(12) % 3, "abc", judge)


def filters(**change):
    given = {"net": alex(), "images": noise(4, 3, 112, 112), "names": list("abcd")} | change
    return explorers.FilterAtWork(**given)


def channels(**change):
    given = {"net": alex(), "images": noise(12, 3, 112, 112), "layer": "relu3"} | change
    return explorers.Channels(**given)


def occluder(**change):
    net, classes = nn.Sequential(nn.AvgPool2d(8), nn.Flatten()), [f"c{i}" for i in range(75)]
    given = {"net": net, "images": noise(2, 3, 40, 40), "classes": classes, "across": 3}
    return explorers.Occluder(**given | change)


def any_class(**change):
    given = {"net": alex(), "images": noise(3, 3, 112, 112), "classes": tuple(CLASSES)}
    given["layers"] = {"conv1": "relu1", "conv5": "relu5", "fc6": "relu6"}
    return explorers.ClassAndLayer(**given | change)


MAKE = {
    "Attack": lambda: explorers.Attack(lab(), count=2),
    "Channels": channels,
    "ClassAndLayer": any_class,
    "ClassImages": lambda: explorers.ClassImages(lab()),
    "Completion": completion,
    "FilterAtWork": filters,
    "GanHistory": lambda: explorers.GanHistory(history()),
    "GanWalk": lambda: explorers.GanWalk(dcgan.nets(latent=8, channels=4)[0], seeded(FactorNet, 0)),
    "LatentAxes": axes,
    "LatentPlane": plane,
    "MethodAgainstMethod": lambda: explorers.MethodAgainstMethod(lab(), scenes=2),
    "Occluder": occluder,
    "StyleMixer": explorers.StyleMixer,
    "TSNEExplorer": lambda: explorers.TSNEExplorer(noise(40, 8), torch.arange(40) % 4, "abcd", count=40),
    "Turntable": lambda: explorers.Turntable(opinions()),
}


@pytest.fixture(params=MAKE, scope="module")
def explorer(request):
    return MAKE[request.param]()


def first(explorer):
    return explorer.places()[0][2]


def test_no_explorer_of_the_package_is_forgotten():
    found = {name for name in explorers.__all__ if issubclass(getattr(explorers, name), Explorer)}
    assert found - {"Explorer"} == set(MAKE) and found <= set(dir(explorers))
    with pytest.raises(AttributeError, match="no attribute 'Turntabel'"):
        explorers.Turntabel  # noqa: B018


def test_every_stop_renders_the_same_twice(explorer):
    state = torch.get_rng_state(), np.random.get_state()[1].copy()
    again = MAKE[type(explorer).__name__]()
    assert len(explorer.stops) >= 4
    for _, title, values in explorer.places():
        assert set(values) == set(explorer.controls)
        picture = explorer.render(**values)
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
        assert picture.shape[0] <= 720 and picture.shape[1] <= 1280
        assert np.array_equal(picture, again.render(**again.stop(title)))
        assert len(explorer.describe(**values).split()) > 4
    assert torch.equal(state[0], torch.get_rng_state()) and np.array_equal(state[1], np.random.get_state()[1])


def test_every_corner_of_the_controls_renders(explorer):
    shape = explorer.render(**first(explorer)).shape
    for corner in product(*(control.corners() for control in explorer.controls.values())):
        values = dict(zip(explorer.controls, corner, strict=True))
        assert explorer.render(**values).shape == shape
        assert explorer.describe(**values)


def test_what_travels_to_the_page_is_the_picture(explorer):
    sent = Image.open(io.BytesIO(explorer.encoded(**first(explorer))))
    assert sent.format.lower() == explorer.format
    difference = np.abs(np.asarray(sent).astype(int) - explorer.render(**first(explorer)))
    assert difference.mean() < (2 if explorer.format == "jpeg" else 1e-9)


def test_the_filmstrip_is_a_picture_that_tells_every_stop(explorer):
    strip = explorer.filmstrip()
    assert isinstance(strip, Picture) and strip.png().startswith(b"\x89PNG")
    for _, _, values in explorer.places():
        assert explorer.describe(**values) in strip.alt


def test_wrong_values_are_refused(explorer):
    for name, control in explorer.controls.items():
        wrong = ["x", 3]
        if isinstance(control, Slider):
            wrong = [control.high + control.step, "x", True, float("nan")]
        for value in wrong:
            for method in (explorer.render, explorer.describe, explorer.encoded):
                with pytest.raises((ValueError, KeyError), match=name):
                    method(**first(explorer) | {name: value})
    with pytest.raises(KeyError, match="unknown control"):
        explorer.check(colour=1)
    with pytest.raises(KeyError, match="unknown stop"):
        explorer.stop("nowhere")


def test_latency_is_that_of_random_moves(explorer):
    latency = explorer.latency(moves=4)
    assert 0 < latency.p50 <= latency.p95 and latency.p50 < 2000 and latency.moves == 4


WRONG = [
    (channels, {"images": noise(5, 3, 112, 112)}, "images: expected at least 9"),
    (channels, {"images": 2 * noise(12, 3, 112, 112)}, r"images: expected values in \[0, 1\]"),
    (channels, {"layer": "relu7"}, "whole image"),
    (channels, {"layer": "rel3"}, "relu3"),
    (filters, {"images": noise(1, 3, 112, 112)}, "images: expected at least 2"),
    (filters, {"images": noise(3, 112, 112)}, "images: expected shape"),
    (filters, {"names": ["one"]}, "names: expected 4"),
    (filters, {"picture": 4}, "picture: expected a whole number from 0 to 3"),
    (filters, {"net": nn.Sequential(nn.Conv2d(1, 2, 3))}, "expected|no convolution"),
    (any_class, {"images": noise(1, 3, 112, 112)}, "images: expected at least 2"),
    (any_class, {"classes": ("red", "green")}, "classes: expected 16, one for each score, got 2"),
    (any_class, {"layers": {"fc6": "relu6"}}, "layers: expected at least one that gives a map, got fc6"),
    (occluder, {"images": noise(2, 3, 40, 48)}, "as high as wide"),
    (occluder, {"sizes": (40,)}, "sizes: expected whole numbers from 1 to 39"),
    (occluder, {"sizes": ()}, "sizes"),
    (occluder, {"classes": ["up"]}, "classes: expected 75 names"),
    (completion, {"pixels": noise(2, 1, 6, 6)}, "pixels: expected whole levels"),
    (completion, {"pixels": torch.full((2, 1, 6, 6), 4)}, "pixels: the model knows levels 0 .. 3"),
    (completion, {"pixels": torch.zeros(2, 1, 4, 4).long()}, "pixels: expected"),
    (completion, {"names": ["one"]}, "names: expected 2"),
    (
        completion,
        {"pixels": torch.zeros(3, 1, 6, 6).long(), "names": "abc"},
        "made: expected completions of 3",
    ),
    (plane, {"latent": 3}, "expected two latent axes"),
    (plane, {"count": 30}, "expected as many of each"),
    (plane, {"names": "abc"}, "expected one for each class 0 to 3"),
    (lambda kept: explorers.GanHistory(history(kept)), {"kept": 2}, "expected at least 3 kept turns, got 2"),
    (lambda **it: explorers.Turntable(opinions(), **it), {"object": "elefant"}, "elephant"),
    (lambda **it: explorers.Turntable(opinions(), **it), {"scene": 100}, "0 to 99"),
]


@pytest.mark.parametrize(("make", "change", "message"), WRONG, ids=[message[:40] for *_, message in WRONG])
def test_what_cannot_be_shown_is_refused(make, change, message):
    with pytest.raises((ValueError, KeyError), match=message):
        make(**change)


class Steps(Explorer):
    title = "Breaks at 2"
    controls = {"x": Slider(0.0, 2.0, 0.5, "x (px)"), "kind": Choice(("a", "b"), "kind")}
    stops = {"one": {"x": 1.0, "kind": "a"}, "two": {"x": 0.5}}

    def board(self, x, kind):
        if x == 2:
            raise ZeroDivisionError("x < 2, please")
        board = Board(20, 20)
        board.draw.rectangle((0, 0, 20, 20), fill=3 * (int(100 * x),))
        return board

    def sentence(self, x, kind):
        return f"x is {x}"


def parts(explorer):
    """Prev, Next, place, inputs, image, sentence of a new widget."""
    head, *inputs, image, text = explorer.widget().children
    return *head.children, inputs[: len(explorer.controls)], image, text  # behind them: the live run


def test_latency_draws_from_all_controls_and_leaves_the_first_moves_out(monkeypatch):
    explorer, drawn = Steps(), []
    monkeypatch.setattr(explorer, "encoded", lambda **values: drawn.append(values))
    explorer.latency(moves=60, seed=1)
    assert len(drawn) == 65
    assert {values["x"] for values in drawn} == {0.0, 0.5, 1.0, 1.5, 2.0}
    assert {values["kind"] for values in drawn} == {"a", "b"}


def test_prev_and_next_step_through_the_stops(explorer):
    prev, next_, place, _, image, text = parts(explorer)
    titles = list(explorer.stops)
    for number, title, values in explorer.places():
        assert place.value == f"stop {number + 1} of {len(titles)}: {title}"
        assert image.value == explorer.encoded(**values)
        assert image.tooltip == explorer.describe(**values) and text.value
        next_.click()
    assert place.value.startswith("stop 1 of")
    prev.click()
    assert place.value.startswith(f"stop {len(titles)} of")


def test_a_jump_draws_once_and_a_move_between_stops_says_so(monkeypatch):
    explorer, drawn = Steps(), []
    monkeypatch.setattr(explorer, "encoded", lambda **values: drawn.append(values) or b"")
    _, next_, place, (x, kind), _, text = parts(explorer)
    x.value = 1.5
    assert drawn[-1] == {"x": 1.5, "kind": "a"} and len(drawn) == 2
    assert place.value.startswith("between stops") and text.value == "x is 1.5"
    kind.value = "b"
    next_.click()
    assert drawn[-1] == explorer.stop("two") and len(drawn) == 4, "two controls moved, one picture"


def test_a_move_that_raises_shows_why_and_raises():
    *_, (x, _), image, text = parts(Steps())
    before = image.value
    with pytest.raises(ZeroDivisionError):
        x.value = 2.0
    assert "ZeroDivisionError" in text.value and "x &lt; 2" in text.value and image.value == before
    x.value = 0.5
    assert text.value == "x is 0.5" and image.value != before
    explorer = Steps()
    explorer.stops = {"two": {"x": 2.0, "kind": "a"}}
    with pytest.raises(ZeroDivisionError):
        explorer._repr_mimebundle_()


def test_the_sentence_is_the_picture_s_name_and_the_display_is_live():
    *_, image, text = parts(Steps())
    assert image.format == "png" and image.tooltip == text.value == "x is 1.0"
    assert image.get_state()["description"] == "", (
        "without one the page shows an error instead of the picture"
    )
    data = Steps()._repr_mimebundle_()
    data = data[0] if isinstance(data, tuple) else data
    assert "application/vnd.jupyter.widget-view+json" in data


def test_a_board_draws_what_it_is_told():
    board = Board(60, 40)
    board.tile(torch.tensor([0.0, 1.0]).view(1, 1, 2), 0, 0, 20, smooth=False)
    assert board.bar(10, 30, 12.4, 5, "#0000ff") == 22
    board.ramp(50, 0, 10, 40, "gray", {}, 10)
    pixels = board.pixels()
    assert (pixels[:20, :10] == 0).all() and (pixels[:20, 10:] == 255)[:, :10].all()
    blue = (pixels == (0, 0, 255)).all(2)
    assert blue[30:36, 10:23].all() and blue.sum() == 6 * 13
    assert pixels[0, 55, 0] == 255 and pixels[39, 55, 0] == 0, "high is above"
    copy = Board(0, 0, board)
    copy.mark(30, 0, 40)
    assert not np.array_equal(copy.pixels(), pixels) and np.array_equal(board.pixels(), pixels)


def test_a_chart_puts_each_value_in_its_place():
    board = Board(120, 120)
    board.chart(
        (10, 10, 110, 110), [((0, 1), (0.25, 0.25), "#ff0000"), ((0, 1), (2, 2), "#0000ff")], (0, 1), (0, 1)
    )
    pixels = board.pixels()
    red, blue = ((pixels == colour).all(2)[:, 50].nonzero()[0] for colour in ((255, 0, 0), (0, 0, 255)))
    assert abs(red.mean() - 85) <= 1, "a quarter of the way up"
    assert blue.max() <= 12, "what lies above the axis is drawn at its end"
