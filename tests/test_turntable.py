"""The turntable: its picture is a pure function of the controls; its widgets move it, and show what goes wrong."""

import io

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image

from lecture_utils import models
from lecture_utils.explorers import Explorer, Slider, Turntable
from lecture_utils.explorers.turntable import BARS, RULER, SIDE, ZOOM
from lecture_utils.world import CLASSES, render, sample_scene


class Lab:
    """As much of a lab as a turntable needs: untrained, but not undecided."""

    classes, name, net = tuple(CLASSES), "alex", models.build("alex")

    def logits(self, images):
        with torch.no_grad():
            return 40 * self.net(images)


@pytest.fixture(scope="module")
def table():
    return Turntable(Lab())


def widgets(explorer):
    """The panel of a new widget: (box, buttons Prev and Next, place, inputs, image, sentence)."""
    box = explorer.widget()
    head, *inputs, image, text = box.children
    return box, head.children[:2], head.children[2], inputs, image, text


@pytest.mark.parametrize("title", Turntable(Lab()).stops)
def test_every_stop_renders_the_same_twice(table, title):
    state = table.stop(title)
    first = table.render(**state)
    assert first.shape == (SIDE * ZOOM + RULER, SIDE * ZOOM + BARS, 3) and first.dtype == np.uint8
    assert np.array_equal(first, Turntable(Lab()).render(**state))
    sent = np.asarray(Image.open(io.BytesIO(table.encoded(**state)))).astype(int)
    assert np.abs(sent - first).mean() < 2
    assert f"at {state['azimuth']} degrees" in table.describe(**state)


def test_every_corner_of_the_controls_renders(table):
    for name, control in table.controls.items():
        for value in control.corners():
            table.render(**table.stop("faces us") | {name: value})
    assert np.array_equal(table.look("car", -180, 3)[0], table.look("car", 180, 3)[0]), (
        "both ends of the slider are the same view"
    )


def test_it_shows_what_the_net_sees_and_says(table):
    state = {"object": "dog", "azimuth": 30, "scene": 5}
    image, probabilities = table.look(**state)
    scene = sample_scene("dog", 5)
    turned = scene.turned(30 - scene.objects[0].azimuth)
    assert turned.objects[0].azimuth == pytest.approx(30)
    assert np.array_equal(image, render(turned, SIDE).image)
    assert np.allclose(probabilities, Lab().logits(torch.from_numpy(image)[None]).softmax(1)[0], atol=1e-6)
    best = table.lab.classes[probabilities.argmax()]
    assert f"alex says {best} {probabilities.max():.0%}" in table.describe(**state)
    drawn = table.render(**state)[: SIDE * ZOOM, : SIDE * ZOOM].reshape(SIDE, ZOOM, SIDE, ZOOM, 3)
    assert np.abs(drawn.mean((1, 3)) / 255 - image.transpose(1, 2, 0)).mean() < 0.02, "the picture, enlarged"


def test_the_bars_have_the_length_of_the_probabilities():
    class Sure(Lab):
        def logits(self, images):
            return torch.tensor([[0.8 if name == "mug" else 0.2 / 15 for name in CLASSES]]).log()

    for name, hue in (("mug", (0, 114, 178)), ("dog", (213, 94, 0))):  # blue when right, orange when not
        drawn = Turntable(Sure()).render(object=name, azimuth=0, scene=1)[:, SIDE * ZOOM :]
        row = (list(CLASSES).index("mug") + 0.5) * drawn.shape[0] / len(CLASSES)
        line = drawn[round(row) - 6]
        assert 0.75 < (line == hue).all(1).sum() / (BARS - 14 - 108 - 62) < 0.85


def test_filmstrip_has_every_stop_and_its_opinion(table):
    strip = table.filmstrip()
    for title in table.stops:
        assert table.describe(**table.stop(title)) in strip.alt
    words = [axes.get_title() for axes in strip.figure.axes]
    assert [word.split("\n")[0] for word in words if word] == list(table.stops)
    strip.figure.draw_without_rendering()
    for axes in strip.figure.axes:
        shares = [text.get_text() for text in axes.texts]
        assert len(shares) in (0, 6)  # a picture, or three names with their shares


