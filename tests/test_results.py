"""The shipped tables: by name, whole, with their command."""

import json

import pytest

from lecture_utils import results, store


def test_every_table_loads_and_names_its_command():
    assert results.names() == sorted(p.stem for p in (store.data_dir() / "results").glob("*.json"))
    for name in results.names():
        assert results.load(name)["command"].startswith("python -m experiments ")


def test_a_table_is_what_its_file_holds():
    assert results.load("ring") == json.loads((store.data_dir() / "results/ring.json").read_text())


@pytest.mark.parametrize("name", ["scorebord", "scoreboard.json", "../weights/gap", "", None, ["ring"]])
def test_a_wrong_name_gets_the_near_ones(name):
    with pytest.raises(KeyError, match="unknown name") as error:
        results.load(name)
    assert ("'scoreboard'" in str(error.value)) or name not in ("scorebord", "scoreboard.json")


def test_a_changed_table_is_refused(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    for name in ("MANIFEST.json", "results/ring.json"):
        (tmp_path / name).write_bytes((store.data_dir() / name).read_bytes())
    text = (tmp_path / "results/ring.json").read_text()
    (tmp_path / "results/ring.json").write_text(text.replace("0", "1", 1))
    monkeypatch.setenv("INSIDE_CONVNETS_DATA", str(tmp_path))
    with pytest.raises(store.DamagedData, match="damaged"):
        results.load("ring")
