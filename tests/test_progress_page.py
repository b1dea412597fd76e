"""The page of the exercises says what the saved notebooks say, and reads nothing else."""

import nbformat
import pytest
from browser import chromium
from nbformat.v4 import new_code_cell, new_notebook, new_output

from lecture_utils.exercises.checker import Verdict
from lecture_utils.exercises.exercise import exercises_of
from tools import progress


def notebook(folder, name, **said):
    cells = [new_code_cell("open_lab()")]
    for number, line in said.items():
        outputs = [new_output("stream", text=line)] if line else []
        number = number.replace("_", ".").strip(".")
        cells.append(new_code_cell("check()", metadata={"tags": [f"check-{number}"]}, outputs=outputs))
    folder.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells), folder / name)
    return folder


def test_each_exercise_is_right_tried_or_open(tmp_path):
    said = {"_3.1": "3.1 · right! Yes.\n", "_3.2": "3.2 · not yet. For x = 1: 2\n", "_3.3": ""}
    said["_3.4"] = "3.4 · not attempted yet. Write my_x in the cell above, then run both cells again.\n"
    notebook(tmp_path, "03_x.ipynb", **said), notebook(tmp_path, "04_none.ipynb")
    assert progress.of_folder(tmp_path) == {"03_x.ipynb": {"3.1": "●", "3.2": "◐", "3.3": "○", "3.4": "○"}}
    assert progress.main([str(tmp_path)]) == f"1 of 4 right, 1 tried: {tmp_path / 'progress.html'}"
    page = (tmp_path / "progress.html").read_text()
    assert '<a href="03_x.ipynb">' in page and "<span>3.2 ◐</span>" in page and "04_none" not in page


def test_several_students_have_a_row_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = notebook(tmp_path / "ann", "01_x.ipynb", **{"_1.1": "1.1 · right!"})
    two = notebook(tmp_path / "b<ob", "01_x.ipynb", **{"_1.1": ""})
    assert progress.main([str(one), str(two)]) == "1 of 2 right, 0 tried: progress.html"
    page = (tmp_path / "progress.html").read_text()
    assert page.count("<tr>") == 2 and "b&lt;ob" in page and "b<ob" not in page


def test_a_folder_without_exercises_is_named(tmp_path):
    assert "No notebooks with exercises in" in progress.main([str(tmp_path)])
    assert not (tmp_path / "progress.html").exists()


def test_the_words_are_those_that_check_prints():
    """The page reads these two beginnings; were they changed, it would call everything open."""
    from lecture_utils.exercises.checker import judge

    exercise = next(iter(exercises_of("01").values()))
    right, wrong = judge(exercise, exercise.answer), judge(exercise, lambda *given: 0)
    assert isinstance(right, Verdict) and " · right!" in right.line and " · not yet" in wrong.line


@pytest.mark.slow
@pytest.mark.parametrize("wide", [390, 1440])
def test_it_fits_on_a_phone(tmp_path, wide):
    said = {f"_04.{n}": "" for n in range(1, 5)}
    notebook(tmp_path, "04_occlusion_saliency_guided_backprop.ipynb", **said)
    progress.main([str(tmp_path)])
    with chromium(viewport={"width": wide, "height": 800}) as context:
        page = context.new_page()
        page.goto((tmp_path / "progress.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= wide
        lines = page.locator("td span").evaluate_all("all => new Set(all.map(e => e.offsetTop)).size")
        assert lines == 1, "the exercises of a notebook stand in one line"
