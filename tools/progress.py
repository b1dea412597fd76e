"""How far the exercises have come, on one page:  python tools/progress.py [FOLDER ...]

It reads what `check` has left in the saved notebooks; nothing else is written down anywhere, and nothing is sent.
Without a folder that is work/, and the page work/progress.html has a row for each notebook. With folders, each a
student's work/, the page progress.html has a row for each of them: save it where only you can read it.
"""

import re
import sys
from html import escape
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
RIGHT, TRIED, OPEN = "●", "◐", "○"
STYLE = """:root { color-scheme: light dark }
body { font: 18px/1.5 sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .3rem .8rem; text-align: left; border-bottom: 1px solid #8888 }
td span { white-space: nowrap; margin-right: .8rem }
@media (max-width: 600px) { tr, th, td { display: block; overflow-wrap: anywhere } tr { padding: .5rem 0 } }"""


def marks(notebook: Path) -> dict[str, str]:
    """{number of an exercise: RIGHT, TRIED or OPEN}, in order; by the last line that its check cell has stored."""
    found = {}
    for cell in nbformat.read(notebook, as_version=4).cells:
        for tag in cell.metadata.get("tags", []):
            if tag.startswith("check-"):
                said = "".join(output.get("text", "") for output in cell.outputs)
                right = re.search(r" · right!", said)
                found[tag.removeprefix("check-")] = (
                    RIGHT if right else TRIED if " · not yet" in said else OPEN
                )
    return found


def of_folder(folder: Path) -> dict[str, dict[str, str]]:
    """{notebook: its `marks`} of the notebooks with exercises."""
    return {path.name: found for path in sorted(folder.glob("[0-9]*.ipynb")) if (found := marks(path))}


def summary(several: list[dict]) -> str:
    """Of all these marks: "12 of 60 right, 3 tried"."""
    every = [mark for found in several for mark in found.values()]
    return f"{every.count(RIGHT)} of {len(every)} right, {every.count(TRIED)} tried"


def page(folders: list[Path]) -> str:
    """The page: of one folder a row for each notebook, of several a row for each folder."""
    found, rows = {folder: of_folder(folder) for folder in folders}, []
    for folder, notebooks in found.items():
        if len(folders) == 1:
            rows += [
                (f'<a href="{escape(name)}">{escape(name)}</a>', [each]) for name, each in notebooks.items()
            ]
        else:
            rows.append((escape(str(folder)), list(notebooks.values())))
    lines = []
    for name, several in rows:
        cells = " ".join(f"<span>{number} {mark}</span>" for each in several for number, mark in each.items())
        lines.append(f"<tr><th>{name}</th><td>{summary(several)}</td><td>{cells}</td></tr>")
    every = summary([each for notebooks in found.values() for each in notebooks.values()])
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Exercises</title><style>{STYLE}</style><h1>Exercises: {every}</h1>
<p>{RIGHT} right, {TRIED} tried, {OPEN} not tried; as the notebooks were last saved.</p>
<table>{"".join(lines)}</table></html>"""


def main(given: list[str]) -> str:
    """Write the page; the result is the sentence that is printed."""
    folders = [Path(each) for each in given] or [ROOT / "work"]
    if missing := [str(folder) for folder in folders if not of_folder(folder)]:
        return f"No notebooks with exercises in {', '.join(missing)}. `make lab` makes your copies, in work/."
    path = (folders[0] if len(folders) == 1 else Path()) / "progress.html"
    path.write_text(page(folders), encoding="utf-8")
    return f"{summary([each for folder in folders for each in of_folder(folder).values()])}: {path}"


if __name__ == "__main__":
    print(main(sys.argv[1:]))
