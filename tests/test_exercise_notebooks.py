"""The exercises as they stand in the notebooks: blank, with the solutions pasted in, and with wrong answers."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from lecture_utils import exercises
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


def cell_of(notebook, tag):
    """The one cell with this tag; the test fails where none is."""
    where = place(notebook, tag)
    assert where is not None, f"no cell is tagged {tag}"
    return notebook.cells[where]


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


def faults(notebook, home):
    """Where the notebook's exercise cells differ from the module that is their home, as sentences."""
    here, cells, titles = exercises.exercises_of(home), notebook.cells, headings(notebook)
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
        statement = cells[stub - 1]
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
        if printed(cells[check]) != judge(exercise, exercise.run(exercise.stub)).line:
            yield f"{number}: the stored check does not say that it is not attempted yet"
        if any(
            cell.metadata.get("slideshow") != {"slide_type": "skip"} for cell in cells[stub - 1 : check + 1]
        ):
            yield f"{number}: its cells are not left out of the slides"
    yield from _strangers(notebook, here)


def _strangers(notebook, here):
    """Exercise cells that no module has, and other cells that need a student's answer."""
    names = {exercise.name: number for number, exercise in here.items()}
    for count, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        marks = [t.partition("-")[2] for t in tags if t.startswith(("exercise-", "check-"))]
        yield from (
            f"{mark}: cell {count} is tagged so, but the module has no such exercise"
            for mark in marks
            if mark not in here
        )
        if cell.cell_type == "code" and not marks:
            used = {node.id for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)}
            yield from (
                f"{names[name]}: cell {count} needs the student's {name}" for name in used & names.keys()
            )


@of_each_notebook
def test_the_notebook_has_the_exercises_of_its_module(home):
    assert list(faults(stored(home)[0], home)) == []


def run_alone(home, cells, tmp_path):
    """The section of the exercises run with these cells in it, and nothing above it but torch: it stands alone.

    That the rest of the notebook does not need a student's answer is for `_strangers` to say.
    """
    notebook, path = stored(home)
    first = headings(notebook)["Exercises"]
    end = min(n for n in headings(notebook).values() if n > first)
    section = notebook.cells[first:end]
    tools = [c for c in section if c.cell_type == "code" and not c.metadata.get("tags")]
    notebook.cells = [new_code_cell("import torch"), *tools, *cells]
    nbformat.write(notebook, tmp_path / path.name)
    return execute(tmp_path / path.name).cells[1 + len(tools) :]


@pytest.mark.slow
@of_each_notebook
def test_with_the_solutions_pasted_in_every_check_praises(home, tmp_path):
    notebook, here = stored(home)[0], exercises.exercises_of(home)
    cells = []
    for number, exercise in here.items():
        cells += [new_code_cell(exercise.solution), cell_of(notebook, f"check-{number}")]
    done = run_alone(home, cells, tmp_path)
    for (number, exercise), cell in zip(here.items(), done[1::2], strict=True):
        assert printed(cell) == judge(exercise, exercise.answer).line
        assert printed(cell).startswith(f"{number} · right!")


@pytest.mark.slow
@of_each_notebook
def test_with_wrong_answers_run_all_goes_through_and_each_has_its_message(home, tmp_path):
    notebook = stored(home)[0]
    cells, expected = [], []
    for number, exercise in exercises.exercises_of(home).items():
        check = cell_of(notebook, f"check-{number}").source
        for source in exercise.mistakes.values():
            cells += [new_code_cell(source), new_code_cell(check)]
            expected.append(judge(exercise, exercise.run(source)).line)
    assert [printed(cell) for cell in run_alone(home, cells, tmp_path)[1::2]] == expected
    assert len({line.partition("Likely cause: ")[2] for line in expected}) == len(expected)


# These tests can fail: one thing broken at a time, on the section of a notebook made from its module.


def section(home):
    from nbformat.v4 import new_markdown_cell, new_notebook, new_output

    notebook = new_notebook(cells=[new_markdown_cell("## What we saw"), new_markdown_cell("## Exercises")])
    for number, exercise in exercises.exercises_of(home).items():
        text = f"{exercise.header}\n\nFind it. {exercise.example}"
        notebook.cells += [
            new_markdown_cell(text, metadata={"tags": ["exercise"]}),
            new_code_cell(exercise.stub, metadata={"tags": [f"exercise-{number}"]}),
            new_code_cell(f'check("{number}", {exercise.name})', metadata={"tags": [f"check-{number}"]}),
        ]
        line = judge(exercise, exercise.run(exercise.stub)).line + "\n"
        notebook.cells[-1].outputs = [new_output("stream", name="stdout", text=line)]
    for cell in notebook.cells:
        cell.metadata["slideshow"] = {"slide_type": "skip"}
    notebook.cells += [new_code_cell("x = 1"), new_markdown_cell("## Sources")]
    return notebook


@of_each_notebook
def test_a_section_made_from_the_module_has_no_faults(home):
    assert list(faults(section(home), home)) == []


BREAK = {
    "What we saw, Exercises, Sources are not there": lambda nb: nb.cells[0].update(source="What we saw"),
    "01.1 is missing": lambda nb: nb.cells[3].metadata.update(tags=[]),
    "do not follow each other": lambda nb: nb.cells.insert(
        4, new_code_cell("x", metadata=nb.cells[4].metadata | {"tags": []})
    ),
    "not tagged exercise": lambda nb: nb.cells[2].metadata.update(tags=[]),
    "does not begin with the header": lambda nb: nb.cells[2].update(
        source=nb.cells[2].source.replace("●", "○")
    ),
    "the statement's example": lambda nb: nb.cells[2].update(
        source=nb.cells[2].source.replace("gives", "is")
    ),
    "the stub is not that of its module": lambda nb: nb.cells[3].update(
        source="def my_pictures(w):\n    raise"
    ),
    "does not begin with its check": lambda nb: nb.cells[4].update(source='check("01.2", my_pictures)'),
    "not attempted yet": lambda nb: nb.cells[4].outputs.clear(),
    "not left out of the slides": lambda nb: nb.cells[3].metadata.pop("slideshow"),
    "the module has no such exercise": lambda nb: nb.cells[14].metadata.update(tags=["check-01.9"]),
    "needs the student's my_pictures": lambda nb: nb.cells[14].update(source="x = my_pictures(1)"),
}


@pytest.mark.parametrize("fault", BREAK)
def test_each_fault_is_found(fault):
    notebook = section("01")
    BREAK[fault](notebook)
    found = list(faults(notebook, "01"))
    assert len(found) == 1 and fault in found[0], found
