"""What the classifiers learn from, plain and under attack; and that their cards tell the truth."""

import numpy as np
import pytest
import safetensors.torch
import torch

from experiments import experiment
from experiments.train import adversarial_training as adversarial, augment, classifier, evaluate
from lecture_utils import models, store
from lecture_utils.models import weights
from lecture_utils.synthesis import pgd
from tests.trainings import Blobs, smaller


@pytest.fixture(autouse=True)
def small(monkeypatch):
    smaller(monkeypatch)


def begun(folder, kind=adversarial.AdversarialRun, **options):
    recipe = adversarial.AdversarialRecipe if kind is adversarial.AdversarialRun else classifier.Recipe
    with torch.random.fork_rng():
        return kind(recipe("gap", **{"images": 32, "batch": 16} | options), folder)


def test_the_card_states_what_the_written_weights_reach(tmp_path):
    recipe = classifier.Recipe("alex", epochs=2, images=16, batch=16, classes=4)
    card = classifier.train(tmp_path, recipe, Blobs(), tmp_path / "run", threads=1)
    net = weights.build("alex", classes=4)
    stored = safetensors.torch.load_file(tmp_path / "weights/alex.safetensors")
    net.load_state_dict({k: v.float() for k, v in stored.items()})
    for split in ("single", "hard"):
        assert round(evaluate.accuracy(net, *Blobs()(split))["top1"], 4) == card["accuracy"][split]
    assert [line["epoch"] for line in card["epochs"]] == [1, 2]
    assert card["epochs"][-1]["loss"] < card["epochs"][0]["loss"], "it learns"


def test_conv1_alone_is_held_down_by_strong_decay():
    recipe = classifier.Recipe("alex")
    net = recipe.net()
    first, rest, none = classifier.optimiser(net, recipe).param_groups
    assert first["params"] == [net.conv1.weight] and first["share"] == recipe.conv1_rate < 1
    assert first["weight_decay"] * first["share"] == 1.0  # a step removes rate x share x decay
    assert none["weight_decay"] == 0 and all(p.ndim == 1 for p in none["params"])
    assert sum(len(g["params"]) for g in (first, rest, none)) == len(list(net.parameters()))
    plain = classifier.Recipe("alex", conv1_decay=False)
    assert classifier.optimiser(net, plain).param_groups[0]["weight_decay"] * plain.conv1_rate == plain.decay


def test_augmented_images_stay_in_range_and_are_never_mirrored():
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
    ("name", "module", "options"),
    [
        ("classifier", classifier, ["alex", "--conv1", "7/4", "--no-decay", "--seed", "2", "--numbers-only"]),
        ("classifier", classifier, ["zf", "--no-small-init", "--images", "640", "--rate", "0.003"]),
        ("adversarial_training", adversarial, ["alex", "--seed", "2", "--eps", "2.5", "--share", "0.5"]),
    ],
)
def test_the_command_on_a_card_repeats_the_training(name, module, options, monkeypatch, tmp_path):
    asked = []

    def train(out, recipe, data, threads=None, numbers_only=False, restart=False, kind=classifier.Run):
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads or 1)
        asked.append((recipe, numbers_only, kind, kind(recipe, tmp_path).command(numbers_only)))
        return {"accuracy": {}}

    monkeypatch.setattr(module, "train", train)
    with torch.random.fork_rng():
        assert experiment.carry_out(name, options) == 0
        words = asked[0][-1].split()
        assert words[:4] == ["python", "-m", "experiments", name]
        assert experiment.carry_out(name, words[4:]) == 0
    assert asked[0] == asked[1]


def test_it_begins_with_the_shipped_net(tmp_path):
    ours, theirs = begun(tmp_path).net.parameters(), models.load("gap").parameters()
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_every_attacked_image_lies_in_the_ball_and_is_harder(share, tmp_path):
    """The same draws give a plain run the images before the attack."""
    images, labels = Blobs()("tune", 16)
    attacker, plain = begun(tmp_path, share=share), begun(tmp_path, classifier.Run)
    clean, _ = plain.batch(images, labels)
    modes = {name: module.training for name, module in attacker.net.named_modules()}
    attacked, targets = attacker.batch(images, labels)
    assert modes == {name: module.training for name, module in attacker.net.named_modules()}
    assert all(p.requires_grad and p.grad is None for p in attacker.net.parameters())
    assert attacked.min() >= 0 and attacked.max() <= 1 and targets.tolist() == labels[:, 0].tolist()
    moved = (attacked - clean).abs().amax((1, 2, 3))
    many = round(16 * share)
    assert (moved[:many] > 0).all() and moved.max() <= 4 / 255 + 1e-6 and not moved[many:].any()
    loss = torch.nn.functional.cross_entropy
    with torch.no_grad():
        before, after = (loss(attacker.net.eval()(x[:many]), targets[:many]) for x in (clean, attacked))
    assert after > before + 0.1


def test_robust_accuracy_is_that_of_pgd_with_restarts():
    images, labels = Blobs()("single", 6)
    net = models.load("gap")
    pictures, wanted = torch.from_numpy(images).float() / 255, torch.from_numpy(labels[:, 0])
    attacked = pgd(net, pictures, wanted, 0.5 / 255, 2, 2.5 * 0.5 / 255 / 2, adversarial.JUDGE["restarts"])
    with torch.no_grad():
        share = float((net(attacked).argmax(1) == wanted).double().mean())
    assert adversarial.robust_accuracy(net, images, labels, 0.5 / 255) == round(share, 4)


def test_the_shipped_net_is_what_its_card_says():
    card = models.card("gap-adversarial-4")
    assert adversarial.AdversarialRecipe(**card["recipe"]).tag == "gap-adversarial-4"
    assert card["right under attack"]["after"] > card["right under attack"]["before"] + 0.3
    assert f"weights/{card['weights']['file']}" in store.manifest()
