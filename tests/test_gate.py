"""The gate tests the gate: nbval must fail on a changed number and on a broken slider, and only then."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools.run_notebooks import LIVE, NotebookFailed, execute, store

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
SETUP = "from ipywidgets import interact\nfrom lecture_utils.progress import progress"
ANCHOR = "print(sum(progress(range(5), 'adding')), 'in all')"
SLIDER = "@interact(degrees=(0, 360, 45))\ndef turn(degrees=90):\n    print(degrees // 45)"
LOOSE = "import time\nprint(time.time_ns())"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A stored notebook with an anchor under a progress bar, a slider, and an output that always differs."""
    path = tmp_path_factory.mktemp("gate") / "90_small.ipynb"
    cells = [new_code_cell(source) for source in (SETUP, ANCHOR, SLIDER, LOOSE)]
    cells[1].metadata["tags"] = ["nbval-check-output"]
    nbformat.write(new_notebook(cells=cells), path)
    store(execute(path), path)
    return nbformat.read(path, as_version=4)


def changed(notebook, number, **changes):
    """A copy of the notebook in which cell `number` is different."""
    copy = nbformat.from_dict(notebook)
    copy.cells[number] = nbformat.from_dict({**copy.cells[number], **changes})
    return copy


@pytest.fixture(scope="module")
def verdicts(small, tmp_path_factory):
    """Copies of the notebook, run by nbval as `make test` does: {copy: {cell: message or None}}."""
    (output,) = small.cells[1].outputs
    assert output.text == "10 in all\n"
    copies = {
        "untouched": small,
        "anchor": changed(small, 1, outputs=[nbformat.from_dict({**output, "text": "11 in all\n"})]),
        "slider": changed(small, 2, source=SLIDER.replace("// 45", "// 0")),
        "raises": changed(small, 3, source="raise RuntimeError('broken')"),
    }
    folder = tmp_path_factory.mktemp("copies")
    for name, notebook in copies.items():
        nbformat.write(notebook, folder / f"{name}.ipynb")
    report = folder / "report.xml"
    status, said = nbval(folder, "--color=no", "--junit-xml", report)
    assert status == 1, said  # some tests failed
    found = {name: {} for name in copies}
    for case in ElementTree.parse(report).iter("testcase"):
        failure = case.find("failure")
        found[Path(case.get("classname")).stem][case.get("name")] = None if failure is None else failure.text
    return found


@pytest.mark.parametrize(
    ("copy", "cell", "message"),
    [
        ("untouched", None, None),
        ("anchor", "Cell 1", "Cell outputs differ"),
        ("slider", "Cell 2", "ZeroDivisionError"),
        ("raises", "Cell 3", "broken"),
    ],
)
def test_the_gate(verdicts, copy, cell, message):
    assert list(verdicts[copy]) == ["Cell 0", "Cell 1", "Cell 2", "Cell 3"]
    failed = {name: text for name, text in verdicts[copy].items() if text is not None}
    assert list(failed) == ([cell] if cell else []), failed
    if cell:
        assert message in failed[cell]


def nbval(folder, *options):
    """What nbval says of the notebooks in a folder: (exit status, output)."""
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "--rootdir", folder, folder]
    command += ["-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


BREAK = (
    "import lecture_utils.explorers\n\nlecture_utils.explorers.Explorer.packed = lambda self, board: 1 / 0"
)


def test_an_explorer_of_the_course_that_raises_fails(tmp_path):
    """A real notebook's setup and explorer cells, as they are and with an explorer that cannot draw."""
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    kept = {"setup", "explorer"}
    notebook.cells = [cell for cell in notebook.cells if kept & set(cell.metadata.get("tags", []))]
    nbformat.write(notebook, tmp_path / "whole.ipynb")
    notebook.cells.insert(0, new_code_cell(BREAK))
    nbformat.write(notebook, tmp_path / "broken.ipynb")
    status, said = nbval(tmp_path)
    assert status == 1 and "ZeroDivisionError" in said and "1 failed" in said, said
    assert "broken.ipynb::Cell" in said


# What makes the stored notebooks is part of the gate.


def test_stored_twice_is_stored_the_same(small, tmp_path):
    path = tmp_path / "90_small.ipynb"
    nbformat.write(small, path)
    again = execute(path)
    assert again.metadata == small.metadata
    assert again.cells[:3] == small.cells[:3]  # the fourth prints the time
    assert again.cells[2].outputs[0].data["text/plain"] == LIVE


FAULTY = """from IPython.display import display

class Faulty:
    def _repr_mimebundle_(self, include=None, exclude=None):
        raise RuntimeError("at last")

"""


@pytest.mark.parametrize(
    ("number", "source", "message"),
    [
        (3, "import sys\nprint('careful', file=sys.stderr)", "wrote to stderr"),
        (2, SLIDER.replace("// 45", "// 0"), "a live control failed"),
        (3, FAULTY + "display(Faulty())", "cell 3 shows an error(.|\n)*at last"),
    ],
)
def test_make_notebooks_stores_nothing_broken(small, tmp_path, number, source, message):
    path = tmp_path / "90_small.ipynb"
    nbformat.write(changed(small, number, source=source), path)
    with pytest.raises(NotebookFailed, match=message):
        execute(path)
