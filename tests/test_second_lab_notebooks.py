"""Every notebook runs to its end in the second lab too, where there is no answer key, and says what is absent.

A copy of the notebook, in which the setup cell opens the second lab, is run in a kernel whose TORCH_HOME holds other
weights than torchvision's. What it then claims is not looked at.
"""

import re
from pathlib import Path

import nbformat
import pytest
import torch

from lecture_utils import models
from tests import imagenet_files
from tools import run_notebooks

EVERY = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("[0-9]*.ipynb"))
# Of the generative models, which open sets of pictures, and of ZFNet, which compares nets of the toy world by name.
WITHOUT_A_LAB = ("10_", "11_", "12_", "13_", "14_", "15_")
NOTEBOOKS = [path for path in EVERY if not path.name.startswith(WITHOUT_A_LAB)]
NET = "squeezenet1_1"  # a lecture names layers of the photograph net, so it gets the same architecture
pytestmark = pytest.mark.slow
SETUP = re.compile(r"^lab = open_lab\((\"photographs\")?\)", re.MULTILINE)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """TORCH_HOME with files that are not torchvision's; the kernels find it in their environment.

    Random weights for one net; for the other those of the photograph net, which are Caffe's.
    """
    home = tmp_path_factory.mktemp("torch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(home))
        patch.setenv("PYTHONPATH", str(NOTEBOOKS[0].parents[1]))  # the copy lies elsewhere
        files = imagenet_files.write(home, {NET, "resnet18"})
        state = models.load("squeezenet").state_dict()  # of random weights every score of this net is 0
        state = {key: value for key, value in state.items() if key.startswith(("features", "classifier"))}
        state["features.0.weight"] = 255 * 0.225 * state["features.0.weight"]  # torchvision's range of inputs
        torch.save(state, files["squeezenet1_1"])
        yield home


def in_second_lab(path, net):
    """A copy of the notebook that opens the second lab in its setup cell."""
    notebook = nbformat.read(path, as_version=4)
    found = [cell for cell in notebook.cells if cell.cell_type == "code" and SETUP.search(cell.source)]
    assert len(found) == 1, "exactly one line 'lab = open_lab()', so that a reader can change it"
    assert len(SETUP.findall(found[0].source)) == 1
    found[0].source = SETUP.sub(f'lab = open_lab("imagenet", net="{net}")', found[0].source)
    found[0].source += '\nprint(f"opened {lab.name}")'
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    return notebook


def printed(notebook):
    """All text that its cells printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(output.get("text", "") for output in outputs)


@pytest.mark.whole_notebook
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_in_the_second_lab(path, home, tmp_path, monkeypatch):
    monkeypatch.setattr(run_notebooks, "CELL_TIMEOUT", 600)
    copy = tmp_path / path.name
    notebook = in_second_lab(path, NET)
    nbformat.write(notebook, copy)
    done = run_notebooks.execute(copy)  # raises for a cell that fails or writes to stderr
    assert all(cell.execution_count for cell in done.cells if cell.cell_type == "code")
    assert not any(output.output_type == "error" for cell in done.cells for output in cell.get("outputs", []))
    assert f"opened {NET}" in printed(done)  # it was the second lab


def test_a_cell_that_needs_the_key_without_asking_fails(home, tmp_path):
    """The test above can fail."""
    notebook = nbformat.v4.new_notebook()
    setup = "from lecture_utils import open_lab\nlab = open_lab()"
    notebook.cells = [nbformat.v4.new_code_cell(setup), nbformat.v4.new_code_cell("lab.gallery.labels[0]")]
    nbformat.write(notebook, tmp_path / "plain.ipynb")
    nbformat.write(in_second_lab(tmp_path / "plain.ipynb", "resnet18"), tmp_path / "copy.ipynb")
    with pytest.raises(run_notebooks.NotebookFailed, match="'NoneType' object is not subscriptable"):
        run_notebooks.execute(tmp_path / "copy.ipynb")
