"""Training under attack: what it learns from, that it resumes, and what its card says."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from experiments.train import adversarial_training as adversarial, classifier as train
from lecture_utils import store
from lecture_utils.models import weights
from lecture_utils.synthesis import pgd
from tests.test_training import Blobs

FEW = {"epochs": 2, "images": 32, "batch": 16, "eps": 4.0}


@pytest.fixture(autouse=True)
def few_judged(monkeypatch):
    monkeypatch.setitem(adversarial.JUDGE, "images", 6)
    monkeypatch.setitem(adversarial.JUDGE, "steps", 2)


def run(folder, **options):
    recipe = adversarial.AdversarialRecipe("gap", **FEW)
    kind = {"kind": adversarial.AdversarialRun}
    card = train.train(recipe, Blobs(), folder / "out", folder / "runs", threads=1, **kind | options)
    return card, (folder / "out/gap-adversarial-4.safetensors").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(adversarial.JUDGE, "images", 6)
        patch.setitem(adversarial.JUDGE, "steps", 2)
        return folder, *run(folder)


def begun(folder, **options):
    recipe = adversarial.AdversarialRecipe("gap", **FEW | options)
    return adversarial.AdversarialRun(recipe, folder, "", torch.device("cpu"), 1)


def plain(folder):
    return train.Run(train.Recipe("gap", seed=0), folder, "", torch.device("cpu"), 1)


def test_it_begins_with_the_shipped_net(tmp_path):
    with torch.random.fork_rng():
        net = begun(tmp_path).net
    assert all(
        torch.equal(a, b) for a, b in zip(net.parameters(), weights.load("gap").parameters(), strict=True)
    )


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_every_attacked_picture_lies_in_the_ball_and_is_harder(share, tmp_path):
    """The same draws give a plain run the pictures before the attack."""
    images, labels = Blobs()("tune", 16)
    with torch.random.fork_rng():
        attacker, other = begun(tmp_path, share=share), plain(tmp_path)
        clean, _ = other.batch(images, labels)
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


def test_the_draws_of_a_checkpoint_repeat_the_attack(tmp_path):
    images, labels = Blobs()("tune", 4)
    with torch.random.fork_rng():
        one, other = begun(tmp_path), begun(tmp_path)
        first = one.batch(images, labels)[0]
        one.save(), other.resume()
        assert torch.equal(one.batch(images, labels)[0], other.batch(images, labels)[0])
        assert not torch.equal(first, one.batch(images, labels)[0])


SCRIPT = """
import signal, sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {root!r}]
from test_training import Blobs
from experiments.train import adversarial_training as adversarial, classifier as train
adversarial.JUDGE.update(images=6, steps=2)
folder = Path({folder!r})
recipe = adversarial.AdversarialRecipe("gap", **{few!r})
options = dict(threads=1, out=folder / "out", runs=folder / "runs", kind=adversarial.AdversarialRun)
sys.exit(train.carry_out(recipe, options, Blobs({batch}, signal.{kind})))
"""


def test_ctrl_c_and_the_same_command_end_with_the_same_weights_to_the_last_bit(whole, tmp_path):
    tests = Path(__file__).parent
    code = SCRIPT.format(
        tests=str(tests), root=str(tests.parent), folder=str(tmp_path), few=FEW, batch=4, kind="SIGINT"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert result.returncode == 130, result.stderr
    assert result.stderr.strip().splitlines()[-1].startswith("stopped; the same command goes on")
    assert not (tmp_path / "out").exists()
    card, content = run(tmp_path)
    assert content == whole[2] and card == whole[1]


def test_the_card_says_what_was_done_and_what_it_is_worth(whole):
    folder, card, content = whole
    assert json.loads((folder / "out/gap-adversarial-4.json").read_text()) == card
    assert card["begins with"] == "gap" and card["recipe"]["eps"] == 4.0
    judged = card["right under attack"]
    assert judged["eps"] == 4.0 and judged["split"] == "single" and 0 <= judged["before"] <= 1
    net = weights.build("gap")
    net.load_state_dict({k: v.float() for k, v in safetensors.torch.load(content).items()})
    images, labels = Blobs()("single")
    assert adversarial.robust_accuracy(net, images, labels, 4 / 255) == judged["after"]


def test_robust_accuracy_is_that_of_pgd_with_restarts():
    images, labels = Blobs()("single", 6)
    net = weights.load("gap")
    pictures, wanted = torch.from_numpy(images).float() / 255, torch.from_numpy(labels[:, 0])
    attacked = pgd(net, pictures, wanted, 0.5 / 255, 2, 2.5 * 0.5 / 255 / 2, adversarial.JUDGE["restarts"])
    with torch.no_grad():
        share = float((net(attacked).argmax(1) == wanted).double().mean())
    assert adversarial.robust_accuracy(net, images, labels, 0.5 / 255) == round(share, 4)
    assert adversarial.robust_accuracy(net, images, np.full_like(labels, 15), 0.0) <= 0.5


@pytest.mark.parametrize(
    "options", [["alex", "--seed", "2", "--eps", "2.5"], ["--steps", "7", "--share", "0.5"]]
)
def test_the_command_on_a_card_repeats_the_training(options, tmp_path):
    recipe, rest = adversarial.parse(options)
    with torch.random.fork_rng():
        words = (
            adversarial.AdversarialRun(recipe, tmp_path, "", torch.device("cpu"), 1).command(False).split()
        )
    assert words[:3] == ["python", "-m", "experiments"]
    again, _ = adversarial.parse(words[3:])
    assert again == recipe and rest["kind"] is adversarial.AdversarialRun


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["gapp"], "did you mean 'gap'"),
        (["--eps", "0"], "--eps counts levels of 255"),
        (["--share", "2"], "--share lies above 0"),
        (["--steps", "0"], "must be at least 1"),
        (["--images", "3"], "--images at least 64"),
    ],
)
def test_wrong_options_are_named(options, message, capsys):
    with pytest.raises(SystemExit):
        adversarial.main(options)
    assert message in capsys.readouterr().err


def test_a_checkpoint_of_another_attack_is_refused(whole):
    folder, *_ = whole
    recipe = adversarial.AdversarialRecipe("gap", **FEW | {"steps": 5})
    with pytest.raises(ValueError, match="steps 2, now 5.*--restart"):
        train.train(
            recipe, Blobs(), folder / "out", folder / "runs", threads=1, kind=adversarial.AdversarialRun
        )


def test_the_shipped_net_is_what_its_card_says():
    name = f"weights/{adversarial.AdversarialRecipe().tag}"
    if f"{name}.json" not in store.manifest():
        pytest.skip("it is not shipped")
    card, net = weights.card("gap", variant="adversarial-4"), weights.load("gap-adversarial-4")
    assert card["weights"]["sha256"] == store.manifest()[f"{name}.safetensors"]["sha256"]
    recipe, _ = adversarial.parse(card["command"].split()[3:])
    assert recipe == adversarial.AdversarialRecipe(**card["recipe"])
    assert card["right under attack"]["after"] > card["right under attack"]["before"] + 0.3
    assert not net.training and net.fc.out_features == card["recipe"]["classes"]
