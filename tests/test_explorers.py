"""One contract for every explorer: pure pictures at every stop and corner, words, wrong values, stops, faults."""

import io
from functools import cache, partial
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from experiments.explorers import LatentAxes, MethodAgainstMethod
from lecture_utils import detection, explorers, models, open_lab
from lecture_utils.explorers import Choice, Explorer, Slider, board as ui
from lecture_utils.generative import VAE, PixelCNN
from lecture_utils.models.architectures import seeded_net
from lecture_utils.models.studio import FactorNet
from lecture_utils.plots import Picture
from lecture_utils.world import CLASSES
from tests.detection_cases import Doubles, crowds
from tests.helpers import blocks, refusals, uniform as noise


@cache
def lab():
    return open_lab(device="cpu")


@cache
def alex():
    return models.build("alex")


def opinions():
    """As much of a lab as a turntable needs: untrained, but not undecided."""
    logits = torch.no_grad()(lambda images: 40 * alex()(images))
    return SimpleNamespace(classes=tuple(CLASSES), name="alex", logits=logits)


def plane(latent=2, count=40, names="0123"):
    x = (17 * noise(40, 1, 8, 8)).long()
    return explorers.LatentPlane(VAE(8, latent, hidden=16), x, torch.arange(count) % 4, names)


def history(kept=11):
    found = {"turns": torch.arange(0, 50 * kept, 50), "every": 50}
    found["images"] = noise(kept, 24, 3, 1, 1).expand(-1, -1, -1, 32, 32)
    return found | {name: noise(10) for name in ("discriminator", "generator", "on_real", "on_fake")}


def axes(latent=4):
    x, judge = (256 * noise(12, 3, 32, 32)).long(), seeded_net(FactorNet, 0)
    model = VAE(32, latent, "logistic", 256, 3, hidden=8)
    return LatentAxes(model, x, torch.arange(12) % 3, "abc", judge)


def filters(**change):
    given = {"net": alex(), "images": noise(4, 3, 112, 112), "names": list("abcd")}
    return explorers.FilterAtWork(**given | change)


def channels(**change):
    given = {"net": alex(), "images": noise(12, 3, 112, 112), "layer": "relu3"}
    return explorers.Channels(**given | change)


def occluder(**change):
    net, classes = nn.Sequential(nn.AvgPool2d(8), nn.Flatten()), [f"c{i}" for i in range(75)]
    given = {"net": net, "images": noise(2, 3, 40, 40), "classes": classes, "across": 3}
    return explorers.Occluder(**given | change)


def any_class(**change):
    given = {"net": alex(), "images": noise(3, 3, 112, 112), "classes": tuple(CLASSES)}
    given["layers"] = {"conv1": "relu1", "conv5": "relu5", "fc6": "relu6"}
    return explorers.ClassAndLayer(**given | change)


def scores():
    return explorers.ScoreThreshold(crowds(), Doubles(crowds()).detect(crowds().images))


MAKE = {
    "Anchors": lambda: explorers.Anchors(crowds()),
    "Atlas": explorers.Atlas,
    "Attack": lambda: explorers.Attack(lab(), count=2),
    "Channels": channels,
    "ClassAndLayer": any_class,
    "ClassImages": lambda: explorers.ClassImages(lab()),
    "Completion": lambda: explorers.Completion(models.load("studio-pixelcnn")),
    "FilterAtWork": filters,
    "GanHistory": lambda: explorers.GanHistory(history()),
    "Invariance": lambda: explorers.Invariance(lab(), [lab().gallery.scenes[1]]),
    "LatentAxes": axes,
    "LatentPlane": plane,
    "MethodAgainstMethod": lambda: MethodAgainstMethod(lab(), scenes=2),
    "Occluder": occluder,
    "QueryPicker": lambda: explorers.QueryPicker(detection.DETR(queries=5), crowds()),
    "ScoreThreshold": scores,
    "StyleMixer": explorers.StyleMixer,
    "Suppression": lambda: explorers.Suppression(crowds(), Doubles(crowds())),
    "TSNEExplorer": lambda: explorers.TSNEExplorer(noise(40, 8), torch.arange(40) % 4, "abcd"),
    "Turntable": lambda: explorers.Turntable(opinions()),
}


@pytest.fixture(params=MAKE, scope="module")
def explorer(request):
    return MAKE[request.param]()


