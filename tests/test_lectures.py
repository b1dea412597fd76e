"""What is asked of a lecture notebook, besides what is asked of any: short, in steps that stand alone, evidence behind.

A lecture is a notebook that has evidence of the same name.
"""

import ast
import builtins
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import instructors, reading
from tools.deck_layout import fit
from tools.slides import columns

ROOT = Path(__file__).resolve().parents[1]
EVIDENCE = {path.name: path for path in (ROOT / "notebooks/evidence").glob("[0-9]*.ipynb")}
LECTURES = [path for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")) if path.name in EVIDENCE]
MAY_IMPORT = {"lecture_utils", "torch", "numpy"} | sys.stdlib_module_names
MOST_BYTES, MOST_PAGES = 1_200_000, 45
NOT_TAUGHT = ("Exercises", "Sources", "Since then")
each = pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def tags(cell):
    return cell.metadata.get("tags", [])


def sections(notebook):
    """{heading: its cells}, the title's first, of all cells."""
    found, heading = {}, ""
    for cell in notebook.cells:
        line = re.match(r"## (.+)", cell.source) if cell.cell_type == "markdown" else None
        heading = line[1] if line else heading
        found.setdefault(heading, []).append(cell)
    return found


def code(cells):
    return [cell for cell in cells if cell.cell_type == "code"]


def setup(notebook):
    (cell,) = [cell for cell in notebook.cells if "setup" in tags(cell)]
    return cell


# --- what may be wrong with a lecture ---


def faults(notebook, evidence):
    """Everything wrong with a lecture, as a list of sentences. evidence: the notebook behind it."""
    return [
        *reading.faults(notebook),
        *_faults_of_the_code(notebook),
        *_faults_of_the_presenter(notebook),
        *_faults_of_what_we_saw(notebook, evidence),
        *_faults_of_the_deck(notebook),
    ]


def names(cells):
    """(the names that these code cells bind, those that they read)."""
    bound, used = set(), set()
    for node in ast.walk(ast.parse("\n".join(cell.source for cell in code(cells)))):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return bound, used


def _faults_of_the_code(notebook):
    known = names([setup(notebook)])[0] | set(dir(builtins))
    for heading, cells in sections(notebook).items():
        cells = [cell for cell in cells if not any(re.match("(exercise|check)-", tag) for tag in tags(cell))]
        bound, used = names(cells)
        if missing := used - bound - known:
            yield f"'{heading}' does not run after the setup cell alone: {', '.join(sorted(missing))}"
    bound, used = names([cell for cell in notebook.cells if "explorer" in tags(cell)])
    if missing := used - bound - known:
        yield f"an explorer needs more than the setup cell: {', '.join(sorted(missing))}"
    for cell in code(notebook.cells):
        for node in ast.walk(ast.parse(cell.source)):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                if module.split(".")[0] not in MAY_IMPORT:
                    yield f"imports {module}: a lecture imports lecture_utils"
    every = "\n".join(cell.source for cell in notebook.cells)
    for word in ("few_colours", "vivid", "fmt: skip", "has_key"):
        if word in every:
            yield f"says {word!r}, which belongs behind"
    anchors = sum("nbval-check-output" in tags(cell) for cell in notebook.cells)
    if not 3 <= anchors <= 5:
        yield f"{anchors} anchors, not 3 to 5"
    if len([cell for cell in notebook.cells if "readme" in tags(cell)]) != 1:
        yield "not one figure is tagged readme"
    for cell in notebook.cells:
        if "method" in tags(cell) and not re.search(r"^\s*assert ", cell.source, re.MULTILINE):
            yield f"a method is not held to the package: {cell.source.splitlines()[0]}"


def _faults_of_the_presenter(notebook):
    for heading, cells in sections(notebook).items():
        if heading and not heading.startswith(NOT_TAUGHT) and not instructors.plan(cells):
            yield f"'{heading}' has no presenter cell with Minutes, Show, Ask and Usual wrong answer"
    header = reading.HEADER.search(notebook.cells[0].source)
    total = sum(row[1] for row in instructors.rows(notebook))
    if header and total != int(header[2]):
        yield f"the sections take {total} minutes, the header says {header[2]}"


def _faults_of_what_we_saw(notebook, evidence):
    (saw,) = [c.source for c in notebook.cells if c.source.startswith(reading.CLOSING)]
    lines = [line for line in saw.splitlines() if line.startswith("|")][2:]
    if not 1 <= len(lines) <= reading.LIMITS["rows"]:
        yield f"What we saw has {len(lines)} rows"
    numbers = re.findall(r"^## (\d+) · ", "\n".join(cell.source for cell in evidence.cells), re.MULTILINE)
    for line in lines:
        if "](evidence/" not in line:
            yield f"no link into the evidence: {line[:60]}"
    for number in re.findall(r"section (\d+)\]\(evidence/", "\n".join(c.source for c in notebook.cells)):
        if number not in numbers:
            yield f"the evidence has no section {number}"


def pages(notebook):
    """The pages of its deck, in order."""
    return [part for slide in columns(notebook, "a lecture") for page in slide for part in fit(page)]


def _faults_of_the_deck(notebook):
    deck = pages(notebook)
    if len(deck) > MOST_PAGES:
        yield f"a deck of {len(deck)} pages, at most {MOST_PAGES}"
    for page in deck:
        texts = [" ".join(block.lines) for block in page.shown]
        asks = [n for n, text in enumerate(texts) if text.startswith("Predict.")]
        if asks and asks[0] < len(texts) - 1:
            yield f"a page answers its own Predict: {texts[asks[0]][:60]}"
        for block in page.of("print"):
            if re.search(r"\b(holds|fails|True|False)\b", " ".join(block.lines)):
                yield f"a page prints a verdict: {block.lines[0]}"


@each
def test_a_lecture_is_short_and_stands_on_its_own(path):
    assert faults(read(path), read(EVIDENCE[path.name])) == []
    for each in (path, EVIDENCE[path.name]):
        assert each.stat().st_size <= MOST_BYTES, f"{each.stat().st_size / 1e6:.2f} MB"
        assert not re.search(r"few_colours|vivid\(", each.read_text(encoding="utf-8"))


def unseen(notebook):
    """The cells that draw a figure or a table which nobody sees, as another value ends the cell."""
    for number, cell in enumerate(code(notebook.cells), 1):
        shown = str([sorted(output.get("data", {})) for output in cell.outputs])
        draws = re.search(r"^(plots|figures)\.\w+\(", cell.source, re.MULTILINE)
        if draws and not re.search("image/|html", shown):
            yield f"cell [{number}]: {cell.source.strip().splitlines()[-1]}"


@each
def test_what_is_drawn_is_shown(path):
    assert [*unseen(read(path)), *unseen(read(EVIDENCE[path.name]))] == []
    assert list(unseen(new_notebook(cells=[new_code_cell("plots.table([], [], '')\n1")])))


@pytest.mark.slow
@pytest.mark.whole_notebook
@each
def test_each_method_runs_alone_after_the_setup_cell(path):
    notebook = read(path)
    methods = [cell.source for cell in notebook.cells if "method" in tags(cell)]
    assert methods or path.name.startswith("00")
    given = {}
    exec(setup(notebook).source, given)
    for source in methods:
        exec(source, dict(given))


# --- the test above can fail ---

PLAN = "**Minutes:** 10\n\n**Show:** it\n\n**Ask:** why?\n\n**Usual wrong answer:** none"
HEADER = "*Reading 1 minutes · lecture 20 minutes · needs nothing · runs offline*"


def tagged(cell, *names, kind="-"):
    cell.metadata.update(tags=list(names), slideshow={"slide_type": kind})
    return cell


ANCHOR = ("nbval-check-output", "explorer")


def good():
    """A small lecture, and the evidence behind it."""
    said = {"image/png": {"alt": "one grey square"}}
    figure, row = (
        new_output("display_data", {"image/png": PNG}, metadata=said),
        "[evidence 90, section 1](evidence/90_x.ipynb)",
    )
    cells = [
        tagged(new_markdown_cell(f"# 90 · Title\n\n{HEADER}\n\nBy the end you can **look**."), kind="slide"),
        tagged(new_code_cell("import torch\n\nzero = torch.zeros(1)"), "setup"),
        tagged(new_markdown_cell("## 1 · One\n\nA sentence."), kind="slide"),
        tagged(new_markdown_cell(PLAN), "presenter"),
        tagged(new_code_cell("one = zero + 1\nassert one == 1"), "method"),
        tagged(new_markdown_cell("**Predict.** What is it?")),
        tagged(new_code_cell("one", outputs=[figure]), "readme", kind="subslide"),
        *(tagged(new_code_cell(f"print({n})"), *ANCHOR, kind="subslide") for n in range(3)),
        tagged(
            new_markdown_cell(f"## What we saw\n\n| a | b | c |\n|---|---|---|\n| x | 1 | {row} |"),
            kind="slide",
        ),
        tagged(new_markdown_cell(PLAN), "presenter"),
        tagged(new_markdown_cell("## Sources\n\nNone."), kind="skip"),
    ]
    for cell in code(cells):
        cell.execution_count = 1
    return new_notebook(cells=cells), new_notebook(cells=[new_markdown_cell("## 1 · How sure?")])


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
BREAK = {
    "words, at most 2000": (2, lambda s: s + " word" * 2001),
    "cell, at most 20": (4, lambda s: s + "\none" * 20),
    "no line '*Reading": (0, lambda s: s.replace("Reading", "About")),
    "the header promises 30": (0, lambda s: s.replace("Reading 1 ", "Reading 30 ")),
    "does not run after the setup cell alone: two": (6, lambda s: "two"),
    "an explorer needs more than the setup cell: one": (8, lambda s: "one"),
    "imports sklearn": (6, lambda s: "import sklearn\none"),
    "imports experiments": (6, lambda s: "from experiments import figures\none"),
    "says 'vivid'": (6, lambda s: s + "  # vivid"),
    "a method is not held": (4, lambda s: "one = zero + 1"),
    "'1 · One' has no presenter": (3, lambda s: s.replace("**Ask:**", "Ask")),
    "take 30 minutes": (3, lambda s: s.replace("10", "20")),
    "rows, at most 6": (10, lambda s: s + "\n| x | 1 | (evidence/) |" * 7),
    "no link into the evidence": (10, lambda s: s.replace("evidence/", "")),
    "the evidence has no section 2": (10, lambda s: s.replace("section 1", "section 2")),
    "answers its own Predict": (5, lambda s: s + "\n\nOne, of course."),
}


@pytest.mark.parametrize("fault", BREAK)
def test_each_fault_of_a_lecture_is_found(fault):
    notebook, evidence = good()
    assert faults(notebook, evidence) == []
    place, change = BREAK[fault]
    notebook.cells[place].source = change(notebook.cells[place].source)
    assert any(fault in found for found in faults(notebook, evidence))


def test_reading_minutes_are_counted_as_said():
    notebook, _ = good()
    counts = reading.measure(notebook)
    expected = {
        "words": 55,
        "code": 8,
        "figures": 1,
        "sections": 1,
        "tables": 1,
        "predicts": 1,
        "rows": 1,
        "cell": 2,
    }
    assert counts == expected | {"setup": 2, "modules": 1, "minutes": round(55 / 150 + 8 / 12 + 1 / 2 + 1)}


# --- the pages for instructors ---


def test_the_guide_says_what_the_speaker_notes_say_and_both_pages_the_minutes():
    """If not: python tools/instructors.py"""
    for page, text in instructors.written().items():
        assert page.read_text(encoding="utf-8") == text, f"{page.name}: run python tools/instructors.py"


def test_a_plan_adds_up_its_minutes_and_says_what_leaving_out_gives_back(tmp_path):
    cells = [new_markdown_cell(f"# 01 · A title\n\n{HEADER}")]
    for heading, minutes in (("1 · One | two", 50), ("2 · Two", 15), ("What we saw", 3)):
        note = tagged(new_markdown_cell(PLAN.replace("10", str(minutes))), "presenter")
        cells += [new_markdown_cell(f"## {heading}"), note]
    path = tmp_path / "01_title.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    page = instructors.teaching(path, "| [01](notebooks/01_title.ipynb) | 68 | one | sections 1 and 2 | x |")
    assert "68 minutes. If time runs out, leave out sections 1 and 2 (65 minutes)." in page
    rows = re.findall(r"^\| (.+?) \| (\d+) \| (\d:\d\d) \|", page, re.MULTILINE)
    expected = [(r"1 · One \| two", "50", "0:50"), ("2 · Two", "15", "1:05"), ("What we saw", "3", "1:08")]
    assert rows == expected


def test_every_link_of_a_plan_leads_somewhere():
    pages = sorted((ROOT / "docs/teaching").glob("*.md"))
    assert [page.stem for page in pages] == [path.name[:2] for path in LECTURES]
    for page in pages:
        links = re.findall(r"\]\((.+?)\)", page.read_text(encoding="utf-8"))
        assert len(links) >= 3 and [link for link in links if not (page.parent / link).exists()] == []
