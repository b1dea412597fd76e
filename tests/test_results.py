"""The shipped tables: by name, whole, with their command."""

import json

import pytest

from lecture_utils import results, store


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
