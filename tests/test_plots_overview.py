"""The big figures of notebook 00: boxes and colours are the answer key's, and the map names every notebook."""

import re

import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle

from experiments import figures
from lecture_utils import features, models
from lecture_utils.plots import overview
from lecture_utils.world import CLASSES, sample_scene

# --- boxes and tasks ---


def test_boxes_by_hand():
    objects = np.zeros((6, 8), np.uint8)
    objects[1:4, 2:7] = 1
    objects[0, 0] = objects[5, 7] = 3
    assert overview.boxes(objects) == {1: (2, 1, 7, 4), 3: (0, 0, 8, 6)}
    assert overview.boxes(np.zeros((4, 4), int)) == {}


SCENE = {  # 10 x 10 px: a cat (1) at the left with a head, a larger dog (2) at the right
    "image": np.linspace(0, 1, 300).reshape(3, 10, 10),
    "objects": np.zeros((10, 10), np.uint8),
    "parts": np.zeros((10, 10), np.uint8),
    "part_names": {"cat": ("body", "head"), "dog": ("body", "tail")},
}
SCENE["objects"][4:8, 1:4], SCENE["objects"][2:9, 5:9] = 1, 2
SCENE["parts"][4:8, 1:4], SCENE["parts"][2:9, 5:9] = 1, 1
SCENE["parts"][4, 1:4], SCENE["parts"][2, 5:9] = 2, 2


def panels(picture):
    axes = [axes for axes in picture.figure.axes if axes.get_title(loc="left")]
    assert [a.get_title(loc="left") for a in axes] == list(overview.TASKS)
    return axes


def frames(axes):
    """Boxes drawn on a panel as (x0, y0, x1, y1) of pixels; each is drawn twice, white below its colour."""
    found = [p for p in axes.patches if isinstance(p, Rectangle)]
    return {tuple(round(edge + 0.5) for edge in p.get_bbox().extents) for p in found}


def colours(axes, mask):
    """The number of colours inside a mask, and the mean colour, of a painted panel."""
    painted = np.asarray(axes.images[0].get_array())
    return painted[mask].mean(0)


@pytest.mark.parametrize("classes", [("cat", "dog"), ("dog", "dog")])
def test_each_task_is_answered_from_the_key(classes):
    picture = overview.tasks(classes=classes, **SCENE)
    classification, localisation, detection, semantic, instance, part = panels(picture)
    assert classification.texts[0].get_text() == '"dog"', "the larger object"
    assert frames(localisation) == {(5, 2, 9, 9)}
    assert frames(detection) == {(5, 2, 9, 9), (1, 4, 4, 8)}
    assert sorted(t.get_text() for t in detection.texts[1:]) == sorted(classes)
    one, two = SCENE["objects"] == 1, SCENE["objects"] == 2
    same = np.abs(colours(semantic, one) - colours(semantic, two)).max() < 0.2
    assert same == (classes[0] == classes[1]), "one colour a class"
    assert np.abs(colours(instance, one) - colours(instance, two)).max() > 0.3, "one colour an object"
    head, body = one & (SCENE["parts"] == 2), one & (SCENE["parts"] == 1)
    assert np.abs(colours(part, head) - colours(part, body)).max() > 0.3
    outside = np.asarray(semantic.images[0].get_array())[SCENE["objects"] == 0]
    assert np.ptp(outside, axis=1).max() < 1e-9, "grey where there is no object"


# --- the map ---


def test_the_map_names_every_notebook_and_those_that_are_there(tmp_path):
    numbers = {number for cards in overview.MAP.values() for number, _, _ in cards}
    assert numbers == {f"{n:02d}" for n in range(1, 16)} and overview.written() <= {*numbers, "00"}
    for name in ("00_start.ipynb", "07_x.ipynb", "notes.ipynb", "08_x.txt"):
        (tmp_path / name).touch()
    assert overview.written(tmp_path) == {"00", "07"}


