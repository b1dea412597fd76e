"""The data folder: damage is named in one sentence; what is shipped is whole and small."""

import json

import pytest

from lecture_utils import store


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A small data folder with a manifest."""
    monkeypatch.setenv("INSIDE_CONVNETS_DATA", str(tmp_path))
    for name, content in [
        ("toyworld/scenes.csv", b"file,split\n"),
        ("toyworld/single/dog/0003.jpg", b"a dog" * 100),
        ("weights/alex.json", json.dumps({"command": "python -m train alex --seed 0"}).encode()),
        ("weights/alex.safetensors", bytes(range(256))),
        ("weights/alex-epoch1.safetensors", b"early"),
        ("weights/alex-seed1.json", json.dumps({"command": "python -m train alex --seed 1"}).encode()),
        ("weights/alex-seed1-conv1.safetensors", b"first layer"),
    ]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    store.write_manifest()
    return tmp_path


def test_whole_folder_has_no_problems(folder):
    assert store.verify_all() == []
    assert store.verified_path("weights/alex.safetensors") == folder / "weights/alex.safetensors"
    assert store.read_verified("toyworld/scenes.csv") == b"file,split\n"


def test_manifest_states_how_each_file_was_made(folder):
    made = {name: entry["made_by"] for name, entry in store.manifest().items()}
    assert made["toyworld/single/dog/0003.jpg"] == "python -m experiments gallery"
    assert made["weights/alex-epoch1.safetensors"] == "python -m train alex --seed 0"
    assert made["weights/alex-seed1-conv1.safetensors"] == "python -m train alex --seed 1"


def test_results_say_their_own_command(folder):
    with pytest.raises(store.DamagedData, match="python -m experiments new_study"):
        store.read_verified("results/new_study.json")
    (folder / "results").mkdir()
    (folder / "results/new_study.json").write_text('{"command": "python -m some.study"}')
    store.write_manifest()
    assert store.manifest()["results/new_study.json"]["made_by"] == "python -m some.study"


NAME = "weights/alex.safetensors"


def truncate(path):
    path.write_bytes(path.read_bytes()[:100])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[17] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage, what",
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
    assert store.verify_all() == [sentence]


def test_a_file_that_is_not_listed_is_a_problem(folder):
    (folder / "weights/stray.safetensors").write_bytes(b"?")
    assert len(store.verify_all()) == 1 and "stray" in store.verify_all()[0]
    with pytest.raises(store.DamagedData, match="stray.safetensors is not listed"):
        store.verified_path("weights/stray.safetensors")


@pytest.mark.parametrize("content", [None, '{"weights/alex', "[]"])
def test_a_missing_or_broken_manifest_is_named(folder, content):
    path = folder / "MANIFEST.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(store.DamagedData, match=r"MANIFEST.json is (missing|damaged): restore it"):
        store.read_verified(NAME)


def test_command_prints_sizes_and_fails_on_damage(folder, capsys):
    assert store.main([]) == 0
    assert "7 files, 0 problems" in capsys.readouterr().out
    truncate(folder / NAME)
    assert store.main([]) == 1
    assert "instead of 256" in capsys.readouterr().err
    assert store.main(["--write"]) == 0


def test_shipped_data_is_whole():
    assert store.verify_all() == []


def test_shipped_data_is_small():
    sizes = store.sizes()
    assert sum(sizes.values()) <= 46.5e6
    assert sum(size for name, size in sizes.items() if name.startswith("toyworld")) <= 15e6
