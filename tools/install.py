"""Install the course into .venv beside this file's folder: what `make lab` and `make test` do first.

python tools/install.py [--tools] [--torch cpu]

Does nothing when all is there. --tools adds what tests and developers need. --torch cpu takes a torch without CUDA, for
Linux without an NVIDIA card. A folder that was moved or copied is noticed, and put right in a second. Needs Python 3.11
and nothing else; the versions are those of requirements.lock, and pip's own settings say where they come from.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / ".installed"  # what was installed: see `wanted`
LISTS = ("requirements.lock", "pyproject.toml")
OLDEST = (3, 11)


def wanted(tools, torch):
    """What shall be in .venv, as the stamp says it. torch: a name of uv's --torch-backend, or ""."""
    lists = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in LISTS)).hexdigest()
    return {"folder": str(ROOT), "lists": lists, "tools": tools, "torch": torch}


def found():
    """What the stamp says; {} where there is none, or none that can be read."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def steps(new, old):
    """The command lines that lead from what is there to what is wanted. Nothing is taken away that is there."""
    pip = [str(PYTHON), "-m", "uv", "pip", "install", "--quiet", "--python", str(PYTHON)]
    itself = [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    if new == {**old, "folder": new["folder"]}:
        return [itself]
    extras = ["--extra", "test", "--extra", "dev"] if new["tools"] else []
    backend = ["--torch-backend", new["torch"]] if new["torch"] else []
    lock, project = (str(ROOT / name) for name in LISTS)
    first = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", pinned("uv")]
    packages = [
        *pip,
        *backend,
        "--constraints",
        lock,
        "--requirements",
        project,
        *extras,
        pinned("setuptools"),
    ]
    return [first, packages, itself]


def pinned(name):
    """'uv' -> 'uv==0.13.8', as the lock has it."""
    return re.search(
        rf"^{name}==[^\s;]+", (ROOT / LISTS[0]).read_text(encoding="utf-8"), re.MULTILINE
    ).group()


def install(tools=False, torch=""):
    """Bring .venv to what is asked for, or stop with one sentence that says what to do."""
    if sys.version_info < OLDEST:
        sys.exit(
            f"Inside ConvNets needs Python 3.11 or newer; {sys.executable} is older. "
            "Install one, or name it: make lab PYTHON=/path/to/python3.12"
        )
    old = found()
    new = wanted(tools or old.get("tools", False), torch or old.get("torch", ""))
    if new == old and PYTHON.exists():
        return
    if not PYTHON.exists():
        old = {}
        try:
            import ensurepip  # noqa: F401  Debian has it in a package of its own
            import venv
        except ImportError:
            sys.exit(
                "This Python cannot make a virtual environment (ensurepip is missing): "
                "on Debian and Ubuntu run 'sudo apt install python3-venv' and try again."
            )
        venv.create(VENV, with_pip=True)
    if old and old["folder"] != new["folder"]:
        print(f"This folder was {old['folder']} once; its environment is put right ...", flush=True)
    else:
        print(
            f"Installing into .venv (once; about {2 if new['torch'] == 'cpu' else 6} GB on Linux) ...",
            flush=True,
        )
    STAMP.unlink(missing_ok=True)  # whoever stops in between begins again
    quick = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_HTTP_TIMEOUT": "180"}
    for line in steps(new, old):
        if subprocess.call(line, env=quick, cwd=ROOT):
            sys.exit(
                "The installation stopped; what it said stands above. The same command goes on from there."
            )
    STAMP.write_text(json.dumps(new) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tools", action="store_true", help="what tests and developers need, too")
    parser.add_argument("--torch", default="", help="cpu, cu128, ...: uv's --torch-backend")
    given = parser.parse_args()
    install(given.tools, given.torch)
