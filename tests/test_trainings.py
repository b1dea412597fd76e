"""All trainings: stopped anywhere they end with the same weights, and refuse what does not belong."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from experiments import manifest, training
from experiments.methods import segmenter
from experiments.train import studio_gan
from lecture_utils import models, store
from lecture_utils.models import weights
from tests.trainings import TRAININGS, smaller, state_here, weights_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
NAMES = pytest.mark.parametrize("name", TRAININGS)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    smaller(monkeypatch)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Of each training one that nobody interrupted: name -> its folder and card."""
    folder, done = tmp_path_factory.mktemp("whole"), {}

    def get(name):
        if name not in done:
            with pytest.MonkeyPatch.context() as patch:
                smaller(patch)
                done[name] = folder / name, TRAININGS[name][0](folder / name)
        return done[name]

    return get


@pytest.fixture
def counted(monkeypatch):
    """A list of the steps that are made; the training is stopped where the list is as long as counted(...) says."""
    made, last, shown = [], [None], training.progress

    def progress(**options):
        bar = shown(**options)
        update = bar.update

        def count():
            made.append(1)
            if len(made) == last[0]:
                raise KeyboardInterrupt
            update()

        bar.update = count
        return bar

    for module in (training, studio_gan):
        monkeypatch.setattr(module, "progress", progress)

    def stop_at(step):
        made.clear()
        last[0] = step
        return made

    return stop_at


@NAMES
def test_stopped_in_the_middle_it_goes_on_and_ends_with_the_same_weights(whole, name, tmp_path, counted):
    train, step, steps, _ = TRAININGS[name]
    folder, card = whole(name)
    counted(step)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path)
    assert (tmp_path / "run").exists() and not (tmp_path / "weights").exists()
    before, made = state_here(), counted(None)
    assert train(tmp_path) == card
    assert 0 < len(made) < steps, "not from the beginning"
    assert weights_of(tmp_path, name) == weights_of(folder, name)
    after = state_here()
    assert torch.equal(before[0], after[0]) and before[1] == after[1]


@NAMES
def test_a_checkpoint_of_another_recipe_is_refused_and_a_restart_forgets_it(whole, name, tmp_path):
    train, _, _, changes = TRAININGS[name]
    folder, card = whole(name)
    checkpoint = next((folder / "run").rglob("checkpoint.pt"))
    copy = tmp_path / checkpoint.relative_to(folder)
    copy.parent.mkdir(parents=True)
    copy.write_bytes(checkpoint.read_bytes())
    ((setting, value),) = changes.items()
    with pytest.raises(ValueError, match=rf"{setting} .*, now {value!r}.*add --restart"):
        train(tmp_path, **changes)
    assert copy.read_bytes() == checkpoint.read_bytes()
    again = train(tmp_path, restart=True, **changes)
    assert again["recipe"][setting] == value and again["weights"]["sha256"] != card["weights"]["sha256"]


@NAMES
def test_what_is_written_is_what_the_card_says_and_can_be_read(whole, name, monkeypatch):
    folder, card = whole(name)
    monkeypatch.setenv("INSIDE_CONVNETS_DATA", str(folder))
    manifest.write()
    assert json.loads(json.dumps(card)) == json.loads(store.read_verified(f"weights/{name}.json"))
    assert card["weights"]["sha256"] == store.manifest()[f"weights/{name}.safetensors"]["sha256"]
    if name != "gap":  # which has four classes here
        net = segmenter.trained() if name == "segmenter" else models.load(name)
        assert not net.training
        if isinstance(card["parameters"], int):
            assert sum(p.numel() for p in net.parameters()) == card["parameters"]


@pytest.mark.parametrize("name", ["studio-pixelcnn", "studio-gan"])
def test_nan_ends_a_training_in_a_sentence(name, tmp_path):
    with pytest.raises((FloatingPointError, RuntimeError), match="NaN or infini"):
        TRAININGS[name][0](tmp_path, rate=1e30)
    assert not (tmp_path / "weights").exists()


def test_descending_makes_the_steps_of_the_schedule():
    weight, rates = torch.nn.Parameter(torch.tensor(1.0)), []
    optimiser = torch.optim.SGD([{"params": [weight], "share": 0.5}], lr=9.0)

    def loss(step):
        return weight * (step + 1)

    def after(step):
        rates.append(optimiser.param_groups[0]["lr"])

    means = list(training.descend(loss, optimiser, 0.1, range(2, 6), 6, 2, "x", after=after))
    expected, w = [], 1.0
    for step in range(2, 6):
        expected.append(w * (step + 1))
        w -= training.warm_cosine(step, 6, 0.05) * (step + 1)
    assert rates == [training.warm_cosine(step, 6, 0.05) for step in range(2, 6)]
    assert means == pytest.approx([sum(expected[:2]) / 2, sum(expected[2:]) / 2])
    with pytest.raises(FloatingPointError, match="in step 1"):
        list(training.descend(lambda s: weight * math.nan, optimiser, 0.1, range(3), 3, 1, "x"))


@pytest.mark.parametrize("at_once", [1, 2])
def test_jobs_side_by_side(tmp_path, at_once):
    training.side_by_side(Path.write_text, [(tmp_path / name, name) for name in "abc"], at_once, "writing")
    assert sorted(file.read_text() for file in tmp_path.iterdir()) == ["a", "b", "c"]
    with pytest.raises(FileNotFoundError):
        training.side_by_side(Path.read_text, [(tmp_path / "d",), (tmp_path / "a",)], at_once, "reading")


def test_weights_of_eight_bits_are_read_back_as_they_were_scored():
    """At most half a step of each filter is lost; what is rounded stays the same when it is written again."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(8, 2))
    with torch.no_grad():
        net[0].weight[1] *= 1e-4  # a quiet filter keeps its own steps
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    after = training.rounded(net, 8).state_dict()
    step = before["0.weight"].abs().amax((1, 2, 3), keepdim=True) / 127
    assert ((after["0.weight"] - before["0.weight"]).abs() <= 0.501 * step).all()
    assert not torch.equal(after["0.weight"], before["0.weight"])
    assert torch.equal(after["1.bias"], before["1.bias"].half().float())
    again = weights.restored(training.shortened(after, 8))
    assert again.keys() == after.keys() and all(torch.equal(again[name], after[name]) for name in after)