def first(explorer):
    return explorer.places()[0][2]


def test_no_explorer_of_the_package_is_forgotten():
    elsewhere = {"LatentAxes", "MethodAgainstMethod"}  # experiments.explorers
    assert set(explorers.__all__) - {"Choice", "Explorer", "Slider"} == set(MAKE) - elsewhere


def test_every_stop_and_corner_renders_the_same_twice(explorer):
    state = torch.get_rng_state(), np.random.get_state()[1].copy()
    again = MAKE[type(explorer).__name__]()
    shape = explorer.render(**first(explorer)).shape
    assert len(explorer.stops) >= 4 and shape[0] <= 720 and shape[1] <= 1280
    for _, title, values in explorer.places():
        assert set(values) == set(explorer.controls) and len(explorer.describe(**values).split()) > 4
        picture = explorer.render(**values)
        assert picture.dtype == np.uint8 and picture.shape == shape
        assert np.array_equal(picture, again.render(**again.stop(title)))
    ends = ((control.values()[0], control.values()[-1]) for control in explorer.controls.values())
    for corner in product(*ends):
        values = dict(zip(explorer.controls, corner, strict=True))
        assert explorer.render(**values).shape == shape and explorer.describe(**values)
    assert torch.equal(state[0], torch.get_rng_state()) and np.array_equal(state[1], np.random.get_state()[1])


def test_what_travels_to_the_page_is_the_picture(explorer):
    sent = Image.open(io.BytesIO(explorer.packed(explorer.board(**first(explorer)))))
    assert sent.format.lower() == explorer.format
    difference = np.abs(np.asarray(sent).astype(int) - explorer.render(**first(explorer)))
    assert difference.mean() < (2 if explorer.format == "jpeg" else 1e-9)


def test_the_filmstrip_is_a_picture_that_tells_each_stop_on_it(explorer):
    strip = explorer.filmstrip()
    assert isinstance(strip, Picture) and strip.png().startswith(b"\x89PNG")
    assert explorer.film().wide <= 1040
    stops = list(explorer.stops)
    on_it = stops if explorer.filmed is None else [t for n, t in enumerate(stops) if n in explorer.filmed]
    assert [title for title, _ in explorer.frames()] == on_it
    assert all(explorer.describe(**values) in strip.alt for _, values in explorer.frames())


def test_wrong_values_are_refused(explorer):
    for name, control in explorer.controls.items():
        wrong = ["x", 3]
        if isinstance(control, Slider):
            wrong = [control.high + control.step, "x", True, float("nan")]
        for value in wrong:
            with pytest.raises((ValueError, KeyError), match=name):
                explorer.render(**first(explorer) | {name: value})
    with pytest.raises(KeyError, match="unknown control"):
        explorer.check(colour=1)
    with pytest.raises(KeyError, match="unknown stop"):
        explorer.stop("nowhere")


def test_prev_and_next_step_through_the_stops(explorer):
    prev, next_, place, _, image, text = parts(explorer)
    titles = list(explorer.stops)
    for number, title, values in explorer.places():
        assert place.value == f"stop {number + 1} of {len(titles)}: {title}"
        assert image.value == explorer.packed(explorer.board(**values))
        assert image.tooltip == explorer.describe(**values) and text.value
        next_.click()
    assert place.value.startswith("stop 1 of")
    prev.click()
    assert place.value.startswith(f"stop {len(titles)} of")


def test_what_can_be_dragged_is_a_control(explorer):
    """A hint, keys and places to drag go together, and a drag anywhere gives values that the controls can have."""
    held = [block for block in blocks(explorer.board(**first(explorer)), ui.Block) if block.grip]
    assert bool(explorer.hint) == bool(explorer.arrows) == bool(held)
    assert all(isinstance(explorer.controls[name], Slider) for name in explorer.arrows)
    for block in held:
        for x, y in ((0, 0), (block.wide / 2, block.high / 2), (2 * block.wide, -block.high)):
            found = block.grip(x, y, x, y)
            assert set(found) == set(explorer.arrows)
            explorer.check(**{name: explorer.controls[name].nearest(value) for name, value in found.items()})


