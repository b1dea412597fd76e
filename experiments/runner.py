"""One command for all that is made: `python -m experiments NAME [options]`; without a name it lists what there is."""

import ast
import sys
from importlib import import_module
from pathlib import Path

FOLDERS = ("train", "studies")


def experiments():
    """{name: (module, first line of its docstring)} of every module that has a `main`."""
    found = {"gallery": ("lecture_utils.world.gallery", "Renders the gallery")}
    for folder in FOLDERS:
        for path in sorted((Path(__file__).parent / folder).glob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
                about = (ast.get_docstring(tree) or "").split("\n")[0].split("  python -m")[0]
                found[path.stem] = (f"experiments.{folder}.{path.stem}", about)
    return found


def main(argv=None):
    name, *options = list(sys.argv[1:] if argv is None else argv) or [""]
    known = experiments()
    if name not in known:
        for one, (_, about) in known.items():
            print(f"{one:28s} {about}")
        return 0 if not name else 2
    return import_module(known[name][0]).main(options)