def test_next_and_prev_step_through_the_stops(table):
    _, (prev, next), place, inputs, image, text = widgets(table)
    titles, seen = list(table.stops), []
    for _ in titles:
        seen.append((place.value, image.value, text.value))
        assert image.value == table.encoded(**table.stop(titles[len(seen) - 1]))
        next.click()
    assert (place.value, image.value, text.value) == seen[0], "after the last comes the first"
    prev.click()
    assert place.value == f"stop {len(titles)} of {len(titles)}: {titles[-1]}" == seen[-1][0]


def test_moving_a_control_draws_once_and_says_where_we_are(monkeypatch):
    table = Turntable(Lab())
    drawn = []
    monkeypatch.setattr(table, "encoded", lambda **state: drawn.append(state) or b"")
    _, (_, next), place, (object, azimuth, scene), image, text = widgets(table)
    azimuth.value = 10
    assert drawn[-1] == {"object": "elephant", "azimuth": 10, "scene": 26} and len(drawn) == 2
    assert place.value.startswith("between stops") and "at 10 degrees" in text.value
    object.value, scene.value = "house", 3
    next.click()
    assert drawn[-1] == table.stop("turned a little") and len(drawn) == 5, "one picture for the jump"


def test_controls_are_named_with_units_and_the_display_is_live(table):
    box, *_, (object, azimuth, scene), image, _ = widgets(table)
    assert isinstance(azimuth, ipywidgets.IntSlider) and "degrees" in azimuth.description
    assert isinstance(object, ipywidgets.Dropdown) and object.options == tuple(CLASSES)
    assert image.format == "jpeg" and azimuth.continuous_update
    data = table._repr_mimebundle_()
    data = data[0] if isinstance(data, tuple) else data
    assert "application/vnd.jupyter.widget-view+json" in data


def test_a_fault_at_the_start_fails_the_cell():
    class Dead(Explorer):
        controls, stops = {"x": Slider(0.0, 2.0, 0.5, "x (px)")}, {"one": {"x": 1.0}}

        def render(self, x):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Dead()._repr_mimebundle_()


def test_the_net_is_left_as_it_was(table):
    before = [p.clone() for p in table.lab.net.parameters()]
    state = torch.get_rng_state()
    table.render(object="mug", azimuth=60, scene=9)
    assert all(torch.equal(a, b) for a, b in zip(before, table.lab.net.parameters(), strict=True))
    assert torch.equal(state, torch.get_rng_state())


def test_a_net_of_many_classes_shows_its_likeliest():
    class Foreign(Lab):
        classes, name, has_key = tuple(f"a long name of class {n}" for n in range(1000)), "resnet18", False

        def logits(self, images):
            return torch.linspace(0, 5, 1000)[None]

    table = Turntable(Foreign())
    picture = table.render(object="dog", azimuth=0, scene=1)
    assert picture.shape == (SIDE * ZOOM + RULER, SIDE * ZOOM + BARS, 3)
    assert "never shown this world" in table.caption and "class 999" in table.describe("dog", 0, 1)
    assert table.filmstrip().png()
    own = Turntable(Lab()).render(object="dog", azimuth=0, scene=1)
    grey, usual = ((each[SIDE * ZOOM :] == (217, 217, 217)).all(2).sum() for each in (picture, own))
    assert grey < 50 and usual > 1000, "the ruler is grey only where this net's training never was"


@pytest.mark.parametrize(
    ("change", "message"), [({"object": "elefant"}, "elephant"), ({"scene": 100}, "0 to 99")]
)
def test_a_turntable_refuses_what_it_cannot_show(change, message):
    with pytest.raises((KeyError, ValueError), match=message):
        Turntable(Lab(), **change)
