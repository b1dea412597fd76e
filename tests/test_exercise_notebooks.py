"""The exercises as they stand in the notebooks: blank, with the solutions pasted in, and with wrong answers."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from lecture_utils.exercises import exercises_of
from lecture_utils.exercises.checker import describe, judge, show_value
from lecture_utils.exercises.exercise import notebooks
from tests.test_exercises import blank
from tools.run_notebooks import execute

ROOT = Path(__file__).resolve().parents[1]
EFFORT = re.compile(r"([●○]{5}) · \d+ minutes · trains: .+")
of_each_notebook = pytest.mark.parametrize("home", notebooks())


def stored(home):
    """The notebook of exercises "01" as it is stored, and its path."""
    (path,) = (ROOT / "notebooks").glob(f"{home}_*.ipynb")
    return nbformat.read(path, as_version=4), path


def place(notebook, tag):
    """Where the one cell with this tag is."""
    (found,) = [n for n, cell in enumerate(notebook.cells) if tag in cell.metadata.get("tags", [])]
    return found


def headings(notebook):
    """{title: number of the cell} of the headings of second level."""
    lines = [(n, line) for n, cell in enumerate(notebook.cells) for line in cell.source.splitlines()]
    prose = {n for n, cell in enumerate(notebook.cells) if cell.cell_type == "markdown"}
    return {line.removeprefix("## "): n for n, line in lines if n in prose and line.startswith("## ")}


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs).strip()


def is_stub(source, exercise):
    """Whether this source is the solution's first line, a docstring that begins as the solution's, and no body."""
    (function,) = ast.parse(source).body
    head = exercise.solution.splitlines()[0]
    begins = ast.get_docstring(function).startswith(exercise.answer.__doc__.rstrip("."))
    return source.startswith(head) and begins and source.endswith('"""\n    raise NotImplementedError')


def on_slides(cell):
    return cell.metadata.get("slideshow") != {"slide_type": "skip"}


def faults(notebook, home):
    """Where the notebook's exercise cells differ from the module that is their home, as sentences."""
    here, cells, titles = exercises_of(home), notebook.cells, headings(notebook)
    begin, end = titles["Exercises"], titles["Sources"]
    if not titles["What we saw"] < begin < end:
        yield "What we saw, Exercises, Sources do not stand in this order"
    for number, exercise in here.items():
        check = place(notebook, f"check-{number}")
        statement, stub, said = cells[check - 2 : check + 1]

        given = exercise.cases()[0]
        example = f"Example: `{describe(given)}` gives `{show_value(exercise.oracle(**given))}`."
        for wrong, fault in (
            (place(notebook, f"exercise-{number}") != check - 1, "statement, stub and check are apart"),
            (not begin < check - 2 < end, "is not between Exercises and Sources"),
            ("exercise" not in statement.metadata.get("tags", []), "the statement is not tagged exercise"),
            (f"### Exercise {exercise.title}\n\n" not in statement.source, "the title is not its module's"),
            (not EFFORT.search(statement.source), "the header does not say how hard and long it is"),
            (example not in statement.source, "the example is not the smallest input"),
            (not is_stub(stub.source, exercise), "the stub is not that of its module's solution"),
            (f'check("{number}", {exercise.name})' not in said.source.splitlines(), "the check is another"),
            (printed(said) != judge(exercise, blank).line, "the stored check does not say so of a blank"),
            (any(map(on_slides, (statement, stub, said))), "its cells are not left out of the slides"),
        ):
            if wrong:
                yield f"{number}: {fault}"
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
    notebook = stored(home)[0]
    assert list(faults(notebook, home)) == []
    efforts = [EFFORT.search(cell.source) for cell in notebook.cells]
    levels = [effort[1].count("●") for effort in efforts if effort]
    assert levels == sorted(levels) and len(levels) == 4 and min(levels) >= 1


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
def test_solutions_are_praised_and_a_wrong_answer_has_its_message(home, tmp_path):
    """As pasted into the notebook's cells; that each wrong answer has its own is for tests/test_exercises.py."""
    here = exercises_of(home).values()
    asked = [(exercise, exercise.solution) for exercise in here]
    asked += [(exercise, next(iter(exercise.mistakes.values()))) for exercise in here]
    done = run_alone(home, [(exercise.number, source) for exercise, source in asked], tmp_path)
    assert done == [judge(exercise, exercise.run(source)).line for exercise, source in asked]
    assert [" · right!" in line for line in done] == [True] * 4 + [False] * 4


def rewrite(old, new):
    def change(cell):
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return change


# One thing broken at a time: (how far below the statement of 01.1, what is done to the cell, what is said of it).
BREAK = [
    (0, rewrite("01.1 · ", "01.1 "), "01.1: the title is not its module's"),
    (0, rewrite("minutes", "min"), "01.1: the header does not say how hard"),
    (0, rewrite("gives", "is"), "01.1: the example is not the smallest input"),
    (1, rewrite("weights", "w"), "01.1: the stub is not that of its module's solution"),
    (1, lambda cell: cell.metadata.pop("slideshow"), "01.1: its cells are not left out of the slides"),
    (2, rewrite("01.1", "01.2"), "01.1: the check is another"),
    (2, lambda cell: cell.outputs.clear(), "01.1: the stored check does not say so of a blank"),
    (
        -2,
        lambda cell: cell.update(cell_type="code", source="my_pictures(1)"),
        "needs the student's my_pictures",
    ),
]


@pytest.mark.parametrize(("below", "spoil", "fault"), BREAK, ids=[fault for *_, fault in BREAK])
def test_each_fault_is_found(below, spoil, fault):
    notebook, _ = stored("01")
    spoil(notebook.cells[place(notebook, "check-01.1") - 2 + below])
    (found,) = faults(notebook, "01")
    assert fault in found
