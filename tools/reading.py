"""How long a lecture notebook is, and the minutes that reading it takes:  python tools/reading.py [NN or files]

Counted is the core: all that stands above the exercises, without what is for the presenter. A reader takes
words / 150 + lines of code / 12 + figures / 2 + 1 for each question ("Predict") minutes. The figures are those that are
stored, so count a notebook that was run.
"""

import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
AFTER = ("## Exercises", "## Since then", "## Sources")  # the core ends at the first of these
CLOSING = "## What we saw"
# What a core may hold at most; lines and modules: of the setup cell, rows: of a table.
LIMITS = {"words": 2000, "code": 220, "figures": 10, "sections": 8, "tables": 2, "minutes": 45}
LIMITS |= {"rows": 6, "cell": 20, "setup": 8, "modules": 6}
COUNTED = ("words", "code", "figures", "sections", "tables", "predicts", "minutes")
HEADER = re.compile(r"^\*Reading (\d+) minutes · lecture (\d+) minutes · .+ · runs offline\*$", re.MULTILINE)


def core(notebook) -> list:
    """The cells that are read: up to the exercises, without the presenter's."""
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith(AFTER):
            break
        if "presenter" not in cell.metadata.get("tags", []):
            cells.append(cell)
    return cells


def words(markdown: str) -> int:
    """Words of prose, tables and formulas: whatever stands between spaces."""
    return len(markdown.split())


def lines(code: str) -> list[str]:
    """The lines of code that somebody reads: without blank ones."""
    return [line for line in code.splitlines() if line.strip()]


def tables(cells) -> list[int]:
    """The number of rows of each table, in the prose and below the code."""
    found = []
    for cell in cells:
        if cell.cell_type == "markdown":
            blocks = re.findall(r"(?:^\|.*\n?)+", cell.source, re.MULTILINE)
            found += [len(block.strip().splitlines()) - 2 for block in blocks]
        for output in cell.get("outputs", []):
            html = output.get("data", {}).get("text/html", "")
            found += [len(re.findall("<tr>", html)) - 1] if "<table" in html else []
    return found


def measure(notebook) -> dict[str, int]:
    """What `COUNTED` names, and `rows`: of the longest table, `cell`: lines of the longest, `setup`, `modules`."""
    cells = core(notebook)
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    code = [cell for cell in cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.get("outputs", [])]
    rows, length = tables(cells), [len(lines(cell.source)) for cell in code]
    imports = re.findall(r"^(?:from|import) .+", code[0].source, re.MULTILINE)
    names = ",".join(re.sub(r"^(from \S+ )?import ", "", line) for line in imports).split(",")
    counts = {
        "words": sum(map(words, prose)),
        "code": sum(length),
        "figures": sum(str(output.get("data", {}).keys()).count("image/") for output in outputs),
        "sections": sum(source.startswith("## ") and not source.startswith(CLOSING) for source in prose),
        "tables": len(rows),
        "predicts": sum(source.count("**Predict.**") for source in prose),
        "rows": max(rows, default=0),
        "cell": max(length),
        "setup": length[0],
        "modules": len(names),
    }
    minutes = counts["words"] / 150 + counts["code"] / 12 + counts["figures"] / 2 + counts["predicts"]
    return counts | {"minutes": round(minutes)}


def faults(notebook) -> list[str]:
    """Where a lecture notebook is too long, or says another number of minutes, as sentences."""
    counts, header = measure(notebook), HEADER.search(notebook.cells[0].source)
    found = [f"{counts[name]} {name}, at most {most}" for name, most in LIMITS.items() if counts[name] > most]
    if not header:
        return [*found, "no line '*Reading N minutes · lecture N minutes · needs ... · runs offline*'"]
    promised, lecture = map(int, header.groups())
    if abs(promised - counts["minutes"]) > 5:
        found.append(f"the header promises {promised} minutes, computed are {counts['minutes']}")
    if lecture > 75:
        found.append(f"a lecture of {lecture} minutes, at most 75")
    return found


def main(*names):
    paths = [Path(name) for name in names if name.endswith(".ipynb")]
    prefixes = tuple(name for name in names if not name.endswith(".ipynb"))
    if prefixes or not names:
        paths += [
            p for p in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")) if p.name.startswith(prefixes or "")
        ]
    print(f"{'':42}" + "".join(f"{name:>10}" for name in COUNTED))
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        counts = measure(notebook)
        print(f"{path.stem:42}" + "".join(f"{counts[name]:10}" for name in COUNTED))
        for fault in faults(notebook):
            print(f"    {fault}")


if __name__ == "__main__":
    main(*sys.argv[1:])
