"""Nothing imports upward: from the ground up, who may import whom."""

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]

BOTTOM = {"progress", "checks", "store", "hooks"}
METHODS = {"features", "attribution", "synthesis", "generative", "detection"}
LAZY = METHODS | {"metrics", "explorers", "plots"}  # they load what is asked for
# Which parts of the package each part may import, beside itself.
MAY_IMPORT = {
    "progress": set(),
    "checks": set(),
    "store": set(),
    "hooks": {"checks"},
    "results": {"checks", "store"},
    "world": {"progress", "store"},
    "metrics": {"checks"},
    "features": {"progress", "checks", "hooks", "metrics"},
    "attribution": {"progress", "checks", "hooks", "metrics"},
    "synthesis": {"progress", "checks", "hooks"},
    "generative": {"progress", "checks", "hooks"},
    "detection": {"progress", "checks", "hooks", "models", "store"},
    "models": {"generative"} | BOTTOM,
    "photographs": {"progress", "checks", "store"},
    "datasets": {"checks", "store"},
    "lab": {"crowds", "models", "photographs", "world"} | BOTTOM,
    "crowds": {"store", "world"},
    "plots": {"checks", "progress"},
    "doctor": {"store"},
}
EVERYTHING = set(MAY_IMPORT) | METHODS
MAY_IMPORT |= {"explorers": EVERYTHING, "exercises": EVERYTHING, "__init__": {"lab"}, "_lazy": set()}
for part in LAZY:
    MAY_IMPORT[part] = MAY_IMPORT[part] | {"_lazy"}
# Which outside libraries a part may import; a part that is not listed may import any dependency.
OUTSIDE = {
    "progress": {"tqdm", "ipywidgets", "IPython"},
    "store": {"numpy"},
    "world": {"numpy", "numba", "PIL"},
    "doctor": set(),
    "__init__": set(),
    "_lazy": set(),
}
OURS = {"tests", "tools", "experiments"}  # which the package knows nothing of
MOST_MODULES = 65  # of the package, that one notebook may load


