"""The glossary is whole and in order, and it has every bold term of a lecture that has an evidence notebook."""

import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell, new_notebook

DOCS = Path(__file__).resolve().parents[1] / "docs"
TEXT = (DOCS / "glossary.md").read_text(encoding="utf-8")
TABLE = re.findall(r"^\|(?!-| term ).*", TEXT, re.M)  # without the lines at its head
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE]
TWINS = [path.parents[1] / path.name for path in sorted(DOCS.parent.glob("notebooks/evidence/[0-9]*.ipynb"))]
AIMS = re.compile(r"By the end you can.*?(?=\n\s*\n(?!\s*[-*] )|\Z)", re.S)  # up to the end of its list


def names(term):
    """A term's names in small letters: "integrated gradients (IG)" is also called "ig"."""
    outside, *inside = re.split(r"[()]", term.lower())
    return [name.strip() for part in [outside, *inside[::2]] for name in part.split(",") if name.strip()]


NAMES = [name for term, *_ in ROWS for name in names(term)]


def unknown_terms(path):
    """The bold terms in a notebook's prose that the glossary does not have."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    cells = [cell for cell in cells if not {"presenter", "exercise"} & set(cell.metadata.get("tags", []))]
    bold = re.findall(r"\*\*(.+?)\*\*", AIMS.sub("", "\n\n".join(cell.source for cell in cells)), re.S)
    bold = [" ".join(text.split()) for text in bold if text.strip()]
    bold = [text for text in bold if len(text.split()) <= 4 and text[-1] not in ".:?"]
    terms = {re.sub(r"\(.*?\)", "", text).strip().lower() for text in bold}
    known = {form for name in NAMES for form in (name, name + "s", name.removesuffix("s"))}
    return sorted(term for term in terms - known if re.search("[a-z]", term))


def faults(row):
    """What is wrong with a row of the table, or nothing."""
    if len(row) != 4 or not all(row):
        return "not four cells with something in each"
    if not re.search("[가-힣]", row[1]):
        return "no Korean; a term that Koreans use in English says 영어 그대로"
    if not row[2].endswith(".") or len(row[2].split()) > 30:
        return "not a sentence of at most 30 words with a full stop"
    link = re.fullmatch(r"\[(\d\d)\]\((\.\./notebooks/\1.*)\)", row[3])
    return "" if link and (DOCS / link[2]).is_file() else "the link leads to no notebook of that number"


def test_every_row_is_whole():
    assert {row[0]: faults(row) for row in ROWS if faults(row)} == {}


def test_the_terms_are_in_order_and_none_stands_twice():
    assert len(ROWS) > 150 and sorted(ROWS, key=lambda row: row[0].lower()) == ROWS
    assert [name for name in NAMES if NAMES.count(name) > 1] == []


def test_every_bold_term_of_a_lecture_is_in_the_glossary():
    unknown = {path.name: unknown_terms(path) for path in TWINS}
    assert {name: terms for name, terms in unknown.items() if terms} == {}


def test_an_unknown_bold_term_is_found_and_a_label_is_not(tmp_path):
    aims = "# T\n\nBy the end you can\n\n- **wiggle**\n- **jump**\n\nA **wibble map** (**Grad-CAM**)."
    prose = "**Look.** **Why?** **So:** **0.5%** **more than four words here** **Feature maps** **CAM** **unit (u)**"
    tags = {"tags": ["presenter"]}
    cells = [*map(new_markdown_cell, (aims, prose)), new_markdown_cell("**secret**", metadata=tags)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "lecture.ipynb")
    assert unknown_terms(tmp_path / "lecture.ipynb") == ["wibble map"]
