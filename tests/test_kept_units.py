"""What is kept is what was found; another net, image, layer or k is looked for anew."""

import pytest
import torch
from torch import nn

from experiments.methods import unit_cache
from experiments.methods.unit_cache import kept_units
from lecture_utils import features
from lecture_utils.features import top_units


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.ReLU()
    ).eval()


@pytest.fixture
def images():
    return torch.rand(8, 3, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def searches(monkeypatch):
    """How often something was really looked for."""
    calls = []

    def counted(*args, **kwargs):
        calls.append(args)
        return top_units(*args, **kwargs)

    monkeypatch.setattr(unit_cache, "top_units", counted)
    return calls


def same(one, other):
    return all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_the_second_time_it_is_read(net, images, tmp_path, searches):
    folder = tmp_path / "not" / "there yet"
    first, second = (kept_units(net, images, "2", 3, folder) for _ in range(2))
    assert len(searches) == 1 and len(list(folder.iterdir())) == 1
    assert isinstance(second, features.TopUnits) and same(first, second)
    assert same(second, top_units(net, images, "2", 3))


@pytest.mark.parametrize("what", ["weight", "buffer", "image", "layer", "k", "dtype"])
def test_whatever_changes_the_answer_asks_anew(net, images, tmp_path, searches, what):
    before = kept_units(net, images, "2", 3, tmp_path)
    layer, k = ("4", 3) if what == "layer" else ("2", 2 if what == "k" else 3)
    if what == "weight":
        net[0].weight.data[0, 0, 0, 0] += 1e-4
    if what == "buffer":
        net[1].running_mean += 0.1
    if what == "image":
        images[7, 2, 11, 11] += 1e-3
    if what == "dtype":
        net, images = net.double(), images.double()
    after = kept_units(net, images, layer, k, tmp_path)
    assert len(searches) == 2 and same(after, top_units(net, images, layer, k))
    assert (
        what in ("weight", "image", "dtype")
        or not same(before[:1], after[:1])
        or before[0].shape != after[0].shape
    )


@pytest.mark.parametrize("content", [b"", b"half of a file", "list of one"])
def test_a_damaged_file_is_made_again(net, images, tmp_path, searches, content):
    right = kept_units(net, images, "2", 3, tmp_path)
    (path,) = tmp_path.iterdir()
    torch.save([torch.zeros(1)], path) if isinstance(content, str) else path.write_bytes(content)
    assert same(kept_units(net, images, "2", 3, tmp_path), right) and len(searches) == 2
    assert same(kept_units(net, images, "2", 3, tmp_path), right) and len(searches) == 2