def texts(axes):
    return [text.get_text() for text in axes.texts]


def cards(picture):
    """{name: axes} of the map's cards."""
    return {
        texts(axes)[1].replace("\n", " "): axes
        for axes in picture.figure.axes
        if axes.texts and re.fullmatch(r"\d\d", texts(axes)[0])
    }


def test_what_is_not_written_says_coming():
    picture = overview.methods_map(numbers={"00", "01", "04"})
    found = cards(picture)
    assert len(found) == sum(map(len, overview.MAP.values()))
    for name, axes in found.items():
        ready = texts(axes)[0] in ("01", "04")
        assert ("coming" in texts(axes)) == (not ready), name
        assert (axes.patches[0].get_linestyle() in ("-", "solid")) == ready, name
    assert "Filters of the first layer (notebook 01)" in picture.alt
    assert "GAN (notebook 12, coming)" in picture.alt


def test_thumbnails_stand_on_their_cards():
    image = np.random.default_rng(0).random((3, 20, 40))
    found = cards(overview.methods_map({"filters": image}, numbers={"01"}))
    shown = {name: len(axes.images) for name, axes in found.items() if axes.images}
    assert shown == {"Filters of the first layer": 1}
    (drawn,) = found["Filters of the first layer"].images
    left, right, bottom, top = drawn.get_extent()
    assert (right - left) / (bottom - top) == pytest.approx(2, rel=0.01), "not distorted"


class Lab:
    """As much of a lab as the thumbnails need."""

    def __init__(self):
        self.net, self.device = models.build("alex"), torch.device("cpu")
        self.layer = models.layer_names(self.net).__getitem__
        self.label = list(CLASSES).index
        images = [sample_scene(name, 3).render(112).image for name in ("mug", "elephant", "car")]
        self.gallery = type("Gallery", (), {"images": torch.from_numpy(np.stack(images))})

    def score(self, images, target):
        with torch.no_grad():
            return self.net(images).softmax(1)[:, target]


def test_thumbnails_are_what_they_say():
    lab, scene = Lab(), sample_scene("elephant", 3)
    before = [p.clone() for p in lab.net.parameters()]
    found = overview.thumbnails(lab, scene)
    picture = scene.render(112).image
    assert all(image.min() >= 0 and image.max() <= 1 and image.shape[0] == 3 for image in found.values())
    for key in ("neighbours", "activation", "saliency"):
        assert np.array_equal(found[key][:, :, :112], picture), key
    assert np.array_equal(found["neighbours"][:, :, 112:], picture), "its nearest neighbour is itself"
    tiles = features.first_layer_filters(lab.net).numpy()
    assert np.allclose(found["filters"][:, :33, :33], tiles[0].repeat(3, 1).repeat(3, 2))
    hidden = found["occlusion"][:, :, :112]
    square = hidden != picture
    assert square.any(0).sum() == pytest.approx(28 * 28, abs=10) and np.allclose(hidden[square], 0.5)
    assert all(p.grad is None for p in lab.net.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, lab.net.parameters(), strict=True))


# --- pointers ---


def test_pointers_mark_hits_and_misses():
    images = np.random.default_rng(0).random((2, 3, 20, 20))
    objects = np.zeros((2, 20, 20), bool)
    objects[:, 5:10, 5:15] = True
    points = {"centre": np.array([[10, 10], [9, 14]]), "edge": np.array([[5, 5], [15, 5]])}
    picture = figures.pointers(images, objects, points, title="Title", caption="Caption.")
    drawn = [axes for axes in picture.figure.axes if axes.images]
    for n, axes in enumerate(drawn):
        for k, where in enumerate(points.values()):
            line = axes.lines[k]
            assert (line.get_ydata()[0], line.get_xdata()[0]) == tuple(where[n])
            hit = objects[n, where[n][0], where[n][1]]
            assert line.get_markeredgecolor() == ("black" if hit else "white")
