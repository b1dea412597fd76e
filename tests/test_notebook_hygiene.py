"""What is asked of every stored notebook, so that a reader meets no stale, broken or missing thing."""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[1]
LECTURES = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
EVIDENCE = sorted((ROOT / "notebooks/evidence").glob("[0-9]*.ipynb"))
MAX_BYTES = 1_500_000
# What a notebook says in these words: of a lecture, and of evidence.
LECTURE_SAYS = ("By the end you can", "What we saw", "Sources")
EVIDENCE_SAYS = (
    "What is claimed, and what would refute it",
    "**Verdict: ",
    "What nobody has checked yet",
    "Sources",
)
HOME = re.compile(r"(?<![\w.~+/])(/(home|root|Users|work)" + r"/\w|[A-Z]:\\Users)")
IMAGES = ("image/png", "image/jpeg", "image/gif")


def source_lines(cell):
    return len(cell.source.strip().splitlines())


def faults(notebook, size=0, folder=ROOT, says=LECTURE_SAYS):
    """Everything wrong with a stored notebook, as a list of sentences."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    found = [*_faults_of_the_file(notebook, size), *_faults_of_the_prose(prose, folder, says)]
    found += _faults_of_the_code(code)
    for number, cell in enumerate(code, 1):
        for output in cell.outputs:
            found += _faults_of_an_output(number, output)
    return found


def _faults_of_the_file(notebook, size):
    if size > MAX_BYTES:
        yield f"{size / 1e6:.1f} MB, more than {MAX_BYTES / 1e6} MB"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "no kernelspec python3: JupyterLab will ask for a kernel"
    if "widgets" in notebook.metadata:
        yield "widget state is stored"
    if "version" in notebook.metadata.get("language_info", {}):
        yield "the version of Python is stored: run make notebooks"
    if any("execution" in cell.metadata for cell in notebook.cells):
        yield "execution times are stored"


def _faults_of_the_prose(prose, folder, says):
    text = "\n\n".join(prose)
    if not prose or not re.match(r"# \S", prose[0]):
        yield "the first cell is not a '# Title'"
    elif not re.search(r"\bminutes\b", prose[0]):
        yield "the line below the title does not say how many minutes it takes"
    for heading in says:
        if heading not in text:
            yield f"no {heading!r}"
    for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"\w+:", target) and not (folder / target).exists():
            yield f"the link to {target} leads nowhere"
    if HOME.search(text):
        yield f"a path of one machine in the text: {HOME.search(text).group()}"
    for alt, target in re.findall(r"!\[(.*?)\]\((.*?)\)", text):
        if not alt.strip():
            yield f"the image {target[:40]} in the text has no alt text"
        if not re.match(r"\w+:", target) and not (folder / target).exists():
            yield f"the image {target[:40]} in the text is missing"
        if re.match(r"https?:", target):
            yield f"the image {target[:40]} needs a network"


def _faults_of_the_code(code):
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield "not executed in order 1..N: run make notebooks"
    if code and source_lines(code[0]) > 12:
        yield f"the setup cell has {source_lines(code[0])} lines, more than 12"
    anchors = sum("nbval-check-output" in cell.metadata.get("tags", []) for cell in code)
    if not 3 <= anchors <= 8:
        yield f"{anchors} anchor cells tagged nbval-check-output, not 3 to 8"
    for number, cell in enumerate(code, 1):
        if source_lines(cell) > 25:
            yield f"cell [{number}] has {source_lines(cell)} lines, more than 25"
        if HOME.search(cell.source):
            yield f"cell [{number}] names a path of one machine"
        if "nbval-check-output" in cell.metadata.get("tags", []) and not any(
            output.get("text") or "text/plain" in output.get("data", {}) for output in cell.outputs
        ):
            yield f"cell [{number}] is an anchor and prints nothing"
        if sum(mime in output.get("data", {}) for output in cell.outputs for mime in IMAGES) > 1:
            yield f"cell [{number}] shows more than one figure"


def _faults_of_an_output(number, output):
    data = output.get("data", {})
    if output.output_type == "error":
        yield f"cell [{number}] stored an error: {output.ename}"
    if output.get("name") == "stderr":
        yield f"cell [{number}] stored stderr"
    if "image/svg+xml" in data:
        yield f"cell [{number}] stored an SVG"
    if "application/vnd.jupyter.widget-view+json" in data:
        yield f"cell [{number}] stored a widget, which shows nothing without its kernel"
    text = output.get("text", "") + data.get("text/plain", "") + data.get("text/html", "")
    if HOME.search(text):
        yield f"cell [{number}] stored a path of one machine: {HOME.search(text).group()}"
    for mime in IMAGES:
        alt = output.get("metadata", {}).get(mime, {}).get("alt") or output.get("metadata", {}).get("alt", "")
        if mime in data and len(alt.split()) < 3:
            yield f"cell [{number}] shows an image without alt text (metadata[{mime!r}]['alt'])"


@pytest.mark.parametrize("path", LECTURES + EVIDENCE, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_stored_notebook(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    says = EVIDENCE_SAYS if path in EVIDENCE else LECTURE_SAYS
    assert faults(notebook, path.stat().st_size, path.parent, says) == []
    assert re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", path.name)


def test_evidence_stands_behind_a_lecture_of_the_same_name():
    assert {path.name for path in EVIDENCE} <= {path.name for path in LECTURES} and EVIDENCE


# The tests above must be able to fail: a good notebook, then one thing broken at a time.


def good_notebook():
    intro = "# Title\n\n*10 minutes · nothing · works without a network*\n\nBy the end you can look."
    data, said = {"image/png": "iVBORw0K", "text/plain": "one grey square"}, {"alt": "one grey square"}
    figure = new_output("display_data", data, metadata={"image/png": said})
    cells = [new_markdown_cell(intro), new_code_cell("import numpy as np")]
    for number in range(3):
        printed = new_output("stream", name="stdout", text=f"{number}\n")
        cells.append(new_code_cell(f"print({number})", outputs=[printed]))
        cells[-1].metadata["tags"] = ["nbval-check-output"]
    cells.append(new_code_cell("picture", outputs=[figure]))
    cells.append(new_markdown_cell("## What we saw\n\nNumbers.\n\n## Sources\n\nNone."))
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
    return notebook


def test_a_good_notebook_has_no_faults_and_a_heavy_one_one():
    assert faults(good_notebook()) == []
    assert faults(good_notebook(), size=1_600_000) == ["1.6 MB, more than 1.5 MB"]


BREAK = {
    "not executed in order": lambda nb: nb.cells[2].update(execution_count=7),
    "stored stderr": lambda nb: nb.cells[2].outputs.append(new_output("stream", name="stderr", text="w")),
    "stored an error": lambda nb: nb.cells[2].outputs.append(new_output("error", ename="E", evalue="")),
    "stored an SVG": lambda nb: nb.cells[5].outputs[0].data.update({"image/svg+xml": "<svg/>"}),
    "stored a widget": lambda nb: (
        nb.cells[5].outputs[0].data.update({"application/vnd.jupyter.widget-view+json": {}})
    ),
    "no kernelspec": lambda nb: nb.metadata.pop("kernelspec"),
    "widget state": lambda nb: nb.metadata.update(widgets={}),
    "version of Python": lambda nb: nb.metadata.update(language_info={"version": "3.11"}),
    "execution times": lambda nb: nb.cells[2].metadata.update(execution={}),
    "2 anchor cells": lambda nb: nb.cells[2].metadata.update(tags=[]),
    "is an anchor and prints nothing": lambda nb: nb.cells[2].outputs.clear(),
    "setup cell has 13 lines": lambda nb: nb.cells[1].update(source="x = 1\n" * 13),
    "has 26 lines": lambda nb: nb.cells[3].update(source="x = 1\n" * 26),
    "stored a path": lambda nb: nb.cells[2].outputs[0].update(text="/home" + "/ann/x.py"),
    "names a path": lambda nb: nb.cells[2].update(source="open('/root" + "/x')"),
    "without alt text": lambda nb: nb.cells[5].outputs[0].metadata.clear(),
    "more than one figure": lambda nb: nb.cells[5].outputs.append(nb.cells[5].outputs[0]),
    "not a '# Title'": lambda nb: nb.cells[0].update(source="Some text, By the end you can"),
    "how many minutes": lambda nb: nb.cells[0].update(source="# Title\n\nBy the end you can"),
    "no 'By the end you can'": lambda nb: nb.cells[0].update(source="# Title\n\n*5 minutes*"),
    "no 'What we saw'": lambda nb: nb.cells[6].update(source="Sources"),
    "no 'Sources'": lambda nb: nb.cells[6].update(source="What we saw"),
    "has no alt text": lambda nb: nb.cells[6].update(source="What we saw Sources ![](data:x)"),
    "leads nowhere": lambda nb: nb.cells[6].update(source="What we saw Sources [a map](nowhere.ipynb#top)"),
    "is missing": lambda nb: nb.cells[6].update(source="What we saw Sources ![a map](nowhere.png)"),
    "needs a network": lambda nb: nb.cells[6].update(source="What we saw Sources ![a](https://x.org/a.png)"),
}


@pytest.mark.parametrize("fault", BREAK)
def test_each_fault_is_found(fault):
    notebook = good_notebook()
    BREAK[fault](notebook)
    found = faults(notebook)
    assert len(found) == 1 and fault in found[0]
