"""The data folder and its tables: damage is named in a sentence; what ships is whole, small, made by known commands."""

import json
from fnmatch import fnmatchcase

import pytest

from experiments import manifest
from experiments.experiment import known
from lecture_utils import results, store

NAME = "weights/alex.safetensors"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A small data folder with a manifest."""
    monkeypatch.setenv("INSIDE_CONVNETS_DATA", str(tmp_path))
    for name, content in [
        ("toyworld/scenes.csv", b"file,split\n"),
        ("toyworld/single/dog/0003.jpg", b"a dog" * 100),
        ("results/ring.json", b'{"command": "python -m experiments ring"}'),
        ("synthesis/inversions/alex.jpg", b"images"),
        ("weights/alex.json", json.dumps({"command": "python -m train alex --seed 0"}).encode()),
        (NAME, bytes(range(256))),
        ("weights/alex-epoch1.safetensors", b"early"),
        ("weights/alex-seed1.json", json.dumps({"command": "python -m train alex --seed 1"}).encode()),
        ("weights/alex-seed1-conv1.safetensors", b"first layer"),
    ]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    manifest.write()
    return tmp_path


def test_a_whole_folder_has_no_problems_and_the_manifest_states_how_each_file_was_made(folder):
    assert manifest.verify_all() == []
    assert store.verified_path(NAME) == folder / NAME
    assert store.read_verified("toyworld/scenes.csv") == b"file,split\n"
    made = {name: entry["made_by"] for name, entry in store.manifest().items()}
    assert made["toyworld/single/dog/0003.jpg"] == "python -m experiments gallery"
    assert (
        made["synthesis/inversions/alex.jpg"] == "python -m experiments inversions"
    )  # its results are not there
    assert made["results/ring.json"] == "python -m experiments ring"
    assert made["weights/alex-epoch1.safetensors"] == "python -m train alex --seed 0"
    assert made["weights/alex-seed1-conv1.safetensors"] == "python -m train alex --seed 1"


def truncate(path):
    path.write_bytes(path.read_bytes()[:100])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[17] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda path: path.unlink(), "is missing"),
        (truncate, "has 100 bytes instead of 256"),
        (flip_a_bit, "is damaged"),
    ],
)
def test_a_damaged_file_is_named_with_its_remedy(folder, damage, what):
    damage(folder / NAME)
    with pytest.raises(store.DamagedData) as caught:
        store.verified_path(NAME)
    sentence = str(caught.value)
    assert str(folder / NAME) in sentence and what in sentence and "\n" not in sentence
    assert f"git checkout -- data/{NAME}" in sentence and "python -m train alex --seed 0" in sentence
    assert manifest.verify_all() == [sentence]


def test_a_file_that_is_not_listed_is_a_problem(folder):
    (folder / "weights/stray.safetensors").write_bytes(b"?")
    assert len(manifest.verify_all()) == 1 and "stray" in manifest.verify_all()[0]
    with pytest.raises(store.DamagedData, match="stray.safetensors is not listed"):
        store.verified_path("weights/stray.safetensors")


@pytest.mark.parametrize("content", [None, '{"weights/alex', "[]"])
def test_a_missing_or_broken_manifest_is_named(folder, content):
    path = folder / "MANIFEST.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(store.DamagedData, match=r"MANIFEST.json is (missing|damaged): restore it"):
        store.read_verified(NAME)


def test_a_package_installed_from_a_wheel_says_where_its_data_is(tmp_path, monkeypatch):
    monkeypatch.delenv("INSIDE_CONVNETS_DATA", raising=False)
    monkeypatch.setattr(store, "ROOT", tmp_path)
    with pytest.raises(store.DamagedData, match="missing: clone the course, and set INSIDE_CONVNETS_DATA to"):
        store.read_verified(NAME)


def test_the_command_prints_sizes_and_fails_on_damage(folder, capsys):
    assert manifest.main([]) == 0
    assert "9 files, 0 problems" in capsys.readouterr().out
    truncate(folder / NAME)
    assert manifest.main([]) == 1
    assert "instead of 256" in capsys.readouterr().err
    assert manifest.main(["--write"]) == 0


def test_what_changes_is_listed_and_damage_elsewhere_is_not_hidden(folder):
    flip_a_bit(folder / NAME)
    with pytest.raises(KeyboardInterrupt), manifest.followed(folder) as changed:
        (folder / "results/ring.json").write_text('{"command": "python -m experiments ring", "rows": []}')
        (folder / "results/new.json").write_text('{"command": "python -m experiments new"}')
        (folder / "toyworld.tmp").mkdir()
        (folder / "toyworld.tmp/half.jpg").write_bytes(b"unfinished")
        (folder / "toyworld/scenes.csv").unlink()
        raise KeyboardInterrupt
    assert changed == ["results/new.json", "results/ring.json", "toyworld/scenes.csv"]
    (problem,) = manifest.verify_all()
    assert NAME in problem and "is damaged" in problem
    assert store.manifest()["results/new.json"]["made_by"] == "python -m experiments new"


def test_shipped_data_is_whole_and_small():
    assert manifest.verify_all() == []
    sizes = manifest.sizes()
    assert sum(sizes.values()) <= 68e6
    assert sum(size for name, size in sizes.items() if name.startswith("toyworld")) <= 15e6


def test_every_shipped_file_is_made_by_one_experiment_and_listed_with_its_command():
    experiments = known().values()
    for name, entry in store.manifest().items():
        (maker,) = [one.name for one in experiments if any(fnmatchcase(name, p) for p in one.makes)]
        assert entry["made_by"].split()[:4] == ["python", "-m", "experiments", maker], name
        if not name.startswith("toyworld/"):
            assert manifest.made_by(name) == entry["made_by"]


def test_every_table_loads_as_its_file_holds_it_and_names_its_command():
    assert results.names() == sorted(p.stem for p in (store.data_dir() / "results").glob("*.json"))
    for name in results.names():
        found = results.load(name)
        assert found == json.loads((store.data_dir() / f"results/{name}.json").read_text())
        assert found["command"].startswith("python -m experiments ")


@pytest.mark.parametrize("name", ["scorebord", "scoreboard.json", "../weights/gap", "", None, ["ring"]])
def test_a_wrong_name_gets_the_near_ones(name):
    with pytest.raises(KeyError, match="unknown name") as error:
        results.load(name)
    assert ("'scoreboard'" in str(error.value)) or name not in ("scorebord", "scoreboard.json")
