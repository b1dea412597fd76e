"""Write the tables of INSTRUCTORS.md from the speaker notes of the lectures:  python tools/instructors.py

A lecture's presenter cell says of its section: minutes, what to show, what to ask, the usual wrong answer. The deck
shows it to the speaker; here it becomes a row of the lecture's table, so that nothing is written twice.
"""

import re
import sys
from pathlib import Path

import nbformat

if __package__ in (None, ""):  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools import reading

ROOT = Path(__file__).resolve().parents[1]
GUIDE, README = ROOT / "INSTRUCTORS.md", ROOT / "README.md"
LABELS = ("Minutes", "Show", "Ask", "Usual wrong answer")
PLAN = re.compile(r"\s+".join(rf"\*\*{label}:\*\*\s+(.+?)" for label in LABELS) + r"\s*\Z", re.DOTALL)
EFFORT = re.compile(r"^### Exercise (\S+) · .+\n\n(\S+) · (\d+) minutes · trains: (.+)$", re.MULTILINE)


def plan(cells) -> list[str] | None:
    """[minutes, show, ask, usual wrong answer] from the presenter's cell of a section, None where none has all."""
    for cell in cells:
        if "presenter" in cell.metadata.get("tags", []) and (found := PLAN.match(cell.source)):
            return [" ".join(text.split()) for text in found.groups()]
    return None


def rows(notebook) -> list[tuple]:
    """(heading, minutes, show, ask, usual wrong answer) of each section that is taught, in order."""
    found, heading, cells = [], "", []
    for cell in [*notebook.cells, nbformat.v4.new_markdown_cell("## end")]:
        line = re.match(r"## (.+)", cell.source) if cell.cell_type == "markdown" else None
        if line:
            if said := plan(cells):
                found.append((heading, int(said[0]), *said[1:]))
            heading, cells = line[1], []
        cells.append(cell)
    return found


def section(path) -> str:
    """A lecture's part of the guide, as markdown."""
    notebook = nbformat.read(path, as_version=4)
    title = re.match(r"# (.+)", notebook.cells[0].source)[1]
    minutes = reading.HEADER.search(notebook.cells[0].source)[2]
    lines = [f"## {title}: {minutes} minutes", "", "| section | minutes | show | ask | usual wrong answer |"]
    lines += ["|---|---|---|---|---|"]
    lines += [
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows(notebook)
    ]
    efforts = EFFORT.findall("\n".join(cell.source for cell in notebook.cells))
    if efforts:
        lines += ["", "| exercise | effort | minutes | trains |", "|---|---|---|---|"]
        lines += ["| " + " | ".join(row) + " |" for row in efforts]
    return "\n".join(lines) + "\n"


def written() -> dict[Path, str]:
    """{page: its text as it should be}: of every lecture the part in the guide, and the minutes in the tables of the
    guide and of the README; all else as it is.
    """
    guide, readme = (page.read_text(encoding="utf-8") for page in (GUIDE, README))
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        old = re.compile(rf"^## {path.name[:2]} · .*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
        guide = old.sub(lambda found, path=path: section(path) + "\n", guide, count=1)
        read, told = reading.HEADER.search(nbformat.read(path, as_version=4).cells[0].source).groups()
        row = re.escape(f"](notebooks/{path.name}) | ")
        guide = re.sub(rf"({row})\d+", rf"\g<1>{told}", guide)
        readme = re.sub(rf"({row}.*\| )\d+ \|$", rf"\g<1>{read} |", readme, flags=re.MULTILINE)
    return {GUIDE: guide.rstrip() + "\n", README: readme}


if __name__ == "__main__":
    for page, text in written().items():
        page.write_text(text, encoding="utf-8")
