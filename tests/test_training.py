"""Training: the same result after a kill, a clear stop, weights and a card that agree."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from experiments.train import augment, classifier as train, evaluate
from lecture_utils.models import weights

FEW = {"epochs": 3, "images": 32, "batch": 16, "classes": 4}
COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], np.uint8)


class Blobs:
    """Stands for the world: a blob on noise; its colour is its class. Can interrupt itself at a batch."""

    def __init__(self, signal_at=None, kind=None):
        self.signal_at, self.kind, self.batches = signal_at, kind, 0

    def __call__(self, split, count=None, threads=None):
        n = count or 16
        draws = np.random.default_rng(list(split.encode()))
        labels = np.stack([draws.integers(0, 4, n), np.full(n, -1)], 1)
        if split in ("pairs", "train"):
            labels[: n // 4, 1] = (labels[: n // 4, 0] + 1) % 4
        images = draws.integers(0, 120, (n, 3, 112, 112), dtype=np.uint8)
        for image, (first, second), (top, left) in zip(
            images, labels, draws.integers(0, 72, (n, 2)), strict=True
        ):
            image[:, top : top + 40, left : left + 40] = COLOURS[first][:, None, None]
            if second >= 0:
                image[:, top : top + 40, left : left + 20] = COLOURS[second][:, None, None]
        self.images = images
        return (self if split == "train" else images), labels

    def __getitem__(self, indices):
        self.batches += 1
        if self.batches == self.signal_at:
            os.kill(os.getpid(), self.kind)
        return self.images[indices]


def run(folder, **options):
    recipe = train.Recipe("gap", **FEW)
    card = train.train(recipe, Blobs(), folder / "out", folder / "runs", threads=1, **options)
    return card, (folder / "out" / "gap.safetensors").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, *run(folder)


SCRIPT = """
import signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_training import Blobs, FEW
from experiments.train import classifier as train
folder = Path({folder!r})
recipe = train.Recipe("gap", **FEW)
train.parse = lambda argv: (recipe, dict(threads=1, out=folder / "out", runs=folder / "runs"))
sys.exit(train.main([], Blobs({batch}, signal.{kind})))
"""


def interrupted(folder, batch, kind):
    code = SCRIPT.format(tests=str(Path(__file__).parent), folder=str(folder), batch=batch, kind=kind)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)


def test_killed_and_started_again_gives_the_same_weights_to_the_last_bit(whole, tmp_path):
    assert interrupted(tmp_path, 4, "SIGKILL").returncode == -signal.SIGKILL  # the last batch of epoch 2
    assert not (tmp_path / "out").exists()
    card, content = run(tmp_path)
    assert [line["epoch"] for line in card["epochs"]] == [1, 2, 3]
    assert content == whole[2]
    assert card == whole[1]


def test_a_checkpoint_holds_every_random_state(tmp_path):
    """`gap` above has no dropout, so that training would not miss torch's own."""
    recipe = train.Recipe("alex", epochs=2, images=16, batch=16, classes=4)
    with torch.random.fork_rng():
        begun = train.Run(recipe, tmp_path, "", torch.device("cpu"), 1)
        begun.save()
        expected = torch.rand(3), begun.draws.random(3)
        again = train.Run(recipe, tmp_path, "", torch.device("cpu"), 1)
        torch.manual_seed(5), again.draws.random()
        again.resume()
        assert torch.equal(torch.rand(3), expected[0]) and np.array_equal(again.draws.random(3), expected[1])


def test_ctrl_c_says_in_one_line_how_to_go_on(tmp_path):
    result = interrupted(tmp_path, 3, "SIGINT")
    assert result.returncode == 130
    assert "Traceback" not in result.stderr
    assert (
        result.stderr.strip().splitlines()[-1]
        == "stopped; the same command goes on from the last whole epoch"
    )
    assert (tmp_path / "runs/gap/checkpoint.pt").exists()


def test_another_seed_gives_other_weights(whole, tmp_path):
    other = train.Recipe("gap", seed=1, **FEW)
    train.train(other, Blobs(), tmp_path / "out", tmp_path / "runs", threads=1)
    assert (tmp_path / "out/gap-seed1.safetensors").read_bytes() != whole[2]


def test_a_finished_training_states_the_same_accuracy_again(whole):
    folder, card, content = whole
    assert run(folder) == (card, content)


def test_checkpoint_of_another_recipe_is_refused(whole):
    folder, *_ = whole
    recipe = train.Recipe("gap", **(FEW | {"epochs": 5}))
    with pytest.raises(ValueError, match="epochs 3, now 5.*--restart"):
        train.train(recipe, Blobs(), folder / "out", folder / "runs", threads=1)


def test_training_leaves_random_state_and_threads_alone(tmp_path):
    torch.manual_seed(3)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    train.train(
        train.Recipe("gap", epochs=1, images=16, batch=16, classes=4), Blobs(), tmp_path, tmp_path, threads=1
    )
    assert torch.equal(state, torch.get_rng_state())
    assert threads == torch.get_num_threads()


def test_card_states_what_the_written_weights_reach(whole):
    folder, card, content = whole
    net = weights.build("gap", classes=4)
    net.load_state_dict({k: v.float() for k, v in safetensors.torch.load(content).items()})
    for split in ("single", "hard"):
        assert round(evaluate.accuracy(net, *Blobs()(split))["top1"], 4) == card["accuracy"][split]
    assert json.loads((folder / "out/gap.json").read_text()) == card
    assert card["weights"]["bytes"] == len(content)