def imported(path, package):
    """Every module that a file imports, anywhere in it, as absolute dotted names."""
    parts = path.parts
    last = len(parts) - 1 - parts[::-1].index(package)  # the folder may lie in another of the same name
    inside = parts[last:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == package:  # from lecture_utils import lab
                yield from (f"{module}.{'lab' if a.name == 'open_lab' else a.name}" for a in node.names)
            else:
                yield module


def violations(root):
    """Forbidden imports below `root` (a folder named lecture_utils), as readable sentences."""
    found = []
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        part = relative.parts[0].removesuffix(".py")
        if part not in MAY_IMPORT:
            found.append(f"{relative}: say in tests/test_imports.py what {part!r} may import")
            continue
        for name in imported(path, "lecture_utils"):
            top, *rest = name.split(".")
            if top == "lecture_utils":
                if not rest or (rest[0] != part and rest[0] not in MAY_IMPORT[part]):
                    found.append(f"{relative} imports {name}")
            elif top in OURS or top not in OUTSIDE.get(part, {top}) | sys.stdlib_module_names:
                found.append(f"{relative} imports {name}")
    return found


def test_nothing_imports_upward():
    assert violations(ROOT / "lecture_utils") == []


UPWARD = {  # file: (a line, what is said of it, or nothing)
    "world/scene.py": ("def f():\n    from torch import nn", "imports torch"),
    "world/light.py": ("from lecture_utils.models import build", "imports lecture_utils.models"),
    "world/shape.py": ("from .shapes import Shape\nfrom . import kernel\nimport numpy, numba, math", None),
    "features/first.py": ("from ..lab import open_lab", "imports lecture_utils.lab"),
    "attribution/cam.py": ("import lecture_utils.world.scene", "imports lecture_utils.world.scene"),
    "models/load.py": ("from tests import test_world", "imports tests"),
    "lab.py": ("from .world import render\nfrom .models import build\nimport torch", None),
    "explorers/new.py": ("from experiments.studies import attacks", "imports experiments"),
    "surprise.py": ("import torch", "say in tests/test_imports.py"),
}


@pytest.mark.parametrize("file", UPWARD)
def test_what_points_upward_is_found_and_the_rest_passes(tmp_path, file):
    line, expected = UPWARD[file]
    path = tmp_path / "lecture_utils" / file
    path.parent.mkdir(parents=True)
    path.write_text(line)
    found = violations(tmp_path / "lecture_utils")
    assert len(found) == (expected is not None) and (not found or expected in found[0])


@pytest.mark.parametrize("module", ["lecture_utils", "lecture_utils.world"])
def test_the_world_comes_without_torch(module):
    code = f"import sys, {module}; assert 'torch' not in sys.modules, 'torch was imported'"
    subprocess.run([sys.executable, "-c", code], check=True)


LOADED = """
import ast, json, sys
from types import ModuleType

def loaded(path):
    for name in [name for name in sys.modules if name.split(".")[0] == "lecture_utils"]:
        del sys.modules[name]
    cells = json.load(open(path, encoding="utf-8"))["cells"]
    code = "\\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    nodes, scope = list(ast.walk(ast.parse(code))), {}
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)) and "lecture_utils" in ast.unparse(node):
            exec(ast.unparse(node), scope)
    for node in nodes:  # the names of lazy packages that it uses
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if isinstance(scope.get(node.value.id), ModuleType):
                getattr(scope[node.value.id], node.attr, None)
    return sum(name.split(".")[0] == "lecture_utils" for name in sys.modules)

print(json.dumps({path: loaded(path) for path in sys.argv[1:]}))
"""


def test_a_notebook_loads_a_part_of_the_package():
    paths = sorted(str(path) for path in (ROOT / "notebooks").glob("*.ipynb"))
    counts = json.loads(subprocess.check_output([sys.executable, "-c", LOADED, *paths], text=True, cwd=ROOT))
    assert len(counts) == len(paths) > 10
    assert all(15 < count <= MOST_MODULES for count in counts.values()), counts


def test_a_lazy_package_gives_every_name_and_refuses_others():
    for part in sorted(LAZY):
        package = importlib.import_module(f"lecture_utils.{part}")
        assert package.__all__ == dir(package) and len(package.__all__) > 10
        for name in package.__all__:
            assert not isinstance(getattr(package, name), ModuleType), f"{part}.{name} is its module"
        with pytest.raises(AttributeError, match=f"{part}.*no_such_name"):
            _ = package.no_such_name


def test_a_name_that_a_module_has_too_must_be_imported_eagerly(tmp_path, monkeypatch):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/cheese.py").write_text("def cheese(): ...")
    lines = "from lecture_utils._lazy import lazily\nlazily(__name__, {'cheese': 'cheese'})"
    (tmp_path / "shop/__init__.py").write_text(lines)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="cheese must be imported eagerly"):
        importlib.import_module("shop")


@pytest.mark.parametrize(
    "imports, said, policy, halves",
    [
        ("lecture_utils, torch", {}, "PASSIVE", 0),
        ("torch, lecture_utils", {}, "PASSIVE", 1),  # too late for sleep
        ("torch, lecture_utils", {"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE", 0),
        ("torch, lecture_utils", {"OMP_NUM_THREADS": "4"}, "PASSIVE", 0),
    ],
)
def test_idle_threads_of_torch_sleep_or_half_are_let_go_where_nobody_has_said_otherwise(
    imports, said, policy, halves
):
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")} | said
    code = "import os, {}; print(torch.get_num_threads(), os.environ.get('OMP_WAIT_POLICY'))"
    before, after = (
        subprocess.check_output(
            [sys.executable, "-c", code.format(names)], cwd=ROOT, env=plain, text=True
        ).split()
        for names in ("torch", imports)
    )
    assert after == [str(max(1, int(before[0]) // 2**halves)), policy]
