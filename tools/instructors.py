"""Write docs/teaching/NN.md, the plan of each lecture, from its speaker notes:  python tools/instructors.py

A lecture's presenter cell says of its section: minutes, what to show, what to ask, the usual wrong answer. The deck
shows it to the speaker; here it becomes a row of the lecture's plan, so that nothing is written twice. The minutes in
the tables of INSTRUCTORS.md and the README follow, too.
"""

import re
import sys
from itertools import accumulate
from pathlib import Path

import nbformat

if __package__ in (None, ""):  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools import reading

ROOT = Path(__file__).resolve().parents[1]
GUIDE, README, TEACHING = ROOT / "INSTRUCTORS.md", ROOT / "README.md", ROOT / "docs/teaching"
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


def clock(notebook) -> list[tuple]:
    """(heading, minutes, the minute at which it ends) of each section that is taught, in order."""
    taught = [(row[0], row[1]) for row in rows(notebook)]
    ends = accumulate(minutes for _, minutes in taught)
    return [(*row, end) for row, end in zip(taught, ends, strict=True)]


def left_out(path, guide) -> str:
    """What the guide's table says may be left out of a lecture, with the minutes that this gives back."""
    said = re.search(rf"\]\(notebooks/{re.escape(path.name)}\) \|.*\| (sections? [\d and]+) \|", guide)[1]
    minutes = {re.match(r"\d*", row[0])[0]: row[1] for row in rows(nbformat.read(path, as_version=4))}
    return f"{said} ({sum(minutes[number] for number in re.findall(r'[0-9]+', said))} minutes)"


def teaching(path, guide) -> str:
    """The page of a lecture for who teaches it, as markdown. guide: the text of INSTRUCTORS.md."""
    notebook, evidence = nbformat.read(path, as_version=4), path.parent / "evidence" / path.name
    title = re.match(r"# (.+)", notebook.cells[0].source)[1]
    links = [f"[notebook](../../notebooks/{path.name})"]
    links += [f"[evidence](../../notebooks/evidence/{path.name})"] if evidence.exists() else []
    links += ["[general advice](../../INSTRUCTORS.md)", f"deck: `make slides NB={path.name[:2]}`"]
    lines = [f"# {title}", "", " · ".join(links), ""]
    lines += [f"{clock(notebook)[-1][2]} minutes. If time runs out, leave out {left_out(path, guide)}.", ""]
    lines += [
        "| section | minutes | ends at | show | ask | usual wrong answer |",
        "|---|---|---|---|---|---|",
    ]
    for (*_, end), (heading, minutes, *said) in zip(clock(notebook), rows(notebook), strict=True):
        row = [heading, str(minutes), f"{end // 60}:{end % 60:02}", *said]
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"]
    efforts = EFFORT.findall("\n".join(cell.source for cell in notebook.cells))
    if efforts:
        lines += ["", "| exercise | effort | minutes | trains |", "|---|---|---|---|"]
        lines += ["| " + " | ".join(row) + " |" for row in efforts]
    return "\n".join(lines) + "\n"


def written() -> dict[Path, str]:
    """{page: its text as it should be}: the page of every lecture, and the guide and the README with its minutes."""
    guide, readme = (page.read_text(encoding="utf-8") for page in (GUIDE, README))
    pages = {}
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        pages[TEACHING / f"{path.name[:2]}.md"] = teaching(path, guide)
        read, told = reading.HEADER.search(nbformat.read(path, as_version=4).cells[0].source).groups()
        row = re.escape(f"](notebooks/{path.name}) | ")
        guide = re.sub(rf"({row})\d+", rf"\g<1>{told}", guide)
        readme = re.sub(rf"({row}.*\| )\d+ \|$", rf"\g<1>{read} |", readme, flags=re.MULTILINE)
    return pages | {GUIDE: guide, README: readme}


if __name__ == "__main__":
    TEACHING.mkdir(exist_ok=True)
    for page, text in written().items():
        page.write_text(text, encoding="utf-8")
