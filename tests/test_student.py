"""The student's copy of the notebooks: nothing of theirs is lost, and no answer is given away."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import student


@pytest.fixture
def course(tmp_path):
    """(folder of the stored notebooks, folder of the copies), and one lecture with its evidence."""
    source = tmp_path / "notebooks"
    (source / "evidence").mkdir(parents=True)
    for name in ("01_first.ipynb", "evidence/01_first.ipynb"):
        store(source / name, "one")
    return source, tmp_path / "work"


def store(path, words):
    shown = [new_output("stream", text="7\n")]
    cells = [
        new_markdown_cell(f"{words}\n\n**Predict.** How many?"),
        new_markdown_cell("seven", metadata={"tags": ["presenter"]}),
        new_code_cell("a = 7", execution_count=1),
        new_code_cell("a", execution_count=2, outputs=shown),
        new_code_cell("a  # again", execution_count=3, outputs=shown),
    ]
    nbformat.write(new_notebook(cells=cells), path)


def words(path):
    return nbformat.read(path, as_version=4).cells[0].source.split()[0]


def change(path):
    path.write_text(path.read_text().replace("a = 7", "a = 8"))


def test_a_copy_gives_no_answer_away_and_opens_unchanged(course):
    source, work = course
    assert list(student.copies(False, source, work)) == [
        "01_first.ipynb: new",
        "evidence/01_first.ipynb: new",
    ]
    copy = nbformat.read(work / "01_first.ipynb", as_version=4)
    assert [cell.source for cell in copy.cells[1:]] == ["a = 7", "a", "a  # again"]
    assert [len(cell.outputs) for cell in copy.cells[1:]] == [0, 0, 1]  # the cell that answers, and no other
    language = copy.metadata["language_info"]
    assert language["pygments_lexer"] == "ipython3" and language["version"].startswith("3.")
    assert list(student.copies(True, source, work)) == []


def test_starting_again_changes_nothing_and_brings_back_what_was_thrown_away(course):
    source, work = course
    list(student.copies(False, source, work))
    change(work / "01_first.ipynb")
    (work / "evidence/01_first.ipynb").unlink()
    store(source / "01_first.ipynb", "two")
    assert list(student.copies(False, source, work)) == ["evidence/01_first.ipynb: new"]
    assert words(work / "01_first.ipynb") == "one"


def test_an_update_renews_what_is_untouched_and_goes_beside_what_is_changed(course):
    source, work = course
    list(student.copies(False, source, work))
    change(work / "01_first.ipynb")
    for number in ("two", "three", "four"):
        for name in ("01_first.ipynb", "evidence/01_first.ipynb"):
            store(source / name, number)
        told = list(student.copies(True, source, work))
        assert (
            len(told) == 2 and "you have changed it" in told[0] and told[1] == "evidence/01_first.ipynb: new"
        )
        assert words(work / "evidence/01_first.ipynb") == number
        assert words(work / "01_first.ipynb") == "one" and "a = 8" in (work / "01_first.ipynb").read_text()
        if number == "two":
            assert words(work / "01_first.new.ipynb") == "two"
        if number == "three":  # the new version was renewed; now it is the student's, too
            assert words(work / "01_first.new.ipynb") == "three"
            change(work / "01_first.new.ipynb")
    assert words(work / "01_first.new.ipynb") == "three" and words(work / "01_first.new.new.ipynb") == "four"
    assert list(student.copies(True, source, work)) == []


def test_a_copy_that_stopped_half_way_goes_on(course):
    source, work = course
    assert next(student.copies(False, source, work)) == "01_first.ipynb: new"  # and then the light goes out
    assert list(json.loads((work / student.RECORD).read_text())) == ["01_first.ipynb"]
    assert list(student.copies(False, source, work)) == ["evidence/01_first.ipynb: new"]
    assert not list(work.rglob("*.tmp"))
