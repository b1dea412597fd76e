"""What a kernel holds after a lecture's setup cell: little more than torch alone. deploy/ sizes a hub by it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LECTURES = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
# Each takes 10 to 100 MB and is imported by the cell that needs it.
LATER = {"umap", "numba", "llvmlite", "cv2", "sklearn", "skimage", "pandas", "sympy", "torchvision"}
LATER |= {"scipy.stats", "matplotlib.pyplot", "torch._dynamo"}
MOST = 450  # MB of its own
MOST_ABOVE_TORCH = 100  # MB; measured: 18 for 00, at most 75, for 10; IPython takes 35 besides
NEEDED = {"10_autoregressive.ipynb": {"sklearn", "scipy.stats"}}  # its digits are in scikit-learn

# One process with torch, and a fork of it for each setup cell.
MEASURE = """
import json, os, sys
import torch

def own():  # MB that no other process can share
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024

alone = own()
for path in sys.argv[1:]:
    if os.fork():
        assert os.wait()[1] == 0, path
        continue
    cells = json.load(open(path, encoding="utf-8"))["cells"]
    exec(*["".join(cell["source"]) for cell in cells if "setup" in cell["metadata"].get("tags", [])], {})
    print(json.dumps([os.path.basename(path), alone, own(), sorted(sys.modules)]), flush=True)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def measured():
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("only Linux says what a process holds")
    paths = [str(ROOT / "notebooks" / name) for name in LECTURES]
    printed = subprocess.check_output([sys.executable, "-c", MEASURE, *paths], text=True, cwd=ROOT)
    return {name: rest for name, *rest in map(json.loads, printed.splitlines())}


@pytest.mark.parametrize("name", LECTURES)
def test_a_setup_cell_imports_what_it_needs(measured, name):
    *_, modules = measured[name]
    assert "torch" in modules and not (LATER - NEEDED.get(name, set())).intersection(modules)


@pytest.mark.parametrize("name", LECTURES)
def test_a_setup_cell_holds_little_more_than_torch(measured, name):
    alone, after, _ = measured[name]
    assert 0 < after - alone < MOST_ABOVE_TORCH and after < MOST
