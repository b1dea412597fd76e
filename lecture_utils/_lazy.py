"""Packages whose names are imported when they are first asked for (PEP 562), so that a notebook loads what it uses."""

import sys
from importlib import import_module
from pathlib import Path


def lazily(package: str, homes: dict[str, str]) -> tuple:
    """(__getattr__, __dir__, __all__) of a package. homes: {module: the names that it gives, with blanks between}.

    A name that a module of the package has, too, must be imported eagerly: once the module is loaded, the name is it.

    >>> __getattr__, __dir__, __all__ = lazily(__name__, {"sne": "tsne"})
    """
    home = {name: module for module, names in homes.items() for name in names.split()}
    modules = {path.stem for path in Path(sys.modules[package].__file__).parent.glob("[!_]*.py")}
    if clash := sorted(modules & set(home) - set(vars(sys.modules[package]))):
        raise ImportError(
            f"{package}: {', '.join(clash)} must be imported eagerly, there is a module of that name"
        )

    def attribute(name):
        if name in modules:
            return import_module(f".{name}", package)
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f".{home[name]}", package), name)

    return attribute, lambda: sorted(home), sorted(home)
