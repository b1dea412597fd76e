"""The turntable: it shows what the net sees and says, and its bars have the length of the probabilities."""

import numpy as np
import pytest
import torch

from lecture_utils import models
from lecture_utils.explorers import Turntable
from lecture_utils.explorers.turntable import BARS, RULER, SIDE, WIDE
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
    drawn = table.render(**state)[:WIDE, :WIDE].reshape(SIDE, 4, SIDE, 4, 3)
    assert np.abs(drawn.mean((1, 3)) / 255 - image.transpose(1, 2, 0)).mean() < 0.02, "the picture, enlarged"


def test_the_bars_have_the_length_of_the_probabilities():
    class Sure(Lab):
        def logits(self, images):
            return torch.tensor([[0.8 if name == "mug" else 0.2 / 15 for name in CLASSES]]).log()

    for name, hue in (("mug", (0, 114, 178)), ("dog", (213, 94, 0))):  # blue when right, orange when not
        drawn = Turntable(Sure()).render(object=name, azimuth=0, scene=1)[:, WIDE:]
        row = (list(CLASSES).index("mug") + 0.5) * drawn.shape[0] / len(CLASSES)
        line = drawn[round(row) - 6]
        assert 0.75 < (line == hue).all(1).sum() / (BARS - 14 - 108 - 62) < 0.85


def test_a_net_of_many_classes_shows_its_likeliest():
    class Foreign(Lab):
        classes, name, has_key = tuple(f"a long name of class {n}" for n in range(1000)), "resnet18", False

        def logits(self, images):
            return torch.linspace(0, 5, 1000)[None]

    table = Turntable(Foreign())
    picture = table.render(object="dog", azimuth=0, scene=1)
    assert picture.shape == (WIDE + RULER, WIDE + BARS, 3)
    assert "never shown this world" in table.caption and "class 999" in table.describe(
        object="dog", azimuth=0, scene=1
    )
    assert table.filmstrip().png()
    own = Turntable(Lab()).render(object="dog", azimuth=0, scene=1)
    grey, usual = ((each[WIDE:] == (217, 217, 217)).all(2).sum() for each in (picture, own))
    assert grey < 50 and usual > 1000, "the ruler is grey only where this net's training never was"
