"""The student's copy of the notebooks, in work/, which git does not know: nobody's work stands in the way of an update.

python tools/student.py [--update] [FOLDER]

Copies what work/ does not have yet; on a hub FOLDER, in the student's home, takes the place of work/. --update also
renews each notebook of which there is a new version: one that nobody has touched is replaced; beside one that was
changed the new version is put, as NN_name.new.ipynb. Nothing that a student has changed is ever written over. A copy
leaves out the lecturer's notes and the stored answers to **Predict.**
"""

import hashlib
import json
import os
import platform
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
SOURCE, WORK = ROOT / "notebooks", ROOT / "work"
RECORD = ".copies.json"  # {notebook: [sha256 of its source, sha256 of the copy as it was made]}


def copies(update=False, source=SOURCE, work=WORK):
    """Make what is missing in work/, and with update what is old; yields a sentence for each that is new there."""
    record = json.loads((work / RECORD).read_text()) if (work / RECORD).exists() else {}
    for path in sorted([*source.glob("[0-9]*.ipynb"), *source.glob("evidence/[0-9]*.ipynb")]):
        name = path.relative_to(source).as_posix()
        copy, now = work / name, digest(path)
        made_from, as_made = record.get(name, ["", ""])
        if copy.exists() and (not update or made_from == now):
            continue
        sentence = f"{name}: new"
        while copy.exists() and digest(copy) != as_made:
            record[name] = [now, as_made]
            copy = copy.with_suffix(".new.ipynb")
            sentence = f"{path.name}: you have changed it; the new version is {copy.name}"
            name = copy.relative_to(work).as_posix()
            _, as_made = record.get(name, ["", ""])
        copy.parent.mkdir(parents=True, exist_ok=True)
        partial = copy.with_suffix(".tmp")
        nbformat.write(for_students(nbformat.read(path, as_version=4)), partial)
        os.replace(partial, copy)
        record[name] = [now, digest(copy)]
        (work / RECORD).write_text(json.dumps(record, indent=1) + "\n")
        yield sentence


def digest(path):
    """The sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def for_students(notebook):
    """The notebook without presenter cells and without the outputs that answer a **Predict.**"""
    notebook.cells = [cell for cell in notebook.cells if "presenter" not in cell.metadata.get("tags", [])]
    asked = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            asked = asked or "**Predict.**" in cell.source
        elif asked:
            asked = not cell.outputs
            cell.outputs, cell.execution_count = [], None
    # What the kernel would write here: else JupyterLab calls a notebook changed that was only opened.
    notebook.metadata["language_info"] = {
        "codemirror_mode": {"name": "ipython", "version": sys.version_info.major},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": platform.python_version(),
    }
    return notebook


if __name__ == "__main__":
    update, folder = "--update" in sys.argv, [given for given in sys.argv[1:] if given != "--update"]
    for sentence in copies(update, work=Path(*folder) if folder else WORK):
        if update:
            print(sentence)
