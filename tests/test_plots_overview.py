"""The big figures of notebook 00: boxes and names are the answer key's."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from lecture_utils.plots import overview


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


def frames(axes):
    """Boxes drawn on a panel as (x0, y0, x1, y1) of pixels; each is drawn twice, white below its colour."""
    found = [p for p in axes.patches if isinstance(p, Rectangle)]
    return {tuple(round(edge + 0.5) for edge in p.get_bbox().extents) for p in found}


@pytest.mark.parametrize("classes", [("cat", "dog"), ("dog", "dog")])
def test_each_task_is_answered_from_the_key(classes):
    axes = overview.tasks(classes=classes, **SCENE).figure.axes
    classification, localisation, detection, *_ = axes
    assert classification.texts[0].get_text() == '"dog"', "the larger object"
    assert frames(localisation) == {(5, 2, 9, 9)}
    assert frames(detection) == {(5, 2, 9, 9), (1, 4, 4, 8)}
    assert sorted(t.get_text() for t in detection.texts[1:]) == sorted(classes)
