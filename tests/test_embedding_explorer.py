"""The t-SNE explorer: pure, honest about its numbers, quick; and the figures of neighbours and embeddings."""

import numpy as np
import pytest
import torch

from lecture_utils import features
from lecture_utils.explorers import TSNEExplorer
from lecture_utils.features import sne
from lecture_utils.plots import embedding

NAMES = [f"class {i}" for i in range(10)]
LABELS = torch.arange(80) % 10
POINTS = torch.randn(80, 6, generator=torch.Generator().manual_seed(0)) + 5 * torch.eye(10)[LABELS][:, :6]


@pytest.fixture(scope="module")
def explorer():
    return TSNEExplorer(POINTS, LABELS, NAMES, count=60)


def test_it_says_what_was_computed(explorer):
    state = {"points": "features", "perplexity": 12, "seed": 3, "steps": 150}
    found = sne.tsne(POINTS[:60], 12, iterations=150, seed=3)
    kept = float(features.kept_neighbours(POINTS[:60], found.positions, 10).mean())
    sentence = explorer.describe(**state)
    assert (
        f"divergence {found.divergence:.2f} nats, {kept:.0%} of the 10" in sentence
        and f"({10 / 59:.0%} by chance)" in sentence
    )
    assert "noise" in explorer.describe(**state | {"points": "noise"})


def test_the_control_has_no_structure(explorer):
    noise = explorer.clouds["noise"]
    assert noise.shape == (60, 6) and abs(noise.mean()) < 0.15 and noise.std() == pytest.approx(1, abs=0.1)
    lengths = torch.cov(noise.T).diagonal()
    assert lengths.min() > 0.4 and lengths.max() < 1.8, "no direction is special"


# --- figures ---


def test_neighbour_rows_frames_and_titles():
    images = torch.rand(4, 3, 8, 8)
    right = {"pixels": torch.tensor([[True, False], [True, True]])}
    picture = embedding.neighbour_rows(
        images[:2], {"pixels": images.view(2, 2, 3, 8, 8)}, right, title="T", caption="C"
    )
    axes = picture.figure.axes
    assert len(axes) == 6 and picture.alt == "T. C."
    edges = [[tuple(np.round(p.get_edgecolor()[:3], 2)) for p in a.patches if not p.get_fill()] for a in axes]
    framed = [edge[0] for edge in edges if edge]
    assert len(framed) == 4 and len(set(framed)) == 2 and framed[1] != framed[0] == framed[2] == framed[3]
    assert [a.get_title(loc="left") or a.get_title() for a in axes][:2] == ["query", "pixels"]
    bare = embedding.neighbour_rows(images[:2], {"pixels": images.view(2, 2, 3, 8, 8)})
    assert not any(a.patches for a in bare.figure.axes)
    with pytest.raises(ValueError, match="pixels: expected 2 rows"):
        embedding.neighbour_rows(images[:2], {"pixels": images[None, :1]})


def test_picture_grid_puts_each_in_its_cell():
    colours = torch.tensor([0.1, 0.5, 0.9]).view(3, 1, 1, 1).expand(3, 3, 8, 8)
    picture = embedding.picture_grid(colours, [[0, 0], [1, 1], [0, 1]], title="T")
    boxes = [a.get_position() for a in picture.figure.axes]
    assert boxes[0].x0 < boxes[2].x0 == boxes[1].x0 and boxes[0].y0 == boxes[2].y0 > boxes[1].y0
    with pytest.raises(ValueError, match="cells: expected .3, 2., all different"):
        embedding.picture_grid(colours, [[0, 0], [1, 1], [0, 0]])


def test_planes_name_every_class_at_its_median():
    points = torch.tensor([[0.0, 0.0], [2.0, 2.0], [1.0, 1.0], [8.0, 9.0]])
    picture = embedding.planes({"one": points}, torch.tensor([0, 0, 0, 1]), ["mug", "car", "never there"])
    texts = {t.get_text(): tuple(t.xy) for t in picture.figure.axes[0].texts}  # written just above that place
    assert texts == {"mug": (1, 1), "car": (8, 9)}
    with pytest.raises(ValueError, match=r"one: expected positions \(3, 2\)"):
        embedding.planes({"one": points}, torch.zeros(3).long(), ["mug"])


def test_curves_over_named_layers():
    picture = embedding.over_layers(["pixels", "fc7"], {"a": [0.1, 0.9]}, "share", title="T")
    assert [t.get_text() for t in picture.figure.axes[0].get_xticklabels()] == ["pixels", "fc7"]
    bands = {"left": {"a": ([0, 0.8], [0.2, 1])}, "right": {"a": ([0, 0], [1, 1])}}
    both = embedding.panels_over_layers(
        ["pixels", "fc7"], {"left": {"a": [0.1, 0.9]}, "right": {"a": [0, 0]}}, "skill", intervals=bands
    )
    assert [a.get_title(loc="left") for a in both.figure.axes] == ["left", "right"]
    assert both.figure.axes[0].lines[0].get_ydata().tolist() == [0.1, 0.9]
