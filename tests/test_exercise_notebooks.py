"""The exercises as they stand in the notebooks: blank, with the solutions pasted in, and with wrong answers."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lecture_utils.exercises import exercises_of
from lecture_utils.exercises.checker import judge
from lecture_utils.exercises.exercise import notebooks
from tools.run_notebooks import execute

ROOT = Path(__file__).resolve().parents[1]
of_each_notebook = pytest.mark.parametrize("home", notebooks())


def stored(home):
    """The notebook of exercises "01" as it is stored, and its path."""
    found = sorted((ROOT / "notebooks").glob(f"{home}_*.ipynb"))
    assert len(found) == 1, f"lecture_utils/exercises/nb{home}.py has no notebook {home}_*.ipynb"
    return nbformat.read(found[0], as_version=4), found[0]


def place(notebook, tag):
    """Where the one cell with this tag is; None where none is."""
    found = [n for n, cell in enumerate(notebook.cells) if tag in cell.metadata.get("tags", [])]
    assert len(found) <= 1, f"{len(found)} cells are tagged {tag}"
    return found[0] if found else None


def headings(notebook):
    """{title: number of the cell} of the headings of second level."""
    return {
        line.removeprefix("## "): n
        for n, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("## ")
    }


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs).strip()


def blank_line(exercise):
    return judge(exercise, exercise.run(exercise.stub)).line


def faults(notebook, home):
    """Where the notebook's exercise cells differ from the module that is their home, as sentences."""
    here, cells, titles = exercises_of(home), notebook.cells, headings(notebook)
    order = [titles.get(title, -1) for title in ("What we saw", "Exercises", "Sources")]
    if -1 in order or order != sorted(order):
        yield "the headings What we saw, Exercises, Sources are not there, in this order"
    for number, exercise in here.items():
        stub, check = place(notebook, f"exercise-{number}"), place(notebook, f"check-{number}")
        if stub is None or check is None:
            yield f"{number} is missing: no cell is tagged exercise-{number}, or none check-{number}"
            continue
        if check != stub + 1 or not order[1] < stub - 1 < order[2]:
            yield f"{number}: statement, stub and check do not follow each other between Exercises and Sources"
        statement, own = cells[stub - 1], cells[stub - 1 : check + 1]
        if "exercise" not in statement.metadata.get("tags", []):
            yield f"{number}: the cell above the stub is not tagged exercise"
        if not statement.source.startswith(exercise.header + "\n"):
            yield f"{number}: the statement does not begin with the header of its module"
        if exercise.example not in statement.source:
            yield f"{number}: the statement's example is not the smallest input of the checker"
        if cells[stub].source != exercise.stub:
            yield f"{number}: the stub is not that of its module"
        if cells[check].source.splitlines()[0] != f'check("{number}", {exercise.name})':
            yield f"{number}: the check cell does not begin with its check"
        if printed(cells[check]) != blank_line(exercise):
            yield f"{number}: the stored check does not say that it is not attempted yet"
        if any(cell.metadata.get("slideshow") != {"slide_type": "skip"} for cell in own):
            yield f"{number}: its cells are not left out of the slides"
    yield from _strangers(notebook, here)


def _strangers(notebook, here):
    """Exercise cells that no module has, and other cells that need a student's answer."""
    names = {exercise.name: number for number, exercise in here.items()}
    for count, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        marks = [t.partition("-")[2] for t in tags if t.startswith(("exercise-", "check-"))]
        for mark in set(marks) - here.keys():
            yield f"{mark}: cell {count} is tagged so, but the module has no such exercise"
        if cell.cell_type == "code" and not marks:
            used = {node.id for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)}
            for name in used & names.keys():
                yield f"{names[name]}: cell {count} needs the student's {name}"


@of_each_notebook
def test_the_notebook_has_the_exercises_of_its_module(home):
    assert list(faults(stored(home)[0], home)) == []


