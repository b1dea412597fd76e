"""The runner: every experiment is known, its command can be stopped, and what is out of date is found."""

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from experiments import experiment, manifest, runner
from experiments.experiment import Experiment, Refused, known, some_of
from experiments.train import adversarial_training, classifier, segmenter
from lecture_utils import store

ROOT = Path(__file__).resolve().parents[1]


def test_every_module_with_a_command_is_known_by_its_name_and_its_record():
    named = {p.stem for p in (ROOT / "experiments").rglob("*.py") if "EXPERIMENT =" in p.read_text()}
    assert set(known()) == named - {"experiment"} and len(named) > 30
    for name, one in known().items():
        module = import_module(one.module)
        record = module.EXPERIMENT
        assert (record.makes, record.takes) == (one.makes, one.takes) and one.about
        assert f"python -m experiments {name}" in module.__doc__
        assert not hasattr(module, "main"), "the runner is the only one"
        with pytest.raises(SystemExit, match="0"):
            experiment.carry_out(name, ["--help"])


def test_every_command_that_ships_names_an_experiment():
    tables = [json.loads(store.read_verified(name)) for name in store.manifest() if name.endswith(".json")]
    for table in tables:
        python, dash, package, name, *_ = table["command"].split()
        assert (python, dash, package) == ("python", "-m", "experiments") and name in known()


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """A module with an experiment of two parts, in a data folder of its own; call it with what `run` shall do."""
    monkeypatch.setenv("INSIDE_CONVNETS_DATA", str(tmp_path))
    manifest.write()

    def make(run, **more):
        record = Experiment(("results/x.json",), "a minute", run, some_of("parts", ("left", "right")), **more)
        module = SimpleNamespace(EXPERIMENT=record, __doc__="About x.\n\nMore.")
        monkeypatch.setattr(experiment, "import_module", lambda name: module)
        return tmp_path

    return make


def writes(out, parts=("left", "right")):
    experiment.write_results(out, "x", {"parts": list(parts)})
    return parts


def test_what_is_written_is_listed(fake, capsys):
    folder = fake(writes, report="made {}".format)
    assert runner.main(["ring", "left"]) == 0
    assert json.loads(store.read_verified("results/x.json"))["parts"] == ["left"]
    assert "made ['left']" in (said := capsys.readouterr().out) and "results/x.json" in said
    before = (folder / store.MANIFEST).read_bytes()
    assert runner.main(["ring", "--out", str(folder / "elsewhere")]) == 0
    assert json.loads((folder / "elsewhere/results/x.json").read_text())["parts"] == ["left", "right"]
    assert (folder / store.MANIFEST).read_bytes() == before


@pytest.mark.parametrize(
    ("error", "goes_on", "status", "said"),
    [
        (KeyboardInterrupt(), "from it", 130, "stopped; the same command goes on from it"),
        (KeyboardInterrupt(), "", 130, "stopped; the same command begins anew"),
        (Refused("add --restart"), "", 2, "add --restart"),
        (FloatingPointError("NaN in step 3"), "", 2, "NaN in step 3"),
    ],
)
def test_a_stop_is_one_sentence_and_what_was_written_stays(fake, capsys, error, goes_on, status, said):
    def run(out):
        writes(out)
        raise error

    fake(run, goes_on=goes_on)
    assert runner.main(["ring"]) == status
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith(said)
    assert json.loads(store.read_verified("results/x.json"))["parts"] == ["left", "right"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["rings"], "unknown experiment 'rings'; did you mean 'ring'"),
        (["attacks", "curve"], "did you mean 'curves'"),
        (["style_gallery", "nothing"], "unknown names 'nothing'"),
        (["classifier", "gap", "--conv1", "7/2"], "--conv1 is for alex"),
        (["classifier", "alex", "--images", "3"], "--images at least 64"),
        (["adversarial_training", "--eps", "0"], "--eps counts levels of 255"),
        (["segmenter", "--epochs", "0"], "--epochs must be at least 1"),
    ],
)
def test_wrong_words_are_named_and_exit_with_2(argv, said, capsys, monkeypatch):
    for module in (classifier, adversarial_training, segmenter):
        monkeypatch.setattr(module, "train", None)  # nothing begins
    try:
        status = runner.main(argv)
    except SystemExit as stop:
        status = stop.code
    assert status == 2 and said in capsys.readouterr().err


def test_the_list_says_of_each_what_it_makes_and_that_it_is_up_to_date():
    said = runner.listing()
    for name, one in known().items():
        assert f"\n{name}: {one.about}" in said and f"takes about {one.takes}" in said
    assert said.count("; up to date") == sum(bool(one.makes) for one in known().values())


def test_what_is_not_up_to_date_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("INSIDE_CONVNETS_DATA", str(tmp_path))
    monkeypatch.setattr("experiments.train.data.world_fingerprint", lambda: "today")
    (tmp_path / "weights").mkdir()
    weights, table = tmp_path / "weights/alex.safetensors", tmp_path / "results/sanity.json"
    weights.write_bytes(b"alex")
    manifest.write()
    sha = store.manifest()["weights/alex.safetensors"]["sha256"]
    one = replace(known()["sanity"], makes=("results/sanity.json",))
    assert runner.up_to_date(one) == "MISSING: results/sanity.json"

    def state(facts):
        experiment.write_results(tmp_path, "sanity", facts)
        manifest.write()
        return runner.up_to_date(one)

    assert state({"world": "today", "nets": [{"weights": sha}]}) == "up to date"
    assert "another toy world" in state({"world": "yesterday", "nets": [{"weights": sha}]})
    assert "another toy world" in state({"data": {"world": "yesterday"}})
    assert "other weights" in state({"world": "today", "nets": [{"weights": sha[::-1]}]})
    assert state({"weights": sha}) == "up to date"
    weights.write_bytes(b"trained again")
    manifest.write()
    assert "other weights" in runner.up_to_date(one)
    table.write_text("{}")
    assert runner.up_to_date(one).startswith("NOT AS LISTED")
    table.unlink()
    assert "is missing" in runner.up_to_date(one)