def test_training_learns(whole):
    losses = [line["loss"] for line in whole[1]["epochs"]]
    assert losses[-1] < losses[0]


def test_alex_keeps_its_conv_layers_of_early_epochs_and_numbers_only_keeps_conv1(tmp_path):
    recipe = train.Recipe("alex", epochs=2, images=16, batch=16, classes=4)
    train.train(recipe, Blobs(), tmp_path / "out", tmp_path / "runs", threads=1)
    early = safetensors.torch.load_file(tmp_path / "out/alex-epoch1.safetensors")
    assert {name.split(".")[0] for name in early} == {f"conv{n}" for n in range(1, 6)} | {
        f"norm{n}" for n in range(2, 6)
    }
    assert early["conv1.weight"].dtype == torch.float16
    train.train(recipe, Blobs(), tmp_path / "few", tmp_path / "runs", threads=1, numbers_only=True)
    assert sorted(p.name for p in (tmp_path / "few").iterdir()) == ["alex-conv1.safetensors", "alex.json"]


def test_conv1_alone_is_held_down_by_strong_decay():
    recipe = train.Recipe("alex")
    net = recipe.net()
    first, rest, none = train.optimiser(net, recipe).param_groups
    assert first["params"] == [net.conv1.weight] and first["share"] == recipe.conv1_rate < 1
    assert first["weight_decay"] * first["share"] == 1.0  # a step removes rate x share x decay
    assert none["weight_decay"] == 0 and all(p.ndim == 1 for p in none["params"])
    assert sum(len(g["params"]) for g in (first, rest, none)) == len(list(net.parameters()))
    plain = train.Recipe("alex", conv1_decay=False)
    assert train.optimiser(net, plain).param_groups[0]["weight_decay"] * plain.conv1_rate == plain.decay


def test_learning_rate_rises_then_falls_to_zero():
    rates = [train.rate(step, 200, 1.0) for step in range(200)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == 1.0 and rates[-1] < 0.001
    assert rates == sorted(rates[:10]) + sorted(rates[10:], reverse=True)


def test_shift_moves_the_picture_and_repeats_its_border():
    image = np.random.default_rng(0).integers(0, 256, (3, 112, 112), dtype=np.uint8)
    found = augment._moved(image, 5, -3)  # 5 px down, 3 px left
    assert np.array_equal(found[:, 5:, :109], image[:, :107, 3:])
    assert (found[:, :5, :109] == image[:, :1, 3:]).all() and (
        found[:, 5:, 109:] == image[:, :107, -1:]
    ).all()
    assert np.array_equal(augment._moved(image, 0, 0), image)


def test_augmented_pictures_stay_in_range_and_are_never_mirrored():
    images = np.zeros((200, 3, 112, 112), np.uint8)
    images[..., :40] = 255  # bright on the left
    result = augment.batch(images, np.random.default_rng(0))
    assert result.dtype == torch.float32 and result.min() >= 0 and result.max() <= 1
    assert (result[..., :20].mean((1, 2, 3)) > result[..., -20:].mean((1, 2, 3))).all()


def test_either_object_of_a_pair_is_the_target():
    labels = np.array([[3, 7]] * 500 + [[2, -1]] * 100)
    targets = augment.targets(labels, np.random.default_rng(0))
    assert 180 < (targets[:500] == 3).sum() < 320
    assert set(targets[:500].tolist()) == {3, 7} and set(targets[500:].tolist()) == {2}


@pytest.mark.parametrize(
    "options, message",
    [
        (["alexx"], "did you mean 'alex'"),
        (["gap", "--conv1", "7/2"], "for alex"),
        (["alex", "--images", "3"], "at least 64"),
    ],
)
def test_wrong_options_are_named(options, message, capsys):
    with pytest.raises(SystemExit):
        train.main(options)
    assert message in capsys.readouterr().err


def test_bfloat16_only_where_the_processor_has_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert not train.fast_bfloat16(torch.device("cpu"))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert train.fast_bfloat16(torch.device("cpu"))


def test_accuracy_of_pairs_counts_either_object_and_both():
    class Fixed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scores = torch.nn.Parameter(torch.tensor([0.1, 0.9, 0.5, 0.2]))

        def forward(self, images):
            return self.scores.expand(len(images), 4)

    labels = np.array([[1, 2], [2, 1], [1, 3], [0, 3], [1, -1], [2, -1]])
    found = evaluate.accuracy(Fixed(), np.zeros((6, 3, 4, 4), np.uint8), labels)
    assert found == {"top1": pytest.approx(4 / 6), "both": pytest.approx(2 / 4)}


@pytest.mark.parametrize(
    "options",
    [
        ["alex", "--conv1", "7/4", "--no-decay", "--seed", "2", "--numbers-only"],
        ["gap", "--epochs", "3", "--rate", "0.003"],
        ["zf", "--no-small-init", "--images", "640"],
    ],
)
def test_the_command_on_a_card_repeats_the_training(options):
    recipe, rest = train.parse(options)
    words = train.command(recipe, 1, rest["numbers_only"]).split()
    again, rest_again = train.parse(words[3:])
    assert again == recipe and rest_again["numbers_only"] == rest["numbers_only"]