def run_alone(home, answers, tmp_path):
    """What the checks print, run with these [(number, source of an answer)] and nothing above them but torch.

    That the rest of the notebook does not need a student's answer is for `_strangers` to say.
    """
    notebook, path = stored(home)
    first = headings(notebook)["Exercises"]
    end = min(n for n in headings(notebook).values() if n > first)
    section = notebook.cells[first:end]
    before = [new_code_cell("import torch")]
    before += [cell for cell in section if cell.cell_type == "code" and not cell.metadata.get("tags")]
    checks = {number: notebook.cells[place(notebook, f"check-{number}")].source for number, _ in answers}
    cells = [new_code_cell(text) for number, source in answers for text in (source, checks[number])]
    notebook.cells = before + cells
    nbformat.write(notebook, tmp_path / path.name)
    return [printed(cell) for cell in execute(tmp_path / path.name).cells[len(before) + 1 :: 2]]


@pytest.mark.slow
@of_each_notebook
def test_with_the_solutions_pasted_in_every_check_praises(home, tmp_path):
    here = exercises_of(home)
    done = run_alone(home, [(number, exercise.solution) for number, exercise in here.items()], tmp_path)
    assert done == [judge(exercise, exercise.answer).line for exercise in here.values()]
    assert all(line.startswith(f"{number} · right!") for number, line in zip(here, done, strict=True))


@pytest.mark.slow
@of_each_notebook
def test_with_wrong_answers_run_all_goes_through_and_each_has_its_message(home, tmp_path):
    wrong = [(e, cause, source) for e in exercises_of(home).values() for cause, source in e.mistakes.items()]
    done = run_alone(home, [(exercise.number, source) for exercise, _, source in wrong], tmp_path)
    assert done == [judge(exercise, exercise.run(source)).line for exercise, _, source in wrong]
    assert [line.partition("Likely cause: ")[2] for line in done] == [cause for _, cause, _ in wrong]


# These tests can fail: one thing broken at a time, on the section of a notebook made from its module.


def section(home):
    notebook = new_notebook(cells=[new_markdown_cell("## What we saw"), new_markdown_cell("## Exercises")])
    for number, exercise in exercises_of(home).items():
        text = f"{exercise.header}\n\nFind it. {exercise.example}"
        notebook.cells += [
            new_markdown_cell(text, metadata={"tags": ["exercise"]}),
            new_code_cell(exercise.stub, metadata={"tags": [f"exercise-{number}"]}),
            new_code_cell(f'check("{number}", {exercise.name})', metadata={"tags": [f"check-{number}"]}),
        ]
        notebook.cells[-1].outputs = [new_output("stream", name="stdout", text=blank_line(exercise) + "\n")]
    for cell in notebook.cells:
        cell.metadata["slideshow"] = {"slide_type": "skip"}
    notebook.cells += [new_code_cell("x = 1"), new_markdown_cell("## Sources")]
    return notebook


def test_a_section_made_from_the_module_has_no_faults():
    assert list(faults(section("01"), "01")) == []


def rewrite(place, old, new):
    def change(cells):
        assert old in cells[place].source
        cells[place].source = cells[place].source.replace(old, new)

    return change


BREAK = {
    "What we saw, Exercises, Sources are not there": rewrite(0, "## What", "What"),
    "01.1 is missing": lambda cells: cells[3].metadata.update(tags=[]),
    "do not follow each other": lambda cells: cells.insert(
        4, new_code_cell("x", metadata=cells[4].metadata | {"tags": []})
    ),
    "not tagged exercise": lambda cells: cells[2].metadata.update(tags=[]),
    "does not begin with the header": rewrite(2, "●", "○"),
    "the statement's example": rewrite(2, "gives", "is"),
    "the stub is not that of its module": rewrite(3, "weights", "w"),
    "does not begin with its check": rewrite(4, "01.1", "01.2"),
    "not attempted yet": lambda cells: cells[4].outputs.clear(),
    "not left out of the slides": lambda cells: cells[3].metadata.pop("slideshow"),
    "the module has no such exercise": lambda cells: cells[14].metadata.update(tags=["check-01.9"]),
    "needs the student's my_pictures": rewrite(14, "1", "my_pictures(1)"),
}


@pytest.mark.parametrize("fault", BREAK)
def test_each_fault_is_found(fault):
    notebook = section("01")
    BREAK[fault](notebook.cells)
    found = list(faults(notebook, "01"))
    assert len(found) == 1 and fault in found[0], found
