"""Execute the notebooks and store them with their figures: what `make notebooks` runs.

python tools/run_notebooks.py              all of notebooks/[0-9]*.ipynb and notebooks/evidence/
python tools/run_notebooks.py 01           those whose name starts with 01
python tools/run_notebooks.py evidence/01  the one of evidence

This is the only way a stored notebook is made. Running it twice gives the same text outputs: no measured
times, no widget ids, no version of Python in the metadata. A cell that fails, that writes to stderr, or
whose slider fails stops the run with status 1 and leaves the stored notebook as it was.
"""

import os
import sys
from pathlib import Path
from time import perf_counter

import nbformat
import zmq
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

ROOT = Path(__file__).resolve().parents[1]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
LIVE = "(a live control: run this cell to use it)"
CELL_TIMEOUT = 300  # s
# Encrypted where that is possible: else each kernel warns that it could be overheard.
KERNELS = Config({"KernelManager": {"transport_encryption": "auto"}} if zmq.has("curve") else {})
KEPT_CELL_METADATA = ("tags", "slideshow")


class NotebookFailed(Exception):
    """A notebook cannot be stored. The message names the cell and says why."""


def execute(path):
    """Run one notebook in its own folder and return it, ready to be stored.

    path: Path of an .ipynb file
    Raises NotebookFailed with the cell and the traceback.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in the kernels of `make lab`
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=True,  # nbclient fails on `interact` without it; tidy() takes it out again
        record_timing=False,
        coalesce_streams=True,  # else one print arrives in one piece or two
        config=KERNELS,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise NotebookFailed(f"{path.name}: {error}") from None
    _refuse_quiet_errors(path, notebook, client)
    return tidy(notebook)


def _refuse_quiet_errors(path, notebook, client):
    """nbclient lets three faults pass: text on stderr, an error below a cell that ends well, as when `display`
    cannot show something, and an error inside an interact or Output widget.
    """
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise NotebookFailed(f"{path.name}: cell {number} wrote to stderr:\n{output['text']}")
            if output.output_type == "error":
                trace = "\n".join(output["traceback"])
                raise NotebookFailed(f"{path.name}: cell {number} shows an error:\n{trace}")
    for state in client.widget_state.values():
        for output in state.get("outputs") or ():
            if output.get("output_type") == "error":
                trace = "\n".join(output["traceback"])
                raise NotebookFailed(f"{path.name}: a live control failed:\n{trace}")


def tidy(notebook):
    """Leave only what the next run will write again in the same way."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
        }
    )
    for cell in notebook.cells:
        kept = {key: value for key, value in cell.metadata.items() if key in KEPT_CELL_METADATA}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(_tidy_output, cell.outputs) if output is not None]
            if any(output.get("data", {}).get("text/plain") == LIVE for output in cell.outputs):
                # The kernel will answer with a widget where a sentence is stored: nothing to compare.
                tags = cell.metadata.setdefault("tags", [])
                if "nbval-ignore-output" not in tags:
                    tags.append("nbval-ignore-output")
    return notebook


def _tidy_output(output):
    """A finished progress bar goes (None); a widget becomes a sentence; all else stays as it is."""
    if "data" not in output:
        return output
    if not set(output["data"]) - {WIDGET_VIEW}:
        return None
    if WIDGET_VIEW in output["data"]:
        return nbformat.v4.new_output("display_data", {"text/plain": LIVE})
    return output


def store(notebook, path):
    """Write to a temporary file, then rename: an interrupted run leaves no half notebook."""
    partial = path.with_suffix(".tmp")
    nbformat.write(notebook, partial)
    os.replace(partial, path)


def main(prefix=""):
    home = ROOT / "notebooks"
    paths = sorted(home.glob("[0-9]*.ipynb")) + sorted(home.glob("evidence/[0-9]*.ipynb"))
    paths = [
        p for p in paths if p.name.startswith(prefix) or p.relative_to(home).as_posix().startswith(prefix)
    ]
    if not paths:
        sys.exit(f"no notebook in notebooks/ starts with {prefix or 'a digit'!r}")
    for path in paths:
        print(f"{path.relative_to(home)} ...", end=" ", flush=True)
        start = perf_counter()
        try:
            store(execute(path), path)
        except NotebookFailed as error:
            sys.exit(f"failed\n{error}")
        print(f"{perf_counter() - start:.0f} s, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:2])