HISTORY, TABLE = "expected at least 3 kept steps, got 2", partial(explorers.Turntable, opinions())
ODD = PixelCNN(4, (6, 6), layers=1, width=4)
test_what_cannot_be_shown_is_refused = refusals(
    (lambda: channels(images=noise(5, 3, 112, 112)), "images: expected at least 9"),
    (lambda: channels(layer="relu7"), "whole image"),
    (lambda: channels(layer="rel3"), "relu3"),
    (lambda: filters(net=nn.Sequential(nn.Conv2d(1, 2, 3))), "expected|no convolution"),
    (lambda: any_class(classes=("red", "green")), "classes: expected 16, one for each score, got 2"),
    (lambda: any_class(layers={"fc6": "relu6"}), "layers: expected at least one that gives a map, got fc6"),
    (lambda: occluder(images=noise(2, 3, 40, 48)), "as high as wide"),
    (lambda: occluder(classes=["up"]), "classes: expected 75 names"),
    (lambda: explorers.Completion(ODD), "model: expected"),
    (lambda: explorers.Suppression(crowds(), detection.DETR()), "net: expected .* ends in NMS, got DETR"),
    (lambda: explorers.QueryPicker(detection.YOLO(), crowds()), "net: expected a DETR, got YOLO"),
    (lambda: explorers.ScoreThreshold(crowds(), [crowds().boxes]), "boxes, scores, labels"),
    (lambda: plane(latent=3), "expected two latent axes"),
    (lambda: plane(names="abc"), "expected one for each class 0 to 3"),
    (lambda: axes(latent=1), "at least two latent axes"),
    (lambda: explorers.GanHistory(history(2)), HISTORY),
    (lambda: TABLE(object="elefant"), "elephant"),
    (lambda: TABLE(scene=100), "0 to 99"),
)


class Steps(Explorer):
    title = "Breaks at 2"
    controls = {"x": Slider(0.0, 2.0, 0.5, "x (px)"), "kind": Choice(("a", "b"), "kind")}
    stops = {"one": {"x": 1.0, "kind": "a"}, "two": {"x": 0.5}}

    def board(self, x, kind):
        if x == 2:
            raise ZeroDivisionError("x < 2, please")
        return ui.Tile(Image.new("L", (20, 20), int(100 * x)).convert("RGB"))

    def sentence(self, x, kind):
        return f"x is {x}"


def parts(explorer):
    """Prev, Next, place, inputs, image, sentence of a new widget."""
    head, inputs, *_, image, text = explorer.widget().children
    return *head.children[:2], head.children[-1], inputs.children, image, text


def test_a_jump_draws_once_and_a_move_between_stops_says_so(monkeypatch):
    explorer, drawn = Steps(), []
    monkeypatch.setattr(explorer, "board", lambda **values: drawn.append(values) or ui.Block(1, 1))
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


def test_the_sentence_is_the_picture_s_name_and_the_display_is_live():
    *_, image, text = parts(Steps())
    assert image.format == "png" and image.tooltip == text.value == "x is 1.0"
    assert image.get_state()["description"] == "", "without one the page shows an error"
    data = Steps()._repr_mimebundle_()
    data = data[0] if isinstance(data, tuple) else data
    assert "application/vnd.jupyter.widget-view+json" in data


def test_bars_draw_what_they_are_told():
    bars = [ui.Bar("", 0.5, ink="#0000ff"), ui.Bar("", -0.25, ink="#ff0000", mark=1.0)]
    pixels = ui.Bars(210, bars, 20, names=10, room=50, span=(-0.5, 1)).pixels()  # 100 px are 1, from 60
    found = ((pixels == colour).all(2)[at] for colour, at in (((0, 0, 255), 10), ((255, 0, 0), 30)))
    blue, red = (line.nonzero()[0] for line in found)
    assert (blue.min(), blue.max()) == (60, 110) and (red.min(), red.max()) == (35, 61)


def test_a_chart_puts_each_value_in_its_place():
    lines = [ui.Line((0, 1), (0.25, 0.25), "#ff0000"), ui.Line((0, 1), (2, 2), "#0000ff")]
    pixels = ui.Chart(170, 154, lines, (0, 1), (0, 1), ({}, {}), 1, "").pixels()  # axes of 100 px from 50, 30
    red, blue = ((pixels == colour).all(2)[:, 90].nonzero()[0] for colour in ((255, 0, 0), (0, 0, 255)))
    assert abs(red.mean() - 105) <= 1, "a quarter of the way up"
    assert blue.max() <= 32, "what lies above the axis is drawn at its end"
