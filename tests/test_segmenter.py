"""The supervised segmentation net: it learns masks, goes on where it stopped, and its card tells the truth."""

import json

import numpy as np
import pytest
import torch

from experiments.train import segmenter
from experiments.train.segmenter import Recipe, train, varied
from lecture_utils import models, open_lab
from lecture_utils.models.segmenter import build, segment

FEW = Recipe(epochs=3, images=192, batch=16)


class Boxes:
    """Stands for the world: a bright box on noise. Can interrupt itself at a batch."""

    def __init__(self, stop_at=None):
        self.stop_at, self.batches = stop_at, 0

    def __call__(self, split, count=None):
        n = count or 24
        draws = np.random.default_rng(list(split.encode()))
        images = draws.integers(0, 60, (n, 3, 32, 32), dtype=np.uint8)
        masks = np.zeros((n, 32, 32), bool)
        for image, mask, (top, left) in zip(images, masks, draws.integers(0, 20, (n, 2)), strict=True):
            mask[top : top + 12, left : left + 12] = True
            image[:, mask] = draws.integers(200, 255, (3, 1))
        if split != "train":
            return images, masks
        self.images = images
        return self, masks

    def __getitem__(self, indices):
        self.batches += 1
        if self.batches == self.stop_at:
            raise KeyboardInterrupt
        return self.images[indices]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that nobody interrupted: its folder and card."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, train(FEW, Boxes(), folder / "out", folder / "runs", threads=1)


def test_it_learns_what_it_is_shown(whole):
    _, card = whole
    images, masks = Boxes()("single")
    assert card["iou"]["single"] > 0.5 > 0.25 > segmenter.score(build(), images, masks)


def test_it_goes_on_where_it_stopped(whole, tmp_path):
    folder, card = whole
    with pytest.raises(KeyboardInterrupt):
        train(FEW, Boxes(stop_at=15), tmp_path / "out", tmp_path / "runs", threads=1)
    assert (tmp_path / "runs" / "segmenter" / "checkpoint.pt").exists() and not (tmp_path / "out").exists()
    rest = Boxes()
    assert train(FEW, rest, tmp_path / "out", tmp_path / "runs", threads=1) == card
    assert rest.batches == 24, "two epochs were left"
    name = "out/segmenter.safetensors"
    assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_files_and_the_random_state(whole, tmp_path):
    folder, card = whole
    assert json.loads((folder / "out/segmenter.json").read_text()) == card
    assert card["weights"]["bytes"] == (folder / "out/segmenter.safetensors").stat().st_size
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    other = train(Recipe(1, 1, 192, 16), Boxes(), tmp_path / "out", tmp_path / "runs")
    assert torch.equal(before, torch.get_rng_state()) and torch.get_num_threads() == threads
    assert "weights" not in other and [p.name for p in (tmp_path / "out").iterdir()] == [
        "segmenter-seed1.json"
    ]


def test_a_checkpoint_of_another_training_is_refused(whole):
    folder, _ = whole
    with pytest.raises(ValueError, match="another training.*--restart"):
        train(Recipe(epochs=4, images=192, batch=16), Boxes(), folder / "out", folder / "runs", threads=1)


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("INSIDE_CONVNETS_CACHE", str(tmp_path))
    arguments = ["--epochs", "1", "--images", "64", "--threads", "1", "--out", str(tmp_path / "out")]
    assert segmenter.main(arguments, Boxes(stop_at=2)) == 130
    assert segmenter.main(arguments, Boxes()) == 0
    assert "hard       IoU" in capsys.readouterr().out
    assert segmenter.main([*arguments, "--epochs", "2"], Boxes()) == 2
    with pytest.raises(SystemExit):
        segmenter.main(["--images", "3"])


def test_a_varied_batch_moves_picture_and_mask_alike():
    images, masks = Boxes()("single")
    pictures, moved = varied(images, masks, np.random.default_rng(0))
    assert pictures.shape == (24, 3, 32, 32) and moved.shape == (24, 32, 32)
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    inside = torch.stack([p[:, m > 0].mean() for p, m in zip(pictures, moved, strict=True)])
    outside = torch.stack([p[:, m == 0].mean() for p, m in zip(pictures, moved, strict=True)])
    assert (inside > outside + 0.2).all()
    assert not np.array_equal(moved.numpy(), masks)


def test_masks_are_bool_of_the_image_s_size_and_the_net_is_left():
    net = build().train()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    found = segment(net, torch.rand(3, 3, 40, 24), batch_size=2)
    assert found.shape == (3, 40, 24) and found.dtype == torch.bool
    assert net.training and all(torch.equal(state[k], v) for k, v in net.state_dict().items())
    for wrong in (torch.rand(1, 3, 20, 24), torch.rand(3, 24, 24), 2 * torch.ones(1, 3, 24, 24)):
        with pytest.raises(ValueError, match="images"):
            segment(net, wrong)


def test_it_is_small_and_seeded():
    assert sum(p.numel() for p in build().parameters()) < 200_000
    assert torch.equal(build(3).out.weight, build(3).out.weight)
    assert not torch.equal(build(3).out.weight, build(4).out.weight)


def test_the_shipped_one_is_as_good_as_its_card_says():
    card, lab = models.card("segmenter"), open_lab()
    found = segment(models.load("segmenter"), lab.hard.images).numpy()
    iou = segmenter.overlap(found, lab.hard.objects.numpy() > 0)
    assert iou.mean() == pytest.approx(card["iou"]["hard"], abs=0.005)
    assert card["parameters"] < 200_000 and card["recipe"]["images"] <= 6000
